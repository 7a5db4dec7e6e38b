//! Each checker finds the bug that it is there for: hands that lie about one thing, and nothing else is wrong.

use std::sync::Arc;

use bytes::Bytes;
use engine::format::layout::path;
use engine::format::point::Method;

use crate::replication::EngineReplica;
use crate::scenario::{DAY, Drawn, FaultKind, FaultSpec, HOUR, Scenario, Target, When};
use crate::sweep::Prepared;
use crate::trial::ground::{Ground, lock};
use crate::trial::hands::{Back, Failed, Hands, Made, Snapshot};
use crate::trial::{self, sample};
use crate::world::account::Endpoint;

use super::content::MARK;
use super::hands::{BY_POLICY, EngineHands, Kit};
use super::inspect::{self, Inspected};

/// What the hands lie about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// A restore gives the content of another time.
    OtherContent,
    /// A backup sends what was sent the time before.
    OldSnapshot,
    /// A point goes that was acknowledged.
    PointGone,
    /// A point is deleted that the policy keeps.
    TooFewKept,
    /// What the policy expires stays.
    TooManyKept,
    /// The full of a chain goes.
    FullGone,
    /// A byte of a pack changes.
    FlippedByte,
    /// An object holds a block as it was.
    Plaintext,
    /// An object is metered as smaller than it is.
    Unmetered,
    /// Nothing is brought back.
    NothingUndeleted,
    /// No point is shown.
    NothingShown,
}

/// What lying hands share.
struct Liars {
    kit: Arc<Kit>,
    bug: Bug,
}

/// The engine's hands with a bug.
struct Liar {
    bug: Bug,
    inner: EngineHands,
    /// Backups so far.
    turn: u32,
    before: Option<Snapshot>,
}

/// The backup after which a bug acts, and the point that it hits: those of the second week.
const TURN: u32 = 12;
const VICTIM: u32 = 9;
/// A point with which a chain begins.
const FULL: u32 = 7;

impl Liar {
    fn account(&self, act: impl FnOnce(&mut crate::world::account::Account<Bytes>, u64, String)) {
        let ground = &self.inner.ground;
        let store = ground.store(self.inner.instance, self.inner.copy);
        act(
            &mut lock(&store.account),
            ground.handle.now(),
            self.inner.prefix(),
        );
    }

    /// What a bug does after a backup.
    async fn act(&mut self) {
        let point = |hands: &EngineHands, number| hands.id(number).expect("it was made");
        match self.bug {
            Bug::PointGone | Bug::FullGone => {
                let number = if self.bug == Bug::FullGone {
                    FULL
                } else {
                    VICTIM
                };
                let manifest = path::point(point(&self.inner, number));
                self.account(|account, now, prefix| {
                    assert!(account.delete(now, &format!("{prefix}{manifest}")));
                });
            }
            Bug::TooFewKept => {
                let newest = point(&self.inner, self.turn - 1);
                let (vault, _) = self.inner.vault().await.expect("it opens");
                let deleted = self.inner.delete(&vault, &[newest], BY_POLICY).await;
                deleted.expect("it is deleted");
            }
            Bug::FlippedByte => {
                self.account(|account, now, prefix| {
                    let packs = format!("{prefix}{}/", path::packs());
                    let packs = account.list(now, Endpoint::Primary, &packs);
                    let pack = packs.last().expect("there is one").0.to_owned();
                    account.tamper(&pack, |bytes| {
                        let mut flipped = bytes.to_vec();
                        flipped[100] ^= 1;
                        *bytes = flipped.into();
                    });
                });
            }
            Bug::Plaintext | Bug::Unmetered => {
                let plain = self.bug == Bug::Plaintext;
                let value = Bytes::from_static(if plain { MARK } else { b"smaller" });
                let bytes = if plain { value.len() as u64 } else { 1 };
                self.account(|account, now, prefix| {
                    account.put(now, format!("{prefix}drills/0"), value, bytes, true);
                });
            }
            _ => {}
        }
    }
}

impl Inspected for Liar {
    fn engine(&mut self) -> &mut EngineHands {
        &mut self.inner
    }
}

impl Hands for Liar {
    type Stored = Bytes;
    type Kit = Liars;
    type Replica = EngineReplica;

    fn new(ground: &Arc<Ground<Bytes>>, kit: &Arc<Liars>, instance: usize, copy: usize) -> Self {
        Self {
            bug: kit.bug,
            inner: EngineHands::new(ground, &kit.kit, instance, copy),
            turn: 0,
            before: None,
        }
    }

    fn replica(
        ground: &Arc<Ground<Bytes>>,
        kit: &Arc<Liars>,
        instance: usize,
        copy: usize,
    ) -> EngineReplica {
        EngineHands::replica(ground, &kit.kit, instance, copy)
    }

    async fn backup(&mut self, snapshot: Snapshot, method: Method) -> Result<Made, Failed> {
        let sent = match (self.bug, self.before.replace(snapshot.clone())) {
            (Bug::OldSnapshot, Some(before)) => Snapshot {
                at: snapshot.at,
                content: before.content,
            },
            _ => snapshot,
        };
        let made = self.inner.backup(sent, method).await?;
        self.turn += 1;
        if self.turn == TURN {
            self.act().await;
        }
        Ok(made)
    }

    async fn forget(&mut self, at: u64) -> Result<Vec<u32>, Failed> {
        if self.bug == Bug::TooManyKept {
            return Ok(Vec::new());
        }
        self.inner.forget(at).await
    }

    async fn prune(&mut self) -> Result<Vec<u32>, Failed> {
        self.inner.prune().await
    }

    async fn points(&mut self, at: Endpoint, place: usize) -> Result<Vec<u32>, Failed> {
        let shown = self.inner.points(at, place).await?;
        let none = self.bug == Bug::NothingShown;
        Ok(if none { Vec::new() } else { shown })
    }

    async fn restore(&mut self, number: u32, at: Endpoint, place: usize) -> Result<Back, Failed> {
        let mut back = self.inner.restore(number, at, place).await?;
        if self.bug == Bug::OtherContent {
            let mut content = back.content.to_vec();
            content[3] += 1;
            back.content = content.into();
        }
        Ok(back)
    }

    async fn delete_all(&mut self) -> Vec<u32> {
        self.inner.delete_all().await
    }

    async fn undelete_all(&mut self) -> Vec<u32> {
        if self.bug == Bug::NothingUndeleted {
            return Vec::new();
        }
        self.inner.undelete_all().await
    }

    fn damage_newest(&mut self) {
        self.inner.damage_newest();
    }

    async fn inspect(&mut self) -> Vec<String> {
        inspect::all(self).await
    }
}

/// Twenty days of one small machine, whose disk is lost at the end.
fn scenario() -> Scenario {
    let mut scenario = sample::scenario();
    scenario.horizon_micros = 20 * DAY;
    let group = &mut scenario.groups[0];
    (group.count, group.blocks, group.real_block_bytes) = (1, 16, 512);
    scenario.faults = vec![fault(FaultKind::InstanceDisk, 19 * DAY + 10 * HOUR)];
    scenario
}

fn fault(kind: FaultKind, at: u64) -> FaultSpec {
    FaultSpec {
        kind,
        when: When::At(at),
        lasts: Drawn::Fixed(1),
        target: Target::default(),
        share_ppm: 0,
        warned_micros: 0,
    }
}

/// What checkers say to a bug in a scenario.
fn said(prepared: &Prepared, bug: Bug) -> Vec<String> {
    let kit = Arc::new(Liars {
        kit: Arc::new(Kit::new().expect("a folder")),
        bug,
    });
    trial::run::<Liar>(&prepared.setup(0, 0, None), &kit).violations
}

#[test]
fn each_planted_bug_is_named() {
    let prepared = Prepared::new(scenario()).expect("it is measured");
    let none: Vec<String> = Vec::new();
    assert_eq!(said(&prepared, Bug::None), none);
    for (bug, words) in [
        (Bug::OtherContent, "came back different from its source"),
        (Bug::OldSnapshot, "of writes are lost"),
        (Bug::PointGone, "point 9 was acknowledged and is gone"),
        (Bug::TooFewKept, "is deleted, and the policy keeps it"),
        (
            Bug::TooManyKept,
            "is there, and the policy does not keep it",
        ),
        (Bug::FullGone, ", which is gone"),
        (Bug::FlippedByte, "is damaged"),
        (Bug::Plaintext, "holds plaintext"),
        (Bug::Unmetered, "is metered as 1 bytes"),
        (Bug::NothingUndeleted, "can't be brought back in its time"),
        (Bug::NothingShown, "all is said to be lost"),
    ] {
        let said = said(&prepared, bug);
        let named = said.iter().any(|what| what.contains(words));
        assert!(named, "{bug:?}: {said:#?}");
    }
}

/// Damage on purpose explains the point that it hit and those that need it, and nothing beside.
#[test]
fn damage_explains_no_other_bug() {
    let mut scenario = scenario();
    scenario.faults = vec![fault(FaultKind::SilentCorruption, 17 * DAY + 10 * HOUR)];
    let prepared = Prepared::new(scenario).expect("it is measured");
    let none: Vec<String> = Vec::new();
    assert_eq!(said(&prepared, Bug::None), none);
    for bug in [
        Bug::PointGone,
        Bug::FullGone,
        Bug::FlippedByte,
        Bug::Plaintext,
        Bug::TooManyKept,
    ] {
        assert!(!said(&prepared, bug).is_empty(), "{bug:?}");
    }
}
