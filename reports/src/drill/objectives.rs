//! What a drill is held against: an RTO and an RPO for all instances, or for one by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ReportError;

/// How long until data is back, and how much of it may be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// The longest that a restore may take.
    pub rto_seconds: Option<u64>,
    /// The oldest that the newest good point may be.
    pub rpo_seconds: Option<u64>,
}

/// Objectives of all instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objectives {
    /// For every instance that has none of its own.
    pub all: Objective,
    /// By instance.
    pub instances: BTreeMap<String, Objective>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rto: Option<String>,
    rpo: Option<String>,
    #[serde(default)]
    instance: BTreeMap<String, WrittenInstance>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenInstance {
    rto: Option<String>,
    rpo: Option<String>,
}

impl Objectives {
    /// Reads a file such as
    ///
    /// ```toml
    /// rto = "4h"
    /// rpo = "1d"
    /// [instance."db1:/var/lib/postgresql"]
    /// rto = "30min"
    /// rpo = "1h"
    /// ```
    ///
    /// # Errors
    /// [`ReportError::Objectives`] with what is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, ReportError> {
        let wrong = |message: String| ReportError::Objectives {
            file: file.to_owned(),
            message,
        };
        let written: Written = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let objective = |rto: Option<String>, rpo: Option<String>| {
            let span = |text: Option<String>| text.map(|text| parse_span(&text)).transpose();
            Ok::<_, String>(Objective {
                rto_seconds: span(rto)?,
                rpo_seconds: span(rpo)?,
            })
        };
        let mut instances = BTreeMap::new();
        for (name, one) in written.instance {
            let read = objective(one.rto, one.rpo);
            let read = read.map_err(|error| wrong(format!("instance \"{name}\": {error}")))?;
            instances.insert(name, read);
        }
        Ok(Self {
            all: objective(written.rto, written.rpo).map_err(wrong)?,
            instances,
        })
    }

    /// The objective of an instance: its own, and where that says nothing, that of all.
    pub fn of(&self, instance: &str) -> Objective {
        let own = self.instances.get(instance).copied().unwrap_or_default();
        Objective {
            rto_seconds: own.rto_seconds.or(self.all.rto_seconds),
            rpo_seconds: own.rpo_seconds.or(self.all.rpo_seconds),
        }
    }
}

/// Reads a time span in whole seconds: `45s`, `90min`, `4h`, `1h30m`, `2d`, `1w`.
///
/// # Errors
/// In words.
pub fn parse_span(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no time span: write 45s, 90min, 4h, 1h30m or 2d");
    let mut rest = text.trim();
    let mut seconds = 0_u64;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = rest.split_at(digits);
        let end = unit
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let factor = match unit.trim() {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let more = number.checked_mul(factor).ok_or_else(wrong)?;
        seconds = seconds.checked_add(more).ok_or_else(wrong)?;
        rest = after.trim_start();
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::{Objective, Objectives, parse_span};

    #[test]
    fn spans_are_read() {
        let cases = [
            ("45s", 45),
            ("90min", 5400),
            ("4h", 14_400),
            ("1h30m", 5400),
            ("1h 30 min", 5400),
            ("2d", 172_800),
            ("1w", 604_800),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_span(text), Ok(seconds), "{text}");
        }
        for text in [
            "",
            "4",
            "h",
            "4 hours",
            "1h-3m",
            "99999999999999999999s",
            "-1h",
        ] {
            let error = parse_span(text).expect_err(text);
            assert!(error.contains("write 45s"), "{error}");
        }
    }

    #[test]
    fn an_instance_has_its_own_or_those_of_all() {
        let text = "rto = \"4h\"\nrpo = \"1d\"\n[instance.\"db1:/data\"]\nrpo = \"1h\"\n";
        let read = Objectives::parse("objectives.toml", text).expect("it reads");
        let objective = |rto, rpo| Objective {
            rto_seconds: Some(rto),
            rpo_seconds: Some(rpo),
        };
        assert_eq!(read.of("db1:/data"), objective(14_400, 3600));
        assert_eq!(read.of("other"), objective(14_400, 86_400));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("rto = \"soon\"", "'soon'"),
            ("rti = \"4h\"", "rti"),
            ("[instance.a]\nrpo = \"x\"", "instance \"a\""),
        ] {
            let error = Objectives::parse("o.toml", text)
                .expect_err(text)
                .to_string();
            assert!(error.contains("o.toml") && error.contains(part), "{error}");
        }
    }
}
