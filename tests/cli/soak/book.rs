//! What is known of points while many processes work: what acknowledged ones hold, and which may have
//! been deleted. A point may be deleted before its backup has said so, and who was killed may have done it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Files by name: the seed of their bytes, and how many.
pub(crate) type Tree = BTreeMap<String, (u64, usize)>;

/// What a killed process has sent is done by the server within this time.
const ON_THE_WAY: Duration = Duration::from_secs(10);

/// Somebody was asked to delete.
#[derive(Debug)]
struct Ask {
    whom: Whom,
    from: Instant,
    /// When it could do nothing more; `None` while it runs.
    to: Option<Instant>,
}

/// Whom it may have hit.
#[derive(Debug)]
pub(crate) enum Whom {
    Points(Vec<String>),
    Instance(String),
}

/// How often a verb ran, and how it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: u32,
    pub(crate) refused: u32,
    pub(crate) killed: u32,
    pub(crate) took: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Acknowledged points: instance and content.
    pub(crate) points: BTreeMap<String, (String, Tree)>,
    asks: Vec<Ask>,
    /// When the youngest sign of life of a point began: a list that shows it, or its being brought back.
    live: BTreeMap<String, Instant>,
    pub(crate) tallies: BTreeMap<&'static str, Tally>,
    /// What processes that were not killed refused, without names, and how often.
    pub(crate) refusals: BTreeMap<String, u32>,
    /// What must not be.
    pub(crate) wrong: Vec<String>,
}

impl Book {
    /// A deletion is asked for from now on; gives its number.
    pub(crate) fn ask(&mut self, whom: Whom) -> usize {
        self.asks.push(Ask {
            whom,
            from: Instant::now(),
            to: None,
        });
        self.asks.len() - 1
    }

    /// The one who was asked has ended: what was hit is told, or it is not known.
    pub(crate) fn answer(&mut self, ask: usize, hit: Option<Vec<String>>) {
        let ask = &mut self.asks[ask];
        if let Some(hit) = hit {
            ask.whom = Whom::Points(hit);
            ask.to = Some(Instant::now());
        } else {
            ask.to = Some(Instant::now() + ON_THE_WAY);
        }
    }

    /// What began at `since` found the point alive.
    pub(crate) fn lives(&mut self, point: &str, since: Instant) {
        let live = self.live.entry(point.to_owned()).or_insert(since);
        *live = since.max(*live);
    }

    /// Since when the acknowledged point may have been deleted; `None` if it must be there.
    pub(crate) fn deleted_since(&self, point: &str) -> Option<Instant> {
        let live = self.live.get(point);
        let hits = |ask: &&Ask| match &ask.whom {
            Whom::Points(points) => points.iter().any(|hit| hit == point),
            Whom::Instance(name) => self.points.get(point).is_some_and(|(of, _)| of == name),
        };
        let undone = |ask: &&Ask| ask.to.zip(live).is_some_and(|(to, live)| to < *live);
        let asks = self.asks.iter().filter(hits).filter(|ask| !undone(ask));
        asks.map(|ask| ask.from).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_must_be_there_unless_somebody_may_have_deleted_it() {
        let mut book = Book::default();
        let point = |instance: &str| (instance.to_owned(), Tree::new());
        book.points.insert("1".to_owned(), point("a"));
        book.points.insert("2".to_owned(), point("b"));
        let asked = book.ask(Whom::Instance("a".to_owned()));
        assert!(book.deleted_since("1").is_some() && book.deleted_since("2").is_none());
        book.answer(asked, None);
        let now = Instant::now();
        book.lives("1", now);
        assert!(book.deleted_since("1").is_some(), "it may be on its way");
        book.lives("1", now + 2 * ON_THE_WAY);
        assert_eq!(book.deleted_since("1"), None);
        let asked = book.ask(Whom::Instance("b".to_owned()));
        book.answer(asked, Some(Vec::new()));
        assert_eq!(book.deleted_since("2"), None, "it told that it did not");
    }
}
