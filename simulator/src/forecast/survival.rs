//! How much of what a point stored first is still in use so many points later.

use super::share::Share;

/// A share for each age in points, from one downwards; beyond the last a constant share stays from
/// each point to the next.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    shares: Vec<Share>,
    /// Of those shares the first were seen, the rest written out.
    seen: usize,
    stays: Share,
}

impl Curve {
    /// So much stays from each point to the next, for ages up to `ages`.
    pub(super) fn constant(stays: Share, ages: usize) -> Self {
        let shares = vec![Share::ONE];
        Self {
            shares,
            seen: 1,
            stays,
        }
        .written_to(ages)
    }

    /// What was seen: of `at_risk[age]` bytes, `died[age]` were not in use at the next point (the
    /// Kaplan-Meier estimate, which counts what is still in use for as long as it was watched). Beyond
    /// what was seen, what stays is what stayed over the older half of the ages.
    pub(super) fn seen(died: &[u64], at_risk: &[u64], ages: usize) -> Self {
        let stay = |died: u64, at_risk: u64| Share::ratio(at_risk.saturating_sub(died), at_risk);
        let mut shares = vec![Share::ONE];
        let mut share = Share::ONE;
        let seen = at_risk.iter().take_while(|bytes| **bytes > 0).count();
        for (died, at_risk) in died.iter().zip(at_risk).take(seen) {
            share = share.times(stay(*died, *at_risk));
            shares.push(share);
        }
        let older = seen / 2..seen;
        let sum = |bytes: &[u64]| {
            bytes
                .iter()
                .fold(0_u64, |sum, more| sum.saturating_add(*more))
        };
        let stays = stay(sum(&died[older.clone()]), sum(&at_risk[older]));
        Self {
            seen: shares.len(),
            shares,
            stays,
        }
        .written_to(ages)
    }

    /// With what stays beyond the ages that were seen to the power of `part / whole`: less than one
    /// lets it stay longer.
    pub(super) fn stretched(&self, part: u64, whole: u64) -> Self {
        let ages = self.shares.len() - 1;
        Self {
            shares: self.shares[..self.seen].to_vec(),
            stays: self.stays.power(part, whole),
            seen: self.seen,
        }
        .written_to(ages)
    }

    /// With shares written out up to an age.
    fn written_to(mut self, ages: usize) -> Self {
        let mut share = self.shares.last().copied().unwrap_or(Share::ONE);
        while self.shares.len() <= ages {
            share = share.times(self.stays);
            self.shares.push(share);
        }
        self
    }

    /// The share at an age.
    pub(super) fn at(&self, age: usize) -> Share {
        let last = self.shares.last().copied().unwrap_or(Share::ONE);
        self.shares.get(age).copied().unwrap_or(last)
    }
}

#[cfg(test)]
mod tests {
    use super::{Curve, Share};

    #[test]
    fn what_was_seen_goes_on() {
        let curve = Curve::seen(&[50, 10, 10], &[100, 40, 40], 10);
        let parts: Vec<u64> = (0..6).map(|age| curve.at(age).of(1000)).collect();
        // Half dies at once, then a quarter each time; the older half of three ages are the last two.
        assert_eq!(parts, [1000, 500, 375, 281, 211, 158]);
        let longer = curve.stretched(1, 2);
        let parts: Vec<u64> = (0..5).map(|age| longer.at(age).of(1000)).collect();
        assert_eq!(
            parts,
            [1000, 500, 375, 281, 244],
            "times the root of three quarters"
        );
        assert_eq!(curve.stretched(0, 1).at(9), curve.at(3));
        let nothing = Curve::seen(&[], &[], 3);
        assert_eq!(nothing.at(3), Share::ONE);
        assert_eq!(Curve::constant(Share::ratio(1, 2), 3).at(3).of(16), 2);
    }
}
