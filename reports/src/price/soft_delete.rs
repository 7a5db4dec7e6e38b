//! What deleted points cost until they are gone or brought back.

use serde::{Deserialize, Serialize};

use super::{Source, Status};

/// The last days of deleted points that cost nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftDelete {
    /// How many days.
    pub free_days: u32,
    /// Where it was read.
    pub source: Source,
    /// When it was so.
    pub date: String,
    /// How well it is known.
    pub status: Status,
}

/// The days that something deleted was still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedDays {
    /// Charged like a kept point.
    pub billed: u32,
    /// Not charged.
    pub free: u32,
}

impl SoftDelete {
    /// Of something deleted that can be brought back for `kept_days` and is brought back, or removed,
    /// after `days`: the last [`SoftDelete::free_days`] of the time that it can be brought back are free,
    /// whether it comes to them or not.
    pub fn deleted_days(&self, kept_days: u32, days: u32) -> DeletedDays {
        let there = days.min(kept_days);
        let billed = there.min(kept_days.saturating_sub(self.free_days));
        DeletedDays {
            billed,
            free: there - billed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DeletedDays;
    use crate::PriceBook;

    #[test]
    fn only_the_last_days_are_free() {
        let book = PriceBook::default_book();
        let terms = book.soft_delete().expect("the book says what is free");
        // Microsoft's own example: 60 days, brought back on the 52nd.
        assert_eq!(
            terms.deleted_days(60, 52),
            DeletedDays {
                billed: 46,
                free: 6
            }
        );
        assert_eq!(
            terms.deleted_days(60, 20),
            DeletedDays {
                billed: 20,
                free: 0
            }
        );
        assert_eq!(
            terms.deleted_days(60, 90),
            DeletedDays {
                billed: 46,
                free: 14
            }
        );
        assert_eq!(
            terms.deleted_days(14, 14),
            DeletedDays {
                billed: 0,
                free: 14
            }
        );
        assert_eq!(terms.deleted_days(0, 5), DeletedDays { billed: 0, free: 0 });
    }
}
