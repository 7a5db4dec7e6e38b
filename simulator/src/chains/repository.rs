//! The files of one job, and what a run does to them.

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::gfs::{Gfs, Tier};
use super::job::{Job, Periodic, Style};
use super::row::FileKind;

/// A file, and the instant of the point that it holds.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) at: DateTime,
    pub(super) kind: FileKind,
    pub(super) bytes: u64,
    /// What the point is to be archived as, or is.
    tiers: Vec<Tier>,
}

/// A job's files, the oldest first.
#[derive(Debug)]
pub(super) struct Repository<'a> {
    job: &'a Job,
    chain: Vec<File>,
    archive: Vec<File>,
    run_before: Option<DateTime>,
}

impl<'a> Repository<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        Self {
            job,
            chain: Vec::new(),
            archive: Vec::new(),
            run_before: None,
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.archive.iter().chain(&self.chain)
    }

    /// One backup at `at`, then the retention.
    pub(super) fn run(&mut self, at: DateTime) {
        match &self.job.style {
            Style::Forward(periodic) => {
                let full = periodic
                    .as_ref()
                    .filter(|periodic| self.is_due(periodic, at));
                self.append(at, full, FileKind::ActiveFull);
                if periodic.is_some() {
                    self.remove_whole_chains();
                } else {
                    self.merge_surplus();
                }
            }
            Style::Reverse => self.reverse(at),
            Style::Copy(gfs) => {
                self.append(at, None, FileKind::SyntheticFull);
                self.mark(gfs, at);
                self.merge_surplus();
                self.thin_archive(gfs);
            }
        }
        self.run_before = Some(at);
    }

    fn is_due(&self, periodic: &Periodic, at: DateTime) -> bool {
        let first_of_day = self
            .run_before
            .is_none_or(|before| before.date() < at.date());
        first_of_day && periodic.on.contains(&at.date().weekday())
    }

    fn file(&self, at: DateTime, kind: FileKind) -> File {
        let bytes = if kind.is_full() {
            self.job.full_bytes()
        } else {
            self.job.increment_bytes()
        };
        File {
            at,
            kind,
            bytes,
            tiers: Vec::new(),
        }
    }

    fn append(&mut self, at: DateTime, full: Option<&Periodic>, first: FileKind) {
        let kind = match full {
            _ if self.chain.is_empty() => first,
            Some(periodic) if periodic.synthetic => FileKind::SyntheticFull,
            Some(_) => FileKind::ActiveFull,
            None => FileKind::Increment,
        };
        let file = self.file(at, kind);
        self.chain.push(file);
    }

    /// A point stays while a kept increment builds on it: the oldest full goes with all its
    /// increments, once enough points are left without them.
    fn remove_whole_chains(&mut self) {
        while let Some(next_full) = self
            .chain
            .iter()
            .skip(1)
            .position(|file| file.kind.is_full())
        {
            let oldest = next_full + 1;
            if self.chain.len() - oldest < self.job.retention as usize {
                return;
            }
            self.chain.drain(..oldest);
        }
    }

    /// The oldest increment becomes part of the full, which then holds its point. A full that is to be
    /// archived is sealed instead, and the increment becomes a new full.
    fn merge_surplus(&mut self) {
        while self.chain.len() > self.job.retention as usize {
            let full = self.chain.remove(0);
            let kind = full.kind;
            if let Some(next) = self.chain.first_mut() {
                next.kind = kind;
                next.bytes = self.job.full_bytes();
            }
            if !full.tiers.is_empty() {
                self.archive.push(File {
                    kind: FileKind::GfsFull,
                    ..full
                });
            }
        }
    }

    /// The full before becomes what leads back to it.
    fn reverse(&mut self, at: DateTime) {
        let increment = self.job.increment_bytes();
        if let Some(newest) = self.chain.last_mut() {
            newest.kind = FileKind::ReverseIncrement;
            newest.bytes = increment;
        }
        let full = self.file(at, FileKind::SyntheticFull);
        self.chain.push(full);
        let surplus = self.chain.len().saturating_sub(self.job.retention as usize);
        self.chain.drain(..surplus);
    }

    /// Of each instant of the plan since the run before, the nearer of the two points is marked; before
    /// the first run there is only its own half of the interval.
    fn mark(&mut self, gfs: &Gfs, at: DateTime) {
        let before = self
            .run_before
            .unwrap_or(at.saturating_sub(self.job.interval() / 2));
        let mut date = before.date();
        while date <= at.date() {
            let instant = gfs.instant(date);
            if instant > before && instant <= at {
                let apart =
                    |from: DateTime, to: DateTime| -> SignedDuration { to.duration_since(from) };
                let nearer_before = apart(before, instant) < apart(instant, at);
                let point = if nearer_before && self.run_before.is_some() {
                    before
                } else {
                    at
                };
                if let Some(file) = self.chain.iter_mut().find(|file| file.at == point) {
                    file.tiers.extend(gfs.tiers_of(date));
                }
            }
            let Ok(next) = date.tomorrow() else { return };
            date = next;
        }
    }

    /// Of each tier the newest stay; what is of no tier any more goes.
    fn thin_archive(&mut self, gfs: &Gfs) {
        for tier in Tier::ALL {
            let mut left = gfs.count(tier);
            for file in self
                .archive
                .iter_mut()
                .rev()
                .filter(|file| file.tiers.contains(&tier))
            {
                if left == 0 {
                    file.tiers.retain(|of| *of != tier);
                }
                left = left.saturating_sub(1);
            }
        }
        self.archive.retain(|file| !file.tiers.is_empty());
    }
}
