//! A real PostgreSQL cluster, written to all the time, backed up by the example hook.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{example_hook, json, ready, text};

/// Where Debian keeps the server's programs, the newest version's; or wherever they are found.
pub(crate) fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let versions = versions.flatten().filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin")))
    });
    versions.max().map_or_else(PathBuf::new, |(_, at)| at)
}

/// A command of PostgreSQL's, which refuses to be run by root: then it is run by its own user.
fn postgres(program: &str, arguments: &[&str]) -> Command {
    let program = programs().join(program);
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command
            .args(["-u", "postgres", "--"])
            .arg(program)
            .args(arguments);
        command.current_dir("/");
        command
    } else {
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }
}

fn expect(mut command: Command) -> Output {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// A cluster that listens in `folder` alone; it ends with its scope.
pub(crate) struct Cluster {
    data: PathBuf,
    sockets: PathBuf,
}

impl Cluster {
    /// A new one with a table.
    pub(crate) fn make(data: &Path, sockets: &Path) -> Self {
        let how = [
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
            "-D",
            text(data),
        ];
        expect(postgres("initdb", &how));
        let cluster = Self::start(data, sockets);
        let table = "CREATE TABLE rows(id BIGSERIAL PRIMARY KEY, pad TEXT)";
        expect(cluster.psql(&["-c", table]));
        cluster
    }

    pub(crate) fn start(data: &Path, sockets: &Path) -> Self {
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={}",
            sockets.display()
        );
        let log = sockets.join("log");
        let start = [
            "-D",
            text(data),
            "-w",
            "-l",
            text(&log),
            "-o",
            &options,
            "start",
        ];
        // Not waited for by its output: the server keeps that open.
        let mut command = postgres("pg_ctl", &start);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let why = fs::read_to_string(&log).unwrap_or_default();
        assert!(
            status.expect("it runs").success(),
            "the server does not start: {why}"
        );
        Self {
            data: data.to_owned(),
            sockets: sockets.to_owned(),
        }
    }

    pub(crate) fn psql(&self, arguments: &[&str]) -> Command {
        let host = ["-h", text(&self.sockets), "-U", "postgres", "-AtqX"];
        postgres("psql", &[&host, arguments].concat())
    }

    /// How many rows, and the last one's number.
    pub(crate) fn rows(&self) -> (u64, u64) {
        let output = expect(self.psql(&["-c", "SELECT count(*), coalesce(max(id), 0) FROM rows"]));
        let told = String::from_utf8(output.stdout).expect("text");
        let (count, last) = told.trim().split_once('|').expect("two numbers");
        (
            count.parse().expect("a number"),
            last.parse().expect("a number"),
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = postgres(
            "pg_ctl",
            &["-D", text(&self.data), "-m", "immediate", "-w", "stop"],
        );
        let _ = stop.output().is_ok();
    }
}

/// Commits row after row until its input ends; gives the last that was acknowledged.
fn write_until_told(cluster: &Cluster) -> (Child, std::thread::JoinHandle<u64>) {
    // Whatever fails ends it: it would wait for more while it is waited for.
    let mut child = cluster
        .psql(&["-v", "ON_ERROR_STOP=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // It is the one to be cut off when the server goes.
        .stderr(Stdio::null())
        .spawn()
        .expect("psql runs");
    let told = BufReader::new(child.stdout.take().expect("its output"));
    let mut ask = child.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || {
        let mut last = 0;
        let insert =
            "INSERT INTO rows(pad) VALUES (repeat(md5(random()::text), 50)) RETURNING id;\n";
        let mut told = told.lines();
        while ask.write_all(insert.as_bytes()).is_ok() {
            let Some(Ok(id)) = told.next() else { break };
            last = id.parse().expect("a number");
        }
        last
    });
    (child, writer)
}

#[test]
fn a_cluster_under_load_comes_back_with_all_that_was_committed() {
    let server = programs().join("postgres");
    if !ready("PostgreSQL's server", &server, &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let open = |at: &Path| fs::set_permissions(at, fs::Permissions::from_mode(0o777));
    open(folder.path()).expect("the server's user may enter");
    let at = |name: &str| folder.path().join(name);
    let (vault, staging, sockets) = (at("vault"), at("staging"), at("sockets"));
    for made in [&staging, &sockets] {
        fs::create_dir(made).expect("a folder");
        open(made).expect("open");
    }
    json(&["init", text(&vault)]);
    let data = at("data");
    let cluster = Cluster::make(&data, &sockets);
    let (mut child, writer) = write_until_told(&cluster);
    while cluster.rows().0 < 50 {}

    let hook = example_hook("postgresql.sh");
    let hook = |verb: &str| {
        let (path, sockets) = (programs(), sockets.display());
        let environment = format!(
            "PATH={}:$PATH PGHOST={sockets} PGUSER=postgres",
            path.display()
        );
        format!("{environment} sh {hook} {verb} {}", staging.display())
    };
    let committed = cluster.rows();
    let (freeze, thaw) = (hook("freeze"), hook("thaw"));
    let hooks = ["--freeze", &freeze, "--thaw", &thaw];
    let document = json(&[&["backup", text(&vault), text(&staging)][..], &hooks].concat());
    assert_eq!(document["consistency"], "application", "{document}");
    assert!(!staging.join("base").exists(), "thaw took the staging away");
    let later = cluster.rows();
    assert!(
        later.1 > committed.1,
        "the cluster was never held: {committed:?}, {later:?}"
    );
    // What is lost of the cluster is all of it.
    drop(cluster);
    let _ = child.wait().is_ok();
    writer.join().expect("the writer");

    let target = at("back");
    json(&["restore", text(&vault), "latest", text(&target)]);
    let base = target.join("base");
    if rustix::process::geteuid().is_root() {
        let mut own = Command::new("chown");
        own.args(["-R", "postgres"]).arg(&target);
        expect(own);
    }
    let restored = Cluster::start(&base, &sockets);
    let (count, last) = restored.rows();
    assert!(
        count >= committed.0 && last >= committed.1,
        "{committed:?}, back: {count}, {last}"
    );
    assert!(
        last <= later.1,
        "nothing from after the backup: {last}, {later:?}"
    );
}
