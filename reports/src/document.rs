//! The stable JSON document: outcome rows with money, in seconds and bytes. Names are only added.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "fractions begin here: 52 bits are plenty, and nothing is negative"
)]

use serde::{Deserialize, Serialize};
use simulator::outcome::{
    Comparison, Fidelity, Machine, MethodOutcome, PointOutcome, RestoreOutcome, Series,
};

use crate::{Price, PriceBook, Redundancy, ReportError};

/// A priced comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// How real the numbers are.
    pub fidelity: Fidelity,
    /// The program's version.
    pub program_version: String,
    /// The command that makes it again.
    pub command: String,
    /// Seed of a generated series.
    pub seed: Option<u64>,
    /// When it started, RFC 3339.
    pub started_at: String,
    /// The machine.
    pub machine: Machine,
    /// Whether all data had been read once before the first measure.
    pub warmed: bool,
    /// The data.
    pub series: Series,
    /// A new full every so many points.
    pub full_every: u32,
    /// How the vault is priced to be kept.
    pub redundancy: Redundancy,
    /// The price book's name.
    pub price_book: String,
    /// ISO 4217 code of every sum.
    pub currency: String,
    /// Bytes in one gigabyte of the price book.
    pub gigabyte_bytes: u64,
    /// The prices used, with their sources.
    pub prices: Vec<Price>,
    /// Monthly fee of one protected instance of the newest generation's size: the same for every
    /// method, and no part of `cost`; `None` where the book charges none.
    pub instance_fee_month: Option<f64>,
    /// One per method.
    pub methods: Vec<MethodDocument>,
}

/// One method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodDocument {
    /// Its name.
    pub method: String,
    /// Its points, oldest first.
    pub points: Vec<PointDocument>,
    /// Sums over the points.
    pub totals: Totals,
    /// Its restores.
    pub restores: Vec<RestoreDocument>,
    /// What keeping the vault costs.
    pub cost: Cost,
    /// Bytes of the vault at the end.
    pub vault_bytes: u64,
    /// Objects in it.
    pub vault_objects: u64,
    /// Wall time of all backups, seconds.
    pub backup_seconds: f64,
    /// CPU time of all backups, seconds.
    pub backup_cpu_seconds: f64,
    /// Largest resident memory, bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// One recovery point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointDocument {
    /// 1 for the oldest.
    pub generation: u32,
    /// What the point really is.
    pub kind: String,
    /// Bytes of the source.
    pub logical_bytes: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes copied inside the vault.
    pub copied_bytes: u64,
    /// Bytes by which the vault grew.
    pub stored_bytes: u64,
    /// New blocks stored.
    pub blocks_stored: u64,
    /// Blocks referred to.
    pub blocks_referenced: u64,
    /// Points needed to restore it.
    pub chain_length: u32,
    /// Wall time, seconds.
    pub seconds: f64,
    /// CPU time, seconds.
    pub cpu_seconds: f64,
    /// Files that could not be read or vanished.
    pub problems: u64,
}

/// Sums over a method's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Bytes of the sources together.
    pub logical_bytes: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes copied inside the vault.
    pub copied_bytes: u64,
    /// Bytes by which the vault grew.
    pub stored_bytes: u64,
    /// Blocks stored.
    pub blocks_stored: u64,
}

/// One restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreDocument {
    /// The generation.
    pub generation: u32,
    /// Whether it equalled the source byte for byte.
    pub verified: bool,
    /// What differed.
    pub differences: Vec<String>,
    /// Bytes restored.
    pub bytes: u64,
    /// Wall time, seconds: the RTO here.
    pub seconds: f64,
    /// CPU time, seconds.
    pub cpu_seconds: f64,
    /// Bytes restored for each second of wall time; 0 where the clock saw none pass.
    pub bytes_per_second: f64,
    /// Points that it hangs on.
    pub chain_length: u32,
    /// Packs opened.
    pub packs_read: u64,
    /// Bytes fetched.
    pub fetched_bytes: u64,
}

/// What keeping the vault as it stands at the end costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// ISO code.
    pub currency: String,
    /// One month.
    pub month: f64,
    /// Twelve months of the same vault.
    pub year: f64,
    /// One month for each decimal terabyte of source at this ratio of stored to source.
    pub month_per_source_terabyte: f64,
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl Document {
    /// Prices a comparison.
    ///
    /// # Errors
    /// `Unpriced` when the book lacks the redundancy.
    pub fn new(
        comparison: &Comparison,
        book: &PriceBook,
        redundancy: Redundancy,
    ) -> Result<Self, ReportError> {
        let price = book.vault_price(redundancy)?;
        let newest = comparison
            .series
            .generations
            .last()
            .map_or(0, |last| last.logical_bytes);
        let fee = book.instance_fee(newest);
        let mut prices = vec![price.clone()];
        prices.extend(fee.iter().flat_map(|fee| &fee.1).copied().cloned());
        let methods = comparison.methods.iter();
        Ok(Self {
            fidelity: comparison.fidelity,
            program_version: comparison.program_version.clone(),
            command: comparison.command.clone(),
            seed: comparison.seed,
            started_at: comparison.started_at.clone(),
            machine: comparison.machine.clone(),
            warmed: comparison.warmed,
            series: comparison.series.clone(),
            full_every: comparison.full_every,
            redundancy,
            price_book: book.name().to_owned(),
            currency: book.currency().to_owned(),
            gigabyte_bytes: book.gigabyte_bytes() as u64,
            instance_fee_month: fee.map(|fee| fee.0),
            methods: methods
                .map(|method| method_document(method, book, price, newest))
                .collect(),
            prices,
        })
    }
}

fn method_document(
    method: &MethodOutcome,
    book: &PriceBook,
    price: &Price,
    newest_bytes: u64,
) -> MethodDocument {
    let sum = |field: fn(&PointOutcome) -> u64| {
        let values = method.points.iter().map(field);
        values.fold(0, u64::saturating_add)
    };
    let month = method.vault_bytes as f64 / book.gigabyte_bytes() * price.value;
    let terabytes = newest_bytes as f64 / 1e12;
    MethodDocument {
        method: method.method.clone(),
        points: method.points.iter().map(point_document).collect(),
        totals: Totals {
            logical_bytes: sum(|point| point.logical_bytes),
            read_bytes: sum(|point| point.read_bytes),
            sent_bytes: sum(|point| point.sent_bytes),
            copied_bytes: sum(|point| point.copied_bytes),
            stored_bytes: sum(|point| point.stored_bytes),
            blocks_stored: sum(|point| point.blocks_stored),
        },
        restores: method.restores.iter().map(restore_document).collect(),
        cost: Cost {
            currency: book.currency().to_owned(),
            month,
            year: month * 12.0,
            month_per_source_terabyte: if terabytes > 0.0 {
                month / terabytes
            } else {
                0.0
            },
        },
        vault_bytes: method.vault_bytes,
        vault_objects: method.vault_objects,
        backup_seconds: seconds(method.backup_wall_micros),
        backup_cpu_seconds: seconds(method.backup_cpu_micros),
        peak_memory_bytes: method.peak_memory_bytes,
    }
}

fn point_document(point: &PointOutcome) -> PointDocument {
    PointDocument {
        generation: point.generation,
        kind: point.kind.clone(),
        logical_bytes: point.logical_bytes,
        read_bytes: point.read_bytes,
        sent_bytes: point.sent_bytes,
        copied_bytes: point.copied_bytes,
        stored_bytes: point.stored_bytes,
        blocks_stored: point.blocks_stored,
        blocks_referenced: point.blocks_referenced,
        chain_length: point.chain_length,
        seconds: seconds(point.wall_micros),
        cpu_seconds: seconds(point.cpu_micros),
        problems: point.problems,
    }
}

fn restore_document(restore: &RestoreOutcome) -> RestoreDocument {
    let wall = seconds(restore.wall_micros);
    RestoreDocument {
        generation: restore.generation,
        verified: restore.verified,
        differences: restore.differences.clone(),
        bytes: restore.bytes,
        seconds: wall,
        cpu_seconds: seconds(restore.cpu_micros),
        bytes_per_second: if wall > 0.0 {
            restore.bytes as f64 / wall
        } else {
            0.0
        },
        chain_length: restore.chain_length,
        packs_read: restore.packs_read,
        fetched_bytes: restore.fetched_bytes,
    }
}
