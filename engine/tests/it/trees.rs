//! Trees: what is there comes back, unchanged files are not read, changes are never missed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use engine::ErrorKind;
use engine::format::point::Method;
use engine::seam::{Clock, Store, World};
use engine::units::Timestamp;
use engine::vault::{Catalog, Vault};
use futures::future::BoxFuture;
use proptest::prelude::*;

use crate::support::{PASSPHRASE, back_up, block_on, memory, new_vault, noise, restore_to};

/// Everything that a restore must give back of a path, for comparing.
pub(crate) fn describe(root: &Path) -> Vec<String> {
    let mut out = Vec::new();
    let mut stack = vec![root.to_owned()];
    while let Some(at) = stack.pop() {
        let metadata = fs::symlink_metadata(&at).expect("metadata");
        let content = if metadata.is_file() {
            blake3::hash(&fs::read(&at).expect("a file"))
                .to_hex()
                .to_string()
        } else if metadata.is_symlink() {
            format!("-> {}", fs::read_link(&at).expect("a link").display())
        } else {
            let entries = fs::read_dir(&at).expect("a folder");
            stack.extend(entries.map(|entry| entry.expect("an entry").path()));
            String::new()
        };
        let mut names = vec![0_u8; 4096];
        let length = rustix::fs::llistxattr(&at, &mut names[..]).unwrap_or(0);
        out.push(format!(
            "{:?} {:o} {}:{} {}.{:09} {} {content} {:?}",
            at.strip_prefix(root)
                .expect("below")
                .as_os_str()
                .as_bytes()
                .escape_ascii()
                .to_string(),
            metadata.mode(),
            metadata.uid(),
            metadata.gid(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            if metadata.is_file() {
                metadata.size()
            } else {
                0
            },
            &names[..length],
        ));
    }
    out.sort();
    out
}

fn set_modified(at: &Path, seconds: u64, nanos: u32) {
    let file = File::open(at).expect("a file");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
        .expect("a time");
}

/// A tree with one of everything.
pub(crate) fn zoo(root: &Path) {
    fs::create_dir_all(root.join("a/b/empty")).expect("folders");
    fs::write(root.join("a/small"), b"small").expect("a file");
    fs::write(root.join("a/none"), b"").expect("a file");
    fs::write(root.join("a/b/large"), noise(1, 5_000_000)).expect("a file");
    fs::write(root.join("a-b"), vec![b'x'; 300_000]).expect("a file");
    fs::write(root.join(OsStr::from_bytes(b"not-utf8-\xff\xfe")), b"?").expect("a file");
    fs::hard_link(root.join("a/small"), root.join("z-link")).expect("a hard link");
    symlink("a/small", root.join("to-small")).expect("a link");
    symlink("/nowhere/at/all", root.join("a/dangling")).expect("a link");
    let sparse = File::create(root.join("sparse")).expect("a file");
    sparse.set_len(64 << 20).expect("a size");
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"island", 33 << 20).expect("a write");
    fs::set_permissions(root.join("a/none"), fs::Permissions::from_mode(0o4751)).expect("a mode");
    let attribute = rustix::fs::setxattr(
        root.join("a-b"),
        "user.colour",
        b"blue",
        rustix::fs::XattrFlags::empty(),
    );
    attribute.expect("the temporary folder's file system keeps extended attributes");
    set_modified(&root.join("a/small"), 499_162_500, 123_456_789);
    set_modified(&root.join("a/b"), 1_000_000_000, 1);
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), rustix::fs::Mode::RUSR)
        .expect("a pipe");
}

#[test]
fn a_restore_gives_back_exactly_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    fs::create_dir(&source).expect("a folder");
    zoo(&source);
    block_on(async {
        let vault = new_vault(&memory()).await;
        let outcome = back_up(&vault, &source, Method::Incremental, 4096).await;
        let did = outcome.manifest.statistics;
        assert_eq!(
            (did.special_skipped, did.unreadable, did.vanished),
            (1, 0, 0)
        );
        restore_to(&vault, "latest", &target)
            .await
            .expect("a restore");
    });
    fs::remove_file(source.join("pipe")).expect("the pipe goes");
    let modified = fs::metadata(&target)
        .expect("the target")
        .modified()
        .expect("a time");
    File::open(&source)
        .expect("the source")
        .set_modified(modified)
        .expect("a time");
    assert_eq!(describe(&source), describe(&target));
    let sparse = fs::metadata(target.join("sparse")).expect("the sparse file");
    assert!(sparse.blocks() * 512 < 4 << 20, "holes stay holes");
    let ino = |name: &str| fs::metadata(target.join(name)).expect("a file").ino();
    assert_eq!(ino("a/small"), ino("z-link"));
}

#[test]
fn restoring_by_path_gives_that_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    fs::create_dir(&source).expect("a folder");
    zoo(&source);
    block_on(async {
        let vault = new_vault(&memory()).await;
        back_up(&vault, &source, Method::Incremental, 4096).await;
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let point = catalog.resolve("latest").expect("the point");
        let mut request = engine::restore::Request {
            target: folder.path().join("target"),
            paths: vec![b"a/b".to_vec(), b"z-link".to_vec()],
            overwrite: false,
            dry_run: false,
        };
        let quiet = &engine::backup::Quiet;
        engine::restore::run(&vault, &catalog, point, &request, quiet)
            .await
            .expect("a restore");
        let got: Vec<_> = describe(&request.target)
            .iter()
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect();
        let wanted = ["", "a", "a/b", "a/b/empty", "a/b/large", "z-link"];
        assert_eq!(got, wanted.map(|path| format!("{path:?}")));
        request.target = folder.path().join("other");
        request.paths = vec![b"no/such".to_vec()];
        let missing = engine::restore::run(&vault, &catalog, point, &request, quiet).await;
        assert_eq!(
            missing.expect_err("no such path").kind(),
            ErrorKind::NotFound
        );
    });
}

/// Other bytes of the same size under the same modification time.
fn rewrite(at: &Path, seed: u64, modified: SystemTime) {
    fs::write(at, noise(seed, 100_000)).expect("a file");
    File::open(at)
        .expect("a file")
        .set_modified(modified)
        .expect("a time");
}

/// A clock that stands still, seconds after a file changed.
struct After(Timestamp);

impl After {
    fn change_of(at: &Path, seconds: i64) -> Self {
        let metadata = fs::metadata(at).expect("metadata");
        Self(Timestamp {
            seconds: metadata.ctime() + seconds,
            nanos: u32::try_from(metadata.ctime_nsec()).expect("a fraction"),
        })
    }
}

impl Clock for After {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

async fn open_at(store: &Store, clock: After) -> Vault {
    let mut world = World::real(Arc::clone(store));
    world.clock = Arc::new(clock);
    Vault::open(world, PASSPHRASE).await.expect("it opens")
}

async fn read_bytes(vault: &Vault, source: &Path) -> u64 {
    back_up(vault, source, Method::Incremental, 4096)
        .await
        .manifest
        .statistics
        .read_bytes
}

#[test]
fn unchanged_files_are_not_read_and_no_change_is_missed() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    fs::create_dir(&source).expect("a folder");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    for name in ["one", "two"] {
        rewrite(&source.join(name), 1, old);
    }
    block_on(async {
        let store = memory();
        let vault = new_vault(&store).await;
        let at_once = open_at(&store, After::change_of(&source.join("one"), 0)).await;
        assert_eq!(read_bytes(&at_once, &source).await, 200_000);
        // Too fresh: a later change could hide behind it.
        assert_eq!(read_bytes(&at_once, &source).await, 200_000);
        // An hour later the change times are old enough to be trusted.
        let later = open_at(&store, After::change_of(&source.join("two"), 3600)).await;
        assert_eq!(read_bytes(&later, &source).await, 200_000);
        assert_eq!(
            read_bytes(&later, &source).await,
            0,
            "nothing changed, nothing is read"
        );
        // Same size, same modification time, other bytes: only the change time tells.
        rewrite(&source.join("two"), 3, old);
        let changed = back_up(&later, &source, Method::Incremental, 4096).await;
        assert_eq!(changed.manifest.statistics.read_bytes, 100_000);
        let target = folder.path().join("target");
        restore_to(&vault, &changed.point.to_string(), &target)
            .await
            .expect("a restore");
        assert!(fs::read(target.join("two")).expect("a file") == noise(3, 100_000));
    });
}

#[test]
fn a_restore_never_leaves_its_target() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    let outside = folder.path().join("outside");
    fs::create_dir_all(source.join("a")).expect("a folder");
    fs::create_dir_all(&outside).expect("a folder");
    fs::create_dir_all(&target).expect("a folder");
    fs::write(source.join("a/file"), b"new").expect("a file");
    fs::write(source.join("b"), b"new").expect("a file");
    fs::write(outside.join("file"), b"precious").expect("a file");
    symlink(&outside, target.join("a")).expect("a trap");
    symlink(outside.join("file"), target.join("b")).expect("a trap");
    block_on(async {
        let vault = new_vault(&memory()).await;
        back_up(&vault, &source, Method::Full, 4096).await;
        let refused = restore_to(&vault, "latest", &target)
            .await
            .expect_err("not empty");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let request = engine::restore::Request {
            target: target.clone(),
            paths: Vec::new(),
            overwrite: true,
            dry_run: false,
        };
        let point = catalog.resolve("latest").expect("the point");
        let quiet = &engine::backup::Quiet;
        let trapped = engine::restore::run(&vault, &catalog, point, &request, quiet).await;
        let trapped = trapped.expect_err("a link stands where the point has a folder");
        assert!(trapped.to_string().contains("target"), "{trapped}");
        fs::remove_file(target.join("a")).expect("the trap goes");
        let outcome = engine::restore::run(&vault, &catalog, point, &request, quiet).await;
        assert_eq!(outcome.expect("a restore").replaced, 1);
    });
    assert_eq!(fs::read(outside.join("file")).expect("a file"), b"precious");
    assert_eq!(fs::read(target.join("b")).expect("a file"), b"new");
    assert!(!target.join("b").is_symlink());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// restore(backup(x)) = x for any disk, block size, method and series of changes.
    #[test]
    fn any_disk_comes_back_by_any_method(
        seed: u64,
        bytes in 1_usize..3_000_000,
        block in prop::sample::select(vec![512_u64, 4096, 65536, 1 << 20]),
        method in prop::sample::select(Method::ALL.to_vec()),
        changes in prop::collection::vec((0_usize..1000, 1_usize..20_000, any::<bool>()), 0..4),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let image = folder.path().join("disk.img");
        let mut disk = noise(seed, bytes);
        block_on(async {
            let vault = new_vault(&memory()).await;
            let mut states = Vec::new();
            for (number, change) in std::iter::once(None).chain(changes.into_iter().map(Some)).enumerate() {
                if let Some((at, length, zero)) = change {
                    let at = at * bytes / 1000;
                    let end = (at + length).min(bytes);
                    let new = if zero { vec![0; end - at] } else { noise(seed ^ number as u64, end - at) };
                    disk[at..end].copy_from_slice(&new);
                }
                fs::write(&image, &disk).expect("an image");
                let outcome = back_up(&vault, &image, method, block).await;
                states.push((outcome.point, disk.clone()));
            }
            for (point, state) in states {
                let target = folder.path().join(point.to_string());
                restore_to(&vault, &point.to_string(), &target).await.expect("a restore");
                assert!(fs::read(&target).expect("the image") == state, "seed {seed}");
            }
        });
    }
}

#[test]
fn a_file_that_never_ends_is_cut_short_and_said_so() {
    block_on(async {
        let vault = new_vault(&memory()).await;
        // Says that it is empty, and gives eight bytes for each page of the address space.
        let source = Path::new("/proc/self/task");
        let outcome = back_up(&vault, source, Method::Forever, 4096).await;
        let did = outcome.manifest.statistics;
        assert!(did.changed_while_read > 0, "{did:?}");
    });
}

#[test]
fn a_disk_of_more_chunks_than_one_window_comes_back() {
    // More than 140,000 blocks with content; a window holds 120,000.
    let folder = tempfile::tempdir().expect("a folder");
    let (image, target) = (folder.path().join("disk.img"), folder.path().join("back"));
    let mut disk = noise(5, 80 << 20);
    disk[20_000_000..30_000_000].fill(0);
    disk.extend_from_slice(b"a last block that is not whole");
    fs::write(&image, &disk).expect("an image");
    block_on(async {
        let vault = new_vault(&memory()).await;
        back_up(&vault, &image, Method::Full, 512).await;
        let restored = restore_to(&vault, "latest", &target).await;
        assert_eq!(restored.expect("a restore").damaged, 0);
    });
    assert!(fs::read(&target).expect("the image") == disk);
}
