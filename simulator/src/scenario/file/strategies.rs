//! How instances are protected: strategies and their copies.

use std::ops::Range;

use engine::error::Result;
use engine::retention::Policy;
use toml::Spanned;

use super::component;
use super::defaults::{self, Default};
use super::entries;
use super::key::Key;
use super::places::{PLACE, Places};
use super::reader::Reader;
use super::replicas;
use super::written::{Copy as WrittenCopy, Method, Offsite, Seeding, Strategy as Written};
use crate::quantity::{Speed, Time};
use crate::scenario::{Copy, Courier, DAY, Drawn, Group, MINUTE, Redundancy, Strategy, To};

/// Copies of a strategy at most.
const COPIES_MAX: usize = 8;
/// Shortest time from one point to the next: a backup is a job, not replication.
const EVERY_MIN: u64 = MINUTE;
/// Longest soft delete: Microsoft, Secure by default with soft delete, 10 November 2025; the engine has the same.
const SOFT_DELETE_MAX: u64 = 180 * DAY;

/// Places and what is protected there.
type World<'a> = (&'a Places, &'a [Group]);

pub(super) fn read(
    reader: &mut Reader<'_>,
    list: &[Spanned<Written>],
    (places, groups): (&Places, &Vec<Group>),
) -> Result<Vec<Strategy>> {
    let mut strategies = Vec::new();
    let mut names = Vec::new();
    for (said, span) in entries(list) {
        let name = reader.name(&said.name, &span, ("strategy", &names))?;
        names.push(name.clone());
        strategies.push(strategy(reader, name, (said, &span), (places, groups))?);
    }
    if strategies.is_empty() {
        let line = "[[strategy]] with a name and a [[strategy.copy]]";
        return Err(reader.lacks(&(0..0), "how it is protected", line));
    }
    Ok(strategies)
}

fn strategy(
    reader: &mut Reader<'_>,
    name: String,
    (said, span): (&Written, &Range<usize>),
    world: World<'_>,
) -> Result<Strategy> {
    let (places, groups) = world;
    if let (false, Some((_, at))) = (said.component.is_some(), said.edition.written()) {
        let right = "name the component too, such as component = \"mars\"";
        return Err(reader.refuse(&at, "an edition without a component", right));
    }
    let edition = if said.component.is_some() {
        reader.or(&said.edition, &defaults::EDITION)?
    } else {
        String::new()
    };
    let component = component::named(reader, said, (&edition, span))?;
    if said.copy.is_empty() || said.copy.len() > COPIES_MAX {
        let wrong = format!("'{name}' makes {} copies", said.copy.len());
        let right = format!("write 1 to {COPIES_MAX} of [[strategy.copy]]");
        return Err(reader.refuse(span, wrong, right));
    }
    let mut copies = Vec::new();
    for (copy, at) in entries(&said.copy) {
        let checked = checked(reader, (copy, &at), world, component.is_some())?;
        if let Some(component) = component {
            component::admits(reader, component, (&checked, &copy.to, &at), world)?;
        }
        copies.push(checked);
    }
    let recover_in = reader.named(&said.recover_in, PLACE, &places.names)?;
    let recover_in = replicas::takes_over(reader, (said, span), (&copies, recover_in))?;
    if let Some(target) = recover_in {
        let at = said.recover_in.span_or(span);
        for (copy, group) in copies
            .iter()
            .flat_map(|copy| groups.iter().map(move |group| (copy, group)))
        {
            places.reach(reader, &at, (copy.place.unwrap_or(group.place), target))?;
        }
        if let Some(component) = component {
            component::restores_in(reader, component, (&copies, target, &at), world)?;
        }
    }
    Ok(Strategy {
        name,
        component: component.map(|component| (component.name.clone(), edition)),
        copies,
        recover_in,
    })
}

fn checked(
    reader: &mut Reader<'_>,
    (said, span): (&WrittenCopy, &Range<usize>),
    world: World<'_>,
    recovery_services: bool,
) -> Result<Copy> {
    let to = *reader.need(&said.to, span, "what the copy is kept on", "to = \"vault\"")?;
    replicas::only_its_own(reader, said, to)?;
    if to == To::Replica {
        return replicas::checked(reader, (said, span), world);
    }
    let stores = stores(reader, (said, span), world, to)?;
    let redundancy = redundancy(reader, (said, span), &stores, (world.0, to))?;
    let usual = Usual::of(to);
    let method: Method = reader.or(&said.method, usual.method)?;
    let full_every = reader.or(&said.full_every, &defaults::FULL_EVERY)?;
    let every = reader.or(&said.every, &defaults::EVERY)?;
    let (geo_lag, provider_declares) = geo(reader, said, (redundancy, recovery_services))?;
    let speed: Speed = reader.or(&said.speed, usual.speed)?;
    let soft_delete = reader.or(&said.soft_delete, &defaults::SOFT_DELETE)?;
    above(reader, (&said.speed, span), speed.0, "speed = \"60MB/s\"")?;
    let every_day = Time(EVERY_MIN)..=Time(10 * crate::scenario::YEAR);
    let copy = Copy {
        to,
        place: reader.named(&said.place, PLACE, &world.0.names)?,
        redundancy,
        method: method.into(),
        full_every: reader.within(
            &said.full_every,
            span,
            (full_every, 1..=10_000),
            "a full-every",
        )?,
        every_micros: reader
            .within(&said.every, span, (every, every_day), "an `every`")?
            .0,
        at_micros: time_of_day(reader, (said, span))?,
        policy: policy(reader, said)?,
        soft_delete_micros: reader
            .within(
                &said.soft_delete,
                span,
                (soft_delete, Time(0)..=Time(SOFT_DELETE_MAX)),
                "a soft delete",
            )?
            .0,
        grace_micros: reader.or(&said.grace, &defaults::GRACE)?.0,
        prune_every_micros: reader.or(&said.prune_every, &defaults::PRUNE_EVERY)?.0,
        retry_micros: reader.or(&said.retry, &defaults::RETRY)?.0,
        geo_lag,
        provider_declares,
        seeding: seeding(reader, said, (world, to))?,
        offsite: offsite(reader, said, to)?,
        store_bytes_per_second: speed.0,
        request_micros: reader.or(&said.request, usual.request)?.0,
        replica: None,
    };
    above(
        reader,
        (&said.prune_every, span),
        copy.prune_every_micros,
        "prune-every = \"1w\"",
    )?;
    above(
        reader,
        (&said.retry, span),
        copy.retry_micros,
        "retry = \"1h\"",
    )?;
    above(
        reader,
        (&said.grace, span),
        copy.grace_micros,
        "grace = \"1d\"",
    )?;
    Ok(copy)
}

/// Refuses nothing where something is needed.
pub(super) fn above<T>(
    reader: &Reader<'_>,
    (key, span): (&Key<T>, &Range<usize>),
    value: u64,
    right: &str,
) -> Result<()> {
    if value > 0 {
        return Ok(());
    }
    let right = format!("write one above 0, such as {right}");
    Err(reader.refuse(&key.span_or(span), "a time or speed of nothing", right))
}

/// Defaults that hang on what a copy is kept on.
struct Usual {
    method: &'static Default,
    speed: &'static Default,
    request: &'static Default,
}

impl Usual {
    fn of(to: To) -> Self {
        let (method, speed, request) = match to {
            To::Vault => (
                &defaults::METHOD,
                &defaults::VAULT_SPEED,
                &defaults::VAULT_REQUEST,
            ),
            To::Snapshot => (
                &defaults::METHOD,
                &defaults::SNAPSHOT_SPEED,
                &defaults::SNAPSHOT_REQUEST,
            ),
            // A replica has no method and is asked nothing: `replicas` reads it.
            To::Disk | To::Replica => (
                &defaults::METHOD,
                &defaults::DISK_SPEED,
                &defaults::DISK_REQUEST,
            ),
            To::Tape => (
                &defaults::TAPE_METHOD,
                &defaults::TAPE_SPEED,
                &defaults::TAPE_REQUEST,
            ),
        };
        Self {
            method,
            speed,
            request,
        }
    }
}

/// The places of a copy's stores, one where it says which: a vault and snapshots in a region, disk and tape at a site,
/// snapshots beside their instance; and a link that leads there.
fn stores(
    reader: &Reader<'_>,
    (said, span): (&WrittenCopy, &Range<usize>),
    (places, groups): World<'_>,
    to: To,
) -> Result<Vec<usize>> {
    let stated = reader.named(&said.place, PLACE, &places.names)?;
    let at = said.place.span_or(&said.to.span_or(span));
    if to == To::Snapshot && stated.is_some() {
        let right = "leave `in` out: a snapshot stays beside its disk";
        return Err(reader.refuse(&at, "a snapshot somewhere else", right));
    }
    let (what, region) = match to {
        To::Vault => ("a vault", true),
        To::Snapshot => ("snapshots", true),
        To::Disk | To::Replica => ("a backup disk", false),
        To::Tape => ("tape", false),
    };
    let mut stores = Vec::new();
    for group in groups {
        let store = stated.unwrap_or(group.place);
        if places.is_region(store) != region {
            let wrong = format!("{what} at '{}' for '{}'", places.names[store], group.name);
            let wanted = (0..places.names.len()).find(|place| places.is_region(*place) == region);
            let kind = if region { "a region" } else { "a site" };
            let right = match wanted.filter(|_| to != To::Snapshot) {
                Some(place) => {
                    format!(
                        "it must be in {kind}, such as in = \"{}\"",
                        places.names[place]
                    )
                }
                None => format!("it must be in {kind}"),
            };
            return Err(reader.refuse(&at, wrong, right));
        }
        places.reach(reader, &at, (group.place, store))?;
        if !stores.contains(&store) {
            stores.push(store);
        }
    }
    Ok(stores)
}

fn redundancy(
    reader: &Reader<'_>,
    (said, span): (&WrittenCopy, &Range<usize>),
    stores: &[usize],
    (places, to): (&Places, To),
) -> Result<Redundancy> {
    let usual = match to {
        To::Vault => None,
        To::Snapshot => Some(Redundancy::Lrs),
        To::Disk | To::Tape | To::Replica => Some(Redundancy::Single),
    };
    let redundancy = said.redundancy.get().copied().or(usual).ok_or_else(|| {
        let right = "redundancy = \"lrs\" (or zrs, grs, ra-grs, gzrs, ra-gzrs)";
        reader.lacks(
            &said.to.span_or(span),
            "how the vault keeps what it has",
            right,
        )
    })?;
    let at = said.redundancy.span_or(span);
    let fits: &[Redundancy] = match to {
        To::Vault => &[
            Redundancy::Lrs,
            Redundancy::Zrs,
            Redundancy::Grs,
            Redundancy::RaGrs,
            Redundancy::Gzrs,
            Redundancy::RaGzrs,
        ],
        To::Snapshot => &[Redundancy::Lrs, Redundancy::Zrs],
        To::Disk | To::Tape | To::Replica => &[Redundancy::Single],
    };
    let name = redundancy.name();
    if !fits.contains(&redundancy) {
        let names: Vec<_> = fits.iter().map(|fit| fit.name()).collect();
        let right = format!("write {}", names.join(" or "));
        return Err(reader.refuse(&at, format!("such a store is not kept as '{name}'"), right));
    }
    for place in stores.iter().map(|store| &places.all[*store]) {
        if redundancy.is_geo() && place.pair.is_none() {
            let wrong = format!(
                "'{name}' copies to the paired region, and '{}' has none",
                place.name
            );
            let right = "give both regions the line pair = \"...\" with each other's name";
            return Err(reader.refuse(&at, wrong, right));
        }
        if redundancy.is_zonal() && place.zones < 3 {
            let wrong = format!(
                "'{name}' needs three zones, and '{}' has {}",
                place.name, place.zones
            );
            return Err(reader.refuse(
                &at,
                wrong,
                "give the region zones = 3, or write lrs or grs",
            ));
        }
    }
    Ok(redundancy)
}

/// The second region's lag, and who lets it be used.
fn geo(
    reader: &mut Reader<'_>,
    said: &WrittenCopy,
    (redundancy, recovery_services): (Redundancy, bool),
) -> Result<(Drawn, Option<Drawn>)> {
    let keys = [
        ("geo-lag", said.geo_lag.written().map(|it| it.1)),
        (
            "owner-fails-over",
            said.owner_fails_over.written().map(|it| it.1),
        ),
        (
            "provider-declares",
            said.provider_declares.written().map(|it| it.1),
        ),
    ];
    let stray = keys.iter().find_map(|(key, at)| Some((key, at.clone()?)));
    if let (false, Some((key, at))) = (redundancy.is_geo(), stray) {
        let wrong = format!("`{key}` of a store that is kept as '{}'", redundancy.name());
        return Err(reader.refuse(&at, wrong, "leave it out, or write grs or ra-grs"));
    }
    if !redundancy.is_geo() {
        return Ok((Drawn::Fixed(0), None));
    }
    let lag = if recovery_services {
        &defaults::VAULT_LAG
    } else {
        &defaults::GEO_LAG
    };
    let lag = reader.or(&said.geo_lag, lag)?;
    let owner = said.owner_fails_over.get().copied();
    let owner = owner.unwrap_or(!recovery_services && !said.provider_declares.is_some());
    if let (true, Some((_, at))) = (
        owner || redundancy.reads_secondary(),
        said.provider_declares.written(),
    ) {
        let right = "leave it out, or write grs or gzrs and owner-fails-over = false";
        return Err(reader.refuse(&at, "nobody waits for the provider here", right));
    }
    if owner || redundancy.reads_secondary() {
        return Ok((lag, None));
    }
    let declares = reader.or(&said.provider_declares, &defaults::PROVIDER_DECLARES)?;
    Ok((lag, Some(declares)))
}

fn time_of_day(
    reader: &mut Reader<'_>,
    (said, span): (&WrittenCopy, &Range<usize>),
) -> Result<u64> {
    let text = reader.or(&said.at, &defaults::POINT_AT)?;
    let time = text.split_once(':').and_then(|(hours, minutes)| {
        let number = |digits: &str, below: u64| {
            let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
            let number = digits.parse().ok().filter(|_| plain);
            number.filter(|number: &u64| *number < below)
        };
        Some((number(hours, 24)? * 60 + number(minutes, 60)?) * MINUTE)
    });
    time.ok_or_else(|| {
        let shown: String = text.chars().take(20).collect();
        let right = "write one from 00:00 to 23:59, such as at = \"22:00\"";
        reader.refuse(
            &said.at.span_or(span),
            format!("'{shown}' is no time of day"),
            right,
        )
    })
}

fn policy(reader: &mut Reader<'_>, said: &WrittenCopy) -> Result<Policy> {
    let policy: Policy = reader.or(&said.policy, &defaults::POLICY)?;
    match (policy.check(), said.policy.written()) {
        (Ok(()), _) => Ok(policy),
        (Err(error), Some((_, at))) => {
            let said = error.to_string();
            let (wrong, right) = said.split_once(": ").unwrap_or((&said, "mend it"));
            Err(reader.refuse(&at, wrong, right))
        }
        (Err(error), None) => Err(error),
    }
}

fn seeding(
    reader: &mut Reader<'_>,
    said: &WrittenCopy,
    ((places, groups), to): (World<'_>, To),
) -> Result<Option<Courier>> {
    let Some((seeding, at)) = said.seeding.written() else {
        return Ok(None);
    };
    let Seeding { trip, media } = seeding;
    let from_site = groups.iter().any(|group| !places.is_region(group.place));
    if to != To::Vault || !from_site {
        let wrong = "seeding, and nothing goes from a site to a vault";
        let right = "leave it out: it carries a site's first point to a vault in a region";
        return Err(reader.refuse(&at, wrong, right));
    }
    let media_speed: Speed = reader.or(media, &defaults::SEEDING_MEDIA)?;
    above(reader, (media, &at), media_speed.0, "media = \"150MB/s\"")?;
    Ok(Some(Courier {
        every_micros: 0,
        trip: reader.or(trip, &defaults::SEEDING_TRIP)?,
        media_bytes_per_second: media_speed.0,
    }))
}

fn offsite(reader: &mut Reader<'_>, said: &WrittenCopy, to: To) -> Result<Option<Courier>> {
    let Some((offsite, at)) = said.offsite.written() else {
        return Ok(None);
    };
    let Offsite { every, trip, media } = offsite;
    if to != To::Tape {
        let right = "leave it out, or write to = \"tape\"";
        return Err(reader.refuse(&at, "only tapes are carried away", right));
    }
    let media_speed: Speed = reader.or(media, &defaults::TAPE_SPEED)?;
    let every_time: Time = reader.or(every, &defaults::OFFSITE_EVERY)?;
    above(reader, (media, &at), media_speed.0, "media = \"400MB/s\"")?;
    above(reader, (every, &at), every_time.0, "every = \"1w\"")?;
    Ok(Some(Courier {
        every_micros: every_time.0,
        trip: reader.or(trip, &defaults::OFFSITE_TRIP)?,
        media_bytes_per_second: media_speed.0,
    }))
}
