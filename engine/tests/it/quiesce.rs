//! A source that is held still: read after the freeze and before the thaw, let go whatever happens, and
//! a point that says truly what it can be relied on to be.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use engine::backup::{self, Quiet};
use engine::format::point::{Consistency, Method};
use engine::seam::{Clock, Held, Quiesce, Store, WallClock};
use engine::units::Timestamp;
use engine::vault::{Catalog, Vault};
use engine::{Error, ErrorKind, Result};
use object_store::path::Path as Place;

use crate::support::{block_on, memory, new_vault, noise, request, restore_to};

/// Writes what is done to it into the source, and answers as it is told.
struct Recorded {
    source: PathBuf,
    store: Store,
    freeze: Result<()>,
    thaw: Result<Consistency>,
    done: Mutex<Vec<(&'static str, Timestamp)>>,
}

impl Recorded {
    fn new(source: &Path, store: &Store) -> Self {
        Self {
            source: source.to_owned(),
            store: store.clone(),
            freeze: Ok(()),
            thaw: Ok(Consistency::Application),
            done: Mutex::default(),
        }
    }

    fn note(&self, what: &'static str) {
        // It may be gone: that is what one test is about.
        let _ = fs::write(self.source.join("state"), what).is_ok();
        let mut done = self.done.lock().expect("no panic");
        done.push((what, WallClock.now()));
    }

    fn order(&self) -> Vec<&'static str> {
        let done = self.done.lock().expect("no panic");
        done.iter().map(|(what, _)| *what).collect()
    }
}

fn again<T: Copy>(answer: &Result<T>) -> Result<T> {
    match answer {
        Ok(answer) => Ok(*answer),
        Err(error) => Err(Error::new(error.kind(), error.to_string())),
    }
}

impl Quiesce for Recorded {
    fn freeze(&self) -> Held<'_, ()> {
        Box::pin(async {
            self.note("frozen");
            again(&self.freeze)
        })
    }

    fn thaw(&self) -> Held<'_, Consistency> {
        Box::pin(async {
            self.note("thawed");
            let points = Place::from("points");
            let points = self.store.list_with_delimiter(Some(&points)).await;
            let points = points.expect("a list").objects;
            assert!(points.is_empty(), "nothing is held for the manifest");
            again(&self.thaw)
        })
    }
}

fn source(folder: &Path) -> PathBuf {
    let source = folder.join("source");
    fs::create_dir(&source).expect("a folder");
    fs::write(source.join("large"), noise(1, 3_000_000)).expect("a file");
    fs::write(source.join("state"), "running").expect("a file");
    source
}

async fn back_up(vault: &Vault, quiesce: &Recorded) -> Result<backup::Outcome> {
    let request = request(&quiesce.source, Method::Forever, 4096);
    backup::run(vault, &request, quiesce, &Quiet).await
}

#[test]
fn what_is_read_lies_between_freeze_and_thaw() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = source(folder.path());
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        let quiesce = Recorded::new(&source, &store);
        let outcome = back_up(&vault, &quiesce).await.expect("a backup");
        assert_eq!(quiesce.order(), ["frozen", "thawed"]);
        let target = folder.path().join("target");
        let point = outcome.point.to_string();
        restore_to(&vault, &point, &target)
            .await
            .expect("it is back");
        assert_eq!(fs::read(target.join("state")).expect("it"), b"frozen");
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let manifest = &catalog.resolve(&point).expect("the point").manifest;
        assert_eq!(manifest.consistency(), Consistency::Application);
        let instants: Vec<Timestamp> = {
            let done = quiesce.done.lock().expect("no panic");
            done.iter().map(|(_, at)| *at).collect()
        };
        assert!(instants[0] <= manifest.captured && manifest.captured <= instants[1]);
    });
}

#[test]
fn the_point_says_what_thaw_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = source(folder.path());
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        let mut quiesce = Recorded::new(&source, &store);
        quiesce.thaw = Ok(Consistency::Crash);
        let outcome = back_up(&vault, &quiesce).await.expect("a backup");
        assert_eq!(outcome.manifest.consistency(), Consistency::Crash);
    });
}

type Plant = fn(&mut Recorded, Error);

#[test]
fn whatever_fails_the_source_is_let_go_and_no_point_is_made() {
    let failed = || Error::new(ErrorKind::Unavailable, "no answer");
    let plants: [(&str, ErrorKind, Plant); 3] = [
        ("freeze", ErrorKind::Unavailable, |quiesce, error| {
            quiesce.freeze = Err(error);
        }),
        ("thaw", ErrorKind::Unavailable, |quiesce, error| {
            quiesce.thaw = Err(error);
        }),
        ("reading", ErrorKind::NotFound, |quiesce, _| {
            // A source that is gone when it is to be read.
            fs::remove_dir_all(&quiesce.source).expect("it was there");
        }),
    ];
    for (what, kind, plant) in plants {
        let folder = tempfile::tempdir().expect("a folder");
        let source = source(folder.path());
        block_on(async {
            let store = memory();
            let vault = new_vault(&store).await;
            let mut quiesce = Recorded::new(&source, &store);
            let request = request(&source, Method::Forever, 4096);
            plant(&mut quiesce, failed());
            let error = backup::run(&vault, &request, &quiesce, &Quiet).await;
            assert_eq!(error.expect_err("it fails").kind(), kind, "{what}");
            assert_eq!(quiesce.order(), ["frozen", "thawed"], "{what}");
            let catalog = Catalog::load(&vault).await.expect("a catalog");
            assert!(catalog.points().is_empty(), "{what}");
        });
    }
}
