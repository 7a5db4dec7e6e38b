//! Price books: what a quantity costs, each price with its source, region, date and status.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ReportError;

/// How a vault's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}

impl Redundancy {
    const ALL: [Self; 4] = [Self::Lrs, Self::Zrs, Self::Grs, Self::RaGrs];

    /// The name on the command line and in price books.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lrs => "lrs",
            Self::Zrs => "zrs",
            Self::Grs => "grs",
            Self::RaGrs => "ra-grs",
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
        found.ok_or_else(|| format!("unknown redundancy '{text}': choose lrs, zrs, grs or ra-grs"))
    }
}

/// How well a price is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Read in the source.
    Verified,
    /// Computed from what was read.
    Derived,
    /// From memory or a weak source.
    Unverified,
    /// A judgement.
    Estimate,
}

/// One price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What it prices, for example `vault.grs`.
    pub id: String,
    /// The price in the book's currency.
    pub value: f64,
    /// The unit in words.
    pub unit: String,
    /// Where it holds.
    pub region: String,
    /// Where it was read.
    pub source: String,
    /// When it was so.
    pub date: String,
    /// How well it is known.
    pub status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Gigabyte {
    Decimal,
    Binary,
}

/// A set of prices.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceBook {
    name: String,
    currency: String,
    gigabyte: Gigabyte,
    price: Vec<Price>,
}

const DEFAULT: &str = include_str!("../../scenarios/prices/azure-2024-west-europe.toml");
const IDS: [&str; 7] = [
    "vault.lrs",
    "vault.zrs",
    "vault.grs",
    "vault.ra-grs",
    "instance.up-to-50gb",
    "instance.up-to-500gb",
    "instance.each-500gb-over",
];

impl PriceBook {
    /// The book compiled in: Azure Backup, West Europe, July 2024.
    ///
    /// # Panics
    /// Never: a test parses it.
    pub fn default_book() -> Self {
        Self::parse("azure-2024-west-europe", DEFAULT).expect("the book compiled in parses")
    }

    /// Reads a book; `file` names it in errors.
    ///
    /// # Errors
    /// `Book` with the line and what would be right.
    pub fn parse(file: &str, text: &str) -> Result<Self, ReportError> {
        let wrong = |message: String| ReportError::Book {
            name: file.to_owned(),
            message,
        };
        let book: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for (number, price) in book.price.iter().enumerate() {
            if !IDS.contains(&price.id.as_str()) {
                let known = IDS.join(", ");
                return Err(wrong(format!(
                    "unknown price id '{}': known are {known}",
                    price.id
                )));
            }
            if !price.value.is_finite() || price.value < 0.0 {
                return Err(wrong(format!(
                    "price '{}' is {}: it can't be",
                    price.id, price.value
                )));
            }
            if book.price[..number]
                .iter()
                .any(|earlier| earlier.id == price.id)
            {
                return Err(wrong(format!(
                    "price '{}' stands twice: keep one",
                    price.id
                )));
            }
        }
        Ok(book)
    }

    /// The book's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The currency's ISO code.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Bytes of the book's gigabyte.
    pub fn gigabyte_bytes(&self) -> f64 {
        match self.gigabyte {
            Gigabyte::Decimal => 1e9,
            Gigabyte::Binary => 1_073_741_824.0,
        }
    }

    fn find(&self, id: &str) -> Option<&Price> {
        self.price.iter().find(|price| price.id == id)
    }

    /// The price of a gigabyte kept for a month.
    ///
    /// # Errors
    /// `Unpriced` when the book lacks it.
    pub fn vault_price(&self, redundancy: Redundancy) -> Result<&Price, ReportError> {
        let id = format!("vault.{redundancy}");
        self.find(&id).ok_or_else(|| ReportError::Unpriced {
            book: self.name.clone(),
            has: self
                .price
                .iter()
                .map(|price| price.id.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            id,
        })
    }

    /// The monthly fee of a protected instance of `bytes`, and the prices that it is made of.
    pub fn instance_fee(&self, bytes: u64) -> (f64, Vec<&Price>) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a size in GB needs no more than 52 bits"
        )]
        let gigabytes = bytes as f64 / self.gigabyte_bytes();
        let small = self.find("instance.up-to-50gb");
        let medium = self.find("instance.up-to-500gb");
        let over = self.find("instance.each-500gb-over");
        let base = if gigabytes <= 50.0 { small } else { medium };
        let mut fee = base.map_or(0.0, |price| price.value);
        let mut used: Vec<&Price> = base.into_iter().collect();
        if gigabytes > 500.0
            && let Some(over) = over
        {
            fee += ((gigabytes - 500.0) / 500.0).ceil() * over.value;
            used.push(over);
        }
        (fee, used)
    }
}
