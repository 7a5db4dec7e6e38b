//! What is protected: groups of instances that are alike.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What runs on an instance: what a component must be able to protect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Files and folders.
    Files,
    /// A whole virtual machine.
    Vm,
    /// SQL Server.
    Sql,
    /// Exchange.
    Exchange,
    /// `SharePoint`.
    #[serde(rename = "sharepoint")]
    SharePoint,
    /// Oracle.
    Oracle,
    /// One managed disk.
    Disk,
}

/// The operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Windows.
    Windows,
    /// Linux.
    Linux,
}

/// Instances that are alike.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name; instances are `name-001` and so on, or `name` if there is one.
    pub name: String,
    /// How many.
    pub count: u32,
    /// Where they run, by number in `places`.
    pub place: usize,
    /// In which zone (0 is the first); `None` spreads them over all.
    pub zone: Option<u32>,
    /// What runs there.
    pub workload: Workload,
    /// On what.
    pub system: System,
    /// Bytes of data of each at the start.
    pub bytes: u64,
    /// Blocks that the data is cut into: what changes, changes by blocks. Emulated trials give each block a few
    /// real bytes.
    pub blocks: u32,
    /// Real bytes of a block in emulated trials, a multiple of 512.
    pub real_block_bytes: u64,
    /// What is left of the data after compression, parts of a million.
    pub compress_ppm: u64,
    /// Growth in a year of 365.25 days, parts of a million of what it is at the start.
    pub growth_ppm_per_year: u64,
    /// How it changes.
    pub changes: Changes,
    /// Bytes a second that its disk is read and written with.
    pub disk_bytes_per_second: u64,
    /// The recovery plan's group: it is up after so many bootings, from when its own data is back.
    pub boot_group: u32,
}

/// How data changes.
#[derive(Clone, Debug)]
pub enum Changes {
    /// By a rate: the working-set model.
    Stated {
        /// Blocks written in a day, parts of a million of all (a block written twice counts twice).
        ppm_per_day: u64,
        /// The hot part, parts of a million of all blocks.
        working_set_ppm: u64,
        /// Writes that fall into it, parts of a million.
        working_set_writes_ppm: u64,
        /// Writes that go on where the last ended, parts of a million.
        sequential_ppm: u64,
        /// When in the day and week.
        rhythm: Rhythm,
    },
    /// At stated instants.
    Scripted(Vec<Script>),
    /// As a recorded block trace, again and again until the end.
    Trace(PathBuf),
}

/// A stated change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// When.
    pub at_micros: u64,
    /// Blocks, from 0.
    pub blocks: Vec<u32>,
}

/// How writes spread over the hours of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rhythm {
    /// Evenly.
    Even,
    /// Four fifths of them from 8 to 18 o'clock, Monday to Friday.
    Office,
    /// Four fifths of them from 0 to 6 o'clock: batch work.
    Nightly,
}

impl Group {
    /// Names of its instances.
    pub fn names(&self) -> Vec<String> {
        if self.count == 1 {
            return vec![self.name.clone()];
        }
        let numbers = 1..=self.count;
        numbers
            .map(|number| format!("{}-{number:03}", self.name))
            .collect()
    }

    /// Stated bytes that one real byte of an emulated trial stands for, at least 1.
    pub fn scale(&self) -> u64 {
        (self.bytes / (u64::from(self.blocks) * self.real_block_bytes)).max(1)
    }
}
