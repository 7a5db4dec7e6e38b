//! What the page says in words around its tables.

use simulator::outcome::SourceKind;

use crate::document::Document;
use crate::noise::Noise;
use crate::units;

/// The data, and how it was taken.
pub(super) struct About {
    pub(super) generations: usize,
    pub(super) kind: &'static str,
    pub(super) newest: String,
    pub(super) started: String,
    pub(super) blocks: String,
    pub(super) gigabyte: String,
    pub(super) redundancy: String,
    pub(super) seed: String,
    pub(super) cache: &'static str,
}

impl About {
    pub(super) fn of(document: &Document) -> Self {
        let series = &document.series;
        let newest = series.generations.last();
        let one = series.generations.len() == 1;
        Self {
            generations: series.generations.len(),
            kind: match series.kind {
                SourceKind::Tree if one => "folder",
                SourceKind::Tree => "folders",
                SourceKind::Disk if one => "disk",
                SourceKind::Disk => "disks",
            },
            newest: units::bytes(newest.map_or(0, |last| last.logical_bytes)),
            started: instant(&document.started_at),
            blocks: match (series.block_bytes, series.chunk_bytes_mean) {
                (Some(block), _) => format!("fixed, {} each", units::bytes(block)),
                (_, Some(mean)) => format!("cut by content, about {} each", units::bytes(mean)),
                _ => "of a size that was not told".to_owned(),
            },
            gigabyte: units::count(document.gigabyte_bytes),
            redundancy: document.redundancy.name().to_uppercase(),
            seed: match document.seed {
                Some(seed) => seed.to_string(),
                None => "none, this is your own data".to_owned(),
            },
            cache: if document.warmed {
                "Every state was read once before the clock ran, so that no method found a colder \
                 disk than another. Restores read packs that had just been written and may have \
                 been in memory: from a cold disk or across a network they take longer."
            } else {
                "The data is larger than half of the free memory and was not read beforehand: one \
                 method may have found more of it in memory than another."
            },
        }
    }
}

/// An RFC 3339 instant as people write it; any other text as it is.
fn instant(text: &str) -> String {
    let parts = text.strip_suffix('Z').and_then(|rest| rest.split_once('T'));
    match parts {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => text.to_owned(),
    }
}

/// What a method does, for a reader who doesn't know the name.
pub(super) fn gloss(method: &str) -> &'static str {
    match method {
        "full" => "everything, every time",
        "differential" => "changes since last full",
        "incremental" => "changes since last point",
        "synthetic-full" => "changes; fulls made in the vault",
        "forever" => "one full, then changes",
        _ => "",
    }
}

/// How close is about the same, and why.
pub(super) fn ties(document: &Document) -> String {
    let noise = Noise::of(document);
    let cut = match document.series.kind {
        SourceKind::Tree => " (contents are cut at places that differ from vault to vault)",
        SourceKind::Disk => "",
    };
    format!(
        "Two values are about the same and share the mark where bytes or money are within {}{cut}, \
         restore times within {}, or backup times within {}. So far apart, and at least 10 %, were \
         in this run the backups and restores of the first point, which is the same full with every \
         method. Memory has no best: a process keeps what it once took, so that a method further \
         down shows more.",
        units::percent(noise.bytes),
        units::percent(noise.restore),
        units::percent(noise.backup)
    )
}

/// What a synthetic full hides behind the bytes sent; empty where nothing was copied.
pub(super) fn copied(document: &Document) -> String {
    let copies = document.methods.iter().filter_map(|method| {
        let copied = method.totals.copied_bytes;
        let name = units::plain(&method.method);
        (copied > 0).then(|| format!("{name} also copied {} in its vault", units::bytes(copied)))
    });
    let copies: Vec<String> = copies.collect();
    if copies.is_empty() {
        return String::new();
    }
    format!(
        "Beside what was sent, {}: where the vault is across a network, that goes down and up again.",
        copies.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{About, copied, gloss, instant, ties};
    use crate::sample::{USUAL, comparison, document, price};

    #[test]
    fn instants_read_well() {
        assert_eq!(instant("2026-11-24T03:00:00Z"), "2026-11-24 03:00:00 UTC");
        assert_eq!(instant("yesterday"), "yesterday");
    }

    #[test]
    fn ties_tell_the_noise_of_the_run() {
        let mut rows = comparison(&USUAL);
        rows.methods[0].restores[0].wall_micros *= 2;
        let ties = ties(&price(&rows));
        for part in [
            "within 0.6 % (contents",
            "restore times within 100 %",
            "backup times within 10 %",
        ] {
            assert!(ties.contains(part), "no {part:?} in {ties}");
        }
    }

    #[test]
    fn what_is_copied_is_told() {
        let mut rows = comparison(&USUAL);
        assert_eq!(copied(&price(&rows)), "");
        rows.methods[2].points[1].copied_bytes = 7 << 20;
        assert!(copied(&price(&rows)).contains("incremental also copied 7 MiB in its vault"));
    }

    #[test]
    fn the_data_is_described() {
        let about = About::of(&document(&USUAL));
        assert_eq!((about.generations, about.kind), (3, "folders"));
        assert_eq!(
            (about.newest.as_str(), about.seed.as_str()),
            ("191 MiB", "7")
        );
        assert_eq!(about.blocks, "cut by content, about 4 KiB each");
        assert_eq!(about.redundancy, "LRS");
        assert!(about.cache.starts_with("Every state was read once"));
        let mut cold = document(&USUAL);
        cold.warmed = false;
        assert!(About::of(&cold).cache.contains("was not read beforehand"));
        for sample in &USUAL {
            assert!(!gloss(sample.name).is_empty(), "{}", sample.name);
        }
        assert_eq!(gloss("tape"), "");
    }
}
