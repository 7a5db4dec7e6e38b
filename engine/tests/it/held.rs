//! Backups of disks at an instant that is held: the same point as one of the whole disk read anew, whatever the
//! method, and only what may have changed is read.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::backup::{self, Changed, HeldDisk, HeldDisks, HoldDisks, Outcome, Quiet, Reading};
use engine::format::point::{Consistency, Instant, Method};
use engine::ids::ObjectId;
use engine::seam::{AsItIs, FileDevice};
use engine::source::{CHANGED_PIECE_BYTES as PIECE, ChangedBlocks};
use engine::units::Timestamp;
use engine::vault::Vault;
use rand::{RngExt, SeedableRng};

use crate::support::{block_on, memory, new_vault, noise, request, restore_to};

const SIZE: u64 = 40 * PIECE + 1000;

/// An image of which it is known what changed since which instant.
struct Protected<'a> {
    image: &'a Path,
    instants: Vec<(ObjectId, Vec<u8>)>,
    captured: Option<(Timestamp, Consistency)>,
    asked: Mutex<Option<Instant>>,
}

impl Protected<'_> {
    fn instant(&self) -> Instant {
        let (mark, _) = self.instants.last().expect("an instant");
        Instant {
            group: ObjectId([7; 16]),
            generation: 1,
            batch: None,
            mark: Some(*mark),
            ended: None,
        }
    }

    fn changed(&self, since: Option<Instant>) -> Changed {
        let known = since.and_then(|since| {
            let mut known = self.instants.iter();
            known.find(|(mark, _)| Some(*mark) == since.mark)
        });
        let (Some((_, then)), Some((_, now))) = (known, self.instants.last()) else {
            return Changed::Unknown("the instant is not known".to_owned());
        };
        let mut changed = ChangedBlocks::of(SIZE);
        for (at, (then, now)) in then.iter().zip(now).enumerate() {
            if then != now {
                changed.mark(at as u64, 1);
            }
        }
        Changed::Only(changed)
    }
}

#[async_trait]
impl HoldDisks for Protected<'_> {
    async fn hold(&self, since: Option<Instant>) -> engine::Result<HeldDisks> {
        *self.asked.lock().expect("no panic") = since;
        Ok(HeldDisks {
            instant: self.instant(),
            captured: self.captured,
            disks: vec![HeldDisk {
                name: "disk.img".to_owned(),
                device: Arc::new(FileDevice::open(self.image, false)?),
                changed: self.changed(since),
            }],
        })
    }
}

async fn held(vault: &Vault, disks: &Protected<'_>, method: Method) -> (Outcome, Reading) {
    let request = request(disks.image, method, PIECE / 2);
    let made = backup::run_held(vault, &request, disks, &AsItIs, &Quiet).await;
    let (outcome, mut readings) = made.expect("a backup");
    (outcome, readings.pop().expect("one disk"))
}

/// Writes, zeroes and holes at random.
fn change(content: &mut [u8], rng: &mut rand_chacha::ChaCha8Rng) {
    for _ in 0..rng.random_range(0..4) {
        let length = rng.random_range(1..3 * PIECE);
        let from = rng.random_range(0..SIZE - length) as usize;
        let into = &mut content[from..from + length as usize];
        match rng.random_range(0..3) {
            0 => into.fill(0),
            _ => into.copy_from_slice(&noise(rng.random(), length as usize)),
        }
    }
}

/// An image with holes where it has zeros.
fn write_sparse(image: &Path, content: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::create(image).expect("an image");
    file.set_len(SIZE).expect("its size");
    for (at, bytes) in (0..).step_by(4096).zip(content.chunks(4096)) {
        if bytes.iter().any(|byte| *byte != 0) {
            file.write_all_at(bytes, at).expect("it is written");
        }
    }
}

async fn play(seed: u64, method: Method) {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("disk.img");
    let vault = new_vault(&memory()).await;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut content = vec![0; SIZE as usize];
    let mut disks = Protected {
        image: &image,
        instants: Vec::new(),
        captured: None,
        asked: Mutex::default(),
    };
    for turn in 0..6_u8 {
        change(&mut content, &mut rng);
        write_sparse(&image, &content);
        disks.instants.push((ObjectId([turn; 16]), content.clone()));
        if rng.random_ratio(1, 6) {
            // The site has forgotten all but this.
            disks
                .instants
                .drain(..usize::from(disks.instants.len() > 1));
        }
        let (outcome, reading) = held(&vault, &disks, method).await;
        let what = format!("seed {seed}, {method}, turn {turn}: {reading:?}");
        assert_eq!(outcome.manifest.instant, Some(disks.instant()), "{what}");
        let read = outcome.manifest.statistics.read_bytes;
        assert_eq!(read, reading.read_bytes, "{what}");
        match reading.changed_bytes {
            Some(changed) => assert_eq!(read, changed, "{what}"),
            None => assert!(reading.scanned.is_some() && read <= SIZE, "{what}"),
        }
        let target = folder.path().join(format!("back{turn}"));
        restore_to(&vault, &outcome.point.to_string(), &target)
            .await
            .expect("it is back");
        assert!(std::fs::read(&target).expect("it") == content, "{what}");
        // A disk that was read anew has the very same listing.
        let mut scan = request(&image, Method::Forever, PIECE / 2);
        "scan".clone_into(&mut scan.request.instance);
        let scan = backup::run(&vault, &scan, &AsItIs, &Quiet).await;
        let scan = scan.expect("a backup").manifest;
        assert_eq!(scan.listing, outcome.manifest.listing, "{what}");
    }
}

#[test]
fn what_is_read_by_a_map_is_what_a_scan_reads() {
    block_on(async {
        for seed in 0..3 {
            for method in Method::ALL {
                play(seed, method).await;
            }
        }
    });
}

#[test]
fn the_instant_that_is_built_on_is_asked_for_and_its_time_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = folder.path().join("disk.img");
    std::fs::write(&image, noise(1, SIZE as usize)).expect("an image");
    block_on(async {
        let vault = new_vault(&memory()).await;
        let captured = Timestamp {
            seconds: 1_700_000_000,
            nanos: 5,
        };
        let mut disks = Protected {
            image: &image,
            instants: vec![(ObjectId([1; 16]), noise(1, SIZE as usize))],
            captured: Some((captured, Consistency::Application)),
            asked: Mutex::default(),
        };
        let (full, reading) = held(&vault, &disks, Method::Differential).await;
        assert_eq!(reading.read_bytes, SIZE, "{reading:?}");
        assert_eq!(full.manifest.captured, captured);
        assert_eq!(full.manifest.consistency(), Consistency::Application);
        for mark in [2, 3] {
            disks
                .instants
                .push((ObjectId([mark; 16]), noise(1, SIZE as usize)));
            disks.captured = None;
            let (differential, reading) = held(&vault, &disks, Method::Differential).await;
            assert_eq!(reading.read_bytes, 0, "nothing changed: {reading:?}");
            let asked = disks.asked.lock().expect("no panic").expect("an instant");
            assert_eq!(asked.mark, Some(ObjectId([1; 16])), "that of the full");
            assert!(differential.manifest.captured > captured, "by the store's");
        }
        let (_, reading) = held(&vault, &disks, Method::Full).await;
        assert_eq!(reading.read_bytes, SIZE, "{reading:?}");
        let why = reading.scanned.expect("a reason");
        assert!(why.contains("no point before"), "{why}");
    });
}
