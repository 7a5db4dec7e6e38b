//! How well the blocks that a trace writes compress: measured on a disk that holds them, by the engine's own compressor.

use std::io::{self, Read, Seek, SeekFrom};

use super::intervals::Compression;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What the blocks came to.
    pub compression: Compression,
    /// Blocks compressed.
    pub blocks: u64,
    /// Blocks that the trace writes and the disk is too short for.
    pub beyond: u64,
}

/// Compresses blocks of a disk, each by itself, as a batch may hold any of them beside any other; `None` if it holds none.
///
/// # Errors
/// As reading the disk.
pub fn measure(
    mut disk: impl Read + Seek,
    blocks: impl IntoIterator<Item = u64>,
    block_bytes: u64,
) -> io::Result<Option<Measured>> {
    let length = disk.seek(SeekFrom::End(0))?;
    let (mut of, mut out, mut measured, mut beyond) = (0_u64, 0_u64, 0, 0);
    let mut raw = Vec::new();
    let mut packed = Vec::new();
    for block in blocks {
        let from = block.saturating_mul(block_bytes);
        if from >= length {
            beyond += 1;
            continue;
        }
        disk.seek(SeekFrom::Start(from))?;
        raw.clear();
        disk.by_ref().take(block_bytes).read_to_end(&mut raw)?;
        packed.clear();
        engine::seal::compress_into(&raw, &mut packed);
        of += raw.len() as u64;
        out += packed.len() as u64;
        measured += 1;
    }
    Ok((of > 0 && out > 0).then_some(Measured {
        compression: Compression { of, out },
        blocks: measured,
        beyond,
    }))
}
