//! What moves data for the actors of a trial: the engine itself, or a reckoning of what it would do.
//!
//! Agents and operators are written once. All that they ask of a copy goes through this trait, so that an
//! emulated and a modelled trial differ in nothing else.

use std::future::Future;
use std::sync::Arc;

use engine::format::point::Method;

use crate::workload::Content;
use crate::world::account::{Endpoint, Stored};

use super::ground::Ground;
use super::replica::Replicate;

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The store can't be reached, or does not serve.
    Unavailable,
    /// What is needed is damaged or gone.
    Damaged,
    /// The vault does not open: its key is lost.
    Locked,
    /// Something that must not happen, in words: a checker tells it.
    Broken(String),
}

/// What is backed up: the disk as it stood at an instant.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When.
    pub at: u64,
    /// What it held.
    pub content: Content,
}

/// A point that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its number among the points of this instance and copy, rising.
    pub number: u32,
    /// Data blocks stored.
    pub blocks_stored: u64,
    /// Points needed to restore it, itself included.
    pub chain_length: u32,
    /// Bytes by which the store grew, times the scale.
    pub stored_bytes: u64,
    /// Bytes sent, times the scale.
    pub sent_bytes: u64,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// The disk's content.
    pub content: Content,
    /// Bytes fetched, times the scale.
    pub fetched_bytes: u64,
    /// Points needed, itself included.
    pub chain_length: u32,
}

/// The hands of one copy of one instance.
pub trait Hands: Send + Sized + 'static {
    /// What accounts hold.
    type Stored: Stored;
    /// What all hands of a trial share.
    type Kit: Send + Sync + 'static;
    /// What replicates an instance.
    type Replica: Replicate<Stored = Self::Stored>;

    /// The hands of the copy `copy` of the instance `instance`.
    fn new(
        ground: &Arc<Ground<Self::Stored>>,
        kit: &Arc<Self::Kit>,
        instance: usize,
        copy: usize,
    ) -> Self;

    /// The replica that is the copy `copy` of the instance `instance`; nothing follows yet.
    fn replica(
        ground: &Arc<Ground<Self::Stored>>,
        kit: &Arc<Self::Kit>,
        instance: usize,
        copy: usize,
    ) -> Self::Replica;

    /// Makes a point of a snapshot.
    fn backup(
        &mut self,
        snapshot: Snapshot,
        method: Method,
    ) -> impl Future<Output = Result<Made, Failed>> + Send;

    /// Deletes what the copy's policy does not keep as of `at`; gives the numbers of all points that are deleted now,
    /// those of a thinning that broke off among them.
    fn forget(&mut self, at: u64) -> impl Future<Output = Result<Vec<u32>, Failed>> + Send;

    /// Removes what nothing needs; gives the numbers of points that can't be brought back any more.
    fn prune(&mut self) -> impl Future<Output = Result<Vec<u32>, Failed>> + Send;

    /// Numbers of the points that an endpoint shows to a place's machine and that are not deleted, oldest first.
    fn points(
        &mut self,
        at: Endpoint,
        place: usize,
    ) -> impl Future<Output = Result<Vec<u32>, Failed>> + Send;

    /// Restores a point from an endpoint to a place's machine.
    fn restore(
        &mut self,
        number: u32,
        at: Endpoint,
        place: usize,
    ) -> impl Future<Output = Result<Back, Failed>> + Send;

    /// An intruder, or somebody by mistake, deletes every point; gives the numbers of those that are deleted now,
    /// however far it came.
    fn delete_all(&mut self) -> impl Future<Output = Vec<u32>> + Send;

    /// What can still be brought back is; gives the numbers of those points, however far it came.
    fn undelete_all(&mut self) -> impl Future<Output = Vec<u32>> + Send;

    /// What the newest point stored itself is damaged, silently.
    fn damage_newest(&mut self);

    /// At the end: whatever is wrong with what the store holds, in words.
    fn inspect(&mut self) -> impl Future<Output = Vec<String>> + Send;
}
