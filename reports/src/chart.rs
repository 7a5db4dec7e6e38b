//! The four charts of a comparison: what they show. How they are drawn stands in `canvas`.

use crate::ReportError;
use crate::axis::Quantity;
use crate::canvas::{Bar, Curve, Drawing};
use crate::column::Column;
use crate::document::{Document, MethodDocument};
use crate::units::{self, plain};

/// A chart, ready for a page.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    /// How to read it, in a sentence.
    pub(crate) note: &'static str,
    pub(crate) svg: String,
}

/// The charts, in the report's order.
pub(crate) fn all(document: &Document) -> Result<Vec<Chart>, ReportError> {
    [stored, sent, restores, cost]
        .into_iter()
        .map(|chart| chart(document))
        .collect()
}

fn chart(
    title: &'static str,
    note: &'static str,
    drawing: &Drawing<'_>,
    told: &str,
) -> Result<Chart, ReportError> {
    let svg = drawing.svg(&format!("{title}. {told}"));
    let svg = svg.map_err(|error| ReportError::Make {
        file: "a chart of report.html",
        message: error.to_string(),
    })?;
    Ok(Chart { title, note, svg })
}

fn curves(document: &Document, of: impl Fn(&MethodDocument) -> Vec<(f64, f64)>) -> Vec<Curve> {
    let methods = document.methods.iter();
    methods
        .map(|method| Curve {
            name: plain(&method.method),
            dots: of(method),
        })
        .collect()
}

/// Each method with a value, for readers who don't see the drawing.
fn told(document: &Document, of: impl Fn(&MethodDocument) -> String) -> String {
    let methods = document.methods.iter();
    let told: Vec<String> = methods
        .map(|method| format!("{}: {}", plain(&method.method), of(method)))
        .collect();
    told.join("; ")
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn stored(document: &Document) -> Result<Chart, ReportError> {
    let curves = curves(document, |method| {
        let mut sum = 0_u64;
        let points = method.points.iter();
        points
            .map(|point| {
                sum = sum.saturating_add(point.stored_bytes);
                (f64::from(point.generation), sum as f64)
            })
            .collect()
    });
    chart(
        "Stored bytes over time",
        "How the vault grows with each recovery point. Lower is better.",
        &Drawing::Lines {
            curves: &curves,
            x: "recovery point",
            y: "stored in all",
            quantity: Quantity::Bytes,
            joined: true,
        },
        &told(document, |method| units::bytes(method.totals.stored_bytes)),
    )
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn sent(document: &Document) -> Result<Chart, ReportError> {
    let curves = curves(document, |method| {
        let points = method.points.iter();
        points
            .map(|point| (f64::from(point.generation), point.sent_bytes as f64))
            .collect()
    });
    chart(
        "Sent for each point",
        "What crosses the line for each recovery point. Lower is better.",
        &Drawing::Lines {
            curves: &curves,
            x: "recovery point",
            y: "sent",
            quantity: Quantity::Bytes,
            joined: true,
        },
        &told(document, |method| units::bytes(method.totals.sent_bytes)),
    )
}

fn restores(document: &Document) -> Result<Chart, ReportError> {
    let curves = curves(document, |method| {
        let rows = method.restores.iter();
        rows.map(|row| (f64::from(row.chain_length), row.seconds))
            .collect()
    });
    chart(
        "Restore time against chain length",
        "Each mark is one restore: the points it needed, and how long it took. Lower is better.",
        &Drawing::Lines {
            curves: &curves,
            x: "points in the chain",
            y: "restore took",
            quantity: Quantity::Seconds,
            joined: false,
        },
        &told(document, |method| Column::Restore.show(method)),
    )
}

fn cost(document: &Document) -> Result<Chart, ReportError> {
    let bars = document.methods.iter().map(|method| Bar {
        name: plain(&method.method),
        value: method.cost.month,
        label: Column::Cost.show(method),
    });
    chart(
        "Cost of a month",
        "To keep each vault as it stands at the end. Lower is better.",
        &Drawing::Bars {
            bars: &bars.collect::<Vec<_>>(),
            x: "a month",
            quantity: Quantity::Money(&document.currency),
        },
        &told(document, |method| Column::Cost.show(method)),
    )
}

#[cfg(test)]
mod tests {
    use super::all;
    use crate::sample::{USUAL, comparison, document, price};

    /// Roughly an XML parser: every tag closes in order, every `&` begins an entity, no `<` stands
    /// in a text or a value, no character that XML forbids. Gives the texts.
    fn texts(xml: &str) -> Vec<String> {
        assert!(
            xml.chars().all(|c| c == '\n' || !c.is_control()),
            "control characters"
        );
        let (mut open, mut texts, mut rest) = (Vec::new(), Vec::new(), xml);
        while let Some((before, tag)) = rest.split_once('<') {
            let (tag, after) = tag.split_once('>').expect("a tag ends");
            assert!(!tag.contains('<'), "a tag in a tag: {tag}");
            assert_eq!(tag.matches('"').count() % 2, 0, "an open value: {tag}");
            let names = tag.split("=\"").map(|part| part.rsplit(' ').next());
            let names: Vec<_> = names.take(tag.matches("=\"").count()).collect();
            let once = |at: usize| !names[..at].contains(&names[at]);
            assert!(
                (0..names.len()).all(once),
                "an attribute stands twice: {tag}"
            );
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "closes what is open");
            } else if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().expect("a name"));
            }
            texts.push(before.trim().to_owned());
            rest = after;
        }
        assert!(
            open.is_empty() && rest.trim().is_empty(),
            "left: {open:?} {rest}"
        );
        for (at, _) in xml.match_indices('&') {
            let entity = ["amp;", "lt;", "gt;", "quot;", "apos;"];
            let known = entity
                .iter()
                .any(|entity| xml[at + 1..].starts_with(entity));
            assert!(known, "no entity: {}", &xml[at..(at + 12).min(xml.len())]);
        }
        texts
    }

    #[test]
    fn charts_are_xml_and_show_every_method() {
        let document = document(&USUAL);
        let charts = all(&document).expect("charts");
        assert_eq!(charts.len(), 4);
        for chart in &charts {
            let texts = texts(&chart.svg);
            for method in ["full", "differential", "incremental"] {
                let shown = texts.iter().any(|text| text == method);
                assert!(shown, "no {method} in {}: {texts:?}", chart.title);
            }
            assert!(chart.svg.starts_with("<svg role=\"img\" aria-label=\""));
            assert!(chart.svg.contains("viewBox=") && !chart.svg.contains(" width=\"1200\""));
            assert!(chart.svg.contains("incremental: "), "told in the label");
            assert!(
                !chart.svg.contains("#000000"),
                "text takes the page's colour"
            );
        }
        let labels = texts(&charts[0].svg);
        for label in ["100 MiB", "recovery point", "stored in all", "3"] {
            assert!(
                labels.iter().any(|text| text == label),
                "no {label}: {labels:?}"
            );
        }
        assert!(texts(&charts[3].svg).iter().any(|text| text == "$0.0033"));
    }

    #[test]
    fn hostile_names_stay_text() {
        let mut rows = comparison(&USUAL);
        rows.methods[0].method = "<script>\"&'\u{1b}\u{0}</svg>".to_owned();
        rows.methods[1].method = "m".repeat(3000);
        for chart in all(&price(&rows)).expect("charts") {
            texts(&chart.svg);
            assert!(!chart.svg.contains("<script"), "{}", chart.title);
        }
    }

    #[test]
    fn any_numbers_can_be_drawn() {
        let mut rows = comparison(&USUAL);
        rows.methods[0].points.clear();
        rows.methods[0].restores.clear();
        rows.methods[1].points[0].stored_bytes = u64::MAX;
        rows.methods[1].points[1].sent_bytes = u64::MAX;
        rows.methods[1].restores[0].chain_length = u32::MAX;
        rows.methods[1].vault_bytes = u64::MAX;
        rows.methods[2].restores[0].wall_micros = 0;
        for chart in all(&price(&rows)).expect("charts") {
            texts(&chart.svg);
        }
        for method in &mut rows.methods {
            method.vault_bytes = 0;
            method.restores.clear();
            method.points.clear();
        }
        all(&price(&rows)).expect("charts of nothing");
        rows.methods.clear();
        all(&price(&rows)).expect("charts of no one");
    }
}
