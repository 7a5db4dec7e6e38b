//! Two sites on this machine: their processes, what they tell, and what they serve.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::park_timeout;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use super::nbd::Nbd;
use super::records::{self, Load};
use crate::support::{firedrill, run, text};

/// The longest that anything is waited for: far above what a loaded machine needs.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again and again until there is an answer.
pub(super) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        park_timeout(Duration::from_millis(15));
    }
}

/// A process that ends with its scope.
pub(super) struct Process {
    pub(super) child: Child,
    errors: PathBuf,
    /// What its output began with when it was started: it goes on in the same file.
    from: usize,
}

impl Process {
    pub(super) fn start(mut command: Command, errors: &Path) -> Self {
        let from = fs::read(errors).map_or(0, |text| text.len());
        let log = File::options().create(true).append(true).open(errors);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("a file"));
        let child = command.spawn().expect("it runs");
        Self {
            child,
            errors: errors.to_owned(),
            from,
        }
    }

    /// What it has printed.
    pub(super) fn said(&self) -> String {
        let text = fs::read(&self.errors).unwrap_or_default();
        String::from_utf8_lossy(&text[self.from.min(text.len())..]).into_owned()
    }

    /// Kills it: it has no chance to write or say a word more.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill().is_ok();
        let _ = self.child.wait().is_ok();
    }

    /// Waits until it ends by itself; gives its exit code.
    pub(super) fn ended(&mut self, what: &str) -> i32 {
        let errors = self.errors.clone();
        let status = until(&format!("{what}: {}", errors.display()), || {
            self.child.try_wait().expect("its status")
        });
        status.code().expect("it exits by itself")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The clients of the field that copies are made with.
pub(super) fn clients_are_there() -> bool {
    use crate::support::ready;
    ready("nbdcopy", Path::new("nbdcopy"), &["--version"])
        && ready("qemu-io", Path::new("qemu-io"), &["--version"])
}

/// A port that nobody has: a site keeps its own from one role to the next.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

/// One site.
pub(super) struct Site {
    pub(super) state: PathBuf,
    /// Where its disks are served while it is active.
    pub(super) socket: PathBuf,
    log: PathBuf,
    /// Its namespace, where it has one.
    pub(super) namespace: Option<String>,
    /// Where it listens for the other site.
    pub(super) listens: String,
    pub(super) process: Option<Process>,
}

impl Site {
    fn new(folder: &Path, name: &str) -> Self {
        Self {
            state: folder.join(name),
            socket: folder.join(format!("{name}.sock")),
            log: folder.join(format!("{name}.log")),
            namespace: None,
            listens: free_address(),
            process: None,
        }
    }

    /// The program at this site.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let plain = firedrill(arguments);
        let Some(namespace) = &self.namespace else {
            return plain;
        };
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", namespace])
            .arg(plain.get_program())
            .args(plain.get_args());
        command
    }

    pub(super) fn serve(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Starts following; waits until it listens.
    pub(super) fn follow(&mut self, more: &[&str]) {
        let serve = self.serve();
        let fixed = ["replica", "serve", text(&self.state), "--serve", &serve];
        let listen = ["--listen", &self.listens];
        let command = self.command(&[&fixed, &listen[..], more].concat());
        let mut process = Process::start(command, &self.log);
        self.listens = until("the site follows", || {
            let said = process.said();
            assert!(
                process.child.try_wait().expect("its status").is_none(),
                "{said}"
            );
            let (_, rest) = said.split_once("the other site connects to ")?;
            rest.split_once('\n').map(|(address, _)| address.to_owned())
        });
        self.process = Some(process);
    }

    /// Starts again as it was after a failover: it serves its disks.
    pub(super) fn serve_again(&mut self) {
        self.serve_again_with(&[]);
    }

    /// The same, with more said.
    pub(super) fn serve_again_with(&mut self, more: &[&str]) {
        let serve = self.serve();
        let listen = self.listens.clone();
        let state = text(&self.state);
        let fixed = ["replica", "serve", state, "--serve", &serve, "--listen"];
        let command = self.command(&[&fixed[..], &[listen.as_str()], more].concat());
        self.process = Some(Process::start(command, &self.log));
    }

    /// Starts to serve and protect its disks; waits for nothing.
    pub(super) fn protect(&mut self, disks: &[PathBuf], to: &str, more: &[&str]) {
        let serve = self.serve();
        let disks: Vec<&str> = disks.iter().map(|disk| text(disk)).collect();
        let fixed = ["--state", text(&self.state), "--listen", &serve, "--to", to];
        let command = self.command(&[&["protect"], &disks[..], &fixed, more].concat());
        self.process = Some(Process::start(command, &self.log));
    }

    pub(super) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the site runs")
    }

    pub(super) fn kill(&mut self) {
        self.process().kill();
        self.process = None;
    }

    /// Waits until the process ends by itself; its exit code.
    pub(super) fn ended(&mut self) -> i32 {
        let code = self.process().ended("the site ends");
        self.process = None;
        code
    }

    /// Asks the site for something; its document.
    pub(super) fn ask(&self, arguments: &[&str]) -> Value {
        let (code, told, said) = self.tell(arguments);
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        assert_eq!(code, 0, "{arguments:?}: {said}; the site said: {log}");
        serde_json::from_str(&told).expect("one JSON document")
    }

    /// Asks the site for something; exit code and both outputs.
    pub(super) fn tell(&self, arguments: &[&str]) -> (i32, String, String) {
        let (first, rest) = arguments.split_first().expect("a command");
        let state = text(&self.state);
        run(&[&[*first, state], rest, &["--json"]].concat())
    }

    pub(super) fn status(&self) -> Value {
        self.ask(&["status"])
    }

    /// Waits until the status is as it should be; gives it.
    pub(super) fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            last = self.status();
            if is(&last) {
                return last;
            }
            park_timeout(Duration::from_millis(15));
        }
        panic!("waited in vain: {what}: {last:#}");
    }

    /// Waits until the other site has everything that is written here.
    pub(super) fn converge(&self) -> Value {
        self.until("both sites are the same", |status| {
            status["connected"] == true && status["rpo_seconds"] == 0.0 && status["lag_bytes"] == 0
        })
    }

    /// A connection to a disk that this site serves, once it does.
    pub(super) fn nbd(&self, disk: &str) -> Nbd {
        until("the disk is served", || {
            Nbd::connect(&self.socket, disk).ok()
        })
    }

    /// The whole disk that this site serves, as a client of the field copies it.
    pub(super) fn copy(&self, disk: &str) -> Vec<u8> {
        drop(self.nbd(disk));
        copy(&self.socket, disk)
    }

    /// Runs a command of qemu-io on the disk that this site serves.
    pub(super) fn qemu_io(&self, disk: &str, commands: &[&str]) {
        drop(self.nbd(disk));
        let mut qemu = Command::new("qemu-io");
        qemu.args(["-f", "raw"]);
        for command in commands {
            qemu.args(["-c", command]);
        }
        let output = qemu.arg(uri(&self.socket, disk)).output();
        let output = output.expect("qemu-io runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && !said.contains("failed"),
            "{said}"
        );
    }

    /// Where a test failover of this site is served, by a process that ends with its scope.
    pub(super) fn test_failover(&self, point: &str) -> Tested {
        let socket = self.state.with_extension("test.sock");
        let serve = format!("unix:{}", socket.display());
        let state = text(&self.state);
        let command = firedrill(&[
            "test-failover",
            state,
            "--serve",
            &serve,
            "--point",
            point,
            "--json",
        ]);
        let process = Process::start(command, &self.state.with_extension("test.log"));
        Tested { socket, process }
    }

    /// The disk at this site's newest point, by a test failover.
    pub(super) fn newest(&self, disk: &str) -> Vec<u8> {
        let mut tested = self.test_failover("latest");
        let image = copy(tested.served(), disk);
        drop(tested);
        image
    }

    /// Fails over to a point; what was told.
    pub(super) fn fail_over(&self, point: &str) -> Value {
        self.ask(&["failover", "--point", point, "--yes"])
    }
}

/// A test failover that is served.
pub(super) struct Tested {
    socket: PathBuf,
    pub(super) process: Process,
}

impl Tested {
    /// Its socket, once it is served.
    pub(super) fn served(&mut self) -> &Path {
        until("the test failover is served", || {
            let ended = self.process.child.try_wait().expect("its status");
            assert!(ended.is_none(), "{}", self.process.said());
            std::os::unix::net::UnixStream::connect(&self.socket).ok()
        });
        &self.socket
    }
}

pub(super) fn uri(socket: &Path, disk: &str) -> String {
    format!("nbd+unix:///{disk}?socket={}", socket.display())
}

/// Copies an export with nbdcopy.
pub(super) fn copy(socket: &Path, disk: &str) -> Vec<u8> {
    let at = socket.with_extension(format!("{disk}.copy"));
    let _ = fs::remove_file(&at).is_ok();
    let output = Command::new("nbdcopy")
        .arg(uri(socket, disk))
        .arg(&at)
        .output();
    let output = output.expect("nbdcopy runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "nbdcopy: {said}");
    let image = fs::read(&at).expect("the copy");
    fs::remove_file(&at).expect("it goes");
    image
}

/// An instant of a document.
pub(super) fn instant(told: &Value) -> SystemTime {
    let instant: jiff::Timestamp = told
        .as_str()
        .expect("an instant")
        .parse()
        .expect("RFC 3339");
    let nanoseconds = u64::try_from(instant.as_nanosecond()).expect("after 1970");
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// Now, as `--point` takes it.
pub(super) fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// Two sites and the disks of the first.
pub(super) struct Pair {
    // Before the folder: processes end before what they write in is removed.
    pub(super) source: Site,
    pub(super) replica: Site,
    pub(super) disks: Vec<PathBuf>,
    pub(super) folder: TempDir,
}

impl Pair {
    /// New sites, of which none runs, and empty disks of `bytes`.
    pub(super) fn new(disks: &[&str], bytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for disk in disks {
            let file = File::create_new(at(disk)).expect("a disk");
            file.set_len(bytes).expect("its size");
        }
        let replica = Site::new(folder.path(), "dr");
        let (code, _, said) = run(&["replica", "init", text(&replica.state)]);
        assert_eq!(code, 0, "{said}");
        let identity = replica.state.join("source-identity.pem");
        fs::rename(identity, at("identity.pem")).expect("it moves to the source");
        Self {
            source: Site::new(folder.path(), "src"),
            replica,
            disks: disks.iter().map(|disk| at(disk)).collect(),
            folder,
        }
    }

    /// The replica follows and the source protects to it; the first synchronisation is done.
    pub(super) fn begin(disks: &[&str], bytes: u64) -> Self {
        let mut pair = Self::new(disks, bytes);
        pair.replica.follow(&[]);
        let to = pair.replica.listens.clone();
        pair.protect(&to, &[]);
        pair.source.converge();
        pair
    }

    /// Starts the source.
    pub(super) fn protect(&mut self, to: &str, more: &[&str]) {
        let identity = self.folder.path().join("identity.pem");
        let more = [&["--identity", text(&identity)], more].concat();
        self.source.protect(&self.disks, to, &more);
        until("the source is asked", || {
            let said = self.source.process().said();
            let ended = self.source.process().child.try_wait();
            if let Some(ended) = ended.expect("its status") {
                // A newer generation may have told it off before it was asked.
                assert_eq!(ended.code(), Some(3), "{said}");
                return Some(());
            }
            (self.source.tell(&["status"]).1.contains("served_at")).then_some(())
        });
    }

    /// The source's disk as the file is.
    pub(super) fn disk(&self, number: usize) -> Vec<u8> {
        fs::read(&self.disks[number]).expect("the disk")
    }

    /// Records of 4 KiB, each flushed, from the first on.
    pub(super) fn load(&self, disks: &[&str]) -> Load {
        Load {
            socket: self.source.socket.clone(),
            disks: disks.iter().map(|disk| (*disk).to_owned()).collect(),
            bytes: RECORD_BYTES,
            first: 1,
            pause: Duration::ZERO,
            flush: true,
        }
    }
}

/// Bytes of the usual record.
pub(super) const RECORD_BYTES: usize = 4096;

/// The last record of an image.
pub(super) fn last(image: &[u8]) -> u64 {
    records::last(image, RECORD_BYTES)
}
