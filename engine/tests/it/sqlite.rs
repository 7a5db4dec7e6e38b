//! A real SQLite database in the middle of a backup: torn if nothing holds it, whole if the example hook
//! does. The write comes from within the backup, so that each arm happens every time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use engine::backup::{self, Progress};
use engine::format::point::{Consistency, Method};
use engine::seam::{AsItIs, Held, Quiesce};
use engine::{Error, ErrorKind};

use crate::support::{block_on, memory, new_vault, request, restore_to};

/// Begins a database whose second row is in the write-ahead log only. It ends without closing the
/// database: that would write the log back.
const BEGIN: &str = r#"
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("CREATE TABLE rows(id INTEGER PRIMARY KEY)")
database.execute("INSERT INTO rows VALUES (1)")
database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
database.execute("INSERT INTO rows VALUES (2)")
os._exit(0)
"#;

/// What any application does all the time: commits, and has the log written back and emptied.
const GO_ON: &str = r#"
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
database.execute("INSERT INTO rows VALUES (3)")
database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"#;

/// The rows of a database that is whole.
const LOOK: &str = r#"
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
print([id for (id,) in database.execute("SELECT id FROM rows")])
"#;

fn python(script: &str, database: &Path) -> Output {
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(database);
    command.output().expect("python runs")
}

#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
fn ready() -> bool {
    let found = Command::new("python3")
        .args(["-c", "import sqlite3"])
        .status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    let required = std::env::var_os("FIREDRILL_REQUIRE_ALL").is_some();
    assert!(!required, "python3 with sqlite3 is missing");
    eprintln!("SKIPPED: python3 with sqlite3 is missing");
    false
}

/// Writes once, when the first file of the source is read.
struct Writer {
    database: PathBuf,
    wrote: Mutex<Option<bool>>,
}

impl Progress for Writer {
    fn advance(&self, _: u64, files: u64) {
        let mut wrote = self.wrote.lock().expect("no panic");
        if files > 0 && wrote.is_none() {
            *wrote = Some(python(GO_ON, &self.database).status.success());
        }
    }

    fn problem(&self, _: &Path, _: &str) {}
}

/// The example hook.
struct Hook(PathBuf);

impl Hook {
    fn run(&self, verb: &str) -> engine::Result<()> {
        let hook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/hooks/sqlite.py");
        let mut command = Command::new("python3");
        let output = command.arg(hook).arg(verb).arg(&self.0).output();
        let output = output.expect("python runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let failed = || Error::new(ErrorKind::Unavailable, said);
        output.status.success().then_some(()).ok_or_else(failed)
    }
}

impl Quiesce for Hook {
    fn freeze(&self) -> Held<'_, ()> {
        Box::pin(async { self.run("freeze") })
    }

    fn thaw(&self) -> Held<'_, Consistency> {
        Box::pin(async { self.run("thaw").map(|()| Consistency::Application) })
    }
}

/// Backs up a database that is written to meanwhile; whether the write was let in, and the rows of what
/// comes back.
fn rows_after(hold: bool) -> (Option<bool>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    fs::create_dir(&source).expect("a folder");
    let database = source.join("app.db");
    assert!(python(BEGIN, &database).status.success());
    // Between the database and its log, and read in so many pieces that the log is not read yet when the
    // first of them is done.
    let between = fs::File::create(source.join("app.db-and-more")).expect("a file");
    for piece in 0..256_u64 {
        std::os::unix::fs::FileExt::write_all_at(&between, b"data", piece << 20).expect("a piece");
    }
    block_on(async {
        let vault = new_vault(&memory()).await;
        let writer = Writer {
            database: database.clone(),
            wrote: Mutex::default(),
        };
        let request = request(&source, Method::Full, 4096);
        let hook = Hook(database.clone());
        let quiesce: &dyn Quiesce = if hold { &hook } else { &AsItIs };
        let outcome = backup::run(&vault, &request, quiesce, &writer).await;
        let point = outcome.expect("a backup").point.to_string();
        let target = folder.path().join("target");
        restore_to(&vault, &point, &target)
            .await
            .expect("it is back");
        let looked = python(LOOK, &target.join("app.db"));
        let rows = String::from_utf8_lossy(&looked.stdout).trim().to_owned();
        (writer.wrote.into_inner().expect("no panic"), rows)
    })
}

#[test]
fn a_database_that_nothing_holds_loses_what_it_had_committed() {
    if ready() {
        let torn = (Some(true), "[1]".to_owned());
        assert_eq!(rows_after(false), torn, "row 2 was there all the time");
    }
}

#[test]
fn a_database_that_is_held_comes_back_as_of_that_instant() {
    if ready() {
        let whole = (Some(false), "[1, 2]".to_owned());
        assert_eq!(rows_after(true), whole, "row 3 was not let in");
    }
}
