//! Retention: what each convention keeps, where ours differs from restic's, and what always holds.

mod conventions;
mod properties;

use engine::format::point::Method;
use engine::ids::{ObjectId, PointId};
use engine::retention::{Policy, Semantics, Subject, Verdict, decide_as};
use engine::units::Timestamp;

/// An instant written as RFC 3339.
fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().expect("an instant");
    Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond().unsigned_abs(),
    }
}

/// The policy that a file with this text means.
fn policy(text: &str) -> Policy {
    toml::from_str(text).expect("a policy")
}

/// A full with the id `number`.
fn subject(number: u64, captured: Timestamp) -> Subject {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    Subject {
        id: ObjectId(id),
        captured,
        method: Method::Full,
        tags: Vec::new(),
        needs: Vec::new(),
        protected: false,
    }
}

/// Fulls at these instants, numbered from 0.
fn subjects(instants: &[&str]) -> Vec<Subject> {
    let numbered = instants.iter().zip(0..);
    numbered
        .map(|(text, number)| subject(number, at(text)))
        .collect()
}

fn kept(verdicts: &[Verdict]) -> Vec<PointId> {
    let kept = verdicts.iter().filter(|verdict| verdict.keep);
    kept.map(|verdict| verdict.id).collect()
}

/// The numbers of the points that stay, in order of their numbers.
fn stay(semantics: Semantics, policy: &Policy, subjects: &[Subject], now: &str) -> Vec<u64> {
    let verdicts = decide_as(semantics, policy, subjects, at(now)).expect("a good policy");
    let mut numbers: Vec<_> = kept(&verdicts)
        .iter()
        .map(|id| u64::from_be_bytes(id.0[8..].try_into().expect("8 bytes")))
        .collect();
    numbers.sort_unstable();
    numbers
}
