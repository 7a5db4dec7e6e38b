//! Shares and factors in fixed point, so that forecasts are the same on every machine.

/// Parts of one whole: 2^48 keep a thousandth of a byte of a terabyte.
const ONE: u128 = 1 << 48;

/// The sum of bytes; the most there is where it would be more.
pub(super) fn total(bytes: impl IntoIterator<Item = u64>) -> u64 {
    bytes.into_iter().fold(0, u64::saturating_add)
}

/// A share of a whole, or a factor of growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Share(u128);

impl Share {
    pub(super) const ONE: Self = Self(ONE);
    pub(super) const ZERO: Self = Self(0);

    /// `part` of `whole`; all of nothing is one.
    pub(super) fn ratio(part: u64, whole: u64) -> Self {
        match u128::from(whole) {
            0 => Self::ONE,
            whole => Self((u128::from(part) << 48) / whole),
        }
    }

    /// What is left of one.
    pub(super) fn rest(self) -> Self {
        Self(ONE.saturating_sub(self.0))
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(super) fn times(self, other: Self) -> Self {
        Self(self.0.saturating_mul(other.0) >> 48)
    }

    /// How much of `other` this is, at most one; one where there is nothing.
    pub(super) fn over(self, other: Self) -> Self {
        match other.0 {
            0 => Self::ONE,
            other => Self(((self.0 << 48) / other).min(ONE)),
        }
    }

    /// So much of a number of bytes, to the nearest.
    pub(super) fn of(self, bytes: u64) -> u64 {
        let product = u128::from(bytes).saturating_mul(self.0);
        u64::try_from(product.saturating_add(ONE / 2) >> 48).unwrap_or(u64::MAX)
    }

    /// To the power of `part / whole`: squares for the whole part, square roots for the rest.
    pub(super) fn power(self, part: u64, whole: u64) -> Self {
        let exponent = (u128::from(part) << 32) / u128::from(whole.max(1));
        let (mut result, mut square) = (Self::ONE, self);
        for bit in 0..64 {
            if exponent >> (32 + bit) == 0 {
                break;
            }
            if exponent >> (32 + bit) & 1 == 1 {
                result = result.times(square);
            }
            square = Self(square.0.saturating_mul(square.0) >> 48);
        }
        let mut root = self;
        for bit in (0..32).rev() {
            root = Self((root.0 << 48).isqrt());
            if exponent >> bit & 1 == 1 {
                result = result.times(root);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn powers_and_roots_agree() {
        let share = Share::ratio(98, 100);
        let bytes = 1 << 40;
        let by_hand = (0..365).fold(Share::ONE, |all, _| all.times(share));
        let error = by_hand.of(bytes).abs_diff(share.power(365, 1).of(bytes));
        assert!(error < 2, "{error}");
        // Four quarters of a day are a day.
        let quarter = share.power(6, 24);
        let day = quarter.power(4, 1);
        assert!(day.of(bytes).abs_diff(share.of(bytes)) < 64);
        assert_eq!(share.power(0, 1), Share::ONE);
        // 20 % a year for three years.
        let grown = Share::ratio(120, 100).power(3, 1).of(1_000_000);
        assert_eq!(grown, 1_728_000);
        assert_eq!(Share::ratio(0, 0), Share::ONE);
        assert_eq!(Share::ratio(3, 10).rest().of(10), 7);
    }
}
