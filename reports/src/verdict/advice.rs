//! Which method to pick when: to pay, to be back, to depend on little.

use std::ptr;

use super::{names, price};
use crate::column::Column;
use crate::document::MethodDocument;
use crate::noise::Noise;
use crate::units::{self, plain};

/// A method that keeps or sends at most this much more (as a fraction) is worth naming beside the
/// best one.
const NEARLY: f64 = 0.05;

/// Methods that may be recommended, two or more, and how close is about the same.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) methods: &'a [&'a MethodDocument],
    pub(super) noise: &'a Noise,
}

impl<'a> Field<'a> {
    fn leaders(self, column: Column) -> Vec<&'a MethodDocument> {
        column.leaders(self.methods, self.noise)
    }

    /// At most three sentences: on every count, or what to pick to pay, to be back, to depend
    /// least.
    pub(super) fn advice(self) -> Vec<String> {
        if let Some(text) = self.on_every_count() {
            return vec![text];
        }
        let wishes = [self.to_pay(), self.to_be_back(), self.to_depend()];
        wishes.into_iter().flatten().collect()
    }

    /// The names of some, or of the one that is not among many.
    fn pick(self, some: &[&MethodDocument]) -> String {
        let others = self.methods.iter().filter(|method| !is_in(method, some));
        let others: Vec<&MethodDocument> = others.copied().collect();
        if others.len() == 1 && some.len() > 2 {
            format!("any but {}", names(&others, "and"))
        } else {
            names(some, "or")
        }
    }

    fn on_every_count(self) -> Option<String> {
        let counts = [Column::Stored, Column::Sent, Column::Restore, Column::Chain];
        let leaders = counts.map(|column| self.leaders(column));
        let leads = |method: &&&MethodDocument| leaders.iter().all(|some| is_in(method, some));
        let mut on_every_count = self.methods.iter().filter(leads);
        let (best, None) = (on_every_count.next()?, on_every_count.next()) else {
            return None;
        };
        Some(format!(
            "Pick {} on every count: it keeps least ({}, {}), sends least, brings the newest point \
             back as soon as any (about {}) and hangs on the fewest points ({}).",
            plain(&best.method),
            Column::Stored.show(best),
            price(best),
            units::seconds_about(Column::Restore.value(best)?),
            Column::Chain.show(best)
        ))
    }

    fn to_pay(self) -> Option<String> {
        let (least, most) = Column::Stored.ends(self.methods)?;
        let cheapest = self.leaders(Column::Stored);
        let kept = format!("{} kept, {}", Column::Stored.show(least), price(least));
        if cheapest.len() == self.methods.len() {
            let all = self.methods.len();
            return Some(format!("All {all} methods cost about the same: {kept}."));
        }
        let sends_least = is_in(least, &self.leaders(Column::Sent));
        let goal = if sends_least { "pay and send" } else { "pay" };
        let mut text = format!(
            "Pick {} to {goal} least: {kept}; {} keeps {}.",
            self.pick(&cheapest),
            plain(&most.method),
            times(more(Column::Stored, most, least))
        );
        if !sends_least {
            text += &self.to_send(least)?;
        }
        if let Some(simpler) = self.simpler(least, &cheapest) {
            text += &format!(
                " Simpler for {} more: {}, whose points hang on at most {} instead of {}.",
                units::percent(more(Column::Stored, simpler, least)),
                plain(&simpler.method),
                Column::Chain.show(simpler),
                Column::Chain.show(least)
            );
        }
        Some(text)
    }

    /// What sending least takes, where the cheapest method doesn't.
    fn to_send(self, cheapest: &MethodDocument) -> Option<String> {
        let (sender, _) = Column::Sent.ends(self.methods)?;
        let sends_more = more(Column::Sent, cheapest, sender);
        Some(if sends_more <= NEARLY {
            format!(
                " It sends within {} of the least, too.",
                units::percent(sends_more)
            )
        } else {
            format!(
                " To send least, pick {}: {} instead of {}.",
                names(&self.leaders(Column::Sent), "or"),
                Column::Sent.show(sender),
                Column::Sent.show(cheapest)
            )
        })
    }

    /// The method with the shortest chain that keeps only a few percent more than the cheapest.
    fn simpler(
        self,
        least: &MethodDocument,
        cheapest: &[&MethodDocument],
    ) -> Option<&'a MethodDocument> {
        let chains = cheapest
            .iter()
            .filter_map(|method| Column::Chain.value(method));
        let limit = chains.fold(f64::INFINITY, f64::min);
        let close = self.methods.iter().copied().filter(|method| {
            more(Column::Stored, method, least) <= NEARLY
                && Column::Chain
                    .value(method)
                    .is_some_and(|chain| chain < limit)
        });
        Some(Column::Chain.ends(&close.collect::<Vec<_>>())?.0)
    }

    fn to_be_back(self) -> Option<String> {
        let (first, last) = Column::Restore.ends(self.methods)?;
        let leaders = self.leaders(Column::Restore);
        let (low, high) = (about(first)?, about(last)?);
        let (_, slowest) = Column::Restore.ends(&leaders)?;
        let times = if about(slowest)? == low {
            format!("about {low}")
        } else {
            format!("about {low} to {}", about(slowest)?)
        };
        let timed = self
            .methods
            .iter()
            .filter_map(|method| about(method))
            .count();
        let unlike = more(Column::Restore, last, first) > 0.10;
        Some(if timed == 1 {
            format!(
                "Only {} brought the newest point back: {times}.",
                names(&leaders, "and")
            )
        } else if leaders.len() == timed && unlike {
            format!(
                "Restore times do not decide: the newest point came back in {times}, but restores \
                 that did the same work differed by up to {} in this run.",
                units::percent(self.noise.restore)
            )
        } else if leaders.len() == timed {
            format!(
                "Restore times do not decide: every method brought the newest point back in {times}."
            )
        } else {
            format!(
                "Pick {} to be back soonest: the newest point was restored in {times}; {} took \
                 about {high}.",
                self.pick(&leaders),
                plain(&last.method)
            )
        })
    }

    fn to_depend(self) -> Option<String> {
        let (shortest, longest) = Column::Chain.ends(self.methods)?;
        let leaders = self.leaders(Column::Chain);
        let (least, most) = (Column::Chain.show(shortest), Column::Chain.show(longest));
        let need = if least == "1" {
            "every restore needs one point only".to_owned()
        } else {
            format!("a restore needs at most {least} points")
        };
        if leaders.len() == self.methods.len() {
            return Some(format!(
                "The points hang together alike: with every method {need}."
            ));
        }
        Some(format!(
            "Pick {} to depend on the fewest points: {need}; with {} it needs up to {most}, and \
             damage to one hurts all that hang on it.",
            self.pick(&leaders),
            plain(&longest.method)
        ))
    }
}

fn is_in(method: &MethodDocument, some: &[&MethodDocument]) -> bool {
    some.iter().any(|other| ptr::eq(*other, method))
}

fn about(method: &MethodDocument) -> Option<String> {
    Column::Restore.value(method).map(units::seconds_about)
}

/// How much larger `method` is than `base`, as a fraction of `base`.
fn more(column: Column, method: &MethodDocument, base: &MethodDocument) -> f64 {
    match (column.value(method), column.value(base)) {
        (Some(value), Some(base)) if base > 0.0 => value / base - 1.0,
        (Some(value), Some(_)) if value > 0.0 => f64::INFINITY,
        _ => 0.0,
    }
}

fn times(more: f64) -> String {
    if more.is_finite() && more >= 0.5 {
        format!("{:.1} times as much", more + 1.0)
    } else if more.is_finite() {
        format!("{} more", units::percent(more))
    } else {
        "more".to_owned()
    }
}
