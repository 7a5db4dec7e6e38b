//! What a site is to its group, kept so that a crash at any instant leaves one answer.

use std::sync::{Mutex, PoisonError};

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::error::{Error, Result};
use crate::format::member::Member;
use crate::seam::World;

const OBJECT: &str = "member";

/// A site's own record.
#[derive(Debug)]
pub struct Site {
    world: World,
    member: Mutex<Member>,
    changing: tokio::sync::Mutex<()>,
}

impl Site {
    /// Reads the record; `None` where there is none.
    ///
    /// # Errors
    /// `Corrupt` for one that is damaged; what the store gives.
    pub async fn load(world: World) -> Result<Option<Self>> {
        let at = Path::from(OBJECT);
        match crate::vault::get(&world, &at).await {
            Ok(bytes) => Ok(Some(Self::with(world, Member::read(OBJECT, &bytes)?))),
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A new record.
    ///
    /// # Errors
    /// `Conflict` where there is one; what the store gives.
    pub async fn create(world: World, member: Member) -> Result<Self> {
        crate::vault::put_new(&world, &Path::from(OBJECT), member.write()).await?;
        Ok(Self::with(world, member))
    }

    fn with(world: World, member: Member) -> Self {
        Self {
            world,
            member: Mutex::new(member),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Its world: the store holds the record, and what is kept beside it.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The record as it is kept.
    pub fn member(&self) -> Member {
        self.member
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the record. It counts once this has ended: before, it is as it was.
    ///
    /// # Errors
    /// What `change` gives, and then nothing changes; what the store gives.
    pub async fn change(&self, change: impl FnOnce(&mut Member) -> Result<()>) -> Result<Member> {
        let _one_at_a_time = self.changing.lock().await;
        let mut member = self.member();
        change(&mut member)?;
        let at = Path::from(OBJECT);
        let payload = PutPayload::from(member.write());
        let put = self
            .world
            .store
            .put_opts(&at, payload, PutMode::Overwrite.into());
        put.await.map_err(|error| Error::from_store(&at, error))?;
        *self.member.lock().unwrap_or_else(PoisonError::into_inner) = member.clone();
        Ok(member)
    }

    /// Removes the record: the group is no longer protected.
    ///
    /// # Errors
    /// What the store gives.
    pub async fn remove(self) -> Result<()> {
        let at = Path::from(OBJECT);
        let removed = self.world.store.delete(&at).await;
        removed.map_err(|error| Error::from_store(&at, error))
    }
}
