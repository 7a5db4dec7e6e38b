//! A protected disk as NBD clients see it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;
use crate::seam::Run;

use super::extents::Payload;
use super::nbd::{DirtyRun, Export};
use super::source::Source;

/// Writes shorter than this are copied: they would keep the buffer that they came in.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// One disk of a source.
#[derive(Clone, Debug)]
pub struct SourceExport {
    /// The source.
    pub source: Arc<Source>,
    /// The disk's number.
    pub disk: u16,
}

impl SourceExport {
    async fn flush_if(&self, fua: bool) -> Result<()> {
        if fua {
            self.source.flush(self.disk).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Export for SourceExport {
    fn size(&self) -> u64 {
        self.source.device(self.disk).size()
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn is_multi_conn_safe(&self) -> bool {
        // All connections write through one gate to one disk, whose flush covers it all.
        true
    }

    async fn read(&self, offset: u64, length: u32) -> Result<Bytes> {
        self.source.read((self.disk, offset), length as usize).await
    }

    async fn write(&self, offset: u64, data: Bytes, fua: bool) -> Result<()> {
        let data = if data.len() < COPIED_BYTES_MAX {
            Bytes::copy_from_slice(&data)
        } else {
            data
        };
        self.source
            .write((self.disk, offset), Payload::Data(data), false)
            .await?;
        self.flush_if(fua).await
    }

    async fn zero(&self, offset: u64, length: u64, punch: bool, fua: bool) -> Result<()> {
        self.source
            .write((self.disk, offset), Payload::Zeros(length), punch)
            .await?;
        self.flush_if(fua).await
    }

    async fn trim(&self, offset: u64, length: u64, fua: bool) -> Result<()> {
        self.zero(offset, length, true, fua).await
    }

    async fn flush(&self) -> Result<()> {
        self.source.flush(self.disk).await
    }

    async fn allocation(&self, offset: u64, length: u64) -> Result<Vec<Run>> {
        self.source.device(self.disk).runs(offset, length).await
    }

    async fn dirty(&self, offset: u64, length: u64) -> Result<Option<Vec<DirtyRun>>> {
        let runs = self.source.lacking_runs((self.disk, offset), length);
        let runs = runs
            .into_iter()
            .map(|(length, dirty)| DirtyRun { length, dirty });
        Ok(Some(runs.collect()))
    }
}
