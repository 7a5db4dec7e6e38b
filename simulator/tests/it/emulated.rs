//! Twenty hosts back their disks up every day for a month with the engine itself, and restore one point each.
//! Two processes with the same seed give the same digest of all that happened, wherever their files lie.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use engine::backup::{self, Backup, Quiet};
use engine::format::keyslot::{KdfCost, Terms};
use engine::format::point::Method;
use engine::restore;
use engine::seam::{AsItIs, Traffic};
use engine::source::Source;
use engine::units::Timestamp;
use engine::vault::{Catalog, Vault};
use simulator::draw::{Draws, Stream};
use simulator::emulated::{Host, RemoteStore, Request, Service};
use simulator::executor::{Executor, HostId};
use simulator::network::{LinkId, Roads};
use simulator::scenario::Redundancy;
use simulator::trial::debt::Charged;
use simulator::world::account::{Account, Endpoint};

const SECOND: u64 = 1_000_000;
const DAY: u64 = 86_400 * SECOND;
const START: Timestamp = Timestamp {
    seconds: 1_700_000_000,
    nanos: 0,
};
/// Real bytes of a block, each of which stands for a thousand.
const BLOCK: usize = 4096;
const SCALE: u64 = 1000;
/// A vault nobody guards: the passphrase is not what is tested.
const CHEAP: KdfCost = KdfCost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};
/// Says in what a process that plays the trial is to write the digest.
const DIGEST_FILE: &str = "FIREDRILL_TRIAL_DIGEST";

/// What is asked for.
#[derive(Clone, Copy)]
struct Size {
    hosts: u32,
    days: u64,
    blocks: usize,
    method: Method,
}

/// A storage account at the other end of a host's line and a line that all share.
#[derive(Clone)]
struct Cloud {
    account: Arc<Mutex<Account<Bytes>>>,
    path: Vec<LinkId>,
}

impl Service for Cloud {
    fn account(&self) -> MutexGuard<'_, Account<Bytes>> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Primary
    }

    fn path(&self, _: bool) -> Option<Vec<LinkId>> {
        Some(self.path.clone())
    }

    fn outage(&self, now: u64) -> Option<(u64, u64)> {
        // Two hours every tenth day, while backups run.
        let from = now / (10 * DAY) * 10 * DAY + 9 * DAY + 600 * SECOND;
        Some((from, from + 7200 * SECOND)).filter(|(_, until)| now < *until)
    }

    fn request_micros(&self) -> u64 {
        10_000
    }

    fn errors_ppm(&self) -> u64 {
        2_000
    }

    fn served(&self, _: Request, _: u64) {}
}

/// One host, its disk, and what it has to do.
struct Machine {
    host: Host,
    roads: Roads,
    cloud: Cloud,
    draws: Draws,
    size: Size,
    folder: PathBuf,
}

impl Machine {
    fn name(&self) -> String {
        format!("instance-{:02}", self.host.id.0)
    }

    /// Changes one block in twenty, and the first more often.
    fn change(&self, disk: &mut [u8], stream: &mut Stream) {
        for _ in 0..stream.binomial(self.size.blocks as u64, 50_000) {
            let block = stream.below(self.size.blocks as u64) as usize;
            stream.fill(&mut disk[block * BLOCK..][..BLOCK / 2]);
        }
    }

    async fn live(self) -> engine::Result<()> {
        let name = self.name();
        let store = RemoteStore::new(
            self.host.clone(),
            self.roads.clone(),
            self.cloud.clone(),
            &name,
            SCALE,
            self.draws,
        );
        let world = self.host.world(Arc::new(store), Traffic::default());
        let vault = Vault::create(world, b"secret", CHEAP, Terms::DEFAULT).await?;
        let (image, mut made) = (self.folder.join(&name), Vec::new());
        let mut disk = vec![0; self.size.blocks * BLOCK];
        let mut stream = self.draws.stream(&name, "writes", 0);
        stream.fill(&mut disk);
        fs::write(&image, &disk).expect("an image");
        for day in 1..=self.size.days {
            self.host.handle.sleep_until(day * DAY).await;
            self.change(&mut disk, &mut stream);
            fs::write(&image, &disk).expect("an image");
            match backup::run(&vault, &self.backup(&image, day), &AsItIs, &self.charged()).await {
                Ok(outcome) => made.push((outcome.point, blake3::hash(&disk))),
                // An outage that was longer than its patience.
                Err(error) => assert_eq!(error.kind(), engine::ErrorKind::Unavailable, "{error}"),
            }
        }
        let (point, content) = made[made.len() / 2];
        let catalog = Catalog::load(&vault).await?;
        let point = catalog.get(point).expect("an acknowledged point is there");
        let target = self.folder.join(format!("{name}.back"));
        let request = restore::Request {
            target: target.clone(),
            paths: Vec::new(),
            overwrite: false,
            dry_run: false,
        };
        restore::run(&vault, &catalog, point, &request, &Quiet).await?;
        assert_eq!(blake3::hash(&fs::read(&target).expect("a disk")), content);
        let number = made.len() as u64;
        self.host
            .handle
            .trace(self.host.id, "restored of so many", number);
        Ok(())
    }

    fn backup(&self, image: &Path, day: u64) -> Backup {
        let source = Source::detect(image).expect("a source");
        Backup {
            sources: vec![source.called(Path::new("/disks/0"))],
            request: backup::Request {
                method: backup::method_at(self.size.method, day as u32 - 1, 7),
                instance: self.name(),
            },
            block_bytes: BLOCK as u64,
            by: self.host.to_string(),
            program: "a trial".to_owned(),
            host: Some(self.name()),
            tags: Vec::new(),
        }
    }

    /// 200 MB/s read, 2 GB/s fingerprinted.
    fn charged(&self) -> Charged {
        let debt = self.host.debt.clone();
        Charged::new(debt, SCALE, vec![200_000_000, 2_000_000_000])
    }
}

/// Plays the trial; gives the digest of all that happened, how often a task went on, and bytes stored.
fn play(size: Size, seed: u64, folder: &Path) -> (String, u64, u64) {
    let mut executor = Executor::new();
    let handle = executor.handle();
    let roads = Roads::new(handle.clone(), Some(30 * SECOND));
    let draws = Draws::new(seed);
    let account = Arc::new(Mutex::new(Account::new(Redundancy::Lrs, None)));
    let wan = roads.add_link(125_000_000, 20_000);
    let failed = Arc::new(Mutex::new(Vec::new()));
    for number in 0..size.hosts {
        let line = roads.add_link(50_000_000, 100);
        let entropy = draws.stream("entropy", &number.to_string(), 0);
        let machine = Machine {
            host: Host::new(handle.clone(), HostId(number), START, entropy),
            roads: roads.clone(),
            cloud: Cloud {
                account: Arc::clone(&account),
                path: vec![line, wan],
            },
            draws,
            size,
            folder: folder.to_owned(),
        };
        let failed = Arc::clone(&failed);
        handle.spawn(HostId(number), async move {
            let ended = machine.live().await;
            failed
                .lock()
                .expect("no task panicked")
                .push(ended.err().map(|error| error.to_string()));
        });
    }
    let events = executor.run(None);
    let ends = failed.lock().expect("no task panicked").clone();
    assert_eq!(
        ends,
        vec![None; size.hosts as usize],
        "every host came to its end"
    );
    let stored = account.lock().expect("no task panicked").bytes();
    (handle.digest(), events, stored)
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Played in a process of its own by the test below. `FIREDRILL_TRIAL_DAYS` makes it longer.
#[test]
fn a_month_of_daily_backups_comes_back() {
    let told = std::env::var_os(DIGEST_FILE);
    let days = std::env::var("FIREDRILL_TRIAL_DAYS").ok();
    let days = days.and_then(|days| days.parse().ok()).unwrap_or(30);
    let size = Size {
        hosts: 20,
        days,
        blocks: 64,
        method: Method::Incremental,
    };
    let folder = scratch();
    let (digest, _, _) = play(size, 11, folder.path());
    if let Some(file) = told {
        fs::write(file, digest).expect("the digest is written");
    }
}

#[test]
fn two_processes_give_one_digest() {
    let folder = scratch();
    let digest = |name: &str| {
        let (temporary, file) = (folder.path().join(name), folder.path().join("digest"));
        fs::create_dir(&temporary).expect("a folder");
        let status = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "emulated::a_month_of_daily_backups_comes_back"])
            .env(DIGEST_FILE, &file)
            .env("TMPDIR", &temporary)
            .status();
        assert!(status.expect("it runs").success());
        fs::read_to_string(&file).expect("a digest")
    };
    let here = digest("a");
    assert_eq!(
        here,
        digest("a-place-whose-name-is-much-longer-than-the-other")
    );
    assert_eq!(here.len(), 32);
}
