//! Copies that are replicas: site recovery, alone or beside backups in the same strategy.

use std::ops::Range;

use engine::error::Result;
use engine::format::point::Method;
use engine::retention::Policy;

use super::defaults;
use super::places::{PLACE, Places};
use super::reader::Reader;
use super::strategies::above;
use super::written::{Copy as Written, Strategy};
use crate::quantity::{Bytes, Speed, Time};
use crate::scenario::{Copy, Drawn, Following, Group, HOUR, MINUTE, Redundancy, To};

/// The shortest batch: writes happen at the ends of minutes, or of longer spans.
const EVERY_MIN: u64 = MINUTE;
/// The longest: what is rarer is a backup.
const EVERY_MAX: u64 = HOUR;

/// Refuses what only a backup has of a replica, and what only a replica has of a backup.
pub(super) fn only_its_own(reader: &Reader<'_>, said: &Written, to: To) -> Result<()> {
    macro_rules! written {
        ($($key:ident),*) => { [$((stringify!($key), said.$key.written().map(|it| it.1))),*] };
    }
    let backups = written![
        redundancy,
        method,
        full_every,
        at,
        policy,
        soft_delete,
        grace,
        prune_every,
        retry,
        geo_lag,
        owner_fails_over,
        provider_declares,
        seeding,
        offsite,
        request
    ];
    let replicas = written![retention, point_every, every_batch, history];
    let (strays, right) = if to == To::Replica {
        let right = "leave it out: a replica takes in, every, retention, point-every, every-batch, history, speed";
        (&backups[..], right)
    } else {
        (&replicas[..], "leave it out, or write to = \"replica\"")
    };
    let stray = strays.iter().find_map(|(key, at)| Some((key, at.clone()?)));
    match stray {
        None => Ok(()),
        Some((key, at)) => {
            let key = key.replace('_', "-");
            let what = if to == To::Replica {
                "a replica"
            } else {
                "a backup"
            };
            Err(reader.refuse(&at, format!("`{key}` of {what}"), right))
        }
    }
}

/// A replica's copy.
pub(super) fn checked(
    reader: &mut Reader<'_>,
    (said, span): (&Written, &Range<usize>),
    (places, groups): (&Places, &[Group]),
) -> Result<Copy> {
    let place = place(reader, (said, span), (places, groups))?;
    let every = reader.or(&said.every, &defaults::BATCH_EVERY)?;
    let allowed = Time(EVERY_MIN)..=Time(EVERY_MAX);
    let every = reader.within(&said.every, span, (every, allowed), "a replica's `every`")?;
    let speed: Speed = reader.or(&said.speed, &defaults::REPLICA_SPEED)?;
    above(reader, (&said.speed, span), speed.0, "speed = \"54MB/s\"")?;
    let history: Bytes = reader.or(&said.history, &defaults::HISTORY)?;
    let following = Following {
        every_batch_micros: reader.or(&said.every_batch, &defaults::EVERY_BATCH)?.0,
        point_every_micros: reader.or(&said.point_every, &defaults::POINT_EVERY)?.0,
        retention_micros: reader.or(&said.retention, &defaults::REPLICA_RETENTION)?.0,
        history_bytes: history.0,
    };
    let times = (following.point_every_micros, following.retention_micros);
    above(
        reader,
        (&said.point_every, span),
        times.0,
        "point-every = \"5m\"",
    )?;
    above(
        reader,
        (&said.retention, span),
        times.1,
        "retention = \"24h\"",
    )?;
    let bytes = following.history_bytes;
    above(reader, (&said.history, span), bytes, "history = \"50GiB\"")?;
    Ok(Copy {
        to: To::Replica,
        place: Some(place),
        redundancy: if places.is_region(place) {
            Redundancy::Lrs
        } else {
            Redundancy::Single
        },
        method: Method::Incremental,
        full_every: u32::MAX,
        every_micros: every.0,
        at_micros: 0,
        policy: Policy::default(),
        soft_delete_micros: 0,
        grace_micros: 0,
        prune_every_micros: every.0,
        retry_micros: every.0,
        geo_lag: Drawn::Fixed(0),
        provider_declares: None,
        seeding: None,
        offsite: None,
        store_bytes_per_second: speed.0,
        request_micros: 0,
        replica: Some(following),
    })
}

/// Where it is: another place than every instance's, and a link leads there.
fn place(
    reader: &Reader<'_>,
    (said, span): (&Written, &Range<usize>),
    (places, groups): (&Places, &[Group]),
) -> Result<usize> {
    let at = said.place.span_or(&said.to.span_or(span));
    let Some(place) = reader.named(&said.place, PLACE, &places.names)? else {
        let away = |place: &usize| groups.iter().all(|group| group.place != *place);
        let other = (0..places.names.len()).find(away);
        let example = other.map_or("north", |place| places.names[place].as_str());
        return Err(reader.lacks(&at, "where the replica is", &format!("in = \"{example}\"")));
    };
    for group in groups {
        if group.place == place {
            let wrong = format!("a replica of '{}' in its own place", group.name);
            let right =
                "name another region or site: what strikes the one must not strike the other";
            return Err(reader.refuse(&at, wrong, right));
        }
        places.reach(reader, &at, (group.place, place))?;
    }
    Ok(place)
}

/// Where instances are brought back: a replica takes over where it is, and there is one at most.
pub(super) fn takes_over(
    reader: &Reader<'_>,
    (said, span): (&Strategy, &Range<usize>),
    (copies, recover_in): (&[Copy], Option<usize>),
) -> Result<Option<usize>> {
    let mut replicas = copies.iter().filter(|copy| copy.replica.is_some());
    let Some(replica) = replicas.next() else {
        return Ok(recover_in);
    };
    if replicas.next().is_some() {
        let right = "keep one: what takes over is one place";
        return Err(reader.refuse(span, "two replicas in one strategy", right));
    }
    if recover_in.is_some_and(|place| Some(place) != replica.place) {
        let at = said.recover_in.span_or(span);
        let right = "leave `recover-in` out: a replica takes over where it is";
        return Err(reader.refuse(&at, "`recover-in` somewhere else than the replica", right));
    }
    Ok(replica.place)
}
