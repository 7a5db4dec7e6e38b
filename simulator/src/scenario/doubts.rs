//! What a scenario asks for and can't get: objectives that its own schedules and policies contradict. It runs all the
//! same; whoever wrote it should know.

use engine::retention::{Count, Policy, Rule, Span};

use super::{Copy, DAY, Scenario};
use crate::quantity::Time;

impl Scenario {
    /// A sentence for each contradiction.
    pub fn doubts(&self) -> Vec<String> {
        let strategies = self.strategies.iter();
        let doubts = strategies.flat_map(|strategy| {
            let name = &strategy.name;
            let every = strategy.copies.iter().map(|copy| copy.every_micros).min();
            let asked = self.objectives.rpo_micros.zip(every);
            let seldom = asked.filter(|(asked, every)| asked < every);
            let seldom = seldom.map(|(asked, every)| {
                let (asked, every) = (Time(asked), Time(every));
                format!("'{name}' makes a point every {every}: an RPO of {asked} can be met by luck alone")
            });
            let kept = strategy.copies.iter().map(|copy| {
                retention_days(copy).unwrap_or(u64::MAX)
            });
            let asked = self.objectives.retention_micros.zip(kept.max());
            // A month is 30 days here, and a year 365.
            let short = asked.filter(|(asked, days)| {
                *asked > days.saturating_add(days / 50).saturating_mul(DAY)
            });
            let short = short.map(|(asked, days)| {
                let asked = Time(asked);
                format!("'{name}' keeps points for {days} days: a retention of {asked} is asked for")
            });
            seldom.into_iter().chain(short)
        });
        doubts.collect()
    }
}

/// Days for which a copy keeps its oldest point; nothing where that has no end.
pub(super) fn retention_days(copy: &Copy) -> Option<u64> {
    match copy.replica {
        Some(following) => Some(following.retention_micros.div_ceil(DAY)),
        None => policy_days(&copy.policy, copy.every_micros),
    }
}

fn policy_days(policy: &Policy, every_micros: u64) -> Option<u64> {
    let mut days = 0;
    for rule in Rule::ALL {
        if let Some(count) = policy.count(rule) {
            let Count::AtMost(count) = count else {
                return None;
            };
            let hours = match rule {
                Rule::Last => every_micros / (DAY / 24),
                Rule::Hourly => 1,
                Rule::Daily => 24,
                Rule::Weekly => 7 * 24,
                Rule::Monthly => 30 * 24,
                Rule::Quarterly => 91 * 24,
                Rule::Yearly => 365 * 24,
            };
            days = days.max(u64::from(count).saturating_mul(hours) / 24);
        }
        let within = policy.within(rule).map_or(0, Span::days_at_most);
        days = days.max(within);
    }
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::super::{DAY, HOUR, SHIPPED, Scenario};
    use crate::trial::sample;

    #[test]
    fn what_can_not_be_met_is_doubted() {
        let mut scenario = sample::scenario();
        assert_eq!(scenario.doubts(), Vec::<String>::new());
        scenario.objectives.rpo_micros = Some(HOUR);
        scenario.objectives.retention_micros = Some(4000 * DAY);
        let doubts = scenario.doubts();
        assert_eq!(doubts.len(), 2, "{doubts:?}");
        assert!(
            doubts[0].contains("an RPO of 1h can be met by luck alone"),
            "{doubts:?}"
        );
        assert!(doubts[1].contains("a retention of"), "{doubts:?}");
    }

    #[test]
    fn every_doubt_about_what_ships_names_its_strategy() {
        for (name, text) in SHIPPED.iter().copied() {
            let scenario = Scenario::parse(name, text).expect("it ships");
            for doubt in scenario.doubts() {
                let named = |name: &str| doubt.starts_with(&format!("'{name}' "));
                assert!(
                    scenario.strategies.iter().any(|one| named(&one.name)),
                    "{doubt}"
                );
            }
        }
    }
}
