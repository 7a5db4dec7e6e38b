//! One incident of each strategy as a picture: points on each copy's line, what was lost, the way back.
//!
//! Drawn as boxes placed in percent, so that words keep their size on any screen.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "percent of a width"
)]

use simulator::outcome::scenario::{CopyOutcome, Ending, IncidentRow};
use simulator::scenario::To;

use super::bars::{Segment, segments};
use super::document::{ScenarioDocument, StrategyDocument};
use super::words;
use crate::units::{self, plain};

/// Ticks closer than this (percent of the width) are drawn as one.
const TICKS_APART: f64 = 0.45;
/// Labels of the axis that fit.
const LABELS_MAX: f64 = 7.0;
const HOUR: f64 = 3600.0;
/// Steps of the axis, seconds.
const STEPS: [f64; 16] = [
    60.0,
    300.0,
    900.0,
    1800.0,
    HOUR,
    2.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    24.0 * HOUR,
    48.0 * HOUR,
    96.0 * HOUR,
    168.0 * HOUR,
    336.0 * HOUR,
    720.0 * HOUR,
    2160.0 * HOUR,
    8760.0 * HOUR,
];

/// The incident of one strategy.
pub(super) struct Picture {
    pub(super) strategy: String,
    /// What it shows, for those who don't see it.
    pub(super) told: String,
    pub(super) labels: Vec<Label>,
    pub(super) lanes: Vec<Lane>,
    /// Where the vertical lines stand: last safe, struck, back.
    pub(super) rules: Vec<Rule>,
    pub(super) ticks: Vec<(String, String)>,
    /// The way back, enlarged.
    pub(super) spans: Vec<Segment>,
    pub(super) ending: String,
    /// Nothing came back.
    pub(super) lost: bool,
}

/// Words at a place, hanging to the side that has room.
pub(super) struct Label {
    pub(super) text: String,
    pub(super) at: String,
    pub(super) class: &'static str,
}

pub(super) struct Rule {
    pub(super) left: String,
    pub(super) class: &'static str,
}

/// A line of the picture.
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) boxes: Vec<Mark>,
}

/// A tick or a bar.
pub(super) struct Mark {
    pub(super) left: String,
    /// Empty for a tick.
    pub(super) width: String,
    pub(super) class: &'static str,
}

/// The part of time that is shown, in seconds around the incident; the same for all strategies.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    before: f64,
    after: f64,
}

/// The pictures of all strategies that had an incident in the first trial.
pub(super) fn pictures(document: &ScenarioDocument) -> Vec<Picture> {
    let hit = document.compared().filter_map(|one| {
        let incident = one.timeline.incident.as_ref()?;
        Some((one, incident))
    });
    let hit: Vec<(&StrategyDocument, &IncidentRow)> = hit.collect();
    let window = Window::of(&hit);
    let pictures = hit
        .iter()
        .map(|(one, incident)| picture(document, one, incident, window));
    pictures.collect()
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// Seconds from `from` to `to`; before it, negative.
fn since(from: u64, to: u64) -> f64 {
    seconds(to) - seconds(from)
}

impl Window {
    fn of(hit: &[(&StrategyDocument, &IncidentRow)]) -> Self {
        let mut window = Self {
            before: 0.0,
            after: 0.0,
        };
        for (one, incident) in hit {
            let rpo = incident.rpo_micros.map_or(0.0, seconds);
            let steps = one.copies.iter().map(|copy| seconds(copy.every_micros));
            let step = steps.fold(f64::INFINITY, f64::min);
            // Some points before the one that counted, so that their rhythm is seen.
            let rhythm = if step.is_finite() { 2.4 * step } else { 0.0 };
            let rhythm = if rpo > 0.0 {
                rhythm.min(6.0 * rpo)
            } else {
                rhythm
            };
            window.before = window.before.max(rpo * 1.2).max(rhythm);
            window.after = window
                .after
                .max(incident.rto_micros.map_or(0.0, seconds) * 1.08);
        }
        if window.after <= 0.0 {
            window.after = window.before.max(HOUR) / 2.0;
        }
        // Neither side may vanish beside the other.
        window.before = window.before.max(window.after / 8.0);
        window.after = window.after.max(window.before / 8.0);
        window
    }

    /// Where an instant stands, percent from the left.
    fn place(self, seconds: f64) -> f64 {
        ((seconds + self.before) / (self.before + self.after) * 100.0).clamp(0.0, 100.0)
    }

    fn holds(self, seconds: f64) -> bool {
        (-self.before..=self.after).contains(&seconds)
    }

    fn bar(self, from: f64, to: f64, class: &'static str) -> Mark {
        let (left, right) = (self.place(from), self.place(to));
        Mark {
            left: percent(left),
            width: percent((right - left).max(0.4)),
            class,
        }
    }

    /// Round distances from the incident, and where they stand.
    fn ticks(self) -> Vec<(String, String)> {
        let least = (self.before + self.after) / LABELS_MAX;
        let step = STEPS.into_iter().find(|step| *step >= least);
        let step = step
            .unwrap_or_else(|| STEPS[STEPS.len() - 1] * (least / STEPS[STEPS.len() - 1]).ceil());
        let (from, to) = (-(self.before / step).floor(), (self.after / step).floor());
        let count = (to - from) as u32;
        let steps = (0..=count).map(|at| from + f64::from(at));
        // A label at an end would stick out.
        let fits = steps.filter(|at| (4.0..=95.0).contains(&self.place(at * step)));
        fits.map(|at| {
            let text = match at {
                0.0 => "0".to_owned(),
                _ if at < 0.0 => format!("−{}", words::time(-at * step)),
                _ => format!("+{}", words::time(at * step)),
            };
            (percent(self.place(at * step)), text)
        })
        .collect()
    }
}

fn percent(value: f64) -> String {
    format!("{value:.2}%")
}

fn picture(
    document: &ScenarioDocument,
    one: &StrategyDocument,
    incident: &IncidentRow,
    window: Window,
) -> Picture {
    let safe = captured(incident).map(|at| since(incident.at_micros, at));
    let back = incident.rto_micros.map(seconds);
    let when = |from_incident: f64| {
        let at = seconds(incident.at_micros) + from_incident;
        units::instant(document.start_seconds.saturating_add(at.round() as i64))
    };
    let mut labels = Vec::new();
    let mut rules = Vec::new();
    let mut point_out = |at: f64, text: String, class: &'static str| {
        labels.push(label(window.place(at), text, class));
        rules.push(Rule {
            left: percent(window.place(at)),
            class,
        });
    };
    if let Some(safe) = safe.filter(|at| *at < 0.0) {
        point_out(safe, format!("data last safe: {}", when(safe)), "safe");
    }
    let what = words::kebab(&incident.kind).replace('-', " ");
    point_out(0.0, format!("{what}: {}", when(0.0)), "struck");
    if let Some(back) = back {
        point_out(back, format!("service back: {}", when(back)), "back");
    }
    let mut lanes = fault_lanes(one, incident, window);
    for (number, copy) in (0..).zip(&one.copies) {
        lanes.push(copy_lane(one, incident, window, (number, copy)));
    }
    lanes.push(instance_lane(incident, window));
    let ending = ending(incident);
    Picture {
        strategy: plain(&one.strategy),
        told: format!(
            "{} {ending}",
            labels
                .iter()
                .map(|label| format!("{}.", label.text))
                .collect::<Vec<_>>()
                .join(" ")
        ),
        labels,
        lanes,
        rules,
        ticks: window.ticks(),
        spans: segments(
            incident
                .spans
                .iter()
                .map(|span| (span.name.as_str(), seconds(span.micros))),
        ),
        ending,
        lost: incident.ending == Ending::Lost,
    }
}

/// When what came back was captured.
fn captured(incident: &IncidentRow) -> Option<u64> {
    let lost = incident.rpo_micros;
    let captured = lost.map(|lost| incident.at_micros.saturating_sub(lost));
    incident.captured_micros.or(captured)
}

fn label(place: f64, text: String, class: &'static str) -> Label {
    let at = if place > 55.0 {
        format!("right:{}", percent(100.0 - place))
    } else {
        format!("left:{}", percent(place))
    };
    Label { text, at, class }
}

fn fault_lanes(one: &StrategyDocument, incident: &IncidentRow, window: Window) -> Vec<Lane> {
    let faults = one
        .timeline
        .faults
        .iter()
        .filter_map(|(kind, place, from, until)| {
            let (from, until) = (
                since(incident.at_micros, *from),
                since(incident.at_micros, *until),
            );
            let is_seen = from <= window.after && until >= -window.before;
            is_seen.then(|| {
                let what = words::kebab(kind).replace('-', " ");
                let at = match place.as_str() {
                    "" => String::new(),
                    place => format!(": {}", plain(place)),
                };
                // What is destroyed at once takes a moment.
                let long = if until - from >= 1.0 {
                    format!(", {}", words::time(until - from))
                } else {
                    String::new()
                };
                Lane {
                    name: format!("{what}{at}{long}"),
                    boxes: vec![window.bar(from, until, "fault")],
                }
            })
        });
    faults.collect()
}

/// Points of a copy: those that were there, those that were still on their way, the one that counted.
fn copy_lane(
    one: &StrategyDocument,
    incident: &IncidentRow,
    window: Window,
    (number, copy): (u32, &CopyOutcome),
) -> Lane {
    let used = captured(incident).filter(|_| incident.ending == Ending::Restored);
    let is_source = incident
        .restored_from
        .as_ref()
        .is_none_or(|from| from.starts_with(&words::kebab(&copy.to)));
    let mut boxes: Vec<Mark> = Vec::new();
    let mut last = f64::NEG_INFINITY;
    for (_, at, available) in one.timeline.points.iter().filter(|point| point.0 == number) {
        let when = since(incident.at_micros, *at);
        let class = match (
            Some(*at) == used && is_source,
            *at <= incident.at_micros && *available > incident.at_micros,
        ) {
            (true, _) => "used",
            (false, true) => "late",
            (false, false) => "point",
        };
        let place = window.place(when);
        let is_plain = class == "point";
        if !window.holds(when) || (is_plain && place - last < TICKS_APART) {
            continue;
        }
        last = place;
        boxes.push(Mark {
            left: percent(place),
            width: String::new(),
            class,
        });
    }
    Lane {
        name: format!(
            "{}, {} every {}",
            copy_name(copy),
            copy.method,
            words::time(seconds(copy.every_micros))
        ),
        boxes,
    }
}

/// A copy in a word or two: `vault, GRS`.
pub(super) fn copy_name(copy: &CopyOutcome) -> String {
    let to = words::kebab(&copy.to);
    match copy.to {
        To::Vault => format!("{to}, {}", copy.redundancy.name().to_uppercase()),
        _ => to,
    }
}

fn instance_lane(incident: &IncidentRow, window: Window) -> Lane {
    let mut boxes = Vec::new();
    let lost = incident.rpo_micros.map(seconds);
    if let Some(lost) = lost.filter(|lost| *lost > 0.0) {
        boxes.push(window.bar(-lost, 0.0, "lost"));
    } else if incident.ending == Ending::Lost {
        boxes.push(window.bar(-window.before, 0.0, "lost"));
    }
    let back = incident.rto_micros.map(seconds);
    boxes.push(window.bar(0.0, back.unwrap_or(window.after), "down"));
    let told = |time: Option<f64>, none: &str| time.map_or(none.to_owned(), words::time);
    let data = match lost {
        None => "all data lost".to_owned(),
        Some(lost) if lost <= 0.0 => "no data lost".to_owned(),
        Some(lost) => format!("{} of data lost", words::time(lost)),
    };
    Lane {
        name: format!(
            "{}: {data}, down for {}",
            plain(&incident.instance),
            told(back, "ever")
        ),
        boxes,
    }
}

fn ending(incident: &IncidentRow) -> String {
    let truly = match (incident.true_loss_micros, incident.rpo_micros) {
        (Some(truly), Some(rpo)) if (1..rpo).contains(&truly) => {
            format!(
                " The oldest write that was lost was {} old when it struck.",
                words::time(seconds(truly))
            )
        }
        _ => String::new(),
    };
    match incident.ending {
        Ending::Restored => {
            let from = incident.restored_from.as_deref().unwrap_or("a point");
            let chain = match incident.chain_length {
                0 | 1 => "a point that needs no other".to_owned(),
                many => format!("a chain of {many} points"),
            };
            format!(
                "Restored from {}: {} read, {chain}.{truly}",
                plain(from),
                units::bytes(incident.fetched_bytes)
            )
        }
        Ending::WaitedOut => {
            "It was over before a recovery was declared: nothing was restored.".to_owned()
        }
        Ending::Lost => "NO POINT COULD BE RESTORED.".to_owned(),
        Ending::Open => "It was not over at the end of the trial.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{USUAL, outcome, price};
    use super::{Window, pictures};

    #[test]
    fn all_strategies_are_drawn_to_one_scale() {
        let document = price(&outcome(&USUAL));
        let pictures = pictures(&document);
        assert_eq!(pictures.len(), 4);
        let struck = |at: usize| {
            let rule = pictures[at]
                .rules
                .iter()
                .find(|rule| rule.class == "struck");
            rule.map(|rule| rule.left.clone())
        };
        assert!((1..4).all(|at| struck(at) == struck(0)));
        for picture in &pictures {
            let used = picture.lanes.iter().flat_map(|lane| &lane.boxes);
            let used: Vec<_> = used.filter(|mark| mark.class == "used").collect();
            assert_eq!(used.len(), 1, "{}", picture.strategy);
            let safe = picture.rules.iter().find(|rule| rule.class == "safe");
            assert_eq!(safe.map(|rule| &rule.left), Some(&used[0].left));
        }
    }

    #[test]
    fn the_window_holds_what_happened_and_labels_fit() {
        for (before, after) in [(3600.0, 450.0), (1e6, 2e5), (12e3, 9e4), (1e9, 1e9)] {
            let ticks = Window { before, after }.ticks();
            assert!(
                (1..=9).contains(&ticks.len()),
                "{before} {after}: {ticks:?}"
            );
            assert!(ticks.iter().any(|(_, text)| text == "0"));
        }
        let none = Window::of(&[]);
        assert!(none.before > 0.0 && none.after > 0.0);
    }
}
