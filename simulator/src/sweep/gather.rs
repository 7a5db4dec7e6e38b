//! Trials summed up: histograms, counts, monthly quantities, and so many single incidents.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::fault::Fault;
use crate::outcome::Fidelity;
use crate::outcome::scenario::{
    CopyOutcome, Ending, INCIDENT_ROWS_MAX, IncidentRow, Quantity, Span, Spread, StrategyOutcome,
    Timeline,
};
use crate::scenario::{Copy, Objectives};
use crate::trial::Trial;

use super::Prepared;

/// Points of a picture.
const PICTURE_POINTS_MAX: usize = 500;
/// Buckets of a chart.
const BUCKETS: usize = 60;

/// Sums of one strategy at one fidelity.
#[derive(Debug)]
pub struct Gather {
    outcome: StrategyOutcome,
    objectives: Objectives,
    places: Vec<String>,
    names: Vec<String>,
    rpo: Histogram<u64>,
    rto: Histogram<u64>,
    /// Smallest and largest of each.
    rpo_ends: (u64, u64),
    rto_ends: (u64, u64),
    spans: BTreeMap<String, u128>,
    order: Vec<String>,
}

/// A histogram of three significant digits that grows as it has to.
fn histogram() -> Histogram<u64> {
    Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"))
}

/// How a copy's points are made.
fn method(copy: &Copy) -> String {
    let name = copy.replica.map_or(copy.method.name(), |_| "in batches");
    name.to_owned()
}

impl Gather {
    /// Of nothing yet.
    pub fn new(prepared: &Prepared, strategy: usize, fidelity: Fidelity) -> Self {
        let scenario = &prepared.scenario;
        let spec = &scenario.strategies[strategy];
        let copies = spec.copies.iter().map(|copy| CopyOutcome {
            to: copy.to,
            redundancy: copy.redundancy,
            method: method(copy),
            every_micros: copy.every_micros,
            points_made: 0,
            backups_failed: 0,
            points_at_end: 0,
            blocks_stored: 0,
            bytes_at_end: 0,
            bytes_peak: 0,
            sent_bytes: 0,
            backup_micros: 0,
        });
        let emulated = fidelity == Fidelity::Emulated;
        let scale = scenario
            .groups
            .iter()
            .map(crate::scenario::Group::scale)
            .max();
        let outcome = StrategyOutcome {
            strategy: spec.name.clone(),
            component: spec
                .component
                .as_ref()
                .map(|(name, edition)| format!("{name}, {edition}")),
            copies: copies.collect(),
            fidelity,
            trials: 0,
            scale: scale.filter(|_| emulated),
            trace_digest: String::new(),
            events: 0,
            incidents: 0,
            recovered: 0,
            waited_out: 0,
            lost: 0,
            rpo_met: 0,
            rto_met: 0,
            rpo: Spread::default(),
            rto: Spread::default(),
            spans_mean: Vec::new(),
            rows: Vec::new(),
            timeline: Timeline::default(),
            quantities: Vec::new(),
            violations: Vec::new(),
        };
        Self {
            outcome,
            objectives: scenario.objectives,
            places: scenario
                .places
                .iter()
                .map(|place| place.name.clone())
                .collect(),
            names: scenario
                .groups
                .iter()
                .flat_map(crate::scenario::Group::names)
                .collect(),
            rpo: histogram(),
            rto: histogram(),
            rpo_ends: (u64::MAX, 0),
            rto_ends: (u64::MAX, 0),
            spans: BTreeMap::new(),
            order: Vec::new(),
        }
    }

    /// Adds a trial.
    pub fn add(&mut self, number: u32, faults: &[Fault], mut trial: Trial) {
        for row in &mut trial.tally.incidents {
            row.trial = number;
        }
        if number == 0 {
            self.outcome.trace_digest = std::mem::take(&mut trial.digest);
            self.outcome.timeline = self.timeline(faults, &trial);
        }
        self.outcome.trials += 1;
        self.outcome.events += trial.events;
        let violations = trial.violations.into_iter();
        self.outcome
            .violations
            .extend(violations.map(|what| format!("trial {number}: {what}")));
        for (sum, copy) in self.outcome.copies.iter_mut().zip(&trial.tally.copies) {
            sum.points_made += copy.points;
            sum.backups_failed += copy.failed;
            sum.points_at_end += copy.kept;
            sum.blocks_stored += copy.blocks;
            sum.bytes_at_end += copy.bytes;
            sum.bytes_peak = sum.bytes_peak.max(copy.peak);
            sum.sent_bytes += copy.sent_bytes;
            sum.backup_micros += copy.micros;
        }
        add_quantities(&mut self.outcome.quantities, trial.tally.quantities);
        for row in trial.tally.incidents {
            self.incident(row);
        }
    }

    fn incident(&mut self, row: IncidentRow) {
        let outcome = &mut self.outcome;
        outcome.incidents += 1;
        match row.ending {
            Ending::Restored => outcome.recovered += 1,
            Ending::WaitedOut => outcome.waited_out += 1,
            Ending::Lost => outcome.lost += 1,
            Ending::Open => {}
        }
        let met = |told: Option<u64>, objective: Option<u64>| {
            told.is_some_and(|told| objective.is_none_or(|objective| told <= objective))
        };
        outcome.rpo_met += u64::from(met(row.rpo_micros, self.objectives.rpo_micros));
        outcome.rto_met += u64::from(met(row.rto_micros, self.objectives.rto_micros));
        // A histogram that grows takes any value.
        if let Some(rpo) = row.rpo_micros {
            record(&mut self.rpo, rpo);
            self.rpo_ends = (self.rpo_ends.0.min(rpo), self.rpo_ends.1.max(rpo));
        }
        if let Some(rto) = row.rto_micros {
            record(&mut self.rto, rto);
            self.rto_ends = (self.rto_ends.0.min(rto), self.rto_ends.1.max(rto));
            for span in &row.spans {
                if !self.order.contains(&span.name) {
                    self.order.push(span.name.clone());
                }
                let sum = self.spans.entry(span.name.clone()).or_default();
                *sum += u128::from(span.micros);
            }
        }
        if outcome.rows.len() < INCIDENT_ROWS_MAX {
            outcome.rows.push(row);
        }
    }

    /// The picture of the first trial: of its incidents the first that was restored.
    fn timeline(&self, faults: &[Fault], trial: &Trial) -> Timeline {
        let rows = &trial.tally.incidents;
        let pictured = |row: &&IncidentRow| {
            let at = self.names.iter().position(|name| *name == row.instance);
            trial.points.iter().any(|point| Some(point.0) == at)
        };
        let restored = |row: &&IncidentRow| row.ending == Ending::Restored;
        let shown = rows.iter().filter(pictured).find(restored);
        let shown = shown
            .or_else(|| rows.iter().find(pictured))
            .or_else(|| rows.first());
        let instance = match shown {
            Some(row) => self.names.iter().position(|name| *name == row.instance),
            None => Some(0),
        };
        let end = shown.map_or(u64::MAX, |row| {
            row.at_micros
                .saturating_add(row.rto_micros.unwrap_or(u64::MAX))
        });
        let points = trial
            .points
            .iter()
            .filter(|point| Some(point.0) == instance && point.2 <= end);
        let mut points: Vec<(u32, u64, u64)> = points
            .map(|(_, copy, captured, landed)| (*copy, *captured, *landed))
            .collect();
        points.sort_unstable_by_key(|point| point.1);
        let surplus = points.len().saturating_sub(PICTURE_POINTS_MAX);
        points.drain(..surplus);
        let place = |fault: &Fault| {
            let named = fault.place.map(|place| self.places[place].clone());
            named.unwrap_or_default()
        };
        let faults = faults.iter().map(|fault| {
            (
                fault.kind,
                place(fault),
                fault.at_micros,
                fault.until_micros,
            )
        });
        Timeline {
            instance: instance
                .map(|at| self.names[at].clone())
                .unwrap_or_default(),
            faults: faults.collect(),
            points,
            incident: shown.cloned(),
        }
    }

    /// The sums.
    pub fn finish(self) -> StrategyOutcome {
        let mut outcome = self.outcome;
        outcome.rpo = spread(&self.rpo, self.rpo_ends, outcome.incidents);
        outcome.rto = spread(&self.rto, self.rto_ends, outcome.incidents);
        let spans = self.order.into_iter().map(|name| {
            let sum = self.spans.get(&name).copied().unwrap_or_default();
            Span {
                name,
                // Of all that were over, those without it too, so that they add up to the mean.
                micros: (sum / u128::from(outcome.rto.count.max(1))) as u64,
            }
        });
        outcome.spans_mean = spans.collect();
        outcome
    }
}

/// Records a time. (`saturating_record` would not let the histogram grow: it would record its first bound.)
fn record(histogram: &mut Histogram<u64>, micros: u64) {
    histogram
        .record(micros)
        .unwrap_or_else(|_| unreachable!("a histogram that grows takes any time"));
}

/// Order statistics of some times.
pub(crate) fn spread_of(times: impl Iterator<Item = u64>) -> Spread {
    let (mut recorded, mut ends) = (histogram(), (u64::MAX, 0));
    for time in times {
        record(&mut recorded, time);
        ends = (ends.0.min(time), ends.1.max(time));
    }
    spread(&recorded, ends, recorded.len())
}

/// Order statistics of so many incidents, each the top of its bucket: never smaller than what was recorded. Those
/// without a time are above all others.
fn spread(histogram: &Histogram<u64>, ends: (u64, u64), incidents: u64) -> Spread {
    let count = histogram.len();
    let endless = incidents.saturating_sub(count);
    if count == 0 {
        return Spread {
            endless,
            ..Spread::default()
        };
    }
    // What was recorded is exact at both ends; a histogram's first bucket ends at 1.
    let (min, max) = ends;
    let at = |percent: u64| {
        let rank = ((count + endless) * percent).div_ceil(100);
        let mut steps = histogram.iter_recorded().scan(0, |below, step| {
            *below += step.count_at_value();
            Some((*below, step.value_iterated_to()))
        });
        let reached = steps.find(|(below, _)| *below >= rank);
        reached.map(|(_, value)| value.clamp(min, max))
    };
    let sum: u128 = histogram
        .iter_recorded()
        .map(|step| {
            u128::from(step.value_iterated_to().min(max)) * u128::from(step.count_at_value())
        })
        .sum();
    Spread {
        count,
        endless,
        min_micros: min,
        mean_micros: (sum / u128::from(count)) as u64,
        p50_micros: at(50),
        p90_micros: at(90),
        p95_micros: at(95),
        p99_micros: at(99),
        max_micros: max,
        buckets: buckets(histogram),
    }
}

/// At most so many equal buckets, those without any left out.
fn buckets(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let width = (histogram.max() / BUCKETS as u64 + 1).max(1);
    let mut buckets: BTreeMap<u64, u64> = BTreeMap::new();
    for step in histogram.iter_recorded() {
        let value = step.value_iterated_to().min(histogram.max());
        *buckets.entry(value / width).or_default() += step.count_at_value();
    }
    let edges = buckets
        .into_iter()
        .map(|(number, count)| ((number + 1) * width, count));
    edges.collect()
}

fn add_quantities(sums: &mut Vec<Quantity>, rows: Vec<Quantity>) {
    if sums.is_empty() {
        *sums = rows;
        return;
    }
    for (sum, row) in sums.iter_mut().zip(rows) {
        sum.byte_hours += row.byte_hours;
        sum.deleted_byte_hours += row.deleted_byte_hours;
        for (bytes, hours) in row.instance_hours {
            match sum.instance_hours.iter_mut().find(|known| known.0 == bytes) {
                Some(known) => known.1 += hours,
                None => sum.instance_hours.push((bytes, hours)),
            }
        }
        sum.instance_hours.sort_unstable();
        sum.writes += row.writes;
        sum.reads += row.reads;
        sum.put_bytes += row.put_bytes;
        sum.got_bytes += row.got_bytes;
        sum.geo_bytes += row.geo_bytes;
        sum.crossed_bytes += row.crossed_bytes;
        sum.out_bytes += row.out_bytes;
        sum.in_bytes += row.in_bytes;
        sum.courier_trips += row.courier_trips;
        sum.standby_hours += row.standby_hours;
    }
}

#[cfg(test)]
mod tests {
    use super::{histogram, record, spread};
    use crate::scenario::{DAY, HOUR};

    #[test]
    fn a_spread_is_of_what_was_recorded() {
        let mut times = histogram();
        for hours in 1..=100 {
            record(&mut times, hours * HOUR);
        }
        let of = |incidents| spread(&times, (HOUR, 100 * HOUR), incidents);
        let near = |told: Option<u64>, hours: u64| {
            told.is_some_and(|told| told.abs_diff(hours * HOUR) <= told / 500)
        };
        let all = of(100);
        assert!(
            near(all.p50_micros, 50) && near(all.p95_micros, 95),
            "{all:?}"
        );
        assert!(
            all.mean_micros.abs_diff(50 * HOUR + HOUR / 2) < HOUR / 5,
            "{all:?}"
        );
        assert_eq!((all.min_micros, all.max_micros), (HOUR, 100 * HOUR));
        // Losing everything is worse than any time.
        let some = of(110);
        assert!(
            near(some.p50_micros, 55) && near(some.p90_micros, 99),
            "{some:?}"
        );
        assert_eq!((some.endless, some.p95_micros), (10, None));
        assert_eq!(of(201).p50_micros, None);
        record(&mut times, 4000 * DAY);
        assert_eq!(times.len(), 101);
    }
}
