//! One connection of the source: parts are authenticated, kept, confirmed; pieces are compared.
//!
//! Long because welcoming, hearing and answering share one connection's turn and its order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, select_biased};

use crate::error::{Error, ErrorKind, Result};
use crate::format::member::{Disk, Member, Message, Refusal, Role, VERSION};
use crate::ids::ObjectId;
use crate::replication::extents::{Payload, Spot};
use crate::replication::maps::PIECE_BYTES;
use crate::replication::parcel::{Opened, hold_size};
use crate::replication::protection;
use crate::replication::{MESSAGE, PART, expect_message};
use crate::seam::{BlockDevice, Link, ReceiveFrames, SendFrames, compute};
use crate::units::Timestamp;

use super::fold::write_all;
use super::history::Kept;
use super::view::View;
use super::{Choice, Replica};

/// The replica says that it lives this often, while it waits.
const ALIVE: Duration = Duration::from_secs(2);
/// A connection over which not a byte came for so long is given up: a source speaks every second.
const SILENCE: Duration = Duration::from_mins(1);
/// What a part is called where it is damaged.
const NAME: &str = "a part from the source";

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// The source went away, or a newer connection took its place.
    Ended,
    /// The source was told why it is not followed.
    Refused(Refusal),
    /// It handed over: this site is active now.
    TakenOver,
}

/// Makes a group's disks where a replica is spoken to for the first time.
#[async_trait::async_trait]
pub trait MakeDisks: Send + Sync {
    /// Makes empty disks of these sizes; gives them, with their paths.
    ///
    /// # Errors
    /// What the file system gives.
    async fn make(&self, disks: &[Disk]) -> Result<Vec<(Disk, Arc<dyn BlockDevice>)>>;
}

struct Turn {
    number: u64,
    generation: u64,
    /// The newest state, parts under way included, once pieces were compared.
    view: Option<View>,
    /// Whether a part found no room: those that come after it are not taken.
    full: bool,
    /// The source's clock minus this one's, at least.
    skew_micros: Option<i64>,
}

impl Replica {
    /// Serves one connection.
    ///
    /// # Errors
    /// What befalls the link, the store and the devices: the source connects again.
    pub async fn serve(&self, link: Link, make: &dyn MakeDisks) -> Result<Served> {
        let Link {
            mut sender,
            mut receiver,
            arrived,
        } = link;
        let Some((kind, body)) = receiver.receive().await? else {
            return Ok(Served::Ended);
        };
        let hello = expect_message(kind, &body)?;
        let Message::Hello {
            version,
            group,
            generation,
            disks,
            ..
        } = hello
        else {
            return Err(Error::corrupt(
                "the source's first message",
                "it is no hello",
            ));
        };
        if let Some(why) = self.admit(version, group, generation, &disks, make).await? {
            let member = self.site.member();
            let since = member.failed_over.map(|failed_over| failed_over.at);
            let refused = Message::Refused {
                why,
                generation: member.generation,
                since,
            };
            sender.send(MESSAGE, Bytes::from(refused.write())).await?;
            return Ok(Served::Refused(why));
        }
        let (number, welcome) = self.welcome().await;
        sender.send(MESSAGE, Bytes::from(welcome.write())).await?;
        let turn = Turn {
            number,
            generation,
            view: None,
            full: false,
            skew_micros: None,
        };
        let ended = self
            .converse(turn, &mut *sender, (&mut *receiver, &arrived))
            .await;
        let mut state = self.lock();
        if state.session == number {
            (state.connected, state.since) = (false, Some(self.world().clock.now()));
        }
        drop(state);
        ended
    }

    /// Begins a connection's turn: every earlier one no longer counts.
    async fn welcome(&self) -> (u64, Message) {
        let history = self.history.lock().await;
        let now = self.world().clock.now();
        let mut state = self.lock();
        state.session += 1;
        (state.connected, state.since, state.full) = (true, Some(now), false);
        let (member, newest) = (self.site.member(), history.newest());
        let own = (member.folded > 0).then_some(member.folded_at);
        let welcome = Message::Welcome {
            batch: newest.map_or(member.folded, |newest| newest.batch),
            parts: history.staged(),
            now,
            captured: newest.map(|newest| newest.captured).or(own),
        };
        (state.session, welcome)
    }

    async fn converse(
        &self,
        mut turn: Turn,
        sender: &mut dyn SendFrames,
        (receiver, arrived): (&mut dyn ReceiveFrames, &AtomicU64),
    ) -> Result<Served> {
        loop {
            let (kind, body) = {
                // A frame may take minutes on a slow link: the source hears that it arrives, and not a word where
                // nothing does.
                let mut frame = receiver.receive().fuse();
                let (mut came, mut quiet) = (arrived.load(Ordering::Relaxed), Duration::ZERO);
                loop {
                    select_biased! {
                        frame = frame => match frame? {
                            Some(frame) => break frame,
                            None => return Ok(Served::Ended),
                        },
                        () = self.world().clock.sleep(ALIVE).fuse() => {
                            let before = std::mem::replace(&mut came, arrived.load(Ordering::Relaxed));
                            quiet = if came == before { quiet + ALIVE } else { Duration::ZERO };
                            if quiet >= SILENCE {
                                return Err(Error::new(ErrorKind::Unavailable, "the source is silent"));
                            }
                            if came != before {
                                let alive = Message::Alive { now: self.world().clock.now(), heard: None };
                                sender.send(MESSAGE, Bytes::from(alive.write())).await?;
                            }
                        }
                    }
                }
            };
            let (answer, served) = {
                // Looking through a long history takes its time: the source hears that this site is at it.
                let mut heard = std::pin::pin!(self.hear(&mut turn, kind, body).fuse());
                loop {
                    select_biased! {
                        heard = heard => break heard?,
                        () = self.world().clock.sleep(ALIVE).fuse() => {
                            let alive = Message::Alive { now: self.world().clock.now(), heard: None };
                            sender.send(MESSAGE, Bytes::from(alive.write())).await?;
                        }
                    }
                }
            };
            if let Some(answer) = answer {
                sender.send(MESSAGE, Bytes::from(answer.write())).await?;
            }
            if let Some(served) = served {
                return Ok(served);
            }
        }
    }

    /// Whether the source is followed; it is not where this gives a reason.
    async fn admit(
        &self,
        version: u16,
        group: ObjectId,
        generation: u64,
        disks: &[Disk],
        make: &dyn MakeDisks,
    ) -> Result<Option<Refusal>> {
        let member = self.site.member();
        if version != VERSION {
            return Ok(Some(Refusal::OtherVersion));
        }
        if member.disks.is_empty() {
            let made = make.make(disks).await?;
            let (disks, devices): (Vec<Disk>, Vec<_>) = made.into_iter().unzip();
            self.site
                .change(|member| {
                    (member.group, member.generation) = (group, generation);
                    member.disks = disks;
                    Ok(())
                })
                .await?;
            *self
                .devices
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = devices;
            return Ok(None);
        }
        let same =
            |(mine, theirs): (&Disk, &Disk)| (&mine.name, mine.size) == (&theirs.name, theirs.size);
        if member.group != group {
            return Ok(Some(Refusal::OtherGroup));
        }
        if member.disks.len() != disks.len() || !member.disks.iter().zip(disks).all(same) {
            return Ok(Some(Refusal::OtherDisks));
        }
        if generation < member.generation
            || member.role == Role::Active && generation == member.generation
        {
            return Ok(Some(Refusal::Fenced));
        }
        if member.role != Role::Replica {
            if member.role == Role::Active {
                let now = self.world().clock.now();
                let fence = |member: &mut Member| {
                    protection::fence(member, now);
                    Ok(())
                };
                self.site.change(fence).await?;
            }
            return Ok(Some(Refusal::Active));
        }
        if generation > member.generation {
            self.site
                .change(|member| {
                    member.generation = generation;
                    Ok(())
                })
                .await?;
        }
        Ok(None)
    }

    /// The source lives, and its clock showed `theirs` before now: of all that came in this connection what was
    /// the shortest on its way tells best how the two clocks differ.
    fn alive(&self, turn: &mut Turn, theirs: Timestamp) -> Message {
        let now = self.world().clock.now();
        let skew = (theirs.nanoseconds() - now.nanoseconds()) / 1000;
        let skew = i64::try_from(skew).unwrap_or(i64::MAX);
        let skew = turn.skew_micros.map_or(skew, |known| known.max(skew));
        turn.skew_micros = Some(skew);
        let mut state = self.lock();
        if state.session == turn.number {
            state.skew_micros = Some(skew);
        }
        Message::Alive {
            now,
            heard: Some(theirs),
        }
    }

    /// Deals with a frame: what to answer, and whether the connection is over then.
    async fn hear(
        &self,
        turn: &mut Turn,
        kind: u8,
        body: Bytes,
    ) -> Result<(Option<Message>, Option<Served>)> {
        if self.lock().session != turn.number || self.site.member().role != Role::Replica {
            // Whoever is answered takes it that no other site has taken over.
            return Ok((None, Some(Served::Ended)));
        }
        if kind == PART {
            let answer = self.take(turn, body).await?;
            let ended = answer.is_none().then_some(Served::Ended);
            return Ok((answer, ended));
        }
        let answer = match expect_message(kind, &body)? {
            Message::Compare {
                disk,
                pieces,
                hashes,
            } => self.compare(turn, disk, pieces, &hashes).await?,
            Message::Idle { batch, until } => {
                self.lock().idle = Some((batch, until));
                self.alive(turn, until)
            }
            Message::Alive { now, .. } => self.alive(turn, now),
            Message::HandOver { generation, batch } => {
                let point = self.choose(Choice::Latest).await?;
                if point.batch != batch || generation != turn.generation + 1 {
                    return Err(Error::corrupt(
                        "a hand-over",
                        "it is not of the newest point",
                    ));
                }
                self.fail_over(point, true, None).await?;
                let taken = Message::TakenOver { generation };
                return Ok((Some(taken), Some(Served::TakenOver)));
            }
            _ => return Err(Error::corrupt("what the source said", "it is not its turn")),
        };
        Ok((Some(answer), None))
    }

    /// Keeps a part; gives what to say of it, or nothing where this connection no longer counts.
    async fn take(&self, turn: &mut Turn, body: Bytes) -> Result<Option<Message>> {
        let devices = self.devices();
        // Only the first synchronisation is applied as it comes.
        let is_applied = self.site.member().folded == 0;
        let (opened, payloads) = self.opened(&devices, body.clone(), is_applied).await?;
        let header = opened.header;
        let mut history = self.history.lock().await;
        let member = self.site.member();
        if self.lock().session != turn.number || member.role != Role::Replica {
            return Ok(None);
        }
        if turn.full {
            return Ok(Some(Message::NoRoom));
        }
        let batch = history.newest().map_or(member.folded, |kept| kept.batch);
        let first = batch == 0;
        // Nothing of the first synchronisation is remembered but what is in the disks.
        let part = if first { header.part } else { history.staged() };
        let expected = (member.group, turn.generation, batch + 1, batch + 1, part);
        let came = (
            header.group,
            header.generation,
            header.first,
            header.batch,
            header.part,
        );
        if came != expected {
            let what = format!("it is {came:?} where {expected:?} comes next");
            return Err(Error::corrupt(NAME, what));
        }
        if first {
            let taken = self.take_first(&devices, &header, payloads).await;
            return self.or_no_room(turn, taken).map(Some);
        }
        self.lock().received_bytes += body.len() as u64;
        let put = history.put(self.world(), &header, body).await;
        let put = put.map(|()| Message::Committed { batch });
        if self.or_no_room(turn, put)? == Message::NoRoom {
            return Ok(Some(Message::NoRoom));
        }
        match &mut turn.view {
            // No batch ends while pieces are compared: the next comparison begins anew.
            view if header.end.is_some() => *view = None,
            Some(view) => {
                let kept = Kept {
                    first: header.first,
                    batch: header.batch,
                    ..blank()
                };
                view.lay(kept.path(header.part as usize), opened);
            }
            None => {}
        }
        Ok(Some(if header.end.is_some() {
            Message::Committed {
                batch: header.batch,
            }
        } else {
            Message::Kept {
                batch: header.batch,
                parts: history.staged(),
            }
        }))
    }

    /// What could not be kept found no room: the source is told, and asks again later.
    fn or_no_room(&self, turn: &mut Turn, kept: Result<Message>) -> Result<Message> {
        let full = match &kept {
            Err(error) if error.kind() == ErrorKind::Unavailable => true,
            Err(_) => return kept,
            Ok(_) => false,
        };
        (self.lock().full, turn.full) = (full, full);
        if full { Ok(Message::NoRoom) } else { kept }
    }

    /// Opens a part wholly: nothing is confirmed that could not be had back. What was written is given only where
    /// it `is_applied`.
    async fn opened(
        &self,
        devices: &[Arc<dyn BlockDevice>],
        body: Bytes,
        is_applied: bool,
    ) -> Result<(Opened, Vec<(Spot, Payload)>)> {
        hold_size(NAME, body.len() as u64)?;
        let sizes: Vec<u64> = devices.iter().map(|device| device.size()).collect();
        let key = self.key.clone();
        let open = move || {
            let opened = Opened::open(&key, NAME, &body, &sizes)?;
            let payloads = if is_applied {
                opened.payloads(&key, NAME, &body)?
            } else {
                opened.check(&key, NAME, &body)?;
                Vec::new()
            };
            Ok::<_, Error>((opened, payloads))
        };
        compute(&*self.world().workers, open).await?
    }

    /// The first synchronisation goes straight into the disks: there is no point that it could spoil.
    async fn take_first(
        &self,
        devices: &[Arc<dyn BlockDevice>],
        header: &crate::format::part::Header,
        payloads: Vec<(Spot, Payload)>,
    ) -> Result<Message> {
        write_all(devices, payloads).await?;
        let Some((captured, _)) = header.end else {
            return Ok(Message::Kept {
                batch: header.batch,
                parts: header.part + 1,
            });
        };
        self.flush().await?;
        self.site
            .change(|member| {
                protection::folded(member, header.batch, captured);
                Ok(())
            })
            .await?;
        Ok(Message::Committed {
            batch: header.batch,
        })
    }

    /// Which pieces differ from the newest state, parts under way included.
    async fn compare(
        &self,
        turn: &mut Turn,
        disk: u16,
        pieces: Vec<u64>,
        hashes: &[u8],
    ) -> Result<Message> {
        if turn.view.is_none() {
            let history = self.history.lock().await;
            let mut view = View::over(self.world().clone(), self.key.clone(), self.devices());
            let member = self.site.member();
            for kept in history.kept() {
                for (part, bytes) in kept.parts.iter().enumerate() {
                    view.add(kept.path(part), *bytes).await?;
                }
            }
            let next = history.newest().map_or(member.folded, |kept| kept.batch) + 1;
            for (at, bytes) in history.staged_paths(next) {
                view.add(at, bytes).await?;
            }
            turn.view = Some(view);
        }
        if self.site.member().folded == 0 {
            // What the first synchronisation wrote counts as there from now on: it must not be lost with the machine.
            self.flush().await?;
        }
        let size = self
            .devices()
            .get(usize::from(disk))
            .map_or(0, |device| device.size());
        let (hashes, rest) = hashes.as_chunks::<32>();
        if hashes.len() != pieces.len() || !rest.is_empty() {
            return Err(Error::corrupt(
                "a comparison",
                "it has another number of hashes than of pieces",
            ));
        }
        let mut differing = Vec::new();
        for (piece, hash) in pieces.into_iter().zip(hashes) {
            let offset = piece.saturating_mul(PIECE_BYTES);
            let length = PIECE_BYTES.min(size.saturating_sub(offset));
            let Some(view) = turn.view.as_ref().filter(|_| length > 0) else {
                return Err(Error::corrupt(
                    "a comparison",
                    "it is of a piece beyond the disk's end",
                ));
            };
            let mine = view.read_once((disk, offset), length as usize).await?;
            if blake3::hash(&mine).as_bytes() != hash {
                differing.push(piece);
            }
        }
        Ok(Message::Differs {
            disk,
            pieces: differing,
        })
    }
}

fn blank() -> Kept {
    Kept {
        first: 0,
        batch: 0,
        captured: Timestamp::default(),
        consistency: crate::format::point::Consistency::Crash,
        generation: 0,
        parts: Vec::new(),
    }
}
