//! The report as one page: the answer first, then what it rests on.

use askama::Template;

use crate::ReportError;
use crate::chart;
use crate::document::{Document, MethodDocument};
use crate::units;
use crate::verdict::{Column, verdict};

struct Cell {
    text: String,
    best: bool,
}

struct Row {
    method: String,
    cells: Vec<Cell>,
}

struct PointRow {
    cells: Vec<String>,
}

struct Details {
    method: String,
    points: Vec<PointRow>,
    restores: Vec<RestoreRow>,
}

struct RestoreRow {
    verified: bool,
    cells: Vec<String>,
    differences: Vec<String>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    document: &'a Document,
    sound: bool,
    sentences: Vec<String>,
    headings: Vec<&'static str>,
    rows: Vec<Row>,
    legend: Vec<(String, String)>,
    charts: Vec<(String, String)>,
    details: Vec<Details>,
    generations: usize,
    kind: &'static str,
    blocks: String,
    newest: String,
    fee: String,
    terabyte: Vec<(String, String)>,
    year: Vec<(String, String)>,
    seed: String,
}

/// Renders the page.
pub(crate) fn render(document: &Document) -> Result<String, ReportError> {
    let verdict = verdict(document);
    let rows = document
        .methods
        .iter()
        .enumerate()
        .map(|(number, method)| Row {
            method: method.method.clone(),
            cells: Column::ALL
                .iter()
                .zip(&verdict.best)
                .map(|(column, best)| Cell {
                    text: column.show(method),
                    best: best.contains(&number),
                })
                .collect(),
        });
    let series = &document.series;
    let currency = document
        .methods
        .first()
        .map_or("USD", |method| &method.cost.currency);
    let money = |of: fn(&MethodDocument) -> f64| {
        let methods = document.methods.iter();
        methods
            .map(|m| (m.method.clone(), units::money(of(m), currency)))
            .collect()
    };
    let disk = series.block_bytes.is_some();
    let page = Page {
        sound: verdict.sound,
        sentences: verdict.sentences,
        headings: Column::ALL.iter().map(|column| column.heading()).collect(),
        rows: rows.collect(),
        legend: chart::legend(document),
        charts: chart::all(document)?,
        details: document.methods.iter().map(details).collect(),
        generations: series.generations.len(),
        kind: if disk { "disk images" } else { "folders" },
        blocks: match (series.block_bytes, series.chunk_bytes_mean) {
            (Some(block), _) => format!("fixed blocks of {}", units::bytes(block)),
            (_, Some(mean)) => format!("blocks cut by content, about {} each", units::bytes(mean)),
            _ => "blocks".to_owned(),
        },
        newest: units::bytes(
            series
                .generations
                .last()
                .map_or(0, |last| last.logical_bytes),
        ),
        fee: units::money(document.instance_fee_month, currency),
        terabyte: money(|method| method.cost.month_per_source_terabyte),
        year: money(|method| method.cost.year),
        seed: document
            .seed
            .map_or_else(|| "none: your own data".to_owned(), |s| s.to_string()),
        document,
    };
    page.render()
        .map_err(|error| ReportError::Draw(error.to_string()))
}

#[expect(clippy::cast_sign_loss, reason = "a rate is not negative")]
fn details(method: &MethodDocument) -> Details {
    let points = method.points.iter().map(|point| PointRow {
        cells: vec![
            point.generation.to_string(),
            point.kind.clone(),
            units::bytes(point.logical_bytes),
            units::bytes(point.read_bytes),
            units::bytes(point.sent_bytes),
            units::bytes(point.copied_bytes),
            units::bytes(point.stored_bytes),
            point.blocks_stored.to_string(),
            point.chain_length.to_string(),
            units::seconds(point.seconds),
        ],
    });
    let restores = method.restores.iter().map(|restore| RestoreRow {
        verified: restore.verified,
        cells: vec![
            restore.generation.to_string(),
            units::bytes(restore.bytes),
            restore.chain_length.to_string(),
            restore.packs_read.to_string(),
            units::bytes(restore.fetched_bytes),
            units::seconds(restore.seconds),
            format!("{}/s", units::bytes(restore.bytes_per_second as u64)),
        ],
        differences: restore.differences.clone(),
    });
    Details {
        method: method.method.clone(),
        points: points.collect(),
        restores: restores.collect(),
    }
}
