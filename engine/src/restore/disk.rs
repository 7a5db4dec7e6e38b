//! The image file or device that a disk is restored to.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

use super::target::not_empty;

/// Opens the image file or device that a disk of `bytes` is restored to, and makes a file that long.
/// A file must not exist unless `overwrite`; a device must be long enough and not in use.
pub(super) fn open_disk(at: &Path, bytes: u64, overwrite: bool) -> Result<File> {
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
    let device = std::fs::metadata(at).is_ok_and(|at| at.file_type().is_block_device());
    let mut options = std::fs::OpenOptions::new();
    // A whole disk is for its owner's eyes.
    options.write(true).mode(0o600);
    if device && overwrite {
        // Refused by the system where a file system of the device is mounted.
        options.custom_flags(rustix::fs::OFlags::EXCL.bits().cast_signed());
        let mut device = options.open(at).map_err(io)?;
        let room = device.seek(SeekFrom::End(0)).map_err(io)?;
        if room < bytes {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "target {} has {room} bytes and the disk needs {bytes}: nothing was written",
                    at.display()
                ),
            ));
        }
        return Ok(device);
    }
    let opened = if overwrite {
        options.create(true).truncate(true).open(at)
    } else {
        options.create_new(true).open(at)
    };
    let file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => not_empty(at),
        _ => io(error),
    })?;
    file.set_len(bytes).map_err(io)?;
    Ok(file)
}

/// Writes zeros where a device must have them: what it held before would show through.
pub(super) fn write_zeros(device: &File, at: u64, bytes: u64) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let zeros = vec![0; bytes.min(1 << 20) as usize];
    let mut done = 0;
    while done < bytes {
        let step = (bytes - done).min(zeros.len() as u64);
        device.write_all_at(&zeros[..step as usize], at + done)?;
        done += step;
    }
    Ok(())
}
