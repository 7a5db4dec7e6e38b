//! The stable JSON document: forecast rows with money. Names are only added.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "money begins here: 52 bits are plenty, and nothing is negative"
)]

use serde::{Deserialize, Serialize};
use simulator::forecast::{Age, BackTest, Basis, Forecast, Limits, Month, PolicyForecast};

use crate::{Price, PriceBook, Redundancy, ReportError, SoftDelete};

/// A priced forecast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastDocument {
    /// The program's version.
    pub program_version: String,
    /// The command that makes it again.
    pub command: String,
    /// What it is a forecast of.
    pub subject: String,
    /// The present, RFC 3339.
    pub started_at: String,
    /// Years looked ahead.
    pub years: u32,
    /// What it rests on.
    pub basis: Basis,
    /// Redundancies priced.
    pub redundancies: Vec<Redundancy>,
    /// The price book's name.
    pub price_book: String,
    /// ISO 4217 code of every sum.
    pub currency: String,
    /// Bytes in one gigabyte of the price book.
    pub gigabyte_bytes: u64,
    /// The prices used, with their sources.
    pub prices: Vec<Price>,
    /// What the book says of deleted points.
    pub soft_delete: Option<SoftDelete>,
    /// One for each policy and convention.
    pub policies: Vec<PolicyDocument>,
}

/// A policy, and what it comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyDocument {
    /// What people call it.
    pub name: String,
    /// Its rules as flags.
    pub policy: String,
    /// Whose convention.
    pub convention: String,
    /// Rules that the convention does not know.
    pub ignored: Vec<String>,
    /// What its author may not have meant.
    pub lints: Vec<String>,
    /// One for each calendar month.
    pub months: Vec<MonthDocument>,
    /// What all months after the first cost together, by redundancy: the first is this month, which has
    /// begun.
    pub total: Vec<MonthCost>,
    /// The points at the end, by age.
    pub ages: Vec<Age>,
    /// Age of the oldest point at the end.
    pub oldest_seconds: u64,
    /// Days on which limits are met.
    pub limits: Limits,
    /// The history's last third, predicted from the first two.
    pub back_test: Option<BackTest>,
    /// Its error in the bytes, in percent.
    pub back_test_error_percent: Option<f64>,
}

/// A month and what it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonthDocument {
    /// How things stand.
    #[serde(flatten)]
    pub month: Month,
    /// One for each redundancy.
    pub costs: Vec<MonthCost>,
}

/// What a month costs, or many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonthCost {
    /// How the vault is kept.
    pub redundancy: Redundancy,
    /// Charged bytes.
    pub storage: f64,
    /// Fees of the protected instances; nothing where the book charges none.
    pub instances: f64,
    /// Both.
    pub all: f64,
}

impl ForecastDocument {
    /// Prices a forecast.
    ///
    /// # Errors
    /// `Unpriced` when the book lacks a redundancy.
    pub fn new(
        forecast: &Forecast,
        book: &PriceBook,
        redundancies: &[Redundancy],
    ) -> Result<Self, ReportError> {
        let mut prices: Vec<Price> = Vec::new();
        for redundancy in redundancies {
            prices.push(book.vault_price(*redundancy)?.clone());
        }
        let months = forecast.policies.iter().flat_map(|policy| &policy.months);
        for (bytes, _) in months.flat_map(|month| &month.instance_bytes) {
            let used = book.instance_fee(*bytes).map_or(Vec::new(), |fee| fee.1);
            for price in used {
                if !prices.contains(price) {
                    prices.push(price.clone());
                }
            }
        }
        let policies = forecast.policies.iter();
        let policies = policies.map(|policy| priced(policy, book, redundancies));
        Ok(Self {
            program_version: forecast.program_version.clone(),
            command: forecast.command.clone(),
            subject: forecast.subject.clone(),
            started_at: forecast.started_at.clone(),
            years: forecast.years,
            basis: forecast.basis.clone(),
            redundancies: redundancies.to_vec(),
            price_book: book.name().to_owned(),
            currency: book.currency().to_owned(),
            gigabyte_bytes: book.gigabyte_bytes() as u64,
            prices,
            soft_delete: book.soft_delete().cloned(),
            policies: policies.collect::<Result<_, _>>()?,
        })
    }
}

impl PolicyDocument {
    /// Its name, with the convention where it is not ours.
    pub fn title(&self) -> String {
        let name = crate::units::plain(&self.name);
        match self.convention.as_str() {
            "firedrill" => name,
            convention => format!("{name} by {convention}"),
        }
    }

    /// The last month.
    pub(crate) fn end(&self) -> Option<&MonthDocument> {
        self.months.last()
    }
}

fn priced(
    policy: &PolicyForecast,
    book: &PriceBook,
    redundancies: &[Redundancy],
) -> Result<PolicyDocument, ReportError> {
    let mut months = Vec::new();
    for month in &policy.months {
        months.push(MonthDocument {
            month: month.clone(),
            costs: costs(month, book, redundancies)?,
        });
    }
    let total = redundancies.iter().enumerate().map(|(at, redundancy)| {
        let charged = months.iter().skip(1).map(|month| &month.costs[at]);
        let (storage, instances) = charged.fold((0.0, 0.0), |sum, cost| {
            (sum.0 + cost.storage, sum.1 + cost.instances)
        });
        MonthCost {
            redundancy: *redundancy,
            storage,
            instances,
            all: storage + instances,
        }
    });
    let error = policy.back_test.as_ref();
    Ok(PolicyDocument {
        name: policy.name.clone(),
        policy: policy.policy.clone(),
        convention: policy.convention.clone(),
        ignored: policy.ignored.clone(),
        lints: policy.lints.clone(),
        total: total.collect(),
        months,
        ages: policy.ages.clone(),
        oldest_seconds: policy.oldest_seconds,
        limits: policy.limits.clone(),
        back_test_error_percent: error.map(|test| test.error_ppm() as f64 / 1e4),
        back_test: policy.back_test.clone(),
    })
}

fn costs(
    month: &Month,
    book: &PriceBook,
    redundancies: &[Redundancy],
) -> Result<Vec<MonthCost>, ReportError> {
    let fees = month.instance_bytes.iter();
    let fees = fees
        .map(|(bytes, count)| book.instance_fee(*bytes).map_or(0.0, |fee| fee.0) * *count as f64);
    let instances: f64 = fees.sum();
    let gigabytes = month.billed_bytes as f64 / book.gigabyte_bytes();
    let cost = |redundancy: &Redundancy| {
        let storage = gigabytes * book.vault_price(*redundancy)?.value;
        Ok(MonthCost {
            redundancy: *redundancy,
            storage,
            instances,
            all: storage + instances,
        })
    };
    redundancies.iter().map(cost).collect()
}
