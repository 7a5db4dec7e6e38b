//! The smallest schedule that still breaks something: fewer faults, then a shorter trial, then fewer instances.

use engine::Result;

use crate::emulated;
use crate::fault::Fault;
use crate::scenario::DAY;
use crate::sweep::Prepared;
use crate::world::account::Flaw;

use super::{Finding, Listener, Schedule, setup};

/// Trials that a shrinking takes at most.
const TRIALS_MAX: u32 = 400;

struct Shrink<'a> {
    prepared: &'a Prepared,
    strategy: usize,
    flaw: Flaw,
    listener: &'a mut dyn Listener,
    trials: u32,
    violations: Vec<String>,
}

/// Shrinks a schedule that breaks something.
///
/// # Errors
/// As an emulated trial.
pub fn shrink(
    prepared: &Prepared,
    strategy: usize,
    drawn: Schedule,
    flaw: Flaw,
    listener: &mut dyn Listener,
) -> Result<Finding> {
    let mut shrink = Shrink {
        prepared,
        strategy,
        flaw,
        listener,
        trials: 0,
        violations: Vec::new(),
    };
    let mut smallest = drawn.clone();
    shrink.breaks(&smallest)?;
    shrink.shorter(&mut smallest)?;
    shrink.fewer_faults(&mut smallest)?;
    shrink.shorter(&mut smallest)?;
    shrink.fewer_instances(&mut smallest)?;
    Ok(Finding {
        drawn,
        smallest,
        violations: shrink.violations,
        trials: shrink.trials,
    })
}

impl Shrink<'_> {
    /// Whether a schedule breaks something; what it does is kept.
    fn breaks(&mut self, schedule: &Schedule) -> Result<bool> {
        if self.trials >= TRIALS_MAX {
            return Ok(false);
        }
        self.trials += 1;
        self.listener.shrinking(self.trials, schedule.faults.len());
        let trial = emulated::run(&setup(self.prepared, self.strategy, schedule, self.flaw))?;
        if trial.violations.is_empty() {
            return Ok(false);
        }
        self.violations = trial.violations;
        Ok(true)
    }

    fn fewer_faults(&mut self, schedule: &mut Schedule) -> Result<()> {
        let drawn = schedule.clone();
        let mut breaks = |faults: &[Fault]| {
            self.breaks(&Schedule {
                faults: faults.to_vec(),
                ..drawn.clone()
            })
        };
        schedule.faults = fewest(drawn.faults.clone(), &mut breaks)?;
        Ok(())
    }

    /// Halves the trial, as long as it breaks.
    fn shorter(&mut self, schedule: &mut Schedule) -> Result<()> {
        while schedule.horizon_micros > 4 * DAY {
            let horizon_micros = schedule.horizon_micros / 2;
            let within = schedule
                .faults
                .iter()
                .filter(|fault| fault.at_micros < horizon_micros);
            let shorter = Schedule {
                faults: within.cloned().collect(),
                horizon_micros,
                ..schedule.clone()
            };
            if !self.breaks(&shorter)? {
                break;
            }
            *schedule = shorter;
        }
        Ok(())
    }

    /// One instance of each group, if that is enough. Instances are numbered over all groups, so only the last group
    /// can lose some without renaming others.
    fn fewer_instances(&mut self, schedule: &mut Schedule) -> Result<()> {
        let Some(last) = schedule.counts.len().checked_sub(1) else {
            return Ok(());
        };
        let before: usize = schedule.counts[..last]
            .iter()
            .map(|count| *count as usize)
            .sum();
        let named = schedule
            .faults
            .iter()
            .flat_map(|fault| fault.instances.iter());
        let needed = named
            .map(|instance| instance + 1)
            .max()
            .unwrap_or(1)
            .saturating_sub(before);
        let count = (needed as u32).clamp(1, schedule.counts[last]);
        let mut counts = schedule.counts.clone();
        counts[last] = count;
        let fewer = Schedule {
            counts,
            ..schedule.clone()
        };
        if fewer.counts != schedule.counts && self.breaks(&fewer)? {
            *schedule = fewer;
        }
        Ok(())
    }
}

/// The fewest of some things that still break something (Zeller's ddmin, IEEE TSE 28(2), 2002): parts of them are
/// left out, larger ones first. None at all may do: then it is not their doing.
///
/// # Errors
/// What `breaks` gives.
pub fn fewest<T: Clone, E>(
    mut things: Vec<T>,
    breaks: &mut impl FnMut(&[T]) -> std::result::Result<bool, E>,
) -> std::result::Result<Vec<T>, E> {
    let mut parts = 2;
    while things.len() > 1 {
        let size = things.len().div_ceil(parts);
        let mut went = false;
        let mut from = 0;
        while from < things.len() {
            let rest = without(&things, from, size);
            if breaks(&rest)? {
                (things, went) = (rest, true);
            } else {
                from += size;
            }
        }
        if size == 1 && !went {
            break;
        }
        parts = if went {
            parts.max(2)
        } else {
            (parts * 2).min(things.len())
        };
    }
    if breaks(&[])? {
        things.clear();
    }
    Ok(things)
}

/// Some things without `count` of them from `from` on.
fn without<T: Clone>(things: &[T], from: usize, count: usize) -> Vec<T> {
    let until = (from + count).min(things.len());
    let kept = things[..from].iter().chain(&things[until..]);
    kept.cloned().collect()
}
