//! What goes wrong: each kind of fault has what it needs, and its target exists.

use std::ops::Range;

use engine::error::Result;
use toml::Spanned;

use super::defaults::{self, Default};
use super::entries;
use super::instances::share;
use super::places::{PLACE, Places};
use super::reader::Reader;
use super::written::Fault;
use crate::quantity::{Often, Part, Time};
use crate::scenario::{Drawn, FaultKind, FaultSpec, Group, Strategy, Target, When};

/// Most faults of one entry that a trial may expect: a schedule is a list in memory.
const EXPECTED_MAX: u64 = 100_000;

/// What exists.
type World<'a> = (&'a Places, &'a [Group], &'a [Strategy]);

/// What a kind of fault is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Place,
    Zone,
    Paired,
    Link,
    Instances,
    Store,
    Nothing,
}

/// How long a kind of fault lasts.
#[derive(Clone, Copy)]
enum Lasts {
    /// An outage, with its default.
    For(&'static Default),
    /// Until it is noticed, which must be said.
    UntilNoticed,
    /// It is done at once.
    Once,
}

/// A kind's shape: where, how long, and the default of its share, if it has one.
fn shape(kind: FaultKind) -> (At, Lasts, Option<&'static Default>) {
    use FaultKind as K;
    let outage = Lasts::For(&defaults::OUTAGE);
    match kind {
        K::InstanceDisk | K::ProcessCrash => (At::Instances, Lasts::Once, None),
        K::StoreCopy | K::SilentCorruption => (At::Store, Lasts::Once, None),
        K::ZoneOutage => (At::Zone, Lasts::For(&defaults::FACILITY), None),
        K::ZoneDestroyed => (At::Zone, Lasts::Once, None),
        K::RegionOutage => (At::Place, outage, Some(&defaults::PAIR_TOO)),
        K::RegionDestroyed => (At::Place, Lasts::Once, Some(&defaults::PAIR_TOO)),
        K::PairOutage => (At::Paired, outage, None),
        K::LinkCut | K::LinkSlow => (At::Link, Lasts::For(&defaults::CUT), None),
        K::StoreErrors => (
            At::Store,
            Lasts::For(&defaults::STORE_ERRORS_LAST),
            Some(&defaults::STORE_ERRORS),
        ),
        K::DataDeleted | K::PointsDeleted | K::Ransomware | K::RansomwareAndBackups => {
            (At::Instances, Lasts::UntilNoticed, None)
        }
        K::LostKey => (At::Nothing, Lasts::Once, None),
        K::ControlPlane => (At::Place, outage, None),
    }
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    list: &[Spanned<Fault>],
    world: World<'_>,
    horizon: u64,
) -> Result<Vec<FaultSpec>> {
    let mut faults = Vec::new();
    for (said, span) in entries(list) {
        let example = "kind = \"region-outage\"";
        let kind = *reader.need(&said.kind, &span, "what goes wrong", example)?;
        let (at, lasts, share_of) = shape(kind);
        only_its_own(reader, (said, kind), (at, lasts, share_of.is_some()))?;
        let share_ppm = match share_of {
            Some(default) => {
                let part: Part = reader.or(&said.share, default)?;
                share(reader, (&said.share, part), &span, "share", 0)?
            }
            None => 0,
        };
        faults.push(FaultSpec {
            kind,
            when: when(reader, (said, &span), horizon)?,
            lasts: how_long(reader, (said, &span), lasts)?,
            target: target(reader, (said, &span), world, at)?,
            share_ppm,
            warned_micros: said.warned.get().map_or(0, |warned| warned.0),
        });
    }
    Ok(faults)
}

/// Refuses a key that says nothing of this kind of fault.
fn only_its_own(
    reader: &Reader<'_>,
    (said, kind): (&Fault, FaultKind),
    (at, lasts, has_share): (At, Lasts, bool),
) -> Result<()> {
    let keys = [
        (
            "lasts",
            said.lasts.written().map(|it| it.1),
            matches!(lasts, Lasts::For(_)),
        ),
        (
            "noticed-after",
            said.noticed_after.written().map(|it| it.1),
            matches!(lasts, Lasts::UntilNoticed),
        ),
        (
            "warned",
            said.warned.written().map(|it| it.1),
            matches!(
                kind,
                FaultKind::ZoneOutage
                    | FaultKind::ZoneDestroyed
                    | FaultKind::RegionOutage
                    | FaultKind::RegionDestroyed
            ),
        ),
        (
            "in",
            said.place.written().map(|it| it.1),
            matches!(at, At::Place | At::Zone | At::Paired | At::Store),
        ),
        ("zone", said.zone.written().map(|it| it.1), at == At::Zone),
        ("from", said.from.written().map(|it| it.1), at == At::Link),
        ("to", said.to.written().map(|it| it.1), at == At::Link),
        (
            "group",
            said.group.written().map(|it| it.1),
            at == At::Instances,
        ),
        (
            "count",
            said.count.written().map(|it| it.1),
            at == At::Instances,
        ),
        ("copy", said.copy.written().map(|it| it.1), at == At::Store),
        ("share", said.share.written().map(|it| it.1), has_share),
    ];
    let allowed: Vec<&str> = keys.iter().filter(|key| key.2).map(|key| key.0).collect();
    for (key, written, fits) in &keys {
        if let (Some(span), false) = (written, fits) {
            let wrong = format!("`{key}` says nothing of this kind of fault");
            let right = if allowed.is_empty() {
                "leave it out".to_owned()
            } else {
                format!("leave it out; it takes {}", allowed.join(", "))
            };
            return Err(reader.refuse(span, wrong, right));
        }
    }
    Ok(())
}

fn when(reader: &Reader<'_>, (said, span): (&Fault, &Range<usize>), horizon: u64) -> Result<When> {
    match (said.at.written(), said.every.written()) {
        (Some((Time(at), _)), None) if *at < horizon => Ok(When::At(*at)),
        (Some((at, here)), None) => {
            let right = format!("write a time before the horizon of {}", Time(horizon));
            Err(reader.refuse(&here, format!("a fault at {at}"), right))
        }
        (None, Some((Often(every), _))) if horizon / every <= EXPECTED_MAX => {
            Ok(When::Every(*every))
        }
        (None, Some((_, here))) => {
            let right = format!("write a rate of at most {EXPECTED_MAX} in the horizon");
            Err(reader.refuse(&here, "so many faults", right))
        }
        (Some(_), Some((_, here))) => {
            let right = "write one: `at` for an instant, `every` for a rate";
            Err(reader.refuse(&here, "`at` and `every` together", right))
        }
        (None, None) => {
            let line = "at = \"180d\", or every = \"once in 5 years\"";
            Err(reader.lacks(span, "when it happens", line))
        }
    }
}

fn how_long(
    reader: &mut Reader<'_>,
    (said, span): (&Fault, &Range<usize>),
    lasts: Lasts,
) -> Result<Drawn> {
    match lasts {
        Lasts::For(default) => reader.or(&said.lasts, default),
        Lasts::UntilNoticed => {
            let line = "noticed-after = \"9d\"";
            reader
                .need(&said.noticed_after, span, "when it is noticed", line)
                .copied()
        }
        Lasts::Once => Ok(Drawn::Fixed(0)),
    }
}

fn target(
    reader: &Reader<'_>,
    (said, span): (&Fault, &Range<usize>),
    (places, groups, strategies): World<'_>,
    at: At,
) -> Result<Target> {
    let mut target = Target {
        place: reader.named(&said.place, PLACE, &places.names)?,
        ..Target::default()
    };
    match at {
        At::Zone => {
            let most = target.place.map(|place| places.all[place].zones);
            let most = most.or(places.all.iter().map(|place| place.zones).max());
            let zone = said.zone.get().copied();
            let zones = 1..=most.unwrap_or(1);
            let zone = zone.map(|zone| reader.within(&said.zone, span, (zone, zones), "a zone"));
            target.zone = zone.transpose()?.map(|zone| zone - 1);
        }
        At::Paired => paired(reader, (said, span), places, target.place)?,
        At::Link => {
            let (from, to) = link(reader, (said, span), places)?;
            (target.place, target.to) = (Some(from), Some(to));
        }
        At::Instances => {
            let names: Vec<_> = groups.iter().map(|group| group.name.clone()).collect();
            target.group = reader.named(&said.group, "group of instances", &names)?;
            target.count = count(reader, said, target.group.map(|group| groups[group].count))?;
        }
        At::Store => {
            let most = strategies
                .iter()
                .map(|strategy| strategy.copies.len())
                .max();
            let most = u32::try_from(most.unwrap_or(0)).unwrap_or(u32::MAX);
            let copy = said.copy.get().copied();
            let copy = copy.map(|copy| reader.within(&said.copy, span, (copy, 1..=most), "a copy"));
            target.copy = copy.transpose()?.map(|copy| copy as usize - 1);
        }
        At::Place | At::Nothing => {}
    }
    Ok(target)
}

/// A pair's outage needs a pair.
fn paired(
    reader: &Reader<'_>,
    (said, span): (&Fault, &Range<usize>),
    places: &Places,
    place: Option<usize>,
) -> Result<()> {
    let has_pair = |place: usize| places.all[place].pair.is_some();
    let any = place.map_or_else(|| (0..places.all.len()).any(has_pair), has_pair);
    if any {
        return Ok(());
    }
    let right = "give two regions the line pair = \"...\" with each other's name";
    Err(reader.refuse(&said.place.span_or(span), "there is no pair here", right))
}

fn link(
    reader: &Reader<'_>,
    (said, span): (&Fault, &Range<usize>),
    places: &Places,
) -> Result<(usize, usize)> {
    reader.need(&said.from, span, "one end of the link", "from = \"office\"")?;
    reader.need(&said.to, span, "the other end of the link", "to = \"west\"")?;
    let from = reader.named(&said.from, PLACE, &places.names)?.unwrap_or(0);
    let to = reader.named(&said.to, PLACE, &places.names)?.unwrap_or(0);
    if places.linked(from, to) {
        return Ok((from, to));
    }
    let wrong = format!(
        "no link joins '{}' and '{}'",
        places.names[from], places.names[to]
    );
    let right = "name the two ends of a [[link]], or two regions";
    Err(reader.refuse(&said.from.span_or(span), wrong, right))
}

/// So many of the group's instances.
fn count(reader: &Reader<'_>, said: &Fault, of: Option<u32>) -> Result<Option<u32>> {
    match (said.count.written(), of) {
        (None, _) => Ok(None),
        (Some((count, span)), Some(of)) => reader
            .within(&said.count, &span, (*count, 1..=of), "a count")
            .map(Some),
        (Some((_, span)), None) => {
            let right = "name the group, such as group = \"web\"";
            Err(reader.refuse(&span, "a count of no group", right))
        }
    }
}
