//! How long a restore will take, by what an earlier one took. The model, in words: opening the vault
//! takes as long as before; reading manifests, index and listing as long per item as before; content
//! takes the requests' latency, as many at once as a restore sends, plus bytes at the rate seen, plus
//! opening and writing at the rates seen. Waiting counts, not work: what overlaps is told of that which
//! was waited for.

use crate::format::drill::Measured;
use crate::restore::{FETCHES_MAX, Part};

/// A prediction, part by part, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Predicted {
    /// Opening the vault.
    pub vault_micros: u64,
    /// Reading manifests.
    pub catalog_micros: u64,
    /// Reading the index.
    pub index_micros: u64,
    /// Reading the listing.
    pub listing_micros: u64,
    /// Waiting for content.
    pub fetch_micros: u64,
    /// Waiting for it to be opened.
    pub open_micros: u64,
    /// Waiting for it to be written.
    pub write_micros: u64,
    /// Holding it against the listing.
    pub validate_micros: u64,
}

impl Predicted {
    /// All of it.
    pub fn total_micros(&self) -> u64 {
        self.vault_micros
            + self.catalog_micros
            + self.index_micros
            + self.listing_micros
            + self.fetch_micros
            + self.open_micros
            + self.write_micros
            + self.validate_micros
    }
}

/// Predicts what `work` takes (its times are not looked at) by what `known` took.
pub fn predict(work: &Measured, known: &Measured) -> Predicted {
    let latency = |requests: u64| requests * known.request_micros / FETCHES_MAX as u64;
    let base = latency(known.requests);
    let fetch_micros = if known.requests == 0 || known.fetch_micros > base {
        let moving = known.fetch_micros.saturating_sub(base);
        latency(work.requests) + scaled(moving, work.fetched_bytes, known.fetched_bytes)
    } else {
        // Latency hid behind the opening of what had come.
        scaled(known.fetch_micros, work.requests, known.requests)
    };
    let by_content = |micros| scaled(micros, work.content_bytes, known.content_bytes);
    Predicted {
        vault_micros: known.vault_micros,
        catalog_micros: scaled(known.catalog_micros, work.manifests, known.manifests),
        index_micros: scaled(known.index_micros, work.blobs, known.blobs),
        listing_micros: scaled(known.listing_micros, work.entries, known.entries),
        fetch_micros,
        open_micros: by_content(known.open_micros),
        write_micros: by_content(known.write_micros),
        validate_micros: by_content(known.validate_micros),
    }
}

/// What the first part of a restore tells: all before its content as it was, of the content the part.
/// What holding it against the listing takes, it can't tell yet.
pub fn from_part(begun: &Measured, part: &Part) -> Measured {
    Measured {
        requests: part.requests,
        fetched_bytes: part.fetched_bytes,
        fetch_micros: part.fetch_micros,
        content_bytes: part.content_bytes,
        open_micros: part.work_micros,
        write_micros: 0,
        validate_micros: 0,
        ..*begun
    }
}

/// Several drills as one: together they tell rates with less chance in them than the last alone.
pub fn pooled(drills: &[Measured]) -> Measured {
    let sum = |field: fn(&Measured) -> u64| drills.iter().map(field).fold(0, u64::saturating_add);
    let mean = |field| sum(field) / (drills.len() as u64).max(1);
    Measured {
        points: sum(|one| one.points),
        vault_micros: mean(|one| one.vault_micros),
        manifests: sum(|one| one.manifests),
        catalog_micros: sum(|one| one.catalog_micros),
        blobs: sum(|one| one.blobs),
        index_micros: sum(|one| one.index_micros),
        entries: sum(|one| one.entries),
        listing_micros: sum(|one| one.listing_micros),
        request_micros: mean(|one| one.request_micros),
        requests: sum(|one| one.requests),
        fetched_bytes: sum(|one| one.fetched_bytes),
        fetch_micros: sum(|one| one.fetch_micros),
        content_bytes: sum(|one| one.content_bytes),
        open_micros: sum(|one| one.open_micros),
        write_micros: sum(|one| one.write_micros),
        validate_micros: sum(|one| one.validate_micros),
    }
}

fn scaled(micros: u64, of: u64, known: u64) -> u64 {
    let scaled = u128::from(micros) * u128::from(of) / u128::from(known.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{from_part, pooled, predict};
    use crate::format::drill::Measured;
    use crate::restore::Part;

    const KNOWN: Measured = Measured {
        points: 1,
        vault_micros: 100,
        manifests: 2,
        catalog_micros: 20,
        blobs: 10,
        index_micros: 30,
        entries: 5,
        listing_micros: 50,
        request_micros: 8,
        requests: 10,
        fetched_bytes: 1000,
        fetch_micros: 120,
        content_bytes: 2000,
        open_micros: 200,
        write_micros: 400,
        validate_micros: 600,
    };

    #[test]
    fn the_same_again_takes_as_long_again() {
        let again = predict(&KNOWN, &KNOWN);
        assert_eq!(
            again.total_micros(),
            100 + 20 + 30 + 50 + 120 + 200 + 400 + 600
        );
    }

    #[test]
    fn requests_cost_latency_and_bytes_their_rate() {
        let twice_the_bytes = predict(
            &Measured {
                fetched_bytes: 2000,
                ..KNOWN
            },
            &KNOWN,
        );
        assert_eq!(twice_the_bytes.fetch_micros, 20 + 200, "latency as before");
        let twice_the_requests = predict(
            &Measured {
                requests: 20,
                ..KNOWN
            },
            &KNOWN,
        );
        assert_eq!(twice_the_requests.fetch_micros, 40 + 100);
        let hidden = Measured {
            fetch_micros: 10,
            ..KNOWN
        };
        let work = Measured {
            requests: 30,
            ..KNOWN
        };
        assert_eq!(predict(&work, &hidden).fetch_micros, 30);
        let nothing = Measured {
            requests: 0,
            fetched_bytes: 0,
            content_bytes: 0,
            ..KNOWN
        };
        assert_eq!(
            predict(
                &KNOWN,
                &Measured {
                    fetch_micros: 0,
                    ..nothing
                }
            )
            .fetch_micros,
            20
        );
    }

    #[test]
    fn several_drills_predict_their_mean() {
        let slow = Measured {
            vault_micros: 300,
            fetch_micros: 320,
            open_micros: 600,
            ..KNOWN
        };
        let both = predict(&KNOWN, &pooled(&[KNOWN, slow]));
        assert_eq!(both.vault_micros, 200);
        assert_eq!(both.fetch_micros, 220);
        assert_eq!(both.open_micros, 400);
        assert_eq!(both.listing_micros, KNOWN.listing_micros);
        assert_eq!(pooled(&[KNOWN]), KNOWN);
        assert_eq!(pooled(&[]), Measured::default());
    }

    #[test]
    fn the_first_part_stands_for_the_rest() {
        let part = Part {
            fetch_micros: 12,
            work_micros: 60,
            requests: 1,
            fetched_bytes: 100,
            content_bytes: 200,
        };
        let predicted = predict(&KNOWN, &from_part(&KNOWN, &part));
        assert_eq!(predicted.fetch_micros, 20 + 100);
        assert_eq!(predicted.open_micros, 600);
        assert_eq!(predicted.validate_micros, 0);
    }
}
