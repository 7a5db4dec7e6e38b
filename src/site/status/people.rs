//! How a site stands, for people.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::output::{bytes, span};

fn text<'a>(document: &'a Value, key: &str) -> &'a str {
    document[key].as_str().unwrap_or_default()
}

fn size(value: &Value) -> String {
    bytes(value.as_u64().unwrap_or(0))
}

/// A status document in lines.
pub(crate) fn describe(document: &Value) -> String {
    let (role, health) = (text(document, "role"), text(document, "health"));
    let mut out = format!("{role}: {health}, generation {}\n", document["generation"]);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<14} {value}").is_ok();
    };
    for disk in document["disks"].as_array().into_iter().flatten() {
        line(
            "disk",
            &format!(
                "{}, {}, {}",
                text(disk, "name"),
                size(&disk["bytes"]),
                text(disk, "path")
            ),
        );
    }
    if let Some(rpo) = document["rpo_seconds"].as_f64() {
        line("RPO now", &span(Duration::from_secs_f64(rpo)));
    }
    if let Some(connected) = document["connected"].as_bool() {
        line("other site", &other_site(document, connected));
    }
    if !text(document, "trouble").is_empty() {
        line("trouble", text(document, "trouble"));
    }
    match &document["newest_point"] {
        Value::String(captured) => line("newest point", captured),
        point @ Value::Object(_) => line("newest point", text(point, "captured")),
        _ => {}
    }
    if document["oldest_point"].is_object() {
        let (count, oldest) = (
            &document["points"],
            text(&document["oldest_point"], "captured"),
        );
        let history = size(&document["history_bytes"]);
        line(
            "points",
            &format!("{count}, the oldest of {oldest}, {history} of history"),
        );
    }
    for (name, key) in [("damage", "history_damage"), ("witness", "witness_trouble")] {
        if !text(document, key).is_empty() {
            line(name, text(document, key));
        }
    }
    if document["lag_bytes"].is_number() {
        let (lag, marked) = (
            size(&document["lag_bytes"]),
            size(&document["lacking_bytes"]),
        );
        line(
            "behind",
            &format!("{lag} ({marked} of it marked, to be read again)"),
        );
    }
    if let Some(point) = document["restoring"].as_str() {
        line("restoring", &restoring(point));
    }
    if let Some(over) = document["failed_over"].as_object() {
        line("failed over", &failed_over(over));
    }
    if !text(document, "next").is_empty() {
        line("next", text(document, "next"));
    }
    out
}

fn restoring(point: &str) -> String {
    format!(
        "the vault's point {point}: a failover to it is under way, or was interrupted; nothing has changed, and the same \
         command begins it again"
    )
}

fn other_site(document: &Value, connected: bool) -> String {
    let how = if connected {
        "connected"
    } else {
        "not connected"
    };
    match text(document, "connected_since") {
        "" => how.to_owned(),
        since => format!("{how} since {since}"),
    }
}

fn failed_over(over: &Map<String, Value>) -> String {
    let text = |key: &str| over.get(key).and_then(Value::as_str).unwrap_or_default();
    let is_committed = over.get("committed") == Some(&json!(true));
    let committed = if is_committed {
        "committed"
    } else {
        "not committed"
    };
    format!(
        "at {}, to the point of {}, {committed}",
        text("at"),
        text("captured")
    )
}
