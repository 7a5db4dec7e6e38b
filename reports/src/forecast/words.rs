//! What a forecast says in words.

use simulator::forecast::{BackTest, Month};

use super::document::{ForecastDocument, PolicyDocument};
use crate::units;

const DAY: u64 = 86_400;

/// A time as people say it, cut to the unit that fits: `3 years`, `11 months`, `6 hours`.
pub(super) fn span(seconds: u64) -> String {
    let units = [
        (365 * DAY, 2, "year"),
        (365 * DAY / 12, 2, "month"),
        (7 * DAY, 3, "week"),
        (DAY, 2, "day"),
        (3600, 1, "hour"),
        (60, 1, "minute"),
    ];
    // A day short of a year is a year to everyone but a calendar.
    let slack = |unit: u64| if unit > DAY { DAY } else { 0 };
    let fits = units
        .iter()
        .find(|(unit, least, _)| seconds + slack(*unit) >= unit * least);
    let (unit, _, name) = fits.copied().unwrap_or((1, 1, "second"));
    let count = (seconds + slack(unit)) / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// A step as it is set: `day`, `6 hours`.
pub(super) fn every(seconds: u64) -> String {
    match seconds {
        DAY => "day".to_owned(),
        3600 => "hour".to_owned(),
        seconds if seconds.is_multiple_of(7 * DAY) && seconds == 7 * DAY => "week".to_owned(),
        seconds => span(seconds),
    }
}

fn years(years: u32) -> String {
    if years == 1 {
        "a year".to_owned()
    } else {
        format!("{years} years")
    }
}

/// The answer, in a sentence or two.
pub(super) fn answer(document: &ForecastDocument, policy: &PolicyDocument) -> Vec<String> {
    let Some(end) = policy.end() else {
        return Vec::new();
    };
    let cost = end.costs.first();
    let (month, whole) = (
        cost.map_or(0.0, |cost| cost.all),
        policy.total.first().map_or(0.0, |cost| cost.all),
    );
    let redundancy = cost.map_or(String::new(), |cost| cost.redundancy.name().to_uppercase());
    let money = |sum: f64| units::money(sum, &document.currency);
    let within = if document.basis.measured {
        let bounds = [end.month.low_bytes, end.month.high_bytes].map(units::bytes);
        format!(" ({} to {})", bounds[0], bounds[1])
    } else {
        String::new()
    };
    let mut sentences = vec![format!(
        "Keeps {} points after {}: {} stored{within}, {} a month as {redundancy} ({} for the {}).",
        units::count(end.month.points),
        years(document.years),
        units::bytes(end.month.stored_bytes),
        money(month),
        money(whole),
        if document.years == 1 {
            "year".to_owned()
        } else {
            years(document.years)
        },
    )];
    sentences.push(format!(
        "Reaches back {}; at its fullest the vault holds {}.",
        span(policy.oldest_seconds),
        units::bytes(peak(policy)),
    ));
    sentences.push(limits(document, policy));
    sentences
}

/// The most in any moment.
pub(super) fn peak(policy: &PolicyDocument) -> u64 {
    let peaks = policy.months.iter().map(|month| month.month.peak_bytes);
    peaks.max().unwrap_or(0)
}

/// Which limits are met, and when.
fn limits(document: &ForecastDocument, policy: &PolicyDocument) -> String {
    let limits = &policy.limits;
    let most = units::count(limits.points_max);
    let points = match (&limits.points_reached_on, &limits.points_near_on) {
        (Some(day), _) => {
            format!("BACKUPS STOP on {day}: an instance then has {most} points, its limit")
        }
        (None, Some(day)) => format!("comes near the limit of {most} points on {day}"),
        (None, None) => format!("the limit of {most} points of an instance is not met"),
    };
    let mut first = points.chars();
    let points: String = first
        .next()
        .map(|c| c.to_uppercase().chain(first).collect())
        .unwrap_or_default();
    let room = document.basis.capacity_bytes.map(|bytes| {
        let bytes = units::bytes(bytes);
        match &limits.capacity_reached_on {
            Some(day) => format!("; the room of {bytes} IS FULL on {day}"),
            None => format!("; the room of {bytes} lasts"),
        }
    });
    format!("{points}{}.", room.unwrap_or_default())
}

/// Whether something runs full.
pub(super) fn is_sound(policy: &PolicyDocument) -> bool {
    policy.limits.points_reached_on.is_none() && policy.limits.capacity_reached_on.is_none()
}

/// How far the forecast can be trusted.
pub(super) fn trust(document: &ForecastDocument, policy: &PolicyDocument) -> String {
    let basis = &document.basis;
    if !basis.measured {
        return "This rests on a stated rate of change: nothing was measured, and there is no \
                interval. Run it on a vault with some weeks of history for both."
            .to_owned();
    }
    match &policy.back_test {
        Some(test) => format!(
            "Tested on the vault's own past: {} The pale band holds nine of ten draws of this \
             history's daily additions, and is never narrower than that error; what the past has not \
             seen, such as a new machine or a mass change, is in neither.",
            back_test(test)
        ),
        None => "The history is too short to be tested on itself (9 points in a steady rhythm are \
                 needed): take the bytes as a first guess, and make the plan again in some weeks."
            .to_owned(),
    }
}

/// What the test found.
pub(super) fn back_test(test: &BackTest) -> String {
    format!(
        "from the first {} points of the rhythm, the last {} were predicted to leave {} points and {}; \
         it was {} points and {}, an error of {}.",
        test.points_fitted,
        test.points_tested,
        units::count(test.predicted_points),
        units::bytes(test.predicted_bytes),
        units::count(test.actual_points),
        units::bytes(test.actual_bytes),
        parts(test.error_ppm()),
    )
}

/// Parts of a million as percent.
#[expect(clippy::cast_precision_loss, reason = "percent")]
pub(super) fn parts(ppm: u64) -> String {
    let percent = ppm as f64 / 1e4;
    if percent >= 10.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// Points by what keeps them: `3 yearly, 12 monthly`.
pub(super) fn reasons(month: &Month) -> String {
    let reasons = month.reasons.iter();
    let reasons: Vec<String> = reasons
        .map(|(cause, points)| format!("{} {}", units::count(*points), cause.name()))
        .collect();
    reasons.join(", ")
}

/// What the forecast rests on, one sentence each.
pub(super) fn basis(document: &ForecastDocument) -> Vec<String> {
    let basis = &document.basis;
    let mut out = Vec::new();
    for instance in &basis.instances {
        let [week, month, year] = instance.survival_ppm.map(parts);
        let [least, mean, most] = instance.new_bytes.map(units::bytes);
        let full = match instance.method.as_str() {
            "full" | "forever" => String::new(),
            _ if instance.full_every == u32::MAX => ", without a new full".to_owned(),
            _ => format!(", a new full every {} points", instance.full_every),
        };
        let from = if basis.measured {
            format!(
                "{} points, of which {} in a steady rhythm were learnt from",
                instance.points, instance.points_fitted
            )
        } else {
            "stated".to_owned()
        };
        let alike = if basis.alike > 1 {
            format!(" on each of {} machines", basis.alike)
        } else {
            String::new()
        };
        out.push(format!(
            "{}: {} of data{alike}, a point every {}, method {}{full} ({from}). Each point adds {mean} \
             to the vault ({least} to {most}); of that {week} is still in use a week later, {month} a \
             month later, {year} a year later.",
            units::plain(&instance.instance),
            units::bytes(instance.logical_bytes),
            every(instance.every_seconds),
            instance.method,
        ));
    }
    if basis.shared_bytes > 0 {
        out.push(format!(
            "The instances share {} today, which is counted for each of them: all sums are upper bounds.",
            units::bytes(basis.shared_bytes)
        ));
    }
    out.push(format!(
        "Packs, index and manifests add {} to the blobs. Forget and prune run once a day; deleted \
         points can be brought back for {}; removed packs stay for {} more, and packs with less than \
         {} % unused are not written anew.",
        parts(basis.overhead_ppm),
        span(basis.soft_delete_seconds),
        span(basis.grace_seconds),
        basis.waste_percent,
    ));
    out
}

/// How the sums come about.
pub(super) fn pricing(document: &ForecastDocument) -> String {
    let free = match &document.soft_delete {
        Some(terms) => format!(
            "bytes that only deleted points in their last {} days need are free ({}, {})",
            terms.free_days, terms.source.title, terms.date
        ),
        None => "deleted points cost as kept ones do".to_owned(),
    };
    format!(
        "A month is the mean of the bytes charged on its days times the price of a gigabyte ({} bytes), \
         and the fees of the protected instances by their size; {free}. What waits to be removed is \
         charged. The first month is the present one, shown as if it were whole and no part of the sum. \
         Transactions, restores and traffic are not charged by this book; list prices, before \
         discounts and taxes.",
        units::count(document.gigabyte_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::{every, span};

    #[test]
    fn times_read_well() {
        let day = 86_400;
        for (seconds, text) in [
            (1095 * day, "3 years"),
            (729 * day, "2 years"),
            (400 * day, "13 months"),
            (29 * day, "4 weeks"),
            (14 * day, "14 days"),
            (day, "24 hours"),
            (90, "1 minute"),
            (0, "0 seconds"),
        ] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(every(day), "day");
        assert_eq!(every(7 * day), "week");
        assert_eq!(every(6 * 3600), "6 hours");
    }
}
