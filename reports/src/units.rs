//! Quantities as people read them: three digits, in the unit that fits.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "three digits are shown"
)]

/// Bytes in binary units.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value < 999.5 {
            return format!("{} {unit}", three(value));
        }
        value /= 1024.0;
    }
    format!("{} PiB", three(value))
}

/// Bytes a second as a link's speed, in bits.
pub(crate) fn speed(bytes_per_second: u64) -> String {
    let (value, unit) = bits(bytes_per_second);
    format!("{} {unit}", three(value))
}

/// The same, rounded up: a link that is needed.
pub(crate) fn speed_up(bytes_per_second: u64) -> String {
    let (value, unit) = bits(bytes_per_second);
    let parts = match value {
        ..10.0 => 100.0,
        10.0..100.0 => 10.0,
        _ => 1.0,
    };
    // What is whole in these digits but for the last bit of a division stays.
    format!("{} {unit}", three((value * parts - 1e-6).ceil() / parts))
}

fn bits(bytes_per_second: u64) -> (f64, &'static str) {
    let mut value = bytes_per_second as f64 * 8.0;
    for unit in ["bit/s", "kbit/s", "Mbit/s"] {
        if value < 999.5 {
            return (value, unit);
        }
        value /= 1000.0;
    }
    (value, "Gbit/s")
}

/// Bytes a second in decimal megabytes, as Azure's documents write them.
pub(crate) fn megabytes(bytes_per_second: u64) -> String {
    format!("{} MB/s", three(bytes_per_second as f64 / 1e6))
}

/// Seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    let (value, unit) = clock(seconds);
    format!("{} {unit}", three(value))
}

/// Seconds in two digits of the unit shown: one run of a busy machine knows no more.
pub(crate) fn seconds_about(seconds: f64) -> String {
    let (value, unit) = clock(seconds);
    if value >= 100.0 {
        return format!("{:.0} {unit}", (value / 10.0).round() * 10.0);
    }
    let text = if value >= 9.95 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    };
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// How long ago or how long until, in the unit that fits up to days.
pub(crate) fn age(seconds: u64) -> String {
    if seconds >= 2 * 86_400 {
        return format!("{} days", three((seconds / 8640) as f64 / 10.0));
    }
    seconds_about(seconds as f64)
}

/// An instant in UTC, to the minute.
pub(crate) fn instant(seconds: i64) -> String {
    let at = jiff::Timestamp::from_second(seconds);
    at.map_or_else(
        |_| "at an unknown time".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// A share in percent, cut off and not rounded: 100 % is all.
pub(crate) fn share(part: u64, of: u64) -> String {
    if of == 0 || part >= of {
        return "100 %".to_owned();
    }
    let thousandths = u128::from(part) * 1000 / u128::from(of);
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// A time in the unit that fits.
fn clock(seconds: f64) -> (f64, &'static str) {
    if seconds <= 0.0 {
        (0.0, "s")
    } else if seconds < 0.000_999_5 {
        (seconds * 1e6, "µs")
    } else if seconds < 0.9995 {
        (seconds * 1e3, "ms")
    } else if seconds < 120.0 {
        (seconds, "s")
    } else if seconds < 7200.0 {
        (seconds / 60.0, "min")
    } else {
        (seconds / 3600.0, "h")
    }
}

/// Money, with enough digits to tell small sums from nothing.
pub(crate) fn money(value: f64, currency: &str) -> String {
    // Not -0.0.
    let value = value + 0.0;
    let digits = if value <= 0.0 || value >= 1.0 {
        2
    } else {
        (1.0 - value.log10().floor()).clamp(2.0, 8.0) as usize
    };
    with_currency(&thousands(&format!("{value:.digits$}")), currency)
}

/// Puts a currency's sign before or its code behind a sum.
pub(crate) fn with_currency(sum: &str, currency: &str) -> String {
    match currency {
        "USD" => format!("${sum}"),
        "EUR" => format!("€{sum}"),
        "GBP" => format!("£{sum}"),
        _ => format!("{sum} {currency}"),
    }
}

/// A fraction in percent, rounded up (but not for the last bit of a division): whole ones from 1 on.
pub(crate) fn percent(fraction: f64) -> String {
    let parts = if fraction < 0.01 { 1000.0 } else { 100.0 };
    let rounded = (fraction * parts - 1e-6).ceil().abs();
    format!("{} %", rounded * 100.0 / parts)
}

/// A count with thousands set apart.
pub(crate) fn count(count: u64) -> String {
    thousands(&count.to_string())
}

/// The text without control characters, which have no place on terminals and in XML.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// The text with numbers bound to their units, so that no line breaks between them.
pub(crate) fn bound(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(' ') {
        if !out.is_empty() {
            let number = out.ends_with(|c: char| c.is_ascii_digit());
            let unit = word.chars().filter(|c| !c.is_ascii_punctuation()).count() <= 3;
            out.push(if number && unit { '\u{a0}' } else { ' ' });
        }
        out += word;
    }
    out
}

fn thousands(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

fn three(value: f64) -> String {
    if value >= 99.95 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::{
        age, bound, bytes, count, instant, megabytes, money, percent, plain, seconds,
        seconds_about, share, speed, speed_up,
    };

    #[test]
    fn ages_instants_and_shares_read_well() {
        for (value, expected) in [
            (59, "59 s"),
            (7200, "2 h"),
            (93_600, "26 h"),
            (216_000, "2.50 days"),
        ] {
            assert_eq!(age(value), expected);
        }
        assert_eq!(instant(1_795_500_000), "2026-11-24 06:00 UTC");
        assert_eq!(instant(i64::MAX), "at an unknown time");
        for (part, of, expected) in [
            (0, 0, "100 %"),
            (0, 5, "0.0 %"),
            (99_999, 100_000, "99.9 %"),
            (5, 5, "100 %"),
        ] {
            assert_eq!(share(part, of), expected);
        }
    }

    #[test]
    fn bytes_read_well() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "0.98 KiB"),
            (1536, "1.50 KiB"),
            (250 << 20, "250 MiB"),
            (1_288_490_189, "1.20 GiB"),
            (u64::MAX, "16384 PiB"),
        ];
        for (value, expected) in cases {
            assert_eq!(bytes(value), expected);
        }
    }

    #[test]
    fn speeds_read_well() {
        let cases = [
            (124, "992 bit/s", "992 bit/s"),
            (125, "1 kbit/s", "1 kbit/s"),
            (1_250_000, "10 Mbit/s", "10 Mbit/s"),
            (1_775_001, "14.2 Mbit/s", "14.3 Mbit/s"),
            (1_137_600, "9.10 Mbit/s", "9.11 Mbit/s"),
            (125_000_000, "1 Gbit/s", "1 Gbit/s"),
        ];
        for (value, expected, up) in cases {
            assert_eq!(speed(value), expected);
            assert_eq!(speed_up(value), up);
        }
        assert_eq!(megabytes(54_000_000), "54 MB/s");
    }

    #[test]
    fn times_read_well() {
        let cases = [
            (0.0, "0 s", "0 s"),
            (0.000_012_34, "12.3 µs", "12 µs"),
            (0.0423, "42.3 ms", "42 ms"),
            (0.9999, "1.00 s", "1 s"),
            (1.287, "1.29 s", "1.3 s"),
            (300.0, "5 min", "5 min"),
            (0.1149, "115 ms", "110 ms"),
            (0.995, "995 ms", "1000 ms"),
            (9000.0, "2.50 h", "2.5 h"),
            // In two digits of seconds it would be 14000 s, which is 3.9 h.
            (13_500.0, "3.75 h", "3.8 h"),
            (35_900.0, "9.97 h", "10 h"),
            (360_000.0, "100 h", "100 h"),
        ];
        for (value, expected, about) in cases {
            assert_eq!(seconds(value), expected);
            assert_eq!(seconds_about(value), about, "about {value}");
        }
    }

    #[test]
    fn money_reads_well() {
        let cases = [
            (0.0, "USD", "$0.00"),
            (-0.0, "USD", "$0.00"),
            (0.000_691, "USD", "$0.00069"),
            (0.12, "USD", "$0.12"),
            (12.5, "EUR", "€12.50"),
            (1_234_567.891, "CHF", "1,234,567.89 CHF"),
        ];
        for (value, currency, expected) in cases {
            assert_eq!(money(value, currency), expected);
        }
        assert_eq!(
            (count(999).as_str(), count(1000).as_str()),
            ("999", "1,000")
        );
    }

    #[test]
    fn fractions_read_well() {
        let cases = [
            (0.0, "0 %"),
            (0.005, "0.5 %"),
            (0.0051, "0.6 %"),
            (0.03, "3 %"),
            (0.1001, "11 %"),
            (2.5, "250 %"),
        ];
        for (value, expected) in cases {
            assert_eq!(percent(value), expected);
        }
    }

    #[test]
    fn numbers_keep_their_units() {
        assert_eq!(
            bound("took 1.5 s; kept 3 MiB, of 3 points 4 %."),
            "took 1.5\u{a0}s; kept 3\u{a0}MiB, of 3 points 4\u{a0}%."
        );
        assert_eq!(bound(""), "");
    }

    #[test]
    fn control_characters_are_not_passed_on() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
