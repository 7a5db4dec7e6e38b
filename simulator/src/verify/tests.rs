use std::os::unix::fs::{PermissionsExt, chown, symlink};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, mknodat};
use tempfile::TempDir;

use super::*;

/// Two equal trees: a file with two names, a file alone, a folder, a symlink.
fn equal() -> (TempDir, PathBuf, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let roots = ["source", "restored"].map(|side| {
        let root = scratch.path().join(side);
        fs::create_dir_all(root.join("folder")).unwrap();
        fs::write(root.join("alone"), vec![7; BUFFER_BYTES + 100]).unwrap();
        fs::write(root.join("folder/first"), "shared").unwrap();
        fs::hard_link(root.join("folder/first"), root.join("folder/second")).unwrap();
        fs::write(root.join(OsStr::from_bytes(b"not-\xff-utf8")), "raw").unwrap();
        symlink("alone", root.join("link")).unwrap();
        settle(&root);
        root
    });
    let [source, restored] = roots;
    (scratch, source, restored)
}

/// Gives everything one time, so that only planted differences remain.
fn settle(root: &Path) {
    let mut pending = vec![root.to_path_buf()];
    while let Some(path) = pending.pop() {
        if !path.is_symlink() && path.is_dir() {
            pending.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        touch(&path, 5);
    }
}

fn touch(path: &Path, nanoseconds: i64) {
    let time = rustix::fs::Timespec {
        tv_sec: 1_767_254_400,
        tv_nsec: nanoseconds,
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::utimensat(CWD, path, &times, flags).unwrap();
}

/// Plants one difference in the restored tree and expects exactly these.
fn check(plant: impl FnOnce(&Path, &Path), expected: &[(&str, What)]) {
    let (_scratch, source, restored) = equal();
    plant(&source, &restored);
    let expected: Vec<_> = expected
        .iter()
        .map(|(path, what)| Difference {
            path: path.into(),
            what: what.clone(),
        })
        .collect();
    assert_eq!(trees(&source, &restored).unwrap(), expected);
}

/// After adding or removing a name, its folder's time is put back.
fn quietly(folder: &Path, change: impl FnOnce()) {
    change();
    settle(folder);
}

#[test]
fn equal_trees_do_not_differ() {
    check(|_, _| {}, &[]);
}

#[test]
fn missing_and_extra_names_are_reported_once() {
    let missing = |_: &Path, restored: &Path| {
        quietly(restored, || {
            fs::remove_dir_all(restored.join("folder")).unwrap();
        });
    };
    check(missing, &[("folder", What::Missing)]);
    let extra = |_: &Path, restored: &Path| {
        quietly(restored, || {
            fs::create_dir(restored.join("more")).unwrap();
            fs::write(restored.join("more/file"), "").unwrap();
        });
    };
    check(extra, &[("more", What::Extra)]);
}

#[test]
fn another_kind_is_reported_alone() {
    let plant = |_: &Path, restored: &Path| {
        quietly(restored, || {
            fs::remove_file(restored.join("link")).unwrap();
            fs::create_dir(restored.join("link")).unwrap();
        });
    };
    check(
        plant,
        &[(
            "link",
            What::Kind {
                source: Kind::Symlink,
                restored: Kind::Folder,
            },
        )],
    );
}

#[test]
fn contents_and_sizes_are_compared() {
    let offset = BUFFER_BYTES + 3;
    let flip = |_: &Path, restored: &Path| {
        let mut bytes = fs::read(restored.join("alone")).unwrap();
        bytes[offset] ^= 1;
        fs::write(restored.join("alone"), bytes).unwrap();
        touch(&restored.join("alone"), 5);
    };
    check(
        flip,
        &[(
            "alone",
            What::Content {
                offset: offset as u64,
            },
        )],
    );
    let cut = |_: &Path, restored: &Path| {
        fs::write(restored.join("alone"), [7; 10]).unwrap();
        touch(&restored.join("alone"), 5);
    };
    let source = BUFFER_BYTES as u64 + 100;
    check(
        cut,
        &[(
            "alone",
            What::Size {
                source,
                restored: 10,
            },
        )],
    );
}

#[test]
fn modes_are_compared_with_their_special_bits() {
    let plant = |source: &Path, restored: &Path| {
        fs::set_permissions(source.join("alone"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(restored.join("alone"), fs::Permissions::from_mode(0o4755)).unwrap();
    };
    check(
        plant,
        &[(
            "alone",
            What::Mode {
                source: 0o755,
                restored: 0o4755,
            },
        )],
    );
}

#[test]
fn owners_are_compared() {
    // Only root may give a file away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let plant = |source: &Path, restored: &Path| {
        chown(source.join("alone"), Some(1), Some(2)).unwrap();
        chown(restored.join("alone"), Some(1), Some(3)).unwrap();
    };
    check(
        plant,
        &[(
            "alone",
            What::Owner {
                source: (1, 2),
                restored: (1, 3),
            },
        )],
    );
}

#[test]
fn times_are_compared_to_the_nanosecond_on_every_kind() {
    let source = 1_767_254_400_000_000_005;
    let what = What::ModifiedTime {
        source,
        restored: source + 1,
    };
    for path in ["", "alone", "folder", "link"] {
        let plant = |_: &Path, restored: &Path| touch(&Pair::at(restored, path), 6);
        check(plant, &[(path, what.clone())]);
    }
}

impl Pair {
    /// One side's path; the root for an empty one.
    fn at(root: &Path, relative: &str) -> PathBuf {
        Self::new(root, root, relative.into()).source
    }
}

#[test]
fn symlink_targets_are_compared_by_their_bytes() {
    let plant = |_: &Path, restored: &Path| {
        quietly(restored, || {
            fs::remove_file(restored.join("link")).unwrap();
            symlink("./alone", restored.join("link")).unwrap();
        });
    };
    check(plant, &[("link", What::LinkTarget)]);
}

#[test]
fn hard_links_are_compared_both_ways() {
    let part = |_: &Path, restored: &Path| {
        quietly(restored, || {
            fs::remove_file(restored.join("folder/second")).unwrap();
            fs::write(restored.join("folder/second"), "shared").unwrap();
        });
    };
    check(part, &[("folder/second", What::HardLinks)]);
    check(
        |source, restored| part(restored, source),
        &[("folder/second", What::HardLinks)],
    );
}

#[test]
fn extended_attributes_are_compared() {
    let set = |path: &Path, name: &str, value: &[u8]| {
        let answer = lsetxattr(path, name, value, XattrFlags::empty());
        !matches!(answer, Err(Errno::NOTSUP))
    };
    // A file system without attributes has nothing to compare.
    let probe = tempfile::NamedTempFile::new().unwrap();
    if !set(probe.path(), "user.probe", b"1") {
        return;
    }
    let plant = |source: &Path, restored: &Path| {
        for root in [source, restored] {
            assert!(set(&root.join("alone"), "user.same", b"same"));
        }
        assert!(set(&source.join("alone"), "user.value", b"one"));
        assert!(set(&restored.join("alone"), "user.value", b"two"));
        assert!(set(&restored.join("folder"), "user.extra", b""));
    };
    let differs = |name: &str| What::ExtendedAttributes { name: name.into() };
    check(
        plant,
        &[
            ("alone", differs("user.value")),
            ("folder", differs("user.extra")),
        ],
    );
}

#[test]
fn special_files_are_expected_to_be_absent() {
    let fifo = |root: &Path| {
        quietly(root, || {
            mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        });
    };
    check(|source, _| fifo(source), &[]);
    check(|_, restored| fifo(restored), &[("fifo", What::Extra)]);
    let both = |source: &Path, restored: &Path| {
        fifo(source);
        fifo(restored);
    };
    check(both, &[("fifo", What::Extra)]);
}

#[test]
fn differences_are_bounded_and_sorted() {
    let (_scratch, source, restored) = equal();
    for number in 0..DIFFERENCES_MAX + 20 {
        fs::write(source.join(format!("many-{number:03}")), "").unwrap();
    }
    settle(&source);
    let differences = trees(&source, &restored).unwrap();
    assert_eq!(differences.len(), DIFFERENCES_MAX);
    assert!(differences.is_sorted_by(|a, b| a.path < b.path));
}

#[test]
fn deep_trees_do_not_overflow_the_stack() {
    let (_scratch, source, restored) = equal();
    let deep: PathBuf = std::iter::repeat_n("d", 1500).collect();
    for root in [&source, &restored] {
        fs::create_dir_all(root.join(&deep)).unwrap();
        settle(root);
    }
    assert_eq!(trees(&source, &restored).unwrap(), []);
}

#[test]
fn files_differ_in_contents_and_length_only() {
    let scratch = tempfile::tempdir().unwrap();
    let (source, restored) = (scratch.path().join("disk"), scratch.path().join("copy"));
    let differences = |bytes: &[u8]| {
        fs::write(&restored, bytes).unwrap();
        files(&source, &restored)
            .unwrap()
            .into_iter()
            .map(|d| d.what)
            .collect::<Vec<_>>()
    };
    fs::write(&source, [1, 2, 3]).unwrap();
    let size = |restored| What::Size {
        source: 3,
        restored,
    };
    assert_eq!(differences(&[1, 2, 3]), []);
    assert_eq!(differences(&[1, 9, 3]), [What::Content { offset: 1 }]);
    assert_eq!(differences(&[1, 2, 3, 0]), [size(4)]);
    assert_eq!(differences(&[0]), [size(1), What::Content { offset: 0 }]);
}

#[test]
fn differences_and_errors_name_the_path() {
    let scratch = tempfile::tempdir().unwrap();
    let gone = scratch.path().join("gone");
    let error = trees(scratch.path(), &gone).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("gone"), "{error}");
    let difference = Difference {
        path: "a/b".into(),
        what: What::Mode {
            source: 0o644,
            restored: 0o4755,
        },
    };
    assert_eq!(difference.to_string(), "a/b: mode 4755 instead of 0644");
}
