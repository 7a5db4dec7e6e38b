//! `firedrill plan bandwidth`: what a link between two sites has to carry, from recorded writes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use engine::{Error, ErrorKind};
use simulator::churn::{
    self, Churn, Compression, CompressionFrom, Reading, Recorded, Request, Unions,
};
use simulator::component::{self, Edition};
use simulator::workload::Rows;

use crate::cli::{BandwidthArgs, PlanningArgs, PlanningCommand};
use crate::exit::Exit;
use crate::{output, report};

/// Blocks of a disk that are compressed to see how well they do: a share in them is known to 1 %, nineteen times of twenty
/// (0.98 divided by the root of their number).
const SAMPLE_BLOCKS: usize = 10_000;
/// Smallest and largest block: what disks write, and what the engine cuts at most.
const BLOCK_BYTES: std::ops::RangeInclusive<u64> = 512..=4 << 20;
const YEAR_MICROS: u64 = 365 * 86_400 * 1_000_000;

pub(crate) fn run(args: &PlanningArgs, json: bool) -> Result<Exit> {
    match &args.command {
        PlanningCommand::Bandwidth(args) => bandwidth(args, json),
    }
}

/// What is planned for.
struct Source {
    subject: String,
    churn: Churn,
    unions: Unions,
    compression: Compression,
    compression_from: CompressionFrom,
    cleared_bytes: u64,
}

fn bandwidth(args: &BandwidthArgs, json: bool) -> Result<Exit> {
    check(args)?;
    let mut source = match (&args.trace, &args.protect) {
        (Some(trace), _) => of_trace(args, trace)?,
        (None, Some(status)) => of_status(status)?,
        (None, None) => return Err(invalid("name a --trace or a --protect status")),
    };
    if let Some(stated) = args.compression {
        source.compression = Compression {
            of: stated.0,
            out: 1000,
        };
        source.compression_from = CompressionFrom::Stated;
    }
    let least = source.churn.interval_micros.saturating_add(args.latency.0);
    if args.rpo.0 <= least {
        return Err(invalid(&format!(
            "no bandwidth holds an RPO of {}: a batch is closed every {} and travels {}; give a longer --rpo or a shorter --interval",
            args.rpo,
            simulator::quantity::Time(source.churn.interval_micros),
            args.latency
        )));
    }
    let request = Request {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: report::command_line(),
        subject: source.subject,
        target_micros: args.rpo.0,
        share_ppm: u64::from(args.share),
        bandwidths: args.bandwidth.iter().map(|speed| speed.0).collect(),
        latency_micros: args.latency.0,
        compression: source.compression,
        compression_from: source.compression_from,
        outage_micros: args.outage.0,
        retention_micros: args.retention.0,
        cleared_bytes: source.cleared_bytes,
    };
    let site_recovery = component::find("site-recovery", Edition::Current);
    let bar = output::Bar::steps("planning", churn::steps(&source.churn, &request));
    let (churn, unions) = (&source.churn, &source.unions);
    let rows = churn::plan(churn, unions, site_recovery, &request, || bar.tick());
    bar.done();
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("report folder {}", args.out.display()))?;
    let document = reports::write_bandwidth(&rows, &args.out)?;
    if json {
        output::print_json(&document)?;
    } else {
        let mut text = reports::bandwidth_summary(&document, report::terminal_width());
        text += &format!("Report: {}\n", args.out.join("bandwidth.html").display());
        output::print(&text)?;
    }
    Ok(if document.is_held() {
        Exit::Met
    } else {
        Exit::Missed
    })
}

fn invalid(say: &str) -> anyhow::Error {
    Error::new(ErrorKind::Invalid, say).into()
}

/// What can be wrong with the flags is told before anything is read.
fn check(args: &BandwidthArgs) -> Result<()> {
    let times = [
        ("--rpo", args.rpo.0),
        ("--interval", args.interval.0),
        ("--outage", args.outage.0),
        ("--retention", args.retention.0),
    ];
    for (flag, micros) in times {
        if !(1..=YEAR_MICROS).contains(&micros) {
            return Err(invalid(&format!("{flag}: write a time from 1us to a year")));
        }
    }
    if args.latency.0 > YEAR_MICROS {
        return Err(invalid("--latency: write a time up to a year"));
    }
    if !BLOCK_BYTES.contains(&args.block_size.0) {
        return Err(invalid("--block-size: write a size from 512 to 4MiB"));
    }
    if args.compression.is_some_and(|factor| factor.0 == 0) {
        return Err(invalid(
            "--compression: write how many times smaller data becomes, such as 2.0",
        ));
    }
    if args.bandwidth.iter().any(|speed| speed.0 == 0) {
        return Err(invalid("--bandwidth: write a speed from 1B/s on"));
    }
    Ok(())
}

fn of_trace(args: &BandwidthArgs, path: &Path) -> Result<Source> {
    let name = format!("trace {}", path.display());
    let file = File::open(path).map_err(|error| Error::from_io(&name, error))?;
    let bar = output::Bar::bytes("reading", file.metadata().ok().map(|data| data.len()));
    let gzipped = path.extension().is_some_and(|extension| extension == "gz");
    let reading = Reading {
        interval_micros: args.interval.0,
        block_bytes: args.block_size.0,
        sample: if args.sample.is_empty() {
            0
        } else {
            SAMPLE_BLOCKS
        },
    };
    let rows = Rows::new(&name, bar.reading(file), gzipped);
    let recorded = churn::read(rows, reading);
    bar.done();
    let recorded = recorded?;
    let (compression, compression_from) = sampled(args, &recorded)?;
    let subject = path.file_name().unwrap_or(path.as_os_str());
    Ok(Source {
        subject: subject.to_string_lossy().into_owned(),
        churn: recorded.churn,
        unions: recorded.unions,
        compression,
        compression_from,
        cleared_bytes: recorded.cleared_bytes,
    })
}

/// Compression as measured on the disks that are named.
fn sampled(args: &BandwidthArgs, recorded: &Recorded) -> Result<(Compression, CompressionFrom)> {
    let disks = &recorded.churn.disks;
    let (mut of, mut out, mut blocks, mut beyond) = (0, 0, 0, 0);
    for sample in &args.sample {
        let named = sample.split_once('=');
        let named = named
            .and_then(|(disk, file)| Some((disks.iter().position(|known| known == disk)?, file)));
        let (disk, file) = match (named, disks.len()) {
            (Some(named), _) => named,
            (None, 1) => (0, sample.as_str()),
            (None, _) => {
                return Err(invalid(&format!(
                    "--sample {sample}: the trace writes several disks: write DISK=FILE, with DISK one of {}",
                    disks.join(", ")
                )));
            }
        };
        let wrong = |error| Error::from_io(format!("sample {file}"), error);
        let opened = File::open(file).map_err(wrong)?;
        let chosen = recorded.sample.iter();
        let chosen = chosen.filter(|(of, _)| *of as usize == disk);
        let chosen = chosen.map(|(_, block)| *block);
        let measured = churn::measure(opened, chosen, args.block_size.0).map_err(wrong)?;
        let Some(measured) = measured else {
            return Err(invalid(&format!(
                "--sample {file}: it holds no block that the trace writes: give the disk that was traced"
            )));
        };
        of += measured.compression.of;
        out += measured.compression.out;
        blocks += measured.blocks;
        beyond += measured.beyond;
    }
    Ok(match blocks {
        0 => (Compression::NONE, CompressionFrom::None),
        _ => (
            Compression { of, out },
            CompressionFrom::Sampled { blocks, beyond },
        ),
    })
}

fn of_status(path: &Path) -> Result<Source> {
    let name = format!("status {}", path.display());
    let wrong = |error| Error::from_io(&name, error);
    let file = File::open(path).map_err(wrong)?;
    let mut text = String::new();
    let read = file
        .take(churn::STATUS_BYTES_MAX + 1)
        .read_to_string(&mut text);
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => {
            Error::new(ErrorKind::Invalid, format!("{name}: it is no text"))
        }
        _ => wrong(error),
    })?;
    if text.len() as u64 > churn::STATUS_BYTES_MAX {
        return Err(invalid(&format!(
            "{name}: it is larger than {}: give fewer intervals",
            output::bytes(churn::STATUS_BYTES_MAX)
        )));
    }
    let (churn, unions) = churn::of_status(&name, &text)?;
    let measured = churn.measured();
    let subject = path.file_name().unwrap_or(path.as_os_str());
    Ok(Source {
        subject: subject.to_string_lossy().into_owned(),
        compression: measured.unwrap_or(Compression::NONE),
        compression_from: match measured {
            Some(_) => CompressionFrom::Measured,
            None => CompressionFrom::None,
        },
        churn,
        unions,
        cleared_bytes: 0,
    })
}
