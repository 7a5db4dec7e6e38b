//! A server at work in a runtime of its own, and the clients of the field that are run against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use engine::replication::nbd::{
    Address, DeviceExport, Event, Export, Exports, Listener, Named, Server, Serving, Tls, Witness,
};
use engine::seam::{FileDevice, Threads, WallClock};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Keeps what a server tells.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panicked").clone()
    }
}

impl Witness for Notes {
    fn event(&self, event: Event<'_>) {
        let note = match event {
            Event::Failed { error, .. } => format!("failed: {error}"),
            Event::Broken(error) => format!("broken: {error}"),
            Event::Refused(error) => format!("refused: {error}"),
        };
        self.0.lock().expect("nobody panicked").push(note);
    }
}

pub(crate) struct Served {
    pub(crate) folder: TempDir,
    pub(crate) address: Address,
    pub(crate) notes: Arc<Notes>,
    pub(crate) runtime: Runtime,
    pub(crate) serving: Serving,
}

pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build();
    runtime.expect("a runtime")
}

pub(crate) fn named(name: &str, export: Arc<dyn Export>) -> Named {
    Named {
        name: name.to_owned(),
        description: format!("the disk {name}"),
        export,
    }
}

/// A sparse image of `bytes` in `folder`.
pub(crate) fn image(folder: &Path, name: &str, bytes: u64) -> PathBuf {
    let path = folder.join(name);
    let file = fs::File::create(&path).expect("a file");
    file.set_len(bytes).expect("its length");
    path
}

pub(crate) fn device(path: &Path, read_only: bool) -> Arc<dyn Export> {
    let device = FileDevice::open(path, !read_only).expect("the image opens");
    Arc::new(DeviceExport::new(Arc::new(device), read_only))
}

impl Served {
    /// Serves `exports` on a unix socket in `folder`, or on a port of the loopback address.
    pub(crate) fn start(
        folder: TempDir,
        exports: Vec<Named>,
        is_tcp: bool,
        tls: Option<Tls>,
    ) -> Self {
        let address = if is_tcp {
            Address::Tcp("127.0.0.1:0".parse().expect("an address"))
        } else {
            Address::Unix(folder.path().join("socket"))
        };
        let notes = Arc::new(Notes::default());
        let witness: Arc<dyn Witness> = Arc::<Notes>::clone(&notes);
        let exports = Exports::new(exports).expect("exports");
        let mut server = Server::new(exports, Arc::new(WallClock)).with_witness(witness);
        if let Some(tls) = tls {
            server = server.with_tls(tls);
        }
        let runtime = runtime();
        let (address, serving) = runtime.block_on(async {
            let listener = Listener::bind(&address).await.expect("a socket");
            let address = listener.address().expect("its address");
            let serving = listener.serve(Arc::new(server), Arc::new(Threads::new(1)));
            (address, serving)
        });
        Self {
            folder,
            address,
            notes,
            runtime,
            serving,
        }
    }

    /// A writable image of `bytes`, served as `disk` on a unix socket.
    pub(crate) fn disk(bytes: u64) -> (Self, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = image(folder.path(), "disk.img", bytes);
        let exports = vec![named("disk", device(&path, false))];
        (Self::start(folder, exports, false, None), path)
    }

    pub(crate) fn uri(&self, export: &str) -> String {
        match &self.address {
            Address::Unix(path) => format!("nbd+unix:///{export}?socket={}", path.display()),
            Address::Tcp(address) => format!("nbd://{address}/{export}"),
        }
    }

    /// Lets every client go, and gives what was told of in the meantime.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.runtime.block_on(self.serving.shut_down());
        self.notes.all()
    }
}

/// Whether a client of the field is installed. Where everything is required, a lack fails.
#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
pub(crate) fn has(tool: &str, package: &str) -> bool {
    if Command::new(tool)
        .arg("--version")
        .env("PATH", path())
        .output()
        .is_ok()
    {
        return true;
    }
    assert!(
        std::env::var_os("FIREDRILL_REQUIRE_ALL").is_none(),
        "{tool} can't run (apt-get install {package})"
    );
    eprintln!("SKIPPED: {tool} can't run (apt-get install {package})");
    false
}

/// The system's own programs first: `nbdsh` needs the system's Python.
fn path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("/usr/bin:{path}")
}

pub(crate) fn try_run(tool: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(tool);
    command.args(arguments).env("PATH", path());
    command.output().expect("it runs")
}

/// Runs a tool that must succeed, and gives what it printed.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> String {
    let output = try_run(tool, arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{tool} {arguments:?}: {}: {said}\n{complained}",
        output.status
    );
    said
}
