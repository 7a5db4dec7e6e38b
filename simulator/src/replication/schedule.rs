//! What befalls two sites, as data: drawn from a seed, printed, saved, replayed, cut down to what still breaks.

use serde::{Deserialize, Serialize};

use crate::draw::{Draws, Stream};
use crate::scenario::{MINUTE, SECOND};

/// What befalls them, or is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// Nothing passes between them; what is under way waits.
    LinkCut,
    /// The same, over and over.
    LinkFlap,
    /// So many bytes a second pass.
    LinkSlow(u64),
    /// Connections break at both ends.
    LinkReset,
    /// Connections break for whoever dialled; what was sent still arrives, beside the next connection.
    LinkDoubled,
    /// What the site sends is lost: acknowledgements, where it is the replica.
    Muted,
    /// The process ends where it stands, and is started again.
    ProcessCrash,
    /// The machine goes down with what was not flushed.
    PowerLoss,
    /// The region is lost: machine and link.
    RegionLost,
    /// It is lost a minute after it was said to be, and the operator fails over before.
    RegionLostWithWarning,
    /// It is lost for good: the site that is built in its place has nothing.
    RegionDestroyed,
    /// The site can't reach the witness.
    WitnessLost,
    /// There is no room on the site's disks.
    DiskFull,
    /// So many of a million requests to its disks fail.
    DiskErrors(u64),
    /// The operator has the other site take over, with everything.
    HandOver,
    /// The operator has this site take over, at the newest point or an older one, whether the other is lost or not.
    Failover(bool),
    /// The operator commits to the point.
    Commit,
    /// The operator protects this site to the other.
    Reprotect,
    /// The operator has a fenced site follow.
    Rejoin,
    /// An application is held still, and a point made.
    Point,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strike {
    /// When it begins.
    pub at_micros: u64,
    /// When it is over.
    pub until_micros: u64,
    /// Which site.
    pub site: usize,
    /// What.
    pub what: What,
}

/// A trial, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Seeds what the client writes, and all the rest of the chance.
    pub seed: u64,
    /// How long it lasts, before everything heals.
    pub horizon_micros: u64,
    /// Seconds by which each site's clock is ahead.
    pub skew_seconds: [i64; 2],
    /// Bytes a second between the sites.
    pub bytes_per_second: u64,
    /// How long a byte takes.
    pub latency_micros: u64,
    /// A batch ends this often.
    pub batch_micros: u64,
    /// Whether there is a witness.
    #[serde(default)]
    pub witness: bool,
    /// By rising time.
    pub strikes: Vec<Strike>,
}

/// Each kind with how often it strikes in a trial on average, in thousandths, and how long at most.
const KINDS: [(What, u64, u64); 20] = [
    (What::LinkCut, 2000, 3 * MINUTE),
    (What::LinkFlap, 800, MINUTE),
    (What::LinkSlow(0), 1200, 4 * MINUTE),
    (What::LinkReset, 1500, 0),
    (What::LinkDoubled, 1500, 0),
    (What::Muted, 1500, 2 * MINUTE),
    (What::ProcessCrash, 3000, 0),
    (What::PowerLoss, 1500, MINUTE),
    (What::RegionLost, 1200, 4 * MINUTE),
    (What::RegionLostWithWarning, 500, 3 * MINUTE),
    (What::RegionDestroyed, 250, 3 * MINUTE),
    (What::DiskFull, 800, 2 * MINUTE),
    (What::DiskErrors(0), 1000, 2 * MINUTE),
    (What::HandOver, 2000, 0),
    (What::Failover(true), 1500, 0),
    (What::Commit, 4000, 0),
    (What::Reprotect, 4000, 0),
    (What::Rejoin, 4000, 0),
    (What::Point, 2000, 0),
    (What::WitnessLost, 1500, 3 * MINUTE),
];
/// How long a trial lasts before everything heals.
const HORIZON: u64 = 10 * MINUTE;

impl Schedule {
    /// What a seed draws: each kind is switched off in a third of them, so that what one hides another shows.
    pub fn drawn(seed: u64) -> Self {
        let draws = Draws::new(seed);
        let mut stream = draws.stream("sites", "setup", 0);
        let mut skew = || {
            if stream.once_in(3) {
                stream.below(600).cast_signed() - 300
            } else {
                0
            }
        };
        let skew_seconds = [skew(), skew()];
        let pick = |stream: &mut Stream, of: &[u64]| of[stream.below(of.len() as u64) as usize];
        let mut schedule = Self {
            seed,
            horizon_micros: HORIZON,
            skew_seconds,
            bytes_per_second: pick(&mut stream, &[40_000, 400_000, 10_000_000]),
            latency_micros: pick(&mut stream, &[500, 20_000, 80_000]),
            batch_micros: pick(&mut stream, &[50_000, 200_000, SECOND, 5 * SECOND]),
            witness: draws.stream("sites", "witness", 0).below(2) == 0,
            strikes: Vec::new(),
        };
        for (number, (what, often_milli, lasts)) in KINDS.into_iter().enumerate() {
            let mut stream = draws.stream("sites", "strikes", number as u64);
            if stream.once_in(3) {
                continue;
            }
            for _ in 0..stream.poisson(often_milli * 1000) {
                let at_micros = stream.below(HORIZON);
                schedule.strikes.push(Strike {
                    at_micros,
                    until_micros: at_micros + stream.below(lasts.max(1)),
                    site: stream.below(2) as usize,
                    what: detailed(what, &mut stream),
                });
            }
        }
        schedule.strikes.sort();
        schedule
    }
}

fn detailed(what: What, stream: &mut Stream) -> What {
    match what {
        What::LinkSlow(_) => What::LinkSlow(stream.uniform(2_000, 30_000)),
        What::DiskErrors(_) => What::DiskErrors(stream.uniform(1_000, 200_000)),
        What::Failover(_) => What::Failover(!stream.once_in(3)),
        what => what,
    }
}
