//! Reading everything once before the clock runs: otherwise the first method alone would wait for
//! the disk, and look slower than those that find the data in the cache.

use std::fs::File;
use std::io;

use engine::format::listing::EntryKind;
use engine::format::point::SourceKind;
use engine::source::{Found, Source, Walk};
use engine::{Error, Result};

use super::machine::available_memory;

/// Reads every source once; false, and nothing is read, where they would not all stay in memory.
///
/// # Errors
/// When a source itself can't be read. What can't be read in it shows when it is backed up.
pub(super) fn read_once(sources: &[Source]) -> Result<bool> {
    let available = available_memory().unwrap_or(0);
    let (mut files, mut bytes) = (Vec::new(), 0);
    for source in sources {
        let failed = |error| Error::from_io(format!("source {}", source.path.display()), error);
        if source.kind == SourceKind::Disk {
            let mut disk = File::open(&source.path).map_err(failed)?;
            bytes += io::Seek::seek(&mut disk, io::SeekFrom::End(0)).map_err(failed)?;
            files.push(source.path.clone());
        } else {
            for found in Walk::new(source.path.clone(), Vec::new()) {
                if let Found::Entry(entry, at) = found
                    && entry.kind == EntryKind::File
                {
                    bytes += entry.size;
                    files.push(at);
                }
            }
        }
        if bytes > available / 2 {
            return Ok(false);
        }
    }
    for at in files {
        // What can't be read now can't be read when it counts, and is told then.
        let read = File::open(at).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
        drop(read);
    }
    Ok(true)
}
