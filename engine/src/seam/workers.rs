//! Who computes, and who carries requests to the store while the caller does something else.

use std::future::Future;
use std::pin::Pin;

use crate::error::{Error, Result};

/// A task that runs beside its maker.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs computations on every core, and tasks beside the caller.
pub trait Workers: Send + Sync {
    /// How many computations run at once.
    fn cores(&self) -> usize;
    /// Runs a computation (which may block on a source file) on some core.
    fn compute(&self, job: Box<dyn FnOnce() + Send>);
    /// Runs a task beside the caller.
    fn spawn(&self, task: Task);
}

/// Runs `job` on the workers and waits for what it gives.
///
/// # Errors
/// `Internal` when the job panicked.
pub fn compute<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
    workers: &dyn Workers,
    job: F,
) -> impl Future<Output = Result<T>> + Send + use<T, F> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    workers.compute(Box::new(move || {
        // A caller that went away no longer wants the result.
        let _ = sender.send(job()).is_ok();
    }));
    async {
        receiver
            .await
            .map_err(|_| Error::internal("a computation panicked; please report it"))
    }
}

/// A pool of threads for computing, and the surrounding tokio runtime for tasks.
#[derive(Debug)]
pub struct Threads {
    pool: rayon::ThreadPool,
}

impl Threads {
    /// A pool with one thread per core.
    ///
    /// # Panics
    /// Where the system gives no threads.
    pub fn per_core() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::new(cores)
    }

    /// A pool of `threads`.
    ///
    /// # Panics
    /// Where the system gives no threads.
    pub fn new(threads: usize) -> Self {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("worker-{index}"))
            // Its caller hears of a job that panicked by the result that never comes.
            .panic_handler(|_| {})
            .build()
            .expect("the system gives threads");
        Self { pool }
    }
}

impl Workers for Threads {
    fn cores(&self) -> usize {
        self.pool.current_num_threads()
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) {
        self.pool.spawn_fifo(job);
    }

    #[expect(clippy::disallowed_methods, reason = "the seam's one real spawner")]
    fn spawn(&self, task: Task) {
        drop(tokio::spawn(task));
    }
}

#[cfg(test)]
mod tests {
    use super::{Threads, compute};
    use crate::ErrorKind;

    #[test]
    fn a_job_that_panics_is_an_error_and_not_the_end() {
        let threads = Threads::new(1);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        let lost = runtime.block_on(compute(&threads, || panic!("on purpose")));
        let lost: crate::Result<()> = lost;
        assert_eq!(lost.expect_err("no result").kind(), ErrorKind::Internal);
        let next = runtime.block_on(compute(&threads, || 7));
        assert_eq!(next.expect("the pool goes on"), 7);
    }
}
