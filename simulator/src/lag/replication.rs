//! When a replication that promises an RPO must start its next transfer, as vSphere Replication does it.

/// Replication of one machine: what was promised, and how long a transfer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpoSchedule {
    /// The promise: the newest usable instance is never older.
    pub rpo_micros: u64,
    /// How long one transfer takes.
    pub transfer_micros: u64,
}

/// How a schedule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// There is time to spare between transfers.
    Spaced,
    /// One transfer follows the other, and the promise is just kept.
    Continuous,
    /// One transfer follows the other, and each comes too late.
    Violating,
}

/// One transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// When it starts, which is the instant that it holds.
    pub starts_micros: u64,
    /// When it can be used.
    pub usable_micros: u64,
    /// From when to when what was usable before is older than promised.
    pub violation: Option<(u64, u64)>,
}

impl RpoSchedule {
    /// A transfer must be usable before the instance before it is older than the RPO, and it takes as
    /// long as it takes: it keeps the promise exactly if it takes half of it at most.
    pub fn pace(&self) -> Pace {
        match (2 * self.transfer_micros).cmp(&self.rpo_micros) {
            std::cmp::Ordering::Less => Pace::Spaced,
            std::cmp::Ordering::Equal => Pace::Continuous,
            std::cmp::Ordering::Greater => Pace::Violating,
        }
    }

    /// The transfers from `first_micros` on, each as late as the promise allows and never two at once.
    ///
    /// After `VMware`, "How the Recovery Point Objective Affects Replication Scheduling", vSphere
    /// Replication 5.8 and 8.2.
    pub fn transfers(&self, first_micros: u64) -> impl Iterator<Item = Transfer> {
        let schedule = *self;
        let first = Transfer {
            starts_micros: first_micros,
            usable_micros: first_micros + schedule.transfer_micros,
            violation: None,
        };
        std::iter::successors(Some(first), move |before| Some(schedule.after(before)))
    }

    fn after(&self, before: &Transfer) -> Transfer {
        let due = before.starts_micros + self.rpo_micros;
        let latest_start = due.saturating_sub(self.transfer_micros);
        let starts_micros = latest_start.max(before.usable_micros);
        let usable_micros = starts_micros + self.transfer_micros;
        Transfer {
            starts_micros,
            usable_micros,
            violation: (usable_micros > due).then_some((due, usable_micros)),
        }
    }
}
