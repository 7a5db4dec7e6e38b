//! What a scenario's outcome says in words that a board reads.
#![expect(
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a few digits are shown, and nothing is negative"
)]

use std::fmt;

use serde::Serialize;
use simulator::outcome::Fidelity;

use super::document::{ScenarioDocument, StrategyDocument};
use super::frontier::Standing;
use super::percentiles::{Percentiles, Share};
use super::risk::Measure;
use crate::units::{self, plain};

/// A time as people say it, up to days.
pub(super) fn time(seconds: f64) -> String {
    let days = seconds / 86_400.0;
    if (seconds - 3600.0).abs() < 1.0 {
        return "1 h".to_owned();
    }
    if days < 2.0 {
        return units::seconds_about(seconds);
    }
    let text = if days < 100.0 {
        format!("{days:.1}")
    } else {
        units::count(days.round() as u64)
    };
    format!("{} days", text.strip_suffix(".0").unwrap_or(&text))
}

/// A year's money: whole units from a hundred on, as nobody pays by the cent there.
pub(super) fn money(document: &ScenarioDocument, sum: f64) -> String {
    let text = units::money(
        if sum >= 100.0 { sum.round() } else { sum },
        &document.currency,
    );
    if sum >= 100.0 {
        text.replacen(".00", "", 1)
    } else {
        text
    }
}

/// A ratio in percent, never rounded up to all or down to none.
pub(super) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    let text = if percent > 0.0 && percent < 0.1 {
        "< 0.1".to_owned()
    } else if percent > 99.9 && percent < 100.0 {
        "> 99.9".to_owned()
    } else {
        let text = format!("{percent:.1}");
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    format!("{text} %")
}

/// A share with its interval: `96.2 % (94.1 to 97.6)`.
pub(super) fn share(share: &Share) -> String {
    if share.of == 0 {
        return "no incident".to_owned();
    }
    format!("{} ({})", percent(share.ratio), interval(share))
}

/// Where a share lies, in percent: `94.1 to 97.6`.
pub(super) fn interval(share: &Share) -> String {
    let bare = |ratio: f64| percent(ratio).replace(" %", "");
    format!(
        "{} to {}",
        bare(share.interval.low),
        bare(share.interval.high)
    )
}

/// The word that files use for it.
pub(super) fn kebab(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    let word = value.as_ref().and_then(|value| value.as_str());
    word.unwrap_or("unknown").to_owned()
}

/// How real a row is.
pub(super) fn fidelity(fidelity: Fidelity) -> &'static str {
    match fidelity {
        Fidelity::Measured => "measured",
        Fidelity::Emulated => "emulated",
        Fidelity::Modelled => "modelled",
    }
}

fn names(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// What stands above the sentences of the strategies: which to take.
pub(super) fn lead(document: &ScenarioDocument) -> Option<String> {
    let compared: Vec<&StrategyDocument> = document.compared().collect();
    if compared.iter().all(|one| one.incidents == 0) {
        let nothing =
            "No disaster struck: this tells what the strategies cost, and not what they save.";
        return Some(nothing.to_owned());
    }
    (compared.len() > 1).then(|| choice(document, &compared))
}

/// The answer: which to take, then a sentence or two for each strategy.
pub(super) fn answer(document: &ScenarioDocument) -> Vec<String> {
    let strategies = document.compared();
    let told = strategies.map(|one| told(document, one).to_string());
    lead(document).into_iter().chain(told).collect()
}

/// Which strategies are worth their money, and with penalties which costs least all told.
fn choice(document: &ScenarioDocument, compared: &[&StrategyDocument]) -> String {
    let (bare, ranked): (Vec<&StrategyDocument>, Vec<&StrategyDocument>) = compared
        .iter()
        .partition(|one| one.standing == Some(Standing::NoProtection));
    let bare: Vec<String> = bare.iter().map(|one| plain(&one.strategy)).collect();
    let bare = match &bare[..] {
        [] => String::new(),
        [one] => format!(" {one} brings back nothing of most incidents."),
        some => format!(" {} bring back nothing of most incidents.", names(some)),
    };
    if ranked.is_empty() {
        return bare.trim_start().to_owned();
    }
    let efficient: Vec<String> = ranked
        .iter()
        .filter(|one| one.standing == Some(Standing::Efficient))
        .map(|one| plain(&one.strategy))
        .collect();
    let safer = match document.measure {
        Measure::Penalty => "less expected damage",
        Measure::Missed => "fewer missed objectives",
        Measure::Hours => "fewer hours down and lost",
    };
    let worth = match &efficient[..] {
        [one] if ranked.len() == 1 => format!("{one} is the only one that protects."),
        [one] => format!(
            "{one} is the only efficient one: no other that protects is cheaper or has {safer}."
        ),
        all if all.len() == ranked.len() => format!(
            "Each of {} is worth a thought: whoever pays more gets {safer}.",
            names(all)
        ),
        some => format!(
            "Efficient are {}: others that protect cost as much or more without having {safer}.",
            names(some)
        ),
    };
    let worth = worth + &bare;
    if document.measure != Measure::Penalty {
        return worth;
    }
    let told =
        |one: &StrategyDocument| one.cost.per_year + one.risk.penalty_per_year.unwrap_or_default();
    let mut order = compared.to_vec();
    order.sort_by(|a, b| told(a).total_cmp(&told(b)));
    let [best, next, ..] = order[..] else {
        return worth;
    };
    format!(
        "{} costs least all told: {} a year, bill and expected damage together; the next, {}, {}. {worth}",
        plain(&best.strategy),
        money(document, told(best)),
        plain(&next.strategy),
        money(document, told(next)),
    )
}

/// What is told of a strategy, in parts that a page may dress differently.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) name: String,
    /// What it loses, for how long it is down, what it costs.
    pub(super) what: String,
    /// What did not come back; may be empty.
    pub(super) failures: String,
    /// Who beats it; may be empty.
    pub(super) beaten: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)?;
        for more in [&self.failures, &self.beaten] {
            if !more.is_empty() {
                write!(f, " {more}")?;
            }
        }
        Ok(())
    }
}

/// What a strategy loses, for how long it is down, what it costs, and whether it is worth that.
pub(super) fn told(document: &ScenarioDocument, one: &StrategyDocument) -> Told {
    let penalty = one.risk.penalty_per_year.map_or(String::new(), |sum| {
        format!(", and {} in expected damage", money(document, sum))
    });
    let costs = format!(
        "It costs {} a year{penalty}.",
        money(document, one.cost.per_year)
    );
    let beaten = match &one.standing {
        Some(Standing::BeatenBy(better)) => {
            let better = plain(better);
            let no_more = match document.measure {
                Measure::Penalty => "has no more expected damage",
                Measure::Missed => "misses objectives no more often",
                Measure::Hours => "has no more hours down and lost",
            };
            format!("Beaten by {better}, which costs no more and {no_more}.")
        }
        Some(Standing::NoProtection) => "No protection from these.".to_owned(),
        _ => String::new(),
    };
    let suffers = match one.incidents {
        0 => "nothing happened to it".to_owned(),
        _ => suffers(one),
    };
    Told {
        name: plain(&one.strategy),
        what: format!("{suffers}. {costs}"),
        failures: failures(one),
        beaten,
    }
}

/// `in half of the incidents loses up to 14 h of data and is down for up to 9 h, in 19 of 20 up to
/// 27 h and 17 h`.
fn suffers(one: &StrategyDocument) -> String {
    let (rpo, rto) = (&one.rpo, &one.rto);
    if rpo.count == 0 {
        return "nothing comes back".to_owned();
    }
    let Some((lost, down)) = rpo.p50_seconds.zip(rto.p50_seconds) else {
        return "in more than half of the incidents nothing comes back".to_owned();
    };
    let most = rpo.nearly_worst().zip(rto.nearly_worst());
    let most = most.map(|(lost, down)| ((lost > 0.0).then(|| time(lost)), time(down)));
    let half = ((lost > 0.0).then(|| time(lost)), time(down));
    let all = most.as_ref() == Some(&half);
    let up_to = if all { "" } else { "up to " };
    let loses = match &half.0 {
        Some(lost) => format!("loses {up_to}{lost} of data"),
        None => "loses no data".to_owned(),
    };
    let half = format!("{loses} and is down for {up_to}{}", half.1);
    let often = rto.has_p95();
    match most {
        _ if all => half,
        Some((lost, down)) => {
            let often = if often { "in 19 of 20" } else { "at worst" };
            let most = match lost {
                Some(lost) => format!("up to {lost} and {down}"),
                None => format!("for up to {down}"),
            };
            format!("in half of the incidents {half}, {often} {most}")
        }
        None => {
            let often = if often {
                "in more than 1 of 20"
            } else {
                "at worst"
            };
            format!("in half of the incidents {half}, {often} nothing comes back")
        }
    }
}

/// A percentile in a cell: of data lost, or of time until service is back.
pub(super) fn percentile(times: &Percentiles, at: Option<f64>, endless: &str) -> String {
    match at {
        Some(seconds) => time(seconds),
        None if times.endless > 0 => endless.to_owned(),
        None => "-".to_owned(),
    }
}

/// What stands for data that is not back at all.
pub(super) const ALL_DATA: &str = "all";
/// What stands for service that is not back at all.
pub(super) const NEVER: &str = "never";

/// What did not come back.
pub(super) fn failures(one: &StrategyDocument) -> String {
    let of = units::count(one.incidents);
    let mut parts = Vec::new();
    if one.lost > 0 {
        parts.push(format!("{} lost everything", units::count(one.lost)));
    }
    if one.open > 0 {
        parts.push(format!(
            "{} were not over at the end",
            units::count(one.open)
        ));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!("OF {of} INCIDENTS, {}.", names(&parts))
}

/// What risk is, for axes and heads.
pub(super) fn measure(document: &ScenarioDocument) -> &'static str {
    match document.measure {
        Measure::Penalty => "expected damage a year",
        Measure::Missed => "incidents that missed",
        Measure::Hours => "hours down and lost a year",
    }
}

/// A value of that measure.
pub(super) fn risk(document: &ScenarioDocument, value: f64) -> String {
    match document.measure {
        Measure::Penalty => money(document, value),
        Measure::Missed => percent(value),
        Measure::Hours => format!("{value:.1} h"),
    }
}

/// Years and trials: `1,000 trials of 5 years`.
pub(super) fn trials(document: &ScenarioDocument, one: &StrategyDocument) -> String {
    let count = match one.trials {
        1 => "1 trial".to_owned(),
        trials => format!("{} trials", units::count(u64::from(trials))),
    };
    format!("{count} of {}", horizon(document.horizon_seconds))
}

/// How long a trial is.
pub(super) fn horizon(seconds: f64) -> String {
    let years = seconds / (365.25 * 86_400.0);
    if years < 0.97 {
        return time(seconds);
    }
    match format!("{years:.1}").strip_suffix(".0") {
        Some("1") => "a year".to_owned(),
        Some(whole) => format!("{whole} years"),
        None => format!("{years:.1} years"),
    }
}

/// Parts of a million as percent.
pub(super) fn parts(ppm: u64) -> String {
    percent(ppm as f64 / 1e6)
}

/// How the total comes about.
pub(super) fn pricing(document: &ScenarioDocument) -> Vec<String> {
    let deleted = match &document.soft_delete {
        Some(terms) => format!(
            "Deleted bytes that can be brought back, and what waits to be removed, are charged in full: \
             the last {} days, which {} ({}) says are free, are not taken off, so that this part is an \
             upper bound.",
            terms.free_days, terms.source.title, terms.date
        ),
        None => "Deleted bytes that can be brought back cost as kept ones do.".to_owned(),
    };
    vec![
        format!(
            "Quantities of all trials, divided by their number, times the prices below; a gigabyte has {} \
             bytes, a month 730.5 hours. List prices, before discounts and taxes.",
            units::count(document.gigabyte_bytes)
        ),
        "An instance pays one fee, by its size, for all vaults that it is in; snapshots, disks and tapes \
         have none. A replicated instance pays for its licence, less the days that the book says are free when it begins, \
         and for a standard hard disk of its size in the other region, with its history at the price of snapshots; on an \
         own site for disk there."
            .to_owned(),
        deleted,
        "Requests are charged as hot blobs charge them, those that write to anything but LRS as GRS; a \
         provider's own backup service may include them. Traffic between regions is charged as within \
         Europe and North America; free allowances are not taken off. Machines that stand in have 8 cores \
         and run Windows."
            .to_owned(),
        "Tapes are bought when more is stored than ever before, and a library is paid in months in which \
         it holds any. A vault's courier brings its first point; drives carry 8 TB each."
            .to_owned(),
    ]
}

/// What expected damage is.
pub(super) fn damage(document: &ScenarioDocument) -> String {
    let rate = |rate: Option<u64>, of: &str| {
        let sum = |rate: u64| units::money(rate as f64, &document.currency).replace(".00", "");
        rate.map(|rate| format!("{} for each hour {of}", sum(rate)))
    };
    let rates: Vec<String> = [
        rate(document.downtime_per_hour, "that one instance is down"),
        rate(
            document.lost_data_per_hour,
            "of one instance's data that is lost",
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let rates = if rates.is_empty() {
        "The scenario states no rates, so that there is none.".to_owned()
    } else {
        format!(
            "The scenario's rates, {}, times what happened in the trials.",
            names(&rates)
        )
    };
    format!(
        "{rates} It is no part of the cost. An instance that never came back is down until its trial ends; \
         one that lost everything lost all since its trial began, and what it had before on top."
    )
}

/// A quantity with three digits or more.
pub(super) fn quantity(quantity: f64) -> String {
    if quantity >= 100.0 {
        return units::count(quantity.round() as u64);
    }
    let digits = if quantity >= 10.0 { 1 } else { 3 };
    format!("{quantity:.digits$}")
}
