//! One command that a person gave, run by the shell: within a time limit, with all that it started.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use crate::output::{span, warn};
use crate::vault_access;

/// Most bytes of a hook's output that are shown, the last ones: enough for an error and what led to it.
const SHOWN_BYTES_MAX: u64 = 16 << 10;

/// How a hook went.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    /// `before`, `freeze`, `thaw` or `after`.
    pub(crate) hook: &'static str,
    /// How long it took.
    pub(crate) took: Duration,
    /// Why it does not count as done.
    pub(crate) failure: Option<String>,
}

/// Runs `command` with `environment` for at most `limit`, and shows what it printed. One that is given
/// up on, or dropped while it runs, is killed with its process group; what a hook that ended left running
/// goes on.
pub(crate) async fn run(
    hook: &'static str,
    command: &str,
    limit: Duration,
    environment: &[(&str, String)],
) -> Ran {
    let started = Instant::now();
    let failure = match tempfile::tempfile() {
        Ok(printed) => {
            let ended = attempt(command, limit, environment, &printed).await;
            show(hook, &printed);
            match ended {
                Ok(failure) => failure,
                Err(error) => Some(format!("could not be run: {error}")),
            }
        }
        Err(error) => Some(format!("no temporary file for its output: {error}")),
    };
    Ran {
        hook,
        took: started.elapsed(),
        failure,
    }
}

/// The output goes to a file: a pipe would be waited for as long as anything that the hook left running
/// holds it open, and would break under it afterwards.
async fn attempt(
    command: &str,
    limit: Duration,
    environment: &[(&str, String)],
    printed: &File,
) -> std::io::Result<Option<String>> {
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        // The key to all backups is none of a hook's business.
        .env_remove(vault_access::VARIABLE)
        .env_remove(vault_access::TO_VARIABLE)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(printed.try_clone()?)
        .stderr(printed.try_clone()?)
        // An interrupt at the terminal must not reach a thaw.
        .process_group(0)
        .spawn()?;
    let mut group = Group::of(child.id());
    if let Ok(status) = tokio::time::timeout(limit, child.wait()).await {
        group.0 = None;
        let status = status?;
        return Ok((!status.success()).then(|| status.to_string()));
    }
    drop(group);
    child.wait().await?;
    Ok(Some(format!("killed after {}", span(limit))))
}

/// Kills a process group when it goes out of scope.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: Option<u32>) -> Self {
        let leader = leader.and_then(|id| i32::try_from(id).ok());
        Self(leader.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL).is_ok();
        }
    }
}

fn show(hook: &str, printed: &File) {
    let bytes = printed.metadata().map_or(0, |metadata| metadata.len());
    let from = bytes.saturating_sub(SHOWN_BYTES_MAX);
    let mut shown = vec![0; (bytes - from) as usize];
    // Not read with a position of its own: what is still running writes on at the file's.
    if printed.read_exact_at(&mut shown, from).is_err() {
        return;
    }
    if from > 0 {
        warn(&format!("{hook}: ({from} bytes before this are not shown)"));
    }
    for line in String::from_utf8_lossy(&shown).lines() {
        warn(&format!("{hook}: {line}"));
    }
}
