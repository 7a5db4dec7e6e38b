//! A real PostgreSQL on ext4 on a protected disk: its site is killed under load, and at the other site the file
//! system and the database come back with all that was acknowledged before the point's instant.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustix::process::{Pid, Signal, kill_process};

use super::sites::{Pair, Process, clients_are_there, instant, until, uri};
use crate::postgresql::{Cluster, programs};
use crate::support::{ready, text};

const DISK: &str = "disk.img";
const BYTES: u64 = 256 << 20;

/// Runs a program; its exit code and output.
fn tool(words: &[&str]) -> (i32, String) {
    let output = Command::new(words[0]).args(&words[1..]).output();
    let output = output.expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

fn done(words: &[&str]) -> String {
    let (code, said) = tool(words);
    assert_eq!(code, 0, "{words:?}: {said}");
    said
}

/// A disk that a site serves, as a block device of this machine, and where it is mounted.
struct Attached {
    fuse: Process,
    folder: PathBuf,
    device: String,
    mounted: PathBuf,
}

impl Attached {
    fn to(socket: &Path, folder: &Path) -> Self {
        let mounted = folder.join("mounted");
        let disk = folder.join("disk");
        fs::create_dir_all(&mounted).expect("a folder");
        fs::create_dir_all(&disk).expect("a folder");
        let mut command = Command::new("nbdfuse");
        command.arg(&disk).arg(uri(socket, DISK));
        let fuse = Process::start(command, &folder.join("nbdfuse.log"));
        let file = disk.join("nbd");
        let mut attached = Self {
            fuse,
            folder: disk,
            device: String::new(),
            mounted,
        };
        until("the disk is a file", || file.exists().then_some(()));
        let device = done(&["losetup", "-f", "--show", text(&file)]);
        device.trim().clone_into(&mut attached.device);
        attached
    }

    fn mount(&self) {
        done(&["mount", &self.device, text(&self.mounted)]);
    }

    /// The file system's judge: exit code and what it says.
    fn check(&self, how: &str) -> (i32, String) {
        tool(&["e2fsck", how, &self.device])
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Whatever of it is there; a test that failed has said why already.
        drop(tool(&["umount", "-l", text(&self.mounted)]));
        if !self.device.is_empty() {
            drop(tool(&["losetup", "-d", &self.device]));
        }
        self.fuse.kill();
        drop(tool(&["umount", "-l", text(&self.folder)]));
    }
}

type Rows = Arc<Mutex<Vec<(u64, SystemTime)>>>;

/// Commits row after row for as long as there is a server; when each was acknowledged.
fn commit_rows(cluster: &Cluster) -> (Rows, std::thread::JoinHandle<()>) {
    // Whatever fails ends it: it would wait for more while it is waited for.
    let mut command = cluster.psql(&["-v", "ON_ERROR_STOP=1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().expect("psql runs");
    let told = BufReader::new(child.stdout.take().expect("its output"));
    let mut ask = child.stdin.take().expect("its input");
    let rows = Rows::default();
    let shared = Arc::clone(&rows);
    let thread = std::thread::spawn(move || {
        let mut told = told.lines();
        let insert =
            "INSERT INTO rows(pad) VALUES (repeat(md5(random()::text), 50)) RETURNING id;\n";
        while ask.write_all(insert.as_bytes()).is_ok() {
            let Some(Ok(Ok(id))) = told.next().map(|line| line.map(|line| line.parse())) else {
                break;
            };
            let row = (id, SystemTime::now());
            shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(row);
        }
        let _ = child.kill().is_ok();
        let _ = child.wait().is_ok();
    });
    (rows, thread)
}

fn acknowledged(rows: &Rows) -> Vec<(u64, SystemTime)> {
    rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The server's processes, the first one first.
fn processes(data: &Path) -> Vec<Pid> {
    let first = fs::read_to_string(data.join("postmaster.pid")).expect("it runs");
    let first = first.lines().next().expect("a number").to_owned();
    let all = fs::read_dir("/proc").expect("proc").flatten();
    let children = all.filter_map(|at| {
        let status = fs::read_to_string(at.path().join("stat")).ok()?;
        let (_, fields) = status.rsplit_once(") ")?;
        (fields.split(' ').nth(1) == Some(&first)).then(|| at.file_name().into_string().ok())?
    });
    let numbers = std::iter::once(first.clone()).chain(children.collect::<Vec<_>>());
    numbers
        .filter_map(|number| Pid::from_raw(number.parse().ok()?))
        .collect()
}

fn is_possible() -> bool {
    clients_are_there()
        && ready(
            "PostgreSQL's server",
            &programs().join("postgres"),
            &["--version"],
        )
        && ready("nbdfuse", Path::new("nbdfuse"), &["--version"])
        && ready("ext4", Path::new("mkfs.ext4"), &["-V"])
        && ready("/dev/fuse", Path::new("test"), &["-w", "/dev/fuse"])
        && ready("loop devices", Path::new("losetup"), &["-f"])
        && ready("root", Path::new("test"), &["-w", "/dev/loop-control"])
}

#[test]
fn a_database_comes_back_with_all_that_was_acknowledged_before_the_point() {
    if !is_possible() {
        return;
    }
    let mut pair = Pair::begin(&[DISK], BYTES);
    let folder = pair.folder.path().to_owned();
    let open = |at: &Path| fs::set_permissions(at, fs::Permissions::from_mode(0o777));
    let sockets = folder.join("sockets");
    fs::create_dir(&sockets).expect("a folder");
    for at in [&folder, &sockets] {
        open(at).expect("the server's user may enter");
    }
    let mut here = Attached::to(&pair.source.socket, &folder.join("here"));
    done(&["mkfs.ext4", "-q", "-E", "nodiscard", &here.device]);
    here.mount();
    open(&here.mounted).expect("the server's user may write");
    let data = here.mounted.join("data");
    let cluster = Cluster::make(&data, &sockets);
    let (rows, writer) = commit_rows(&cluster);
    until("rows are committed", || {
        (acknowledged(&rows).len() > 50).then_some(())
    });

    let at = text(&here.mounted);
    let (freeze, thaw) = (format!("fsfreeze -f {at}"), format!("fsfreeze -u {at}"));
    let told = pair
        .source
        .ask(&["point", "--freeze", &freeze, "--thaw", &thaw]);
    assert_eq!(told["consistency"], "application", "{told}");
    let held = acknowledged(&rows).len();
    until("rows are committed", || {
        (acknowledged(&rows).len() > held + 150).then_some(())
    });

    // The site is lost amid all this: what serves the disk, what attaches it, and the database.
    let victims = processes(&data);
    pair.source.kill();
    here.fuse.kill();
    for victim in victims {
        let _ = kill_process(victim, Signal::KILL).is_ok();
    }
    writer.join().expect("the client");
    drop(cluster);
    drop(here);
    let rows = acknowledged(&rows);

    pair.replica.fail_over("latest-application");
    drop(pair.replica.nbd(DISK));
    let there = Attached::to(&pair.replica.socket, &folder.join("held"));
    let (code, said) = there.check("-fn");
    assert_eq!(code, 0, "held still, it is clean as it is: {said}");
    assert!(!said.contains("ecover"), "nothing is recovered: {said}");
    drop(there);

    let told = pair.replica.fail_over("latest");
    drop(pair.replica.nbd(DISK));
    come_back(&pair, &sockets, &rows, instant(&told["captured"]));
}

/// The file system and the database recover, and what is lost was acknowledged after the point.
fn come_back(pair: &Pair, sockets: &Path, rows: &[(u64, SystemTime)], captured: SystemTime) {
    let there = Attached::to(&pair.replica.socket, &pair.folder.path().join("there"));
    let (code, said) = there.check("-fp");
    assert!(
        code == 0 || code == 1,
        "it recovers by itself: {code}: {said}"
    );
    let (code, said) = there.check("-fn");
    assert_eq!(code, 0, "{said}");
    there.mount();
    let data = there.mounted.join("data");
    // The server that wrote it is dead, here and there.
    let _ = fs::remove_file(data.join("postmaster.pid")).is_ok();
    let cluster = Cluster::start(&data, sockets);
    let (count, last) = cluster.rows();
    assert_eq!(count, last, "no row in the middle is lacking");
    for (id, at) in rows.iter().filter(|(id, _)| *id > last) {
        assert!(
            *at >= captured,
            "row {id} was acknowledged {:?} before the point's instant and is lost",
            captured.duration_since(*at)
        );
    }
    assert!(
        last > 0 && last <= rows.last().map_or(0, |(id, _)| *id) + 1,
        "{last}"
    );
    drop(cluster);
}
