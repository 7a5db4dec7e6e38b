//! What a drill found, as plain data that reports read and nothing else: bytes, microseconds, and
//! instants in whole seconds since 1970 in UTC.

use serde::{Deserialize, Serialize};

use crate::outcome::Machine;

/// One drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// The program's version that wrote these rows.
    pub program_version: String,
    /// The command line that does this again.
    pub command: String,
    /// When it began, by this machine's clock.
    pub started_seconds: i64,
    /// From the command's start to the end of all reading.
    pub wall_micros: u64,
    /// The machine it ran on.
    pub machine: Machine,
    /// Host and process that ran it.
    pub by: String,
    /// The vault's name.
    pub vault: String,
    /// What was asked for: `newest`, `sample`, `all` or `point`.
    pub scope: String,
    /// Parts in a million of all bytes that a sample was to read.
    pub sample_ppm: Option<u32>,
    /// Whether only some instances were looked at.
    pub filtered: bool,
    /// Whether files were written to scratch; else they were only read.
    pub scratch: bool,
    /// What one small request to the store took.
    pub request_micros: u64,
    /// Seconds by which the store's clock was ahead of this machine's; `None` where it is not known, and
    /// this machine's clock was used.
    pub store_ahead_seconds: Option<i64>,
    /// Points that were restored, in the order in which they were.
    pub points: Vec<PointDrill>,
    /// What a sample read.
    pub sample: Option<SampleDrill>,
    /// One row per instance of the vault that the drill looked at.
    pub instances: Vec<InstanceDrill>,
    /// What was found damaged, by name; the first of [`Self::failures_total`].
    pub failures: Vec<Failure>,
    /// All that was found damaged.
    pub failures_total: u64,
    /// By what the predictions were made.
    pub basis: Basis,
    /// What share of the vault was ever read back.
    pub coverage: CoverageRow,
    /// Earlier drills that the vault tells of, oldest first.
    pub history: Vec<PastDrill>,
    /// Why the vault does not tell of this drill; `None` where it does.
    pub unrecorded: Option<String>,
}

/// Where a prediction's rates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Earlier drills of the same sort, taken together.
    Earlier {
        /// How many.
        drills: u32,
        /// When the last of them began.
        at_seconds: i64,
    },
    /// The first part of this drill's first point.
    FirstPart,
    /// The packs that this sample read.
    Sample,
    /// Nothing was measured before: there is no prediction.
    None,
}

/// Where the time of a restore goes, in microseconds: what was waited for, so that the parts add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// From the command's start to the open vault: the passphrase.
    pub vault_micros: u64,
    /// Reading the manifests.
    pub catalog_micros: u64,
    /// Reading the index.
    pub index_micros: u64,
    /// Reading the listing.
    pub listing_micros: u64,
    /// Waiting for content from the store.
    pub fetch_micros: u64,
    /// Waiting for content to be opened and verified.
    pub open_micros: u64,
    /// Waiting for files to be written.
    pub write_micros: u64,
    /// Reading the files again and holding them against the listing.
    pub validate_micros: u64,
}

impl Stages {
    /// The stages in their order, by name.
    pub fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("open the vault", self.vault_micros),
            ("read the catalog", self.catalog_micros),
            ("read the index", self.index_micros),
            ("read the listing", self.listing_micros),
            ("fetch content", self.fetch_micros),
            ("open and verify", self.open_micros),
            ("write files", self.write_micros),
            ("validate files", self.validate_micros),
        ]
    }

    /// All of it.
    pub fn total_micros(&self) -> u64 {
        self.named().iter().map(|(_, micros)| micros).sum()
    }
}

/// A point that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointDrill {
    /// Its name.
    pub point: String,
    /// What it is a point of.
    pub instance: String,
    /// The instant that it vouches for, by the store's clock.
    pub captured_seconds: i64,
    /// How it was made.
    pub method: String,
    /// `crash` or `application`.
    pub consistency: String,
    /// Points that it needs, itself included.
    pub points_needed: u64,
    /// Files that its backup could not read, or that changed meanwhile: no drill brings those back.
    pub left_out_files: u64,
    /// Whether all of it came back.
    pub verified: bool,
    /// Files that did not, or differ.
    pub damaged_files: u64,
    /// Files and disks.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes of files and disks, holes included.
    pub bytes: u64,
    /// Bytes of content that were opened and verified: without holes, names of the same file once.
    pub content_bytes: u64,
    /// Bytes fetched for them.
    pub fetched_bytes: u64,
    /// Requests that fetched those.
    pub requests: u64,
    /// Packs that they lay in.
    pub packs_read: u64,
    /// Files, folders, links and disks that were held against the listing in scratch.
    pub validated_entries: Option<u64>,
    /// Where the time went.
    pub stages: Stages,
    /// What was predicted.
    pub predicted: Option<Stages>,
}

impl PointDrill {
    /// The measured part that the prediction speaks of.
    pub fn compared_micros(&self, basis: Basis) -> u64 {
        let all = self.stages.total_micros();
        match basis {
            // The first part of a restore tells nothing of holding it against the listing.
            Basis::FirstPart => all - self.stages.validate_micros,
            _ => all,
        }
    }
}

/// What a sample read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleDrill {
    /// Packs that could have been read.
    pub packs_total: u64,
    /// Packs read.
    pub packs: u64,
    /// Those of them that are damaged.
    pub damaged_packs: u64,
    /// Bytes read and verified.
    pub bytes: u64,
    /// How long that took.
    pub micros: u64,
}

/// How an instance stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceDrill {
    /// The instance.
    pub instance: String,
    /// Its points.
    pub points: u64,
    /// Its newest point.
    pub newest: String,
    /// The instant that it vouches for.
    pub newest_captured_seconds: i64,
    /// Its newest point that is not known to be damaged.
    pub good: Option<String>,
    /// The instant that it vouches for.
    pub good_captured_seconds: Option<i64>,
    /// Its age when the drill began: what a disaster then would have taken.
    pub rpo_seconds: Option<u64>,
    /// Whether this drill restored it; else it is only not known to be damaged.
    pub restored: bool,
    /// How long it takes to have it back: measured if it was restored, else predicted.
    pub rto_micros: Option<u64>,
    /// Whether that is a prediction.
    pub rto_predicted: bool,
}

/// Something that is damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The point that needs it.
    pub point: Option<String>,
    /// What that is a point of.
    pub instance: Option<String>,
    /// The file that it is in.
    pub path: Option<String>,
    /// What is wrong.
    pub why: String,
}

/// What share of the vault was ever read back by a drill, in sealed bytes of content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageRow {
    /// Content of all packs.
    pub bytes: u64,
    /// What of it was ever read back.
    pub read_bytes: u64,
    /// Packs.
    pub packs: u64,
    /// Packs that were read back wholly.
    pub whole_packs: u64,
    /// When the oldest pack that was not was written, by the store's clock.
    pub oldest_unread_seconds: Option<i64>,
    /// How long ago anything that counts as read was read at most.
    pub oldest_read_seconds: Option<i64>,
    /// What each point added, oldest first.
    pub points: Vec<PointCoverage>,
}

/// What was read back of that which a point added to the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointCoverage {
    /// The point.
    pub point: String,
    /// What it is a point of.
    pub instance: String,
    /// The instant that it vouches for.
    pub captured_seconds: i64,
    /// Whether it was deleted and can be brought back.
    pub deleted: bool,
    /// Content that it added and that is still where it put it.
    pub bytes: u64,
    /// What of it was ever read back.
    pub read_bytes: u64,
    /// When it was last restored whole.
    pub restored_seconds: Option<i64>,
}

/// An earlier drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastDrill {
    /// When it began.
    pub at_seconds: i64,
    /// Host and process that ran it.
    pub by: String,
    /// What it was asked to read.
    pub scope: String,
    /// Whether files were written to scratch.
    pub scratch: bool,
    /// Whether all that it read was whole.
    pub good: bool,
    /// Bytes read back and verified.
    pub bytes: u64,
    /// How long it took.
    pub wall_micros: u64,
}
