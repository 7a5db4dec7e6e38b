//! A component's profile as its file has it: what it protects, where it keeps points, within which limits.
//!
//! The types are the keys of `scenarios/components/*.toml`, and `scenarios/components/README.md` says what
//! each means. Every value stands beside the document that it was read in and how well it is known.

use std::collections::{BTreeMap, BTreeSet};

use engine::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::words::{
    Consistency, Edition, Granularity, Hypervisor, Place, Status, Target, Workload,
};
use crate::forecast::{Bytes, Every};
use crate::quantity::Speed;
use crate::scenario::{Redundancy, System};

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its title.
    pub title: String,
    /// Where it is: an address, or a repository and path.
    #[serde(rename = "where")]
    pub place: String,
    /// When it was so: the document's own date.
    pub date: String,
}

/// A value and where it is from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// The key of its source.
    pub(super) source: String,
    /// How well it is known.
    pub status: Status,
    /// What a reader must know besides.
    pub note: Option<String>,
}

/// A value that may differ by workload.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct ByWorkload<T>(BTreeMap<String, T>);

/// The key for all workloads that are not named.
const OTHER: &str = "other";

impl<T> ByWorkload<T> {
    /// The value for a workload, if it is limited at all.
    pub fn of(&self, workload: Workload) -> Option<&T> {
        self.0.get(workload.name()).or_else(|| self.0.get(OTHER))
    }
}

/// A range of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    /// The fewest.
    pub min: Option<u64>,
    /// The most; none is no limit.
    pub max: Option<u64>,
    /// Without being asked.
    pub default: Option<u64>,
}

/// How long points may stay where they are made so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// From one point to the next.
    pub every: Every,
    /// The most days.
    pub days: u64,
}

/// Something that a component protects. All lists hold together: any of the workloads, on any of the
/// systems, in any of the places.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// What.
    pub workloads: BTreeSet<Workload>,
    /// On which systems.
    pub systems: Vec<System>,
    /// Where.
    pub places: BTreeSet<Place>,
    /// On the owner's site only on these; none stands for any.
    #[serde(default)]
    pub hypervisors: BTreeSet<Hypervisor>,
    /// The best that a point can be.
    pub consistency: Consistency,
    /// What can be brought back alone.
    pub restores: BTreeSet<Granularity>,
    pub(super) source: String,
    /// How well it is known.
    pub status: Status,
    /// What a reader must know besides.
    pub note: Option<String>,
}

/// A place where points are kept, and its limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TargetProfile {
    /// The shortest time from one point to the next.
    pub every: Option<Fact<ByWorkload<Every>>>,
    /// The only times that can be chosen, where not every one can.
    pub intervals: Option<Fact<BTreeSet<Every>>>,
    /// The shortest time between application-consistent points, where it is longer.
    pub application_every: Option<Fact<Every>>,
    /// The most points of one instance.
    pub points_max: Option<Fact<ByWorkload<u64>>>,
    /// How long points stay.
    pub retention_days: Option<Fact<Days>>,
    /// How long they can stay when they are made often.
    pub retention_caps: Option<Fact<Vec<Cap>>>,
    /// How the store can keep them.
    pub redundancies: Option<Fact<BTreeSet<Redundancy>>>,
    /// Where it can be used; none stands for anywhere.
    pub places: Option<Fact<BTreeSet<Place>>>,
    /// Whether what is stored is compressed.
    pub compression: Option<Fact<bool>>,
    /// Whether what is sent is compressed.
    pub wire_compression: Option<Fact<bool>>,
    /// Whether equal data is stored once.
    pub deduplication: Option<Fact<Deduplication>>,
    /// Whether the customer can restore in the second region at will.
    pub cross_region_restore: Option<Fact<bool>>,
    /// How long deleted points can be brought back; none where they can't.
    pub soft_delete_days: Option<Fact<Days>>,
}

/// How fast data may change to be replicated, in one way of replicating.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnPlan {
    /// What it is called.
    pub name: String,
    /// Of all disks of a machine together.
    pub machine: Fact<Speed>,
    /// Of one disk, by its kind.
    pub disk: Vec<DiskChurn>,
}

/// How fast a disk of a kind may change.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskChurn {
    /// The kind.
    pub kind: String,
    /// By the mean size of its writes, smallest first; what is smaller than the first counts as it.
    pub limits: Fact<Vec<ChurnLimit>>,
}

/// A limit for writes that are so large in the mean, and larger up to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnLimit {
    /// The mean size of writes.
    pub write: Bytes,
    /// The most bytes a second.
    pub speed: Speed,
}

/// Whether and where equal data is stored once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deduplication {
    /// Nowhere.
    None,
    /// By the Hyper-V host below a backup server that is a virtual machine, on-premises only.
    Host,
}

/// What a component can do, by one edition of its documents.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Abilities {
    /// What it protects.
    pub protects: Vec<Rule>,
    /// Where it keeps points, the preferred one first.
    pub keeps: Fact<Vec<Target>>,
    /// The limits there: a table for each that is kept, and no other.
    pub target: BTreeMap<Target, TargetProfile>,
    /// Whether the bandwidth that it uses can be limited.
    pub throttling: Option<Fact<bool>>,
    /// The largest source.
    pub source_bytes_max: Option<Fact<ByWorkload<Bytes>>>,
    /// How the first copy can go by post; empty where it can't.
    pub offline_seeding: Fact<Vec<String>>,
    /// What can't be seeded so.
    #[serde(default)]
    pub offline_seeding_except: BTreeSet<Workload>,
    /// How fast data may change, by way of replicating; empty where no document says so.
    #[serde(default)]
    pub churn: Vec<ChurnPlan>,
    /// What speaks for it.
    pub benefits: Vec<Fact<String>>,
    /// What speaks against it.
    pub limits: Vec<Fact<String>>,
}

/// A component's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) title: String,
    source: BTreeMap<String, Source>,
    edition: BTreeMap<Edition, Abilities>,
    #[serde(default)]
    absent: BTreeMap<Edition, Fact<String>>,
}

/// A component in one edition.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its short name, in files and flags.
    pub name: String,
    /// Its full name.
    pub title: String,
    /// The edition of its documents.
    pub edition: Edition,
    /// What it can do.
    pub abilities: Abilities,
    pub(super) sources: BTreeMap<String, Source>,
}

/// That a component has no profile in an edition, and why.
#[derive(Clone, Debug)]
pub struct Absence {
    /// The component's short name.
    pub name: String,
    /// The edition.
    pub edition: Edition,
    /// Why.
    pub why: String,
    /// The document that says so.
    pub source: Source,
    /// How well it is known.
    pub status: Status,
}

impl File {
    /// Reads a file's text; `name` names it in errors.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self> {
        let wrong = |say: String| {
            let say = format!(
                "component {name}: {}\nevery key is described in scenarios/components/README.md",
                say.trim_end()
            );
            Error::new(ErrorKind::Invalid, say)
        };
        let file: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let table: toml::Table = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        file.check(&table).map_err(wrong)?;
        Ok(file)
    }

    /// What TOML's types can't say.
    fn check(&self, table: &toml::Table) -> std::result::Result<(), String> {
        let mut used = BTreeSet::new();
        sources(table, "", &mut used);
        for (at, key) in &used {
            if !self.source.contains_key(key) {
                return Err(format!("{at}: unknown source '{key}': add [source.{key}]"));
            }
        }
        let idle = |key: &&String| !used.iter().any(|(_, used)| used == *key);
        if let Some(key) = self.source.keys().find(idle) {
            return Err(format!("[source.{key}] is used by no value: take it out"));
        }
        for edition in Edition::ALL {
            let (has, lacks) = (
                self.edition.contains_key(edition),
                self.absent.contains_key(edition),
            );
            if has == lacks {
                return Err(format!(
                    "write either [edition.{edition}] or absent.{edition} with the reason why there is none"
                ));
            }
        }
        for (edition, abilities) in &self.edition {
            abilities
                .check()
                .map_err(|say| format!("edition.{edition}: {say}"))?;
        }
        Ok(())
    }

    /// The component in each edition that it has, and why it lacks the others.
    pub(super) fn editions(self) -> (Vec<Component>, Vec<Absence>) {
        let absences = self.absent.into_iter().map(|(edition, fact)| Absence {
            name: self.name.clone(),
            edition,
            source: self.source[&fact.source].clone(),
            why: fact.value,
            status: fact.status,
        });
        let absences = absences.collect();
        let components = self
            .edition
            .into_iter()
            .map(|(edition, abilities)| Component {
                name: self.name.clone(),
                title: self.title.clone(),
                edition,
                abilities,
                sources: self.source.clone(),
            });
        (components.collect(), absences)
    }
}

/// Every key of a source that a table names, and where it stands.
fn sources(table: &toml::Table, at: &str, found: &mut BTreeSet<(String, String)>) {
    for (key, value) in table {
        let here = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        match value {
            toml::Value::String(name) if key == "source" => {
                found.insert((at.to_owned(), name.clone()));
            }
            toml::Value::Table(table) => sources(table, &here, found),
            toml::Value::Array(list) => {
                let tables = list.iter().filter_map(toml::Value::as_table);
                tables.for_each(|table| sources(table, &here, found));
            }
            _ => {}
        }
    }
}

impl Abilities {
    fn check(&self) -> std::result::Result<(), String> {
        for rule in &self.protects {
            if rule.workloads.is_empty() || rule.systems.is_empty() || rule.places.is_empty() {
                return Err("protects: name a workload, a system and a place".to_owned());
            }
        }
        let kept: BTreeSet<_> = self.keeps.value.iter().collect();
        if self.protects.is_empty() || kept.is_empty() || kept != self.target.keys().collect() {
            return Err(
                "say what it protects, and describe each target of keeps in a table target.NAME, \
                 and no other"
                    .to_owned(),
            );
        }
        for (target, profile) in &self.target {
            profile
                .check(*target)
                .map_err(|say| format!("target.{target}: {say}"))?;
        }
        for plan in &self.churn {
            plan.check()
                .map_err(|say| format!("churn {}: {say}", plan.name))?;
        }
        match &self.source_bytes_max {
            Some(fact) => fact.value.check(),
            None => Ok(()),
        }
    }
}

impl ChurnPlan {
    fn check(&self) -> std::result::Result<(), String> {
        for disk in &self.disk {
            let limits = &disk.limits.value;
            let rises = limits
                .is_sorted_by(|one, next| one.write < next.write && one.speed.0 <= next.speed.0);
            if limits.is_empty() || !rises || limits[0].speed.0 == 0 {
                return Err(format!(
                    "{}: name limits by rising size of writes",
                    disk.kind
                ));
            }
        }
        if self.disk.is_empty() || self.machine.value.0 == 0 {
            return Err("name a limit of the machine, and those of a kind of disk".to_owned());
        }
        Ok(())
    }
}

impl DiskChurn {
    /// The limit for writes that are so large in the mean.
    pub fn limit(&self, mean_write_bytes: u64) -> ChurnLimit {
        let limits = &self.limits.value;
        let fits = limits
            .iter()
            .rfind(|limit| limit.write.0 <= mean_write_bytes);
        *fits.unwrap_or(&limits[0])
    }
}

impl<T> Fact<T> {
    /// The document that it was read in.
    pub fn document<'a>(&self, component: &'a Component) -> &'a Source {
        &component.sources[&self.source]
    }
}

impl TargetProfile {
    fn check(&self, target: Target) -> std::result::Result<(), String> {
        let needed = [
            ("every", self.every.is_some()),
            ("points-max", self.points_max.is_some()),
            ("redundancies", self.redundancies.is_some()),
            ("compression", self.compression.is_some()),
            ("wire-compression", self.wire_compression.is_some()),
            ("deduplication", self.deduplication.is_some()),
            ("cross-region-restore", self.cross_region_restore.is_some()),
        ];
        if let (Target::Vault, Some((key, _))) = (target, needed.iter().find(|(_, stated)| !stated))
        {
            return Err(format!("a vault needs {key}"));
        }
        if let Some(fact) = &self.every {
            fact.value.check()?;
        }
        match &self.points_max {
            Some(fact) => fact.value.check(),
            None => Ok(()),
        }
    }
}

impl<T> ByWorkload<T> {
    fn check(&self) -> std::result::Result<(), String> {
        let known = |key: &str| key == OTHER || key.parse::<Workload>().is_ok();
        match self.0.keys().find(|key| !known(key)) {
            Some(key) => Err(format!("'{key}' is no workload: name one, or {OTHER}")),
            None => Ok(()),
        }
    }
}
