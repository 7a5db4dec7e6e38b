//! The answer: the best of each column, and which method to pick when. Pure over the document.

use crate::document::{Document, MethodDocument};
use crate::units;

/// A column of the table of methods; smaller is better in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Bytes sent over all points.
    Sent,
    /// Bytes of the vault at the end.
    Stored,
    /// Price of a month.
    Cost,
    /// Seconds to restore the newest generation.
    Restore,
    /// Longest chain.
    Chain,
    /// Seconds of all backups.
    Backup,
    /// Peak memory.
    Memory,
}

impl Column {
    /// All, in the table's order.
    pub const ALL: [Self; 7] = [
        Self::Sent,
        Self::Stored,
        Self::Cost,
        Self::Restore,
        Self::Chain,
        Self::Backup,
        Self::Memory,
    ];

    /// The heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Stored => "stored",
            Self::Cost => "cost/month",
            Self::Restore => "RTO (newest)",
            Self::Chain => "chain",
            Self::Backup => "backups took",
            Self::Memory => "peak memory",
        }
    }

    /// Two values this close are about the same: byte counts are exact, times and memory are
    /// measured on one run of a machine that does other things too.
    fn slack(self) -> f64 {
        match self {
            Self::Sent | Self::Stored | Self::Cost => 0.005,
            Self::Chain => 0.0,
            Self::Restore | Self::Backup | Self::Memory => 0.10,
        }
    }

    /// The value for a method; `None` where it was not measured.
    #[expect(
        clippy::cast_precision_loss,
        reason = "only compared and shown in three digits"
    )]
    pub fn value(self, method: &MethodDocument) -> Option<f64> {
        Some(match self {
            Self::Sent => method.totals.sent_bytes as f64,
            Self::Stored => method.vault_bytes as f64,
            Self::Cost => method.cost.month,
            Self::Restore => {
                method
                    .restores
                    .iter()
                    .max_by_key(|row| row.generation)?
                    .seconds
            }
            Self::Chain => f64::from(method.points.iter().map(|point| point.chain_length).max()?),
            Self::Backup => method.backup_seconds,
            Self::Memory => method.peak_memory_bytes? as f64,
        })
    }

    /// The value as a person reads it.
    #[expect(clippy::cast_sign_loss, reason = "bytes again")]
    pub fn show(self, method: &MethodDocument) -> String {
        let Some(value) = self.value(method) else {
            return "-".to_owned();
        };
        match self {
            Self::Sent | Self::Stored | Self::Memory => units::bytes(value as u64),
            Self::Cost => units::money(value, &method.cost.currency),
            Self::Restore | Self::Backup => units::seconds(value),
            Self::Chain => format!("{value:.0}"),
        }
    }
}

/// What the numbers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether every restore equalled its source.
    pub sound: bool,
    /// Sentences, the most important first.
    pub sentences: Vec<String>,
    /// For each column of [`Column::ALL`], the methods (by number) that are best or about as good.
    pub best: Vec<Vec<usize>>,
}

/// Reads the verdict out of the numbers.
pub fn verdict(document: &Document) -> Verdict {
    let methods = &document.methods;
    let best: Vec<_> = Column::ALL
        .iter()
        .map(|column| best_of(*column, methods))
        .collect();
    let failed: Vec<String> = methods
        .iter()
        .flat_map(|method| {
            let bad = method.restores.iter().filter(|restore| !restore.verified);
            bad.map(|restore| format!("{} generation {}", method.method, restore.generation))
        })
        .collect();
    let mut sentences = Vec::new();
    if !failed.is_empty() {
        sentences.push(format!(
            "DO NOT RELY ON THIS: restores that did not equal their source: {}.",
            failed.join(", ")
        ));
    }
    if let [only] = &methods[..] {
        sentences.push(format!(
            "{} kept {} points in {}; name more methods to compare it with.",
            only.method,
            only.points.len(),
            Column::Stored.show(only)
        ));
    } else if !methods.is_empty() {
        sentences.extend(advice(methods, &best));
    }
    Verdict {
        sound: failed.is_empty(),
        sentences,
        best,
    }
}

fn best_of(column: Column, methods: &[MethodDocument]) -> Vec<usize> {
    let values: Vec<Option<f64>> = methods.iter().map(|method| column.value(method)).collect();
    let least = values
        .iter()
        .flatten()
        .copied()
        .fold(f64::INFINITY, f64::min);
    let limit = least * (1.0 + column.slack());
    let good = values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_some_and(|v| v <= limit));
    good.map(|(number, _)| number).collect()
}

fn names(methods: &[MethodDocument], numbers: &[usize]) -> String {
    let names: Vec<&str> = numbers
        .iter()
        .map(|n| methods[*n].method.as_str())
        .collect();
    match &names[..] {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}

fn advice(methods: &[MethodDocument], best: &[Vec<usize>]) -> Vec<String> {
    let column = |wanted: Column| {
        let at = Column::ALL
            .iter()
            .position(|column| *column == wanted)
            .unwrap_or(0);
        &best[at]
    };
    let most = methods.iter().max_by(|a, b| {
        Column::Stored
            .value(a)
            .unwrap_or(0.0)
            .total_cmp(&Column::Stored.value(b).unwrap_or(0.0))
    });
    let mut out = Vec::new();
    if let (Some(least), Some(most)) = (column(Column::Stored).first(), most) {
        let least = &methods[*least];
        let ratio = Column::Stored.value(most).unwrap_or(0.0)
            / Column::Stored.value(least).unwrap_or(1.0).max(1.0);
        out.push(format!(
            "To keep least and pay least, pick {}: {} a month at {}, where {} keeps {:.1} times as \
             much.",
            names(methods, column(Column::Stored)),
            Column::Cost.show(least),
            Column::Stored.show(least),
            most.method,
            ratio
        ));
    }
    out.push(format!(
        "To send least, pick {}; to restore the newest fastest, {} ({}).",
        names(methods, column(Column::Sent)),
        names(methods, column(Column::Restore)),
        column(Column::Restore)
            .first()
            .map_or_else(String::new, |best| {
                Column::Restore.show(&methods[*best])
            }),
    ));
    out.push(format!(
        "To hang on the fewest points, so that damage to one point hurts the fewest others, pick {}.",
        names(methods, column(Column::Chain))
    ));
    out
}
