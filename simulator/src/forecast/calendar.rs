//! Months and days in UTC.

use engine::error::{Error, ErrorKind, Result};
use engine::units::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, ZonedDateTime};

fn utc(seconds: i64) -> ZonedDateTime {
    let at = jiff::Timestamp::new(seconds, 0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned_datetime(TimeZone::UTC)
}

/// The months from `now` until `years` later: each with its name and the second at which it ends.
pub(super) fn months(now: Timestamp, years: u32) -> Vec<(String, i64)> {
    let now = utc(now.seconds);
    let mut first = now.date().first_of_month();
    let mut months = Vec::new();
    for _ in 0..=years.saturating_mul(12) {
        let next = first.saturating_add(1.month());
        let name = first.strftime("%Y-%m").to_string();
        let Ok(end) = next.to_zoned_datetime(TimeZone::UTC) else {
            break;
        };
        months.push((name, end.timestamp().as_second()));
        first = next;
    }
    months
}

/// The beginning of a day in UTC.
pub(super) fn midnight(day: &str) -> Result<Timestamp> {
    let wrong = |error: jiff::Error| {
        let say = format!("start = '{day}' is no day: write one like 2026-01-31");
        Error::new(ErrorKind::Invalid, say).caused_by(error)
    };
    let date: Date = day.parse().map_err(wrong)?;
    let at = date.to_zoned_datetime(TimeZone::UTC).map_err(wrong)?;
    Ok(Timestamp {
        seconds: at.timestamp().as_second(),
        nanos: 0,
    })
}

/// The day.
pub(super) fn day(seconds: i64) -> String {
    utc(seconds).date().to_string()
}

/// The instant as RFC 3339 has it.
pub(super) fn instant(at: Timestamp) -> String {
    utc(at.seconds).timestamp().to_string()
}

#[cfg(test)]
mod tests {
    use super::{day, months};
    use engine::units::Timestamp;

    #[test]
    fn a_year_has_its_months() {
        // 2026-11-24T12:00:00Z
        let now = Timestamp {
            seconds: 1_795_521_600,
            nanos: 0,
        };
        let found = months(now, 1);
        assert_eq!(found.len(), 13, "the one that has begun, and twelve more");
        assert_eq!(found[0].0, "2026-11");
        assert_eq!(day(found[0].1), "2026-12-01");
        assert_eq!(
            (found[12].0.as_str(), day(found[12].1).as_str()),
            ("2027-11", "2027-12-01")
        );
    }
}
