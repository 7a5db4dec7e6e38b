//! The answer: the best of each column, and which method to pick when. Pure over the document.

mod advice;

use std::ptr;

use self::advice::Field;
use crate::column::Column;
use crate::document::{Document, MethodDocument};
use crate::noise::Noise;
use crate::units::{self, plain};

/// What the numbers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether every method restored something and every restore equalled its source.
    pub sound: bool,
    /// Restores tried, of all methods.
    pub restores: usize,
    /// Restores that equalled their source byte for byte.
    pub verified: usize,
    /// Sentences, the most important first: warnings, then at most three of advice.
    pub sentences: Vec<String>,
    /// For each column of [`Column::ALL`], the methods (by number) that are best or about as good.
    /// A method with a restore that failed is best at nothing, and so is one alone.
    pub best: Vec<Vec<usize>>,
}

impl Verdict {
    /// How many restores proved themselves, in words.
    pub fn proof(&self) -> String {
        match (self.verified, self.restores) {
            (_, 0) => "No restore was tried.".to_owned(),
            (1, 1) => "The one restore equals its source byte for byte.".to_owned(),
            (good, all) => format!("{good} of {all} restores equal their source byte for byte."),
        }
    }
}

/// Reads the verdict out of the numbers.
pub fn verdict(document: &Document) -> Verdict {
    let methods = &document.methods;
    let noise = Noise::of(document);
    let standing: Vec<&MethodDocument> = methods.iter().filter(|method| !failed(method)).collect();
    let restores = || methods.iter().flat_map(|method| &method.restores);
    let verified = restores().filter(|restore| restore.verified).count();
    let proven = |method: &MethodDocument| !method.restores.is_empty() && !failed(method);
    Verdict {
        sound: !methods.is_empty() && methods.iter().all(proven),
        restores: restores().count(),
        verified,
        sentences: sentences(methods, &standing, &noise),
        best: Column::ALL
            .map(|column| match methods.len() {
                0 | 1 => Vec::new(),
                _ => numbers(methods, &column.leaders(&standing, &noise)),
            })
            .into(),
    }
}

fn sentences(
    methods: &[MethodDocument],
    standing: &[&MethodDocument],
    noise: &Noise,
) -> Vec<String> {
    let mut sentences = warnings(methods);
    match standing {
        [] if methods.is_empty() => sentences.push("No method was measured.".to_owned()),
        [] => sentences.push("No method passed, so none can be recommended.".to_owned()),
        [only] => sentences.push(alone(only, methods.len())),
        methods => sentences.extend(Field { methods, noise }.advice()),
    }
    sentences
}

/// Whether a restore of the method was tried and did not equal its source.
pub(crate) fn failed(method: &MethodDocument) -> bool {
    method.restores.iter().any(|restore| !restore.verified)
}

fn numbers(all: &[MethodDocument], some: &[&MethodDocument]) -> Vec<usize> {
    let is_in = |method: &MethodDocument| some.iter().any(|other| ptr::eq(*other, method));
    let numbered = all.iter().enumerate().filter(|(_, method)| is_in(method));
    numbered.map(|(number, _)| number).collect()
}

/// What must be said before any advice.
fn warnings(methods: &[MethodDocument]) -> Vec<String> {
    let mut out = Vec::new();
    for method in methods.iter().filter(|method| failed(method)) {
        let bad = method.restores.iter().filter(|restore| !restore.verified);
        let bad: Vec<String> = bad.map(|restore| restore.generation.to_string()).collect();
        let what = if bad.len() == 1 {
            "the restore of generation"
        } else {
            "the restores of generations"
        };
        out.push(format!(
            "DO NOT RELY ON {}: {what} {} did not equal the source.",
            plain(&method.method),
            list(&bad, "and")
        ));
    }
    let untried: Vec<&MethodDocument> = methods.iter().filter(|m| m.restores.is_empty()).collect();
    if !untried.is_empty() {
        out.push(format!(
            "No restore was tried for {}: nothing here proves that its data can be brought back.",
            names(&untried, "and")
        ));
    }
    // Each method reads the same source: the worst one tells, the sum would count files twice.
    let problems = |method: &MethodDocument| {
        let counts = method.points.iter().map(|point| point.problems);
        counts.fold(0, u64::saturating_add)
    };
    let worst = methods.iter().map(problems).max().unwrap_or(0);
    if worst > 0 {
        out.push(format!(
            "Files that could not be read, vanished, or changed while they were read: {}. The points \
             hold all others as they were.",
            units::count(worst)
        ));
    }
    out
}

fn alone(only: &MethodDocument, measured: usize) -> String {
    let times = Column::Restore
        .value(only)
        .map_or_else(String::new, |time| {
            format!(
                " The newest came back in about {}.",
                units::seconds_about(time)
            )
        });
    let count = only.points.len();
    let points = if count == 1 { "point" } else { "points" };
    let kept = format!(
        "{} keeps {count} {points} in {} for {}.",
        plain(&only.method),
        Column::Stored.show(only),
        price(only)
    );
    if measured == 1 {
        format!("{kept}{times} Name more methods to compare it with.")
    } else {
        format!("Only {kept}{times}")
    }
}

fn price(method: &MethodDocument) -> String {
    let cost = &method.cost;
    let month = Column::Cost.show(method);
    if cost.month_per_source_terabyte > 0.0 {
        let terabyte = units::money(cost.month_per_source_terabyte, &cost.currency);
        format!("{month} a month, which is {terabyte} for each TB of source")
    } else {
        format!("{month} a month")
    }
}

fn names(methods: &[&MethodDocument], word: &str) -> String {
    let names: Vec<String> = methods.iter().map(|method| plain(&method.method)).collect();
    list(&names, word)
}

fn list(words: &[String], word: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [some @ .., last] => format!("{} {word} {last}", some.join(", ")),
    }
}

#[cfg(test)]
mod tests;
