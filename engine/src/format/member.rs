//! What a site keeps of a group of disks that is replicated: who it is, which role it has, which generation
//! counts; and what the two sites say to each other.
//!
//! Version history:
//! 1. The first (November 2026).

use std::time::Duration;

use minicbor::{Decode, Encode};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::ObjectId;
use crate::units::Timestamp;

/// The version of members and messages.
pub const VERSION: u16 = 1;
/// The longest message but a part, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// A disk of a group.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Disk {
    /// Its name in the group, and its export's.
    #[n(0)]
    pub name: String,
    /// Bytes.
    #[n(1)]
    pub size: u64,
    /// The image or device that holds it at this site.
    #[n(2)]
    pub path: String,
}

/// What a site is to its group. At most one site is active in the newest generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub enum Role {
    /// Its disks are written here.
    #[n(0)]
    Active,
    /// It follows the other site: its disks are not written but by what comes from there.
    #[n(1)]
    Replica,
    /// It was active until another site took over: its disks are not written, and may hold what was not sent.
    #[n(2)]
    Fenced,
}

/// How a site became active by a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FailedOver {
    /// The batch at whose end its disks began.
    #[n(0)]
    pub batch: u64,
    /// The instant that they were as of.
    #[n(1)]
    pub captured: Timestamp,
    /// When it was done.
    #[n(2)]
    pub at: Timestamp,
    /// Whether later points are given up: before that another point may be chosen.
    #[n(3)]
    pub committed: bool,
    /// Whether the other site had handed over, with all that it had.
    #[n(4)]
    pub planned: bool,
    /// The other site's clock, which `captured` is by, minus this one's, in microseconds, as they met last; what
    /// the first message took on its way is in it.
    #[n(5)]
    pub skew_micros: i64,
}

impl FailedOver {
    /// How old the disks were: what was written later at the other site is lost. By this site's clock, as exact as
    /// the two are known to differ; a source's clock that is behind makes it no smaller.
    pub fn rpo(&self) -> Duration {
        let captured = self.captured.nanoseconds() - i128::from(self.skew_micros.max(0)) * 1000;
        let age = (self.at.nanoseconds() - captured).max(0);
        Duration::from_nanos(u64::try_from(age).unwrap_or(u64::MAX))
    }
}

/// What a site keeps.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Member {
    /// The format's version.
    #[n(0)]
    pub version: u16,
    /// The group; the same at both sites.
    #[n(1)]
    pub group: ObjectId,
    /// Its disks, in the order of their numbers; none at a replica that has not been spoken to.
    #[n(2)]
    pub disks: Vec<Disk>,
    /// What this site is.
    #[n(3)]
    pub role: Role,
    /// Counts up whenever a site takes over.
    #[n(4)]
    pub generation: u64,
    /// A replica's disks have all up to this batch; later ones lie in the history. 0 while it has no point.
    #[n(5)]
    pub folded: u64,
    /// When `folded` was captured.
    #[n(6)]
    pub folded_at: Timestamp,
    /// What is known of the last batch that the other site confirmed, where this one is active.
    #[n(7)]
    pub confirmed: u64,
    /// How it became active, unless it always was.
    #[n(8)]
    pub failed_over: Option<FailedOver>,
    /// The start of the machine under which it ran last without a proper end; `None` after one.
    #[n(9)]
    pub running: Option<String>,
    /// Since when it has been fenced, and by which generation, where it is.
    #[n(10)]
    pub fenced_at: Option<Timestamp>,
    /// Whether the other site was told to take over and all was sent: a planned failover.
    #[n(11)]
    pub handed_over: bool,
    /// As of when the other site's newest point was when `confirmed` was kept.
    #[n(12)]
    pub confirmed_at: Option<Timestamp>,
    /// Whether a replica's disks are on their way from `folded` to a later batch: as they are they are no point.
    #[n(13)]
    pub folding: Option<bool>,
    /// Whether it took over by a witness and has not waited yet until the other site is no longer written.
    #[n(14)]
    #[cbor(default)]
    pub waits: bool,
    /// The generation that it claimed last at its witness: what is not found there is not the witness.
    #[n(15)]
    #[cbor(default)]
    pub claimed: u64,
    /// The site that it was told to send to, by a command.
    #[n(16)]
    pub sends_to: Option<String>,
}

impl Member {
    /// Its bytes: CBOR, and a hash that finds damage.
    pub fn write(&self) -> Vec<u8> {
        super::write_checked(self)
    }

    /// Reads what `object` keeps.
    ///
    /// # Errors
    /// `Corrupt` for what does not parse, `Unsupported` for a newer version.
    pub fn read(object: &str, bytes: &[u8]) -> Result<Self> {
        let member: Self = super::read_checked(object, bytes)?;
        if member.version != VERSION {
            let what = format!(
                "{object} has version {}: use a newer firedrill",
                member.version
            );
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        Ok(member)
    }
}

/// Why a site does not take what the other wants to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Refusal {
    /// Its own generation is newer: the sender is to write no more.
    #[n(0)]
    Fenced,
    /// It is another group.
    #[n(1)]
    OtherGroup,
    /// The disks are others than those it knows, or of another size.
    #[n(2)]
    OtherDisks,
    /// It is active itself, in the same or an older generation.
    #[n(3)]
    Active,
    /// It speaks another version.
    #[n(4)]
    OtherVersion,
}

/// What the sites say to each other, but for parts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub enum Message {
    /// The active site begins.
    #[n(0)]
    Hello {
        /// [`VERSION`].
        #[n(0)]
        version: u16,
        /// The group.
        #[n(1)]
        group: ObjectId,
        /// The sender's generation.
        #[n(2)]
        generation: u64,
        /// The group's disks; their paths are the sender's.
        #[n(3)]
        disks: Vec<Disk>,
        /// The sender's clock.
        #[n(4)]
        now: Timestamp,
    },
    /// The other follows.
    #[n(1)]
    Welcome {
        /// The last whole batch that it has.
        #[n(0)]
        batch: u64,
        /// Parts that it has of the next one.
        #[n(1)]
        parts: u32,
        /// Its clock.
        #[n(2)]
        now: Timestamp,
        /// As of when that batch is, by the clock of the site that made it; nothing where it has none.
        #[n(3)]
        captured: Option<Timestamp>,
    },
    /// The other does not follow.
    #[n(2)]
    Refused {
        /// Why.
        #[n(0)]
        why: Refusal,
        /// Its generation.
        #[n(1)]
        generation: u64,
        /// When it took over, where it did.
        #[n(2)]
        since: Option<Timestamp>,
    },
    /// Are these pieces the same over there, with all that was sent so far?
    #[n(3)]
    Compare {
        /// The disk's number.
        #[n(0)]
        disk: u16,
        /// The pieces' numbers.
        #[n(1)]
        pieces: Vec<u64>,
        /// 32 bytes of BLAKE3 of each.
        #[n(2)]
        hashes: minicbor::bytes::ByteVec,
    },
    /// Which of the pieces that were asked about last and not answered yet are not.
    #[n(4)]
    Differs {
        /// The disk's number.
        #[n(0)]
        disk: u16,
        /// Their numbers.
        #[n(1)]
        pieces: Vec<u64>,
    },
    /// A batch is there to stay.
    #[n(5)]
    Committed {
        /// Its number.
        #[n(0)]
        batch: u64,
    },
    /// Parts up to this one of the next batch are there to stay.
    #[n(6)]
    Kept {
        /// The batch.
        #[n(0)]
        batch: u64,
        /// Parts.
        #[n(1)]
        parts: u32,
    },
    /// Nothing was written since that batch, up to this instant.
    #[n(7)]
    Idle {
        /// The batch.
        #[n(0)]
        batch: u64,
        /// The instant.
        #[n(1)]
        until: Timestamp,
    },
    /// Everything was sent, nothing more is written here: take over.
    #[n(8)]
    HandOver {
        /// The generation to take over in.
        #[n(0)]
        generation: u64,
        /// The last batch.
        #[n(1)]
        batch: u64,
    },
    /// It was taken over.
    #[n(9)]
    TakenOver {
        /// The new generation.
        #[n(0)]
        generation: u64,
    },
    /// There is no room for what was sent; it is asked for again later.
    #[n(10)]
    NoRoom,
    /// The sender lives.
    #[n(11)]
    Alive {
        /// Its clock.
        #[n(0)]
        now: Timestamp,
        /// What the other's clock was in the last `Alive` or `Idle` that came from there, where this answers one.
        #[n(1)]
        heard: Option<Timestamp>,
    },
}

impl Message {
    /// Its bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        super::encode(self, &mut out);
        out
    }

    /// Reads what the other site said.
    ///
    /// # Errors
    /// `Corrupt` for what does not parse.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        super::decode("what the other site said", bytes)
    }
}
