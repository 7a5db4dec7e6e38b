//! Deleting points so that it can be taken back, and taking it back.
//!
//! A deletion is a mark beside the point; nothing of the point goes before its time is over, whoever
//! made the mark. How long that is was settled when the vault was made.

use std::ops::RangeInclusive;

use crate::error::{Error, ErrorKind, Result};
use crate::format::deletion::{self, Deletion};
use crate::format::keyslot::Terms;
use crate::format::layout::{Kind, path};
use crate::format::lease::Purpose;
use crate::ids::PointId;
use crate::units::Timestamp;
use crate::vault::{Catalog, Lease, Vault, delete, written};

/// Who deletes, and why.
#[derive(Clone, Debug)]
pub struct Request {
    /// Host and process, for people.
    pub by: String,
    /// Why, for people.
    pub reason: String,
    /// Seconds for which the points can be brought back; the vault's own if that is longer.
    pub soft_delete_seconds: Option<u64>,
}

/// Marks points as deleted: they are hidden, and can be brought back until the instant that is given.
/// Those that are marked already keep their time.
///
/// # Errors
/// `NotFound` for a point that is not there, and then nothing is marked; `Invalid` for a time that is
/// not allowed; `Unsupported` in a vault of version 1; store errors.
pub async fn forget(vault: &Vault, points: &[PointId], request: &Request) -> Result<Timestamp> {
    let terms = vault.terms()?;
    let kept = kept_seconds(terms, request.soft_delete_seconds)?;
    let catalog = Catalog::load(vault).await?;
    for point in points {
        if catalog.get(*point).is_none() && !catalog.unread().contains(point) {
            let what = format!("no recovery point '{point}': `firedrill points` lists them");
            return Err(Error::new(ErrorKind::NotFound, what));
        }
    }
    let mut lease = Lease::take(vault, Purpose::Mark, &request.by).await?;
    let now = lease.store_now().await?;
    let mark = Deletion {
        at: now,
        soft_delete_seconds: kept,
        by: request.by.clone(),
        reason: request.reason.clone(),
    };
    let raw = deletion::write(&mark);
    let mut marked = Ok(());
    for point in points {
        let at = path::deletion(*point);
        match vault.put_object(Kind::Deletion, *point, &at, &raw).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Conflict => {
                marked = marked.and(mark_anew(vault, *point, &raw).await);
            }
            Err(error) => marked = Err(error),
        }
        lease.keep().await?;
    }
    let _ = lease.release().await.is_ok();
    marked.map(|()| now.plus_seconds(kept))
}

/// Where a mark is already it stays, unless it does not open and so hides nothing.
async fn mark_anew(vault: &Vault, point: PointId, raw: &[u8]) -> Result<()> {
    let at = path::deletion(point);
    match vault.get_object(Kind::Deletion, point, &at).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_damage() => {
            delete(vault.world(), &at).await?;
            vault.put_object(Kind::Deletion, point, &at, raw).await?;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn kept_seconds(terms: Terms, asked: Option<u64>) -> Result<u64> {
    let allowed: RangeInclusive<u64> = Terms::SOFT_DELETE;
    match asked {
        None => Ok(terms.soft_delete_seconds),
        Some(asked) if allowed.contains(&asked) => Ok(asked.max(terms.soft_delete_seconds)),
        Some(_) => Err(Error::new(
            ErrorKind::Invalid,
            "what is deleted is kept for 14 to 180 days: choose a time between",
        )),
    }
}

/// Brings deleted points back.
///
/// # Errors
/// `NotFound` for a point that is not there or was not deleted, `Conflict` for one whose time is over;
/// then nothing is changed. Store errors.
pub async fn undelete(vault: &Vault, points: &[PointId], by: &str) -> Result<()> {
    let terms = vault.terms()?;
    let mut lease = Lease::take(vault, Purpose::Mark, by).await?;
    let brought = bring_back(vault, points, terms, &mut lease).await;
    let _ = lease.release().await.is_ok();
    brought
}

async fn bring_back(
    vault: &Vault,
    points: &[PointId],
    terms: Terms,
    lease: &mut Lease,
) -> Result<()> {
    let catalog = Catalog::load(vault).await?;
    let now = lease.store_now().await?;
    let mut until = Vec::new();
    for point in points {
        let deleted = catalog.deleted().iter();
        let deleted = deleted
            .into_iter()
            .find(|deleted| deleted.point.id == *point);
        let deleted = deleted.ok_or_else(|| {
            let what = format!(
                "recovery point '{point}' is not among the deleted: `firedrill points --deleted` \
                 lists them"
            );
            Error::new(ErrorKind::NotFound, what)
        })?;
        if deleted.until(terms) <= now {
            return Err(too_late(*point));
        }
        until.push((*point, deleted.until(terms)));
    }
    for (point, until) in until {
        delete(vault.world(), &path::deletion(point)).await?;
        // A prune may have seen the mark when its time was over, if this was held up on the way.
        let now = lease.store_now().await?;
        let there = written(vault.world(), &path::point(point)).await;
        if there.is_err() || now >= until.plus_seconds(terms.grace_seconds) {
            return Err(too_late(point));
        }
    }
    Ok(())
}

fn too_late(point: PointId) -> Error {
    let what = format!(
        "the time to bring recovery point '{point}' back is over: a prune may have removed it; \
         `firedrill check` tells what is there"
    );
    Error::new(ErrorKind::Conflict, what)
}
