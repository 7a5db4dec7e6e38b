//! Threads that may wait for a disk themselves. What a task waits for is done on another thread, so that the runtime
//! goes on; a thread that does one thing only saves both the way there and the way back.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

/// Where this thread's calls to a disk wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// On other threads: this one is a runtime's.
    Elsewhere,
    /// Not at all for now: a call that may take long does nothing before this thread is at [`Waiting::Here`].
    /// Writes are not such calls: the page cache takes them.
    Later,
    /// On this thread.
    Here,
}

thread_local! {
    static WAITING: Cell<Waiting> = const { Cell::new(Waiting::Elsewhere) };
}

/// Where this thread's calls wait.
pub(crate) fn waiting() -> Waiting {
    WAITING.get()
}

/// Where they wait from now on. Of a runtime's thread nothing may change.
pub(crate) fn set_waiting(waiting: Waiting) {
    WAITING.set(waiting);
}

/// Ends when this thread may wait. Whoever polled it says that and polls it again.
pub(crate) async fn until_here() {
    poll_fn(|cx| {
        if waiting() == Waiting::Here {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs `job` on a thread of its own.
///
/// # Errors
/// As the system says, where it gives no more threads.
pub(crate) fn spawn_thread(name: &str, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.stack_size(STACK_BYTES).spawn(job).map(drop)
}

/// Room for calls, of which only what is used takes memory.
const STACK_BYTES: usize = 1 << 20;
