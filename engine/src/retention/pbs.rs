//! The rules of Proxmox Backup Server: in order, and a rule passes over the periods in which an earlier
//! one keeps a point already.
//!
//! What a finer rule has marked for removal stays removed for coarser ones. So what is kept hangs on
//! when it was last run, and a larger count can remove a point that a smaller one kept; tests show both.
//!
//! After `pbs-datastore/src/prune.rs` at 4940514b (3.2.4).

use std::collections::BTreeSet;

use super::calendar::{Reasons, Rule, Timeline};
use super::policy::Policy;
use super::verdict::Reason;

pub(super) fn rules(line: &Timeline<'_>, policy: &Policy) -> Reasons {
    let mut reasons = line.no_reasons();
    let mut removed = vec![false; line.entries.len()];
    let mut any = false;
    for rule in Rule::ALL
        .into_iter()
        .filter(|rule| *rule != Rule::Quarterly)
    {
        let Some(of) = policy.count(rule) else {
            continue;
        };
        any = true;
        // A protected point stays, but stands for no period.
        let stands = |reasons: &[Reason]| matches!(reasons, [Reason::Counted { .. }]);
        let standing = line
            .entries
            .iter()
            .zip(&reasons)
            .filter(|(_, reasons)| stands(reasons));
        let covered: BTreeSet<_> = standing.map(|(entry, _)| rule.key(entry)).collect();
        let mut selected = BTreeSet::new();
        for (index, entry) in line.entries.iter().enumerate() {
            if removed[index] || !reasons[index].is_empty() {
                continue;
            }
            if entry.subject.protected {
                reasons[index].push(Reason::Protected);
                continue;
            }
            let key = rule.key(entry);
            if covered.contains(&key) {
                continue;
            }
            if selected.contains(&key) {
                removed[index] = true;
            } else if selected.len() as u64 >= of.limit() {
                break;
            } else {
                selected.insert(key);
                let number = selected.len() as u64;
                reasons[index].push(Reason::Counted { rule, number, of });
            }
        }
    }
    for (entry, reasons) in line.entries.iter().zip(&mut reasons) {
        if !any {
            reasons.push(Reason::NoRuleGiven);
        } else if entry.subject.protected && reasons.is_empty() {
            reasons.push(Reason::Protected);
        }
    }
    reasons
}
