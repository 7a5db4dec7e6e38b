//! What a drill says in sentences, on the page and on the terminal.

use simulator::drill::rows::{Basis, Drill};

use super::document::{Evidence, InstanceEvidence, Verdict, all_stages, seconds};
use crate::units;

/// A reading younger than this is as good as now: a day.
const TOLD_SECONDS: i64 = 86_400;

/// Can you restore? The answer in a sentence or two.
pub(super) fn answer(evidence: &Evidence) -> String {
    let drill = &evidence.drill;
    match (evidence.verdict, &drill.sample) {
        (Verdict::Damaged, _) => damaged(evidence),
        (_, Some(_)) => sampled(evidence),
        (Verdict::Met, None) => format!("Yes: {}.", back(evidence)),
        (Verdict::Missed, None) => {
            format!(
                "Yes, but not as asked: {}. {}",
                back(evidence),
                missed(evidence)
            )
        }
    }
}

fn back(evidence: &Evidence) -> String {
    let drill = &evidence.drill;
    let restored = drill.points.len() as u64;
    let which = match (drill.scope.as_str(), &drill.instances[..]) {
        (_, [one]) if restored == 1 && drill.scope == "newest" => {
            format!("the newest point of {} was", units::plain(&one.instance))
        }
        ("newest", instances) => {
            format!(
                "the newest point of each of {} instances was",
                instances.len()
            )
        }
        ("all", _) => format!("all {} points were", units::count(restored)),
        _ => "the point was".to_owned(),
    };
    let took = seconds(all_stages(drill).total_micros());
    let one_by_one = if restored > 1 {
        ", one after another"
    } else {
        ""
    };
    let losing = worst_rpo(evidence).map_or_else(String::new, |rpo| {
        format!(", losing at most {} of changes", units::age(rpo))
    });
    let how = if drill.scratch {
        "restored and verified"
    } else {
        "read back and verified"
    };
    let unwritten = if drill.scratch {
        ""
    } else {
        ", without writing it"
    };
    format!(
        "{which} {how} in {}{one_by_one}{unwritten}{losing}",
        units::seconds_about(took)
    )
}

fn worst_rpo(evidence: &Evidence) -> Option<u64> {
    let ages = evidence.instances.iter().map(|one| one.rpo_seconds);
    ages.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn sampled(evidence: &Evidence) -> String {
    let sample = evidence.drill.sample;
    let (packs, total) = sample.map_or((0, 0), |sample| (sample.packs, sample.packs_total));
    let mut text = format!(
        "What was read is whole: {} in {} of {} packs. No point was restored by this drill",
        units::bytes(evidence.verified_bytes),
        units::count(packs),
        units::count(total)
    );
    let longest = evidence.instances.iter().filter_map(|one| one.rto_seconds);
    let longest = longest.fold(0.0, f64::max);
    if longest > 0.0 {
        text += &format!(
            "; to restore the newest is predicted to take {}",
            units::seconds_about(longest)
        );
    }
    if let Some(rpo) = worst_rpo(evidence) {
        text += &format!(", losing at most {} of changes", units::age(rpo));
    }
    text += ".";
    if evidence.verdict == Verdict::Missed {
        text += &format!(" Not as asked: {}", missed(evidence));
    }
    text
}

fn damaged(evidence: &Evidence) -> String {
    let drill = &evidence.drill;
    let files = drill.failures.iter().all(|failure| failure.path.is_some());
    let thing = if files { "file" } else { "thing" };
    let things = match drill.failures_total {
        1 => format!("1 {thing} is damaged"),
        several => format!("{} {thing}s are damaged", units::count(several)),
    };
    let mut lines = Vec::new();
    for row in &drill.instances {
        let name = units::plain(&row.instance);
        lines.push(match (&row.good, row.rpo_seconds) {
            (Some(good), Some(rpo)) if *good != row.newest => format!(
                "of {name} the newest point is damaged, and the newest good one loses {} of changes",
                units::age(rpo)
            ),
            (Some(_), _) => continue,
            _ => format!("of {name} no point is whole{}", lost_of(drill, &row.newest)),
        });
    }
    let lost = drill.instances.iter().all(|row| row.good.is_none());
    let begin = if lost { "No" } else { "Not all of it" };
    let more = if lines.is_empty() && drill.failures.iter().any(|one| one.point.is_some()) {
        "the newest point of every instance is good, older ones are not".to_owned()
    } else if lines.is_empty() {
        "no point is known to need what is damaged".to_owned()
    } else {
        lines.truncate(3);
        lines.join("; ")
    };
    format!("{begin}: {things}; {more}. Each is named below.")
}

/// How much of a damaged point is lost.
fn lost_of(drill: &Drill, point: &str) -> String {
    let row = drill.points.iter().find(|row| row.point == point);
    match row.filter(|row| row.damaged_files > 0) {
        Some(row) => format!(
            " ({} of {} files of the newest are lost)",
            units::count(row.damaged_files),
            units::count(row.files)
        ),
        None => String::new(),
    }
}

/// Which objectives are missed.
fn missed(evidence: &Evidence) -> String {
    let mut parts = Vec::new();
    for one in &evidence.instances {
        let name = units::plain(&one.instance);
        if let (Some(false), Some(most)) = (one.rto_met, one.objective.rto_seconds) {
            parts.push(format!(
                "{name} takes {}, and may take {}",
                rto(one),
                units::age(most)
            ));
        }
        if let (Some(false), Some(most)) = (one.rpo_met, one.objective.rpo_seconds) {
            let is = one.rpo_seconds.map_or("everything".to_owned(), units::age);
            parts.push(format!(
                "{name} loses {is}, and may lose {}",
                units::age(most)
            ));
        }
    }
    let more = parts.len().saturating_sub(3);
    parts.truncate(3);
    let more = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}.", parts.join("; "))
}

/// The RTO of an instance, marked where it is a prediction.
pub(super) fn rto(one: &InstanceEvidence) -> String {
    match (one.rto_seconds, one.rto_predicted) {
        (Some(rto), false) => units::seconds(rto),
        (Some(rto), true) => format!("{} (predicted)", units::seconds_about(rto)),
        (None, _) => "unknown".to_owned(),
    }
}

/// What the drill did, for people who did not start it.
pub(super) fn scope(drill: &Drill) -> String {
    let what = match (drill.scope.as_str(), drill.sample_ppm) {
        ("newest", _) => "the newest point of each instance".to_owned(),
        ("all", _) => "every point".to_owned(),
        ("sample", Some(ppm)) => format!(
            "a sample of {} % of all packs, those first that were never read back or longest ago",
            f64::from(ppm) / 10_000.0
        ),
        _ => "one point".to_owned(),
    };
    let how = match (drill.scratch, drill.scope.as_str()) {
        (_, "sample") => "read, opened and verified",
        (true, _) => "restored to a scratch folder",
        (false, _) => "read back but not written",
    };
    format!("{what}, {how}")
}

/// What exactly was verified.
pub(super) fn verified(drill: &Drill) -> &'static str {
    match (drill.scratch, drill.scope.as_str()) {
        (_, "sample") => {
            "Each pack of the sample was fetched whole. Every blob, padding and table in it was \
             authenticated (AES-256-GCM) and every blob's plaintext hashed and compared with its name \
             (keyed BLAKE3). Manifests, indexes and listings of the newest points were read too. No \
             file was put together or written."
        }
        (true, _) => {
            "Every byte of content was fetched, authenticated (AES-256-GCM), hashed and compared \
             with its name (keyed BLAKE3), and written to a scratch folder. Then the folder was held \
             against the point's listing, as the source is gone: names, kinds, sizes, permission bits, \
             modification times, link targets, attributes, and every byte of content, read again and \
             hashed. Owners count where this user may set them. What was read again may have come from \
             memory. The folder was taken away."
        }
        (false, _) => {
            "Every byte of content was fetched, authenticated (AES-256-GCM), hashed and compared \
             with its name (keyed BLAKE3), by the same plan and requests as a restore. Nothing was \
             written: writing takes its time on top, and --to DIR measures it."
        }
    }
}

/// How the prediction was made.
pub(super) fn model(drill: &Drill) -> String {
    let basis = match drill.basis {
        Basis::Earlier { drills, at_seconds } => {
            let last = units::instant(at_seconds);
            match drills {
                1 => format!("the drill of {last}"),
                several => format!("the last {several} such drills together, up to that of {last}"),
            }
        }
        Basis::FirstPart => "the first fifth of this drill's first point".to_owned(),
        Basis::Sample => "this sample".to_owned(),
        Basis::None => {
            return "No drill was kept before this one, and it was too small to predict the rest by its \
                    first part: the next drill has a prediction."
                .to_owned();
        }
    };
    let files = if drill.scratch {
        " It counts bytes and not files: many small ones take longer to write than it says."
    } else {
        ""
    };
    format!(
        "Predicted = opening the vault, as before + manifests, index and listing, each at its time per \
         item + requests × {} latency ÷ 4 at once + fetched bytes ÷ rate + opening and writing, each \
         at its time per byte. The rates are those of {basis}.{files}",
        units::seconds(seconds(drill.request_micros))
    )
}

/// What share was ever read back, and what that means.
pub(super) fn coverage(drill: &Drill) -> String {
    let row = &drill.coverage;
    let mut text = format!(
        "{} of the content in the vault ({} of {}; {} of {} packs wholly) has been read back and \
         verified by a drill at least once.",
        units::share(row.read_bytes, row.bytes),
        units::bytes(row.read_bytes),
        units::bytes(row.bytes),
        units::count(row.whole_packs),
        units::count(row.packs),
    );
    let since = |at: i64| units::age(u64::try_from(drill.started_seconds - at).unwrap_or(0));
    if let Some(at) = row.oldest_unread_seconds {
        text += &format!(
            " The oldest pack that was not read wholly was written {} ago. What was never read back is \
             not known to be good.",
            since(at)
        );
        if drill.scope != "sample" {
            text += " A restore reads what its points need; what only deleted points or none need is \
                     read by --sample.";
        }
    }
    if let Some(at) = row.oldest_read_seconds
        && drill.started_seconds - at >= TOLD_SECONDS
    {
        text += &format!(
            " The reading that is longest ago was {} ago; it tells how things were then.",
            since(at)
        );
    }
    text
}

/// What a sample would have found; empty where all packs were read.
#[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
pub(super) fn odds(drill: &Drill) -> String {
    let Some(sample) = drill
        .sample
        .filter(|sample| sample.packs < sample.packs_total)
    else {
        return String::new();
    };
    let chance = |bad: u64| {
        let mut missed = 1.0;
        for number in 0..bad {
            let left = sample.packs_total - number;
            let unread = (sample.packs_total - sample.packs).saturating_sub(number);
            missed *= unread as f64 / left as f64;
        }
        format!("{:.0} %", (1.0 - missed) * 100.0)
    };
    let several = (sample.packs_total / 20).max(2);
    format!(
        "Had 1 of the {} packs been bad, this drill would have met it with a chance of {}; had {} been, \
         at least one of them with {}. Samples go in rotation: repeated, they read every pack.",
        units::count(sample.packs_total),
        chance(1),
        units::count(several),
        chance(several)
    )
}

/// By how much a prediction was off.
pub(super) fn error(ratio: f64) -> String {
    let percent = (ratio * 100.0).round();
    if percent == 0.0 {
        return "less than 1 %".to_owned();
    }
    format!("{percent:+.0} %")
}

#[cfg(test)]
mod tests {
    use simulator::drill::rows::{Drill, InstanceDrill, SampleDrill};

    use super::{coverage, error, odds};
    use crate::drill::document::{Evidence, Verdict};
    use crate::drill::objectives::{Objective, Objectives};
    use crate::drill::sample::{damaged, drill, evidence};

    fn asked(rto: u64, rpo: u64) -> Objectives {
        Objectives {
            all: Objective {
                rto_seconds: Some(rto),
                rpo_seconds: Some(rpo),
            },
            ..Objectives::default()
        }
    }

    fn sampled() -> Drill {
        let mut drill = drill();
        drill.points.clear();
        drill.scope = "sample".to_owned();
        drill.sample_ppm = Some(50_000);
        drill.sample = Some(SampleDrill {
            packs_total: 100,
            packs: 5,
            damaged_packs: 0,
            bytes: 80 << 20,
            micros: 900_000,
        });
        drill.instances[0] = InstanceDrill {
            restored: false,
            rto_micros: Some(4_000_000),
            rto_predicted: true,
            ..drill.instances[0].clone()
        };
        drill
    }

    #[test]
    fn the_answer_says_what_was_shown_and_no_more() {
        let cases = [
            (
                evidence(),
                "Yes: the newest point of host:/home was read back and verified in 3.6 s, without \
                 writing it, losing at most 2 h of changes.",
            ),
            (
                Evidence::new(
                    Drill {
                        scratch: true,
                        ..drill()
                    },
                    &asked(10, 3600),
                ),
                "Yes, but not as asked: the newest point of host:/home was restored and verified in \
                 3.6 s, losing at most 2 h of changes. host:/home loses 2 h, and may lose 60 min.",
            ),
            (
                Evidence::new(sampled(), &asked(3, 36_000)),
                "What was read is whole: 80 MiB in 5 of 100 packs. No point was restored by this drill; \
                 to restore the newest is predicted to take 4 s, losing at most 2 h of changes. Not as \
                 asked: host:/home takes 4 s (predicted), and may take 3 s.",
            ),
        ];
        for (evidence, answer) in cases {
            assert_eq!(evidence.answer, answer);
        }
        let answer = damaged().answer;
        assert!(
            answer.starts_with("Not all of it: 1 file is damaged; of odd"),
            "{answer}"
        );
        assert!(
            answer.contains("the newest good one loses 25 h of changes"),
            "{answer}"
        );
        let mut lost = drill();
        lost.failures_total = 3;
        lost.failures = damaged().drill.failures;
        lost.failures[0].path = None;
        lost.instances[0].good = None;
        let answer = Evidence::new(lost, &Objectives::default()).answer;
        assert!(answer.starts_with("No: 3 things are damaged"), "{answer}");
    }

    #[test]
    fn an_objective_of_what_has_no_point_is_missed() {
        let text = "[instance.forgotten]\nrpo = \"1d\"\n";
        let objectives = Objectives::parse("o.toml", text).expect("it reads");
        let evidence = Evidence::new(drill(), &objectives);
        assert_eq!(evidence.verdict, Verdict::Missed);
        let expected = "forgotten loses everything, and may lose 24 h.";
        assert!(evidence.answer.ends_with(expected), "{}", evidence.answer);
        let mut part = drill();
        part.filtered = true;
        assert_eq!(Evidence::new(part, &objectives).verdict, Verdict::Met);
    }

    #[test]
    fn what_is_not_known_is_not_met() {
        let mut unknown = sampled();
        unknown.instances[0].rto_micros = None;
        let evidence = Evidence::new(unknown, &asked(100, 36_000));
        assert_eq!(evidence.verdict, Verdict::Missed);
        assert_eq!(evidence.instances[0].rto_met, Some(false));
        assert_eq!(
            Evidence::new(drill(), &asked(4, 7200)).verdict,
            Verdict::Met
        );
        assert_eq!(
            Evidence::new(drill(), &asked(3, 7200)).verdict,
            Verdict::Missed
        );
    }

    #[test]
    fn coverage_is_told_with_what_it_lacks() {
        let text = coverage(&drill());
        for part in [
            "75.0 % of the content",
            "15 of 20 packs wholly",
            "written 34 days ago",
            "is not known to be good",
            "longest ago was 24 h ago",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        let text = odds(&sampled());
        assert!(text.contains("with a chance of 5 %; had 5 been"), "{text}");
        // 1 - (95 94 93 92 91) / (100 99 98 97 96)
        assert!(text.contains("at least one of them with 23 %"), "{text}");
        assert_eq!(odds(&drill()), "");
        assert_eq!(
            (error(0.004), error(-0.25)),
            ("less than 1 %".to_owned(), "-25 %".to_owned())
        );
    }
}
