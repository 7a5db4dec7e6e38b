//! Price books: what a quantity costs, each price with its source, region, date and status.

mod fees;
mod priced;
mod soft_delete;

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{Redundancy, ReportError};

use priced::family;
pub use priced::{Band, DiskKind, DiskSize, MachineSize, Priced, Tier, Way};
pub use soft_delete::{DeletedDays, SoftDelete};

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
    /// So many first days of an instance cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_days: Option<u32>,
    /// So many gigabytes of a month cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_gigabytes: Option<f64>,
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
    free_days: Option<u32>,
    free_gigabytes: Option<f64>,
}

const DEFAULT: &str = include_str!("../../scenarios/prices/azure-2024-west-europe.toml");
const DEFAULT_FILE: &str = "azure-2024-west-europe.toml";

const PARTS: &str = include_str!("../../scenarios/prices/parts-2024-2026.toml");
const PARTS_FILE: &str = "parts-2024-2026.toml";

const INSTANCE: [Priced; 3] = [
    Priced::Instance(Band::Small),
    Priced::Instance(Band::Medium),
    Priced::Instance(Band::Over),
];

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

    /// The prices of everything else that protection takes, compiled in: snapshots, blobs, transfer, replication,
    /// disks, machines, and estimates for an own site. Regions and dates differ; each price has its own.
    ///
    /// # Panics
    /// Never: a test parses it.
    pub fn parts_book() -> Self {
        Self::parse(PARTS_FILE, PARTS).expect("the book compiled in parses")
    }

    /// This book, and where it says nothing the other: as long as both count in the same currency and gigabytes.
    /// An instance's fees are taken whole or not at all, so a book that charges none goes on charging none.
    #[must_use]
    pub fn completed_by(mut self, other: &Self) -> Self {
        if (&self.currency, self.gigabyte) == (&other.currency, other.gigabyte) {
            let lacking = other.prices.iter().filter(|price| {
                let is_fee = family(&price.id) == family(&INSTANCE[0].id());
                !is_fee && self.find(&price.id).is_none()
            });
            let lacking: Vec<Price> = lacking.cloned().collect();
            self.prices.extend(lacking);
        }
        self
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

    /// The price of one gigabyte kept for one month in a vault.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] when the book lacks it, with what it has.
    pub fn vault_price(&self, redundancy: Redundancy) -> Result<&Price, ReportError> {
        self.price(Priced::Vault(redundancy))
    }

    /// The price of anything that can be priced.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] when the book lacks it, with what it has of that kind.
    pub fn price(&self, priced: Priced) -> Result<&Price, ReportError> {
        let id = priced.id();
        self.find(&id).ok_or_else(|| {
            let ids = self.prices.iter().map(|price| price.id.as_str());
            let has: Vec<&str> = ids.filter(|has| family(has) == family(&id)).collect();
            ReportError::Unpriced {
                file: self.file.clone(),
                has: if has.is_empty() {
                    format!("no {} prices at all", family(&id))
                } else {
                    has.join(", ")
                },
                or: match priced {
                    Priced::Vault(_) => " or choose another --redundancy",
                    _ => "",
                },
                id,
            }
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
            free_days: entry.free_days,
            free_gigabytes: entry.free_gigabytes,
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
    let ids = INSTANCE.map(Priced::id);
    let has = |id: &&String| book.price.iter().any(|price| price.id.get_ref() == *id);
    let missing: Vec<&str> = ids
        .iter()
        .filter(|id| !has(id))
        .map(String::as_str)
        .collect();
    if missing.is_empty() || missing.len() == ids.len() {
        return Ok(());
    }
    Err(format!(
        "{} missing: price all of {}, or none where no fee is charged",
        missing.join(", "),
        ids.join(", ")
    ))
}

/// The ids that might have been meant, where there is none like this.
fn unknown(id: &str) -> Option<String> {
    let known: Vec<String> = Priced::all().into_iter().map(Priced::id).collect();
    if known.iter().any(|known| known == id) {
        return None;
    }
    let alike = known.iter().filter(|known| family(known) == family(id));
    let mut alike: Vec<&str> = alike.map(String::as_str).collect();
    if alike.is_empty() {
        alike = known.iter().map(|known| family(known)).collect();
        alike.dedup();
    }
    Some(alike.join(", "))
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
    if let Some(known) = unknown(id) {
        return Err(format!(
            "line {at}: unknown price id '{id}': known are {known}"
        ));
    }
    let source = &price.source;
    if source.title.trim().is_empty() || source.place.trim().is_empty() {
        return Err(format!(
            "line {at}: price '{id}' has an empty source: say where it was read, or that it is an estimate"
        ));
    }
    let free = [
        ("free_days", "replication", price.free_days.is_some()),
        ("free_gigabytes", "transfer", price.free_gigabytes.is_some()),
    ];
    if let Some((key, of, _)) = free
        .iter()
        .find(|(_, of, stated)| *stated && family(id) != *of)
    {
        return Err(format!(
            "line {at}: price '{id}' has no {key}: only those of {of} do"
        ));
    }
    let not_negative = |free: &f64| free.is_finite() && *free >= 0.0;
    if let Some(free) = price.free_gigabytes.filter(|free| !not_negative(free)) {
        return Err(format!(
            "line {at}: free_gigabytes of '{id}' is {free}: write a number that is 0 or more"
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
