//! A small series of its own making: ten successive states of one folder tree, for a newcomer
//! who has no data at hand.
//!
//! The series is a pure function of the seed: contents, names, modes and times. Every draw comes
//! from a stream of its own per entity, purpose and generation, so that a draw more or fewer in
//! one place shifts nothing elsewhere. About 3 % of the bytes are new each day, as on a small
//! office server; sizes and rates are assumptions, chosen to show every kind of change in little.

mod tree;
mod words;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::tree::{Body, Tree};

/// Generations in a series, one a day.
pub const GENERATIONS: u32 = 10;

const KIB: usize = 1 << 10;
const NANOSECONDS: u64 = 1_000_000_000;
/// 2026-01-01T08:00Z, when the first generation was last at rest, in nanoseconds since 1970.
const DAY_ONE: u64 = 1_767_254_400 * NANOSECONDS;
const DAY: u64 = 86_400 * NANOSECONDS;
/// Every change of a day happens within these working hours, in nanoseconds.
const WORKING_HOURS: u64 = 8 * 3_600 * NANOSECONDS;

/// The page size of common databases (`PostgreSQL`), in bytes.
const PAGE_BYTES: usize = 8 * KIB;
/// 8 MiB of pages.
const PAGES: u32 = 1024;
const PAGES_CHANGED_DAILY: u32 = 24;
/// Half of the changed pages fall among the first ones: real tables have a hot end.
const PAGES_HOT: u32 = 64;

const LOGS: [&str; 3] = ["web", "worker", "audit"];
const LOG_DAILY_BYTES: usize = 48 * KIB;
/// The day on which the web log is renamed and begun anew.
const LOG_ROTATED_IN: u32 = 5;

const DATABASE: &str = "accounts/ledger.db";
const MAIL: &str = "mail/archive.mbox";
const LATEST: &str = "documents/latest";

/// Makes `root/gen-01` to `root/gen-10`, each a complete tree of about 24 MiB, and returns their
/// paths in order. The same seed makes the same trees on every machine.
///
/// # Errors
///
/// When a generation already exists (nothing is overwritten) or cannot be written; the message
/// names the path.
pub fn generate(root: &Path, seed: u64) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(root).map_err(|e| failed("create", root, &e))?;
    let mut tree = Tree::first(seed);
    let mut written = Vec::new();
    for generation in 1..=GENERATIONS {
        if generation > 1 {
            tree.next();
        }
        let folder = root.join(format!("gen-{generation:02}"));
        tree.write(&folder)?;
        written.push(folder);
    }
    Ok(written)
}

impl Tree {
    fn first(seed: u64) -> Self {
        let mut tree = Self::new(seed);
        tree.folder(Path::new("media/incoming"));
        for page in 0..PAGES {
            let bytes = tree.page(page);
            tree.edit(DATABASE, |body| body.extend(bytes));
        }
        tree.append_logs(900 * KIB);
        tree.append_mail(3_000 * KIB);
        for number in 0..48 {
            tree.add_document(number);
        }
        tree.add_media("media/town-hall.bin", 3_000 * KIB);
        for number in 0..4 {
            tree.add_photo(number, 600 * KIB..900 * KIB);
        }
        for number in 0..160 {
            tree.add_source(number);
        }
        tree.add_oddities();
        tree
    }

    /// One working day: everything that changes does so here.
    fn next(&mut self) {
        self.generation += 1;
        let day = self.generation;
        if day == LOG_ROTATED_IN {
            self.rename(Path::new("logs/web.log"), "logs/web.log.1".into());
        }
        self.append_logs(LOG_DAILY_BYTES);
        self.change_pages();
        self.append_mail(24 * KIB);
        self.insert_mail();
        self.edit_some("documents/20", 12, 2 * KIB);
        self.edit_some("source", 20, 200);
        self.add_document(100 + day);
        self.add_source(1000 + day);
        self.add_photo(100 + day, 160 * KIB..280 * KIB);
        if let Some(path) = self.pick("documents/20", "copy") {
            let body = self.bytes(&path).to_vec();
            self.put(
                format!("documents/copies/copy-{day:02}.txt"),
                Body::Bytes(body),
                0o644,
            );
        }
        if let Some(path) = self.pick("documents/20", "rename") {
            let to = format!("documents/filed/{day:02}-{}", file_name(&path));
            self.rename(&path, to.into());
        }
        if let Some(path) = self.pick("media/photos", "rename").filter(|_| day % 3 == 1) {
            let to = format!("media/album/{}", file_name(&path));
            self.rename(&path, to.into());
        }
        for folder in ["documents/20", "source"] {
            if let Some(path) = self.pick(folder, "delete") {
                self.remove(&path);
            }
        }
    }

    // What there is.

    fn append_logs(&mut self, bytes: usize) {
        for name in LOGS {
            let path = format!("logs/{name}.log");
            let lines = self
                .words
                .log(&mut self.stream(&path, "append"), self.generation, bytes);
            self.edit(&path, |body| body.extend(lines));
        }
    }

    fn append_mail(&mut self, bytes: usize) {
        let text = self.words.prose(&mut self.stream(MAIL, "append"), bytes);
        self.edit(MAIL, |body| body.extend(text));
        // Mail is private: the one folder and file that others may not read.
        if let Some(entry) = self.files.get_mut(Path::new(MAIL)) {
            entry.mode = 0o600;
        }
        if let Some(folder) = self.folders.get_mut(Path::new("mail")) {
            folder.mode = 0o700;
        }
    }

    /// Inserts a run in the middle half, which shifts all that follows by an odd number of bytes.
    fn insert_mail(&mut self) {
        let mut rng = self.stream(MAIL, "insert");
        let run = self.words.prose(&mut rng, 6 * KIB + 1);
        let length = self.bytes(Path::new(MAIL)).len() as u64;
        let at = rng.random_range(length / 4..length * 3 / 4) as usize;
        self.edit(MAIL, |body| drop(body.splice(at..at, run)));
    }

    fn add_document(&mut self, number: u32) {
        let path = format!("documents/2025/q{}/report-{number:03}.txt", number % 4 + 1);
        let mut rng = self.stream(&path, "content");
        // Squared so that most documents are small and a few are not.
        let share = rng.random_range(0..=255_u64);
        let length = 12 * KIB + (96 * KIB as u64 * share * share / 65_536) as usize;
        let text = self.words.prose(&mut rng, length);
        let target = Path::new(&path)
            .strip_prefix("documents")
            .unwrap_or(Path::new(&path))
            .into();
        self.put(path, Body::Bytes(text), 0o644);
        self.put(LATEST, Body::Link(target), 0o777);
    }

    fn add_photo(&mut self, number: u32, bytes: std::ops::Range<usize>) {
        let path = format!("media/photos/photo-{number:03}.bin");
        let bytes = bytes.start as u64..bytes.end as u64;
        let length = self.stream(&path, "length").random_range(bytes) as usize;
        self.add_media(&path, length);
    }

    /// Random bytes stand for compressed media: nothing shrinks them further.
    fn add_media(&mut self, path: &str, length: usize) {
        let mut bytes = vec![0; length];
        self.stream(path, "content").fill_bytes(&mut bytes);
        self.put(path, Body::Bytes(bytes), 0o644);
    }

    fn add_source(&mut self, number: u32) {
        let folder = [
            "billing/src",
            "billing/src/rules",
            "portal/src/pages",
            "portal/tests",
        ][number as usize % 4];
        let path = format!("source/{folder}/part_{number:04}.rs");
        let mut rng = self.stream(&path, "content");
        let length = rng.random_range(400..7_600_u64) as usize;
        let text = self.words.code(&mut rng, length);
        self.put(path, Body::Bytes(text), 0o644);
    }

    /// What restores get wrong: an executable, an empty file, a name that is not UTF-8.
    fn add_oddities(&mut self) {
        self.put(
            "source/build.sh",
            Body::Bytes(b"#!/bin/sh\nexec cargo build\n".into()),
            0o755,
        );
        self.put("source/portal/.keep", Body::Bytes(Vec::new()), 0o644);
        // Apple's file systems refuse such names.
        let name: &[u8] = if cfg!(target_vendor = "apple") {
            b"cafe.txt"
        } else {
            b"caf\xe9.txt"
        };
        let text = self
            .words
            .prose(&mut self.stream("documents/cafe", "content"), 9_000);
        let path = Path::new("documents").join(OsStr::from_bytes(name));
        self.put(path, Body::Bytes(text), 0o644);
    }

    // What changes.

    /// One database page: a header, rows of words and numbers, and an unused rest.
    fn page(&self, number: u32) -> Vec<u8> {
        let mut rng = self.stream(&format!("{DATABASE} page {number}"), "content");
        let mut page = Vec::with_capacity(PAGE_BYTES);
        page.extend(number.to_le_bytes());
        page.extend(self.generation.to_le_bytes());
        let filled = rng.random_range(PAGE_BYTES as u64 / 2..PAGE_BYTES as u64) as usize;
        while page.len() < filled {
            page.extend(rng.next_u64().to_le_bytes());
            page.extend(self.words.prose(&mut rng, 40));
        }
        page.resize(PAGE_BYTES, 0);
        page
    }

    fn change_pages(&mut self) {
        let mut rng = self.stream(DATABASE, "pages");
        for change in 0..PAGES_CHANGED_DAILY {
            let among = if change % 2 == 0 { PAGES_HOT } else { PAGES };
            let number = rng.random_range(0..among);
            let (page, at) = (self.page(number), number as usize * PAGE_BYTES);
            self.edit(DATABASE, |body| {
                body[at..at + PAGE_BYTES].copy_from_slice(&page);
            });
        }
    }

    /// Replaces a run of `bytes` in about one of `one_in` files below the folder.
    fn edit_some(&mut self, below: &str, one_in: u32, bytes: usize) {
        for path in self.below(below) {
            let Some(name) = path.to_str() else { continue };
            let mut rng = self.stream(name, "edit");
            if !rng.random_ratio(1, one_in) {
                continue;
            }
            let run = self.words.prose(&mut rng, bytes);
            let at = rng.random_range(0..=self.bytes(&path).len() as u64) as usize;
            self.edit(name, |body| {
                let end = body.len().min(at + run.len());
                drop(body.splice(at..end, run));
            });
        }
    }
}

/// The stream of draws for one entity, purpose and generation: the key holds all of them, so no
/// two streams meet.
fn stream(seed: u64, entity: &str, purpose: &str, generation: u32) -> ChaCha8Rng {
    let words = [seed, fnv1a(entity), fnv1a(purpose), u64::from(generation)];
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// FNV-1a, 64 bits: short and fixed for ever, which the standard library's hasher is not.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn failed(doing: &str, path: &Path, cause: &io::Error) -> io::Error {
    io::Error::new(
        cause.kind(),
        format!("failed to {doing} {}: {cause}", path.display()),
    )
}

#[cfg(test)]
mod tests;
