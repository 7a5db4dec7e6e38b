//! How far an emulated and a modelled trial of the same setup agree.

use crate::outcome::scenario::{Agreement, IncidentRow};
use crate::trial::Trial;

/// The difference, parts of a million of the first.
fn ppm(emulated: u64, modelled: u64) -> u64 {
    let apart = u128::from(emulated.abs_diff(modelled)) * 1_000_000;
    u64::try_from(apart / u128::from(emulated.max(1))).unwrap_or(u64::MAX)
}

/// Holds the two against each other.
pub fn agreement(strategy: &str, emulated: &Trial, modelled: &Trial) -> Agreement {
    let copies = || emulated.tally.copies.iter().zip(&modelled.tally.copies);
    let (ours, theirs) = (rows(emulated), rows(modelled));
    let both = || ours.iter().zip(&theirs);
    let same = ours.len() == theirs.len();
    let rto = both()
        .map(|(ours, theirs)| ppm(ours.rto_micros.unwrap_or(0), theirs.rto_micros.unwrap_or(0)));
    let stored = |trial: &Trial| {
        let rows = trial.tally.quantities.iter();
        rows.map(|row| row.byte_hours).sum::<u128>()
    };
    let (ours_stored, theirs_stored) = (stored(emulated), stored(modelled));
    let apart = ours_stored.abs_diff(theirs_stored) * 1_000_000 / ours_stored.max(1);
    Agreement {
        strategy: strategy.to_owned(),
        // How often an attempt failed hangs on the minute in which service was back: it is no point's affair.
        points_equal: copies().all(|(ours, theirs)| {
            (ours.points, &ours.kept_points) == (theirs.points, &theirs.kept_points)
                && sorted(&ours.chains) == sorted(&theirs.chains)
        }),
        blocks_equal: copies().all(|(ours, theirs)| ours.blocks == theirs.blocks),
        bytes_ppm: u64::try_from(apart).unwrap_or(u64::MAX),
        bytes_at_end_ppm: copies()
            .map(|(ours, theirs)| ppm(ours.bytes, theirs.bytes))
            .max()
            .unwrap_or(0),
        rpo_equal: same
            && both().all(|(ours, theirs)| {
                (ours.ending, ours.rpo_micros, ours.captured_micros)
                    == (theirs.ending, theirs.rpo_micros, theirs.captured_micros)
            }),
        rto_ppm: rto.max().unwrap_or(0),
    }
}

/// Chain lengths; agents that land at about the same time may do so in another order.
fn sorted(chains: &[u32]) -> Vec<u32> {
    let mut chains = chains.to_vec();
    chains.sort_unstable();
    chains
}

/// Incidents by fault and instance.
fn rows(trial: &Trial) -> Vec<&IncidentRow> {
    let mut rows: Vec<&IncidentRow> = trial.tally.incidents.iter().collect();
    rows.sort_by_key(|row| (row.fault, &row.instance));
    rows
}
