//! Real bytes for a disk's blocks: each follows from instance, block and write, and tells them again.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::draw::Draws;
use crate::workload::Content;

/// What every block that was written begins with: in a vault it must not be found.
pub(super) const MARK: &[u8; 16] = b"firedrill block\n";
/// Mark, instance, block, write.
const HEADER_BYTES: usize = 16 + 12;

/// What the blocks of an instance look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The instance's number.
    pub instance: u32,
    /// Bytes of a block.
    pub block_bytes: usize,
    /// What compression leaves of it, parts of a million.
    pub compress_ppm: u64,
}

impl Look {
    /// The bytes of one block as of one write; zeros for a block never written.
    pub(crate) fn block(self, block: u32, version: u32, out: &mut [u8]) {
        if version == 0 {
            return out.fill(0);
        }
        let (header, body) = out.split_at_mut(HEADER_BYTES);
        header[..16].copy_from_slice(MARK);
        header[16..20].copy_from_slice(&self.instance.to_le_bytes());
        header[20..24].copy_from_slice(&block.to_le_bytes());
        header[24..28].copy_from_slice(&version.to_le_bytes());
        let noise = body.len() as u64 * self.compress_ppm.min(1_000_000) / 1_000_000;
        let (noise, rest) = body.split_at_mut(noise as usize);
        let seed = u64::from(self.instance) << 32 | u64::from(block);
        fill(seed, version, noise);
        rest.fill(b'.');
    }

    /// Which write a block is of; `None` for bytes that no write made.
    pub(crate) fn version(self, block: u32, bytes: &[u8]) -> Option<u32> {
        if engine::source::is_zero(bytes) {
            return Some(0);
        }
        let version = bytes.get(24..28)?.try_into().ok()?;
        let version = u32::from_le_bytes(version);
        let mut expected = vec![0; bytes.len()];
        self.block(block, version, &mut expected);
        (expected == bytes).then_some(version)
    }
}

/// Noise: one stream per block and write.
fn fill(seed: u64, version: u32, out: &mut [u8]) {
    Draws::new(seed)
        .stream("block", "noise", u64::from(version))
        .fill(out);
}

/// A disk image on this machine that follows an instance's disk.
#[derive(Debug)]
pub(super) struct Image {
    look: Look,
    path: PathBuf,
    file: File,
    content: Vec<u32>,
}

impl Image {
    /// An image of `blocks` blocks never written.
    ///
    /// # Errors
    /// As the system gives them.
    pub(super) fn create(path: &Path, look: Look, blocks: usize) -> std::io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.set_len((blocks * look.block_bytes) as u64)?;
        Ok(Self {
            look,
            path: path.to_owned(),
            file,
            content: vec![0; blocks],
        })
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what differs from `content`.
    ///
    /// # Errors
    /// As the system gives them.
    pub(super) fn follow(&mut self, content: &Content) -> std::io::Result<()> {
        let mut bytes = vec![0; self.look.block_bytes];
        for (block, (was, is)) in self.content.iter_mut().zip(content.iter()).enumerate() {
            if was != is {
                self.look.block(block as u32, *is, &mut bytes);
                self.file
                    .write_all_at(&bytes, (block * bytes.len()) as u64)?;
                *was = *is;
            }
        }
        self.file.flush()
    }
}

/// Reads an image back: which write each block is of. Words where a block is of none.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(path: &Path, look: Look, blocks: usize) -> Result<Content, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.len() != blocks * look.block_bytes {
        return Err(format!(
            "{} bytes came back of {}",
            bytes.len(),
            blocks * look.block_bytes
        ));
    }
    let versions = bytes
        .chunks(look.block_bytes)
        .enumerate()
        .map(|(block, bytes)| {
            let version = look.version(block as u32, bytes);
            version.ok_or_else(|| format!("block {block} came back as no write made it"))
        });
    versions.collect()
}

#[cfg(test)]
mod tests {
    use super::{Image, Look, read};

    #[test]
    fn an_image_tells_its_writes_and_a_flip_is_seen() {
        let look = Look {
            instance: 7,
            block_bytes: 4096,
            compress_ppm: 300_000,
        };
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("disk");
        let mut image = Image::create(&at, look, 4).unwrap();
        image.follow(&vec![1, 0, 5, 9].into()).unwrap();
        image.follow(&vec![2, 0, 5, 0].into()).unwrap();
        assert_eq!(&*read(&at, look, 4).unwrap(), [2, 0, 5, 0]);
        let mut bytes = std::fs::read(&at).unwrap();
        bytes[4000] ^= 1;
        std::fs::write(&at, bytes).unwrap();
        assert!(read(&at, look, 4).unwrap_err().contains("block 0"));
    }
}
