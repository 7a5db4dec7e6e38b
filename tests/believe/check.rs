//! One figure of ours beside one of somebody else's.

/// A figure that was published, or follows from a formula that was, and ours.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) source: String,
    pub(crate) theirs: f64,
    pub(crate) ours: f64,
    /// How far ours may be from theirs, as a share of theirs; 0 is exactly.
    pub(crate) within: f64,
}

impl Check {
    pub(crate) fn new(
        what: impl Into<String>,
        source: impl Into<String>,
        theirs: f64,
        ours: f64,
        within: f64,
    ) -> Self {
        Self {
            what: what.into(),
            source: source.into(),
            theirs,
            ours,
            within,
        }
    }

    pub(crate) fn exact(
        what: impl Into<String>,
        source: impl Into<String>,
        theirs: f64,
        ours: f64,
    ) -> Self {
        Self::new(what, source, theirs, ours, 0.0)
    }

    pub(crate) fn holds(&self) -> bool {
        (self.ours - self.theirs).abs() <= self.within * self.theirs.abs()
    }

    /// The row of the page's table.
    pub(crate) fn row(&self) -> String {
        let within = match self.within {
            0.0 => "exactly".to_owned(),
            within if within < 1e-6 => "rounding".to_owned(),
            within => format!("{:.2} %", within * 100.0),
        };
        let (theirs, ours) = (number(self.theirs), number(self.ours));
        format!(
            "| {} | {theirs} | {ours} | {within} | {} |",
            self.what, self.source
        )
    }
}

/// A whole table, its last line ended.
pub(crate) fn table(checks: &[Check]) -> String {
    let rows: String = checks.iter().map(|check| check.row() + "\n").collect();
    format!("| what | theirs | ours | agrees within | source |\n|---|---|---|---|---|\n{rows}")
}

/// Whole numbers whole, others with four digits.
fn number(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 && size < 1e7 {
        format!("{value}")
    } else if (1e-3..1e7).contains(&size) {
        let digits = 3 - size.log10().floor() as i32;
        format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
    } else {
        format!("{value:.3e}")
    }
}
