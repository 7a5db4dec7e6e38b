//! The answer and the tables as Markdown: `report.md`.

use super::document::ScenarioDocument;
use super::{summary, words};
use crate::units::{self, plain};

/// Renders the page.
pub(super) fn render(document: &ScenarioDocument) -> String {
    let mut text = format!("# {}\n\n", line(title(document)));
    for (what, found) in summary::violations(document) {
        text += &format!("**VIOLATED, {}:** {}\n\n", line(&what), line(found));
    }
    for sentence in &document.answer {
        text += &format!("* {}\n", line(sentence));
    }
    text += "\n## The strategies\n\n";
    text += &table(&summary::table(document));
    text += "\n\\* efficient. RPO and RTO over the incidents that had one; shares with Wilson's interval at \
             95 %.\n\n## Cost\n\n";
    text += &table(&costs(document));
    for sentence in words::pricing(document) {
        text += &format!("\n{sentence}\n");
    }
    text += &format!("\nExpected damage: {}\n", words::damage(document));
    let agreements = summary::agreements(document);
    if !agreements.is_empty() {
        text += "\n## Do the fidelities agree?\n\n";
        for agreement in agreements {
            text += &format!("* {}\n", line(&agreement));
        }
    }
    text += "\n## Assumptions\n\n";
    text += &table(&assumptions(document));
    text += &format!("\n## Prices: {}\n\n", line(&document.price_book));
    text += &table(&prices(document));
    text += &made_with(document);
    text
}

/// The question, or the name where none is asked.
pub(super) fn title(document: &ScenarioDocument) -> &str {
    if document.question.is_empty() {
        &document.scenario
    } else {
        &document.question
    }
}

/// A row for each line of each strategy's cost, then its sum.
fn costs(document: &ScenarioDocument) -> Vec<Vec<String>> {
    let heads = [
        "strategy", "part", "what", "quantity", "price", "horizon", "a year",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let money = |sum: f64| units::money(sum, &document.currency);
    for one in document.compared() {
        let name = plain(&one.strategy);
        for line in &one.cost.lines {
            rows.push(vec![
                name.clone(),
                line.part.name().to_owned(),
                line.what.clone(),
                format!("{} {}", words::quantity(line.quantity), line.unit),
                money(line.price),
                money(line.horizon),
                money(line.per_year),
            ]);
        }
        let mut sum = vec![name, "**all**".to_owned()];
        sum.extend(["", "", ""].map(str::to_owned));
        sum.extend([one.cost.horizon, one.cost.per_year].map(money));
        rows.push(sum);
    }
    rows
}

fn assumptions(document: &ScenarioDocument) -> Vec<Vec<String>> {
    let mut rows = vec![["what", "assumed", "source"].map(str::to_owned).to_vec()];
    let given = document.assumptions.iter();
    rows.extend(given.map(|of| vec![of.what.clone(), of.value.clone(), of.source.clone()]));
    rows
}

fn prices(document: &ScenarioDocument) -> Vec<Vec<String>> {
    let heads = [
        "price", "value", "unit", "region", "date", "status", "source",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for price in &document.prices {
        rows.push(vec![
            price.id.clone(),
            price.value.to_string(),
            price.unit.clone(),
            price.region.clone(),
            price.date.clone(),
            price.status.to_string(),
            format!("{}, {}", price.source.title, price.source.place),
        ]);
    }
    rows
}

fn made_with(document: &ScenarioDocument) -> String {
    let mut text = format!(
        "\n## Made with\n\n* Again: `{}`\n* firedrill {}, seed {}, scenario digest {}\n",
        plain(&document.command).replace('`', "'"),
        line(&document.program_version),
        document.seed,
        line(&document.scenario_digest)
    );
    for one in &document.strategies {
        let scale = one.scale.map_or(String::new(), |scale| {
            format!(", one real byte for {} stated", units::count(scale))
        });
        text += &format!(
            "* {}: {}, {}{scale}; trace digest of the first {}\n",
            line(&one.strategy),
            words::fidelity(one.fidelity),
            words::trials(document, one),
            line(&one.trace_digest)
        );
    }
    text
}

fn table(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| line(cell)).collect();
        text += &format!("| {} |\n", cells.join(" | "));
        if number == 0 {
            text += &format!("|{}\n", "---|".repeat(row.len()));
        }
    }
    text
}

/// Text that stays one cell of one line, and no markup.
fn line(text: &str) -> String {
    plain(text).replace('|', "\\|").replace('<', "&lt;")
}
