//! Waiting in virtual time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::queue::EventId;

use super::Handle;

/// Ends at an instant. Dropped before, it leaves nothing behind.
pub struct Sleep {
    handle: Handle,
    until_micros: u64,
    timer: Option<EventId>,
}

impl Sleep {
    pub(super) fn new(handle: Handle, until_micros: u64) -> Self {
        Self {
            handle,
            until_micros,
            timer: None,
        }
    }

    fn wake_nobody(&mut self) {
        if let Some(timer) = self.timer.take() {
            // A waker is dropped outside of the lock: it may be the last that holds what it wakes.
            let cancelled = self.handle.lock().timers.cancel(timer);
            drop(cancelled);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sleep until {}", self.until_micros)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.handle.now() >= this.until_micros {
            this.wake_nobody();
            return Poll::Ready(());
        }
        let mut core = this.handle.lock();
        let sleeper = core.sleeper(context.waker());
        let before = if let Some(before) = this.timer.and_then(|it| core.timers.get_mut(it)) {
            Some(std::mem::replace(before, sleeper))
        } else {
            this.timer = Some(core.timers.push(this.until_micros, sleeper));
            None
        };
        drop(core);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.wake_nobody();
    }
}
