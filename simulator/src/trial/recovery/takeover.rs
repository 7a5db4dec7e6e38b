//! A replica takes over: nothing is moved, its disks are where machines are made.

use std::sync::Arc;

use futures::lock::Mutex as Shared;

use super::{Came, Following, Operator};
use crate::fault::Fault;
use crate::scenario::SECOND;
use crate::trial::ground::{Ground, lock};
use crate::trial::hands::{Back, Failed, Hands};
use crate::trial::replica::Replicate as _;
use crate::trial::strike::{Blow, Incident};
use crate::trial::tally::Tally;

/// Why a recovery came from a backup although there is a replica, as rows name it.
const NO_POINT: &str = "the replica had no point from before it";

/// How often it is looked whether a replica has everything.
const LOOK: u64 = SECOND;

/// An instance is to be struck: its replica takes over before, once it has everything. Where it never has before what is to
/// come, that is an incident as any other.
pub async fn hand_over<H: Hands>(
    ground: Arc<Ground<H::Stored>>,
    (hands, replica): (Vec<Arc<Shared<H>>>, Following<H>),
    (fault, instance): (Fault, usize),
    tally: Arc<std::sync::Mutex<Tally>>,
) {
    loop {
        let (now, place) = (ground.handle.now(), Operator::<H>::other(&ground, instance));
        let is_up = place.is_some_and(|place| ground.timeline.zone(place, 0).until(now).is_none());
        if now >= fault.at_micros || ground.state(instance).hurt {
            return;
        }
        if is_up && replica.lock().await.has_all() {
            break;
        }
        ground.handle.sleep(LOOK).await;
    }
    let now = ground.handle.now();
    let (content, written) = {
        let mut state = ground.state(instance);
        (state.up, state.hurt) = (false, true);
        state.disk.at(now)
    };
    let machine = &ground.instances[instance];
    machine.bell.notify_waiters();
    machine.changed.notify_waiters();
    let incident = Incident {
        fault: Fault {
            at_micros: now,
            ..fault
        },
        instance,
        blow: Blow::Destroyed,
        content,
        written,
    };
    let mut operator = Operator::new(&ground, (&hands, Some(replica)), incident);
    operator.handed_over = true;
    if operator.planned().await {
        lock(&tally).incidents.push(operator.row);
    }
}

impl<H: Hands> Operator<'_, H> {
    /// The place of the two at which an instance does not run.
    fn other(ground: &Ground<H::Stored>, instance: usize) -> Option<usize> {
        let far = ground.strategy().replica()?.1.place?;
        let home = ground.instances[instance].place;
        let runs = ground.state(instance).place;
        Some(if runs == far { home } else { far })
    }

    /// A planned failover, to service; false where it could not be, and the instance goes on where it was.
    async fn planned(&mut self) -> bool {
        let instance = self.incident.instance;
        let Some((place, came)) = self.take_over(0).await else {
            let mut state = self.ground.state(instance);
            (state.up, state.hurt) = (true, false);
            drop(state);
            self.ground.instances[instance].changed.notify_waiters();
            return false;
        };
        let operator = self.ground.scenario.operator.clone();
        for _ in 0..self.ground.instances[instance].group.boot_group {
            self.wait(operator.boot, "boot").await;
        }
        self.wait(operator.validate, "validate").await;
        self.serve_again(place, &came);
        true
    }

    /// Fails over to the newest point of the replica that is from before what happened; `None` where it has none, can't
    /// be had now, or a backup has a newer one.
    pub(super) async fn take_over(&mut self, struck: u64) -> Option<(usize, Came)> {
        let replica = self.replica.clone()?;
        let ground = Arc::clone(self.ground);
        let instance = self.incident.instance;
        let place = Self::other(&ground, instance)?;
        if let Some(until) = ground.timeline.control().until(self.now()) {
            self.wait_until(until, "control-plane").await;
        }
        if ground.timeline.zone(place, 0).until(self.now()).is_some() {
            return None;
        }
        let captured = self.newest(&replica.lock().await.points().await);
        self.without_point = captured.is_none();
        let captured = captured?;
        let backup = self
            .best(place, &[])
            .filter(|source| source.from <= self.now());
        let backup = backup.and_then(|source| self.usable(&source).last().copied());
        if backup.is_some_and(|(_, newer)| newer > captured) {
            return None;
        }
        let began = self.now();
        let number = struck + self.row.spans.len() as u64;
        let wait = ground.drawn(
            ground.scenario.operator.failover,
            &self.entity,
            "failover",
            number,
        );
        let taken = replica.lock().await.fail_over(captured).await;
        self.wait_until(began.saturating_add(wait).max(self.now()), "failover")
            .await;
        let content = match taken {
            Ok(content) => content,
            Err(Failed::Broken(what)) => {
                ground.violated(what);
                return None;
            }
            Err(_) => return None,
        };
        let what = format!("the replica's point of {captured} us");
        let past = ground.state(instance).past(captured).cloned();
        let Some(past) = past else {
            ground.violated(format!("{}: {what} was never captured", self.row.instance));
            return None;
        };
        let whence = if self.handed_over {
            "replica, handed over"
        } else {
            "replica"
        };
        self.row.restored_from = Some(whence.to_owned());
        let back = Back {
            content,
            fetched_bytes: 0,
            chain_length: 1,
        };
        Some((
            place,
            Came {
                back,
                content: past.content,
                written: past.written,
                captured,
                what,
            },
        ))
    }

    fn newest(&self, points: &[u64]) -> Option<u64> {
        let state = self.ground.state(self.incident.instance);
        let at = self.incident.fault.at_micros;
        let usable = points
            .iter()
            .copied()
            .filter(|captured| state.is_usable(*captured, at));
        usable.max()
    }

    /// What a recovery came from, in words.
    pub(super) fn whence(&self, source: String) -> String {
        if self.without_point {
            format!("{source}: {NO_POINT}")
        } else {
            source
        }
    }
}
