//! What an active site is asked: another point, a commit, where to send to, to hand over.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use engine::format::member::Member;
use engine::format::point::Consistency;
use engine::replication::gate::Shut;
use engine::replication::protection;
use engine::replication::source::Outcome;
use engine::{Error, ErrorKind};
use futures::future::FutureExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Active, conflict, disks};
use crate::output;
use crate::site::control::{Call, Request};
use crate::site::daemon::Next;
use crate::site::replica::read_choice;
use crate::site::status;

impl Active<'_> {
    pub(super) async fn outcome(&mut self, outcome: Outcome) -> Result<Next> {
        let now = self.state.world.clock.now();
        if let Outcome::Fenced(..) = outcome {
            let fence = |member: &mut Member| {
                protection::fence(member, now);
                Ok(())
            };
            self.state.site.change(fence).await?;
        }
        if let Some(answer) = self.waiting.take() {
            // Whoever was told to take over and is active has taken over, whether its answer came or not.
            let (Outcome::HandedOver(generation) | Outcome::Fenced(generation, _)) = outcome;
            let told = if self.state.site.member().handed_over {
                Ok(json!({ "handed_over": true, "generation": generation, "lost_bytes": 0 }))
            } else {
                Err(conflict(
                    "the other site has taken over by itself before everything was sent: see both statuses",
                ))
            };
            let _ = answer.send(told).is_ok();
        }
        Ok(Next::Role)
    }

    /// Everything was sent, or time is up.
    pub(super) async fn drained(&mut self, batch: Option<u64>) -> Result<()> {
        self.draining = None;
        let Some(batch) = batch else {
            self.source.gate().open();
            if let Some(answer) = self.waiting.take() {
                let what = "the other site could not be brought up to date in time: writes go on here, nothing was \
                    handed over; see `firedrill status`";
                let _ = answer
                    .send(Err(Error::new(ErrorKind::Unavailable, what).into()))
                    .is_ok();
            }
            return Ok(());
        };
        let now = self.state.world.clock.now();
        let fence = |member: &mut Member| {
            protection::hand_over(member, batch, now);
            Ok(())
        };
        // Kept before the other site is told: two are never written.
        self.state.site.change(fence).await?;
        self.source
            .close("this site has handed over to the other one")
            .await;
        self.source.hand_over(self.source.generation() + 1);
        Ok(())
    }

    pub(super) async fn answer(&mut self, call: Call) -> Result<Option<Next>> {
        let Call {
            request,
            answer,
            gone,
        } = call;
        let answered = match request {
            Request::Status => Ok(status::active(
                self.state,
                &self.source,
                &self.churn,
                self.below_bytes(),
                self.options,
            )),
            Request::Point { application } => self.point(application),
            Request::Reprotect { to } => self.reprotect(&to).await,
            Request::Commit => self.commit().await,
            Request::HandOver { timeout_seconds } => {
                if self.waiting.is_some() {
                    Err(conflict("a planned failover is under way already"))
                } else if self.taking.is_some() {
                    // Both hold writes, and the backup lets them go.
                    Err(conflict("a backup begins at this moment: try again"))
                } else if !self.source.progress().link.connected {
                    Err(conflict(
                        "the other site is not connected: a planned failover needs it; see `firedrill status`",
                    ))
                } else {
                    let source = Arc::clone(&self.source);
                    let until = Instant::now() + Duration::from_secs(timeout_seconds);
                    self.draining = Some((async move { source.drain().await }.boxed(), until));
                    self.waiting = Some(answer);
                    return Ok(None);
                }
            }
            Request::Failover { point, .. } => match self.choose_again(&point).await {
                Ok(told) => return Ok(Some(Next::Serve((answer, told)))),
                Err(error) => Err(error),
            },
            Request::Instant { point, since } => {
                self.hold((point, since), (answer, gone));
                return Ok(None);
            }
            Request::Choose { .. } | Request::FailoverRestored { .. } => Err(conflict(
                "this site is active already: a vault's point is chosen where a site takes over",
            )),
            Request::TestFailover { .. } => {
                Err(conflict("this site is active: test where the replica is"))
            }
        };
        let _ = answer.send(answered).is_ok();
        Ok(None)
    }

    fn point(&self, application: bool) -> Result<Value> {
        let shut = self.source.gate().is_shut();
        if self.taking.is_none() && matches!(shut, Some(Shut::Held | Shut::Closed(_))) {
            return Err(conflict(
                "this site is handing over: its last batch is the point",
            ));
        }
        let consistency = if application {
            Consistency::Application
        } else {
            Consistency::Crash
        };
        self.source.mark_point(consistency);
        Ok(json!({ "marked": true }))
    }

    fn below_bytes(&self) -> Option<u64> {
        self.below.as_ref().map(|below| below.above_bytes())
    }

    async fn reprotect(&mut self, to: &str) -> Result<Value> {
        let member = self.state.site.member();
        protection::reprotect(&member)?;
        if let Some(known) = &self.options.to {
            return Err(conflict(&format!("this site sends to {known} already")));
        }
        // Remembered: a restart goes on.
        let known = |member: &mut Member| {
            member.sends_to = Some(to.to_owned());
            Ok(())
        };
        self.state.site.change(known).await?;
        self.options.to = Some(to.to_owned());
        self.to.send_replace(Some(to.to_owned()));
        Ok(json!({ "to": to }))
    }

    async fn commit(&mut self) -> Result<Value> {
        let Some(below) = &self.below else {
            return Err(conflict(
                "nothing was failed over here: there is nothing to commit",
            ));
        };
        let before = self
            .state
            .site
            .member()
            .failed_over
            .filter(|before| before.committed);
        if let Some(before) = before {
            return Ok(json!({ "committed": true, "captured": output::exact(before.captured) }));
        }
        let committed = below.replica().commit().await?;
        self.settling = disks::settle(below);
        Ok(json!({ "committed": true, "captured": output::exact(committed.captured) }))
    }

    /// Goes back and takes another point: what was written since the failover is given up.
    async fn choose_again(&mut self, point: &str) -> Result<Value> {
        let Some(below) = &self.below else {
            return Err(conflict(
                "this site is active and always was: fail over at the replica's site",
            ));
        };
        let Some(before) = self
            .state
            .site
            .member()
            .failed_over
            .filter(|before| !before.committed)
        else {
            return Err(conflict(
                "this site is committed to its point: another can't be chosen any more",
            ));
        };
        let choice = read_choice(point)?;
        let point = below.replica().choose(choice).await?;
        let failed_over = below.replica().fail_over(point, false, None).await?;
        // Under the new failover's name nothing lies: that these go is tidiness.
        self.state.clear(&disks::overlay(&before))?;
        self.state
            .clear(&format!("{}-map", disks::overlay(&before)))?;
        self.state.clear("intents")?;
        Ok(status::failed_over(&failed_over))
    }
}
