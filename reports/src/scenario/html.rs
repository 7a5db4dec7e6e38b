//! The outcome as one page: what is wrong, the answer, one incident in pictures, then what it rests on.
#![expect(clippy::cast_sign_loss, reason = "counts are not negative")]

use askama::Template;

use super::bars::{self, Bar, Legend};
use super::chart::{self, Figure};
use super::cost::Part;
use super::document::{ScenarioDocument, StrategyDocument};
use super::frontier::Standing;
use super::timeline::{self, Picture};
use super::words::{self, Told};
use super::{risk::Measure, summary};
use crate::units::{self, bound, plain};
use crate::{Price, ReportError};

#[derive(Template)]
#[template(path = "scenario.html")]
struct Page<'a> {
    document: &'a ScenarioDocument,
    sub: String,
    violations: Vec<(String, &'a str)>,
    lead: Option<String>,
    told: Vec<Sentence>,
    objectives: String,
    strategies: Strategies,
    pictures: Vec<Picture>,
    no_picture: bool,
    spreads: Vec<Figure>,
    recoveries: (Vec<Bar>, Legend),
    cost_and_risk: Figure,
    measure: &'static str,
    costs: (Vec<Bar>, Legend),
    cost_parts: Table,
    months: Vec<Figure>,
    lines: Vec<Lines>,
    trials: Table,
    agreements: Vec<String>,
    pricing: Vec<String>,
    damage: String,
    prices: Vec<PriceRow<'a>>,
}

/// What is told of a strategy, and whether it is worth its money.
struct Sentence {
    told: Told,
    efficient: bool,
}

/// A row for each strategy.
struct Strategies {
    heads: Vec<String>,
    rows: Vec<StrategyRow>,
}

struct StrategyRow {
    name: String,
    hint: String,
    cells: Vec<Cell>,
}

/// A value, and what goes with it in small letters.
struct Cell {
    text: String,
    hint: String,
}

struct Table {
    heads: Vec<Head>,
    rows: Vec<Row>,
}

struct Head {
    name: String,
    hint: String,
}

struct Row {
    name: String,
    hint: String,
    sum: bool,
    cells: Vec<String>,
}

/// What a strategy's cost is made of.
struct Lines {
    strategy: String,
    rows: Vec<Vec<String>>,
}

struct PriceRow<'a> {
    price: &'a Price,
    /// The source's place is an address that a browser may open when it is asked to.
    is_address: bool,
}

/// Renders the page.
pub(super) fn render(document: &ScenarioDocument) -> Result<String, ReportError> {
    let pictures = timeline::pictures(document);
    let prices = document.prices.iter().map(|price| PriceRow {
        price,
        is_address: price.source.place.starts_with("https://"),
    });
    let page = Page {
        document,
        sub: sub(document),
        violations: summary::violations(document),
        lead: words::lead(document).map(|text| bound(&text)),
        told: document
            .compared()
            .map(|one| sentence(document, one))
            .collect(),
        objectives: objectives(document),
        strategies: strategies(document),
        no_picture: pictures.is_empty(),
        pictures,
        spreads: chart::spreads(document)?,
        recoveries: bars::recoveries(document),
        cost_and_risk: chart::cost_and_risk(document)?,
        measure: words::measure(document),
        costs: bars::costs(document),
        cost_parts: cost_parts(document),
        months: chart::months(document)?,
        lines: document
            .compared()
            .map(|one| lines(document, one))
            .collect(),
        trials: trials(document),
        agreements: summary::agreements(document),
        pricing: words::pricing(document),
        damage: words::damage(document),
        prices: prices.collect(),
    };
    page.render().map_err(|error| ReportError::Make {
        file: "report.html",
        message: error.to_string(),
    })
}

fn sub(document: &ScenarioDocument) -> String {
    let instances = match document.instances {
        1 => "1 instance".to_owned(),
        many => format!("{} instances", units::count(many)),
    };
    let trials = document.compared().next();
    let trials = trials.map_or(String::new(), |one| {
        format!("; {} of each strategy", words::trials(document, one))
    });
    format!(
        "{}: {instances} with {} in all{trials}, under the same faults.",
        plain(&document.scenario),
        units::bytes(document.protected_bytes)
    )
}

fn sentence(document: &ScenarioDocument, one: &StrategyDocument) -> Sentence {
    let told = words::told(document, one);
    Sentence {
        told: Told {
            what: bound(&told.what),
            ..told
        },
        efficient: one.standing == Some(Standing::Efficient),
    }
}

fn objectives(document: &ScenarioDocument) -> String {
    let asked = |objective: Option<f64>, name: &str| {
        objective.map(|seconds| format!("{name} of {}", words::time(seconds)))
    };
    let asked = [
        asked(document.rpo_objective_seconds, "an RPO"),
        asked(document.rto_objective_seconds, "an RTO"),
    ];
    let asked: Vec<String> = asked.into_iter().flatten().collect();
    if asked.is_empty() {
        return "The scenario asks for no RPO and no RTO.".to_owned();
    }
    format!(
        "Asked for: {}. Beside each share stands where it lies with 95 % confidence (Wilson), if incidents \
         are independent; instances hit by one fault are not, so that it is rather wider.",
        asked.join(" and ")
    )
}

fn head(name: &str, hint: &str) -> Head {
    Head {
        name: name.to_owned(),
        hint: hint.to_owned(),
    }
}

fn strategies(document: &ScenarioDocument) -> Strategies {
    let met = |objective: Option<f64>, name: &str| {
        objective.map(|seconds| format!("{name} {}", words::time(seconds)))
    };
    let mut heads: Vec<String> = ["instances hit", "RPO, half", "RTO, half"]
        .map(str::to_owned)
        .into();
    heads.extend(met(document.rpo_objective_seconds, "met RPO"));
    heads.extend(met(document.rto_objective_seconds, "met RTO"));
    heads.extend(["restored", "cost a year"].map(str::to_owned));
    if document.measure == Measure::Penalty {
        heads.push("damage a year".to_owned());
    }
    Strategies {
        heads,
        rows: document
            .compared()
            .map(|one| strategy(document, one))
            .collect(),
    }
}

fn cell(text: String, hint: String) -> Cell {
    Cell { text, hint }
}

fn strategy(document: &ScenarioDocument, one: &StrategyDocument) -> StrategyRow {
    let a_year = units::count(one.risk.incidents_per_year.round() as u64);
    let mut cells = vec![cell(
        units::count(one.incidents),
        format!("{a_year} a year"),
    )];
    let of = [(&one.rpo, words::ALL_DATA), (&one.rto, words::NEVER)];
    cells.extend(of.map(|(times, endless)| {
        let told = |at: Option<f64>| words::percentile(times, at, endless);
        let most = format!("95 %: {}", told(times.p95_seconds));
        cell(told(times.p50_seconds), most)
    }));
    let shares = [&one.rpo_met, &one.rto_met].into_iter().flatten();
    cells.extend(shares.map(|share| {
        let interval = words::interval(share);
        cell(words::percent(share.ratio), interval)
    }));
    let others = [
        (one.waited_out, "waited out"),
        (one.lost, "lost"),
        (one.open, "not over"),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0);
    let others: Vec<String> = others
        .map(|(count, what)| format!("{} {what}", units::count(*count)))
        .collect();
    cells.push(cell(units::count(one.restored), others.join(", ")));
    cells.push(cell(
        words::money(document, one.cost.per_year),
        String::new(),
    ));
    let penalty = one.risk.penalty_per_year;
    cells.extend(penalty.map(|sum| cell(words::money(document, sum), String::new())));
    let copies: Vec<String> = one.copies.iter().map(timeline::copy_name).collect();
    let component = one
        .component
        .as_ref()
        .map(|name| format!(" by {}", plain(name)));
    StrategyRow {
        name: plain(&one.strategy),
        hint: copies.join(" + ") + &component.unwrap_or_default(),
        cells,
    }
}

/// A column for each strategy, a row for each part.
fn cost_parts(document: &ScenarioDocument) -> Table {
    let compared: Vec<&StrategyDocument> = document.compared().collect();
    let row = |name: &str, hint: &str, sum: bool, of: &dyn Fn(&StrategyDocument) -> f64| Row {
        name: name.to_owned(),
        hint: hint.to_owned(),
        sum,
        cells: compared
            .iter()
            .map(|one| match of(one) {
                nothing if nothing <= 0.0 && !sum => "–".to_owned(),
                sum => words::money(document, sum),
            })
            .collect(),
    };
    let used = |part: &Part| compared.iter().any(|one| one.cost.part(*part) > 0.0);
    let parts = Part::ALL.into_iter().filter(used);
    let mut rows: Vec<Row> = parts
        .map(|part| row(part.name(), "", false, &|one| one.cost.part(part)))
        .collect();
    rows.push(row("cost a year", "", true, &|one| one.cost.per_year));
    let years = words::horizon(document.horizon_seconds);
    rows.push(row("over the horizon", &years, false, &|one| {
        one.cost.horizon
    }));
    if document.measure == Measure::Penalty {
        let damage = |one: &StrategyDocument| one.risk.penalty_per_year.unwrap_or_default();
        let part = |part: Option<f64>| part.unwrap_or_default();
        rows.push(row("downtime", "expected damage a year", false, &|one| {
            part(one.risk.downtime_penalty_per_year)
        }));
        rows.push(row("lost data", "expected damage a year", false, &|one| {
            part(one.risk.lost_data_penalty_per_year)
        }));
        rows.push(row("all told", "cost and damage a year", true, &|one| {
            one.cost.per_year + damage(one)
        }));
    }
    Table {
        heads: compared
            .iter()
            .map(|one| head(&plain(&one.strategy), ""))
            .collect(),
        rows,
    }
}

fn lines(document: &ScenarioDocument, one: &StrategyDocument) -> Lines {
    let row = |line: &super::CostLine| {
        vec![
            line.part.name().to_owned(),
            line.what.clone(),
            words::quantity(line.quantity),
            line.unit.clone(),
            units::money(line.price, &document.currency),
            units::money(line.horizon, &document.currency),
            units::money(line.per_year, &document.currency),
        ]
    };
    Lines {
        strategy: plain(&one.strategy),
        rows: one.cost.lines.iter().map(row).collect(),
    }
}

/// Every fidelity of every strategy.
fn trials(document: &ScenarioDocument) -> Table {
    let row = |one: &StrategyDocument| {
        let scale = one.scale.map_or("–".to_owned(), |scale| {
            format!("1 byte for {}", units::count(scale))
        });
        Row {
            name: plain(&one.strategy),
            hint: String::new(),
            sum: false,
            cells: vec![
                words::fidelity(one.fidelity).to_owned(),
                units::count(u64::from(one.trials)),
                scale,
                units::count(one.incidents),
                words::percentile(&one.rpo, one.rpo.p50_seconds, words::ALL_DATA),
                words::percentile(&one.rto, one.rto.p50_seconds, words::NEVER),
                units::count(one.events),
                plain(&one.trace_digest).chars().take(16).collect(),
            ],
        }
    };
    let heads = [
        ("fidelity", ""),
        ("trials", ""),
        ("scale", "real for stated"),
        ("incidents", ""),
        ("RPO", "half up to"),
        ("RTO", "half up to"),
        ("events", ""),
        ("trace digest", "of the first trial"),
    ];
    Table {
        heads: heads.iter().map(|(name, hint)| head(name, hint)).collect(),
        rows: document.strategies.iter().map(row).collect(),
    }
}
