//! Quantities as people read them.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "three digits are shown"
)]

/// Bytes in binary units, three digits.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1000.0 || unit == "TiB" {
            return format!("{} {unit}", three(value));
        }
        value /= 1024.0;
    }
    String::new()
}

/// Seconds in the unit that fits.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 0.001 {
        format!("{} µs", three(seconds * 1e6))
    } else if seconds < 1.0 {
        format!("{} ms", three(seconds * 1e3))
    } else if seconds < 120.0 {
        format!("{} s", three(seconds))
    } else if seconds < 7200.0 {
        format!("{} min", three(seconds / 60.0))
    } else {
        format!("{} h", three(seconds / 3600.0))
    }
}

/// Money with enough digits to tell small sums from nothing.
pub(crate) fn money(value: f64, currency: &str) -> String {
    let digits = if value == 0.0 || value >= 1.0 {
        2
    } else {
        (1.0 - value.log10().floor()).clamp(2.0, 8.0) as usize
    };
    let sum = format!("{value:.digits$}");
    if currency == "USD" {
        format!("${sum}")
    } else {
        format!("{sum} {currency}")
    }
}

fn three(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, money, seconds};

    #[test]
    fn quantities_read_well() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.50 KiB");
        assert_eq!(bytes(250 << 20), "250 MiB");
        assert_eq!(seconds(0.0423), "42.3 ms");
        assert_eq!(seconds(300.0), "5 min");
        assert_eq!(money(0.0, "USD"), "$0.00");
        assert_eq!(money(0.001_23, "USD"), "$0.0012");
        assert_eq!(money(12.5, "EUR"), "12.50 EUR");
    }
}
