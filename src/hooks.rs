//! The hooks of a backup: an application is frozen while its data is read, and thawed whatever happens.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use engine::format::point::Consistency;
use engine::seam::{Held, Quiesce};
use engine::{Error, ErrorKind};
use serde_json::json;

use crate::cli::HookArgs;
use crate::hook::{self, Ran};
use crate::output::{span, warn};

/// The hooks of one backup. A copy is the same hooks.
#[derive(Clone, Debug)]
pub(crate) struct Hooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    args: HookArgs,
    vault: String,
    stage: tokio::sync::Mutex<Stage>,
    ran: Mutex<Vec<Ran>>,
}

/// How far the hold is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Nothing was asked of the application.
    Free,
    /// A freeze began; `frozen` once it succeeded.
    Held { since: Instant, frozen: bool },
    /// Thawed, and what the hold came to.
    Over {
        consistency: Consistency,
        held: Duration,
    },
}

impl Hooks {
    pub(crate) fn new(args: &HookArgs, vault: &str) -> Self {
        Self(Arc::new(Inner {
            args: args.clone(),
            vault: vault.to_owned(),
            stage: tokio::sync::Mutex::new(Stage::Free),
            ran: Mutex::default(),
        }))
    }

    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        let args = &self.0.args;
        args.freeze.is_some() || args.before.is_some() || args.after.is_some()
    }

    /// Runs the hook that precedes all else.
    pub(crate) async fn before(&self) -> Result<()> {
        let Some(command) = &self.0.args.before else {
            return Ok(());
        };
        let ran = self.0.run("before", command, &[]).await;
        match ran.failure {
            None => Ok(()),
            Some(why) => {
                let what = format!("the hook --before failed ({why}): nothing was backed up");
                Err(Error::new(ErrorKind::Unavailable, what).into())
            }
        }
    }

    /// Lets the application go, if it is held.
    pub(crate) async fn let_go(&self) -> Consistency {
        self.thaw_by(false).await
    }

    /// Runs the hook that follows all else, with the backup's end in its environment; false when it failed.
    pub(crate) async fn after(&self, result: &str, point: Option<String>) -> bool {
        let Some(command) = &self.0.args.after else {
            return true;
        };
        let environment = [
            ("FIREDRILL_RESULT", result.to_owned()),
            ("FIREDRILL_POINT", point.unwrap_or_default()),
        ];
        let ran = self.0.run("after", command, &environment).await;
        if let Some(why) = &ran.failure {
            warn(&format!("the hook --after failed ({why})"));
        }
        ran.failure.is_none()
    }

    /// Whether the point is less than was asked for.
    pub(crate) fn missed(&self, consistency: Consistency) -> bool {
        self.0.args.freeze.is_some() && consistency == Consistency::Crash
    }

    /// How long the application was held.
    pub(crate) async fn held(&self) -> Option<Duration> {
        match *self.0.stage.lock().await {
            Stage::Over { held, .. } => Some(held),
            _ => None,
        }
    }

    /// What each hook did, for the document.
    pub(crate) fn document(&self) -> serde_json::Value {
        let ran = self.0.ran.lock().unwrap_or_else(PoisonError::into_inner);
        let ran = ran.iter().map(|ran| {
            json!({
                "hook": ran.hook,
                "seconds": ran.took.as_secs_f64(),
                "result": ran.failure.as_deref().unwrap_or("done"),
            })
        });
        ran.collect()
    }

    /// Thaws on a task of its own: a thaw that began runs to its end, even if who asked is cancelled.
    async fn thaw_by(&self, limit_passed: bool) -> Consistency {
        let inner = Arc::clone(&self.0);
        let thaw = tokio::spawn(async move { inner.thaw(limit_passed).await });
        thaw.await.unwrap_or(Consistency::Crash)
    }
}

impl Inner {
    async fn run(&self, hook: &'static str, command: &str, environment: &[(&str, String)]) -> Ran {
        let mut all = vec![
            ("FIREDRILL_HOOK", hook.to_owned()),
            ("FIREDRILL_VAULT", self.vault.clone()),
        ];
        all.extend_from_slice(environment);
        let ran = hook::run(hook, command, self.args.hook_timeout, &all).await;
        let mut list = self.ran.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(ran.clone());
        ran
    }

    /// Thaws once; whoever else asks waits for that and is told the same.
    async fn thaw(&self, limit_passed: bool) -> Consistency {
        let mut stage = self.stage.lock().await;
        let (since, frozen) = match *stage {
            Stage::Free => return Consistency::Crash,
            Stage::Over { consistency, .. } => return consistency,
            Stage::Held { since, frozen } => (since, frozen),
        };
        let limit = self.args.hold_timeout;
        let late = frozen && (limit_passed || since.elapsed() > limit);
        if late {
            warn(&format!(
                "the application was held for {}, the most that --hold-timeout allows: it is let go, \
                 and the point can't be more than crash-consistent",
                span(limit)
            ));
        }
        let command = self.args.thaw.as_deref().unwrap_or_default();
        let ran = self.run("thaw", command, &[]).await;
        if let Some(why) = &ran.failure {
            let held = if frozen {
                "THE APPLICATION MAY STILL BE HELD; see to it, or run this again"
            } else {
                "see that the application is not held, or run this again"
            };
            warn(&format!(
                "the hook --thaw failed ({why}): {held}: {command}"
            ));
        }
        let consistency = if frozen && !late && ran.failure.is_none() {
            Consistency::Application
        } else {
            Consistency::Crash
        };
        let held = since.elapsed();
        *stage = Stage::Over { consistency, held };
        consistency
    }
}

impl Quiesce for Hooks {
    fn freeze(&self) -> Held<'_, ()> {
        Box::pin(async {
            let inner = &self.0;
            let Some(command) = &inner.args.freeze else {
                return Ok(());
            };
            // From here on a thaw is due, even if the freeze gets no further than half way.
            let held = |frozen| Stage::Held {
                since: Instant::now(),
                frozen,
            };
            *inner.stage.lock().await = held(false);
            let ran = inner.run("freeze", command, &[]).await;
            let Some(why) = ran.failure else {
                *inner.stage.lock().await = held(true);
                let (hooks, limit) = (self.clone(), inner.args.hold_timeout);
                // It outlives its use if the backup is quicker, and then finds nothing held.
                drop(tokio::spawn(async move {
                    tokio::time::sleep(limit).await;
                    hooks.thaw_by(true).await
                }));
                return Ok(());
            };
            if inner.args.require_consistent {
                let what = format!(
                    "the hook --freeze failed ({why}), and --require-consistent asks for no less: \
                     nothing was backed up"
                );
                return Err(Error::new(ErrorKind::Unavailable, what));
            }
            warn(&format!(
                "the hook --freeze failed ({why}): the backup goes on, and the point is crash-consistent"
            ));
            self.let_go().await;
            Ok(())
        })
    }

    fn thaw(&self) -> Held<'_, Consistency> {
        Box::pin(async {
            let consistency = self.let_go().await;
            if self.0.args.require_consistent && self.missed(consistency) {
                let what = "the application was not held all the time, and --require-consistent asks \
                            for no less: no point was made";
                return Err(Error::new(ErrorKind::Unavailable, what));
            }
            Ok(consistency)
        })
    }
}
