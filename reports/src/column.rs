//! The columns of the table of methods: what each one measures, shows and counts as best.

use crate::document::MethodDocument;
use crate::noise::Noise;
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
    /// Seconds to restore the newest point.
    Restore,
    /// Longest chain, in points.
    Chain,
    /// Seconds of all backups.
    Backup,
    /// Largest resident memory, bytes.
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

    /// What the heading leaves out, for a page with room.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Sent | Self::Backup => "all points",
            Self::Stored => "vault at the end",
            Self::Cost => "to keep the vault",
            Self::Restore => "measured restore",
            Self::Chain => "points, at most",
            Self::Memory => "not ranked",
        }
    }

    /// Two values this close (as a fraction of the smaller) are about the same; `None` where none is
    /// best.
    fn slack(self, noise: &Noise) -> Option<f64> {
        match self {
            Self::Sent | Self::Stored | Self::Cost => Some(noise.bytes),
            Self::Chain => Some(0.0),
            Self::Restore => Some(noise.restore),
            Self::Backup => Some(noise.backup),
            // A process keeps memory that it once took: what runs later in a comparison shows more.
            Self::Memory => None,
        }
    }

    /// The value for a method, in bytes, seconds, points or the document's currency; `None` where
    /// it was not measured.
    #[expect(
        clippy::cast_precision_loss,
        reason = "only compared and shown in three digits"
    )]
    pub fn value(self, method: &MethodDocument) -> Option<f64> {
        let newest = || method.points.iter().map(|point| point.generation).max();
        Some(match self {
            Self::Sent => method.totals.sent_bytes as f64,
            Self::Stored => method.vault_bytes as f64,
            Self::Cost => method.cost.month,
            Self::Restore => {
                let newest = newest()?;
                let mut restores = method.restores.iter();
                restores.find(|row| row.generation == newest)?.seconds
            }
            Self::Chain => f64::from(method.points.iter().map(|point| point.chain_length).max()?),
            Self::Backup => method.backup_seconds,
            Self::Memory => method.peak_memory_bytes? as f64,
        })
    }

    /// The value as a person reads it; `-` where it was not measured.
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

    /// The methods that are best in this column, or about as good.
    pub(crate) fn leaders<'a>(
        self,
        methods: &[&'a MethodDocument],
        noise: &Noise,
    ) -> Vec<&'a MethodDocument> {
        let (Some((least, _)), Some(slack)) = (self.ends(methods), self.slack(noise)) else {
            return Vec::new();
        };
        let limit = self.value(least).unwrap_or(0.0) * (1.0 + slack);
        let good = |method: &&MethodDocument| self.value(method).is_some_and(|v| v <= limit);
        methods.iter().copied().filter(good).collect()
    }

    /// The methods with the smallest and the largest value, of those that have one.
    pub(crate) fn ends<'a>(
        self,
        methods: &[&'a MethodDocument],
    ) -> Option<(&'a MethodDocument, &'a MethodDocument)> {
        let values = methods
            .iter()
            .filter_map(|method| Some((self.value(method)?, *method)));
        let least = values.clone().min_by(|a, b| a.0.total_cmp(&b.0))?;
        let most = values.max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((least.1, most.1))
    }
}

#[cfg(test)]
mod tests {
    use super::Column;
    use crate::noise::Noise;
    use crate::sample::{USUAL, comparison, document, price};

    const QUIET: Noise = Noise {
        bytes: 0.005,
        restore: 0.10,
        backup: 0.10,
    };

    fn check(column: Column, noise: &Noise, expected: &[&str]) {
        let document = document(&USUAL);
        let methods: Vec<_> = document.methods.iter().collect();
        let leaders = column.leaders(&methods, noise);
        let names: Vec<&str> = leaders
            .iter()
            .map(|leader| leader.method.as_str())
            .collect();
        assert_eq!(names, expected, "{column:?} under {noise:?}");
    }

    #[test]
    fn each_column_has_its_own_noise() {
        let loud = |change: fn(&mut Noise)| {
            let mut noise = QUIET;
            change(&mut noise);
            noise
        };
        let bytes = loud(|noise| noise.bytes = 0.2);
        let restore = loud(|noise| noise.restore = 0.2);
        let backup = loud(|noise| noise.backup = 0.2);
        let two = ["differential", "incremental"];
        for column in [Column::Sent, Column::Stored, Column::Cost] {
            check(column, &QUIET, &["incremental"]);
            check(column, &restore, &["incremental"]);
            check(column, &bytes, &two);
        }
        check(Column::Restore, &QUIET, &["full"]);
        check(Column::Restore, &restore, &["full", "differential"]);
        check(Column::Backup, &QUIET, &["incremental"]);
        check(Column::Backup, &backup, &two);
        check(Column::Chain, &loud(|noise| noise.bytes = 9.0), &["full"]);
        check(Column::Memory, &QUIET, &[]);
    }

    #[test]
    fn what_was_not_measured_is_a_dash_and_leads_nothing() {
        let mut rows = comparison(&USUAL);
        rows.methods[0].restores.pop();
        rows.methods[1].points.clear();
        rows.methods[2].peak_memory_bytes = None;
        let document = price(&rows);
        let [full, differential, incremental] = &document.methods[..] else {
            panic!("three methods");
        };
        assert_eq!(
            Column::Restore.show(full),
            "-",
            "the newest was not restored"
        );
        assert_eq!(Column::Chain.show(differential), "-");
        assert_eq!(Column::Memory.show(incremental), "-");
        let leaders = Column::Restore.leaders(&[full, incremental], &QUIET);
        assert_eq!(leaders, [incremental]);
        assert!(Column::Restore.leaders(&[full], &QUIET).is_empty());
    }
}
