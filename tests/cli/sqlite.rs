//! A real SQLite database, written to all the time, held still by the example hook.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::{example_hook, json, ready, text};

/// Commits one row after another, and says each one's number when it is committed.
const WRITER: &str = r#"
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
database.execute("PRAGMA journal_mode=" + sys.argv[2])
database.execute("PRAGMA synchronous=OFF")
database.execute("CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, pad BLOB)")
while True:
    print(database.execute("INSERT INTO rows(pad) VALUES (randomblob(1000))").lastrowid, flush=True)
"#;

/// Says whether the database is whole, how many rows there are, and the last one's number.
const LOOK: &str = r#"
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60)
(whole,) = database.execute("PRAGMA integrity_check").fetchone()
print(whole, *database.execute("SELECT count(*), max(id) FROM rows").fetchone())
"#;

struct Writer {
    child: Child,
    told: BufReader<ChildStdout>,
}

impl Writer {
    fn start(database: &Path, journal: &str) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", WRITER, text(database), journal])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let told = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, told }
    }

    /// Waits until row `number` is committed.
    fn reach(&mut self, number: u64) {
        let mut line = String::new();
        while line.trim().parse().unwrap_or(0) < number {
            line.clear();
            let read = self.told.read_line(&mut line).expect("it tells");
            assert!(read > 0, "the writer ended");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill().is_ok();
        let _ = self.child.wait().is_ok();
    }
}

fn look(database: &Path) -> String {
    let output = Command::new("python3")
        .args(["-c", LOOK, text(database)])
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

#[test]
fn a_database_under_load_is_backed_up_as_of_one_instant() {
    if !ready(
        "python3 with sqlite3",
        "python3".as_ref(),
        &["-c", "import sqlite3"],
    ) {
        return;
    }
    for journal in ["WAL", "DELETE"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (vault, source) = (folder.path().join("vault"), folder.path().join("app"));
        fs::create_dir(&source).expect("a folder");
        let database = source.join("app.db");
        json(&["init", text(&vault)]);
        let mut writer = Writer::start(&database, journal);
        for round in 1..=2 {
            writer.reach(round * 300);
            let (hook, seen) = (example_hook("sqlite.py"), folder.path().join("seen"));
            let database_text = text(&database);
            // Read while it is held: what a point of this instant has to hold, no more and no less.
            let freeze = format!(
                "python3 {hook} freeze {database_text} && python3 -c '{LOOK}' {database_text} >{}",
                seen.display()
            );
            let thaw = format!("python3 {hook} thaw {database_text}");
            let hooks = ["--freeze", &freeze, "--thaw", &thaw];
            let backup = ["backup", text(&vault), text(&source)];
            let document = json(&[&backup[..], &hooks].concat());
            assert_eq!(document["consistency"], "application", "{document}");
            let target = folder.path().join(format!("back{round}"));
            json(&["restore", text(&vault), "latest", text(&target)]);
            let held = fs::read_to_string(&seen).expect("what was seen");
            assert_eq!(look(&target.join("app.db")), held.trim(), "{journal}");
            let rows: Vec<&str> = held.split_whitespace().collect();
            assert_eq!((rows[0], rows[1]), ("ok", rows[2]), "{journal}");
            let last: u64 = rows[2].parse().expect("a number");
            assert!(
                last >= round * 300,
                "all that was acknowledged before: {held}"
            );
            // The writer, that waited, goes on.
            writer.reach(last + 1);
        }
    }
}
