//! Who works on a vault during the soak, each through processes of the built program, some of them killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{park_timeout, scope};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::book::{Book, Tree, Whom};
use crate::place::{Place, files};
use crate::support::{noise, text};

/// Of so many processes one is killed.
const KILLED_ONE_IN: u64 = 4;
/// A restore that took less than this, a part of the rehearsal's grace of 20 seconds, must come back.
const UNDISTURBED: Duration = Duration::from_secs(10);
/// Numbers drawn from a seed.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let at = self.below(list.len().max(1) as u64);
        list.get(at as usize)
    }
}

/// A vault, what is known of it, and until when there is work on it.
pub(crate) struct Work<'a> {
    pub(crate) place: &'a Place,
    pub(crate) book: Mutex<Book>,
    /// A folder for sources and targets.
    pub(crate) scratch: &'a Path,
    pub(crate) until: Instant,
}

/// How a process ended.
pub(crate) enum Ended {
    Killed,
    /// With the document that it printed.
    Done(Value),
    Refused,
}

impl Work<'_> {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn goes_on(&self) -> bool {
        Instant::now() < self.until && self.book().wrong.is_empty()
    }

    /// Runs the program on the vault, and kills it at an instant that `draw` draws, or not.
    fn go(&self, draw: &mut Draw, verb: &'static str, arguments: &[&str]) -> Ended {
        let begun = Instant::now();
        let kill = draw.below(KILLED_ONE_IN) == 0;
        let share = draw.below(1200) as u32;
        let tally = self.book().tallies.get(verb).copied().unwrap_or_default();
        let usual = tally.took.checked_div(tally.done);
        let usual = usual.unwrap_or(Duration::from_secs(2));
        let arguments = [&[verb, &self.place.url], arguments, &["--json"]].concat();
        let mut command = self.place.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.stdin(Stdio::null()).spawn().expect("it runs");
        if kill {
            park_timeout(usual * share / 1000);
            // It may have ended already.
            let _ = child.kill().is_ok();
        }
        let output = child.wait_with_output().expect("it ends");
        let mut book = self.book();
        let tally = book.tallies.entry(verb).or_default();
        let Some(code) = output.status.code() else {
            tally.killed += 1;
            return Ended::Killed;
        };
        if code == 0 {
            tally.done += 1;
            tally.took += begun.elapsed();
            drop(book);
            return Ended::Done(serde_json::from_slice(&output.stdout).expect("a document"));
        }
        tally.refused += 1;
        let err = String::from_utf8_lossy(&output.stderr);
        let error: Value = serde_json::from_str(err.lines().last().unwrap_or_default())
            .unwrap_or_else(|_| Value::from(err.as_ref()));
        let why = format!(
            "{verb} {code}: {}",
            without_names(&error["error"].to_string())
        );
        *book.refusals.entry(why).or_default() += 1;
        if !may_refuse(verb, code, &err) {
            book.wrong
                .push(format!("{arguments:?} ended with {code}: {err}"));
        }
        Ended::Refused
    }

    /// Changes a folder and backs it up, `at_once` processes doing so at the same time.
    pub(crate) fn write(&self, draw: &mut Draw, instance: &str, at_once: u64) {
        let source = self.scratch.join(format!("source-{instance}"));
        fs::create_dir_all(&source).expect("a folder");
        let mut tree = Tree::new();
        while self.goes_on() {
            change(draw, &source, &mut tree);
            scope(|scope| {
                for _ in 0..at_once {
                    let mut draw = Draw(draw.below(u64::MAX));
                    let (source, tree) = (&source, &tree);
                    scope.spawn(move || self.back_up(&mut draw, source, instance, tree));
                }
            });
        }
    }

    fn back_up(&self, draw: &mut Draw, source: &Path, instance: &str, tree: &Tree) {
        let methods = [
            "forever",
            "forever",
            "incremental",
            "differential",
            "synthetic-full",
            "full",
        ];
        let method = draw.of(&methods).expect("a method");
        let with = [text(source), "--instance", instance, "--method", method];
        if let Ended::Done(made) = self.go(draw, "backup", &with) {
            let point = made["point"].as_str().expect("an id").to_owned();
            let held = (instance.to_owned(), tree.clone());
            self.book().points.insert(point, held);
        }
    }

    /// Forgets points by name, and by policies.
    pub(crate) fn forget(&self, draw: &mut Draw, instances: &[&str]) {
        while self.goes_on() {
            if draw.below(2) == 0 {
                let there = self.points(draw, &[]);
                let Some(point) = draw.of(&there).cloned() else {
                    continue;
                };
                let ask = self.book().ask(Whom::Points(vec![point.clone()]));
                let ended = self.go(draw, "forget", &[&point, "--yes"]);
                let hit = matches!(ended, Ended::Done(_)).then(|| vec![point]);
                self.book().answer(ask, hit);
            } else {
                let instance = *draw.of(instances).expect("an instance");
                let keep = (1 + draw.below(6)).to_string();
                let ask = self.book().ask(Whom::Instance(instance.to_owned()));
                let with = ["--instance", instance, "--keep-last", &keep, "--yes"];
                let hit = match self.go(draw, "forget", &with) {
                    Ended::Done(plan) => Some(forgotten(&plan)),
                    _ => None,
                };
                self.book().answer(ask, hit);
            }
        }
    }

    /// Brings points back.
    pub(crate) fn undelete(&self, draw: &mut Draw) {
        while self.goes_on() {
            let gone = self.points(draw, &["--deleted"]);
            let Some(point) = draw.of(&gone).cloned() else {
                continue;
            };
            let begun = Instant::now();
            let all = draw.below(8) == 0;
            let whom = if all { "--all" } else { &point };
            if let Ended::Done(back) = self.go(draw, "undelete", &[whom]) {
                for point in back["undeleted"].as_array().expect("points") {
                    self.book().lives(point.as_str().expect("an id"), begun);
                }
            }
        }
    }

    /// Prunes.
    pub(crate) fn prune(&self, draw: &mut Draw) {
        while self.goes_on() {
            let with: &[&str] = match draw.below(6) {
                0 => &["--dry-run"],
                1 => &["--yes"],
                2 => &["--yes", "--max-waste", "0", "--max-repack", "1MiB"],
                _ => &["--yes", "--max-waste", "0"],
            };
            let _ = matches!(self.go(draw, "prune", with), Ended::Done(_));
        }
    }

    /// Restores points: it may come too late, but nothing comes back wrong.
    pub(crate) fn read(&self, draw: &mut Draw) {
        while self.goes_on() {
            let there = self.points(draw, &[]);
            let Some(point) = draw.of(&there).cloned() else {
                continue;
            };
            let target = self.scratch.join("read");
            clear(&target);
            let begun = Instant::now();
            let ended = self.go(draw, "restore", &[&point, text(&target)]);
            let mut book = self.book();
            let Some((_, tree)) = book.points.get(&point) else {
                continue;
            };
            let wrong = match ended {
                Ended::Done(_) => differs(&target, tree),
                Ended::Refused if begun.elapsed() < UNDISTURBED => book
                    .deleted_since(&point)
                    .is_none()
                    .then(|| "did not come back".to_owned()),
                _ => None,
            };
            let wrong = wrong.map(|why| format!("point {point} {why}"));
            book.wrong.extend(wrong);
        }
    }

    /// The points that are listed; those that are shown as they should be live.
    fn points(&self, draw: &mut Draw, with: &[&str]) -> Vec<String> {
        let begun = Instant::now();
        let Ended::Done(listed) = self.go(draw, "points", with) else {
            return Vec::new();
        };
        let points = ids(&listed);
        if with.is_empty() {
            let mut book = self.book();
            for point in &points {
                book.lives(point, begun);
            }
        }
        points
    }
}

pub(crate) fn ids(listed: &Value) -> Vec<String> {
    let points = listed["points"].as_array().expect("points").iter();
    let id = |point: &Value| point["point"].as_str().expect("an id").to_owned();
    points.map(id).collect()
}

/// The points that a plan which was carried out lets go.
fn forgotten(plan: &Value) -> Vec<String> {
    let instances = plan["instances"].as_array().expect("instances").iter();
    let rows = instances.flat_map(|instance| instance["points"].as_array().expect("points"));
    let gone = rows.filter(|row| row["keep"] == false);
    gone.map(|row| row["point"].as_str().expect("an id").to_owned())
        .collect()
}

/// Whether a process that nobody killed may end so, others being at work.
fn may_refuse(verb: &str, code: i32, err: &str) -> bool {
    let says = |words: &[&str]| words.iter().any(|word| err.contains(word));
    match (verb, code) {
        ("backup", 2) => says(&["was removed by a prune while this ran"]),
        ("forget", 2) => says(&["no recovery point", "must stay: needed by"]),
        ("undelete", 2) => says(&["no deleted point", "is not among the deleted", "is over"]),
        ("prune", 5) => says(&["another prune is at work"]),
        // What a restore may miss is judged by who asked for it.
        ("restore", 2..=4) => true,
        _ => false,
    }
}

/// The text with every id and process as `#`.
fn without_names(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    let short = words.map(|word| {
        let hex = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        let is_number = hex.len() >= 3 && hex.bytes().all(|c| c.is_ascii_digit());
        if hex.len() >= 8 || is_number {
            word.replacen(hex, "#", 1)
        } else {
            word.to_owned()
        }
    });
    short.collect()
}

/// Changes a few files: few different contents, so that what was deleted comes back.
fn change(draw: &mut Draw, source: &Path, tree: &mut Tree) {
    for _ in 0..=draw.below(4) {
        let name = format!("{}", draw.below(10));
        if draw.below(5) == 0 && tree.len() > 1 {
            if tree.remove(&name).is_some() {
                fs::remove_file(source.join(name)).expect("it was there");
            }
            continue;
        }
        let seed = draw.below(24);
        let bytes = 2_000 + (seed as usize % 6) * 60_000;
        fs::write(source.join(&name), noise(seed, bytes)).expect("a file");
        tree.insert(name, (seed, bytes));
    }
}

/// How what was restored differs from what it was.
pub(crate) fn differs(target: &Path, tree: &Tree) -> Option<String> {
    let back: Vec<PathBuf> = files(target);
    if back.len() != tree.len() {
        return Some(format!(
            "came back with {} files of {}",
            back.len(),
            tree.len()
        ));
    }
    let wrong = tree.iter().find(|(name, (seed, bytes))| {
        let there = fs::read(target.join(name.as_str()));
        there.ok().is_none_or(|there| there != noise(*seed, *bytes))
    });
    wrong.map(|(name, _)| format!("came back wrong in file {name}"))
}

pub(crate) fn clear(target: &Path) {
    if target.exists() {
        fs::remove_dir_all(target).expect("the target");
    }
}
