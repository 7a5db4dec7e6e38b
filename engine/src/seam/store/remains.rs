//! What puts that were cut off leave in a folder. `object_store` writes an object to `NAME#1` and links
//! that to its name; a process that is killed between leaves a file that no list of the store shows.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::format::layout::path;

/// Files that puts left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Finds, and removes if asked to, what puts into the vault in `folder` left behind that began longer ago
/// than `grace_seconds`. What time it is, the disk tells: the folder of leases changed just now, if a lease
/// was just given back. A put that is that slow after all fails, and its object is not there.
///
/// # Errors
/// When a file can't be looked at or removed.
pub fn remains(folder: &Path, grace_seconds: u64, remove: bool) -> Result<Remains> {
    let failed = |error| Error::from_io(format!("vault {}", folder.display()), error);
    let now = match fs::metadata(folder.join(path::leases().as_ref())) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Remains::default()),
        about => about.and_then(|about| about.modified()).map_err(failed)?,
    };
    let mut found = Remains::default();
    for file in cut_off(folder).map_err(failed)? {
        let about = match fs::metadata(&file) {
            // Its put came to an end.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            about => about.map_err(failed)?,
        };
        let age = now.duration_since(about.modified().map_err(failed)?);
        if age.unwrap_or_default() <= Duration::from_secs(grace_seconds) {
            continue;
        }
        if remove {
            match fs::remove_file(&file) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                removed => removed.map_err(failed)?,
            }
        }
        found.files += 1;
        found.bytes += about.len();
    }
    Ok(found)
}

/// Files of the vault's own folders by the names that the store gives to what is not whole yet.
fn cut_off(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let folders = [
        path::packs(),
        path::indexes(),
        path::points(),
        path::leases(),
        path::tombstones(),
        path::deletions(),
        path::drills(),
        path::keys(),
    ];
    let mut found = Vec::new();
    for name in folders {
        let entries = match fs::read_dir(folder.join(name.as_ref())) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_cut_off) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

/// Whether this is the name of an object that is being put: its id, `#` and a number.
fn is_cut_off(name: &str) -> bool {
    let Some((id, number)) = name.split_once('#') else {
        return false;
    };
    let is_id = id.len() == 32 && id.bytes().all(|c| c.is_ascii_hexdigit());
    is_id && !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_cut_off_long_ago_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (packs, leases) = (folder.path().join("packs"), folder.path().join("leases"));
        assert_eq!(
            remains(folder.path(), 20, true).expect("none"),
            Remains::default()
        );
        fs::create_dir(&packs).expect("a folder");
        fs::create_dir(&leases).expect("a folder");
        let id = "0d42340dc6fc96fdff3a6e901210b83b";
        let now = fs::metadata(&leases).and_then(|about| about.modified());
        let now = now.expect("a time");
        let write = |name: &str, age: u64| {
            let at = packs.join(name);
            fs::write(&at, "four").expect("a file");
            let file = fs::File::options().write(true).open(&at).expect("a file");
            file.set_modified(now - Duration::from_secs(age))
                .expect("it is older");
            at
        };
        let old = [
            write(&format!("{id}#1"), 21),
            write(&format!("{id}#12"), 99),
        ];
        let others = [
            write(&format!("{id}#2"), 19),
            write(id, 99),
            write(&format!("{id}#x"), 99),
            write("mine#1", 99),
        ];
        let two = Remains { files: 2, bytes: 8 };
        assert_eq!(remains(folder.path(), 20, false).expect("two"), two);
        assert!(old.iter().all(|file| file.exists()));
        assert_eq!(remains(folder.path(), 20, true).expect("two"), two);
        assert!(!old.iter().any(|file| file.exists()));
        assert!(others.iter().all(|file| file.exists()));
    }
}
