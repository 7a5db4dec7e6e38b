//! What is protected: groups of instances, and how their data changes.

use std::ops::Range;

use engine::error::Result;
use toml::Spanned;

use super::defaults;
use super::entries;
use super::places::{PLACE, Places};
use super::reader::Reader;
use super::written::{Instance, Script as WrittenScript};
use crate::quantity::{Bytes, Part, Rate, Time};
use crate::scenario::{Changes, DAY, Group, Script, WHOLE};

/// Most instances of a group: `name-001` and the like stay readable.
const COUNT_MAX: u32 = 100_000;
/// Most blocks of an instance: a block is then 0.0015 % of the data.
const BLOCKS_MAX: u32 = 65_536;
/// Most real bytes of a block: a pack of the engine holds several.
const REAL_BLOCK_MAX: u64 = 1 << 20;
/// Groups of a recovery plan: Microsoft, About recovery plans, 23 January 2020.
const BOOT_GROUPS_MAX: u32 = 7;
/// What real blocks are a multiple of: a sector.
const SECTOR: u64 = 512;

/// Where and how long.
type World<'a> = (&'a Places, u64);

pub(super) fn read(
    reader: &mut Reader<'_>,
    list: &[Spanned<Instance>],
    world: World<'_>,
) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut names = Vec::new();
    for (instance, span) in entries(list) {
        let name = reader.name(&instance.name, &span, ("group of instances", &names))?;
        plain(reader, &name, &instance.name.span_or(&span))?;
        names.push(name.clone());
        let group = group(reader, name, (instance, &span), world)?;
        if let Some(other) = groups.iter().find(|other| share_a_name(other, &group)) {
            let wrong = format!(
                "'{}' and '{}' have an instance of one name",
                other.name, group.name
            );
            let right = "give the groups other names";
            return Err(reader.refuse(&instance.name.span_or(&span), wrong, right));
        }
        groups.push(group);
    }
    if groups.is_empty() {
        let line = "[[instance]] with name, in and size";
        return Err(reader.lacks(&(0..0), "what is protected", line));
    }
    Ok(groups)
}

/// Instances' names become names in vaults and of files.
fn plain(reader: &Reader<'_>, name: &str, span: &Range<usize>) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.chars().all(fits) && !name.starts_with('.') {
        return Ok(());
    }
    let right = "write letters of the English alphabet, digits, '-', '_' and '.'";
    Err(reader.refuse(span, format!("'{name}' names no instance"), right))
}

/// Whether one group's name is that of an instance of the other (`web-001` beside two of `web`).
fn share_a_name(one: &Group, other: &Group) -> bool {
    let has = |many: &Group, single: &Group| {
        let number = single.name.strip_prefix(&many.name);
        let number = number.and_then(|rest| rest.strip_prefix('-'));
        let number = number
            .filter(|digits| digits.len() >= 3)
            .and_then(|digits| digits.parse().ok());
        many.count > 1 && single.count == 1 && number.is_some_and(|n| (1..=many.count).contains(&n))
    };
    has(one, other) || has(other, one)
}

fn group(
    reader: &mut Reader<'_>,
    name: String,
    (said, span): (&Instance, &Range<usize>),
    (places, horizon): World<'_>,
) -> Result<Group> {
    let example = format!("in = \"{}\"", places.names[0]);
    reader.need(&said.place, span, "where the instances run", &example)?;
    let place = reader
        .named(&said.place, PLACE, &places.names)?
        .unwrap_or(0);
    let count = reader.or(&said.count, &defaults::COUNT)?;
    let zones = places.all[place].zones;
    let zone = said.zone.get().copied();
    let zone = zone.map(|zone| reader.within(&said.zone, span, (zone, 1..=zones), "a zone"));
    let blocks = reader.or(&said.blocks, &defaults::BLOCKS)?;
    let boot = reader.or(&said.boot_group, &defaults::BOOT_GROUP)?;
    let (bytes, real_block_bytes) = sizes(reader, (said, span), blocks)?;
    let growth = said.growth.get().map_or(0, |growth| a_year(*growth));
    let compress: Part = reader.or(&said.compress, &defaults::COMPRESS)?;
    let disk = reader.or(&said.disk, &defaults::DISK)?.0;
    if disk == 0 {
        let right = "write one such as disk = \"200MB/s\"";
        return Err(reader.refuse(&said.disk.span_or(span), "a disk of no speed", right));
    }
    Ok(Group {
        count: reader.within(&said.count, span, (count, 1..=COUNT_MAX), "a count")?,
        place,
        zone: zone.transpose()?.map(|zone| zone - 1),
        workload: reader.or(&said.workload, &defaults::WORKLOAD)?,
        system: reader.or(&said.system, &defaults::SYSTEM)?,
        bytes,
        blocks,
        real_block_bytes,
        compress_ppm: share(reader, (&said.compress, compress), span, "compress", 1)?,
        growth_ppm_per_year: growth,
        changes: changes(reader, (said, span), blocks, horizon)?,
        disk_bytes_per_second: disk,
        boot_group: reader.within(
            &said.boot_group,
            span,
            (boot, 1..=BOOT_GROUPS_MAX),
            "a boot group",
        )?,
        name,
    })
}

/// The stated size, and real bytes of a block: sectors, and together no more than the size.
fn sizes(
    reader: &mut Reader<'_>,
    (said, span): (&Instance, &Range<usize>),
    blocks: u32,
) -> Result<(u64, u64)> {
    let size = reader
        .need(&said.size, span, "the size of the data", "size = \"200GB\"")?
        .0;
    reader.within(&said.blocks, span, (blocks, 1..=BLOCKS_MAX), "blocks")?;
    let real = reader.or(&said.real_block, &defaults::REAL_BLOCK)?.0;
    if !real.is_multiple_of(SECTOR) || !(SECTOR..=REAL_BLOCK_MAX).contains(&real) {
        let right = format!(
            "write a multiple of {SECTOR} up to {}, such as 16KiB",
            Bytes(REAL_BLOCK_MAX)
        );
        let span = said.real_block.span_or(span);
        return Err(reader.refuse(&span, format!("real blocks of {}", Bytes(real)), right));
    }
    let needed = u64::from(blocks) * real;
    if size < needed {
        let wrong = format!(
            "{} of data in {blocks} blocks of {}",
            Bytes(size),
            Bytes(real)
        );
        let right = format!(
            "write a size of {} at least, or fewer or smaller blocks",
            Bytes(needed)
        );
        return Err(reader.refuse(&said.size.span_or(span), wrong, right));
    }
    Ok((size, real))
}

/// Parts of a million in a year, the year being as long as a rate's.
fn a_year(rate: Rate) -> u64 {
    per(rate, 365 * 86_400)
}

/// Parts of a million in so many seconds.
fn per(rate: Rate, seconds: u64) -> u64 {
    let parts = u128::from(rate.part.parts()) * u128::from(seconds) / u128::from(rate.seconds);
    u64::try_from(parts * u128::from(WHOLE) / u128::from(Part::WHOLE)).unwrap_or(u64::MAX)
}

/// A share of the whole, in parts of a million, at least `least`.
pub(super) fn share(
    reader: &Reader<'_>,
    (key, part): (&super::key::Key<Part>, Part),
    span: &Range<usize>,
    name: &str,
    least: u64,
) -> Result<u64> {
    let ppm = part.parts() / (Part::WHOLE / WHOLE);
    if (least..=WHOLE).contains(&ppm) {
        return Ok(ppm);
    }
    let right = match least {
        0 => format!("write up to 100%, such as {name} = \"20%\""),
        _ => format!("write more than nothing and up to 100%, such as {name} = \"20%\""),
    };
    Err(reader.refuse(&key.span_or(span), format!("{name} of {part}"), right))
}

/// Most that may be written in a day, of all blocks: a thousand times over.
const CHANGE_MAX_PPM: u64 = 1_000 * WHOLE;

fn changes(
    reader: &mut Reader<'_>,
    (said, span): (&Instance, &Range<usize>),
    blocks: u32,
    horizon: u64,
) -> Result<Changes> {
    let ways = [
        said.change.is_some(),
        !said.script.is_empty(),
        said.trace.is_some(),
    ];
    if ways.iter().filter(|way| **way).count() > 1 {
        let wrong = "`change`, `script` and `trace` together";
        return Err(reader.refuse(span, wrong, "write one of them"));
    }
    if said.change.is_some() || ways == [false; 3] {
        return stated(reader, said, span);
    }
    let stray = [
        ("working-set", said.working_set.written().map(|it| it.1)),
        (
            "working-set-writes",
            said.working_set_writes.written().map(|it| it.1),
        ),
        ("sequential", said.sequential.written().map(|it| it.1)),
        ("rhythm", said.rhythm.written().map(|it| it.1)),
    ];
    for (key, at) in stray {
        if let Some(at) = at {
            let right = "leave it out, or write `change` instead of the script or trace";
            return Err(reader.refuse(&at, format!("`{key}` without `change`"), right));
        }
    }
    if let Some((trace, at)) = said.trace.written() {
        if trace.trim().is_empty() {
            return Err(reader.refuse(&at, "a trace without a name", "write the path of its file"));
        }
        return Ok(Changes::Trace(trace.into()));
    }
    let scripts = entries(&said.script);
    let scripts: Result<Vec<_>> = scripts
        .map(|(script, at)| scripted(reader, (script, &at), blocks, horizon))
        .collect();
    let mut scripts = scripts?;
    scripts.sort_by_key(|script| script.at_micros);
    Ok(Changes::Scripted(scripts))
}

fn stated(reader: &mut Reader<'_>, said: &Instance, span: &Range<usize>) -> Result<Changes> {
    let change = per(reader.or(&said.change, &defaults::CHANGE)?, DAY / 1_000_000);
    let set: Part = reader.or(&said.working_set, &defaults::WORKING_SET)?;
    let writes: Part = reader.or(&said.working_set_writes, &defaults::WORKING_SET_WRITES)?;
    let sequential: Part = reader.or(&said.sequential, &defaults::SEQUENTIAL)?;
    if change > CHANGE_MAX_PPM {
        let right = "write one such as change = \"3%/day\", up to 1000 times the data in a day";
        return Err(reader.refuse(&said.change.span_or(span), "so much change", right));
    }
    Ok(Changes::Stated {
        ppm_per_day: change,
        working_set_ppm: share(reader, (&said.working_set, set), span, "working-set", 1)?,
        working_set_writes_ppm: share(
            reader,
            (&said.working_set_writes, writes),
            span,
            "working-set-writes",
            0,
        )?,
        sequential_ppm: share(
            reader,
            (&said.sequential, sequential),
            span,
            "sequential",
            0,
        )?,
        rhythm: reader.or(&said.rhythm, &defaults::RHYTHM)?,
    })
}

fn scripted(
    reader: &Reader<'_>,
    (said, span): (&WrittenScript, &Range<usize>),
    blocks: u32,
    horizon: u64,
) -> Result<Script> {
    let at = reader
        .need(&said.at, span, "when it changes", "at = \"30d\"")?
        .0;
    if at >= horizon {
        let right = format!("write a time before the horizon of {}", Time(horizon));
        return Err(reader.refuse(
            &said.at.span_or(span),
            format!("a change at {}", Time(at)),
            right,
        ));
    }
    let changed = reader.need(&said.blocks, span, "what changes", "blocks = [0, 1]")?;
    let at_blocks = said.blocks.span_or(span);
    if changed.is_empty() {
        return Err(reader.refuse(&at_blocks, "no block changes", "write blocks = [0, 1]"));
    }
    if let Some(block) = changed.iter().find(|block| **block >= blocks) {
        let right = format!("write blocks from 0 to {}", blocks - 1);
        return Err(reader.refuse(&at_blocks, format!("block {block} of {blocks}"), right));
    }
    let mut changed = changed.clone();
    changed.sort_unstable();
    changed.dedup();
    Ok(Script {
        at_micros: at,
        blocks: changed,
    })
}
