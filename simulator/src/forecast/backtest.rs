//! The last third of a history, predicted from the first two: the error that a forecast admits to.

use engine::error::Result;
use engine::inventory::InstanceHistory;

use super::course::{Course, Rules};
use super::fit::{self, RHYTHM_MIN, Stating};
use super::rows::BackTest;

/// Points in the rhythm without which nothing is tested: six to learn from and three to hold against.
pub const POINTS_MIN: usize = 9;

/// Plays the policy over the last third, once as it was and once as the first two thirds predict it.
/// `None` where the history is too short.
pub(super) fn run(history: &InstanceHistory, rules: Rules<'_>) -> Result<Option<BackTest>> {
    let mut history = history.clone();
    // What was deleted by now was there then.
    for point in &mut history.points {
        point.deleted_until = None;
    }
    let all = history.points.len();
    let Some(last) = history.points.last().map(|point| point.captured.seconds) else {
        return Ok(None);
    };
    let first = fit::fit(&history, all, (last, last), Stating::default())?.first;
    if all - first < POINTS_MIN {
        return Ok(None);
    }
    let known = first + (all - first) * 2 / 3;
    let end = last.saturating_add(1);
    let ends = [end];
    let mut predicted = fit::fit(&history, known, (i64::MIN, end), Stating::default())?;
    if predicted.every < RHYTHM_MIN {
        // No timer to predict: as many points, when they were.
        let begins = history.points[known - 1].captured.seconds;
        let begins = begins.saturating_add(predicted.every);
        let points = i64::try_from(all - known).unwrap_or(i64::MAX);
        let until = begins.saturating_add(predicted.every.saturating_mul(points));
        predicted = fit::fit(&history, known, (begins, until), Stating::default())?;
        for (point, was) in predicted.points.iter_mut().zip(&history.points) {
            point.at = was.captured.seconds;
        }
    }
    let every = predicted.every;
    let rules = Rules {
        forget_every: rules.forget_every.min(every),
        ..rules
    };
    let (data, points) = fit::truth(&history);
    let truth = Course::new(&data, &points, known, rules).play(known, &ends)?;
    let course = Course::new(&predicted.data, &predicted.points, known, rules);
    let course = course.play(known, &ends)?;
    let found = |played: &super::course::Played| {
        let sample = played.samples.last();
        sample.map_or((0, 0), |sample| {
            (sample.kept.len() as u64, sample.existing_bytes)
        })
    };
    let ((predicted_points, predicted_bytes), (actual_points, actual_bytes)) =
        (found(&course), found(&truth));
    Ok(Some(BackTest {
        points_fitted: (known - first) as u64,
        points_tested: (all - known) as u64,
        predicted_points,
        actual_points,
        predicted_bytes,
        actual_bytes,
    }))
}
