//! From a vault's own history to what its points to come will hold.

use engine::backup::method_at;
use engine::error::{Error, ErrorKind, Result};
use engine::format::point::Method;
use engine::ids::PointId;
use engine::inventory::InstanceHistory;

use super::course::Point;
use super::data::{Data, Known};
use super::layout::Kind;
use super::share::{Share, total};
use super::survival::Curve;

/// Points to come at most: six a day for ninety years, or one every ten minutes for almost four; each
/// takes about 300 bytes, and time grows with their square where all are kept.
const POINTS_TO_COME_MAX: usize = 200_000;
/// Intervals that the rhythm is taken from, the newest.
const RHYTHM_OF: usize = 30;
/// Points that follow one another within seconds, less than so many, were made by hand.
pub(super) const RHYTHM_MIN: i64 = 60;
/// A step of more than so many usual ones is a gap: a long weekend of daily points is four.
const GAP_STEPS: i64 = 4;
/// Classes of a history's bytes: what was there from the beginning, and what came later.
const FROM_THE_BEGINNING: usize = 0;
const LATER: usize = 1;

/// A history, and what follows from it.
pub(super) struct Fitted {
    pub(super) data: Data,
    pub(super) points: Vec<Point>,
    pub(super) every: i64,
    pub(super) method: Method,
    pub(super) full_every: u32,
    /// The first of the points that follow one another in the rhythm.
    pub(super) first: usize,
    /// What each point after it stored first.
    pub(super) additions: Vec<u64>,
}

/// How points to come are made, where it is stated and not as before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stating {
    pub(super) every: Option<u64>,
    pub(super) method: Option<Method>,
    pub(super) full_every: Option<u32>,
}

/// Fits the first `known` points; the points to come begin at `from`, or a step after the last known
/// one where that is later, and end before `until`.
pub(super) fn fit(
    history: &InstanceHistory,
    known: usize,
    (from, until): (i64, i64),
    stating: Stating,
) -> Result<Fitted> {
    let mut points = known_points(history, known);
    let ats: Vec<i64> = points.iter().map(|point| point.at).collect();
    let (every, first) = rhythm(&ats);
    let every = stating.every.map_or(every, u64::cast_signed);
    let last = ats.last().copied().unwrap_or(from);
    let start = from.max(last.saturating_add(every));
    let count = count(start, until, every.cast_unsigned())?;
    let (method, full_every) = strategy(&history.points[first..known]);
    let method = stating.method.unwrap_or(method);
    let full_every = stating.full_every.unwrap_or(full_every);
    let methods = |since: u32| method_at(method, since, full_every);
    points.extend(to_come(
        &points,
        start,
        every.cast_unsigned(),
        count,
        methods,
    ));
    let additions: Vec<u64> = (first + 1..known)
        .map(|born| history.alive(born, born))
        .collect();
    let mean = total(additions.iter().copied()) / (additions.len() as u64).max(1);
    let ages = known + count;
    let logical = history.points[..known]
        .last()
        .map_or(0, |point| point.logical_bytes);
    let data = Data {
        known: clipped(history, known, first),
        curves: curves(history, known, first, ages),
        fade: None,
        births: vec![vec![0, mean]; count],
        logical: vec![logical],
    };
    Ok(Fitted {
        data: balanced(&data, first),
        points,
        every,
        method,
        full_every,
        first,
        additions,
    })
}

/// With survival such that the last point to come needs as much as the history's own growth lets
/// expect. What was watched for days only says little of years: bytes that were never seen to die would
/// pile up beside those that they replace, and a source of one size would need ever more.
fn balanced(data: &Data, first: usize) -> Data {
    let (last, end) = (data.known.len() - 1, data.points() - 1);
    let (then, now) = (data.needed_by(first), data.needed_by(last));
    let grows = |from: u64, to: u64| {
        let steps = u128::from(to.saturating_sub(from)) * (end - last) as u128;
        u64::try_from(steps / (last - first).max(1) as u128).unwrap_or(u64::MAX)
    };
    let expected = now
        .saturating_add(grows(then, now))
        .saturating_sub(grows(now, then));
    // From 0, where nothing dies beyond what was seen, over STEPS, where it dies as it was seen to, to
    // twice that, where nothing stays.
    let (mut low, mut high) = (0, 2 * STEPS);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if aged(data, middle, end - last).needed_by(end) > expected {
            low = middle;
        } else {
            high = middle;
        }
    }
    aged(data, high.max(1), end - last)
}

/// Steps of the search: one is a thousand-millionth of what stays from a point to the next.
const STEPS: u64 = 1 << 30;

/// With bytes that die sooner or later, from 0 to twice [`STEPS`].
fn aged(data: &Data, step: u64, ages: usize) -> Data {
    let mut data = data.clone();
    if step < STEPS {
        let curves = data.curves.iter().map(|curve| curve.stretched(step, STEPS));
        data.curves = curves.collect();
    } else {
        let stays = Share::ratio(2 * STEPS - step, STEPS);
        data.fade = Some(Curve::constant(stays, ages));
    }
    data
}

/// The history as it is, for points from `known` on as if they were to come.
pub(super) fn truth(history: &InstanceHistory) -> (Data, Vec<Point>) {
    let all = history.points.len();
    let data = Data {
        known: clipped(history, all, 0),
        curves: Vec::new(),
        fade: None,
        births: Vec::new(),
        logical: Vec::new(),
    };
    (data, known_points(history, all))
}

/// How many points fall due from `start` to before `until`.
pub(super) fn count(start: i64, until: i64, every: u64) -> Result<usize> {
    let count = until
        .saturating_sub(start)
        .max(0)
        .cast_unsigned()
        .div_ceil(every.max(1));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > POINTS_TO_COME_MAX {
        let say = format!(
            "a point every {} makes {count} points to come, and {POINTS_TO_COME_MAX} are the most: \
             state how often backups will run with --every 1d, or look fewer --years ahead",
            crate::quantity::Every(every)
        );
        return Err(Error::new(ErrorKind::Invalid, say));
    }
    Ok(count)
}

/// Points to come after `known` ones.
pub(super) fn to_come(
    known: &[Point],
    start: i64,
    every: u64,
    count: usize,
    method: impl Fn(u32) -> Method,
) -> Vec<Point> {
    let begun = known.iter().rposition(|point| point.kind == Kind::Full);
    let mut full = begun.unwrap_or(0);
    let mut since = begun.map_or(0, |full| (known.len() - full) as u32);
    let mut points: Vec<Point> = Vec::with_capacity(count);
    for number in 0..count {
        let at = start.saturating_add_unsigned(every.saturating_mul(number as u64));
        // A chain begins with a full; what is never a chain takes no notice.
        let made = match method(since) {
            Method::Incremental | Method::Differential if since == 0 => Method::Full,
            made => made,
        };
        let this = known.len() + number;
        if made.begins_chain() {
            (full, since) = (this, 0);
        }
        let id_of = |point: usize| {
            let come = |number: usize| points.get(number).map(|point| point.id);
            known
                .get(point)
                .map(|point| point.id)
                .or_else(|| come(point - known.len()))
        };
        let needs = match made {
            Method::Incremental => id_of(this.saturating_sub(1)),
            Method::Differential => id_of(full),
            _ => None,
        };
        points.push(Point {
            id: id_to_come(this),
            at,
            method: made,
            kind: Kind::of(made, full),
            needs: needs.into_iter().collect(),
            tags: Vec::new(),
            deleted_until: None,
        });
        since += 1;
    }
    points
}

/// A name for a point to come.
fn id_to_come(number: usize) -> PointId {
    let mut id = [0xff; 16];
    id[8..].copy_from_slice(&(number as u64).to_be_bytes());
    engine::ids::ObjectId(id)
}

fn known_points(history: &InstanceHistory, known: usize) -> Vec<Point> {
    let mut full = 0;
    let points = history.points[..known].iter().enumerate();
    let point = |(number, point): (usize, &engine::inventory::HistoryPoint)| {
        if point.method.begins_chain() {
            full = number;
        }
        Point {
            id: point.id,
            at: point.captured.seconds,
            method: point.method,
            kind: Kind::of(point.method, full),
            needs: point.needs.clone(),
            tags: point.tags.clone(),
            deleted_until: point.deleted_until.map(|until| until.seconds),
        }
    };
    points.map(point).collect()
}

/// What the first `known` points hold, as one who sees no later point would know it.
fn clipped(history: &InstanceHistory, known: usize, first: usize) -> Vec<Known> {
    let last = known.saturating_sub(1) as u32;
    let cohorts = history.lives[..known].iter().enumerate();
    let known = cohorts.map(|(born, lives)| {
        let mut clipped: Vec<(u32, u64)> = Vec::with_capacity(lives.len());
        for (to, bytes) in lives {
            let to = (*to).min(last);
            match clipped.last_mut() {
                Some((same, sum)) if *same == to => *sum += bytes,
                _ => clipped.push((to, *bytes)),
            }
        }
        let class = if born <= first {
            FROM_THE_BEGINNING
        } else {
            LATER
        };
        Known::new(&clipped, class, born.max(first))
    });
    known.collect()
}

/// Survival of what was there from the beginning, and of what came later.
fn curves(history: &InstanceHistory, known: usize, first: usize, ages: usize) -> Vec<Curve> {
    let steps = known.saturating_sub(first + 1);
    let mut died = vec![vec![0_u64; steps]; 2];
    let mut at_risk = vec![vec![0_u64; steps]; 2];
    for born in 0..known {
        let class = if born <= first {
            FROM_THE_BEGINNING
        } else {
            LATER
        };
        let from = born.max(first);
        let lives = &history.lives[born];
        let mut alive = history.alive(born, from);
        let mut next = lives.partition_point(|(last, _)| (*last as usize) < from);
        for at in from..known - 1 {
            at_risk[class][at - from] = alive.saturating_add(at_risk[class][at - from]);
            while let Some((last, bytes)) = lives.get(next).filter(|(last, _)| *last as usize <= at)
            {
                died[class][*last as usize - from] += bytes;
                alive -= bytes;
                next += 1;
            }
        }
    }
    let curves = died.iter().zip(&at_risk);
    curves
        .map(|(died, at_risk)| Curve::seen(died, at_risk, ages))
        .collect()
}

/// The mean time from one point to the next, and the first of the newest points that keep to it. Points
/// that were thinned out leave gaps, and what lies before a gap tells nothing of one step; a weekend
/// without backups is none. Steps of seconds have no timer behind them: then every point counts.
fn rhythm(ats: &[i64]) -> (i64, usize) {
    let steps: Vec<i64> = ats
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    let mut newest: Vec<i64> = steps.iter().rev().take(RHYTHM_OF).copied().collect();
    newest.sort_unstable();
    let Some(usual) = newest.get(newest.len() / 2).copied() else {
        return (86_400, 0);
    };
    let is_gap = |step: &i64| usual >= RHYTHM_MIN && *step > usual.saturating_mul(GAP_STEPS);
    let first = steps.iter().rposition(is_gap).map_or(0, |gap| gap + 1);
    let steps = &steps[first..];
    let count = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let sum = steps
        .iter()
        .fold(0, |sum: i64, step| sum.saturating_add(*step));
    let mean = sum.checked_div(count).unwrap_or(usual);
    (rounded(mean.max(1)), first)
}

/// A timer's step, where what was measured is within a twentieth of it.
fn rounded(every: i64) -> i64 {
    for unit in [86_400, 3_600, 60] {
        let whole = every.saturating_add(unit / 2) / unit * unit;
        if whole > 0 && (whole - every).abs() <= every / 20 {
            return whole;
        }
    }
    every
}

/// What the points were made by, as a strategy for those to come.
fn strategy(points: &[engine::inventory::HistoryPoint]) -> (Method, u32) {
    let begun = |point: &&engine::inventory::HistoryPoint| point.method.begins_chain();
    let fulls = points.iter().filter(begun).count() as u32;
    let has = |method: Method| points.iter().any(|point| point.method == method);
    let last = points.last().map(|point| point.method);
    let method = if last == Some(Method::Forever) {
        Method::Forever
    } else if has(Method::SyntheticFull) {
        Method::SyntheticFull
    } else if has(Method::Incremental) {
        Method::Incremental
    } else if has(Method::Differential) {
        Method::Differential
    } else {
        Method::Full
    };
    // One full and no second: none is to be expected.
    let full_every = match fulls {
        0 | 1 => u32::MAX,
        fulls => (points.len() as u32).div_ceil(fulls),
    };
    (method, full_every)
}

#[cfg(test)]
mod tests;
