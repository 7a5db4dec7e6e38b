//! What happened in a trial as one number: two runs that agree in it did the same.

use std::fmt::Write;

use super::HostId;

/// Bytes of the digest: 128 bits, so that no two runs meet by chance.
const DIGEST_BYTES: usize = 16;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, in microseconds since the start.
    pub at_micros: u64,
    /// To whom.
    pub host: HostId,
    /// What.
    pub what: &'static str,
    /// How much of it, or which.
    pub number: u64,
}

/// A hash over all that happened so far, in order.
#[derive(Debug, Default)]
pub(super) struct Trace {
    hasher: blake3::Hasher,
    /// What happened, where somebody wants to see where two runs part.
    pub(super) kept: Option<Vec<Line>>,
}

impl Trace {
    pub(super) fn add(&mut self, line: Line) {
        let mut fixed = [0; 28];
        fixed[..8].copy_from_slice(&line.at_micros.to_le_bytes());
        fixed[8..16].copy_from_slice(&line.number.to_le_bytes());
        fixed[16..20].copy_from_slice(&line.host.0.to_le_bytes());
        fixed[20..].copy_from_slice(&(line.what.len() as u64).to_le_bytes());
        self.hasher.update(&fixed).update(line.what.as_bytes());
        if let Some(kept) = &mut self.kept {
            kept.push(line);
        }
    }

    pub(super) fn digest(&self) -> String {
        let digest = self.hasher.finalize();
        let bytes = &digest.as_bytes()[..DIGEST_BYTES];
        bytes.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
