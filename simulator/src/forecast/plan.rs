//! Policies, conventions and instances played side by side, and their sums.

use engine::error::{Error, ErrorKind, Result};
use engine::format::point::Method;
use engine::inventory::{History, InstanceHistory};
use engine::prune;
use engine::retention::{POINTS_MAX, Policy, Semantics, lints};
use engine::units::Timestamp;

use super::course::{Course, Played, Point, Rules, Sample};
use super::data::Data;
use super::fit::{self, Fitted, Stating};
use super::rows::{
    Age, BackTest, Basis, CAUSES, Forecast, InstanceBasis, Limits, Month, PolicyForecast,
};
use super::share::{Share, total};
use super::stated::Scenario;
use super::{backtest, calendar, interval};

/// A policy with the name that people give it.
#[derive(Clone, Debug)]
pub struct NamedPolicy {
    /// The name.
    pub name: String,
    /// The policy.
    pub policy: Policy,
}

/// What is to be forecast.
#[derive(Clone, Debug)]
pub struct Request {
    /// The program's version.
    pub program_version: String,
    /// The command line.
    pub command: String,
    /// What it is a forecast of.
    pub subject: String,
    /// The present.
    pub now: Timestamp,
    /// Years to look ahead.
    pub years: u32,
    /// Policies to hold beside each other.
    pub policies: Vec<NamedPolicy>,
    /// Conventions to hold beside each other.
    pub semantics: Vec<Semantics>,
    /// How long deleted points can be brought back.
    pub soft_delete_seconds: u64,
    /// How long before their end deleted points cost nothing.
    pub free_seconds: u64,
    /// How long removed packs stay.
    pub grace_seconds: u64,
    /// Room for the vault.
    pub capacity_bytes: Option<u64>,
    /// Seed of the draws behind the interval.
    pub seed: u64,
    /// Time between points to come, where it is not to be as before.
    pub every_seconds: Option<u64>,
    /// Method of points to come, where it is not to be as before.
    pub method: Option<Method>,
    /// A new full every so many points, where it is not to be as before.
    pub full_every: Option<u32>,
}

/// `schedule` runs `forget` and `prune` once a day.
const FORGET_EVERY: i64 = 86_400;
/// What packs and lists add to blobs where none were measured, in parts of a million: padding adds 1 %
/// on average (`engine::units::padme`), and lists 50 bytes for each chunk of 64 KiB.
const OVERHEAD_PPM: u64 = 11_000;
const PPM: u64 = 1_000_000;
const DAY: u64 = 86_400;

/// Ages at which points are counted, in days.
const AGES: [(&str, u64); 7] = [
    ("up to a day", 1),
    ("1 to 7 days", 7),
    ("1 to 4 weeks", 28),
    ("1 to 3 months", 91),
    ("3 to 12 months", 365),
    ("1 to 2 years", 730),
    ("2 to 5 years", 1826),
];
const OLDER: &str = "over 5 years";

/// One instance, ready to be played.
struct Line<'a> {
    data: Data,
    points: Vec<Point>,
    known: usize,
    /// Machines that are like it.
    alike: u64,
    history: Option<(&'a InstanceHistory, Fitted)>,
    basis: InstanceBasis,
}

/// Applies policies to a vault with its own history.
///
/// # Errors
/// `Invalid` for a policy that is none, a history of no two points, or too many points to come.
pub fn of_history(history: &History, request: &Request) -> Result<Forecast> {
    let months = calendar::months(request.now, request.years);
    let until = months.last().map_or(0, |(_, end)| *end);
    let stating = Stating {
        every: request.every_seconds,
        method: request.method,
        full_every: request.full_every,
    };
    let mut lines = Vec::new();
    for instance in &history.instances {
        let known = instance.points.len();
        if known < 2 {
            let say = format!(
                "'{}' has one recovery point, which tells nothing of change: make a second, or \
                 state a change with --scenario or --size and --change",
                instance.instance
            );
            return Err(Error::new(ErrorKind::Invalid, say));
        }
        let fitted = fit::fit(instance, known, (request.now.seconds, until), stating)?;
        lines.push(Line {
            data: fitted.data.clone(),
            points: fitted.points.clone(),
            known,
            alike: 1,
            basis: basis_of(instance, &fitted),
            history: Some((instance, fitted)),
        });
    }
    if lines.is_empty() {
        let say = "the vault holds no recovery point yet: make some, or state a change with \
                   --scenario or --size and --change";
        return Err(Error::new(ErrorKind::NotFound, say));
    }
    let overhead = match history.blob_bytes {
        0 => Share::ONE,
        blobs => Share::ratio(history.vault_bytes, blobs),
    };
    forecast(request, &lines, overhead, history.shared_bytes, &months)
}

/// Applies policies to what is stated.
///
/// # Errors
/// `Invalid` for a policy that is none, a scenario that lacks something, or too many points to come.
pub fn of_scenario(scenario: &Scenario, request: &Request) -> Result<Forecast> {
    let now = match &scenario.start {
        None => request.now,
        Some(day) => calendar::midnight(day)?,
    };
    let request = Request {
        now,
        soft_delete_seconds: scenario
            .soft_delete
            .map_or(request.soft_delete_seconds, |time| time.0),
        capacity_bytes: request
            .capacity_bytes
            .or(scenario.capacity.map(|bytes| bytes.0)),
        ..request.clone()
    };
    let months = calendar::months(now, request.years);
    let until = months.last().map_or(0, |(_, end)| *end);
    let stated = scenario.play(now.seconds, until)?;
    let added = |number: usize| {
        stated
            .data
            .births
            .get(number)
            .map_or(0, |births| total(births.iter().copied()))
    };
    let last = stated.data.births.len().saturating_sub(1);
    let line = Line {
        basis: InstanceBasis {
            instance: request.subject.clone(),
            points: 0,
            points_fitted: 0,
            every_seconds: stated.every.cast_unsigned(),
            method: stated.method.name().to_owned(),
            full_every: stated.full_every,
            logical_bytes: stated.data.logical_at(0),
            new_bytes: [added(1), added(1_usize.midpoint(last)), added(last)],
            survival_ppm: survival(&stated.data, stated.every),
            too_short: false,
        },
        data: stated.data,
        points: stated.points,
        known: 0,
        alike: u64::from(scenario.instances.unwrap_or(1).max(1)),
        history: None,
    };
    let overhead = Share::ratio(PPM + OVERHEAD_PPM, PPM);
    forecast(&request, &[line], overhead, 0, &months)
}

fn basis_of(instance: &InstanceHistory, fitted: &Fitted) -> InstanceBasis {
    let additions = &fitted.additions;
    let mean = total(additions.iter().copied()) / (additions.len() as u64).max(1);
    let (least, most) = (additions.iter().min(), additions.iter().max());
    let fitted_points = instance.points.len() - fitted.first;
    InstanceBasis {
        instance: instance.instance.clone(),
        points: instance.points.len() as u64,
        points_fitted: fitted_points as u64,
        every_seconds: fitted.every.cast_unsigned(),
        method: fitted.method.name().to_owned(),
        full_every: fitted.full_every,
        logical_bytes: fitted.data.logical_at(instance.points.len()),
        new_bytes: [
            least.copied().unwrap_or(0),
            mean,
            most.copied().unwrap_or(0),
        ],
        survival_ppm: survival(&fitted.data, fitted.every),
        too_short: fitted_points < backtest::POINTS_MIN,
    }
}

/// What is left of a point's additions after a week, a month and a year, in parts of a million.
fn survival(data: &Data, every: i64) -> [u64; 3] {
    let born = data.known.len() + usize::from(data.known.is_empty());
    let Some(births) = data.births.get(born - data.known.len()) else {
        return [PPM; 3];
    };
    let all = total(births.iter().copied());
    [7, 30, 365].map(|days: u64| {
        let age = (days * DAY / every.cast_unsigned().max(1)) as usize;
        let left = data.alive(born, born + age);
        Share::ratio(left, all).of(PPM)
    })
}

fn forecast(
    request: &Request,
    lines: &[Line<'_>],
    overhead: Share,
    shared_bytes: u64,
    months: &[(String, i64)],
) -> Result<Forecast> {
    let mut policies = Vec::new();
    for named in &request.policies {
        for semantics in &request.semantics {
            let rules = Rules {
                policy: &named.policy,
                semantics: *semantics,
                soft_delete: request.soft_delete_seconds.cast_signed(),
                free: request.free_seconds.cast_signed(),
                grace: request.grace_seconds.cast_signed(),
                waste_percent: u64::from(prune::Limits::default().waste_percent),
                forget_every: FORGET_EVERY,
                overhead,
            };
            policies.push(policy(request, &named.name, lines, rules, months)?);
        }
    }
    let measured = lines.iter().any(|line| line.history.is_some());
    Ok(Forecast {
        program_version: request.program_version.clone(),
        command: request.command.clone(),
        subject: request.subject.clone(),
        started_at: calendar::instant(request.now),
        years: request.years,
        basis: Basis {
            measured,
            instances: lines.iter().map(|line| line.basis.clone()).collect(),
            alike: lines.iter().map(|line| line.alike).max().unwrap_or(1),
            shared_bytes,
            overhead_ppm: overhead.of(PPM).saturating_sub(PPM),
            soft_delete_seconds: request.soft_delete_seconds,
            free_seconds: request.free_seconds,
            grace_seconds: request.grace_seconds,
            waste_percent: u64::from(prune::Limits::default().waste_percent),
            forget_every_seconds: FORGET_EVERY.cast_unsigned(),
            capacity_bytes: request.capacity_bytes,
            seed: measured.then_some(request.seed),
            replicates: if measured { interval::REPLICATES } else { 0 },
        },
        policies,
    })
}

/// One policy under one convention, over all instances.
fn policy(
    request: &Request,
    name: &str,
    lines: &[Line<'_>],
    rules: Rules<'_>,
    months: &[(String, i64)],
) -> Result<PolicyForecast> {
    let ends: Vec<i64> = months.iter().map(|(_, end)| *end).collect();
    let (mut played, mut tests, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
    for (number, line) in (0_u64..).zip(lines) {
        let course = Course::new(&line.data, &line.points, line.known, rules);
        let one = course.play(line.known, &ends)?;
        match &line.history {
            Some((history, fitted)) => {
                tests.extend(backtest::run(history, rules)?);
                bounds.push(interval::bounds(fitted, &one.samples, request.seed, number));
            }
            None => bounds.push(vec![(0, 0); one.samples.len()]),
        }
        played.push(one);
    }
    let back_test = sum_of(&tests);
    let error_ppm = back_test.as_ref().map_or(0, BackTest::error_ppm);
    let rows = months.iter().enumerate().map(|(number, (month, _))| {
        let bounds = bounds.iter().map(|bounds| bounds[number]);
        let samples = played.iter().map(|one| &one.samples[number]);
        let parts = lines.iter().zip(samples).zip(bounds);
        let parts: Vec<_> = parts
            .map(|((line, sample), bounds)| (line, sample, bounds))
            .collect();
        month_of(month, &parts, rules.overhead, error_ppm)
    });
    let every = lines
        .iter()
        .map(|line| line.basis.every_seconds)
        .min()
        .unwrap_or(DAY);
    let points_a_day = u32::try_from(DAY / every.max(1)).unwrap_or(u32::MAX).max(1);
    let end = ends.last().copied().unwrap_or(0);
    Ok(PolicyForecast {
        name: name.to_owned(),
        policy: rules.policy.to_string(),
        convention: rules.semantics.name().to_owned(),
        ignored: rules.semantics.ignores(rules.policy),
        lints: lints(rules.policy, points_a_day)
            .iter()
            .map(ToString::to_string)
            .collect(),
        months: rows.collect(),
        ages: ages(lines, &played, end),
        oldest_seconds: oldest(lines, &played, end),
        limits: limits(request, lines, &played),
        back_test,
    })
}

fn month_of(
    month: &str,
    parts: &[(&Line<'_>, &Sample, (u64, u64))],
    overhead: Share,
    error_ppm: u64,
) -> Month {
    let sum = |of: &dyn Fn(&Sample) -> u64| {
        let all =
            |(line, sample, _): &(&Line<'_>, &Sample, _)| of(sample).saturating_mul(line.alike);
        total(parts.iter().map(all))
    };
    let reasons = CAUSES.map(|cause| (cause, sum(&|sample| sample.causes[cause as usize])));
    let existing = sum(&|sample| sample.existing_bytes);
    let kept = sum(&|sample| sample.kept_bytes);
    let unused = sum(&|sample| sample.unused_bytes);
    let stored = existing.saturating_add(unused);
    let (less, more) = parts.iter().fold((0, 0), |(less, more), (_, _, bounds)| {
        let (below, above) = (overhead.of(bounds.0), overhead.of(bounds.1));
        (
            u64::saturating_add(less, below),
            u64::saturating_add(more, above),
        )
    });
    // What the history's own last third was missed by is admitted for the future too.
    let admitted = Share::ratio(error_ppm, PPM).of(stored);
    let sizes = parts
        .iter()
        .map(|(line, sample, _)| (line.data.logical_at(sample.newest), line.alike));
    Month {
        month: month.to_owned(),
        points: sum(&|sample| sample.kept.len() as u64),
        reasons: reasons
            .into_iter()
            .filter(|(_, points)| *points > 0)
            .collect(),
        soft_deleted_points: sum(&|sample| (sample.existing.len() - sample.kept.len()) as u64),
        kept_bytes: kept,
        soft_deleted_bytes: existing.saturating_sub(kept),
        unused_bytes: unused,
        stored_bytes: stored,
        low_bytes: stored.saturating_sub(less.max(admitted)),
        high_bytes: stored.saturating_add(more.max(admitted)),
        peak_bytes: sum(&|sample| sample.peak_bytes),
        billed_bytes: sum(&|sample| sample.billed_bytes),
        instance_bytes: sizes.collect(),
    }
}

fn last_kept<'a>(
    played: &'a Played,
    line: &'a Line<'_>,
) -> impl DoubleEndedIterator<Item = i64> + 'a {
    let kept = played
        .samples
        .last()
        .map_or(&[][..], |sample| &sample.kept[..]);
    kept.iter().map(|point| line.points[*point].at)
}

/// Points at the end by age, and how far apart they stand.
fn ages(lines: &[Line<'_>], played: &[Played], end: i64) -> Vec<Age> {
    let names = AGES.iter().map(|(name, _)| *name).chain([OLDER]);
    let age = |name: &str| Age {
        name: name.to_owned(),
        points: 0,
        widest_step_seconds: 0,
    };
    let mut ages: Vec<Age> = names.map(age).collect();
    for (line, played) in lines.iter().zip(played) {
        let mut newer = end;
        for at in last_kept(played, line).rev() {
            let days = end.saturating_sub(at).max(0).cast_unsigned().div_ceil(DAY);
            let band = AGES
                .iter()
                .position(|(_, most)| days <= *most)
                .unwrap_or(AGES.len());
            let step = newer.saturating_sub(at).max(0).cast_unsigned();
            ages[band].points += line.alike;
            ages[band].widest_step_seconds = ages[band].widest_step_seconds.max(step);
            newer = at;
        }
    }
    while ages.last().is_some_and(|age| age.points == 0) {
        ages.pop();
    }
    ages
}

fn oldest(lines: &[Line<'_>], played: &[Played], end: i64) -> u64 {
    let oldest = lines.iter().zip(played).map(|(line, played)| {
        let first = last_kept(played, line).min().unwrap_or(end);
        end.saturating_sub(first).max(0).cast_unsigned()
    });
    oldest.min().unwrap_or(0)
}

fn limits(request: &Request, lines: &[Line<'_>], played: &[Played]) -> Limits {
    let first = |of: fn(&Played) -> Option<i64>| played.iter().filter_map(of).min();
    Limits {
        points_max: POINTS_MAX,
        points_near_on: first(|one| one.near_on).map(calendar::day),
        points_reached_on: first(|one| one.reached_on).map(calendar::day),
        capacity_reached_on: request
            .capacity_bytes
            .and_then(|capacity| over(capacity, lines, played))
            .map(calendar::day),
    }
}

/// The first instant at which all instances together need more than there is room for.
fn over(capacity: u64, lines: &[Line<'_>], played: &[Played]) -> Option<i64> {
    let events = played.iter().enumerate();
    let events = events.flat_map(|(line, one)| {
        one.stored
            .iter()
            .map(move |(at, bytes)| (*at, line, *bytes))
    });
    let mut events: Vec<(i64, usize, u64)> = events.collect();
    events.sort_unstable();
    let mut stored = vec![0_u64; lines.len()];
    events.into_iter().find_map(|(at, line, bytes)| {
        stored[line] = bytes.saturating_mul(lines[line].alike);
        (total(stored.iter().copied()) > capacity).then_some(at)
    })
}

/// Several instances' tests as one.
fn sum_of(tests: &[BackTest]) -> Option<BackTest> {
    let sum = |of: fn(&BackTest) -> u64| total(tests.iter().map(of));
    (!tests.is_empty()).then(|| BackTest {
        points_fitted: sum(|test| test.points_fitted),
        points_tested: sum(|test| test.points_tested),
        predicted_points: sum(|test| test.predicted_points),
        actual_points: sum(|test| test.actual_points),
        predicted_bytes: sum(|test| test.predicted_bytes),
        actual_bytes: sum(|test| test.actual_bytes),
    })
}

#[cfg(test)]
mod tests;
