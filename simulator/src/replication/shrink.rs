//! The fewest strikes of a schedule that still break something.

use crate::chaos::fewest;

use super::{Flaw, Schedule, run};

/// Trials that a shrinking takes at most.
const TRIALS_MAX: u32 = 300;

/// Shrinks a schedule that breaks something; gives it with what it breaks.
pub fn shrink(drawn: &Schedule, flaw: Flaw) -> (Schedule, Vec<String>) {
    let (mut trials, mut violations) = (0, Vec::new());
    let mut breaks = |strikes: &[super::Strike]| {
        if trials >= TRIALS_MAX {
            return Ok(false);
        }
        trials += 1;
        let fewer = Schedule {
            strikes: strikes.to_vec(),
            ..drawn.clone()
        };
        let trial = run(&fewer, flaw);
        let broken = !trial.violations.is_empty();
        if broken {
            violations = trial.violations;
        }
        Ok::<_, std::convert::Infallible>(broken)
    };
    let strikes = match fewest(drawn.strikes.clone(), &mut breaks) {
        Ok(strikes) => strikes,
        Err(never) => match never {},
    };
    let smallest = Schedule {
        strikes,
        ..drawn.clone()
    };
    (smallest, violations)
}
