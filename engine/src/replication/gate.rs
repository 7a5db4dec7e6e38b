//! Who writes where now: writes that overlap come one after the other, and none comes where they may not.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};

use super::extents::Spot;

/// Why nothing is written, where that is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shut {
    /// For now: writers wait.
    Held,
    /// Until it is known again that no other site has taken over: writers wait.
    Unleased,
    /// For good: writers are told.
    Closed(String),
}

/// Where someone is: disk, from, up to; and whether it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    disk: u16,
    from: u64,
    until: u64,
    writes: bool,
}

impl Stretch {
    fn overlaps(&self, disk: u16, from: u64, until: u64) -> bool {
        self.disk == disk && self.from < until && from < self.until
    }
}

#[derive(Debug, Default)]
struct State {
    /// Stretches that are being written or read for sending.
    busy: Vec<Stretch>,
    held: bool,
    unleased: bool,
    closed: Option<String>,
}

impl State {
    fn shut(&self) -> Option<Shut> {
        let closed = self.closed.clone().map(Shut::Closed);
        let held = self.held.then_some(Shut::Held);
        closed
            .or(held)
            .or_else(|| self.unleased.then_some(Shut::Unleased))
    }

    fn is_shut(&self) -> bool {
        self.closed.is_some() || self.held || self.unleased
    }
}

/// The gate that every write to a group's disks passes.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Notify,
}

/// A stretch that is held until this is dropped.
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
    stretch: Stretch,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        let mine = state.busy.iter().position(|busy| *busy == self.stretch);
        if let Some(mine) = mine {
            state.busy.swap_remove(mine);
        }
        drop(state);
        self.gate.changed.notify_waiters();
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a stretch may be written and no one else is at it.
    ///
    /// # Errors
    /// `Denied` where the gate is closed for good.
    pub async fn write(&self, at: Spot, length: u64) -> Result<Pass<'_>> {
        self.enter(at, length, true).await
    }

    /// Waits until no one is at a stretch, whether writes are held or not.
    ///
    /// # Errors
    /// None; the type is that of [`Gate::write`].
    pub async fn read(&self, at: Spot, length: u64) -> Result<Pass<'_>> {
        self.enter(at, length, false).await
    }

    async fn enter(&self, (disk, from): Spot, length: u64, writes: bool) -> Result<Pass<'_>> {
        let stretch = Stretch {
            disk,
            from,
            until: from.saturating_add(length),
            writes,
        };
        if let Some(pass) = self.try_enter(stretch)? {
            return Ok(pass);
        }
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(pass) = self.try_enter(stretch)? {
                return Ok(pass);
            }
            changed.await;
        }
    }

    fn try_enter(&self, stretch: Stretch) -> Result<Option<Pass<'_>>> {
        let mut state = self.lock();
        if let Some(why) = state.closed.as_ref().filter(|_| stretch.writes) {
            return Err(Error::new(ErrorKind::Denied, why.clone()));
        }
        let Stretch {
            disk, from, until, ..
        } = stretch;
        let is_held = stretch.writes && state.is_shut();
        if is_held
            || state
                .busy
                .iter()
                .any(|busy| busy.overlaps(disk, from, until))
        {
            return Ok(None);
        }
        state.busy.push(stretch);
        Ok(Some(Pass {
            gate: self,
            stretch,
        }))
    }

    /// Whether someone is at any of a stretch.
    pub fn is_busy(&self, (disk, from): Spot, length: u64) -> bool {
        let until = from.saturating_add(length);
        let state = self.lock();
        let mut busy = state.busy.iter();
        busy.any(|busy| busy.overlaps(disk, from, until))
    }

    /// Lets no write pass, and waits until those under way are done. What is read to be sent is not waited for: whoever
    /// shuts may be who would let it go on.
    pub async fn shut(&self, how: Shut) {
        match how {
            Shut::Held => self.lock().held = true,
            Shut::Unleased => self.lock().unleased = true,
            Shut::Closed(why) => self.lock().closed = Some(why),
        }
        self.changed.notify_waiters();
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if !self.lock().busy.iter().any(|busy| busy.writes) {
                return;
            }
            changed.await;
        }
    }

    /// Lets writes that were held pass again, unless another reason is left.
    pub fn open(&self) {
        self.lock().held = false;
        self.changed.notify_waiters();
    }

    /// Whether it is known that no other site has taken over; where it is not, writers wait.
    pub fn set_leased(&self, leased: bool) {
        let mut state = self.lock();
        let changes = state.unleased == leased;
        state.unleased = !leased;
        drop(state);
        if changes {
            self.changed.notify_waiters();
        }
    }

    /// Waits while it is not known whether another site has taken over.
    ///
    /// # Errors
    /// `Denied` where the gate is closed for good.
    pub async fn leased(&self) -> Result<()> {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.lock();
                if let Some(why) = &state.closed {
                    return Err(Error::new(ErrorKind::Denied, why.clone()));
                }
                if !state.unleased {
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    /// Why no write passes, where that is so.
    pub fn is_shut(&self) -> Option<Shut> {
        self.lock().shut()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::{Gate, Shut};
    use crate::ErrorKind;

    #[test]
    fn overlapping_writes_wait_and_a_closed_gate_tells_why() {
        let gate = Gate::default();
        let first = gate
            .write((0, 10), 10)
            .now_or_never()
            .expect("free")
            .unwrap();
        assert!(gate.write((0, 19), 1).now_or_never().is_none());
        assert!(gate.write((0, 20), 1).now_or_never().is_some());
        assert!(gate.write((1, 10), 10).now_or_never().is_some());
        assert!(gate.is_busy((0, 0), 11) && !gate.is_busy((0, 0), 10));
        assert!(gate.shut(Shut::Held).now_or_never().is_none());
        drop(first);
        let sent = gate.read((0, 0), 1).now_or_never().expect("free").unwrap();
        assert!(gate.shut(Shut::Held).now_or_never().is_some());
        drop(sent);
        assert!(gate.write((0, 0), 1).now_or_never().is_none());
        assert!(gate.read((0, 0), 1).now_or_never().is_some());
        gate.set_leased(false);
        gate.open();
        assert_eq!(gate.is_shut(), Some(Shut::Unleased));
        assert!(gate.write((0, 0), 1).now_or_never().is_none());
        assert!(gate.leased().now_or_never().is_none());
        gate.set_leased(true);
        assert!(gate.leased().now_or_never().is_some());
        assert!(gate.write((0, 0), 1).now_or_never().is_some());
        gate.shut(Shut::Closed("taken over".to_owned()))
            .now_or_never();
        gate.open();
        let told = gate.write((0, 0), 1).now_or_never().expect("told at once");
        assert_eq!(told.unwrap_err().kind(), ErrorKind::Denied);
    }
}
