//! Block devices.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;

/// A stretch of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Bytes.
    pub length: u64,
    /// Whether nothing is stored there: it reads as zeros.
    pub hole: bool,
}

/// A disk.
#[async_trait]
pub trait BlockDevice: Send + Sync + fmt::Debug {
    /// Bytes.
    fn size(&self) -> u64;
    /// Reads.
    async fn read(&self, offset: u64, length: usize) -> Result<Bytes>;
    /// Writes.
    async fn write(&self, offset: u64, data: Bytes) -> Result<()>;
    /// Writes zeros.
    async fn zero(&self, offset: u64, length: u64, punch: bool) -> Result<()>;
    /// Makes durable.
    async fn flush(&self) -> Result<()>;
    /// What is stored.
    async fn runs(&self, offset: u64, length: u64) -> Result<Vec<Run>>;
}
