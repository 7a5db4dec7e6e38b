//! What the system tells of itself and of this process: time, memory, processor.

use std::path::Path;
use std::time::Instant;

use crate::outcome::Machine;

/// Wall and CPU time since it was started.
pub(super) struct Stopwatch {
    wall: Instant,
    cpu: u64,
}

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measured trial measures the wall clock"
    )]
    pub(super) fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu_micros(),
        }
    }

    /// Microseconds of wall and of CPU time.
    pub(super) fn read(&self) -> (u64, u64) {
        let wall = u64::try_from(self.wall.elapsed().as_micros()).unwrap_or(u64::MAX);
        (wall, cpu_micros() - self.cpu)
    }
}

/// CPU time of all threads so far, microseconds.
fn cpu_micros() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0) / 1000
}

/// Lets the kernel's high-water mark begin anew (Linux).
pub(super) fn reset_peak_memory() {
    // Elsewhere there is no such file, and the mark is not reported.
    let _ = std::fs::write("/proc/self/clear_refs", "5").is_ok();
}

/// The high-water mark of resident memory, bytes.
pub(super) fn peak_memory() -> Option<u64> {
    bytes_told("/proc/self/status", "VmHWM:")
}

/// Bytes of memory that are free or easily freed (Linux).
pub(super) fn available_memory() -> Option<u64> {
    bytes_told("/proc/meminfo", "MemAvailable:")
}

/// What a line of a kernel's table says in kB, as bytes.
fn bytes_told(table: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(table).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The machine that the trial runs on.
pub(crate) fn machine() -> Machine {
    let processor = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|info| {
            let line = info.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let release = std::fs::read_to_string(Path::new("/proc/sys/kernel/osrelease"));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Machine {
        processor,
        cores: cores as u32,
        system: format!(
            "{} {}",
            std::env::consts::OS,
            release.unwrap_or_default().trim()
        ),
    }
}
