//! A retention policy's part of the JSON Schema: its type is the engine's, which knows no schemas.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// Periods of a policy's rules.
const PERIODS: [&str; 6] = [
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "yearly",
];

/// The schema of `[strategy.copy.policy]`.
pub(super) fn policy_schema(_: &mut SchemaGenerator) -> Schema {
    let count = |what: &str| {
        json!({
            "description": format!("Keep {what}; `unlimited` for all"),
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": "unlimited" }],
        })
    };
    let age = |what: &str| {
        json!({
            "description": format!("Keep {what} that are younger: `30d`, `1y6m`"),
            "type": "string",
            "pattern": "^([0-9]+[ymwdh])+$",
        })
    };
    let mut keys = Map::new();
    keys.insert("keep-last".into(), count("the newest points, so many"));
    keys.insert("keep-within".into(), age("all points"));
    for period in PERIODS {
        let newest = format!("the newest point of each {} one has", noun(period));
        keys.insert(format!("keep-{period}"), count(&newest));
        keys.insert(format!("keep-within-{period}"), age(&newest));
    }
    let texts = [
        (
            "timezone",
            "The zone whose days, weeks and months are meant: `Europe/Berlin`",
        ),
        (
            "relative-to",
            "What ages are measured from: `latest`, `now` or an instant",
        ),
    ];
    for (key, what) in texts {
        keys.insert(key.into(), json!({ "description": what, "type": "string" }));
    }
    let tags = json!({
        "description": "Keep points with these tags",
        "type": "array",
        "items": { "type": "string" },
    });
    keys.insert("keep-tag".into(), tags);
    let azure = json!({
        "description": "Azure Backup's own rules: points on chosen days, each with its own age",
        "type": "object",
    });
    keys.insert("azure".into(), azure);
    json_schema!({
        "description": "Which points stay; the keys of a retention policy's own file",
        "type": "object",
        "properties": Value::Object(keys),
        "additionalProperties": false,
    })
}

fn noun(period: &str) -> &'static str {
    match period {
        "hourly" => "hour that",
        "daily" => "day that",
        "weekly" => "week that",
        "monthly" => "month that",
        "quarterly" => "quarter that",
        _ => "year that",
    }
}
