//! Which point to go back to, where a group's points lie at a replica and in a vault: the newest that was asked for,
//! and of two as new the replica's, which need not be restored.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use engine::drill::Ledgers;
use engine::format::point::Consistency;
use engine::ids::PointId;
use engine::replication::replica::Choice;
use engine::units::Timestamp;
use engine::vault::{Catalog, Point, Vault};
use engine::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::output::{bytes, instant, span};
use crate::site::{Request, call, offline, read_choice};

/// A point of the replica, as its process tells it.
#[derive(Clone, Debug)]
struct OfReplica {
    captured: Timestamp,
    consistency: String,
}

/// A point of the vault.
#[derive(Clone, Debug)]
pub(crate) struct OfVault {
    pub(crate) id: PointId,
    captured: Timestamp,
    consistency: &'static str,
    logical_bytes: u64,
}

/// What was found in both places.
#[derive(Clone, Debug)]
pub(crate) struct Both {
    /// The replica's point; or why it has none.
    replica: Result<OfReplica, String>,
    vault: Option<OfVault>,
    /// About how long restoring the vault's takes, and by how many drills that is known.
    takes: Option<(Duration, usize)>,
}

/// Looks in both places for the point that `asked` means.
pub(crate) async fn look(
    folder: &Path,
    vault: &Vault,
    catalog: &Catalog,
    asked: &str,
) -> Result<Both> {
    let choice = read_choice(asked)?;
    let request = Request::Choose {
        point: asked.to_owned(),
    };
    let (group, replica) = match call(folder, &request).await {
        Ok((told, _)) => (told["group"].clone(), of_replica(&told)),
        Err(why) => (
            offline(folder).await?["group"].clone(),
            Err(why.to_string()),
        ),
    };
    let group = group.as_str().unwrap_or_default();
    let vault_has = newest(choice, catalog.points(), group).map(|point| OfVault {
        id: point.id,
        captured: point.manifest.captured,
        consistency: point.manifest.consistency().name(),
        logical_bytes: point.manifest.statistics.logical_bytes,
    });
    let takes = match &vault_has {
        Some(point) => takes(vault, point.logical_bytes).await?,
        None => None,
    };
    let both = Both {
        replica,
        vault: vault_has,
        takes,
    };
    if both.replica.is_err() && both.vault.is_none() {
        let what = format!("there is no such point in either place. {}", both.words());
        return Err(Error::new(ErrorKind::NotFound, what).into());
    }
    Ok(both)
}

fn of_replica(told: &Value) -> Result<OfReplica, String> {
    let chosen = &told["chosen"];
    let number = |key: &str| chosen[key].as_i64();
    match (number("seconds"), number("nanos")) {
        (Some(seconds), Some(nanos)) => Ok(OfReplica {
            captured: Timestamp {
                seconds,
                nanos: u32::try_from(nanos).unwrap_or(0),
            },
            consistency: chosen["consistency"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }),
        _ => Err(told["why"].as_str().unwrap_or_default().to_owned()),
    }
}

/// The newest of a group's points in a vault that a choice means; `points` are oldest first.
fn newest<'a>(choice: Choice, points: &'a [Point], group: &str) -> Option<&'a Point> {
    let of_group = points.iter().rev().filter(|point| {
        let instant = point.manifest.instant;
        instant.is_some_and(|instant| instant.group.to_string() == group)
    });
    let mut fit = of_group.filter(|point| match choice {
        Choice::Latest => true,
        Choice::LatestApplication => point.manifest.consistency() == Consistency::Application,
        Choice::At(at) => point.manifest.captured <= at,
    });
    fit.next()
}

/// About how long a restore of so many bytes takes, as earlier drills of the vault took for each byte.
async fn takes(vault: &Vault, wanted: u64) -> Result<Option<(Duration, usize)>> {
    let runs = Ledgers::load(vault).await?.runs;
    let runs = runs.iter().filter(|run| run.good && run.bytes > 0);
    let (mut micros, mut read, mut drills) = (0, 0, 0);
    for run in runs {
        micros += u128::from(run.micros);
        read += u128::from(run.bytes);
        drills += 1;
    }
    let takes = (micros * u128::from(wanted)).checked_div(read);
    let takes = takes.map(|micros| u64::try_from(micros).unwrap_or(u64::MAX));
    Ok(takes.map(|micros| (Duration::from_micros(micros), drills)))
}

/// Whether the vault's point is to be taken, of points as new as these.
fn prefers_vault(replica: Option<Timestamp>, vault: Option<Timestamp>) -> bool {
    // Of two as new, the one that need not be restored.
    vault.is_some() && vault > replica
}

impl Both {
    /// The vault's point, where it is the one to be taken.
    pub(crate) fn vault(&self) -> Option<&OfVault> {
        let replica = self.replica.as_ref().ok().map(|point| point.captured);
        let vault = self.vault.as_ref();
        vault.filter(|vault| prefers_vault(replica, Some(vault.captured)))
    }

    /// What is chosen and why, for people.
    pub(crate) fn words(&self) -> String {
        let of_vault = |point: &OfVault| {
            let takes = match self.takes {
                Some((time, drills)) => format!(
                    "takes about {} by {drills} drill(s) of this vault",
                    span(time)
                ),
                None => "takes nobody knows how long: no drill of this vault has told".to_owned(),
            };
            format!(
                "{} of {}: restoring its {} {takes}",
                point.id.short(),
                instant(point.captured),
                bytes(point.logical_bytes)
            )
        };
        match (&self.replica, &self.vault) {
            (Ok(replica), None) => format!(
                "the replica's point of {}: the vault has none of this group as asked for",
                instant(replica.captured)
            ),
            (Ok(replica), Some(vault)) if self.vault().is_some() => format!(
                "the vault's point {}. The replica's newest as asked for is older, of {}",
                of_vault(vault),
                instant(replica.captured)
            ),
            (Ok(replica), Some(vault)) => format!(
                "the replica's point of {}: it is as new as the vault's ({}) or newer, and need not be restored",
                instant(replica.captured),
                instant(vault.captured)
            ),
            (Err(why), Some(vault)) => {
                format!("the vault's point {}. The replica: {why}", of_vault(vault))
            }
            (Err(why), None) => {
                format!("The replica: {why}. The vault has none of this group as asked for")
            }
        }
    }

    /// The same as a document.
    pub(crate) fn document(&self) -> Value {
        json!({
            "from": if self.vault().is_some() { "vault" } else { "replica" },
            "why": self.words(),
            "replica": self.replica.as_ref().ok().map(|point| json!({
                "captured": instant(point.captured),
                "consistency": point.consistency,
            })),
            "vault": self.vault.as_ref().map(|point| json!({
                "point": point.id.to_string(),
                "captured": instant(point.captured),
                "consistency": point.consistency,
                "bytes": point.logical_bytes,
                "restore_seconds": self.takes.map(|(time, _)| time.as_secs_f64()),
            })),
        })
    }
}

#[cfg(test)]
mod tests {
    use engine::units::Timestamp;

    use super::prefers_vault;

    #[test]
    fn the_newer_is_taken_and_of_two_as_new_the_replicas() {
        let at = |nanos| Some(Timestamp { seconds: 9, nanos });
        for (replica, vault, expected) in [
            (at(1), None, false),
            (None, None, false),
            (None, at(1), true),
            (at(1), at(1), false),
            (at(2), at(1), false),
            (at(1), at(2), true),
        ] {
            assert_eq!(
                prefers_vault(replica, vault),
                expected,
                "{replica:?} {vault:?}"
            );
        }
    }
}
