//! What people see: units, progress with an ETA on a terminal, JSON where asked for.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use engine::backup::Progress;
use engine::seam::store::Requests;
use engine::units::Timestamp;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Bytes as people read them.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A time span as people read it.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else {
        indicatif::HumanDuration(span).to_string()
    }
}

/// What a command asked of the store, as part of its document.
pub(crate) fn requests(did: Requests) -> serde_json::Value {
    serde_json::json!({
        "put": did.put,
        "get": did.get,
        "list": did.list,
        "head": did.head,
        "delete": did.delete,
        "all": did.all(),
        "sent_bytes": did.sent_bytes,
        "received_bytes": did.received_bytes,
        "per_gib": requests_per_gib(did),
    })
}

/// The same as a line for people.
pub(crate) fn requests_line(did: Requests) -> String {
    let classes = [
        (did.put, "puts"),
        (did.get, "gets"),
        (did.list, "lists"),
        (did.head, "heads"),
        (did.delete, "deletes"),
    ];
    let asked: Vec<_> = classes
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, class)| format!("{count} {class}"))
        .collect();
    let rate = requests_per_gib(did).map(|rate| format!("; {rate} requests per GiB moved"));
    format!(
        "  asked the store for {}{}\n",
        asked.join(", "),
        rate.unwrap_or_default()
    )
}

/// Requests for each GiB of bodies, where enough moved to tell: below 1 MiB the opening of the vault
/// would be all of it.
fn requests_per_gib(did: Requests) -> Option<u64> {
    let moved = did.moved_bytes();
    (moved >= 1 << 20).then(|| (did.all() << 30).div_ceil(moved))
}

/// An instant in UTC as exactly as it is known: what `--point` takes back.
pub(crate) fn exact(at: Timestamp) -> String {
    jiff::Timestamp::new(at.seconds, i32::try_from(at.nanos).unwrap_or(0))
        .map_or_else(|_| "?".to_owned(), |at| at.to_string())
}

/// An instant in UTC to the second, for people.
pub(crate) fn instant(at: Timestamp) -> String {
    jiff::Timestamp::new(at.seconds, 0).map_or_else(|_| "?".to_owned(), |at| at.to_string())
}

/// Reads a size such as `4KiB`, `1MiB`, `512`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => {
            return Err(format!(
                "unknown unit '{unit}': write 4KiB, 1MiB or plain bytes"
            ));
        }
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "not a size: write 4KiB, 1MiB".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "too large".to_owned())
}

/// Reads a time span such as `60s`, `5min` or `1h30m`.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let span = text.parse::<jiff::SignedDuration>().ok();
    let span = span.and_then(|span| Duration::try_from(span).ok());
    span.filter(|span| !span.is_zero())
        .ok_or_else(|| "not a time span: write 60s, 5min or 1h30m".to_owned())
}

/// Reads a share such as `5%`, `0.5%` or `5`, in parts in a million.
pub(crate) fn parse_share(text: &str) -> Result<u32, String> {
    let wrong = || format!("'{text}' is no share: write 5% or 0.5%, up to 100%");
    let number = text.trim().trim_end_matches('%').trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if part.is_empty() || part.len() > 4 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let part: u32 = format!("{part:0<4}").parse().map_err(|_| wrong())?;
    let share = whole
        .checked_mul(10_000)
        .and_then(|share| share.checked_add(part));
    share
        .filter(|share| (1..=1_000_000).contains(share))
        .ok_or_else(wrong)
}

/// Writes text to standard output; a reader that went away ends the program's work quietly.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            let error = engine::Error::from_io("what was done could not be printed", error);
            Err(error.into())
        }
        Ok(()) => Ok(()),
    }
}

/// Asks on the terminal before something is changed.
///
/// # Errors
/// When there is no terminal to ask on, or the answer is not yes: nothing was changed then.
#[expect(clippy::print_stderr, reason = "the question is for the person")]
pub(crate) fn confirm(question: &str) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: pass --yes to do it without being asked ({question})");
    }
    eprintln!("{question} [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    bail!("nothing was changed")
}

/// Writes a line for people and scripts' logs to standard error; that nobody reads it stops nothing.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "firedrill: {text}").is_ok();
}

/// Writes one JSON document to standard output.
pub(crate) fn print_json(document: &impl serde::Serialize) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(document)?))
}

/// Progress on standard error: a bar with an ETA on a terminal, nothing but problems when piped.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar for `total` bytes, if known.
    pub(crate) fn bytes(what: &'static str, total: Option<u64>) -> Self {
        let template = match total {
            Some(_) => {
                "{msg} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} ETA {eta}"
            }
            None => "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec} {elapsed}",
        };
        Self::with(what, total, template)
    }

    /// A bar for `total` steps.
    pub(crate) fn steps(what: &'static str, total: u64) -> Self {
        Self::with(what, Some(total), "{msg} {bar:30} {pos}/{len} ETA {eta}")
    }

    fn with(what: &'static str, total: Option<u64>, template: &str) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { bar }
    }

    /// A step is done.
    pub(crate) fn tick(&self) {
        self.bar.inc(1);
    }

    /// A file whose reading the bar follows.
    pub(crate) fn reading(&self, file: std::fs::File) -> impl std::io::Read + use<> {
        self.bar.wrap_read(file)
    }

    /// Removes the bar.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn advance(&self, bytes: u64, _: u64) {
        self.bar.inc(bytes);
    }

    fn problem(&self, path: &Path, why: &str) {
        self.bar
            .suspend(|| warn(&format!("{}: {why}", path.display())));
    }
}

impl simulator::drill::Watcher for Bar {
    fn begin(&self, what: &str, bytes: u64) {
        self.bar.set_length(bytes);
        self.bar.set_position(0);
        self.bar.reset_eta();
        self.bar.set_message(what.to_owned());
    }
}

impl simulator::measured::Watcher for Bar {
    fn step(&self, number: u64, of: u64, what: &str) {
        self.bar.set_length(of);
        self.bar.set_position(number - 1);
        self.bar.set_message(what.to_owned());
    }
}
