//! Backblaze's model: shards of which some may be missing, over fixed windows.

/// Erasure-coded shards. In each window of the time that a replacement takes, shards fail
/// independently, and all are whole at the next window's start.
///
/// After `durability.py` of Backblaze's erasure-coding-durability at 37f758d (MIT licence). It knows
/// neither failures across the edge of a window, nor common causes, nor the loss of a site.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShardWindows {
    /// Shards in all.
    pub shards: u32,
    /// Failures of one shard a year.
    pub failures_per_year: f64,
    /// Days to replace one.
    pub replace_days: f64,
}

const DAYS_PER_YEAR: f64 = 365.0;

impl ShardWindows {
    /// The probability that at least `missing` shards fail in one window: the binomial tail with
    /// `p = 1 - exp(-rate days/365)`, summed from its small end so that none of it cancels.
    pub fn loss_in_window(&self, missing: u32) -> f64 {
        let p = -(-self.failures_per_year * self.replace_days / DAYS_PER_YEAR).exp_m1();
        let tail = (missing..=self.shards).rev();
        tail.map(|failed| {
            let ways: f64 = (0..failed)
                .map(|at| f64::from(self.shards - at) / f64::from(at + 1))
                .product();
            ways * p.powf(f64::from(failed)) * (1.0 - p).powf(f64::from(self.shards - failed))
        })
        .sum()
    }

    /// The probability that this happens in one of the year's windows.
    pub fn annual_loss(&self, missing: u32) -> f64 {
        let windows = DAYS_PER_YEAR / self.replace_days;
        -(windows * (-self.loss_in_window(missing)).ln_1p()).exp_m1()
    }
}
