//! `firedrill protect` and `firedrill replica`: a site plays its role.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use engine::format::member::{Disk, Member, Role};
use engine::replication::protection;
use engine::replication::transport::issue;
use engine::seam::{BlockDevice, FileDevice, SystemEntropy};
use engine::{Error, ErrorKind};
use serde_json::json;

use crate::cli::{ProtectArgs, ReplicaArgs, ReplicaCommand, ReplicaServeArgs};
use crate::exit::Exit;
use crate::output::{self, warn};
use crate::site::{self, Options, State};

/// The identity that goes to the other site.
const OTHER: &str = "source-identity.pem";

pub(crate) async fn run(args: &ProtectArgs) -> Result<Exit> {
    let disks = args
        .disks
        .iter()
        .map(|text| disk(text))
        .collect::<Result<Vec<Disk>>>()?;
    if !site::is_site(&args.state) {
        let Some(identity) = &args.identity else {
            let what = format!(
                "{} is not there yet: pass --identity with the file that `firedrill replica init` made at the other \
                 site",
                args.state.display()
            );
            return Err(Error::new(ErrorKind::Invalid, what).into());
        };
        let text = fs::read_to_string(identity)
            .with_context(|| format!("failed to read {}", identity.display()))?;
        engine::replication::transport::Identity::read(identity)?;
        site::create(&args.state, &text)?;
    }
    let first = |identity: &_| {
        Ok(Member {
            disks: disks.clone(),
            ..site::member(identity, Role::Active)
        })
    };
    let state = State::open(&args.state, first).await?;
    let known = state.site.member();
    let same = |disk: &Disk| (disk.name.clone(), disk.size, disk.path.clone());
    if known.role != Role::Replica && !known.disks.iter().map(same).eq(disks.iter().map(same)) {
        let what = format!(
            "{} protects other disks ({}): give these a state of their own",
            args.state.display(),
            known
                .disks
                .iter()
                .map(|disk| disk.path.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        );
        return Err(Error::new(ErrorKind::Conflict, what).into());
    }
    let options = Options {
        serve: args.listen.clone(),
        how: args.serve.clone(),
        to: Some(args.to.clone()),
        ship: args.ship.clone(),
        listen: None,
        keep: None,
        witness: args.witness.witness.clone(),
    };
    if args.back.take_back {
        take_back(&state, &options).await?;
    }
    site::run(&state, options).await
}

/// Reads `PATH` or `NAME=PATH`.
fn disk(text: &str) -> Result<Disk> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) if !name.contains('/') => (name.to_owned(), Path::new(path)),
        _ => {
            let path = Path::new(text);
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            (name.unwrap_or_default(), path)
        }
    };
    let path = fs::canonicalize(path)
        .with_context(|| format!("failed to find the disk {}", path.display()))?;
    let size = FileDevice::open(&path, false)?.size();
    if size == 0 {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("{} has no bytes", path.display()),
        )
        .into());
    }
    Ok(Disk {
        name,
        size,
        path: path.display().to_string(),
    })
}

pub(crate) async fn replica(args: &ReplicaArgs, json: bool) -> Result<Exit> {
    match &args.command {
        ReplicaCommand::Init(state) => init(&state.state, json),
        ReplicaCommand::Serve(args) => follow(args).await,
    }
}

fn init(folder: &Path, json: bool) -> Result<Exit> {
    if site::is_site(folder) {
        let what = format!("{} is a site's folder already", folder.display());
        return Err(Error::new(ErrorKind::Conflict, what).into());
    }
    let [ours, theirs] = issue(&SystemEntropy)?;
    site::create(folder, &ours)?;
    let other = folder.join(OTHER);
    site::write_secret(&other, &theirs)?;
    if json {
        output::print_json(&json!({
            "state": folder.display().to_string(),
            "other_identity": other.display().to_string(),
        }))?;
    } else {
        let (folder, other) = (folder.display(), other.display());
        output::print(&format!(
            "made the site {folder}\nMove {other} to the machine whose disk is to be protected (it is a secret: scp, and \
             remove it here), then\n  here:   firedrill replica serve {folder} --listen 0.0.0.0:7410 --serve \
             unix:/run/replica.sock\n  there:  firedrill protect DISK --state STATE --identity {OTHER} --to THIS-HOST:7410 \
             --listen unix:/run/disk.sock\n"
        ))?;
    }
    Ok(Exit::Met)
}

async fn follow(args: &ReplicaServeArgs) -> Result<Exit> {
    let state = State::open(&args.state.state, |identity| {
        Ok(site::member(identity, Role::Replica))
    })
    .await?;
    let member = state.site.member();
    if args.back.take_back && member.failed_over.is_none() {
        let what = "this site's own disks are taken back by `firedrill protect DISK --state STATE --take-back`";
        return Err(Error::new(ErrorKind::Conflict, what).into());
    }
    if member.role == Role::Fenced && !args.back.take_back {
        protection::may_follow(&member, args.discard_unsent)?;
        rejoin(&state).await?;
    }
    if member.role == Role::Active && member.failed_over.is_none() {
        if !args.discard_unsent {
            let what = "this site is the one that is written: run `firedrill protect` here. If the other one has taken \
                over meanwhile, that tells it so; or pass --discard-unsent to give up what only this one has, and follow";
            return Err(Error::new(ErrorKind::Conflict, what).into());
        }
        rejoin(&state).await?;
    }
    let options = Options {
        serve: args.serve.clone(),
        how: args.how.clone(),
        to: None,
        ship: args.ship.clone(),
        listen: Some(args.listen.clone()),
        keep: Some(args.keep.clone()),
        witness: args.witness.witness.clone(),
    };
    if args.back.take_back {
        take_back(&state, &options).await?;
    }
    site::run(&state, options).await
}

/// The other site is gone for good: this one is active again.
async fn take_back(state: &State, options: &Options) -> Result<()> {
    let before = state.site.member();
    let mut after = before.clone();
    protection::take_back(&mut after, false)?;
    let witness = options.witness(state)?;
    if let Some(witness) = &witness {
        witness.claim(after.generation, before.generation).await?;
    }
    let back = |member: &mut Member| protection::take_back(member, witness.is_some());
    state.site.change(back).await?;
    let since = before.fenced_at;
    let since = since.map_or_else(|| "then".to_owned(), output::instant);
    warn(&format!(
        "active again, with the disks as of {since}: what was written at the other site since is lost, and that site \
         is fenced should it come back"
    ));
    Ok(())
}

/// A site that was active follows: what it kept of its own time goes.
async fn rejoin(state: &State) -> Result<()> {
    warn("following from now on: what differs from the other site is overwritten here");
    for kind in ["intents", "journal", "history"] {
        state.clear(kind)?;
    }
    state.clear_all("overlay-")?;
    let follow = |member: &mut Member| {
        protection::follow(member);
        Ok(())
    };
    state.site.change(follow).await?;
    Ok(())
}
