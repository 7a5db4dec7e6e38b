//! Leases: who is at work in the vault, and what time it is by the store's clock.
//!
//! No work waits for a lease and none is made right by it: it saves what a writer has put so far from
//! being condemned, and nothing else (see `prune/`). One that a crash leaves behind lapses.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::layout::{Kind, path};
use crate::format::lease::{self as format, Purpose};
use crate::ids::ObjectId;
use crate::seal::seal_object;
use crate::units::Timestamp;

use super::{Vault, delete, id_of, list, put_over, time_of, written};

/// Clocks that differ by less are taken to agree: HTTP tells whole seconds, and a request takes time.
const AGREEING_NANOSECONDS: i128 = 5_000_000_000;

/// A lease that is held.
#[derive(Debug)]
pub struct Lease {
    vault: Vault,
    id: ObjectId,
    content: format::Lease,
    /// When it was last renewed, by this machine's clock and by what never goes back.
    renewed: (Timestamp, Duration),
    ahead: i128,
}

impl Lease {
    /// Takes a lease.
    ///
    /// # Errors
    /// Store errors.
    pub async fn take(vault: &Vault, purpose: Purpose, holder: &str) -> Result<Self> {
        let mut lease = Self {
            vault: vault.clone(),
            id: ObjectId::draw(&*vault.world().entropy),
            content: format::Lease {
                purpose,
                holder: holder.to_owned(),
                since: vault.world().clock.now(),
            },
            renewed: clock_of(vault),
            ahead: 0,
        };
        lease.content.since = lease.store_now().await?;
        let ahead = lease.content.since.nanoseconds() - lease.renewed.0.nanoseconds();
        if ahead.abs() > AGREEING_NANOSECONDS {
            lease.ahead = ahead;
        }
        // Again, as what was put had this machine's time in it.
        lease.store_now().await?;
        Ok(lease)
    }

    /// Its name.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// When the work began, by the store's clock.
    pub fn since(&self) -> Timestamp {
        self.content.since
    }

    /// Seconds by which the store's clock is ahead of this machine's; 0 where they agree.
    pub fn store_ahead_seconds(&self) -> i64 {
        (self.ahead / 1_000_000_000) as i64
    }

    /// What time it is by the store's clock, as far as this machine's tells.
    pub fn now(&self) -> Timestamp {
        let now = self.vault.world().clock.now();
        Timestamp::from_nanoseconds(now.nanoseconds() + self.ahead)
    }

    /// Renews the lease, and tells the time by the store's clock.
    ///
    /// # Errors
    /// Store errors.
    pub async fn store_now(&mut self) -> Result<Timestamp> {
        let at = path::lease(self.id);
        let world = self.vault.world();
        let raw = format::write(&self.content);
        let sealed = seal_object(
            self.vault.keys(),
            &*world.entropy,
            Kind::Lease,
            self.id,
            &raw,
        );
        self.renewed = clock_of(&self.vault);
        put_over(world, &at, sealed).await?;
        written(world, &at).await
    }

    /// Renews the lease if half of what it lasts has passed.
    ///
    /// # Errors
    /// Store errors.
    pub async fn keep(&mut self) -> Result<()> {
        let passed = clock_of(&self.vault).1.saturating_sub(self.renewed.1);
        let lasts = lasts(&self.vault, self.content.purpose);
        if lasts > 0 && passed.as_secs() >= lasts / 2 {
            self.store_now().await?;
        }
        Ok(())
    }

    /// Gives the lease back.
    ///
    /// # Errors
    /// Store errors.
    pub async fn release(self) -> Result<()> {
        delete(self.vault.world(), &path::lease(self.id)).await
    }
}

fn clock_of(vault: &Vault) -> (Timestamp, Duration) {
    let clock = &vault.world().clock;
    (clock.now(), clock.elapsed())
}

/// Seconds that a lease lasts after its last renewal: a quarter of the grace. Two prunes at once only
/// do the same work twice, so theirs need not keep the next one waiting after a crash.
pub(super) fn lasts(vault: &Vault, purpose: Purpose) -> u64 {
    let grace = vault.keys().terms().map_or(0, |terms| terms.grace_seconds);
    match purpose {
        Purpose::Write | Purpose::Mark => grace / 4,
        Purpose::Prune => (grace / 4).min(300),
    }
}

/// A lease as others see it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its name.
    pub id: ObjectId,
    /// What it says; `None` when it does not open.
    pub content: Option<format::Lease>,
    /// When it was last renewed, by the store's clock.
    pub renewed: Timestamp,
}

impl Seen {
    /// Whether its holder still counts as at work.
    pub fn is_active(&self, vault: &Vault, now: Timestamp) -> bool {
        let purpose = self.content.as_ref().map(|content| content.purpose);
        purpose.is_some_and(|purpose| now.seconds_since(self.renewed) <= lasts(vault, purpose))
    }
}

/// All leases that there are.
///
/// # Errors
/// Store errors.
pub async fn leases(vault: &Vault) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for object in list(vault.world(), &path::leases()).await? {
        let Ok(id) = id_of(&object.location) else {
            continue;
        };
        let read = vault.get_object(Kind::Lease, id, &object.location).await;
        let content = match read.and_then(|raw| format::read(object.location.as_ref(), &raw)) {
            Ok(content) => Some(content),
            Err(error) if error.is_damage() => None,
            Err(error) => return Err(Error::context(error, "leases")),
        };
        seen.push(Seen {
            id,
            content,
            renewed: time_of(&object),
        });
    }
    Ok(seen)
}
