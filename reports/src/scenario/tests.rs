use std::fs;

use simulator::outcome::scenario::{Ending, Quantity, StrategyOutcome};
use simulator::scenario::{Redundancy, To};

use super::cost::Part;
use super::frontier::Standing;
use super::sample::{USUAL, book, outcome, price};
use super::{ScenarioDocument, html, markdown, scenario_summary, write_scenario};
use crate::PriceBook;

fn near(a: f64, b: f64) {
    assert!(
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
        "{a} and {b}"
    );
}

#[test]
fn parts_lines_and_months_all_add_up_to_the_total() {
    for one in &price(&outcome(&USUAL)).strategies {
        let cost = &one.cost;
        assert!(cost.horizon > 0.0);
        near(
            cost.parts.iter().map(|part| part.horizon).sum(),
            cost.horizon,
        );
        near(
            cost.parts.iter().map(|part| part.per_year).sum(),
            cost.per_year,
        );
        near(
            cost.lines.iter().map(|line| line.horizon).sum(),
            cost.horizon,
        );
        near(
            cost.months.iter().map(|month| month.all).sum(),
            cost.horizon,
        );
        near(cost.per_year * 2.0, cost.horizon);
        for line in &cost.lines {
            near(line.quantity * line.price, line.horizon);
        }
    }
}

#[test]
fn each_part_is_its_quantity_times_its_price() {
    let document = price(&outcome(&USUAL));
    let cost = &document.strategies[1].cost;
    let line = |what: &str| {
        let found = cost.lines.iter().find(|line| line.what.contains(what));
        found.unwrap_or_else(|| panic!("no {what} in {:#?}", cost.lines))
    };
    // 24 months of 700 GB to the second region, 20 of 30 GB between regions and 10 out.
    near(line("second region").horizon, 24.0 * 700.0 * 0.02);
    near(line("between regions").horizon, 24.0 * 20.0 * 0.02);
    near(line("to a site").horizon, 24.0 * 10.0 * 0.087);
    near(line("writes").horizon, 24.0 * 9.0 * 0.11);
    near(line("stand in").horizon, 60.0 * 0.12);
    // 730 of a month's 730.5 hours; 20 instances of 200 GB.
    near(
        line("instances").horizon,
        24.0 * 20.0 * 10.0 * 730.0 / 730.5,
    );
    let gigabytes: f64 = (0..24).map(|month| f64::from(4000 + 60 * month)).sum();
    let both = line("vault, GRS").horizon + line("deleted").horizon;
    near(
        (both / (gigabytes * 0.04 * 730.0 / 730.5) * 1e6).round(),
        1e6,
    );
    near(
        line("deleted").horizon * 19.0,
        cost.part(Part::Stored) * 2.0,
    );
}

#[test]
fn a_number_of_trials_does_not_change_what_one_costs() {
    let document = price(&outcome(&USUAL));
    let (modelled, emulated) = (&document.strategies[0], &document.strategies[4]);
    assert_eq!((modelled.trials, emulated.trials), (50, 1));
    near(modelled.cost.horizon, emulated.cost.horizon);
}

#[test]
fn tapes_are_bought_once_and_instances_charged_once() {
    let document = price(&outcome(&USUAL));
    let tape = &document.strategies[3].cost;
    let bought = tape.lines.iter().find(|line| line.what == "tapes bought");
    let last = (4000.0 + 60.0 * 23.0) / 1000.0 * 730.0 / 730.5;
    near(bought.map_or(0.0, |line| line.quantity), last);
    near(tape.part(Part::Courier) * 2.0, 24.0 * 4.0 * 40.0);
    near(tape.part(Part::Instances), 0.0);
    let both = &document.strategies[2];
    near(
        both.cost.part(Part::Instances),
        document.strategies[1].cost.part(Part::Instances),
    );
}

#[test]
fn a_vaults_courier_is_seeding() {
    let mut rows = outcome(&USUAL[..1]);
    let first = &mut rows.strategies[0].quantities[0];
    (first.courier_trips, first.put_bytes) = (50, 50 * 20_000_000_000_000);
    let cost = price(&rows).strategies[0].cost.clone();
    // 20 TB take two and a half drives of 8 TB: 125 for 50 trials.
    near(cost.part(Part::Seeding) * 2.0, 40.0 + 2.5 * 80.0);
}

#[test]
fn a_missing_price_is_named_and_never_nothing() {
    let text = "name = \"x\"\ncurrency = \"EUR\"\ngigabyte = \"decimal\"\nprice = []\n";
    let empty = PriceBook::parse("mine.toml", text).expect("a book");
    for (sample, id) in [(0, "vault.lrs"), (3, "site.disk")] {
        let rows = outcome(&USUAL[sample..=sample]);
        let error = ScenarioDocument::new(&rows, &empty)
            .expect_err("refused")
            .to_string();
        assert!(error.contains(id) && error.contains("mine.toml"), "{error}");
    }
    // What nobody used needs no price.
    let mut rows = outcome(&USUAL);
    for one in &mut rows.strategies {
        one.quantities.clear();
    }
    let document = ScenarioDocument::new(&rows, &empty).expect("priced");
    assert!(document.prices.is_empty() && document.strategies[0].cost.lines.is_empty());
}

/// A replica in a region beside the strategy's first copy.
fn replicate(strategy: &mut StrategyOutcome) {
    let first = strategy.quantities.iter().filter(|of| of.copy == 0);
    let replicas: Vec<Quantity> = first
        .map(|of| Quantity {
            copy: 7,
            to: To::Replica,
            redundancy: Redundancy::Lrs,
            byte_hours: 7305 * 1_000_000_000 * u128::from(strategy.trials),
            crossed_bytes: 0,
            out_bytes: 0,
            standby_hours: 0,
            ..of.clone()
        })
        .collect();
    strategy.quantities.extend(replicas);
}

/// 20 instances pay from their 32nd day on, each for a disk, and for 10 GB of history together.
#[test]
fn a_replica_pays_licences_disks_and_history() {
    let mut rows = outcome(&USUAL[..1]);
    let book = PriceBook::default_book();
    let before = ScenarioDocument::new(&rows, &book).expect("priced");
    replicate(&mut rows.strategies[0]);
    let after = ScenarioDocument::new(&rows, &book).expect("priced");
    let (before, after) = (&before.strategies[0].cost, &after.strategies[0].cost);
    let of = rows.strategies[0].quantities.iter();
    let months = of.filter(|of| of.to == To::Replica).count();
    let months = f64::from(u32::try_from(months).expect("a few"));
    let line = |what: &str| {
        let line = after.lines.iter().find(|line| line.what == what);
        line.unwrap_or_else(|| panic!("{what}")).quantity
    };
    let instance_months = 20.0 * 730.0 / 730.5;
    near(
        line("replication of an instance") / instance_months,
        months - 31.0 * 24.0 / 730.5,
    );
    near(line("replica's disks of 186 GiB") / instance_months, months);
    near(line("replica's history"), months * 10.0);
    near(before.part(Part::Licences), 0.0);
    near(after.part(Part::Instances), before.part(Part::Instances));
}

#[test]
fn the_books_compiled_in_price_every_part() {
    let mut rows = outcome(&USUAL);
    for one in &mut rows.strategies {
        for of in &mut one.quantities {
            (of.in_bytes, of.courier_trips) = (1, 50);
        }
    }
    replicate(&mut rows.strategies[0]);
    let document = ScenarioDocument::new(&rows, &PriceBook::default_book()).expect("priced");
    let has = |part: Part| {
        document
            .strategies
            .iter()
            .any(|one| one.cost.part(part) > 0.0)
    };
    let lacking: Vec<Part> = Part::ALL.into_iter().filter(|part| !has(*part)).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
    assert!(
        document
            .prices
            .iter()
            .any(|price| price.region == "West Europe")
    );
}

#[test]
fn every_price_that_is_used_is_shown_once() {
    let document = price(&outcome(&USUAL));
    let mut ids: Vec<&str> = document
        .prices
        .iter()
        .map(|price| price.id.as_str())
        .collect();
    let lines = document.strategies.iter().flat_map(|one| &one.cost.lines);
    for id in lines.flat_map(|line| &line.price_ids) {
        assert!(ids.contains(&id.as_str()), "{id}");
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn incidents_are_told_apart() {
    let document = price(&outcome(&USUAL));
    for one in &document.strategies {
        assert_eq!(
            one.restored + one.waited_out + one.lost + one.open,
            one.incidents
        );
    }
    let lrs = &document.strategies[0];
    let met = lrs.rpo_met.expect("an objective");
    assert_eq!((met.hits, met.of), (897, 1000));
    assert!(met.interval.low < met.ratio && met.ratio < met.interval.high);
    near(lrs.risk.missed.expect("objectives"), 1.0 - 0.498);
}

#[test]
fn the_penalty_is_rates_times_what_happened() {
    let document = price(&outcome(&USUAL));
    let grs = &document.strategies[1].risk;
    // 1,000 incidents in 50 trials of two years, 105 % of the median each.
    near(grs.incidents_per_year, 10.0);
    near(grs.downtime_hours_per_year, 10.0 * 9.0 * 1.05);
    near(grs.lost_data_hours_per_year, 10.0 * 14.0 * 1.05);
    near(
        grs.penalty_per_year.expect("rates"),
        94.5 * 50.0 + 147.0 * 20.0,
    );
    // Three instances that never came back are down until the end, and lose all since the start.
    let lrs = &document.strategies[0].risk;
    let (struck, horizon) = (130.0 * 24.0 + 13.0, 24.0 * 730.5);
    near(
        lrs.downtime_hours_per_year,
        (997.0 * 42.0 + 3.0 * (horizon - struck)) / 100.0,
    );
    near(
        lrs.lost_data_hours_per_year,
        (997.0 * 12.6 + 3.0 * struck) / 100.0,
    );
}

#[test]
fn without_rates_risk_is_what_was_missed_and_without_objectives_hours() {
    let mut rows = outcome(&USUAL);
    (rows.downtime_per_hour, rows.lost_data_per_hour) = (None, None);
    let document = price(&rows);
    near(document.measure.value(&document.strategies[1].risk), 0.5);
    assert!(document.strategies[1].risk.penalty_per_year.is_none());
    (rows.rpo_objective_micros, rows.rto_objective_micros) = (None, None);
    let document = price(&rows);
    near(
        document.measure.value(&document.strategies[1].risk),
        94.5 + 147.0,
    );
    assert!(document.strategies[1].rpo_met.is_none());
}

#[test]
fn standings_are_told_of_the_first_fidelity_only() {
    let document = price(&outcome(&USUAL));
    let standings: Vec<_> = document
        .strategies
        .iter()
        .map(|one| one.standing.clone())
        .collect();
    assert_eq!(standings.iter().filter(|one| one.is_some()).count(), 4);
    assert!(standings[4].is_none(), "the emulated one");
    assert_eq!(standings[2], Some(Standing::Efficient));
    assert_eq!(document.compared().count(), 4);
}

/// However cheap it is, what loses all of most incidents is not told as efficient, nor by those that came back.
#[test]
fn what_brings_nothing_back_is_no_protection() {
    let mut outcome = outcome(&USUAL);
    let first = &mut outcome.strategies[0];
    for times in [&mut first.rpo, &mut first.rto] {
        (times.endless, times.p50_micros, times.p95_micros) = (9_000, None, None);
    }
    let document = price(&outcome);
    assert_eq!(
        document.strategies[0].standing,
        Some(Standing::NoProtection)
    );
    let text = scenario_summary(&document, 200).replace('\n', " ");
    for part in [
        "LRS brings back nothing of most incidents.",
        "LRS: in more than half of the incidents nothing comes back.",
        "No protection from these.",
        " all ",
        " never ",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(!text.contains("LRS *"), "{text}");
}

#[test]
fn the_terminal_has_the_answer_first() {
    let document = price(&outcome(&USUAL));
    let text = scenario_summary(&document, 100);
    let flat = text.replace('\n', " ");
    for part in [
        "What does geo-redundancy buy",
        "costs least all told",
        "GRS: in half of the incidents loses up to 14 h of data and is down for up to 9 h, in 19 of 20 up to 27 h and 17 h.",
        "OF 1,000 INCIDENTS, 3 lost everything.",
        "* efficient",
        "Emulated and modelled, LRS: points equal, blocks equal, bytes within 0.8 %",
        "Again: firedrill compare",
    ] {
        assert!(flat.contains(part), "no {part:?} in {text}");
    }
    for width in [50, 80] {
        let text = scenario_summary(&document, width);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width.max(60)), "{widest:?}: {text}");
    }
}

#[test]
fn what_is_violated_is_told_before_anything_else() {
    let mut rows = outcome(&USUAL);
    rows.strategies[4].violations = vec!["point 7 is gone".to_owned()];
    let text = scenario_summary(&price(&rows), 100);
    assert!(
        text.starts_with("VIOLATED, LRS, emulated: point 7 is gone"),
        "{text}"
    );
    assert!(!price(&rows).is_sound());
}

#[test]
fn a_scenario_without_disasters_says_so() {
    let mut rows = outcome(&USUAL);
    rows.strategies.iter_mut().for_each(quiet);
    let document = price(&rows);
    assert!(
        document.answer[0].starts_with("No disaster struck"),
        "{:?}",
        document.answer
    );
    near(
        document.strategies[0].risk.penalty_per_year.expect("rates"),
        0.0,
    );
    assert!(!scenario_summary(&document, 80).contains("NaN"));
}

fn quiet(one: &mut StrategyOutcome) {
    (one.incidents, one.recovered, one.waited_out, one.lost) = (0, 0, 0, 0);
    (one.rpo_met, one.rto_met) = (0, 0);
    (one.rpo, one.rto) = Default::default();
    one.spans_mean.clear();
    one.rows.clear();
    one.timeline.incident = None;
}

#[test]
fn rows_that_make_no_sense_do_no_harm() {
    let mut rows = outcome(&USUAL);
    rows.horizon_micros = 0;
    for one in &mut rows.strategies {
        (one.trials, one.lost, one.rpo_met) = (0, u64::MAX, u64::MAX);
        for of in &mut one.quantities {
            (of.deleted_byte_hours, of.out_bytes) = (u128::MAX, u64::MAX);
        }
    }
    assert!(!scenario_summary(&price(&rows), 80).is_empty());
    rows.strategies.clear();
    assert!(!scenario_summary(&price(&rows), 80).is_empty());
}

#[test]
fn the_document_can_be_read_again() {
    let document = price(&outcome(&USUAL));
    let text = serde_json::to_string(&document).expect("written");
    let again: ScenarioDocument = serde_json::from_str(&text).expect("read");
    assert_eq!(again.strategies.len(), document.strategies.len());
    assert_eq!(again.answer, document.answer);
}

/// Every part stands in the text, in this order.
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part);
        rest = &rest[at.unwrap_or_else(|| panic!("no {part:?} in what is left: {rest}"))..];
    }
}

/// Elements are closed in the order in which they were opened.
fn no_unclosed_tag(page: &str) {
    let void = ["meta", "link", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let name = tag.split([' ', '/', '\n']).find(|word| !word.is_empty());
        let name = name.unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed, of {open:?}");
        } else if !void.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_page_has_the_answer_first_and_the_rest_in_order() {
    let page = html::render(&price(&outcome(&USUAL))).expect("rendered");
    no_unclosed_tag(&page);
    in_order(
        &page.replace('\u{a0}', " "),
        &[
            "<h1>What does geo-redundancy buy",
            "50 trials of 2 years of each strategy, under the same faults.",
            "id=\"answer\"",
            "snapshots and GRS costs least all told",
            "<strong>LRS:</strong> in half of the incidents loses up to 12 h",
            "<span class=\"no\">OF 1,000 INCIDENTS, 3 lost everything.</span>",
            "<span class=\"ok\">Efficient.</span>",
            "id=\"strategies\"",
            "One disaster, strategy by strategy",
            "data last safe: 2027-05-11 01:00 UTC",
            "region outage: 2027-05-11 13:00 UTC",
            "service back: 2027-05-13 05:00 UTC",
            "All incidents",
            "What the time until service is made of",
            "Cost and risk",
            "all told",
            "Every line of the bill",
            "How real this is",
            "1 byte for 4,096",
            "points equal",
            "lognormal, median 4.4 h",
            "firedrill compare redundancy-in-a-regional-outage --seed 7",
            "c0ffee",
            "Prices used",
            "vault.grs",
        ],
    );
    for sample in &USUAL {
        assert!(page.matches(sample.name).count() > 8, "{}", sample.name);
    }
    assert_eq!(page.matches("<svg").count(), 2 + 1 + 4);
    assert_eq!(page.matches("class=\"picture\"").count(), 4);
}

#[test]
fn violations_come_first_and_in_red() {
    let mut rows = outcome(&USUAL);
    rows.strategies[4].violations = vec!["an acknowledged point is gone".to_owned()];
    let page = html::render(&price(&rows)).expect("rendered");
    in_order(
        &page,
        &[
            "<h1>",
            "class=\"answer bad\" id=\"violations\"",
            "checkers found 1 violation.",
            "LRS, emulated: an acknowledged point is gone",
            "id=\"answer\"",
        ],
    );
    in_order(
        &markdown::render(&price(&rows)),
        &["# ", "**VIOLATED", "* LRS"],
    );
}

#[test]
fn names_stay_text_and_the_page_needs_nothing_but_itself() {
    let hostile = "<script>alert(1)</script>\"'&|`";
    let mut rows = outcome(&USUAL);
    for text in [&mut rows.question, &mut rows.scenario, &mut rows.command] {
        hostile.clone_into(text);
    }
    let one = &mut rows.strategies[0];
    (one.strategy, one.component) = (hostile.to_owned(), Some(hostile.to_owned()));
    one.violations = vec![hostile.to_owned()];
    one.spans_mean[0].name = hostile.to_owned();
    one.timeline.faults[0].1 = hostile.to_owned();
    let incident = one.timeline.incident.as_mut().expect("an incident");
    (incident.instance, incident.restored_from) = (hostile.to_owned(), Some(hostile.to_owned()));
    incident.spans[0].name = hostile.to_owned();
    let assumption = &mut rows.assumptions[0];
    for text in [
        &mut assumption.what,
        &mut assumption.value,
        &mut assumption.source,
    ] {
        hostile.clone_into(text);
    }
    let document = price(&rows);
    let page = html::render(&document).expect("rendered");
    no_unclosed_tag(&page);
    for outside in ["<script", "src=", "@import", "url(", "onload"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let text = markdown::render(&document);
    assert!(
        !text
            .replace(&format!("`{}`", rows.command.replace('`', "'")), "")
            .contains("<script"),
        "{text}"
    );
    let heads = "| strategy | fidelity |";
    let table = text.lines().skip_while(|line| !line.starts_with(heads));
    let table: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(
        table.iter().all(|line| columns(line) == columns(table[0])),
        "{table:#?}"
    );
}

#[test]
fn incidents_of_every_ending_can_be_drawn() {
    for ending in [Ending::WaitedOut, Ending::Lost, Ending::Open] {
        let mut rows = outcome(&USUAL);
        for one in &mut rows.strategies {
            let incident = one.timeline.incident.as_mut().expect("an incident");
            incident.ending = ending;
            (incident.captured_micros, incident.true_loss_micros) = (None, None);
            incident.rpo_micros = (ending == Ending::WaitedOut).then_some(0);
            incident.spans.clear();
            if ending != Ending::WaitedOut {
                incident.rto_micros = None;
            }
        }
        let page = html::render(&price(&rows)).expect("rendered");
        no_unclosed_tag(&page);
        assert!(
            !page.contains("data last safe") && !page.contains("NaN"),
            "{ending:?}"
        );
        let told = match ending {
            Ending::Lost => "NO POINT COULD BE RESTORED",
            Ending::Open => "all data lost, down for ever",
            _ => "no data lost, down for 40 h",
        };
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn pages_of_little_do_no_harm() {
    let mut rows = outcome(&USUAL);
    rows.strategies.iter_mut().for_each(quiet);
    let page = html::render(&price(&rows)).expect("rendered");
    no_unclosed_tag(&page);
    assert!(page.contains("No strategy was hit in its first trial."));
    rows.strategies.clear();
    rows.assumptions.clear();
    rows.question.clear();
    let page = html::render(&price(&rows)).expect("rendered");
    no_unclosed_tag(&page);
    assert!(!page.contains("NaN") && page.contains("<h1>redundancy-in-a-regional-outage</h1>"));
}

#[test]
fn all_files_are_written_and_the_tables_have_every_row() {
    let out = tempfile::tempdir().expect("a folder");
    let rows = outcome(&USUAL);
    let document = write_scenario(&rows, &book(), out.path()).expect("written");
    let read = |name: &str| fs::read_to_string(out.path().join(name)).expect("it is there");
    let lines = |name: &str| read(name).lines().count() - 1;
    let sum = |of: fn(&StrategyOutcome) -> usize| rows.strategies.iter().map(of).sum::<usize>();
    assert_eq!(lines("incidents.csv"), sum(|one| one.rows.len()));
    assert_eq!(lines("quantities.csv"), sum(|one| one.quantities.len()));
    assert_eq!(lines("strategies.csv"), 5);
    assert!(read("incidents.csv").contains("region-outage,office-001"));
    assert!(read("strategies.csv").contains("rto_met_ratio_high"));
    for name in ["incidents", "quantities", "strategies"] {
        let bytes = fs::read(out.path().join(format!("{name}.parquet"))).expect("it is there");
        assert!(bytes.starts_with(b"PAR1"));
    }
    assert_eq!(read("report.md"), markdown::render(&document));
    assert_eq!(fs::read_dir(out.path()).expect("a folder").count(), 9);
}
