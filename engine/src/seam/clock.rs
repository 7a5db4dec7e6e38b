//! What time it is, and waiting.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use crate::units::Timestamp;

/// A source of the present instant, and of waiting.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
    /// Time since some fixed instant. It never goes back, whatever is done to the wall clock.
    fn elapsed(&self) -> Duration;
    /// Ends after `wait`.
    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()>;
}

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct WallClock;

/// The instant that `elapsed` counts from: when it was first asked for.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "the seam's one real clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: since.subsec_nanos(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the seam's one real clock")]
    fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*ORIGIN.get_or_init(Instant::now))
    }

    #[expect(clippy::disallowed_methods, reason = "the seam's one real clock")]
    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(wait))
    }
}
