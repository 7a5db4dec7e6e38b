//! A site of a group that is replicated: the folder that it keeps, and the process that plays its role.

mod active;
mod control;
mod daemon;
mod instant;
mod replica;
mod restored;
mod status;

use std::fs::{self, File, OpenOptions};
use std::net::ToSocketAddrs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use engine::format::member::{Member, Role};
use engine::replication::nbd::{Address, Exports, Listener, Server, Serving, Tls, check_exposure};
use engine::replication::site::Site;
use engine::replication::transport::Identity;
use engine::seam::{BlockDevice, FileDevice, World, open_local};
use engine::{Error, ErrorKind};

pub(crate) use control::{Request, call};
pub(crate) use daemon::{Options, run};
pub(crate) use instant::SiteDisks;
pub(crate) use replica::read_choice;
pub(crate) use restored::FOLDER as RESTORED;
pub(crate) use status::{describe, offline};

use crate::cli::ServeArgs;

const IDENTITY: &str = "identity.pem";
/// The folder of intent maps.
const INTENTS: &str = "intents";

/// Where disks are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Serve(pub(crate) Address);

/// Reads `unix:PATH` or `tcp:ADDRESS:PORT`.
pub(crate) fn parse_serve(text: &str) -> Result<Serve, String> {
    let wrong =
        || format!("'{text}' is no address: write unix:/run/disk.sock or tcp:127.0.0.1:10809");
    match text.split_once(':').ok_or_else(wrong)? {
        ("unix", path) if !path.is_empty() => Ok(Serve(Address::Unix(PathBuf::from(path)))),
        ("tcp", address) => {
            let mut found = address.to_socket_addrs().map_err(|_| wrong())?;
            found.next().map(Address::Tcp).map(Serve).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// A site's folder, held by one process.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) folder: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) world: World,
    pub(crate) site: Arc<Site>,
    _lock: FileDevice,
}

/// The machine's start: another than at the last run means that it went down meanwhile.
pub(crate) fn boot() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.trim().to_owned()
}

/// Makes a site's folder with its identity.
pub(crate) fn create(folder: &Path, identity: &str) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    write_secret(&folder.join(IDENTITY), identity)?;
    File::create(folder.join("lock"))?;
    Ok(())
}

/// Writes a file that only its owner reads, and that is not there yet.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file =
        file.map_err(|error| Error::from_io(format!("failed to make {}", path.display()), error))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// Whether a folder is a site's.
pub(crate) fn is_site(folder: &Path) -> bool {
    folder.join(IDENTITY).exists()
}

impl State {
    /// Opens a site's folder; one that keeps no record begins with `first`.
    pub(crate) async fn open(
        folder: &Path,
        first: impl FnOnce(&Identity) -> Result<Member>,
    ) -> Result<Self> {
        if !is_site(folder) {
            let what = format!(
                "{} is no site's folder: `firedrill replica init` makes one, and `firedrill protect --identity` \
                 the other",
                folder.display()
            );
            return Err(Error::new(ErrorKind::NotFound, what).into());
        }
        let identity = Identity::read(&folder.join(IDENTITY))?;
        let lock = FileDevice::open(&folder.join("lock"), true)
            .map_err(|error| error.context("another firedrill plays this site's role already"))?;
        let world = World::real(open_local(folder)?);
        let site = match Site::load(world.clone()).await? {
            Some(site) => site,
            None => Site::create(world.clone(), first(&identity)?).await?,
        };
        Ok(Self {
            folder: folder.to_owned(),
            identity,
            world,
            site: Arc::new(site),
            _lock: lock,
        })
    }

    /// Opens a file of this folder as a device of `size` bytes: a new one is all zeros. An existing one of another
    /// size is refused.
    pub(crate) fn device(&self, kind: &str, name: &str, size: u64) -> engine::Result<FileDevice> {
        let path = self.folder.join(kind).join(name);
        let failed = |error| Error::from_io(format!("failed to make {}", path.display()), error);
        fs::create_dir_all(self.folder.join(kind)).map_err(failed)?;
        if !path.exists() {
            make(&path, size, kind == INTENTS).map_err(failed)?;
        }
        let device = FileDevice::open(&path, true)?;
        if device.size() != size {
            let what = format!(
                "{} has {} bytes where {size} are expected: it is another disk's",
                path.display(),
                device.size()
            );
            return Err(Error::new(ErrorKind::Corrupt, what));
        }
        Ok(device)
    }

    /// Removes the folders whose names begin so: what was written above the disks since failovers, or in tests.
    pub(crate) fn clear_all(&self, begins: &str) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            if let Some(name) = name.to_str().filter(|name| name.starts_with(begins)) {
                self.clear(name)?;
            }
        }
        Ok(())
    }

    /// Removes what lies in one of this folder's folders.
    pub(crate) fn clear(&self, kind: &str) -> Result<()> {
        match fs::remove_dir_all(self.folder.join(kind)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let path = self.folder.join(kind);
                let what = format!(
                    "failed to remove {}; may this user write there?",
                    path.display()
                );
                Err(Error::from_io(what, error).into())
            }
            _ => Ok(()),
        }
    }
}

/// Makes a file of zeros, whole or not at all. One that is `full` has its room from the start: a write to it must
/// not fail because something else has filled the folder.
fn make(path: &Path, size: u64, full: bool) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    if full {
        std::io::copy(
            &mut std::io::Read::take(std::io::repeat(0), size),
            &mut file,
        )?;
    }
    file.set_len(size)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// A member as it begins.
pub(crate) fn member(identity: &Identity, role: Role) -> Member {
    engine::replication::protection::begin(identity.group, role)
}

/// Serves exports to NBD clients.
pub(crate) async fn serve(
    state: &State,
    at: &Serve,
    how: &ServeArgs,
    exports: Exports,
) -> Result<Serving> {
    check_exposure(&at.0, how.tls.is_some(), how.allow_plaintext)?;
    let mut server =
        Server::new(exports, Arc::clone(&state.world.clock)).with_witness(Arc::new(Told));
    if let Some(folder) = &how.tls {
        server = server.with_tls(Tls::from_folder(folder)?);
    }
    let listener = Listener::bind(&at.0).await?;
    Ok(listener.serve(Arc::new(server), Arc::clone(&state.world.workers)))
}

/// Tells of what NBD clients are only told a number of.
struct Told;

impl engine::replication::nbd::Witness for Told {
    fn event(&self, event: engine::replication::nbd::Event<'_>) {
        use engine::replication::nbd::Event;
        match event {
            Event::Failed {
                offset,
                length,
                error,
            } => {
                crate::output::warn(&format!(
                    "a request of {length} bytes at {offset} failed: {error}"
                ));
            }
            Event::Broken(error) => {
                crate::output::warn(&format!("a client's connection ended: {error}"));
            }
            Event::Refused(error) => {
                crate::output::warn(&format!("no client can be taken: {error}"));
            }
        }
    }
}
