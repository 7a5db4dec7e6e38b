//! The way to the other site: what the journal holds is sent in order, what is marked is compared or read and
//! sent, and what is confirmed is forgotten.
//!
//! Long because sending, reading, hearing and aligning share one connection's state and its order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, select_biased};
use object_store::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::format::member::{Message, Refusal, VERSION};
use crate::replication::extents::Payload;
use crate::replication::journal::Body;
use crate::replication::maps::{Doubt, PIECE_BYTES};
use crate::replication::{MESSAGE, PART, expect_message};
use crate::seam::{Dial, Link, ReceiveFrames, SendFrames};
use crate::units::Timestamp;

use super::{Source, WINDOW_BYTES, lock};

/// Pieces that are compared with one message.
const COMPARED_AT_ONCE: usize = 64;
/// Pieces whose comparison is under way: 256 MiB of disk.
const COMPARED_MAX: usize = 4096;
/// The longest wait before a link is tried again.
const RETRY_MAX: Duration = Duration::from_mins(1);
/// A site that has no room is asked again after so long.
const FULL_FOR: Duration = Duration::from_secs(10);
/// What was said and not answered is remembered so many times: at one a second, longer than a lease lasts.
const SAID_MAX: usize = 64;
/// The source says that it lives this often.
const ALIVE: Duration = Duration::from_secs(1);

/// What a session remembers while it lasts.
#[derive(Debug, Default)]
struct Talk {
    /// The next part to send.
    next: (u64, u32),
    /// What this site's clock was when it said so, and `elapsed` then: what the answer tells is as of then.
    said: VecDeque<(Timestamp, Duration)>,
    /// Messages to be sent before parts.
    out: VecDeque<Message>,
    /// Bytes of parts sent and not confirmed, in order.
    flying: VecDeque<((u64, u32), u64)>,
    flying_bytes: u64,
    /// Pieces under comparison: disk, pieces, in the order asked.
    asked: VecDeque<(u16, Vec<u64>)>,
    /// What was found marked and is not yet asked about, by disk.
    asking: BTreeMap<u16, (Vec<u64>, Vec<u8>)>,
    /// Since when the other site has no room, by the clock's `elapsed`: nothing more is sent until the next session.
    full: Option<Duration>,
}

impl Talk {
    fn confirm(&mut self, (batch, parts): (u64, u32)) {
        while let Some((part, bytes)) = self.flying.front() {
            if part.0 <= batch || (part.0 == batch + 1 && part.1 < parts) {
                self.flying_bytes -= bytes;
                self.flying.pop_front();
            } else {
                break;
            }
        }
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    /// The other site went away.
    Gone,
    /// It has a newer generation: nothing is written here any more.
    Fenced(u64, Option<Timestamp>),
    /// It took over, as it was told.
    TakenOver(u64),
}

/// How the source's way ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other site has taken over on its own, in this generation, since then.
    Fenced(u64, Option<Timestamp>),
    /// It has taken over as it was told, with all that was written.
    HandedOver(u64),
}

impl Source {
    /// Keeps a link to the other site and sends what it lacks, until that has taken over.
    ///
    /// # Errors
    /// `Internal` and what devices and the state's store give: not what befalls the link, which is tried again.
    pub async fn run_link(&self, dial: &dyn Dial) -> Result<Outcome> {
        let mut wait = self.settings.retry;
        loop {
            let met = lock(&self.totals).batches;
            match self.meet(dial).await {
                Ok(Ended::Fenced(generation, since)) => {
                    let why = format!(
                        "{} has taken over in generation {generation}: nothing is written here any more",
                        dial.name()
                    );
                    lock(&self.link).fenced_by = Some((generation, since));
                    self.close(&why).await;
                    return Ok(Outcome::Fenced(generation, since));
                }
                Ok(Ended::TakenOver(generation)) => return Ok(Outcome::HandedOver(generation)),
                Ok(Ended::Gone) => self.lost(format!("{} ended the connection", dial.name())),
                Err(error) if error.kind() == ErrorKind::Internal => return Err(error),
                Err(error) => self.lost(error.to_string()),
            }
            if lock(&self.totals).batches > met {
                wait = self.settings.retry;
            }
            self.world.clock.sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    fn lost(&self, trouble: String) {
        let now = self.world.clock.now();
        let mut link = lock(&self.link);
        if link.connected || link.since.is_none() {
            link.since = Some(now);
        }
        (link.connected, link.trouble) = (false, Some(trouble));
    }

    async fn dialled(&self, dial: &dyn Dial) -> Result<Link> {
        let dialled = dial.dial();
        let late = self.world.clock.sleep(self.settings.silence);
        select_biased! {
            link = dialled.fuse() => link,
            () = late.fuse() => Err(silent(&dial.name())),
        }
    }

    async fn meet(&self, dial: &dyn Dial) -> Result<Ended> {
        let Link {
            mut sender,
            mut receiver,
            ..
        } = self.dialled(dial).await?;
        let asked = self.world.clock.now();
        let hello = Message::Hello {
            version: VERSION,
            group: self.group,
            generation: self.generation,
            disks: self.disks.clone(),
            now: asked,
        };
        sender.send(MESSAGE, Bytes::from(hello.write())).await?;
        let answer = self.heard(&mut *receiver).await?;
        let (batch, parts, theirs, captured) = match answer {
            Some(Message::Welcome {
                batch,
                parts,
                now,
                captured,
            }) => (batch, parts, now, captured),
            Some(Message::Refused {
                why: Refusal::Fenced,
                generation,
                since,
            }) => {
                return Ok(Ended::Fenced(generation, since));
            }
            Some(Message::Refused {
                why, generation, ..
            }) => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    refused(why, generation, &dial.name()),
                ));
            }
            Some(_) => {
                return Err(Error::corrupt(
                    "the other site's answer",
                    "it is no welcome",
                ));
            }
            None => return Ok(Ended::Gone),
        };
        let now = self.world.clock.now();
        {
            let mut link = lock(&self.link);
            let skew = (theirs.nanoseconds() - asked.nanoseconds()) / 1000;
            link.skew_micros = i64::try_from(skew).unwrap_or(i64::MAX);
        }
        self.align((batch, parts), captured).await?;
        {
            // Not before: until then it is not known what the other site lacks.
            let mut link = lock(&self.link);
            (link.connected, link.since, link.trouble, link.full) = (true, Some(now), None, false);
        }
        self.talk((batch + 1, parts), (&mut *sender, &mut *receiver))
            .await
    }

    /// Sends and hears, beginning with a part, until one of the two sites ends it.
    async fn talk(
        &self,
        next: (u64, u32),
        (sender, receiver): (&mut dyn SendFrames, &mut dyn ReceiveFrames),
    ) -> Result<Ended> {
        let talk = Mutex::new(Talk {
            next,
            ..Talk::default()
        });
        {
            let sends = self.send_all(&talk, sender);
            let reads = self.read_marked(&talk);
            let hears = self.hear_all(&talk, receiver);
            select_biased! {
                ended = hears.fuse() => ended,
                ended = sends.fuse() => ended,
                ended = reads.fuse() => ended,
            }
        }
    }

    async fn heard(&self, receiver: &mut dyn ReceiveFrames) -> Result<Option<Message>> {
        let late = self.world.clock.sleep(self.settings.silence);
        let frame = select_biased! {
            frame = receiver.receive().fuse() => frame?,
            () = late.fuse() => return Err(silent("the other site")),
        };
        frame
            .map(|(kind, body)| expect_message(kind, &body))
            .transpose()
    }

    /// Both sides agree what comes next. Where they can't (the other site has less than it had, or this one
    /// knows nothing of what it began), all that was cut is void and the rest is found by comparing.
    async fn align(&self, (batch, parts): (u64, u32), captured: Option<Timestamp>) -> Result<()> {
        let (gone, known) = {
            let mut splitter = lock(&self.splitter);
            splitter.compare_again();
            let mut journal = lock(&self.journal);
            // One without a point remembers nothing: it may be another than that which was compared with.
            let has_less = journal.confirmed() > (batch, parts) || batch == 0;
            let is_ahead = !journal.reaches(batch, parts);
            if has_less || is_ahead || journal.captured().is_none() {
                journal.told(captured);
            }
            let mut gone = if is_ahead {
                // What was cut here before the two met is void; where it was written is in the intent maps.
                let gone = journal.void(batch, parts);
                splitter.go_on_from(batch + 1, parts);
                splitter.suspect_intended(captured.unwrap_or_else(|| self.world.clock.now()));
                gone
            } else {
                journal.confirm(batch, parts)
            };
            let expected = (batch + 1, parts);
            let next = journal
                .next(expected)
                .map(|entry| (entry.batch, entry.part));
            let next = next.or(splitter.first_cut());
            let open = (splitter.batch(), splitter.part());
            let continues = !has_less && next.unwrap_or(open) == expected;
            // Nothing was cut since this site began: only its numbers are old.
            let fresh = next.is_none() && open.1 == 0 && open <= expected && !has_less;
            if !continues {
                gone.extend(journal.void(batch, parts));
                splitter.go_on_from(batch + 1, parts);
            }
            if !continues && !fresh {
                // In the same step: what was void is never taken for sent.
                self.doubt_all(&mut splitter, journal.captured());
            }
            (gone, continues || fresh)
        };
        self.remove(gone).await;
        if !known {
            self.keep_all_intents().await?;
        }
        Ok(())
    }

    async fn send_all(&self, talk: &Mutex<Talk>, sender: &mut dyn SendFrames) -> Result<Ended> {
        let (mut alive, mut ordered) = (self.world.clock.elapsed(), false);
        loop {
            let bell = self.bell.notified();
            let mut bell = std::pin::pin!(bell);
            bell.as_mut().enable();
            let elapsed = self.world.clock.elapsed();
            if elapsed >= alive {
                alive = elapsed + ALIVE;
                let idle = self.idle(talk);
                sender.send(MESSAGE, Bytes::from(idle.write())).await?;
            }
            let message = lock(talk).out.pop_front();
            if let Some(message) = message {
                sender.send(MESSAGE, Bytes::from(message.write())).await?;
                continue;
            }
            if let Some(part) = self.next_part(talk).await? {
                let length = part.len() as u64;
                sender.send(PART, part).await?;
                lock(&self.totals).sent_bytes += length;
                continue;
            }
            let order = lock(&self.hand_over).filter(|_| !ordered);
            if let Some((generation, batch)) = order.zip(self.last_of_all()) {
                ordered = true;
                let order = Message::HandOver { generation, batch };
                sender.send(MESSAGE, Bytes::from(order.write())).await?;
                continue;
            }
            let elapsed = self.world.clock.elapsed();
            let wait = self.world.clock.sleep(alive.saturating_sub(elapsed));
            select_biased! {
                () = bell.fuse() => {}
                () = wait.fuse() => {}
            }
        }
    }

    /// The last batch of all, where the other site has it.
    fn last_of_all(&self) -> Option<u64> {
        let progress = self.progress();
        let has_all = progress.exposed_since.is_none() && progress.confirmed > 0;
        has_all.then_some(progress.confirmed)
    }

    /// That this site lives; and where the other has everything, that its last batch is as of now.
    fn idle(&self, talk: &Mutex<Talk>) -> Message {
        let splitter = lock(&self.splitter);
        let mut journal = lock(&self.journal);
        let now = self.world.clock.now();
        {
            let said = &mut lock(talk).said;
            said.push_back((now, self.world.clock.elapsed()));
            if said.len() > SAID_MAX {
                said.pop_front();
            }
        }
        let (batch, _) = journal.confirmed();
        if splitter.is_idle() && splitter.first_cut().is_none() && journal.is_empty() {
            journal.idle(now);
            return Message::Idle { batch, until: now };
        }
        Message::Alive { now, heard: None }
    }

    /// The next part that the journal has and the window admits.
    async fn next_part(&self, talk: &Mutex<Talk>) -> Result<Option<Bytes>> {
        let (at, body) = {
            let mut talk = lock(talk);
            if talk.full.is_some() || talk.flying_bytes >= WINDOW_BYTES {
                return Ok(None);
            }
            let mut journal = lock(&self.journal);
            let Some(entry) = journal.next(talk.next).cloned() else {
                return Ok(None);
            };
            let at = (entry.batch, entry.part);
            journal.sends(at, entry.end.is_some());
            talk.next = if entry.end.is_some() {
                (at.0 + 1, 0)
            } else {
                (at.0, at.1 + 1)
            };
            talk.flying.push_back((at, entry.bytes));
            talk.flying_bytes += entry.bytes;
            (at, entry.body)
        };
        match body {
            Body::Memory(bytes) => Ok(Some(bytes)),
            Body::Kept(path, hash) => match self.kept(&path, hash).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) => {
                    // A journal that can't be read is no loss: what it held is found by comparing.
                    let gone = {
                        let mut splitter = lock(&self.splitter);
                        let mut journal = lock(&self.journal);
                        self.doubt_all(&mut splitter, journal.captured());
                        let (batch, parts) = journal.confirmed();
                        journal.void(batch, parts)
                    };
                    self.remove(gone).await;
                    self.keep_all_intents().await?;
                    Err(error.context(format!("batch {} could not be sent", at.0)))
                }
            },
        }
    }

    async fn kept(&self, path: &Path, hash: blake3::Hash) -> Result<Bytes> {
        let bytes = crate::vault::get(&self.world, path).await?;
        if blake3::hash(&bytes) != hash {
            return Err(Error::corrupt(path, "it is not what was put there"));
        }
        Ok(bytes)
    }

    /// Reads what is marked: what was written is sent, what is suspect is compared.
    async fn read_marked(&self, talk: &Mutex<Talk>) -> Result<Ended> {
        loop {
            let bell = self.bell.notified();
            let mut bell = std::pin::pin!(bell);
            bell.as_mut().enable();
            while self.read_one(talk).await? {}
            self.ask(talk, true);
            bell.await;
        }
    }

    async fn read_one(&self, talk: &Mutex<Talk>) -> Result<bool> {
        let busy = {
            let talk = lock(talk);
            talk.full.is_some() || talk.asked.len() * COMPARED_AT_ONCE >= COMPARED_MAX
        };
        let marked = if busy || !lock(&self.journal).has_room() {
            None
        } else {
            lock(&self.splitter).marked()
        };
        let Some((disk, offset, length)) = marked else {
            return Ok(false);
        };
        let _pass = self.gate.read((disk, offset), length).await?;
        // A write may have come first: then it is no longer merely suspect.
        let Some(doubt) = lock(&self.splitter).doubt((disk, offset)) else {
            return Ok(true);
        };
        let read = self.devices[usize::from(disk)]
            .device
            .read_once(offset, length as usize);
        let data = read.await.map_err(|error| {
            let name = &self.disks[usize::from(disk)].name;
            error.context(format!("disk '{name}' could not be read to be sent"))
        })?;
        match doubt {
            Doubt::Written => {
                let payload = as_payload(data);
                lock(&self.splitter).take((disk, offset), payload);
                lock(&self.totals).resent += 1;
                if lock(&self.splitter).is_ample() {
                    self.bell.notify_waiters();
                }
            }
            Doubt::Suspect => {
                let hash = *blake3::hash(&data).as_bytes();
                lock(&self.splitter).compare((disk, offset));
                lock(&self.totals).compared += 1;
                let mut locked = lock(talk);
                let (pieces, hashes) = locked.asking.entry(disk).or_default();
                pieces.push(offset / PIECE_BYTES);
                hashes.extend_from_slice(&hash);
                drop(locked);
                self.ask(talk, false);
            }
        }
        Ok(true)
    }

    /// Asks about the pieces that were read, once there are enough, or at once.
    fn ask(&self, talk: &Mutex<Talk>, all: bool) {
        let mut talk = lock(talk);
        let ready = talk.asking.iter();
        let ready = ready.filter(|(_, (pieces, _))| all || pieces.len() >= COMPARED_AT_ONCE);
        let ready: Vec<u16> = ready.map(|(disk, _)| *disk).collect();
        for disk in ready {
            let Some((pieces, hashes)) = talk.asking.remove(&disk) else {
                continue;
            };
            talk.asked.push_back((disk, pieces.clone()));
            talk.out.push_back(Message::Compare {
                disk,
                pieces,
                hashes: hashes.into(),
            });
            self.bell.notify_waiters();
        }
    }

    async fn hear_all(
        &self,
        talk: &Mutex<Talk>,
        receiver: &mut dyn ReceiveFrames,
    ) -> Result<Ended> {
        loop {
            let Some(message) = self.heard(receiver).await? else {
                return Ok(Ended::Gone);
            };
            match message {
                Message::Committed { batch } => {
                    lock(&self.totals).batches += 1;
                    self.confirmed(talk, (batch, 0)).await?;
                }
                Message::Kept { batch, parts } => {
                    self.confirmed(talk, (batch.saturating_sub(1), parts))
                        .await?;
                }
                Message::Differs { disk, pieces } => {
                    let asked = lock(talk).asked.pop_front();
                    let (_, compared) = asked
                        .filter(|(asked, compared)| {
                            *asked == disk && pieces.iter().all(|piece| compared.contains(piece))
                        })
                        .ok_or_else(|| {
                            Error::corrupt("the other site's answer", "it was not asked")
                        })?;
                    lock(&self.splitter).answered(disk, &compared, &pieces);
                }
                Message::NoRoom => {
                    let now = self.world.clock.elapsed();
                    lock(talk).full.get_or_insert(now);
                    lock(&self.link).full = true;
                }
                Message::Alive { heard, .. } => {
                    self.answered(talk, heard);
                    let full = lock(talk).full;
                    if full.is_some_and(|since| self.world.clock.elapsed() > since + FULL_FOR) {
                        let what = "the other site has no room: it is asked again";
                        return Err(Error::new(ErrorKind::Unavailable, what));
                    }
                    self.clean().await?;
                }
                Message::TakenOver { generation } => return Ok(Ended::TakenOver(generation)),
                Message::Refused {
                    why: Refusal::Fenced,
                    generation,
                    since,
                } => {
                    return Ok(Ended::Fenced(generation, since));
                }
                _ => {
                    return Err(Error::corrupt(
                        "what the other site said",
                        "it was not asked",
                    ));
                }
            }
            self.bell.notify_waiters();
        }
    }

    /// The other site still followed when it heard what this one said: no other has taken over until then.
    fn answered(&self, talk: &Mutex<Talk>, heard: Option<Timestamp>) {
        let mut talk = lock(talk);
        let said = talk.said.iter().position(|(said, _)| Some(*said) == heard);
        let said = said.and_then(|at| talk.said.drain(..=at).next_back());
        drop(talk);
        if let Some((_, asked)) = said {
            self.lease(asked);
        }
    }

    async fn confirmed(&self, talk: &Mutex<Talk>, (batch, parts): (u64, u32)) -> Result<()> {
        lock(talk).confirm((batch, parts));
        let gone = lock(&self.journal).confirm(batch, parts);
        self.remove(gone).await;
        self.clean().await
    }

    /// Takes what is confirmed from the intent maps, now and then.
    async fn clean(&self) -> Result<()> {
        let elapsed = self.world.clock.elapsed();
        {
            let mut cleaned = lock(&self.cleaned);
            if elapsed < *cleaned + ALIVE {
                return Ok(());
            }
            *cleaned = elapsed;
        }
        let (batch, _) = lock(&self.journal).confirmed();
        let busy = |at, length| self.gate.is_busy(at, length);
        let changed = lock(&self.splitter).confirm(batch, busy);
        for disk in changed {
            let bytes = lock(&self.splitter).intents(disk).bits().len();
            self.keep_intents(disk, 0..bytes).await?;
        }
        Ok(())
    }
}

/// Zeros need no content.
fn as_payload(data: Bytes) -> Payload {
    if data.iter().all(|byte| *byte == 0) {
        Payload::Zeros(data.len() as u64)
    } else {
        Payload::Data(data)
    }
}

fn silent(name: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!(
            "{name} does not answer; is `firedrill replica serve` running there, and the way open?"
        ),
    )
}

fn refused(why: Refusal, generation: u64, name: &str) -> String {
    match why {
        Refusal::Fenced => format!("{name} has taken over in generation {generation}"),
        Refusal::OtherGroup => {
            format!("{name} keeps another group of disks: give it a state of its own")
        }
        Refusal::OtherDisks => {
            format!(
                "{name} knows the disks of this group by other names or sizes: they can't change under protection"
            )
        }
        Refusal::Active => format!(
            "{name} is active itself, in generation {generation}: it must be told to follow (`firedrill replica serve`)"
        ),
        Refusal::OtherVersion => {
            format!("{name} speaks another version: use the same firedrill at both sites")
        }
    }
}
