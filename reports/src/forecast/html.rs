//! The plan as one page: the answer first, then what it rests on.

use askama::Template;

use super::document::{ForecastDocument, PolicyDocument};
use super::{chart, summary, words};
use crate::chart::Chart;
use crate::{Price, ReportError, units};

#[derive(Template)]
#[template(path = "plan.html")]
struct Page<'a> {
    document: &'a ForecastDocument,
    subject: String,
    started: &'a str,
    years: String,
    compared: Option<Compared>,
    policies: Vec<PolicySection>,
    basis: Vec<String>,
    pricing: String,
    prices: Vec<PriceRow<'a>>,
}

/// Several policies beside each other.
struct Compared {
    chart: Chart,
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// One policy.
struct PolicySection {
    title: String,
    rules: String,
    sound: bool,
    lead: String,
    answer: Vec<String>,
    trust: String,
    warnings: Vec<String>,
    charts: Vec<Chart>,
    /// Ends of quarters, then every month.
    tables: [MonthTable; 2],
    ages: Vec<Vec<String>>,
    totals: Vec<Vec<String>>,
}

struct MonthTable {
    title: &'static str,
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

struct PriceRow<'a> {
    price: &'a Price,
    /// The source's place is an address that a browser may open when it is asked to.
    is_address: bool,
}

/// Renders the page.
pub(super) fn render(document: &ForecastDocument) -> Result<String, ReportError> {
    let sections = document
        .policies
        .iter()
        .map(|policy| section(document, policy));
    let prices = document.prices.iter().map(|price| PriceRow {
        price,
        is_address: price.source.place.starts_with("https://"),
    });
    let page = Page {
        document,
        subject: units::plain(&document.subject),
        started: document.started_at.split('T').next().unwrap_or_default(),
        years: match document.years {
            1 => "next year".to_owned(),
            years => format!("next {years} years"),
        },
        compared: compared(document)?,
        policies: sections.collect::<Result<_, _>>()?,
        basis: words::basis(document),
        pricing: words::pricing(document),
        prices: prices.collect(),
    };
    page.render().map_err(|error| ReportError::Make {
        file: "plan.html",
        message: error.to_string(),
    })
}

fn compared(document: &ForecastDocument) -> Result<Option<Compared>, ReportError> {
    if document.policies.len() < 2 {
        return Ok(None);
    }
    let mut rows = summary::compared(document);
    let heads = rows.remove(0);
    let chart = chart::compared(document)?;
    Ok(Some(Compared { chart, heads, rows }))
}

fn section(
    document: &ForecastDocument,
    policy: &PolicyDocument,
) -> Result<PolicySection, ReportError> {
    let mut answer: Vec<String> = words::answer(document, policy)
        .iter()
        .map(|sentence| units::bound(sentence))
        .collect();
    let lead = if answer.is_empty() {
        String::new()
    } else {
        answer.remove(0)
    };
    let money = |sum: f64| units::money(sum, &document.currency);
    let totals = policy
        .total
        .iter()
        .zip(policy.end().map_or(&[][..], |end| &end.costs));
    let ages = policy.ages.iter().map(|age| {
        let step = match age.points {
            0 => String::new(),
            _ => words::span(age.widest_step_seconds),
        };
        vec![age.name.clone(), units::count(age.points), step]
    });
    let quarters = summary::shown(policy).into_iter();
    let every = policy.months.iter();
    Ok(PolicySection {
        title: policy.title(),
        rules: units::plain(&policy.policy),
        sound: words::is_sound(policy),
        lead,
        answer,
        trust: units::bound(&words::trust(document, policy)),
        warnings: summary::warnings(policy),
        charts: chart::of(document, policy)?,
        tables: [
            months(document, "Points, bytes and cost", quarters),
            months(document, "Every month", every),
        ],
        ages: ages.collect(),
        totals: totals
            .map(|(total, end)| {
                let name = total.redundancy.name().to_uppercase();
                let meaning = total.redundancy.meaning().to_owned();
                let sums = [end.storage, end.instances, end.all, total.all].map(money);
                [name, meaning].into_iter().chain(sums).collect()
            })
            .collect(),
    })
}

fn months<'a>(
    document: &ForecastDocument,
    title: &'static str,
    months: impl Iterator<Item = &'a super::document::MonthDocument>,
) -> MonthTable {
    let interval = document.basis.measured;
    let mut heads: Vec<String> = [
        "end of", "points", "kept by", "needed", "deleted", "unused", "stored",
    ]
    .map(str::to_owned)
    .into();
    if interval {
        heads.push("9 of 10 between".to_owned());
    }
    heads.push("peak".to_owned());
    heads.extend(
        document
            .redundancies
            .iter()
            .map(|redundancy| redundancy.name().to_uppercase()),
    );
    let rows = months.map(|month| {
        let (row, of) = (&month.month, units::bytes);
        let sizes = [
            row.kept_bytes,
            row.soft_deleted_bytes,
            row.unused_bytes,
            row.stored_bytes,
        ];
        let mut cells = vec![
            row.month.clone(),
            units::count(row.points),
            words::reasons(row),
        ];
        cells.extend(sizes.map(of));
        if interval {
            cells.push(format!("{} to {}", of(row.low_bytes), of(row.high_bytes)));
        }
        cells.push(of(row.peak_bytes));
        let costs = month.costs.iter();
        cells.extend(costs.map(|cost| units::money(cost.all, &document.currency)));
        cells
    });
    MonthTable {
        title,
        heads,
        rows: rows.collect(),
    }
}
