//! Bandwidth limits as people write them: `10MiB/s`, or with the times of the day at which they hold.

use std::num::NonZeroU64;

use engine::seam::store::{Limit, Window};
use jiff::tz::TimeZone;

use crate::output::parse_bytes;

const EXAMPLES: &str = "write 10MiB/s, or '10MiB/s 08:00-18:00, 2MiB/s 18:00-22:00'";

/// Reads a limit; times of the day are those of this machine.
pub(crate) fn parse(text: &str) -> Result<Limit, String> {
    parse_in(text, TimeZone::system())
}

/// Reads a limit whose times of the day are meant in `zone`.
fn parse_in(text: &str, zone: TimeZone) -> Result<Limit, String> {
    let windows: Result<Vec<Window>, String> = text.split(',').map(window).collect();
    let windows = windows.map_err(|why| format!("{why}: {EXAMPLES}"))?;
    Ok(Limit { windows, zone })
}

fn window(text: &str) -> Result<Window, String> {
    let mut words = text.split_whitespace();
    let rate = words.next().ok_or("a limit is missing")?;
    let bytes = rate
        .strip_suffix("/s")
        .ok_or_else(|| format!("'{rate}' does not end in /s"))?;
    let bytes = parse_bytes(bytes).map_err(|why| format!("'{rate}': {why}"))?;
    let bytes_per_second = NonZeroU64::new(bytes).ok_or("a limit of nothing moves nothing")?;
    let (from, until) = match words.next() {
        Some(hours) => {
            let (from, until) = hours
                .split_once('-')
                .ok_or_else(|| format!("'{hours}' is not a time from-until"))?;
            let (from, until) = (second_of_day(from)?, second_of_day(until)?);
            if from == until {
                return Err(format!(
                    "'{hours}' is no time at all; leave it out for always"
                ));
            }
            (from, until)
        }
        None => (0, 0),
    };
    if let Some(more) = words.next() {
        return Err(format!("'{more}' is too much"));
    }
    Ok(Window {
        bytes_per_second,
        from,
        until,
    })
}

/// `18:00` as seconds after midnight; `24:00` is the end of the day.
fn second_of_day(text: &str) -> Result<u32, String> {
    let wrong = || format!("'{text}' is not a time of the day such as 08:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let number = plain.then(|| digits.parse::<u32>().ok()).flatten();
        number.ok_or_else(wrong)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    if minute > 59 || hour * 60 + minute > 24 * 60 {
        return Err(wrong());
    }
    Ok(hour * 3600 + minute * 60)
}

#[cfg(test)]
mod tests {
    use super::parse_in;
    use engine::seam::store::{Limit, Window};
    use jiff::tz::TimeZone;
    use std::num::NonZeroU64;

    fn limit(windows: &[(u64, u32, u32)]) -> Limit {
        let window = |&(bytes, from, until): &(u64, u32, u32)| Window {
            bytes_per_second: NonZeroU64::new(bytes).expect("a limit"),
            from,
            until,
        };
        Limit {
            windows: windows.iter().map(window).collect(),
            zone: TimeZone::UTC,
        }
    }

    #[test]
    fn limits_are_read_as_they_are_written() {
        let read = |text| parse_in(text, TimeZone::UTC).expect("a limit");
        assert_eq!(read("10MiB/s"), limit(&[(10 << 20, 0, 0)]));
        assert_eq!(
            read("10MiB/s 08:00-18:00"),
            limit(&[(10 << 20, 28_800, 64_800)])
        );
        assert_eq!(
            read(" 512KiB/s 22:30-06:00 ,1g/s 12:00-24:00, 2048/s"),
            limit(&[
                (512 << 10, 81_000, 21_600),
                (1 << 30, 43_200, 86_400),
                (2048, 0, 0)
            ])
        );
    }

    #[test]
    fn what_is_no_limit_is_refused_with_an_example() {
        for text in [
            "",
            "10MiB",
            "0/s",
            "fast/s",
            "10MiB/s 08:00",
            "10MiB/s 8:00-18:00",
            "10MiB/s 08:00-24:01",
            "10MiB/s 08:00-08:00",
            "10MiB/s 08:60-09:00",
            "10MiB/s 08:00-18:00 daily",
            "10MiB/s,",
            "10MiB/s +1:00-02:00",
        ] {
            let refused = parse_in(text, TimeZone::UTC).expect_err(text);
            assert!(refused.contains("write 10MiB/s"), "{text}: {refused}");
        }
    }
}
