//! Total cost in parts: what was used, times the price book, by month and over the horizon.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use simulator::outcome::scenario::StrategyOutcome;

use super::usage::{Usage, usages};
use crate::{Price, PriceBook, ReportError};

/// A part of the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Fees for protected instances.
    Instances,
    /// Bytes kept in vaults and as snapshots.
    Stored,
    /// Bytes of deleted points that can still be brought back.
    Deleted,
    /// Requests.
    Operations,
    /// Traffic between regions, and out of them.
    Transfer,
    /// Copying to the second region.
    GeoReplication,
    /// Licences for replication.
    Licences,
    /// A replica's disks and their history.
    Replica,
    /// Disk on the owner's site.
    Disk,
    /// Tapes, and what reads them.
    Tape,
    /// Carrying tapes.
    Courier,
    /// Carrying the first point, instead of sending it.
    Seeding,
    /// Machines that stand in while their own place is down.
    Standby,
}

/// A quantity, its price, and what both come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostLine {
    /// The part that it belongs to.
    pub part: Part,
    /// What is paid for.
    pub what: String,
    /// How much of it one trial used.
    pub quantity: f64,
    /// In what unit.
    pub unit: String,
    /// The price of one unit.
    pub price: f64,
    /// The prices used, by id.
    pub price_ids: Vec<String>,
    /// Over the horizon.
    pub horizon: f64,
    /// A year of it.
    pub per_year: f64,
}

/// The sum of a part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartSum {
    /// The part.
    pub part: Part,
    /// Over the horizon.
    pub horizon: f64,
    /// A year of it.
    pub per_year: f64,
}

/// What a month cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostMonth {
    /// From the start, 0 first; 365.25/12 days each.
    pub month: u32,
    /// How much of it the horizon holds: 1, but for the last.
    pub share: f64,
    /// By part, those that cost anything in any month.
    pub parts: Vec<(Part, f64)>,
    /// All of them.
    pub all: f64,
}

/// What a strategy costs, without what its failures cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Over the horizon.
    pub horizon: f64,
    /// A year of it.
    pub per_year: f64,
    /// By part, those that were used.
    pub parts: Vec<PartSum>,
    /// What the parts are made of.
    pub lines: Vec<CostLine>,
    /// Month by month.
    pub months: Vec<CostMonth>,
}

impl Part {
    /// All, in the order of tables.
    pub const ALL: [Self; 13] = [
        Self::Instances,
        Self::Stored,
        Self::Deleted,
        Self::Operations,
        Self::Transfer,
        Self::GeoReplication,
        Self::Licences,
        Self::Replica,
        Self::Disk,
        Self::Tape,
        Self::Courier,
        Self::Seeding,
        Self::Standby,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instances => "protected instances",
            Self::Stored => "stored bytes",
            Self::Deleted => "deleted bytes",
            Self::Operations => "operations",
            Self::Transfer => "transfer",
            Self::GeoReplication => "geo-replication",
            Self::Licences => "replication licences",
            Self::Replica => "replica disks",
            Self::Disk => "site disk",
            Self::Tape => "tape",
            Self::Courier => "courier",
            Self::Seeding => "seeding",
            Self::Standby => "standby compute",
        }
    }
}

impl Cost {
    /// Prices what a strategy used; `prices` collects the prices.
    ///
    /// # Errors
    /// [`ReportError::Unpriced`] names what the book lacks.
    pub(super) fn new(
        strategy: &StrategyOutcome,
        horizon_months: f64,
        book: &PriceBook,
        prices: &mut Vec<Price>,
    ) -> Result<Self, ReportError> {
        let trials = f64::from(strategy.trials.max(1));
        let mut used: BTreeMap<(Part, String, Vec<String>), (f64, Usage<'_>)> = BTreeMap::new();
        let mut months: BTreeMap<u32, BTreeMap<Part, f64>> = BTreeMap::new();
        for usage in usages(strategy, book)? {
            let quantity = usage.quantity / trials;
            *months
                .entry(usage.month)
                .or_default()
                .entry(usage.part)
                .or_default() += quantity * usage.price;
            let ids = usage.prices.iter().map(|price| price.id.clone()).collect();
            let key = (usage.part, usage.what.clone(), ids);
            used.entry(key).or_insert((0.0, usage)).0 += quantity;
        }
        let years = horizon_months / 12.0;
        let a_year = |sum: f64| if years > 0.0 { sum / years } else { 0.0 };
        let mut lines = Vec::new();
        for ((part, what, price_ids), (quantity, usage)) in used {
            for price in usage.prices {
                if !prices.contains(price) {
                    prices.push(price.clone());
                }
            }
            let horizon = quantity * usage.price;
            lines.push(CostLine {
                part,
                what,
                quantity,
                unit: usage.unit.to_owned(),
                price: usage.price,
                price_ids,
                horizon,
                per_year: a_year(horizon),
            });
        }
        // The sum of nothing is -0.0.
        let horizon = lines.iter().map(|line| line.horizon).sum::<f64>() + 0.0;
        Ok(Self {
            horizon,
            per_year: a_year(horizon),
            parts: parts(&lines, a_year),
            months: by_month(&months, horizon_months),
            lines,
        })
    }

    /// What a part costs in a year.
    pub(super) fn part(&self, part: Part) -> f64 {
        let found = self.parts.iter().find(|sum| sum.part == part);
        found.map_or(0.0, |sum| sum.per_year)
    }
}

fn parts(lines: &[CostLine], a_year: impl Fn(f64) -> f64) -> Vec<PartSum> {
    let of = |part: Part| lines.iter().filter(move |line| line.part == part);
    let present = Part::ALL.into_iter().filter(|part| of(*part).count() > 0);
    present
        .map(|part| {
            let horizon = of(part).map(|line| line.horizon).sum();
            PartSum {
                part,
                horizon,
                per_year: a_year(horizon),
            }
        })
        .collect()
}

/// Every month up to the last in which anything was used, with all parts in each.
fn by_month(months: &BTreeMap<u32, BTreeMap<Part, f64>>, horizon_months: f64) -> Vec<CostMonth> {
    let present: BTreeSet<Part> = months.values().flat_map(BTreeMap::keys).copied().collect();
    let Some(last) = months.keys().next_back().copied() else {
        return Vec::new();
    };
    let month = |month: u32| {
        let used = months.get(&month);
        let sum = |part: &Part| used.and_then(|used| used.get(part)).copied().unwrap_or(0.0);
        let parts: Vec<(Part, f64)> = present.iter().map(|part| (*part, sum(part))).collect();
        CostMonth {
            month,
            share: (horizon_months - f64::from(month)).clamp(0.0, 1.0),
            all: parts.iter().map(|(_, sum)| sum).sum(),
            parts,
        }
    };
    (0..=last).map(month).collect()
}
