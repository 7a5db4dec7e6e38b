//! Holding what is backed up still while it is read: a database that stops writing, a file system that
//! is frozen.

use std::future::Future;
use std::pin::Pin;

use crate::error::Result;
use crate::format::point::Consistency;

/// What `freeze` and `thaw` give when they are through.
pub type Held<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Holds the source still. A backup calls `freeze` when all that it can prepare is ready, and `thaw` as
/// soon as the last byte is read, whatever happened in between, a `freeze` that failed included. A
/// backup that is dropped half way (cancelled) calls nothing more: who drops it calls `thaw`.
pub trait Quiesce: Send + Sync {
    /// Brings the source to rest. An error stops the backup before anything is read.
    fn freeze(&self) -> Held<'_, ()>;
    /// Lets go, and says what the source was held to all the time since `freeze`. Called again it does
    /// nothing more. An error stops the backup before its point exists.
    fn thaw(&self) -> Held<'_, Consistency>;
}

/// Holds nothing still: the source is read as it is.
#[derive(Clone, Copy, Debug)]
pub struct AsItIs;

impl Quiesce for AsItIs {
    fn freeze(&self) -> Held<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn thaw(&self) -> Held<'_, Consistency> {
        Box::pin(async { Ok(Consistency::Crash) })
    }
}
