//! The stable JSON document: the plan's rows, and what they say in words. Names are only added.

use serde::{Deserialize, Serialize};
use simulator::churn::{ChurnPlanRows, LinkReason};

use super::words;

/// A churn plan in numbers and words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandwidthDocument {
    /// The answer, the shortest sentence first.
    pub answer: Vec<String>,
    /// What it rests on.
    pub assumptions: Vec<String>,
    /// The numbers.
    #[serde(flatten)]
    pub plan: ChurnPlanRows,
}

impl BandwidthDocument {
    /// Says what a plan says.
    pub fn new(rows: &ChurnPlanRows) -> Self {
        Self {
            answer: words::answer(rows),
            assumptions: words::assumptions(rows),
            plan: rows.clone(),
        }
    }

    /// Whether every bandwidth that was asked for holds the target for the share of the time.
    pub fn is_held(&self) -> bool {
        let share = self.plan.terms.share_ppm;
        let asked = self.plan.links.iter();
        let mut asked = asked.filter(|link| link.reason == LinkReason::Asked);
        asked.all(|link| link.held_ppm >= share)
    }
}
