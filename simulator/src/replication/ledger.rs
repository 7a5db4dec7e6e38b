//! What was written at each site and acknowledged when: what recovery points, reports and content are held against.

use std::collections::BTreeSet;

/// Bytes of a block, by which content is hashed and compared.
const BLOCK_BYTES: usize = 4096;

/// The content of a group's disks.
pub(super) type Content = Vec<Vec<u8>>;

/// A write that is not through.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// The disk.
    pub disk: usize,
    /// Where.
    pub offset: usize,
    /// What.
    pub data: Vec<u8>,
}

/// The disks at one instant.
#[derive(Clone, Copy, Debug)]
struct State {
    hash: u128,
    /// When what led here was acknowledged, if it was.
    acked: Option<u64>,
}

/// What an active site's disks went through.
#[derive(Clone, Debug)]
struct Course {
    /// Its generation, and when by its own clock it took over: another takeover begins another course.
    name: (u64, i128),
    /// When it began, and whether by a planned failover.
    began: u64,
    planned: bool,
    states: Vec<State>,
    disks: Content,
    /// Blocks that were written since the last flush.
    unflushed: BTreeSet<(usize, usize)>,
    pending: Option<Write>,
    /// When it first acknowledged a write.
    first_acked: Option<u64>,
    /// The site was destroyed: nothing is written there any more.
    gone: bool,
}

/// Who takes over, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct TakeOver {
    /// The site.
    pub site: usize,
    /// Generation, and when by its clock.
    pub name: (u64, i128),
    /// Whether the other site handed over.
    pub planned: bool,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Writes acknowledged.
    pub writes: u64,
    /// Recovery points compared with the past.
    pub points: u64,
    /// RPO reports compared with the truth.
    pub reports: u64,
    /// Failovers without the source's knowledge, and those that it handed over to.
    pub failovers: u64,
    /// Planned ones.
    pub hand_overs: u64,
    /// Acknowledged writes that failovers lost.
    pub lost_writes: u64,
    /// Writes acknowledged by a site whose other one had taken over and could not tell it.
    pub split_writes: u64,
    /// Writes that were marked for want of room.
    pub overflows: u64,
}

/// The ledger of a trial.
#[derive(Debug)]
pub(super) struct Ledger {
    courses: [Option<Course>; 2],
    /// Whether there is a witness: then two are never written.
    witnessed: bool,
    /// What must not be.
    pub violations: Vec<String>,
    /// What was counted.
    pub tally: Tally,
}

fn block_hash(disk: usize, block: usize, bytes: &[u8]) -> u128 {
    if bytes.iter().all(|byte| *byte == 0) {
        return 0;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(disk as u64).to_le_bytes());
    hasher.update(&(block as u64).to_le_bytes());
    hasher.update(bytes);
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(hash)
}

/// A hash of the disks that a write changes only by the blocks that it touches.
pub(super) fn hash(disks: &Content) -> u128 {
    let mut sum = 0_u128;
    for (number, disk) in disks.iter().enumerate() {
        for (block, bytes) in disk.chunks(BLOCK_BYTES).enumerate() {
            sum = sum.wrapping_add(block_hash(number, block, bytes));
        }
    }
    sum
}

fn blocks(write: &Write) -> BTreeSet<(usize, usize)> {
    let last = write.offset + write.data.len().max(1) - 1;
    let blocks = write.offset / BLOCK_BYTES..=last / BLOCK_BYTES;
    blocks.map(|block| (write.disk, block)).collect()
}

impl Course {
    fn hash(&self) -> u128 {
        self.states.last().map_or(0, |state| state.hash)
    }

    fn sum(&self, blocks: &BTreeSet<(usize, usize)>) -> u128 {
        let sums = blocks.iter().map(|(disk, block)| {
            let bytes = self.disks[*disk].chunks(BLOCK_BYTES).nth(*block);
            block_hash(*disk, *block, bytes.unwrap_or_default())
        });
        sums.fold(0, u128::wrapping_add)
    }
}

impl Ledger {
    /// An empty one.
    pub(super) fn new(witnessed: bool) -> Self {
        Self {
            courses: [None, None],
            witnessed,
            violations: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// The first site begins, with this on its disks.
    pub(super) fn begin_group(&mut self, site: usize, disks: Content) {
        self.courses[site] = Some(Course {
            name: (1, 0),
            began: 0,
            planned: false,
            states: vec![State {
                hash: hash(&disks),
                acked: Some(0),
            }],
            disks,
            unflushed: BTreeSet::new(),
            pending: None,
            first_acked: None,
            gone: false,
        });
    }

    fn wrong(&mut self, now: u64, what: &str) {
        self.violations.push(format!("at {now} us: {what}"));
    }

    /// Whether a site's course is of this takeover.
    pub(super) fn knows(&self, site: usize, name: (u64, i128)) -> bool {
        self.courses[site]
            .as_ref()
            .is_some_and(|course| course.name == name)
    }

    /// A site is active again, in a newer generation, with the disks that it had.
    pub(super) fn taken_back(&mut self, site: usize, name: (u64, i128), now: u64) {
        if let Some(course) = &mut self.courses[site] {
            (course.name, course.began) = (name, now);
            course.first_acked = None;
        }
    }

    /// A site was destroyed.
    pub(super) fn destroyed(&mut self, site: usize) {
        if let Some(course) = &mut self.courses[site] {
            course.gone = true;
        }
    }

    /// The content that a site's disks should have.
    pub(super) fn content(&self, site: usize) -> Option<&Content> {
        self.courses[site].as_ref().map(|course| &course.disks)
    }

    /// A write begins; the other site may have it from now on.
    pub(super) fn begin(&mut self, site: usize, write: Write) {
        let Some(course) = &mut self.courses[site] else {
            return;
        };
        let touched = blocks(&write);
        let before = course.sum(&touched);
        course.disks[write.disk][write.offset..write.offset + write.data.len()]
            .copy_from_slice(&write.data);
        let hash = course
            .hash()
            .wrapping_sub(before)
            .wrapping_add(course.sum(&touched));
        course.states.push(State { hash, acked: None });
        course.unflushed.extend(touched);
        course.pending = Some(write);
    }

    /// It was acknowledged, in a generation; `calm_since` is since when nothing kept the sites from meeting.
    pub(super) fn acked(&mut self, site: usize, now: u64, calm_since: u64) {
        /// A retry comes after a minute at most, and finds a silent link out in a quarter.
        const MET_MICROS: u64 = 150 * 1_000_000;
        let Some(course) = &mut self.courses[site] else {
            return;
        };
        if let Some(state) = course.states.last_mut() {
            state.acked = Some(now);
        }
        course.pending = None;
        course.first_acked.get_or_insert(now);
        self.tally.writes += 1;
        let generation = course.name.0;
        let Some(other) = self.courses[1 - site].as_ref().filter(|other| !other.gone) else {
            return;
        };
        let (theirs, began, planned) = (other.name.0, other.began, other.planned);
        let is_written = other.first_acked.is_some();
        if theirs == generation {
            self.wrong(
                now,
                &format!("site {site} writes, and both are of generation {theirs}"),
            );
        } else if theirs > generation {
            self.tally.split_writes += u64::from(is_written || !self.witnessed);
            let met = now > began.max(calm_since) + MET_MICROS;
            if planned || met || self.witnessed && is_written {
                let what = format!(
                    "two writable sides: site {site} of generation {generation} acknowledged a write, and the other took \
                     over in {theirs} at {began} us"
                );
                self.wrong(now, &what);
            }
        }
    }

    /// What was acknowledged so far was flushed.
    pub(super) fn flushed(&mut self, site: usize) {
        if let Some(course) = &mut self.courses[site] {
            course.unflushed.clear();
        }
    }

    /// A write failed: nobody knows what it left, and this was found.
    pub(super) fn failed(&mut self, site: usize, found: Content) {
        if let Some(course) = &mut self.courses[site] {
            course.states.push(State {
                hash: hash(&found),
                acked: None,
            });
            (course.disks, course.pending) = (found, None);
        }
    }

    /// A site's disks after it went down and came up: what was flushed is there, and unless it lost `power` (or had
    /// its disks in an overlay) what was acknowledged.
    pub(super) fn opened(&mut self, site: usize, (found, power): (Content, bool), now: u64) {
        let Some(course) = &mut self.courses[site] else {
            return;
        };
        let mut open = course.pending.as_ref().map(blocks).unwrap_or_default();
        if power {
            open.extend(course.unflushed.iter().copied());
        }
        let mut lost = Vec::new();
        for (number, (disk, known)) in found.iter().zip(&course.disks).enumerate() {
            let pairs = disk.chunks(BLOCK_BYTES).zip(known.chunks(BLOCK_BYTES));
            for (block, (found, known)) in pairs.enumerate() {
                if found != known && !open.contains(&(number, block)) {
                    lost.push((number, block));
                }
            }
        }
        let hash = hash(&found);
        if hash != course.hash() {
            course.states.push(State {
                hash,
                acked: Some(now),
            });
        }
        (course.disks, course.pending) = (found, None);
        if !lost.is_empty() {
            let how = if power {
                "its flush"
            } else {
                "its acknowledgement"
            };
            self.wrong(
                now,
                &format!("site {site} lost blocks {lost:?} after {how}"),
            );
        }
    }

    /// The state of the past that a point of `site` is: not before `after`.
    pub(super) fn place(&self, site: usize, hash: u128, after: usize) -> Option<usize> {
        let course = self.courses[1 - site].as_ref()?;
        let states = course.states.get(after..)?;
        let at = states.iter().position(|state| state.hash == hash)?;
        Some(after + at)
    }

    /// A point of `site` is no state of the past.
    pub(super) fn stray(&mut self, site: usize, batch: u64, now: u64) {
        self.wrong(
            now,
            &format!("site {site}: its point {batch} is no prefix of what was written"),
        );
    }

    /// How old the oldest write is that `site` lacks if its newest point has this hash.
    pub(super) fn loss_micros(&self, site: usize, hash: u128, now: u64) -> Option<u64> {
        let course = self.courses[1 - site].as_ref()?;
        let at = course.states.iter().rposition(|state| state.hash == hash)?;
        let mut later = course.states[at + 1..].iter();
        let oldest = later.find_map(|state| state.acked.filter(|acked| *acked <= now));
        Some(oldest.map_or(0, |oldest| now - oldest))
    }

    /// A report of an RPO that is less than what would be lost.
    pub(super) fn dishonest(&mut self, who: &str, (told, lost): (u64, u64), now: u64) {
        self.wrong(
            now,
            &format!("{who} tells of an RPO of {told} us, and {lost} us would be lost"),
        );
    }

    /// A site took over, and found this.
    pub(super) fn take_over(&mut self, who: TakeOver, found: Content, now: u64) {
        let TakeOver {
            site,
            name,
            planned,
        } = who;
        let hash = hash(&found);
        let Some(before) = &self.courses[1 - site] else {
            self.wrong(now, &format!("site {site} took over what nobody wrote"));
            return;
        };
        let Some(at) = before.states.iter().rposition(|state| state.hash == hash) else {
            self.wrong(
                now,
                &format!("site {site} took over at no state of the past"),
            );
            return;
        };
        let later = before.states[at + 1..].iter();
        let lost = later.filter(|state| state.acked.is_some()).count() as u64;
        let states = before.states[..=at].to_vec();
        self.courses[site] = Some(Course {
            name,
            began: now,
            planned,
            states,
            disks: found,
            unflushed: BTreeSet::new(),
            pending: None,
            first_acked: None,
            gone: false,
        });
        self.tally.lost_writes += lost;
        if planned {
            self.tally.hand_overs += 1;
        } else {
            self.tally.failovers += 1;
        }
        if planned && lost > 0 {
            self.wrong(
                now,
                &format!("a planned failover to site {site} lost {lost} writes"),
            );
        }
    }

    /// Something that must not be.
    pub(super) fn note(&mut self, now: u64, what: &str) {
        self.wrong(now, what);
    }
}
