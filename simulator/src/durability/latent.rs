//! Faults that nobody sees until they are looked for: Baker and others, "A fresh look at the
//! reliability of long-term digital storage", `EuroSys` 2006, equations (9) to (12).
//!
//! What `check --read-data` and drills are for: without an audit the second copy's hidden faults
//! wait for the first one's visible failure.

/// Two copies whose faults are visible at once, or latent until an audit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AuditedPair {
    /// MV: mean time to a visible fault, hours.
    pub visible_hours: f64,
    /// ML: mean time to a latent fault, hours.
    pub latent_hours: f64,
    /// MRV: mean time to repair a visible fault, hours.
    pub repair_hours: f64,
    /// Alpha: below 1 where a fault makes the next one likelier in time.
    pub temporal_correlation: f64,
    /// Beta: the part of a copy that a second fault of one kind must hit to lose data after a first
    /// of another; visible after visible, latent after visible, visible after latent, latent after latent.
    pub overlap: [f64; 4],
}

impl AuditedPair {
    /// (9): no latent faults: `alpha MV² / (bVV MRV)`, hours.
    pub fn without_latent(&self) -> f64 {
        self.temporal_correlation * self.visible_hours.powi(2)
            / (self.overlap[0] * self.repair_hours)
    }

    /// (10): latent faults and no audit: `alpha MV² / ((MRV (bVV ML + bLV MV))/ML + alpha MV²/ML)`, hours.
    pub fn never_audited(&self) -> f64 {
        let [both_visible, latent_then_visible, ..] = self.overlap;
        let squared = self.temporal_correlation * self.visible_hours.powi(2);
        let seen = both_visible * self.latent_hours + latent_then_visible * self.visible_hours;
        squared / (self.repair_hours * seen / self.latent_hours + squared / self.latent_hours)
    }

    /// (11): latent faults found after `detect_hours` (MDL) and repaired at once, with k = MV/ML:
    /// `alpha k² ML² / (MRV (bVV + k bLV) + k MDL (bVL + k bLL))`, hours. An audit every T hours
    /// finds a fault after T/2 on average.
    pub fn audited(&self, detect_hours: f64) -> f64 {
        let [vv, lv, vl, ll] = self.overlap;
        let k = self.visible_hours / self.latent_hours;
        let after_visible = self.repair_hours * (vv + k * lv);
        let after_latent = k * detect_hours * (vl + k * ll);
        self.temporal_correlation * (k * self.latent_hours).powi(2) / (after_visible + after_latent)
    }
}

/// (12): `copies` whose visible faults alone count: `alpha^(r-1) MV^r / MRV^(r-1)`, hours.
pub fn replicas_mttdl(copies: i32, visible_hours: f64, repair_hours: f64, correlation: f64) -> f64 {
    visible_hours * (correlation * visible_hours / repair_hours).powi(copies - 1)
}
