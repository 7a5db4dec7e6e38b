//! How a site stands: as a document, and for people.

mod people;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use engine::format::member::{FailedOver, Member, Role};
use engine::replication::gate::Shut;
use engine::replication::replica::{Point, Replica};
use engine::replication::site::Site;
use engine::replication::source::{Progress, Source};
use engine::seam::{World, open_local};
use serde_json::{Value, json};

use super::State;
use super::active::{CHURN_EVERY, Churned};
use super::daemon::Options;
use crate::output;

pub(crate) use people::describe;

fn micros(micros: i64) -> f64 {
    let span = Duration::from_micros(micros.unsigned_abs()).as_secs_f64();
    if micros < 0 { -span } else { span }
}

fn base(folder: &Path, member: &Member) -> Value {
    let role = match member.role {
        Role::Active => "active",
        Role::Replica => "replica",
        Role::Fenced => "fenced",
    };
    let disks = member.disks.iter();
    let restoring = super::restored::left(folder);
    json!({
        "state": folder.display().to_string(),
        "group": member.group.to_string(),
        "role": role,
        "generation": member.generation,
        "disks": disks.map(|disk| json!({ "name": disk.name, "bytes": disk.size, "path": disk.path })).collect::<Vec<_>>(),
        "failed_over": member.failed_over.as_ref().map(failed_over),
        "handed_over": member.handed_over,
        "fenced_at": member.fenced_at.map(output::instant),
        "restoring": restoring,
    })
}

/// A failover, as a document.
pub(super) fn failed_over(failed_over: &FailedOver) -> Value {
    json!({
        "captured": output::exact(failed_over.captured),
        "at": output::exact(failed_over.at),
        "rpo_seconds": failed_over.rpo().as_secs_f64(),
        "committed": failed_over.committed,
        "planned": failed_over.planned,
        "batch": failed_over.batch,
    })
}

/// How healthy an active site is, and what to do next.
fn active_health(
    member: &Member,
    progress: &Progress,
    rpo: Option<f64>,
    options: &Options,
    shut: Option<&Shut>,
) -> (&'static str, &'static str) {
    if member.waits {
        return (
            "waiting",
            "writes wait until the other site surely is not written any more: 11 s after this one took over",
        );
    }
    if shut == Some(&Shut::Unleased) {
        return (
            "critical",
            "WRITES WAIT: neither the other site nor the witness is reached, so that the other may have taken over. \
             They go on by themselves once one of the two answers; if it surely has not, start this again without \
             --witness",
        );
    }
    let unprotected = options.to.is_none();
    let (alert, first) = (
        options.ship.alert_rpo.as_secs_f64(),
        progress.confirmed == 0,
    );
    if unprotected && member.failed_over.is_some_and(|over| !over.committed) {
        (
            "unprotected",
            "test what runs here; then `firedrill commit`, or `firedrill failover` to another point",
        )
    } else if unprotected {
        (
            "unprotected",
            "`firedrill reprotect STATE --to HOST:PORT` protects it to the other site",
        )
    } else if progress.link.full {
        ("critical", "the other site has no room: free some there")
    } else if !progress.link.connected {
        (
            "critical",
            "the other site is not reached: see `trouble`; writes go on here",
        )
    } else if first {
        (
            "synchronising",
            "the first synchronisation is under way: there is no recovery point yet",
        )
    } else if rpo.is_none_or(|rpo| rpo > alert) {
        (
            "warning",
            "the other site is further behind than --alert-rpo: see `firedrill plan bandwidth`",
        )
    } else if progress.lacking_bytes > 0 {
        (
            "resynchronising",
            "the other site stays at its last point until what was marked is there",
        )
    } else {
        ("ok", "")
    }
}

/// Of a site that is written.
pub(super) fn active(
    state: &State,
    source: &Source,
    churn: &Churned,
    above: Option<u64>,
    options: &Options,
) -> Value {
    let (member, progress) = (state.site.member(), source.progress());
    let now = state.world.clock.now();
    let rpo = progress.rpo(now).map(|rpo| rpo.as_secs_f64());
    let rpo = rpo.filter(|_| options.to.is_some());
    let shut = source.gate().is_shut();
    let (health, next) = active_health(&member, &progress, rpo, options, shut.as_ref());
    let mut document = base(&state.folder, &member);
    let told = json!({
        "health": health,
        "next": next,
        "to": options.to,
        "served_at": options.serve.0.to_string(),
        "connected": progress.link.connected,
        "connected_since": progress.link.since.map(output::instant),
        "trouble": progress.link.trouble,
        "witness": options.witness,
        "witness_trouble": progress.link.witness_trouble,
        "writes_wait": shut.is_some() || member.waits,
        "clock_skew_seconds": micros(progress.link.skew_micros),
        // Without a point over there everything would be lost: no number is large enough to be said.
        "rpo_seconds": rpo,
        "newest_point": progress.captured.map(output::exact),
        "lag_bytes": progress.unsealed_bytes + progress.journal.0 + progress.journal.1 + progress.lacking_bytes,
        "journal": { "memory_bytes": progress.journal.0, "stored_bytes": progress.journal.1,
            "bytes_max": options.ship.journal },
        "lacking_bytes": progress.lacking_bytes,
        "compared_after_crash_bytes": progress.intended_bytes,
        "sent_bytes": progress.totals.sent_bytes,
        "sealed_bytes": progress.totals.sealed_bytes,
        "batches": progress.totals.batches,
        "overflows": progress.totals.overflows,
        "compared_pieces": progress.totals.compared,
        "resent_pieces": progress.totals.resent,
        "above_disk_bytes": above,
        "churn": {
            "interval_seconds": CHURN_EVERY.as_secs(),
            "intervals": churn.intervals.iter().map(|interval| json!({
                "start": output::instant(interval.start),
                "disk": interval.disk,
                "writes": interval.writes,
                "written_bytes": interval.written_bytes,
                "unique_bytes": interval.unique_bytes,
                "shipped_bytes": interval.shipped_bytes,
            })).collect::<Vec<_>>(),
        },
    });
    merge(&mut document, told);
    document
}

fn merge(document: &mut Value, more: Value) {
    if let (Value::Object(document), Value::Object(more)) = (document, more) {
        document.extend(more);
    }
}

/// Of a site that follows.
pub(super) async fn replica(state: &State, replica: &Replica, options: &Options) -> Value {
    let (member, standing) = (state.site.member(), replica.standing().await);
    let now = state.world.clock.now();
    let rpo = standing.rpo(now).map(|rpo| rpo.as_secs_f64());
    let alert = options.ship.alert_rpo.as_secs_f64();
    let (health, next) = match (&standing, rpo) {
        (standing, _) if standing.full => (
            "critical",
            "there is no room for what comes: free some, or lower --history",
        ),
        (standing, _) if standing.newest.is_none() => (
            "synchronising",
            "there is no recovery point yet: the first synchronisation is not done",
        ),
        (standing, _) if !standing.connected => (
            "critical",
            "the other site is not connected; if it is lost: `firedrill failover STATE`",
        ),
        (_, rpo) if rpo.is_none_or(|rpo| rpo > alert) => {
            ("warning", "the newest point is older than --alert-rpo")
        }
        _ => ("ok", ""),
    };
    let point = |point: Point| json!({ "captured": output::exact(point.captured), "batch": point.batch, "consistency": point.consistency.name() });
    let mut document = base(&state.folder, &member);
    merge(
        &mut document,
        json!({
            "health": health,
            "next": next,
            "connected": standing.connected,
            "connected_since": standing.since.map(output::instant),
            "clock_skew_seconds": standing.skew_micros.map(micros),
            "rpo_seconds": rpo,
            "newest_point": standing.newest.map(point),
            "oldest_point": standing.oldest.map(point),
            "points": standing.points,
            "history_bytes": standing.history_bytes,
            "history_bytes_max": options.retention().bytes_max,
            "history_damage": standing.damaged,
            "history_shortened_at": standing.shortened_at.map(output::instant),
            "staged_parts": standing.staged,
            "received_bytes": standing.received_bytes,
        }),
    );
    document
}

/// Of a site that no process plays.
pub(crate) async fn offline(folder: &Path) -> Result<Value> {
    if !super::is_site(folder) {
        let what = format!("{} is no site's folder", folder.display());
        return Err(engine::Error::new(engine::ErrorKind::NotFound, what).into());
    }
    let site = Site::load(World::real(open_local(folder)?)).await?;
    let Some(site) = site else {
        return Ok(
            json!({ "state": folder.display().to_string(), "role": "new", "health": "stopped",
            "next": "`firedrill replica serve` begins" }),
        );
    };
    let member = site.member();
    let next = match member.role {
        Role::Active => {
            "no process serves this site's disks: start `firedrill protect` (or `firedrill replica serve`, \
            where it has failed over) again"
        }
        Role::Replica => "no process follows the other site: start `firedrill replica serve`",
        Role::Fenced if member.handed_over => {
            "the other site was told to take over with everything: see its status; if \
            it has not, `firedrill failover` there loses nothing. `firedrill replica serve` here follows it; were the \
            other one gone for good, --take-back makes this one active again"
        }
        Role::Fenced => {
            "the other site has taken over: `firedrill replica serve --discard-unsent` here follows it; were that one \
            gone for good, --take-back makes this one active again"
        }
    };
    let mut document = base(folder, &member);
    merge(
        &mut document,
        json!({ "health": "stopped", "next": next, "rpo_seconds": Value::Null }),
    );
    Ok(document)
}
