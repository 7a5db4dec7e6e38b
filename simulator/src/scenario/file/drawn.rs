//! A time that is fixed (`"4h"`) or drawn, as a table: `{ median = "4.4h", sigma = 1.05 }`, `{ median = "20m", p95 =
//! "90m" }`, `{ mean = "2h" }` or `{ from = "1h", to = "3h" }`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::quantity::{Thousandths, Time};
use crate::scenario::Drawn;

/// How a time is drawn: by one of these forms.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
struct Spread {
    /// Lognormal: half are shorter. With `sigma` or `p95`.
    median: Option<Time>,
    /// Of the logarithm.
    sigma: Option<Thousandths>,
    /// 95 % are shorter.
    p95: Option<Time>,
    /// Exponential, by its mean.
    mean: Option<Time>,
    /// Even, between this
    from: Option<Time>,
    /// and this.
    to: Option<Time>,
}

/// Largest sigma, thousandths: one draw in twenty is then ten million times the median.
const SIGMA_MILLI_MAX: u64 = 10_000;

const FORMS: &str = "write { median = \"4h\", sigma = 1.05 }, { median = \"20m\", p95 = \"90m\" }, { mean = \"2h\" } or \
                     { from = \"1h\", to = \"3h\" }";

impl Spread {
    fn drawn(&self) -> Result<Drawn, String> {
        let wrong = |what: &str| format!("{what}: {FORMS}");
        let drawn = match (
            self.median,
            self.sigma,
            self.p95,
            self.mean,
            self.from,
            self.to,
        ) {
            (Some(median), Some(sigma), None, None, None, None) => Drawn::Lognormal {
                median_micros: median.0,
                sigma_milli: sigma.0,
            },
            (Some(median), None, Some(p95), None, None, None) => Drawn::Lognormal {
                median_micros: median.0,
                sigma_milli: sigma_milli(median.0, p95.0)
                    .ok_or_else(|| wrong("the median is above 0 and not above the p95"))?,
            },
            (None, None, None, Some(mean), None, None) => Drawn::Exponential(mean.0),
            (None, None, None, None, Some(from), Some(to)) if from <= to => {
                Drawn::Uniform(from.0, to.0)
            }
            (None, None, None, None, Some(_), Some(_)) => {
                return Err(wrong("`from` is above `to`"));
            }
            _ => return Err(wrong("these keys do not say how a time is drawn")),
        };
        match drawn {
            Drawn::Lognormal { sigma_milli, .. } if sigma_milli > SIGMA_MILLI_MAX => {
                Err(wrong("a sigma is at most 10"))
            }
            Drawn::Lognormal {
                median_micros: 0, ..
            }
            | Drawn::Exponential(0) => Err(wrong("a median or mean of nothing")),
            drawn => Ok(drawn),
        }
    }
}

/// The sigma, in thousandths, of a lognormal whose 95th percentile is `p95`: ln(p95 / median) / 1.644854. In whole
/// numbers, so that it is the same on every machine: the logarithm to the base of 2, bit by bit.
fn sigma_milli(median: u64, p95: u64) -> Option<u64> {
    /// Bits of the logarithm after the point: thousandths need 10, and squaring costs a few.
    const BITS: u32 = 24;
    /// 1000 x ln 2 / 1.644854, in thousandths.
    const SCALE: u128 = 421_404;
    if median == 0 || p95 < median {
        return None;
    }
    let ratio = (u128::from(p95) << 63) / u128::from(median);
    let whole = ratio.ilog2() - 63;
    let mut rest = (ratio >> (whole + 32)) as u64;
    let mut log = u128::from(whole);
    for _ in 0..BITS {
        rest = ((u128::from(rest) * u128::from(rest)) >> 31) as u64;
        let bit = rest >> 32;
        log = (log << 1) | u128::from(bit);
        rest >>= bit;
    }
    let sigma = (log * SCALE / 1000 + (1 << (BITS - 1))) >> BITS;
    u64::try_from(sigma).ok()
}

impl<'de> Deserialize<'de> for Drawn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Drawn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"4h\", or how it is drawn, such as { mean = \"2h\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Drawn, E> {
                let time: Time = text.parse().map_err(E::custom)?;
                Ok(Drawn::Fixed(time.0))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Drawn, A::Error> {
                let spread = Spread::deserialize(MapAccessDeserializer::new(map))?;
                spread.drawn().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Drawn {
    fn schema_name() -> Cow<'static, str> {
        "Drawn".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (time, spread) = (Time::json_schema(generator), Spread::json_schema(generator));
        json_schema!({
            "description": "A time that is fixed, or how it is drawn",
            "anyOf": [time, spread],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::sigma_milli;
    use crate::scenario::{Drawn, HOUR, MINUTE};

    fn read(text: &str) -> Result<Drawn, String> {
        #[derive(serde::Deserialize)]
        struct Holder {
            v: Drawn,
        }
        let read: Result<Holder, _> = toml::from_str(&format!("v = {text}"));
        read.map(|holder| holder.v)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(read("\"4h\""), Ok(Drawn::Fixed(4 * HOUR)));
        let lognormal = |median_micros, sigma_milli| Drawn::Lognormal {
            median_micros,
            sigma_milli,
        };
        let drawn = read("{ median = \"4.4h\", sigma = 1.054 }");
        assert_eq!(drawn, Ok(lognormal(264 * MINUTE, 1054)));
        // ln(4.5) / 1.644854 = 0.9144.
        let drawn = read("{ median = \"20m\", p95 = \"90m\" }");
        assert_eq!(drawn, Ok(lognormal(20 * MINUTE, 914)));
        assert_eq!(read("{ mean = \"2h\" }"), Ok(Drawn::Exponential(2 * HOUR)));
        let drawn = read("{ from = \"1h\", to = \"3h\" }");
        assert_eq!(drawn, Ok(Drawn::Uniform(HOUR, 3 * HOUR)));
        for wrong in [
            "{}",
            "4",
            "\"soon\"",
            "{ median = \"4h\" }",
            "{ mean = \"1h\", to = \"3h\" }",
            "{ from = \"3h\", to = \"1h\" }",
            "{ median = \"4h\", p95 = \"3h\" }",
            "{ median = \"0s\", p95 = \"3h\" }",
            "{ mean = \"0s\" }",
            "{ median = \"1us\", sigma = 11 }",
            "{ meen = \"1h\" }",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sigma_is_what_the_logarithm_says() {
        for median in [1, 3, 1_000, 86_400_000_000_u64] {
            for times in [1, 2, 5, 17, 1_000, 65_537_u32] {
                let expected = f64::from(times).ln() / 1.644_853_627 * 1000.0;
                let sigma = sigma_milli(median, median * u64::from(times)).expect("a sigma");
                let sigma = f64::from(u32::try_from(sigma).expect("small"));
                assert!(
                    (sigma - expected).abs() <= 1.0,
                    "{times}: {sigma}, {expected}"
                );
            }
        }
        assert!(sigma_milli(1, u64::MAX).is_some());
    }
}
