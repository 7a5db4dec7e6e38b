//! How a site stands: as a document, and for people.

use std::collections::VecDeque;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use engine::format::member::{FailedOver, Member, Role};
use engine::replication::replica::{Point, Replica};
use engine::replication::site::Site;
use engine::replication::source::Source;
use engine::seam::{World, open_local};
use engine::units::Timestamp;
use serde_json::{Value, json};

use super::State;
use super::active::{CHURN_EVERY, Interval};
use super::daemon::Options;
use crate::output::{self, bytes, span};

fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    let nanoseconds = (later.nanoseconds() - earlier.nanoseconds()).max(0);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)).as_secs_f64()
}

fn base(folder: &Path, member: &Member) -> Value {
    let role = match member.role {
        Role::Active => "active",
        Role::Replica => "replica",
        Role::Fenced => "fenced",
    };
    let disks = member.disks.iter();
    json!({
        "state": folder.display().to_string(),
        "group": member.group.to_string(),
        "role": role,
        "generation": member.generation,
        "disks": disks.map(|disk| json!({ "name": disk.name, "bytes": disk.size, "path": disk.path })).collect::<Vec<_>>(),
        "failed_over": member.failed_over.as_ref().map(failed_over),
        "handed_over": member.handed_over,
        "fenced_at": member.fenced_at.map(output::instant),
    })
}

/// A failover, as a document.
pub(super) fn failed_over(failed_over: &FailedOver) -> Value {
    json!({
        "captured": exact(failed_over.captured),
        "at": exact(failed_over.at),
        "rpo_seconds": seconds_between(failed_over.captured, failed_over.at),
        "committed": failed_over.committed,
        "planned": failed_over.planned,
        "batch": failed_over.batch,
    })
}

fn exact(at: Timestamp) -> String {
    jiff::Timestamp::new(at.seconds, i32::try_from(at.nanos).unwrap_or(0))
        .map_or_else(|_| "?".to_owned(), |at| at.to_string())
}

/// Of a site that is written.
pub(super) fn active(
    state: &State,
    source: &Source,
    churn: &VecDeque<Interval>,
    above: Option<u64>,
    options: &Options,
) -> Value {
    let (member, progress) = (state.site.member(), source.progress());
    let now = state.world.clock.now();
    let rpo = progress.rpo(now).map(|rpo| rpo.as_secs_f64());
    let unprotected = options.to.is_none();
    let alert = options.ship.alert_rpo.as_secs_f64();
    let first = progress.confirmed == 0;
    let (health, next) = if unprotected && member.failed_over.is_some_and(|over| !over.committed) {
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
    };
    let mut document = base(&state.folder, &member);
    let told = json!({
        "health": health,
        "next": next,
        "to": options.to,
        "served_at": options.serve.0.to_string(),
        "connected": progress.link.connected,
        "connected_since": progress.link.since.map(output::instant),
        "trouble": progress.link.trouble,
        "clock_skew_seconds": progress.link.skew_micros as f64 / 1e6,
        // Without a point over there everything would be lost: no number is large enough to be said.
        "rpo_seconds": rpo.filter(|_| !unprotected),
        "newest_point": progress.captured.map(exact),
        "lag_bytes": progress.journal.0 + progress.journal.1 + progress.lacking_bytes,
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
            "intervals": churn.iter().map(|interval| json!({
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
    let point = |point: Point| json!({ "captured": exact(point.captured), "batch": point.batch, "consistency": point.consistency.name() });
    let mut document = base(&state.folder, &member);
    merge(
        &mut document,
        json!({
            "health": health,
            "next": next,
            "connected": standing.connected,
            "connected_since": standing.since.map(output::instant),
            "clock_skew_seconds": standing.skew_micros.map(|skew| skew as f64 / 1e6),
            "rpo_seconds": rpo,
            "newest_point": standing.newest.map(point),
            "oldest_point": standing.oldest.map(point),
            "points": standing.points,
            "history_bytes": standing.history_bytes,
            "history_bytes_max": options.retention().bytes_max,
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
            it has not, `firedrill failover` there loses nothing. `firedrill replica serve` here follows it"
        }
        Role::Fenced => {
            "the other site has taken over: `firedrill replica serve --discard-unsent` here follows it"
        }
    };
    let mut document = base(folder, &member);
    merge(
        &mut document,
        json!({ "health": "stopped", "next": next, "rpo_seconds": Value::Null }),
    );
    Ok(document)
}

/// For people.
pub(crate) fn describe(document: &Value) -> String {
    let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
    let time = |seconds: &Value| {
        seconds.as_f64().map_or_else(
            || "none".to_owned(),
            |seconds| span(Duration::from_secs_f64(seconds)),
        )
    };
    let size = |value: &Value| bytes(value.as_u64().unwrap_or(0));
    let mut out = format!(
        "{}: {}, generation {}\n",
        text("role"),
        text("health"),
        document["generation"]
    );
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "  {name:<14} {value}").is_ok();
    };
    for disk in document["disks"].as_array().into_iter().flatten() {
        let name = disk["name"].as_str().unwrap_or_default();
        line(
            "disk",
            format!(
                "{name}, {}, {}",
                size(&disk["bytes"]),
                disk["path"].as_str().unwrap_or_default()
            ),
        );
    }
    if document["rpo_seconds"].is_number() {
        line("RPO now", time(&document["rpo_seconds"]));
    }
    if let Some(connected) = document["connected"].as_bool() {
        let since = text("connected_since");
        let how = if connected {
            "connected"
        } else {
            "not connected"
        };
        line(
            "other site",
            format!(
                "{how}{}{since}",
                if since.is_empty() { "" } else { " since " }
            ),
        );
    }
    if !text("trouble").is_empty() {
        line("trouble", text("trouble"));
    }
    match &document["newest_point"] {
        Value::String(captured) => line("newest point", captured.clone()),
        Value::Object(point) => line(
            "newest point",
            point["captured"].as_str().unwrap_or_default().to_owned(),
        ),
        _ => {}
    }
    if document["oldest_point"].is_object() {
        let oldest = document["oldest_point"]["captured"]
            .as_str()
            .unwrap_or_default();
        line(
            "points",
            format!(
                "{}, the oldest of {oldest}, {} of history",
                document["points"],
                size(&document["history_bytes"])
            ),
        );
    }
    if document["lag_bytes"].is_number() {
        line(
            "behind",
            format!(
                "{} ({} of it marked, to be read again)",
                size(&document["lag_bytes"]),
                size(&document["lacking_bytes"])
            ),
        );
    }
    if let Some(over) = document["failed_over"].as_object() {
        let committed = if over["committed"] == json!(true) {
            "committed"
        } else {
            "not committed"
        };
        line(
            "failed over",
            format!(
                "at {}, to the point of {}, {committed}",
                over["at"].as_str().unwrap_or_default(),
                over["captured"].as_str().unwrap_or_default()
            ),
        );
    }
    if !text("next").is_empty() {
        line("next", text("next"));
    }
    out
}
