//! Bars of named segments, as boxes in percent: the parts of a time or of a sum.

use super::chart::Group;
use super::document::{ScenarioDocument, StrategyDocument};
use super::words;
use crate::units::plain;

/// Names of the parts of an RTO, what people call them, and their colours; in the order in which they
/// come.
const SPANS: [(&str, &str, &str); 12] = [
    ("detect", "to notice", "m5"),
    ("declare", "to decide", "m5 pale"),
    ("control-plane", "control plane", "m3"),
    ("provision", "machines", "m3 pale"),
    ("rebuild", "to rebuild the site", "m1"),
    ("wait", "to wait for the place", "m1 pale"),
    ("geo-failover", "geo failover", "m4"),
    ("provider", "provider declares", "m4 pale"),
    ("media", "media on the way", "m0 pale"),
    ("restore", "restore", "m0"),
    ("boot", "boot", "m2"),
    ("validate", "validate", "m2 pale"),
];
/// A segment narrower than this (percent) would not be seen.
const WIDTH_LEAST: f64 = 0.4;

/// A part of a bar.
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) width: String,
    pub(super) class: &'static str,
}

/// A bar with a name and a sum.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) sum: String,
    pub(super) segments: Vec<Segment>,
}

/// What stands for what.
pub(super) type Legend = Vec<(&'static str, String)>;

fn span(name: &str) -> (String, &'static str) {
    let known = SPANS.iter().find(|(known, _, _)| *known == name);
    known.map_or((plain(name), "other"), |(_, words, class)| {
        ((*words).to_owned(), *class)
    })
}

/// Times as segments of a whole bar.
pub(super) fn segments<'a>(times: impl Iterator<Item = (&'a str, f64)>) -> Vec<Segment> {
    let times: Vec<(&str, f64)> = times.filter(|(_, time)| *time > 0.0).collect();
    let all: f64 = times.iter().map(|(_, time)| time).sum();
    let segment = |(name, time): &(&str, f64)| {
        let (name, class) = span(name);
        Segment {
            name,
            value: words::time(*time),
            width: width(*time, all),
            class,
        }
    };
    times.iter().map(segment).collect()
}

fn width(part: f64, of: f64) -> String {
    let percent = if of > 0.0 { part / of * 100.0 } else { 0.0 };
    format!("{:.2}%", percent.max(WIDTH_LEAST))
}

/// The mean RTO of each strategy by its parts, to one scale.
pub(super) fn recoveries(document: &ScenarioDocument) -> (Vec<Bar>, Legend) {
    let all = |one: &StrategyDocument| one.spans.iter().map(|span| span.seconds).sum::<f64>();
    let compared: Vec<_> = document.compared().filter(|one| all(one) > 0.0).collect();
    let most = compared.iter().map(|one| all(one)).fold(0.0, f64::max);
    let bar = |one: &&StrategyDocument| Bar {
        name: plain(&one.strategy),
        sum: words::time(all(one)),
        segments: one
            .spans
            .iter()
            .filter(|span| span.seconds > 0.0)
            .map(|of| {
                let (name, class) = span(&of.name);
                Segment {
                    name,
                    value: words::time(of.seconds),
                    width: width(of.seconds, most),
                    class,
                }
            })
            .collect(),
    };
    let present = |name: &str| {
        let spans = compared.iter().flat_map(|one| &one.spans);
        spans
            .into_iter()
            .any(|span| span.name == name && span.seconds > 0.0)
    };
    let legend = SPANS.iter().filter(|(name, _, _)| present(name));
    let legend = legend.map(|(_, words, class)| (*class, (*words).to_owned()));
    (compared.iter().map(bar).collect(), legend.collect())
}

/// A year's cost of each strategy by its parts, to one scale.
pub(super) fn costs(document: &ScenarioDocument) -> (Vec<Bar>, Legend) {
    const CLASSES: [&str; 6] = ["m0", "m1", "m2", "m3", "m4", "m5"];
    let sum = |one: &StrategyDocument, group: Group| {
        let parts = one.cost.parts.iter();
        let of = parts.filter(|part| Group::of(part.part) == group);
        of.map(|part| part.per_year).sum::<f64>()
    };
    let compared: Vec<_> = document.compared().collect();
    let most = compared
        .iter()
        .map(|one| one.cost.per_year)
        .fold(0.0, f64::max);
    let bar = |one: &&StrategyDocument| Bar {
        name: plain(&one.strategy),
        sum: words::money(document, one.cost.per_year),
        segments: Group::ALL
            .into_iter()
            .filter(|group| sum(one, *group) > 0.0)
            .map(|group| Segment {
                name: group.name().to_owned(),
                value: words::money(document, sum(one, group)),
                width: width(sum(one, group), most),
                class: CLASSES[group as usize],
            })
            .collect(),
    };
    let present = |group: &Group| compared.iter().any(|one| sum(one, *group) > 0.0);
    let legend = Group::ALL.into_iter().filter(present);
    let legend = legend.map(|group| (CLASSES[group as usize], group.name().to_owned()));
    (compared.iter().map(bar).collect(), legend.collect())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{USUAL, outcome, price};
    use super::{costs, recoveries, segments};

    #[test]
    fn segments_fill_the_bar_and_all_can_be_seen() {
        let parts = [
            ("detect", 1.0),
            ("restore", 9999.0),
            ("boot", 0.0),
            ("new", 10.0),
        ];
        let bar = segments(parts.into_iter());
        let names: Vec<&str> = bar.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["to notice", "restore", "new"]);
        assert_eq!((bar[0].width.as_str(), bar[2].class), ("0.40%", "other"));
    }

    #[test]
    fn bars_of_all_strategies_have_one_scale() {
        let document = price(&outcome(&USUAL));
        for (bars, legend) in [recoveries(&document), costs(&document)] {
            assert_eq!(bars.len(), 4);
            assert!(legend.len() > 2);
            let sums = bars.iter().map(|bar| {
                let widths = bar.segments.iter().map(|part| &part.width);
                let numbers = widths.map(|width| width.trim_end_matches('%').parse::<f64>());
                numbers.map(|width| width.expect("a number")).sum::<f64>()
            });
            let most = sums.fold(0.0, f64::max);
            assert!((99.0..102.0).contains(&most), "{most}");
        }
    }
}
