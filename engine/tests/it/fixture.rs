//! The committed vaults, one of each format version: whatever this build becomes, it must still read
//! them. That of version 1 was written by a build that knew no other, and never changes.

mod v2;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use engine::backup::Quiet;
use engine::check;
use engine::format::listing::{EXTENTS_PER_BLOB, INLINE_EXTENTS_MAX};
use engine::format::point::Method;
use engine::seam::{World, open_local};
use engine::vault::{Catalog, Vault};

use crate::support::{block_on, noise, restore_to};
pub(crate) use v2::{Holds, folder as folder_v2, points as points_v2};

/// Opens the committed vaults.
pub(crate) const FIXTURE_PASSPHRASE: &str = "a passphrase for everyone to read";
const BLOCK: usize = 512;
const BLOCKS: usize = 120;

/// Where the committed vault lies.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vault-v1")
}

enum What {
    File(Vec<u8>),
    Folder,
    Symlink(&'static str),
    /// A further name of the file at this path.
    LinkTo(&'static str),
    /// So many bytes, zeros but for these few at this place.
    Sparse(u64, u64, &'static [u8]),
}

struct Thing {
    path: &'static [u8],
    what: What,
    mode: u32,
    seconds: i64,
    nanos: u32,
}

/// More than the longest chunk, and yet next to nothing once compressed.
fn long_text() -> Vec<u8> {
    let lines = (0..).map(|line: u32| format!("line {} of a long text\n", line % 89));
    lines.flat_map(String::into_bytes).take(1_500_000).collect()
}

/// The tree as the first (`0`) or the second (`1`) point has it, in listing order.
fn tree(version: u64) -> Vec<Thing> {
    let thing = |path: &'static [u8], what: What| Thing {
        path,
        mode: if matches!(what, What::Folder) {
            0o755
        } else {
            0o644
        },
        what,
        seconds: i64::try_from(1_400_000_000 + path.len()).expect("a small number"),
        nanos: 123_456_789,
    };
    let readme = format!("Version {version} of the tree.\n").into_bytes();
    let mut things = vec![
        thing(b"", What::Folder),
        thing(b"caf\xe9", What::File(b"a name in Latin-1\n".to_vec())),
        thing(b"dangling", What::Symlink("/nowhere/at/all")),
        thing(b"docs", What::Folder),
        thing(b"docs/long", What::File(long_text())),
        thing(b"docs/noise", What::File(noise(7, 9000))),
        thing(b"docs/none", What::File(Vec::new())),
        thing(b"docs/readme", What::File(readme)),
        thing(
            b"docs-old",
            What::File(b"sorts after what is in docs".to_vec()),
        ),
        thing(b"empty", What::Folder),
        thing(b"sparse", What::Sparse(3 << 20, 2 << 20, b"island")),
        thing(b"to-readme", What::Symlink("docs/readme")),
        thing(b"z-link", What::LinkTo("docs/readme")),
    ];
    things[6].mode = 0o400;
    things[8].seconds = -86_400;
    things[9].mode = 0o711;
    if version == 1 {
        things.remove(2);
        things.insert(9, thing(b"new", What::File(noise(8, 100))));
    }
    things
}

/// The disk as its first (`0`) or second (`1`) point has it: a hole in the middle, a last block
/// that is not whole.
pub(crate) fn disk(version: u64) -> Vec<u8> {
    let mut image = noise(9, BLOCKS * BLOCK + 100);
    image[50 * BLOCK..80 * BLOCK].fill(0);
    if version == 1 {
        image[3 * BLOCK..5 * BLOCK].copy_from_slice(&noise(10, 2 * BLOCK));
        image[60 * BLOCK..61 * BLOCK].copy_from_slice(&noise(11, BLOCK));
    }
    image
}

fn below(root: &Path, path: &[u8]) -> PathBuf {
    if path.is_empty() {
        root.to_owned()
    } else {
        root.join(OsStr::from_bytes(path))
    }
}

pub(crate) fn make_tree(root: &Path, version: u64) {
    let things = tree(version);
    for thing in &things {
        let at = below(root, thing.path);
        match &thing.what {
            What::File(content) => fs::write(&at, content).expect("a file"),
            What::Folder => fs::create_dir(&at).expect("a folder"),
            What::Symlink(target) => symlink(target, &at).expect("a link"),
            What::LinkTo(first) => fs::hard_link(root.join(first), &at).expect("a hard link"),
            What::Sparse(size, offset, island) => {
                let file = File::create(&at).expect("a file");
                file.set_len(*size).expect("a size");
                file.write_all_at(island, *offset).expect("an island");
            }
        }
    }
    let colour = rustix::fs::setxattr(
        root.join("docs/noise"),
        "user.colour",
        b"blue",
        rustix::fs::XattrFlags::empty(),
    );
    colour.expect("the temporary folder's file system keeps extended attributes");
    // Children before parents, as making a child moves its folder's times.
    for thing in things.iter().rev() {
        let at = below(root, thing.path);
        if !matches!(thing.what, What::Symlink(_) | What::LinkTo(_)) {
            fs::set_permissions(&at, fs::Permissions::from_mode(thing.mode)).expect("a mode");
        }
        if matches!(thing.what, What::LinkTo(_)) {
            continue;
        }
        let time = rustix::fs::Timespec {
            tv_sec: thing.seconds,
            tv_nsec: i64::from(thing.nanos),
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, &at, &times, flags).expect("times");
    }
}

fn count(root: &Path) -> usize {
    let entries = fs::read_dir(root).expect("a folder").map(|entry| {
        let at = entry.expect("an entry").path();
        if at.is_dir() && !at.is_symlink() {
            count(&at)
        } else {
            1
        }
    });
    1 + entries.sum::<usize>()
}

/// Asserts that `root` holds exactly the tree of `version`; extended attributes if `attributes`.
pub(crate) fn assert_tree(root: &Path, version: u64, attributes: bool) {
    let things = tree(version);
    assert_eq!(count(root), things.len(), "nothing lacks, nothing is added");
    for thing in &things {
        let at = below(root, thing.path);
        let shown = thing.path.escape_ascii();
        let metadata = fs::symlink_metadata(&at).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let content = |expected: &[u8]| {
            assert!(metadata.is_file(), "{shown} is a file");
            assert!(fs::read(&at).expect("a file") == expected, "{shown}");
        };
        match &thing.what {
            What::File(expected) => content(expected),
            What::Folder => assert!(metadata.is_dir(), "{shown} is a folder"),
            What::Symlink(target) => {
                assert_eq!(fs::read_link(&at).expect("a link"), Path::new(target));
            }
            What::LinkTo(first) => {
                let first = fs::metadata(root.join(first)).expect("the first name");
                assert_eq!(metadata.ino(), first.ino(), "{shown} is a hard link");
                continue;
            }
            What::Sparse(size, offset, island) => {
                let mut expected = vec![0; *size as usize];
                expected[*offset as usize..][..island.len()].copy_from_slice(island);
                content(&expected);
                assert!(metadata.blocks() * 512 < *size, "{shown} has holes");
            }
        }
        if !metadata.is_symlink() {
            assert_eq!(metadata.mode() & 0o7777, thing.mode, "{shown}");
        }
        let time = (metadata.mtime(), metadata.mtime_nsec());
        assert_eq!(time, (thing.seconds, i64::from(thing.nanos)), "{shown}");
    }
    if attributes {
        let mut value = [0_u8; 16];
        let got = rustix::fs::getxattr(root.join("docs/noise"), "user.colour", &mut value[..]);
        assert_eq!(&value[..got.expect("the attribute")], b"blue");
    }
}

/// The fixture's points, oldest first: what each holds and its version.
pub(crate) const POINTS: [(&str, u64); 4] = [("tree", 0), ("disk", 0), ("tree", 1), ("disk", 1)];

/// The ids of the committed vault's points in the order of [`POINTS`].
pub(crate) async fn points(vault: &Vault) -> Vec<String> {
    let catalog = Catalog::load(vault).await.expect("a catalog");
    let points = catalog.points();
    let instances: Vec<_> = points
        .iter()
        .map(|point| &*point.manifest.instance)
        .collect();
    assert_eq!(instances, POINTS.map(|(instance, _)| instance));
    points.iter().map(|point| point.id.to_string()).collect()
}

pub(crate) async fn open_fixture() -> Vault {
    open_at(&folder()).await
}

async fn open_at(folder: &Path) -> Vault {
    let world = World::real(open_local(folder).expect("a store"));
    Vault::open(world, FIXTURE_PASSPHRASE.as_bytes())
        .await
        .expect("the committed vault opens")
}

#[test]
fn the_committed_vault_of_version_1_is_read_whole() {
    // The disk has more extents than an entry keeps, and not more than one list holds.
    const { assert!(BLOCKS - 30 > INLINE_EXTENTS_MAX && BLOCKS < EXTENTS_PER_BLOB) };
    block_on(async {
        let vault = open_fixture().await;
        assert_eq!(vault.header().version, 1);
        let checked = check::run(&vault, true, &Quiet).await.expect("a check");
        assert!(checked.errors.is_empty(), "{:?}", checked.errors);
        assert_eq!((checked.points, checked.unowned_packs), (4, 0));
        let methods = Catalog::load(&vault).await.expect("a catalog");
        let methods = methods.points().iter().map(|point| point.manifest.method);
        let expected = [
            Method::Full,
            Method::Full,
            Method::Incremental,
            Method::Incremental,
        ];
        assert_eq!(methods.collect::<Vec<_>>(), expected);
        let target = tempfile::tempdir().expect("a folder");
        for (point, (holds, version)) in points(&vault).await.iter().zip(POINTS) {
            let at = target.path().join(point);
            let outcome = restore_to(&vault, point, &at).await.expect("a restore");
            if holds == "tree" {
                assert_tree(&at, version, outcome.attributes_lacking == 0);
            } else {
                assert!(fs::read(&at).expect("an image") == disk(version), "{point}");
            }
        }
    });
}
