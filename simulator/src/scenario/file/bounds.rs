//! How large a scenario may be, so that a trial's memory is known before it starts.

use engine::error::Result;

use super::reader::Reader;
use super::written::File;
use crate::quantity::Bytes;
use crate::scenario::Scenario;

/// Entries of any list of a file (regions and sites, links, instances, strategies, faults): more is not one
/// question any more. Places come with a link between each two.
pub const LIST_MAX: usize = 64;

/// Instances of all groups: a modelled trial keeps some hundred bytes of each, and a byte or two of each block.
pub const INSTANCES_MAX: u64 = 100_000;

/// Blocks of all instances, 64 Mi: a modelled trial keeps a few bytes of each.
pub const TOTAL_BLOCKS_MAX: u64 = 64 << 20;

/// Real bytes of all instances in an emulated trial, 512 MiB: they lie in memory or on its file system, and vaults hold
/// them several times.
pub const EMULATED_BYTES_MAX: u64 = 512 << 20;

/// Backups in the emulated trials of all strategies: the engine makes about a hundred a second of small disks, so that
/// these take a quarter of an hour.
pub const EMULATED_BACKUPS_MAX: u64 = 100_000;

/// Batches to a replica, most of them empty, that take as long to play as a backup.
const BATCHES_A_BACKUP: u64 = 20;

/// Refuses lists that are too long, before anything walks them.
pub(super) fn lists(reader: &Reader<'_>, file: &File) -> Result<()> {
    let places = file.region.iter().map(toml::Spanned::span);
    let places = places.chain(file.site.iter().map(toml::Spanned::span));
    let lists = [
        ("regions and sites", places.collect::<Vec<_>>()),
        ("links", file.link.iter().map(toml::Spanned::span).collect()),
        (
            "groups of instances",
            file.instance.iter().map(toml::Spanned::span).collect(),
        ),
        (
            "strategies",
            file.strategy.iter().map(toml::Spanned::span).collect(),
        ),
        (
            "faults",
            file.fault.iter().map(toml::Spanned::span).collect(),
        ),
    ];
    for (what, spans) in lists {
        if let Some(span) = spans.get(LIST_MAX) {
            let wrong = format!("{} {what}", spans.len());
            return Err(reader.refuse(span, wrong, format!("{LIST_MAX} are the most")));
        }
    }
    Ok(())
}

/// Refuses more instances, blocks or emulated work than a trial can hold.
pub(super) fn work(reader: &Reader<'_>, file: &File, scenario: &Scenario) -> Result<()> {
    let (mut instances, mut blocks, mut real) = (0_u64, 0_u64, 0_u64);
    for (group, entry) in scenario.groups.iter().zip(&file.instance) {
        let count = u64::from(group.count);
        let own = count * u64::from(group.blocks);
        instances += count;
        blocks += own;
        real = real.saturating_add(own.saturating_mul(group.real_block_bytes));
        let refuse = |wrong: String, right: String| Err(reader.refuse(&entry.span(), wrong, right));
        if instances > INSTANCES_MAX {
            let right = format!("{INSTANCES_MAX} are the most: lower a count");
            return refuse(format!("{instances} instances so far"), right);
        }
        if blocks > TOTAL_BLOCKS_MAX {
            let right = format!("{TOTAL_BLOCKS_MAX} are the most: lower `blocks` or a count");
            return refuse(format!("{blocks} blocks so far"), right);
        }
        if scenario.emulated && real > EMULATED_BYTES_MAX {
            let wrong = format!("{} of real blocks so far", Bytes(real));
            let right = format!(
                "an emulated trial holds {} at most: lower `real-block`, `blocks` or a count, or write \
                 fidelity = \"modelled\"",
                Bytes(EMULATED_BYTES_MAX)
            );
            return refuse(wrong, right);
        }
    }
    if !scenario.emulated {
        return Ok(());
    }
    let mut backups = 0_u64;
    for (strategy, entry) in scenario.strategies.iter().zip(&file.strategy) {
        for copy in &strategy.copies {
            let points = scenario.horizon_micros / copy.every_micros + 1;
            let points = points
                / if copy.replica.is_some() {
                    BATCHES_A_BACKUP
                } else {
                    1
                };
            backups = backups.saturating_add(points.saturating_mul(instances));
        }
        if backups > EMULATED_BACKUPS_MAX {
            let right = format!(
                "{EMULATED_BACKUPS_MAX} are the most that the engine plays: shorten the horizon, take fewer instances, \
                 or write fidelity = \"modelled\""
            );
            return Err(reader.refuse(&entry.span(), format!("{backups} backups so far"), right));
        }
    }
    Ok(())
}
