//! Binary units and the instant: integers everywhere.

use minicbor::{Decode, Encode};

/// Bytes in a kibibyte.
pub const KIB: usize = 1024;
/// Bytes in a mebibyte.
pub const MIB: usize = 1024 * 1024;

/// An instant: whole seconds since 1970-01-01T00:00:00 UTC (negative before) and nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct Timestamp {
    /// Whole seconds since 1970 in UTC.
    #[n(0)]
    pub seconds: i64,
    /// Nanoseconds within the second, below 1,000,000,000.
    #[n(1)]
    pub nanos: u32,
}

impl Timestamp {
    /// Nanoseconds since 1970; negative before.
    pub fn nanoseconds(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// The instant `nanoseconds` after 1970, or before it.
    pub fn from_nanoseconds(nanoseconds: i128) -> Self {
        let seconds = nanoseconds.div_euclid(1_000_000_000);
        Self {
            seconds: seconds.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64,
            nanos: u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0),
        }
    }

    /// The instant `seconds` later.
    #[must_use]
    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self {
            seconds: self.seconds.saturating_add_unsigned(seconds),
            ..self
        }
    }

    /// Seconds from `earlier` to this instant, cut to whole ones; 0 when it is not earlier.
    pub fn seconds_since(self, earlier: Self) -> u64 {
        let nanoseconds = self.nanoseconds() - earlier.nanoseconds();
        u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(0)
    }
}

/// Rounds a length up so that it tells an observer at most O(log log length) bits: Padmé,
/// Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019, algorithm 1.
/// Adds at most 12 % and, for the sizes that packs have, 1 % on average.
pub fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let exponent = 63 - u64::from(length.leading_zeros());
    let bits_of_exponent = 64 - u64::from(exponent.leading_zeros());
    let mask = (1_u64 << (exponent.saturating_sub(bits_of_exponent))) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::padme;

    #[test]
    fn padme_reproduces_the_papers_bound() {
        for length in (0..100_000).chain((1 << 24) - 3..(1 << 24) + 3) {
            let padded = padme(length);
            assert!(
                padded >= length && padded * 100 <= length * 112,
                "{length} -> {padded}"
            );
            assert_eq!(padme(padded), padded);
        }
        assert_eq!(padme(9), 10);
        assert_eq!(padme((1 << 24) - 1), 1 << 24);
    }
}
