//! Reading a file or disk in order: data with its cuts, and holes that are not read.

use std::fs::File;
use std::io::Read;

use rustix::fs::{SeekFrom, seek};

use crate::chunk::{CHUNK_BYTES_MIN, Cut};
use crate::units::MIB;

/// Bytes read at a time. With two cores and four segments in flight per core, 32 MiB.
const SEGMENT_BYTES: usize = 4 * MIB;

/// A run of a file.
#[derive(Debug)]
pub enum Piece {
    /// Bytes and the lengths of the chunks that they are cut into.
    Data(Vec<u8>, Vec<u32>),
    /// Zeros that were not read.
    Hole(u64),
    /// The end.
    End,
}

/// Reads a file from its beginning.
#[derive(Debug)]
pub struct FileReader {
    file: File,
    cut: Cut,
    /// Bytes to read in all, as the file was when it was opened.
    size: u64,
    /// Next byte to read.
    at: u64,
    /// Where the run of data being read ends.
    data_end: u64,
    /// Read and not yet cut.
    carry: Vec<u8>,
    /// Bytes read so far.
    read_bytes: u64,
}

impl FileReader {
    /// A reader of `size` bytes of `file`; holes are looked for when `sparse`.
    pub fn new(file: File, cut: Cut, size: u64, sparse: bool) -> Self {
        let data_end = if sparse { 0 } else { size };
        Self {
            file,
            cut,
            size,
            at: 0,
            data_end,
            carry: Vec::new(),
            read_bytes: 0,
        }
    }

    /// The file, to look at it again.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Bytes read so far.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// The next piece.
    ///
    /// # Errors
    /// As the system gives them.
    pub fn next_piece(&mut self, table: &[u64; 256]) -> std::io::Result<Piece> {
        if self.at == self.data_end
            && self.carry.is_empty()
            && self.at < self.size
            && let Some(hole) = self.find_data()?
        {
            return Ok(Piece::Hole(hole));
        }
        let wanted = (self.data_end - self.at).min(SEGMENT_BYTES as u64);
        let mut bytes = std::mem::take(&mut self.carry);
        let carried = bytes.len();
        bytes.reserve_exact(wanted as usize);
        let read = (&self.file).take(wanted).read_to_end(&mut bytes)? as u64;
        self.at += read;
        self.read_bytes += read;
        if read < wanted {
            // It is shorter than it was: what there is, is all.
            self.data_end = self.at;
            self.size = self.at;
        }
        if bytes.is_empty() {
            return Ok(Piece::End);
        }
        let last = self.at == self.data_end;
        let mut cuts = Vec::with_capacity(bytes.len() / CHUNK_BYTES_MIN + carried.min(1));
        let mut start = 0;
        while start < bytes.len() {
            if !last && bytes.len() - start < self.cut.lookahead_bytes() {
                break;
            }
            let length = self.cut.first(table, &bytes[start..]);
            cuts.push(length as u32);
            start += length;
        }
        self.carry = bytes[start..].to_vec();
        bytes.truncate(start);
        Ok(Piece::Data(bytes, cuts))
    }

    /// Moves to the next data; gives the length of the hole before it, if there is one.
    fn find_data(&mut self) -> std::io::Result<Option<u64>> {
        let step = match self.cut {
            Cut::Content => 1,
            Cut::Fixed(block) => block as u64,
        };
        let data = match seek(&self.file, SeekFrom::Data(self.at)) {
            Ok(data) => data.min(self.size) / step * step,
            Err(rustix::io::Errno::NXIO) => self.size,
            // No holes to be had on this file system: all is data.
            Err(_) => self.at,
        };
        let data = data.max(self.at);
        self.data_end = self.size;
        let mut from = data;
        while from < self.size {
            let Ok(hole) = seek(&self.file, SeekFrom::Hole(from)) else {
                break;
            };
            let hole = hole.div_ceil(step) * step;
            if hole >= self.size {
                break;
            }
            let next = seek(&self.file, SeekFrom::Data(hole))
                .unwrap_or(self.size)
                .min(self.size);
            let next = if next == self.size {
                next
            } else {
                next / step * step
            };
            // A short hole costs more as an extent than as zeros.
            if next.saturating_sub(hole) >= CHUNK_BYTES_MIN as u64 {
                self.data_end = hole;
                break;
            }
            from = next.max(hole);
            if next <= hole {
                from = hole + step;
            }
        }
        seek(&self.file, SeekFrom::Start(data))?;
        let hole = data - self.at;
        self.at = data;
        if hole == 0 {
            return Ok(None);
        }
        if data == self.size {
            self.data_end = self.size;
        }
        Ok(Some(hole))
    }
}

/// Whether all bytes are zero.
pub fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}
