//! The image file or device that a disk is restored to.

use std::fs::File;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::format::listing::Extent;

use super::target::not_empty;

/// Opens the image file or device that a disk is restored to; a file must not exist unless
/// `overwrite`.
pub(super) fn open_disk(at: &Path, overwrite: bool) -> Result<File> {
    let io = |error| Error::from_io(format!("target {}", at.display()), error);
    if at.is_dir() {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "target {}: the point is a disk; name an image file or a device",
                at.display()
            ),
        ));
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true);
        let file = options.open(at).map_err(io)?;
        if file.metadata().map_err(io)?.is_file() {
            file.set_len(0).map_err(io)?;
        }
        return Ok(file);
    }
    options
        .create_new(true)
        .open(at)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => not_empty(at),
            _ => io(error),
        })
}

/// Writes zeros where a device must have them: what it held before would show through.
pub(super) fn zero_holes(device: &File, extents: &[Extent]) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let zeros = vec![0; 1 << 20];
    let mut at = 0;
    for extent in extents {
        if let Extent::Hole(bytes) = *extent {
            let mut done = 0;
            while done < bytes {
                let step = (bytes - done).min(zeros.len() as u64);
                device.write_all_at(&zeros[..step as usize], at + done)?;
                done += step;
            }
        }
        at += extent.bytes();
    }
    Ok(())
}
