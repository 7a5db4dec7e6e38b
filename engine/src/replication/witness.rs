//! A third place, in any store that both sites reach, which lets a site be lost without two being written: a site is
//! written only for so long after it was last known that no other has taken over, which the other site tells while
//! it follows and the witness tells otherwise; and one that takes over says so there first, and waits until that time
//! is over.
//!
//! All that lies there is one object for each generation that was claimed, made once and never changed. An active site
//! claims its own: where that is not found, what is asked is not the witness but, say, the folder that it was mounted
//! on, and nobody takes over by it.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt, select_biased};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::format::member::Member;
use crate::ids::ObjectId;
use crate::seam::World;

use super::protection;
use super::site::Site;
use super::source::{Outcome, Source};

/// A site is written for so long after it was asked whether another had taken over, and none had.
pub const LEASE: Duration = Duration::from_secs(10);
/// Whoever takes over waits for so long: a clock that runs slower by a tenth changes nothing.
pub const WAIT: Duration = Duration::from_secs(11);
/// The witness is asked once the other site has said nothing for so long.
const ASK_AFTER: Duration = Duration::from_secs(3);
/// It is asked this often at most, and given up on after so long.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Longest time that a claim may take.
const CLAIM_MAX: Duration = Duration::from_secs(30);
const FOLDER: &str = "firedrill-witness";
const PREFIX: &str = "generation-";

/// The witness of a group.
#[derive(Clone, Debug)]
pub struct Witness {
    world: World,
    group: ObjectId,
    me: String,
}

impl Witness {
    /// The witness of a group in `world`'s store, as asked by the site that is called `me`: no other may be.
    pub fn new(world: World, group: ObjectId, me: String) -> Self {
        Self { world, group, me }
    }

    fn folder(&self) -> Path {
        Path::from_iter([FOLDER.to_owned(), self.group.to_string()])
    }

    /// The newest generation that a site has claimed; 0 before the first.
    ///
    /// # Errors
    /// What the store gives.
    pub async fn newest(&self) -> Result<u64> {
        let folder = self.folder();
        let mut listed = self.world.store.list(Some(&folder));
        let mut newest = 0;
        while let Some(object) = listed.next().await {
            let object = object.map_err(|error| Error::from_store(&folder, error))?;
            let name = object.location.filename().unwrap_or_default();
            let number = name.strip_prefix(PREFIX).and_then(|text| text.parse().ok());
            newest = number.map_or(newest, |number: u64| newest.max(number));
        }
        Ok(newest)
    }

    /// Claims a generation for this site, where `known` or a newer one was claimed already; it is no error to have
    /// claimed it before.
    ///
    /// # Errors
    /// `Conflict` where the other site has claimed it or a newer one, `Unavailable` where `known` is not; what the
    /// store gives.
    pub async fn claim(&self, generation: u64, known: u64) -> Result<()> {
        let late = self.world.clock.sleep(CLAIM_MAX);
        select_biased! {
            claimed = self.claim_at_once(generation, known).fuse() => claimed,
            () = late.fuse() => Err(silent()),
        }
        .map_err(|error| error.context("this site could not be made known to the witness"))
    }

    async fn claim_at_once(&self, generation: u64, known: u64) -> Result<()> {
        let newest = self.newest().await?;
        if newest < known {
            return Err(strange());
        }
        if newest <= generation {
            let at = self.folder().join(format!("{PREFIX}{generation:020}"));
            let mine = self.me.clone().into_bytes();
            match crate::vault::put_new(&self.world, &at, mine).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    let claimed = crate::vault::get(&self.world, &at).await?;
                    if *claimed == *self.me.as_bytes() {
                        return Ok(());
                    }
                }
                made => return made,
            }
        }
        let what = format!(
            "the other site has taken over in generation {} meanwhile: it is the one that is written",
            newest.max(generation)
        );
        Err(Error::new(ErrorKind::Conflict, what))
    }

    /// Lets a source acknowledge writes for as long as no other site has taken over, and ends when one has. A site
    /// that has just taken over first waits until the other is no longer written.
    ///
    /// # Errors
    /// What the store of the site's own record gives.
    pub async fn watch(&self, source: &Arc<Source>, site: &Site) -> Result<Outcome> {
        let clock = &self.world.clock;
        if site.member().waits {
            clock.sleep(WAIT).await;
            let waited = |member: &mut Member| {
                protection::waited(member);
                Ok(())
            };
            site.change(waited).await?;
        }
        let generation = source.generation();
        while site.member().claimed != generation {
            match self.claim(generation, 0).await {
                Ok(()) => {
                    let claimed = |member: &mut Member| {
                        protection::claimed(member, generation);
                        Ok(())
                    };
                    site.change(claimed).await?;
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    return self.taken(source, self.newest().await.unwrap_or(0)).await;
                }
                Err(error) => {
                    source.witness_failed(&error);
                    clock.sleep(ASK_EVERY).await;
                }
            }
        }
        loop {
            let asked = clock.elapsed();
            let lately = source.leased_until().saturating_add(ASK_AFTER) > asked + LEASE;
            if !lately {
                match self.ask().await {
                    Ok(newest) if newest > generation => return self.taken(source, newest).await,
                    Ok(newest) if newest < generation => source.witness_failed(&strange()),
                    Ok(_) => source.lease(asked),
                    Err(error) => source.witness_failed(&error),
                }
            }
            source.hold_unleased();
            clock.sleep(ASK_EVERY).await;
        }
    }

    async fn taken(&self, source: &Source, generation: u64) -> Result<Outcome> {
        source.close(TAKEN).await;
        Ok(Outcome::Fenced(generation, None))
    }

    async fn ask(&self) -> Result<u64> {
        let late = self.world.clock.sleep(ASK_EVERY * 2);
        select_biased! {
            newest = self.newest().fuse() => newest,
            () = late.fuse() => Err(silent()),
        }
    }
}

const TAKEN: &str =
    "the other site has taken over, as the witness tells: nothing is written here any more";

fn strange() -> Error {
    let what = "the witness does not know this group: it is not the one that the active site was started with, or what \
                lay there is gone";
    Error::new(ErrorKind::Unavailable, what)
}

fn silent() -> Error {
    Error::new(ErrorKind::Unavailable, "the witness does not answer")
}
