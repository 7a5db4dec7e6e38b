//! The operator of one incident: detect, declare, provision, find the best point that can be had, restore,
//! boot, validate.
//!
//! The rule by which a source is chosen: of everything that can be read, what can be read soonest; among
//! those the newest point; among those the copy that the strategy names first. A point that turns out to be
//! damaged gives way to the one before it, and a source without any to the next.

use std::sync::Arc;

use futures::lock::Mutex as Shared;

use crate::outcome::scenario::{Ending, IncidentRow, Span};
use crate::scenario::{Drawn, FaultKind};
use crate::workload::Content;
use crate::world::account::Endpoint;

use super::ground::{Ground, OPERATORS, lock};
use super::hands::{Back, Failed, Hands};
use super::strike::{Blow, Incident};
use super::tally::Tally;

mod source;
mod takeover;

use source::{Source, Way};
pub use takeover::hand_over;

/// What an incident is recovered with: the hands of its copies, and its replica.
pub type Means<H> = (Vec<Arc<Shared<H>>>, Option<Following<H>>);

/// The replica of an instance.
pub type Following<H> = Arc<Shared<<H as Hands>::Replica>>;

/// What came back, and what it is held against.
#[derive(Debug)]
struct Came {
    back: Back,
    /// As it was when it was captured: the truth.
    content: Content,
    written: Arc<[u64]>,
    captured: u64,
    /// The point, in words.
    what: String,
}

/// Takes back what was deleted of an instance's copies, as far as soft delete allows.
pub async fn undelete<H: Hands>(
    ground: &Arc<Ground<H::Stored>>,
    hands: &[Arc<Shared<H>>],
    instance: usize,
) {
    for (copy, hands) in hands.iter().enumerate() {
        if ground.copy(copy).replica.is_some() {
            continue;
        }
        let back = hands.lock().await.undelete_all().await;
        if !back.is_empty() {
            let now = ground.handle.now();
            ground.state(instance).records[copy].undelete(&back, now);
        }
    }
}

/// Sees an incident through.
pub async fn run<H: Hands>(
    ground: Arc<Ground<H::Stored>>,
    (hands, replica): Means<H>,
    incident: Incident,
    tally: Arc<std::sync::Mutex<Tally>>,
) {
    let mut operator = Operator::new(&ground, (&hands, replica), incident);
    // The row of one that is never over stands from the beginning.
    let at = {
        let mut tally = lock(&tally);
        tally.incidents.push(operator.row.clone());
        tally.incidents.len() - 1
    };
    operator.recover().await;
    let row = operator.row;
    ground
        .handle
        .trace(OPERATORS, "recovered", row.rto_micros.unwrap_or(u64::MAX));
    lock(&tally).incidents[at] = row;
}

struct Operator<'a, H: Hands> {
    ground: &'a Arc<Ground<H::Stored>>,
    hands: &'a [Arc<Shared<H>>],
    replica: Option<Following<H>>,
    incident: Incident,
    entity: String,
    row: IncidentRow,
    /// When the span that runs began.
    since: u64,
    /// There is a replica that could be had, and none of its points was of use.
    without_point: bool,
    /// The replica had everything when service ended, as that was planned.
    handed_over: bool,
}

impl<'a, H: Hands> Operator<'a, H> {
    fn new(
        ground: &'a Arc<Ground<H::Stored>>,
        (hands, replica): (&'a [Arc<Shared<H>>], Option<Following<H>>),
        incident: Incident,
    ) -> Self {
        let (fault, instance) = (&incident.fault, incident.instance);
        let name = ground.instances[instance].name.clone();
        let row = IncidentRow {
            trial: 0,
            fault: fault.number,
            kind: fault.kind,
            instance: name.clone(),
            at_micros: fault.at_micros,
            ending: Ending::Open,
            rpo_micros: None,
            rto_micros: None,
            spans: Vec::new(),
            restored_from: None,
            captured_micros: None,
            chain_length: 0,
            fetched_bytes: 0,
            true_loss_micros: None,
        };
        Self {
            entity: format!("{name} at {}", fault.at_micros),
            since: fault.at_micros,
            ground,
            hands,
            replica,
            incident,
            row,
            without_point: false,
            handed_over: false,
        }
    }

    fn now(&self) -> u64 {
        self.ground.handle.now()
    }

    /// Ends the span that runs.
    fn span(&mut self, name: &str) {
        let now = self.now();
        let micros = now - self.since;
        self.since = now;
        if micros == 0 {
            return;
        }
        match self.row.spans.iter_mut().find(|span| span.name == name) {
            Some(span) => span.micros += micros,
            None => self.row.spans.push(Span {
                name: name.to_owned(),
                micros,
            }),
        }
    }

    async fn wait_until(&mut self, until: u64, name: &str) {
        self.ground.handle.sleep_until(until).await;
        self.span(name);
    }

    async fn wait(&mut self, time: Drawn, name: &str) {
        let wait = self.ground.drawn(time, &self.entity, name, 0);
        let until = self.now().saturating_add(wait);
        self.wait_until(until, name).await;
    }

    async fn recover(&mut self) {
        let operator = self.ground.scenario.operator.clone();
        let instance = self.incident.instance;
        match self.incident.blow {
            Blow::Corrupted(noticed) => {
                self.wait_until(noticed, "detect").await;
                self.stop(noticed);
                self.ground.instances[instance].bell.notify_waiters();
                undelete(self.ground, self.hands, instance).await;
            }
            // Who was warned knows, and has decided.
            Blow::Outage(_) | Blow::Destroyed if self.incident.fault.warned_micros > 0 => {}
            Blow::Outage(_) | Blow::Destroyed => self.wait(operator.detect, "detect").await,
        }
        let warned = self.incident.fault.warned_micros > 0;
        if let Blow::Outage(until) = self.incident.blow {
            let declare = self
                .ground
                .drawn(operator.declare, &self.entity, "declare", 0);
            let declared = self.now().saturating_add(if warned { 0 } else { declare });
            let patient = self.ground.strategy().recover_in.is_none();
            if until <= declared || patient {
                return self.wait_out(until).await;
            }
            self.wait_until(declared, "declare").await;
        } else if !warned {
            self.wait(operator.declare, "declare").await;
        }
        loop {
            let struck = self.ground.state(instance).struck_again;
            let (place, came) = if let Some(taken) = self.take_over(struck).await {
                taken
            } else {
                let place = self.stand(struck).await;
                if let Some(until) = self.sooner_alone(place, struck) {
                    return self.wait_out(until).await;
                }
                let Some(came) = self.bring_back(place).await else {
                    return self.lose(place);
                };
                (place, came)
            };
            for _ in 0..self.ground.instances[instance].group.boot_group {
                self.wait(operator.boot, "boot").await;
            }
            self.wait(operator.validate, "validate").await;
            if self.ground.state(instance).struck_again == struck {
                return self.serve_again(place, &came);
            }
        }
    }

    /// Nothing was left.
    fn lose(&mut self, place: usize) {
        self.row.ending = Ending::Lost;
        let instance = self.incident.instance;
        self.ground.state(instance).lost = true;
        self.ground.instances[instance].changed.notify_waiters();
        self.lost_rightly(place);
    }

    /// The damage is noticed: the instance is taken out of service, and what was captured since is of no use.
    fn stop(&self, noticed: u64) {
        let mut state = self.ground.state(self.incident.instance);
        state.up = false;
        state.wrong.push((self.incident.fault.at_micros, noticed));
        drop(state);
        self.ground.instances[self.incident.instance]
            .changed
            .notify_waiters();
    }

    /// When an outage is over, if that is before anything could be read to restore: then nobody restores.
    fn sooner_alone(&mut self, place: usize, struck: u64) -> Option<u64> {
        let Blow::Outage(until) = self.incident.blow else {
            return None;
        };
        let ends = until < u64::MAX && struck == 0;
        let from = self.best(place, &[]).map_or(u64::MAX, |source| source.from);
        (ends && until <= from).then_some(until)
    }

    /// The outage ends before anybody decides otherwise: nothing is lost.
    async fn wait_out(&mut self, until: u64) {
        self.wait_until(until, "wait").await;
        let validate = self.ground.scenario.operator.validate;
        self.wait(validate, "validate").await;
        let instance = self.incident.instance;
        if self.ground.state(instance).struck_again > 0 {
            // It burnt down while it was waited for: that is another incident's kind of loss, told as this one's.
            self.incident.blow = Blow::Destroyed;
            return Box::pin(self.recover()).await;
        }
        let mut state = self.ground.state(instance);
        (state.up, state.hurt) = (true, false);
        drop(state);
        self.ground.instances[instance].changed.notify_waiters();
        self.row.ending = Ending::WaitedOut;
        (self.row.rpo_micros, self.row.true_loss_micros) = (Some(0), Some(0));
        self.row.rto_micros = Some(self.now() - self.incident.fault.at_micros);
    }

    /// A machine to restore to: where the instance was if that can be, else where the strategy says, else where
    /// it was once that is built anew.
    async fn stand(&mut self, struck: u64) -> usize {
        let ground = Arc::clone(self.ground);
        let operator = &ground.scenario.operator;
        let machine = &ground.instances[self.incident.instance];
        if let Some(until) = ground.timeline.control().until(self.now()) {
            self.wait_until(until, "control-plane").await;
        }
        let own = machine.place;
        let now = self.now();
        let up = |place: usize| ground.timeline.all_zones(place).until(now).is_none();
        let elsewhere = ground.strategy().recover_in.filter(|place| up(*place));
        let place = if up(own) { Some(own) } else { elsewhere };
        let number = struck + self.row.spans.len() as u64;
        let (time, name) = match place {
            Some(_) => (operator.provision, "provision"),
            None => (operator.rebuild, "rebuild"),
        };
        let wait = ground.drawn(time, &self.entity, name, number);
        self.wait_until(now.saturating_add(wait), name).await;
        place.unwrap_or(own)
    }

    /// Restores the best point that can be had; `None` when there is none.
    async fn bring_back(&mut self, place: usize) -> Option<Came> {
        let mut barren: Vec<(usize, Endpoint)> = Vec::new();
        loop {
            let source = self.best(place, &barren)?;
            match self.fetch(&source, place).await {
                Ok((back, copy, number)) => match self.held(back, copy, number) {
                    Some(came) => return Some(came),
                    None => barren.push((source.copy, source.endpoint)),
                },
                // Not to be had after all: look again, when it may be.
                Err(Failed::Unavailable) => {
                    let later = self.now() + crate::scenario::MINUTE;
                    self.wait_until(later, "restore").await;
                }
                Err(_) => barren.push((source.copy, source.endpoint)),
            }
        }
    }

    /// Numbers of the copies that are backups.
    fn backups(&self) -> impl Iterator<Item = usize> + use<H> {
        let ground = Arc::clone(self.ground);
        (0..self.hands.len()).filter(move |copy| ground.copy(*copy).replica.is_none())
    }

    /// A point that came back, with what it should be.
    fn held(&self, back: Back, copy: usize, number: u32) -> Option<Came> {
        let state = self.ground.state(self.incident.instance);
        let what = format!("point {number} of copy {copy}");
        let Some(record) = state.records[copy].get(number).cloned() else {
            drop(state);
            self.ground.violated(format!("{what} was never made"));
            return None;
        };
        Some(Came {
            back,
            content: record.content,
            written: record.written,
            captured: record.captured,
            what,
        })
    }

    /// The source by the rule of this module, `barren` ones left out.
    fn best(&mut self, place: usize, barren: &[(usize, Endpoint)]) -> Option<Source> {
        let ground = Arc::clone(self.ground);
        let mut sources = Vec::new();
        for copy in self.backups() {
            sources.extend(source::of(&ground, &self.incident, copy, place, self.now()));
        }
        sources.retain(|source| !barren.contains(&(source.copy, source.endpoint)));
        // What can never be read is none; what can be after the horizon is: an incident is seen to its end.
        sources.retain(|source| source.from < u64::MAX);
        let soonest = sources.iter().map(|source| source.from).min()?;
        sources.retain(|source| source.from == soonest);
        let newest = |source: &Source| self.usable(source).last().map(|point| point.1);
        sources.sort_by_key(|source| (std::cmp::Reverse(newest(source)), source.copy));
        sources.into_iter().next()
    }

    /// Points of a source that are from before the damage and from no other, as the trial knows them, oldest first.
    fn usable(&self, source: &Source) -> Vec<(u32, u64)> {
        let state = self.ground.state(self.incident.instance);
        let usable = state.usable(source.copy, self.incident.fault.at_micros);
        usable
            .map(|(number, record)| (number, record.captured))
            .collect()
    }

    /// Goes the way of a source and restores the newest point that it gives.
    async fn fetch(&mut self, source: &Source, place: usize) -> Result<(Back, usize, u32), Failed> {
        for (way, until) in &source.ways {
            let (name, until) = (way.name(), *until);
            self.wait_until(until, name).await;
            if *way == Way::GeoFailover {
                let (instance, now) = (self.incident.instance, self.now());
                let store = self.ground.store(instance, source.copy);
                lock(&store.account).fail_over(now);
            }
        }
        let ground = Arc::clone(self.ground);
        let store = ground.store(self.incident.instance, source.copy);
        let failed_over = lock(&store.account).has_failed_over();
        let endpoint = if failed_over {
            Endpoint::Primary
        } else {
            source.endpoint
        };
        let mut hands = self.hands[source.copy].lock().await;
        let usable = self.usable(source);
        let mut shown = hands.points(endpoint, place).await?;
        shown.retain(|number| usable.iter().any(|(usable, _)| usable == number));
        let captured = |number: &u32| {
            usable
                .iter()
                .find(|point| point.0 == *number)
                .map(|point| point.1)
        };
        shown.sort_by_key(captured);
        while let Some(number) = shown.pop() {
            match hands.restore(number, endpoint, place).await {
                Ok(back) => {
                    drop(hands);
                    self.span("restore");
                    self.row.restored_from = Some(self.whence(source.name(&ground)));
                    return Ok((back, source.copy, number));
                }
                Err(Failed::Damaged) => {}
                Err(Failed::Broken(what)) => ground.violated(what),
                Err(other) => return Err(other),
            }
        }
        Err(Failed::Damaged)
    }

    /// Nothing was left to restore: no copy may have a point that nothing happened to.
    fn lost_rightly(&self, place: usize) {
        let (instance, now) = (self.incident.instance, self.now());
        for copy in self.backups() {
            let store = self.ground.store(instance, copy);
            let spans = self.ground.unreachable(store, Endpoint::Primary, place);
            let lost = !lock(&store.account).rightly_lost().is_empty();
            let copies = self.hands.len();
            let damaged = self.ground.faults.iter().any(|fault| {
                fault.kind == FaultKind::SilentCorruption
                    && fault.instances.contains(&instance)
                    && fault.copy.unwrap_or(0) % copies == copy
            });
            let state = self.ground.state(instance);
            let mut usable = state.usable(copy, self.incident.fault.at_micros);
            let left = usable.find(|(_, record)| record.deleted.is_none());
            if let Some((number, _)) = left
                && !(lost || damaged || self.ground.is_locked() || spans.until(now).is_some())
            {
                let who = &self.row.instance;
                self.ground.violated(format!(
                    "{who}: all is said to be lost, and nothing happened to point {number} of copy {copy}"
                ));
            }
        }
    }

    /// The instance is in service again: what came back is held against the truth.
    fn serve_again(&mut self, place: usize, came: &Came) {
        let (now, at) = (self.now(), self.incident.fault.at_micros);
        let instance = self.incident.instance;
        let lost = source::true_loss(&self.incident, &came.back.content, at);
        if came.back.content != came.content {
            self.ground.violated(format!(
                "{}: {} came back different from its source",
                self.row.instance, came.what
            ));
        }
        // What was handed over lacks nothing, however long ago its last write was.
        let rpo = if self.handed_over && lost == 0 {
            0
        } else {
            at - came.captured
        };
        if lost > rpo {
            self.ground.violated(format!(
                "{}: an RPO of {rpo} us is told, and {lost} us of writes are lost",
                self.row.instance
            ));
        }
        let mut state = self.ground.state(instance);
        state.disk.restore(now, &came.content, &came.written);
        (state.up, state.hurt, state.place) = (true, false, place);
        state.reborn += 1;
        drop(state);
        self.ground.instances[instance].changed.notify_waiters();
        let row = &mut self.row;
        row.ending = Ending::Restored;
        (row.rpo_micros, row.true_loss_micros) = (Some(rpo), Some(lost));
        row.rto_micros = Some(now - at);
        row.captured_micros = Some(came.captured);
        (row.chain_length, row.fetched_bytes) = (came.back.chain_length, came.back.fetched_bytes);
    }
}
