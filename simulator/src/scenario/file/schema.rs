//! The JSON Schema of a scenario's file, from the types that read it, so that editors complete and check it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::written::File;
use crate::quantity::{Bytes, Often, Part, Rate, Speed, Thousandths, Time};

/// The schema, as JSON.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<File>();
    schema.insert("title".to_owned(), "firedrill scenario".into());
    schema.to_value()
}

/// Quantities are texts that end in a unit.
macro_rules! quantity {
    ($($name:ident: $types:tt, $pattern:literal, $example:literal;)*) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $types, "pattern": $pattern, "examples": [$example] })
            }
        }
    )*};
}

quantity! {
    Time: "string", "^([0-9.]+ *(us|ms|s|m|min|h|d|w|y|(second|minute|hour|day|week|year)s?) *)+$", "4h";
    Bytes: ["string", "integer"], "^[0-9.]+ *([kKmMgGtTpP]i?[bB]?|[bB])?$", "200GB";
    Speed: "string", "^[0-9.]+ *([kKmMgGtT]bit|[kKmMgG]i?B|B)/s$", "100Mbit/s";
    Part: ["string", "number"], "^[0-9.]+ *%?$", "20%";
    Rate: "string", "^[0-9.]+ *%? */ *(hour|day|week|month|year)$", "2%/day";
    Often: "string", "^(once (a|in|every) .+|[0-9.]+ */ *.+)$", "once in 5 years";
    Thousandths: ["string", "number"], "^[0-9.]+$", 1.05;
}
