//! A drill as a Prometheus text file, for the node exporter's textfile collector.
#![expect(
    clippy::cast_precision_loss,
    reason = "samples are floating point numbers"
)]

use super::document::{Evidence, seconds};

/// The metrics in the exposition format. Every sample names the vault, so that the files of several
/// vaults can lie in one folder.
pub fn text(evidence: &Evidence) -> String {
    let drill = &evidence.drill;
    let vault = [("vault", drill.vault.as_str())];
    let mut out = Text::default();
    newest_good(&mut out, evidence);
    let mut gauge = |name: &str, help: &str, value: Option<f64>| {
        let samples = value.map(|value| (vault.to_vec(), value));
        out.family(name, help, samples.into_iter().collect());
    };
    gauge(
        "firedrill_drill_last_timestamp_seconds",
        "When the last drill began.",
        Some(drill.started_seconds as f64),
    );
    gauge(
        "firedrill_drill_last_success_timestamp_seconds",
        "When the last drill began that found nothing damaged.",
        evidence.last_good_seconds.map(|at| at as f64),
    );
    gauge(
        "firedrill_drill_success",
        "Whether the last drill found nothing damaged (1) or something (0).",
        Some(f64::from(u8::from(drill.failures_total == 0))),
    );
    gauge(
        "firedrill_drill_failures",
        "Things that the last drill found damaged.",
        Some(drill.failures_total as f64),
    );
    gauge(
        "firedrill_drill_duration_seconds",
        "How long the last drill took.",
        Some(seconds(drill.wall_micros)),
    );
    gauge(
        "firedrill_drill_verified_bytes",
        "Bytes that the last drill read back and verified.",
        Some(evidence.verified_bytes as f64),
    );
    gauge(
        "firedrill_coverage_ratio",
        "Share of the vault's content that a drill ever read back.",
        Some(evidence.coverage_ratio),
    );
    gauge(
        "firedrill_content_bytes",
        "Sealed bytes of content in the vault.",
        Some(drill.coverage.bytes as f64),
    );
    gauge(
        "firedrill_content_unread_bytes",
        "Sealed bytes of content that no drill ever read back.",
        Some((drill.coverage.bytes - drill.coverage.read_bytes) as f64),
    );
    gauge(
        "firedrill_oldest_unread_timestamp_seconds",
        "When the oldest pack was written that no drill read wholly; absent when there is none.",
        drill.coverage.oldest_unread_seconds.map(|at| at as f64),
    );
    out.0
}

fn newest_good(out: &mut Text, evidence: &Evidence) {
    let drill = &evidence.drill;
    let label = |instance| vec![("vault", drill.vault.as_str()), ("instance", instance)];
    let rows = || drill.instances.iter();
    let good = rows().filter_map(|row| {
        let at = row.good_captured_seconds?;
        Some((label(row.instance.as_str()), at as f64))
    });
    out.family(
        "firedrill_newest_good_point_timestamp_seconds",
        "The instant that an instance's newest point vouches for which is not known to be damaged.",
        good.collect(),
    );
    let age = rows().filter_map(|row| {
        let age = row.rpo_seconds?;
        Some((label(row.instance.as_str()), age as f64))
    });
    out.family(
        "firedrill_newest_good_point_age_seconds",
        "The age of that point when the drill began: the RPO then.",
        age.collect(),
    );
    let rto = rows().filter(|row| !row.rto_predicted).filter_map(|row| {
        let rto = row.rto_micros?;
        Some((label(row.instance.as_str()), seconds(rto)))
    });
    out.family(
        "firedrill_restore_duration_seconds",
        "How long the restore of that point took in the drill: the RTO.",
        rto.collect(),
    );
    let met = evidence.instances.iter().flat_map(|one| {
        let of = |objective, met: Option<bool>| {
            let mut labels = label(one.instance.as_str());
            labels.push(("objective", objective));
            met.map(|met| (labels, f64::from(u8::from(met))))
        };
        [of("rto", one.rto_met), of("rpo", one.rpo_met)]
    });
    out.family(
        "firedrill_objective_met",
        "Whether an objective is met (1) or missed (0).",
        met.flatten().collect(),
    );
}

type Labels<'a> = Vec<(&'a str, &'a str)>;

#[derive(Default)]
struct Text(String);

impl Text {
    /// Adds a gauge with its samples; nothing where there is none.
    fn family(&mut self, name: &str, help: &str, samples: Vec<(Labels<'_>, f64)>) {
        if samples.is_empty() {
            return;
        }
        self.0 += &format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
        for (labels, value) in samples {
            let labels: Vec<String> = labels
                .iter()
                .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
                .collect();
            self.0 += &format!("{name}{{{}}} {value}\n", labels.join(","));
        }
    }
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::text;
    use crate::drill::sample::{damaged, evidence};

    /// A parser of the exposition format as strict as its description: HELP, then TYPE, then the samples
    /// of a family, together; names, labels and values of the allowed form; no sample twice.
    fn parse(text: &str) -> BTreeMap<String, f64> {
        let mut samples = BTreeMap::new();
        let mut families: Vec<&str> = Vec::new();
        let mut typed = None;
        assert!(text.ends_with('\n'), "the last line ends too");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help text");
                assert!(!families.contains(&name), "{name} comes twice");
                assert!(!help.is_empty());
                families.push(name);
                typed = None;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let name = families.last().expect("a HELP line comes first");
                assert_eq!(rest, format!("{name} gauge"));
                typed = Some(*name);
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                let (name, labels) = series.split_once('{').expect("labels");
                assert_eq!(Some(name), typed, "{line} is in another family");
                let plain = |c: char| c.is_ascii_lowercase() || c == '_';
                assert!(name.chars().all(plain), "{name}");
                check_labels(labels.strip_suffix('}').expect("closed"));
                let value: f64 = value.parse().expect("a number");
                assert!(value.is_finite());
                assert!(
                    samples.insert(series.to_owned(), value).is_none(),
                    "{series} twice"
                );
            }
        }
        samples
    }

    fn check_labels(mut rest: &str) {
        loop {
            let (name, value) = rest.split_once("=\"").expect("a label");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            let mut escaped = false;
            let end = value.char_indices().find(|(_, c)| {
                let end = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                end
            });
            let (end, _) = end.expect("a closing quote");
            match value[end + 1..].strip_prefix(',') {
                Some(more) => rest = more,
                None => return assert_eq!(&value[end + 1..], ""),
            }
        }
    }

    #[test]
    fn the_file_is_valid_and_tells_what_was_asked() {
        let evidence = evidence();
        let samples = parse(&text(&evidence));
        let of = |name: &str| {
            let mut found = samples
                .iter()
                .filter(|(series, _)| series.starts_with(name));
            found.next().map(|(_, value)| *value)
        };
        assert_eq!(of("firedrill_newest_good_point_age_seconds"), Some(7200.0));
        assert_eq!(of("firedrill_drill_success"), Some(1.0));
        assert_eq!(of("firedrill_coverage_ratio"), Some(0.75));
        assert_eq!(of("firedrill_restore_duration_seconds"), Some(3.6));
        assert_eq!(
            of("firedrill_drill_last_success_timestamp_seconds"),
            of("firedrill_drill_last_timestamp_seconds")
        );
        for series in samples.keys() {
            let name = series.split('{').next().expect("a name");
            let unit = [
                "_seconds",
                "_bytes",
                "_ratio",
                "_success",
                "_failures",
                "_met",
            ];
            assert!(
                unit.iter().any(|unit| name.ends_with(unit)),
                "{name} has no unit"
            );
        }
    }

    #[test]
    fn damage_is_told_and_the_last_success_stays() {
        let samples = parse(&text(&damaged()));
        let of = |name: &str| {
            let mut found = samples
                .iter()
                .filter(|(series, _)| series.starts_with(name));
            found.next().map(|(_, value)| *value)
        };
        assert_eq!(of("firedrill_drill_success"), Some(0.0));
        let last = of("firedrill_drill_last_success_timestamp_seconds").expect("the earlier one");
        assert!(last < of("firedrill_drill_last_timestamp_seconds").expect("this one"));
        assert!(text(&damaged()).contains(r#"instance="odd \"name\"\\\n""#));
    }
}
