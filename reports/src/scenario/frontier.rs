//! Which strategies no other beats on both cost and risk.

use serde::{Deserialize, Serialize};

/// Sums closer than this part of them are equal: they differ by rounding.
const EQUAL: f64 = 1e-9;

/// How a strategy stands among the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// No other is at most as dear and at most as risky, and better at one of both.
    Efficient,
    /// The strategy of this name is: the cheapest efficient one of those.
    BeatenBy(String),
    /// Of more than half of its incidents nothing came back: it is no protection from them, however cheap, and is
    /// compared with none.
    NoProtection,
}

/// How each of these stands: name, cost, risk.
pub fn standings(options: &[(String, f64, f64)]) -> Vec<Standing> {
    let beats = |a: &(String, f64, f64), b: &(String, f64, f64)| {
        let no_worse = up_to(a.1, b.1) && up_to(a.2, b.2);
        no_worse && (!up_to(b.1, a.1) || !up_to(b.2, a.2))
    };
    let is_efficient = |one: &(String, f64, f64)| !options.iter().any(|other| beats(other, one));
    let standing = |one| {
        let better = options
            .iter()
            .filter(|other| beats(other, one) && is_efficient(other));
        let cheapest = better.min_by(|a, b| a.1.total_cmp(&b.1));
        cheapest.map_or(Standing::Efficient, |other| {
            Standing::BeatenBy(other.0.clone())
        })
    };
    options.iter().map(standing).collect()
}

/// At most as much, but for rounding.
fn up_to(a: f64, b: f64) -> bool {
    a <= b + EQUAL * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::{Standing, standings};

    fn check(options: &[(f64, f64)], expected: &[Option<usize>]) {
        let name = |at: usize| format!("s{at}");
        let options: Vec<_> = options
            .iter()
            .enumerate()
            .map(|(at, (cost, risk))| (name(at), *cost, *risk))
            .collect();
        let expected: Vec<Standing> = expected
            .iter()
            .map(|by| by.map_or(Standing::Efficient, |by| Standing::BeatenBy(name(by))))
            .collect();
        assert_eq!(standings(&options), expected, "{options:?}");
    }

    #[test]
    fn only_who_is_beaten_on_both_sides_is_beaten() {
        check(&[], &[]);
        check(&[(1.0, 9.0)], &[None]);
        check(&[(1.0, 9.0), (2.0, 3.0), (3.0, 1.0)], &[None, None, None]);
        check(
            &[(1.0, 9.0), (2.0, 9.5), (3.0, 1.0)],
            &[None, Some(0), None],
        );
    }

    #[test]
    fn as_good_on_one_side_and_worse_on_the_other_is_beaten() {
        check(
            &[(1.0, 5.0), (1.0, 6.0), (2.0, 5.0)],
            &[None, Some(0), Some(0)],
        );
    }

    #[test]
    fn equals_beat_nobody() {
        check(&[(1.0, 5.0), (1.0 + 1e-13, 5.0)], &[None, None]);
        check(&[(0.0, 0.0), (0.0, 0.0)], &[None, None]);
    }

    #[test]
    fn whoever_beats_is_efficient_itself() {
        // 2 is beaten by 1, which 0 beats: 0 is named.
        check(
            &[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)],
            &[None, Some(0), Some(0)],
        );
    }
}
