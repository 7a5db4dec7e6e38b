//! `firedrill forget`: lets recovery points expire, after it has shown which and why.

mod show;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use engine::deletion;
use engine::format::keyslot::DAY_SECONDS;
use engine::ids::PointId;
use engine::retention::{self, Policy, Semantics, Subject, Verdict};
use engine::units::Timestamp;
use engine::vault::{Catalog, Point, Vault};
use engine::{Error, ErrorKind};

use crate::cli::ForgetArgs;
use crate::exit::Exit;
use crate::output;
use crate::vault_access;

pub(crate) async fn run(args: &ForgetArgs, json: bool) -> Result<Exit> {
    let policy = args.keep.policy()?;
    if policy.is_none() && args.points.is_empty() && !args.all {
        bail!(
            "say what to keep (--keep-within 30d --keep-weekly 12, or --policy FILE), name points \
             to forget, or give --all"
        );
    }
    let vault = vault_access::open(&args.vault).await?;
    let catalog = vault_access::catalog(&vault).await?;
    vault.terms()?;
    let now = vault_access::store_now(&vault).await;
    let asked = Asked::of(args, policy, &catalog)?;
    if !args.semantics.is_empty() {
        return side_by_side(args, &asked, now, json);
    }
    let groups = asked.decide(Semantics::Firedrill, now)?;
    asked.refuse_needed(&groups)?;
    let mut going = going(&groups);
    going.extend(&asked.damaged);
    if !json {
        output::print(&show::plan(&asked, &groups)?)?;
    }
    let dry = args.dry_run || going.is_empty();
    if !dry {
        if json && !args.yes {
            bail!("nothing was changed: with --json give --yes, or --dry-run");
        }
        if !args.yes {
            output::confirm(&format!("Forget {}?", show::count(going.len())))?;
        }
        let until = delete(args, &vault, &going).await?;
        if !json {
            output::print(&format!(
                "forgot {}; until {} `firedrill undelete` brings them back, and then `firedrill prune` \
                 removes them\n",
                show::count(going.len()),
                output::instant(until)
            ))?;
        }
    }
    if json {
        let mut document = show::document(&asked, &groups, now, !dry);
        document["requests"] = output::requests(vault.world().meter.read());
        output::print_json(&document)?;
    }
    Ok(Exit::Met)
}

/// What is asked about.
struct Asked<'a> {
    /// `None` for points by name, and for all.
    policy: Option<Policy>,
    /// Points that are to go whatever any policy says.
    named: Vec<PointId>,
    /// Whether they were named one by one.
    by_name: bool,
    /// Points that were named whose manifests do not open: given up.
    damaged: Vec<PointId>,
    /// The points of the vault, by instance, oldest first.
    instances: BTreeMap<&'a str, Vec<&'a Point>>,
    /// The instances that are thinned.
    chosen: Vec<&'a str>,
}

/// An instance and what becomes of its points, newest first.
struct Group<'a> {
    instance: &'a str,
    rows: Vec<(&'a Point, Verdict)>,
}

impl<'a> Asked<'a> {
    fn of(args: &ForgetArgs, policy: Option<Policy>, catalog: &'a Catalog) -> Result<Self> {
        let mut instances: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
        for point in catalog.points() {
            let of = instances.entry(point.manifest.instance.as_str());
            of.or_default().push(point);
        }
        let mut chosen: Vec<&str> = instances.keys().copied().collect();
        if let Some(name) = &args.instance {
            chosen.retain(|instance| instance == name);
            if chosen.is_empty() {
                let say = format!(
                    "no recovery point of '{name}': `firedrill points` lists the instances"
                );
                return Err(Error::new(ErrorKind::NotFound, say).into());
            }
        }
        let is_damaged = |name: &String| {
            let id: Option<PointId> = name.parse().ok();
            id.filter(|id| catalog.unread().contains(id))
        };
        let damaged = args.points.iter().filter_map(is_damaged).collect();
        let named = if args.all {
            let points = chosen.iter().flat_map(|instance| &instances[instance]);
            points.map(|point| point.id).collect()
        } else {
            let mut named = Vec::new();
            for name in args.points.iter().filter(|name| is_damaged(name).is_none()) {
                let point = vault_access::point(catalog, name, args.instance.as_deref())?;
                let of = point.manifest.instance.as_str();
                if !chosen.contains(&of) {
                    let say = format!("point '{name}' is one of '{of}', not of the instance named");
                    return Err(Error::new(ErrorKind::Invalid, say).into());
                }
                named.push(point.id);
            }
            named
        };
        let by_name = !args.points.is_empty();
        Ok(Self {
            policy,
            named,
            by_name,
            damaged,
            instances,
            chosen,
        })
    }

    /// Decides about every chosen instance by itself, then keeps what any point of the vault that stays
    /// needs: chains may cross instances.
    fn decide(&self, semantics: Semantics, now: Timestamp) -> Result<Vec<Group<'a>>> {
        let mut all = Vec::new();
        let mut verdicts = Vec::new();
        for (instance, points) in &self.instances {
            let subjects: Vec<_> = points.iter().map(|point| subject(point)).collect();
            verdicts.extend(match &self.policy {
                Some(policy) if self.chosen.contains(instance) => {
                    retention::decide_as(semantics, policy, &subjects, now)?
                }
                _ => retention::decide_named(&subjects, &self.named),
            });
            all.extend(subjects);
        }
        retention::keep_needed(&mut verdicts, &all);
        let mut verdicts: BTreeMap<PointId, Verdict> = verdicts
            .into_iter()
            .map(|verdict| (verdict.id, verdict))
            .collect();
        let group = |instance: &&'a str| {
            let points = self.instances[instance].iter().rev();
            let shown = points.filter(|point| !self.by_name || self.named.contains(&point.id));
            let rows = shown.filter_map(|point| Some((*point, verdicts.remove(&point.id)?)));
            Group {
                instance,
                rows: rows.collect(),
            }
        };
        let groups: Vec<_> = self.chosen.iter().map(group).collect();
        Ok(groups
            .into_iter()
            .filter(|group| !group.rows.is_empty())
            .collect())
    }

    /// A point that was named and must stay is a mistake to tell, not a row to overlook.
    fn refuse_needed(&self, groups: &[Group<'_>]) -> Result<()> {
        let mut rows = groups.iter().flat_map(|group| &group.rows);
        match rows.find(|(_, verdict)| self.by_name && verdict.keep) {
            None => Ok(()),
            Some((point, verdict)) => {
                let (id, reason) = (point.id.short(), &verdict.reasons[0]);
                let say = format!("point {id} must stay: {reason}; name that too, or leave both");
                Err(Error::new(ErrorKind::Invalid, say).into())
            }
        }
    }
}

/// The row that retention decides about.
fn subject(point: &Point) -> Subject {
    let tags = point.manifest.tags.clone();
    Subject::of(point.id, &point.manifest, tags)
}

/// The points that go.
fn going(groups: &[Group<'_>]) -> Vec<PointId> {
    let rows = groups.iter().flat_map(|group| &group.rows);
    let going = rows.filter(|(_, verdict)| !verdict.keep);
    going.map(|(point, _)| point.id).collect()
}

/// Marks points as deleted: nothing in this file changes a vault but this. Tells until when they can be
/// brought back.
async fn delete(args: &ForgetArgs, vault: &Vault, points: &[PointId]) -> Result<Timestamp> {
    let why = match args.keep.policy()? {
        Some(policy) => format!("policy: {policy}"),
        None if args.all => "all".to_owned(),
        None => "named".to_owned(),
    };
    let request = deletion::Request {
        by: vault_access::holder(),
        reason: args.reason.clone().unwrap_or(why),
        soft_delete_seconds: args.soft_delete.map(|days| days * DAY_SECONDS),
    };
    Ok(deletion::forget(vault, points, &request).await?)
}

/// Shows what the named conventions keep beside ours.
fn side_by_side(args: &ForgetArgs, asked: &Asked<'_>, now: Timestamp, json: bool) -> Result<Exit> {
    let mut conventions = vec![Semantics::Firedrill];
    for semantics in &args.semantics {
        if !conventions.contains(semantics) {
            conventions.push(*semantics);
        }
    }
    let mut columns = Vec::new();
    for semantics in conventions {
        columns.push((semantics, asked.decide(semantics, now)?));
    }
    if json {
        output::print_json(&show::columns_document(asked, &columns, now))?;
    } else {
        output::print(&show::columns(asked, &columns)?)?;
    }
    Ok(Exit::Met)
}
