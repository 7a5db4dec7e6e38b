//! Price books: what a quantity costs, each price with its source, region, date and status.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{Redundancy, ReportError};

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

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Verified => "verified",
            Self::Derived => "derived",
            Self::Unverified => "unverified",
            Self::Estimate => "estimate",
        })
    }
}

/// Where a price was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Title of the document.
    pub title: String,
    /// Where the document is: an address, or a repository and path.
    #[serde(rename = "where")]
    pub place: String,
}

/// One price.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    pub source: Source,
    /// When it was so.
    pub date: String,
    /// How well it is known.
    pub status: Status,
}

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

/// A set of prices in one currency.
#[derive(Clone, Debug)]
pub struct PriceBook {
    file: String,
    name: String,
    currency: String,
    gigabyte: Gigabyte,
    soft_delete: Option<SoftDelete>,
    prices: Vec<Price>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Gigabyte {
    Decimal,
    Binary,
}

/// A book as written; spans tell lines to whoever wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BookFile {
    name: Spanned<String>,
    currency: Spanned<String>,
    gigabyte: Gigabyte,
    soft_delete: Option<SoftDelete>,
    price: Vec<PriceEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceEntry {
    id: Spanned<String>,
    value: Spanned<f64>,
    unit: String,
    region: String,
    source: Source,
    date: String,
    status: Status,
}

const DEFAULT: &str = include_str!("../../scenarios/prices/azure-2024-west-europe.toml");
const DEFAULT_FILE: &str = "azure-2024-west-europe.toml";

const SMALL: &str = "instance.up-to-50gb";
const MEDIUM: &str = "instance.up-to-500gb";
const OVER: &str = "instance.each-500gb-over";
const INSTANCE: [&str; 3] = [SMALL, MEDIUM, OVER];
/// The bands of Azure Backup's protected instance, in gigabytes of the book.
const SMALL_GB_MAX: f64 = 50.0;
const MEDIUM_GB_MAX: f64 = 500.0;

fn vault_id(redundancy: Redundancy) -> String {
    format!("vault.{redundancy}")
}

/// What a scenario's total is made of besides.
const PARTS: [&str; 16] = [
    "vault.gzrs",
    "vault.ra-gzrs",
    "snapshot.gb",
    "operations.write.local",
    "operations.write.geo",
    "operations.read",
    "transfer.between-regions",
    "transfer.out",
    "transfer.in",
    "transfer.geo-replication",
    "disk.gb",
    "tape.tb",
    "tape.library",
    "courier.trip",
    "import-export.drive",
    "machine.hour",
];

fn known_ids() -> Vec<String> {
    let vaults = Redundancy::ALL.into_iter().map(vault_id);
    let others = INSTANCE.into_iter().chain(PARTS);
    vaults.chain(others.map(str::to_owned)).collect()
}

impl PriceBook {
    /// The book compiled in: Azure Backup, West Europe, list prices of July 2024.
    ///
    /// # Panics
    /// Never: a test parses it.
    pub fn default_book() -> Self {
        Self::parse(DEFAULT_FILE, DEFAULT).expect("the book compiled in parses")
    }

    /// Reads a book from TOML text; `file` names it in errors.
    ///
    /// # Errors
    /// [`ReportError::Book`] with the line and what would be right.
    pub fn parse(file: &str, text: &str) -> Result<Self, ReportError> {
        let book = |message: String| ReportError::Book {
            file: file.to_owned(),
            message,
        };
        let written: BookFile = toml::from_str(text).map_err(|error| book(error.to_string()))?;
        check(&written, text).map_err(book)?;
        Ok(Self {
            file: file.to_owned(),
            name: written.name.into_inner(),
            currency: written.currency.into_inner(),
            gigabyte: written.gigabyte,
            soft_delete: written.soft_delete,
            prices: written.price.into_iter().map(Price::from).collect(),
        })
    }

    /// The book's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The currency's ISO 4217 code.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Bytes in one gigabyte of the book.
    pub fn gigabyte_bytes(&self) -> f64 {
        match self.gigabyte {
            Gigabyte::Decimal => 1e9,
            Gigabyte::Binary => 1_073_741_824.0,
        }
    }

    /// What deleted points cost, where the book says that their last days are free.
    pub fn soft_delete(&self) -> Option<&SoftDelete> {
        self.soft_delete.as_ref()
    }

    fn find(&self, id: &str) -> Option<&Price> {
        self.prices.iter().find(|price| price.id == id)
    }

    /// The price of one gigabyte kept for one month.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] when the book lacks it, with what it has.
    pub fn vault_price(&self, redundancy: Redundancy) -> Result<&Price, ReportError> {
        self.price(&vault_id(redundancy))
    }

    /// The price of that id.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] when the book lacks it, with what it has of that family.
    pub fn price(&self, id: &str) -> Result<&Price, ReportError> {
        self.find(id).ok_or_else(|| {
            let family = id.split('.').next().unwrap_or(id);
            let ids = self.prices.iter().map(|price| price.id.as_str());
            let has: Vec<&str> = ids.filter(|id| id.starts_with(family)).collect();
            ReportError::Unpriced {
                file: self.file.clone(),
                has: if has.is_empty() {
                    format!("no {family} prices at all")
                } else {
                    has.join(", ")
                },
                id: id.to_owned(),
            }
        })
    }

    /// The monthly fee of one protected instance with `bytes` of data, and the prices that it is
    /// made of; `None` when the book charges no such fee.
    pub fn instance_fee(&self, bytes: u64) -> Option<(f64, Vec<&Price>)> {
        let (small, medium, over) = (self.find(SMALL)?, self.find(MEDIUM)?, self.find(OVER)?);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a size in GB needs no more than 52 bits"
        )]
        let gigabytes = bytes as f64 / self.gigabyte_bytes();
        Some(if gigabytes <= SMALL_GB_MAX {
            (small.value, vec![small])
        } else if gigabytes <= MEDIUM_GB_MAX {
            (medium.value, vec![medium])
        } else {
            // Started steps count whole, as the announcement and today's pricing page say.
            let steps = ((gigabytes - MEDIUM_GB_MAX) / MEDIUM_GB_MAX).ceil();
            (medium.value + steps * over.value, vec![medium, over])
        })
    }
}

impl From<PriceEntry> for Price {
    fn from(entry: PriceEntry) -> Self {
        Self {
            id: entry.id.into_inner(),
            value: entry.value.into_inner(),
            unit: entry.unit,
            region: entry.region,
            source: entry.source,
            date: entry.date,
            status: entry.status,
        }
    }
}

/// What TOML's types can't say: known ids, each once, prices that can be, fees whole or not at all.
fn check(book: &BookFile, text: &str) -> Result<(), String> {
    let line = |start: usize| text[..start].matches('\n').count() + 1;
    check_head(book, line)?;
    for (number, price) in book.price.iter().enumerate() {
        check_price(price, &book.price[..number], line)?;
    }
    let has = |id: &&str| book.price.iter().any(|price| price.id.get_ref() == id);
    let missing: Vec<&str> = INSTANCE.into_iter().filter(|id| !has(id)).collect();
    if missing.is_empty() || missing.len() == INSTANCE.len() {
        return Ok(());
    }
    Err(format!(
        "{} missing: price all of {}, or none where no fee is charged",
        missing.join(", "),
        INSTANCE.join(", ")
    ))
}

fn check_head(book: &BookFile, line: impl Fn(usize) -> usize) -> Result<(), String> {
    if book.name.get_ref().trim().is_empty() {
        let line = line(book.name.span().start);
        return Err(format!("line {line}: name is empty: say what the book is"));
    }
    let currency = book.currency.get_ref();
    if currency.len() == 3 && currency.chars().all(|c| c.is_ascii_uppercase()) {
        return Ok(());
    }
    let line = line(book.currency.span().start);
    Err(format!(
        "line {line}: currency \"{currency}\" is no ISO code: write three capitals such as \
         \"USD\" or \"EUR\""
    ))
}

fn check_price(
    price: &PriceEntry,
    earlier: &[PriceEntry],
    line: impl Fn(usize) -> usize,
) -> Result<(), String> {
    let (id, at) = (price.id.get_ref(), line(price.id.span().start));
    let known = known_ids();
    if !known.contains(id) {
        let known = known.join(", ");
        return Err(format!(
            "line {at}: unknown price id '{id}': known are {known}"
        ));
    }
    if let Some(earlier) = earlier.iter().find(|earlier| earlier.id == price.id) {
        let first = line(earlier.id.span().start);
        return Err(format!(
            "line {at}: price '{id}' already stands on line {first}: keep one"
        ));
    }
    let value = *price.value.get_ref();
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    let at = line(price.value.span().start);
    Err(format!(
        "line {at}: price '{id}' is {value}: write a number that is 0 or more"
    ))
}

#[cfg(test)]
mod tests;
