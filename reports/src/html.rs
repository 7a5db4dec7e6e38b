//! The report as one page: the answer first, then what it rests on.

mod words;

use askama::Template;

use self::words::About;
use crate::chart::{self, Chart};
use crate::column::Column;
use crate::document::{Document, MethodDocument};
use crate::units;
use crate::verdict::{Verdict, failed, verdict};
use crate::{Price, ReportError};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    document: &'a Document,
    verdict: &'a Verdict,
    proof: String,
    sentences: Vec<Sentence>,
    methods: Table,
    charts: Vec<Chart>,
    costs: Table,
    fee: Option<Fee>,
    totals: Table,
    details: Vec<Details>,
    prices: Vec<PriceRow<'a>>,
    about: About,
    ties: String,
    copied: String,
}

/// A sentence whose first words stand out.
struct Sentence {
    lead: String,
    rest: String,
}

/// A table with one row for each method.
struct Table {
    heads: Vec<Head>,
    rows: Vec<Row>,
}

struct Head {
    name: &'static str,
    hint: &'static str,
}

struct Row {
    name: String,
    gloss: &'static str,
    failed: bool,
    cells: Vec<Cell>,
}

struct Cell {
    text: String,
    best: bool,
}

struct Fee {
    month: String,
    year: String,
}

/// What one method did, row by row.
struct Details {
    method: String,
    restores: Vec<RestoreRow>,
    points: Vec<Vec<String>>,
    totals: Vec<String>,
}

struct RestoreRow {
    cells: Vec<String>,
    verified: bool,
    differences: Vec<String>,
}

struct PriceRow<'a> {
    price: &'a Price,
    /// The source's place is an address that a browser may open when it is asked to.
    is_address: bool,
}

/// Renders the page.
pub(crate) fn render(document: &Document) -> Result<String, ReportError> {
    let verdict = verdict(document);
    let page = Page {
        document,
        verdict: &verdict,
        proof: verdict.proof(),
        sentences: verdict
            .sentences
            .iter()
            .map(|text| sentence(text))
            .collect(),
        methods: methods(document, &verdict),
        charts: chart::all(document)?,
        costs: costs(document),
        fee: document.instance_fee_month.map(|month| Fee {
            month: units::money(month, &document.currency),
            year: units::money(month * 12.0, &document.currency),
        }),
        totals: totals(document),
        details: document.methods.iter().map(details).collect(),
        prices: prices(document),
        about: About::of(document),
        ties: words::ties(document),
        copied: words::copied(document),
    };
    page.render().map_err(|error| ReportError::Make {
        file: "report.html",
        message: error.to_string(),
    })
}

fn sentence(text: &str) -> Sentence {
    let text = units::bound(text);
    let (lead, rest) = text.split_at(text.find(": ").map_or(0, |at| at + 1));
    Sentence {
        lead: lead.to_owned(),
        rest: rest.to_owned(),
    }
}

fn table(
    document: &Document,
    heads: &[(&'static str, &'static str)],
    cells: impl Fn(&MethodDocument) -> Vec<String>,
) -> Table {
    let heads = heads.iter().map(|&(name, hint)| Head { name, hint });
    let plain = |text| Cell { text, best: false };
    let rows = document.methods.iter().map(|method| Row {
        name: units::plain(&method.method),
        gloss: words::gloss(&method.method),
        failed: failed(method),
        cells: cells(method).into_iter().map(plain).collect(),
    });
    Table {
        heads: heads.collect(),
        rows: rows.collect(),
    }
}

fn methods(document: &Document, verdict: &Verdict) -> Table {
    let heads = Column::ALL.map(|column| (column.heading(), column.hint()));
    let mut table = table(document, &heads, |method| {
        Column::ALL.map(|column| column.show(method)).into()
    });
    for (at, best) in verdict.best.iter().enumerate() {
        for number in best {
            table.rows[*number].cells[at].best = true;
        }
    }
    table
}

fn costs(document: &Document) -> Table {
    let heads = [
        ("kept", "vault at the end"),
        ("a month", ""),
        ("a year", "twelve such months"),
        ("month per TB", "of source"),
    ];
    table(document, &heads, |method| {
        let cost = &method.cost;
        let money = |sum| units::money(sum, &cost.currency);
        vec![
            units::bytes(method.vault_bytes),
            money(cost.month),
            money(cost.year),
            money(cost.month_per_source_terabyte),
        ]
    })
}

fn totals(document: &Document) -> Table {
    let heads = [
        ("source", "all points"),
        ("read", ""),
        ("sent", ""),
        ("copied", "in the vault"),
        ("stored", ""),
        ("new blocks", ""),
        ("backups took", "wall time"),
        ("CPU", "all threads"),
        ("objects", "in the vault"),
    ];
    table(document, &heads, |method| {
        let totals = &method.totals;
        vec![
            units::bytes(totals.logical_bytes),
            units::bytes(totals.read_bytes),
            units::bytes(totals.sent_bytes),
            units::bytes(totals.copied_bytes),
            units::bytes(totals.stored_bytes),
            units::count(totals.blocks_stored),
            units::seconds(method.backup_seconds),
            units::seconds(method.backup_cpu_seconds),
            units::count(method.vault_objects),
        ]
    })
}

#[expect(clippy::cast_sign_loss, reason = "a rate is not negative")]
fn details(method: &MethodDocument) -> Details {
    let points = method.points.iter().map(|point| {
        vec![
            point.generation.to_string(),
            point.kind.clone(),
            units::bytes(point.logical_bytes),
            units::bytes(point.read_bytes),
            units::bytes(point.sent_bytes),
            units::bytes(point.copied_bytes),
            units::bytes(point.stored_bytes),
            units::count(point.blocks_stored),
            point.chain_length.to_string(),
            units::seconds(point.seconds),
            units::seconds(point.cpu_seconds),
        ]
    });
    let restores = method.restores.iter().map(|restore| RestoreRow {
        cells: vec![
            restore.generation.to_string(),
            units::bytes(restore.bytes),
            restore.chain_length.to_string(),
            units::count(restore.packs_read),
            units::bytes(restore.fetched_bytes),
            units::seconds(restore.seconds),
            units::seconds(restore.cpu_seconds),
            format!("{}/s", units::bytes(restore.bytes_per_second as u64)),
        ],
        verified: restore.verified,
        differences: restore.differences.clone(),
    });
    let totals = &method.totals;
    Details {
        method: units::plain(&method.method),
        restores: restores.collect(),
        points: points.collect(),
        totals: vec![
            "in all".to_owned(),
            String::new(),
            units::bytes(totals.logical_bytes),
            units::bytes(totals.read_bytes),
            units::bytes(totals.sent_bytes),
            units::bytes(totals.copied_bytes),
            units::bytes(totals.stored_bytes),
            units::count(totals.blocks_stored),
            String::new(),
            units::seconds(method.backup_seconds),
            units::seconds(method.backup_cpu_seconds),
        ],
    }
}

fn prices(document: &Document) -> Vec<PriceRow<'_>> {
    let prices = document.prices.iter();
    prices
        .map(|price| PriceRow {
            price,
            is_address: price.source.place.starts_with("https://"),
        })
        .collect()
}

#[cfg(test)]
mod tests;
