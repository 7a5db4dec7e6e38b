//! How a vault's bytes are kept, by the names that stores and price books use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a vault's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Redundancy {
    /// Three copies in one datacenter.
    Lrs,
    /// Three copies in three zones of a region.
    Zrs,
    /// LRS, and three copies in a second region, some minutes behind.
    Grs,
    /// GRS whose second region may be read at any time.
    RaGrs,
    /// ZRS, and three copies in a second region, some minutes behind.
    Gzrs,
    /// GZRS whose second region may be read at any time.
    RaGzrs,
}

impl Redundancy {
    /// All, from the cheapest to the dearest of each kind.
    pub const ALL: [Self; 6] = [
        Self::Lrs,
        Self::Zrs,
        Self::Grs,
        Self::RaGrs,
        Self::Gzrs,
        Self::RaGzrs,
    ];

    /// The name on the command line and in price books.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lrs => "lrs",
            Self::Zrs => "zrs",
            Self::Grs => "grs",
            Self::RaGrs => "ra-grs",
            Self::Gzrs => "gzrs",
            Self::RaGzrs => "ra-gzrs",
        }
    }

    /// What it means, for a reader who doesn't know the name.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Lrs => "three copies in one datacenter",
            Self::Zrs => "three copies in three zones of one region",
            Self::Grs => "three copies in one datacenter and three in a second region",
            Self::RaGrs => {
                "three copies in one datacenter and three in a second region, readable at any time"
            }
            Self::Gzrs => "three copies in three zones and three in a second region",
            Self::RaGzrs => {
                "three copies in three zones and three in a second region, readable at any time"
            }
        }
    }
}

impl fmt::Display for Redundancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Redundancy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|redundancy| redundancy.name() == text);
        found.ok_or_else(|| {
            format!("unknown redundancy '{text}': choose lrs, zrs, grs, ra-grs, gzrs or ra-gzrs")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Redundancy;

    #[test]
    fn names_go_there_and_back() {
        for redundancy in Redundancy::ALL {
            assert_eq!(redundancy.to_string().parse(), Ok(redundancy));
            assert_eq!(
                serde_json::to_value(redundancy).expect("serialises"),
                redundancy.name(),
                "one word in JSON, books and flags"
            );
        }
        let error = "GRS"
            .parse::<Redundancy>()
            .expect_err("names are lowercase");
        assert!(
            error.contains("'GRS'") && error.contains("ra-grs"),
            "{error}"
        );
    }
}
