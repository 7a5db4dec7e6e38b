use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;

use super::tree::Body;
use super::*;
use crate::verify::{self, What};

/// Lengths by content.
type Pieces = HashMap<Vec<u8>, usize>;

/// Cuts bytes where a rolling sum says so, and hashes the pieces: what a backup would share.
fn pieces(tree: &Tree) -> Pieces {
    let mut pieces = HashMap::new();
    for entry in tree.files.values() {
        let Body::Bytes(bytes) = &entry.body else {
            continue;
        };
        let (mut rolling, mut start) = (0_u32, 0);
        for (at, byte) in bytes.iter().enumerate() {
            rolling = (rolling << 1).wrapping_add(u32::from(*byte).wrapping_mul(0x9e37_79b1));
            if rolling >> 21 == 0 && at - start > 256 || at + 1 == bytes.len() {
                pieces.insert(bytes[start..=at].to_vec(), at + 1 - start);
                start = at + 1;
            }
        }
    }
    pieces
}

#[test]
fn the_same_seed_makes_the_same_trees() {
    let scratch = tempfile::tempdir().unwrap();
    let first = generate(&scratch.path().join("first"), 7).unwrap();
    let again = generate(&scratch.path().join("again"), 7).unwrap();
    assert_eq!(first.len(), GENERATIONS as usize);
    assert!(first[0].ends_with("gen-01") && first[9].ends_with("gen-10"));
    let mut total = 0;
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(verify::trees(first, again).unwrap(), []);
        total += bytes_in(first);
    }
    assert!((200 << 20..300 << 20).contains(&total), "{total} bytes");
    for pair in first.windows(2) {
        assert!(!verify::trees(&pair[0], &pair[1]).unwrap().is_empty());
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let mut pending = vec![folder.to_path_buf()];
    let mut bytes = 0;
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                pending.push(entry.path());
            } else {
                bytes += metadata.len();
            }
        }
    }
    bytes
}

/// A digest of one state: names, modes, times and contents.
fn digest(tree: &Tree) -> u64 {
    let mut hash = 0_u64;
    let mut mix = |bytes: &[u8]| {
        for word in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight[..word.len()].copy_from_slice(word);
            hash = (hash.rotate_left(5) ^ u64::from_le_bytes(eight))
                .wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    };
    for (path, folder) in &tree.folders {
        mix(path.as_os_str().as_bytes());
        mix(&folder.mode.to_le_bytes());
        mix(&folder.modified.to_le_bytes());
    }
    for (path, entry) in &tree.files {
        mix(path.as_os_str().as_bytes());
        mix(&entry.mode.to_le_bytes());
        mix(&entry.modified.to_le_bytes());
        match &entry.body {
            Body::Bytes(bytes) => mix(bytes),
            Body::Link(target) => mix(target.as_os_str().as_bytes()),
        }
    }
    hash
}

#[test]
fn another_seed_makes_another_tree() {
    assert_ne!(digest(&Tree::first(1)), digest(&Tree::first(2)));
}

/// Reports quote seeds, so a seed's series must not change from one release to the next.
#[test]
#[cfg(not(target_vendor = "apple"))]
fn a_seed_keeps_its_series() {
    let mut tree = Tree::first(1);
    (1..GENERATIONS).for_each(|_| tree.next());
    assert_eq!(digest(&tree), 17_146_747_061_442_539_197);
}

#[test]
fn a_few_percent_of_the_bytes_are_new_each_day() {
    let mut tree = Tree::first(3);
    let mut before = pieces(&tree);
    // Half of the days show the rate; all of them would take seconds in a debug build.
    for day in 2..=LOG_ROTATED_IN + 1 {
        tree.next();
        let after = pieces(&tree);
        let total: usize = after.values().sum();
        let new: usize = after
            .iter()
            .filter(|(piece, _)| !before.contains_key(*piece))
            .map(|(_, n)| n)
            .sum();
        let per_mille = new * 1000 / total;
        assert!(
            (20..=40).contains(&per_mille),
            "day {day}: {per_mille} per mille"
        );
        before = after;
    }
}

#[test]
fn every_kind_of_change_and_of_file_is_there() {
    let mut tree = Tree::first(5);
    let first: HashSet<PathBuf> = tree.files.keys().cloned().collect();
    (1..GENERATIONS).for_each(|_| tree.next());
    let last: HashSet<PathBuf> = tree.files.keys().cloned().collect();
    assert!(first.difference(&last).count() >= 18 && last.difference(&first).count() >= 36);
    for path in [
        "logs/web.log.1",
        "logs/web.log",
        LATEST,
        "documents/copies/copy-02.txt",
    ] {
        assert!(tree.files.contains_key(Path::new(path)), "{path}");
    }
    assert!(tree.files.values().any(|entry| entry.mode == 0o755));
    assert!(tree.below("documents/filed").len() == 9 && !tree.below("media/album").is_empty());
    assert_eq!(tree.below("documents/caf").len(), 1);
    let kept = &tree.files[Path::new("source/portal/.keep")];
    assert!(
        (DAY_ONE..DAY_ONE + DAY).contains(&kept.modified),
        "an unchanged file keeps its time"
    );
}

#[test]
fn modes_and_times_reach_the_disk_and_nothing_is_overwritten() {
    let scratch = tempfile::tempdir().unwrap();
    let (one, two) = (scratch.path().join("one"), scratch.path().join("two"));
    let tree = Tree::first(9);
    tree.write(&one).unwrap();
    Tree::first(9).write(&two).unwrap();
    let modified = |path: &str| {
        let metadata = fs::symlink_metadata(one.join(path)).unwrap();
        metadata.mtime() * NANOSECONDS.cast_signed() + metadata.mtime_nsec()
    };
    assert_eq!(
        modified(LATEST),
        tree.files[Path::new(LATEST)].modified.cast_signed()
    );
    assert_eq!(
        modified("mail"),
        tree.folders[Path::new("mail")].modified.cast_signed()
    );
    assert_eq!(
        fs::metadata(one.join("mail")).unwrap().mode() & 0o7777,
        0o700
    );
    assert_eq!(verify::trees(&one, &two).unwrap(), []);
    fs::write(two.join(DATABASE), b"").unwrap();
    let differences = verify::trees(&one, &two).unwrap();
    assert!(matches!(differences[0].what, What::Size { .. }));
    assert_eq!(
        tree.write(&one).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
}
