//! What the machines do: back up, copy, delete, bring back, prune, read; and what is true of every point.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use engine::backup::{self, Quiet};
use engine::copy;
use engine::deletion;
use engine::format::keyslot::{DAY_SECONDS, Terms};
use engine::format::point::Method;
use engine::ids::PointId;
use engine::prune::{self, Limits};
use engine::restore;
use engine::seam::{AsItIs, Store, World};
use engine::vault::{Catalog, Vault};

use super::world::{Shared, Tasks, View};
use crate::support::{
    CHEAP, PASSPHRASE, back_up, block_on, memory, new_vault as vault_in, request,
};

/// Short, so that what was deleted is removed while others are at work.
pub(crate) const TERMS: Terms = Terms {
    soft_delete_seconds: 2 * DAY_SECONDS,
    grace_seconds: DAY_SECONDS,
};

/// A file's name and what is in it.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What is known of points.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// What acknowledged ones hold.
    pub(crate) files: BTreeMap<PointId, Files>,
    /// Those that somebody asked to delete, acknowledged or not: a backup may make a point that is
    /// deleted before it has said so.
    pub(crate) fates: BTreeMap<PointId, Fate>,
}

impl Known {
    pub(crate) fn fate(&self, point: PointId) -> Fate {
        self.fates.get(&point).copied().unwrap_or(Fate::Live)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nobody asked for it to be deleted, or not since it was brought back.
    Live,
    /// A deletion was acknowledged, or asked for: then.
    Deleted(i128),
}

pub(crate) type Book = Arc<Mutex<Known>>;

/// A machine: its main task and those beside it.
pub(crate) struct Machine {
    main: Pin<Box<dyn Future<Output = ()>>>,
    tasks: Tasks,
    pub(crate) done: bool,
}

impl Machine {
    pub(crate) fn new(tasks: Tasks, main: impl Future<Output = ()> + 'static) -> Self {
        Self {
            main: Box::pin(main),
            tasks,
            done: false,
        }
    }

    /// Goes as far as it can without the store.
    pub(crate) fn go(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        // Twice: a task beside the main one may have answered it.
        for _ in 0..2 {
            if !self.done && self.main.as_mut().poll(&mut context).is_ready() {
                self.done = true;
            }
            let mut tasks = std::mem::take(&mut *self.tasks.0.lock().expect("tasks"));
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            self.tasks.0.lock().expect("tasks").extend(tasks);
        }
    }
}

pub(crate) fn world_and_tasks(
    shared: &Shared,
    number: usize,
    skew: i64,
    view: View,
) -> (World, Tasks) {
    shared.machine(number, skew, view)
}

/// Backs a folder up again and again, its files changing between.
pub(crate) async fn write(world: World, shared: Shared, folder: PathBuf, book: Book, rounds: u64) {
    for _ in 0..rounds {
        let idle = shared.lock().draw.below(DAY_SECONDS);
        world.clock.sleep(Duration::from_secs(idle)).await;
        let files = change(&shared, &folder);
        let Ok(vault) = Vault::open(world.clone(), PASSPHRASE).await else {
            continue;
        };
        let method = match shared.lock().draw.below(8) {
            0 => Method::Full,
            1 => Method::Incremental,
            2 => Method::Differential,
            3 => Method::SyntheticFull,
            _ => Method::Forever,
        };
        let mut request = request(&folder, method, 512);
        request.request.instance = folder.display().to_string();
        if let Ok(made) = backup::run(&vault, &request, &AsItIs, &Quiet).await {
            let mut book = book.lock().expect("the book");
            book.files.insert(made.point, files);
        }
    }
}

/// Another vault, whole and in nobody's way, and what its points hold.
pub(crate) fn elsewhere() -> &'static (Store, Vec<(PointId, Files)>) {
    static ELSEWHERE: OnceLock<(Store, Vec<(PointId, Files)>)> = OnceLock::new();
    ELSEWHERE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let shared = Shared::new(1);
        let store = memory();
        block_on(async {
            let vault = vault_in(&store).await;
            let mut points = Vec::new();
            for method in Method::ALL.into_iter().cycle().take(8) {
                let files = change(&shared, &folder.path().join("source"));
                let made = back_up(&vault, &folder.path().join("source"), method, 512).await;
                points.push((made.point, files));
            }
            (store, points)
        })
    })
}

/// Copies some points of the other vault again and again.
pub(crate) async fn copy(
    world: World,
    shared: Shared,
    (store, points): &'static (Store, Vec<(PointId, Files)>),
    book: Book,
    rounds: u64,
) {
    let mut near = world.clone();
    near.store = Arc::clone(store);
    let from = Vault::open(near, PASSPHRASE)
        .await
        .expect("the other vault");
    for _ in 0..rounds {
        let Ok(to) = Vault::open(world.clone(), PASSPHRASE).await else {
            continue;
        };
        let at = shared.lock().draw.below(points.len() as u64 - 2) as usize;
        let some: Vec<PointId> = points[at..at + 3].iter().map(|(id, _)| *id).collect();
        let Ok(done) = copy::run(&from, &to, &some, "test", &Quiet).await else {
            continue;
        };
        for copied in done.copied {
            let (_, files) = points
                .iter()
                .find(|(id, _)| *id == copied.from)
                .expect("a point");
            let mut book = book.lock().expect("the book");
            book.files.insert(copied.landed.point, files.clone());
        }
    }
}

/// Draws what the folder holds: a few of a few contents, so that what was deleted comes back.
fn change(shared: &Shared, folder: &Path) -> Files {
    let mut state = shared.lock();
    let mut files = Files::new();
    for name in 0..3 {
        let content = state.draw.below(12);
        files.insert(format!("{name}"), crate::support::noise(content, 3000));
    }
    drop(state);
    if folder.exists() {
        fs::remove_dir_all(folder).expect("the folder");
    }
    fs::create_dir_all(folder).expect("a folder");
    for (name, content) in &files {
        fs::write(folder.join(name), content).expect("a file");
    }
    files
}

/// Deletes points, and brings some back.
pub(crate) async fn forget(world: World, shared: Shared, book: Book, rounds: u64) {
    for _ in 0..rounds {
        let Ok(vault) = Vault::open(world.clone(), PASSPHRASE).await else {
            continue;
        };
        let Ok(catalog) = Catalog::load(&vault).await else {
            continue;
        };
        let back = shared.lock().draw.once_in(4);
        let there: Vec<PointId> = if back {
            catalog
                .deleted()
                .iter()
                .map(|deleted| deleted.point.id)
                .collect()
        } else {
            catalog.points().iter().map(|point| point.id).collect()
        };
        if there.is_empty() {
            continue;
        }
        let at = shared.lock().draw.below(there.len() as u64) as usize;
        let points = [there[at]];
        if back {
            if deletion::undelete(&vault, &points, "test").await.is_ok() {
                set(&book, points[0], Fate::Live);
            }
        } else {
            let since = shared.lock().now;
            set(&book, points[0], Fate::Deleted(since));
            let request = deletion::Request {
                by: "test".to_owned(),
                reason: "drawn".to_owned(),
                soft_delete_seconds: None,
            };
            let _ = deletion::forget(&vault, &points, &request).await.is_ok();
        }
    }
}

/// Notes a point's fate; one that was asked to be deleted before keeps its time until it is brought back.
fn set(book: &Book, point: PointId, fate: Fate) {
    let mut book = book.lock().expect("the book");
    if fate == Fate::Live || book.fate(point) == Fate::Live {
        book.fates.insert(point, fate);
    }
}

/// Prunes again and again.
pub(crate) async fn prune(world: World, shared: Shared, rounds: u64) {
    for _ in 0..rounds {
        let Ok(vault) = Vault::open(world.clone(), PASSPHRASE).await else {
            continue;
        };
        let request = prune::Request {
            by: "test".to_owned(),
            limits: Limits {
                waste_percent: shared.lock().draw.below(2) as u32 * 20,
                ..Limits::default()
            },
        };
        let _ = prune::run(&vault, &request, |_| {}).await.is_ok();
    }
}

/// Restores some acknowledged point; it may be deleted meanwhile, but never come back wrong.
pub(crate) async fn read(world: World, shared: Shared, book: Book, target: PathBuf, rounds: u64) {
    for _ in 0..rounds {
        let Ok(vault) = Vault::open(world.clone(), PASSPHRASE).await else {
            continue;
        };
        let Ok(catalog) = Catalog::load(&vault).await else {
            continue;
        };
        let count = catalog.points().len() as u64;
        if count == 0 {
            continue;
        }
        let at = shared.lock().draw.below(count) as usize;
        let id = catalog.points()[at].id;
        let files = book.lock().expect("the book").files.get(&id).cloned();
        if let Some(files) = files {
            // An answer that was lost is no damage.
            if restored(&vault, &catalog, id, &target)
                .await
                .is_some_and(|back| back != files)
            {
                panic!("point {id} came back wrong");
            }
        }
    }
}

/// A point's files; `None` when it does not come back.
pub(crate) async fn restored(
    vault: &Vault,
    catalog: &Catalog,
    id: PointId,
    target: &Path,
) -> Option<Files> {
    if target.exists() {
        fs::remove_dir_all(target).expect("the target");
    }
    let request = restore::Request {
        target: target.to_owned(),
        paths: Vec::new(),
        overwrite: false,
        dry_run: false,
    };
    let point = catalog.get(id)?;
    let outcome = restore::run(vault, catalog, point, &request, &Quiet);
    // A reader that was held up for longer than the grace misses what was moved meanwhile, and says so.
    if outcome.await.ok()?.damaged > 0 {
        return None;
    }
    let files = fs::read_dir(target).ok()?.map(|file| {
        let file = file.expect("a file");
        let name = file.file_name().into_string().expect("a name");
        (name, fs::read(file.path()).expect("its content"))
    });
    Some(files.collect())
}

pub(crate) async fn new_vault(world: World) {
    Vault::create(world, PASSPHRASE, CHEAP, TERMS)
        .await
        .expect("a vault");
}
