//! How a site's record changes: pure transitions, one name each, so that the process of a site and a simulated one
//! go the same way. Each is kept by [`super::site::Site::change`] before anything follows from it.

use crate::error::{Error, ErrorKind, Result};
use crate::format::member::{FailedOver, Member, Role, VERSION};
use crate::ids::ObjectId;
use crate::units::Timestamp;

/// A record as it begins.
pub fn begin(group: ObjectId, role: Role) -> Member {
    Member {
        version: VERSION,
        group,
        disks: Vec::new(),
        role,
        generation: u64::from(role == Role::Active),
        folded: 0,
        folded_at: Timestamp::default(),
        confirmed: 0,
        confirmed_at: None,
        folding: None,
        failed_over: None,
        running: None,
        fenced_at: None,
        handed_over: false,
        waits: false,
        claimed: 0,
        sends_to: None,
    }
}

/// Whether everything at the other site may differ from an active one that starts now, after `boot`: they never
/// met, the machine went down while it ran, or the process of a site that took over did.
pub fn is_suspect(member: &Member, boot: &str) -> bool {
    // What a site that took over wrote above its disks and did not flush goes with the process.
    let unclean = |running: &String| running != boot || member.failed_over.is_some();
    member.confirmed == 0 || member.running.as_ref().is_some_and(unclean)
}

/// The disks are written from now on, by a machine that was started as `boot`.
pub fn run(member: &mut Member, boot: String) {
    member.running = Some(boot);
}

/// The other site has everything up to a batch, which is as of `captured`.
pub fn confirm(member: &mut Member, batch: u64, captured: Option<Timestamp>) {
    if batch > member.confirmed {
        member.confirmed = batch;
    }
    if captured.is_some() {
        member.confirmed_at = captured;
    }
}

/// The disks are not written any more, and have what was acknowledged.
pub fn rest(member: &mut Member) {
    member.running = None;
}

/// Another site is active in a newer generation: this one no longer is.
pub fn fence(member: &mut Member, now: Timestamp) {
    if member.role == Role::Active {
        (member.role, member.fenced_at) = (Role::Fenced, Some(now));
    }
}

/// The other site has everything up to `batch` and is about to be told to take over: kept before it is told, so
/// that two are never written.
pub fn hand_over(member: &mut Member, batch: u64, now: Timestamp) {
    (member.role, member.handed_over) = (Role::Fenced, true);
    (member.fenced_at, member.confirmed) = (Some(now), batch);
    member.running = None;
}

/// The witness knows this site's generation from now on; there is none where it is 0.
pub fn claimed(member: &mut Member, generation: u64) {
    member.claimed = generation;
}

/// Whoever was written before is so no longer.
pub fn waited(member: &mut Member) {
    member.waits = false;
}

/// A site became active: where a witness was told so first, it knows the generation.
fn told(member: &mut Member, witnessed: bool) {
    member.waits = witnessed;
    member.claimed = if witnessed { member.generation } else { 0 };
}

/// A replica takes over, or one that did and has not committed takes another point. Where it was `witnessed` it waits
/// until the other site is no longer written.
///
/// # Errors
/// `Conflict` where this site is not a replica, or has committed.
pub fn take_over(member: &mut Member, failed_over: FailedOver, witnessed: bool) -> Result<()> {
    match (member.role, member.failed_over) {
        (Role::Active, Some(before)) if !before.committed => {
            member.failed_over = Some(failed_over);
            Ok(())
        }
        (Role::Replica, _) => {
            member.role = Role::Active;
            member.generation += 1;
            member.failed_over = Some(failed_over);
            told(member, witnessed);
            Ok(())
        }
        (Role::Active, _) => Err(conflict(
            "this site is active already, and committed to its point",
        )),
        (Role::Fenced, _) => Err(conflict(
            "this site was the source and the other one has taken over: fail back from there",
        )),
    }
}

/// Every other point is given up.
///
/// # Errors
/// `Conflict` where nothing was failed over.
pub fn commit(member: &mut Member) -> Result<FailedOver> {
    let failed_over = member.failed_over.as_mut();
    let failed_over = failed_over.filter(|_| member.role == Role::Active);
    let failed_over = failed_over
        .ok_or_else(|| conflict("nothing was failed over here: there is nothing to commit"))?;
    failed_over.committed = true;
    Ok(*failed_over)
}

/// Whether an active site may be protected to another one.
///
/// # Errors
/// `Conflict` before it has committed to its point.
pub fn reprotect(member: &Member) -> Result<()> {
    if member.failed_over.is_some_and(|over| !over.committed) {
        return Err(conflict(
            "commit to the point first (`firedrill commit`): after that no other can be chosen",
        ));
    }
    Ok(())
}

/// A site that was active may follow the other one, which gives up what only this one has.
///
/// # Errors
/// `Conflict` where something is only here and `discard_unsent` is not asked for.
pub fn may_follow(member: &Member, discard_unsent: bool) -> Result<()> {
    if member.role == Role::Fenced && !member.handed_over && !discard_unsent {
        return Err(conflict(
            "this site was written until the other one took over, and what that had not received is only here: copy \
             the disks away if it may be needed, then pass --discard-unsent; what differs is overwritten",
        ));
    }
    Ok(())
}

/// A site that another one took over from is active again, with its disks as they were then: for when the other is
/// gone for good. Its generation passes the other's, so that this one is fenced should it come back.
///
/// # Errors
/// `Conflict` where no other site has taken over from this one.
pub fn take_back(member: &mut Member, witnessed: bool) -> Result<()> {
    if member.role != Role::Fenced {
        return Err(conflict(
            "no other site has taken over from this one: there is nothing to take back",
        ));
    }
    member.role = Role::Active;
    // The other one's is one more than this site's was.
    member.generation += 2;
    (member.confirmed, member.confirmed_at) = (0, None);
    (member.fenced_at, member.handed_over) = (None, false);
    told(member, witnessed);
    Ok(())
}

/// A replica's disks begin to take up a batch: until they have it they are no point.
pub fn fold(member: &mut Member) {
    member.folding = Some(true);
}

/// A replica's disks have everything up to a batch.
pub fn folded(member: &mut Member, batch: u64, captured: Timestamp) {
    (member.folded, member.folded_at, member.folding) = (batch, captured, None);
}

/// A site that was active follows the other one, once what it kept of its own time is gone.
pub fn follow(member: &mut Member) {
    member.role = Role::Replica;
    (member.folded, member.folding) = (0, None);
    (member.confirmed, member.confirmed_at) = (0, None);
    (member.failed_over, member.fenced_at, member.handed_over) = (None, None, false);
    (member.running, member.waits, member.sends_to) = (None, false, None);
}

fn conflict(what: &str) -> Error {
    Error::new(ErrorKind::Conflict, what)
}

#[cfg(test)]
mod tests {
    use super::{
        begin, commit, fence, follow, hand_over, is_suspect, may_follow, reprotect, run, take_back,
        take_over,
    };
    use crate::format::member::{FailedOver, Role};
    use crate::ids::ObjectId;
    use crate::units::Timestamp;

    const THEN: Timestamp = Timestamp {
        seconds: 7,
        nanos: 0,
    };

    fn over(planned: bool) -> FailedOver {
        FailedOver {
            batch: 9,
            skew_micros: 0,
            captured: THEN,
            at: THEN,
            committed: planned,
            planned,
        }
    }

    #[test]
    fn a_site_goes_there_and_back() {
        let mut member = begin(ObjectId([1; 16]), Role::Replica);
        commit(&mut member).unwrap_err();
        take_over(&mut member, over(false), false).unwrap();
        take_over(&mut member, over(false), false).unwrap();
        assert_eq!((member.role, member.generation), (Role::Active, 1));
        reprotect(&member).unwrap_err();
        commit(&mut member).unwrap();
        take_over(&mut member, over(false), false).unwrap_err();
        reprotect(&member).unwrap();
        fence(&mut member, THEN);
        take_over(&mut member, over(false), false).unwrap_err();
        may_follow(&member, false).unwrap_err();
        may_follow(&member, true).unwrap();
        follow(&mut member);
        assert_eq!((member.role, member.failed_over), (Role::Replica, None));
        take_over(&mut member, over(true), false).unwrap();
        assert_eq!(member.generation, 2);
        hand_over(&mut member, 12, THEN);
        may_follow(&member, false).unwrap();
        fence(&mut member, Timestamp::default());
        assert_eq!(member.fenced_at, Some(THEN));
    }

    #[test]
    fn what_was_given_away_is_taken_back_past_whoever_took_it() {
        let mut here = begin(ObjectId([1; 16]), Role::Active);
        let mut there = begin(ObjectId([1; 16]), Role::Replica);
        there.generation = here.generation;
        take_back(&mut here, false).unwrap_err();
        hand_over(&mut here, 12, THEN);
        take_over(&mut there, over(true), false).unwrap();
        take_back(&mut here, false).unwrap();
        assert!(here.generation > there.generation && is_suspect(&here, "a"));
        assert_eq!((here.role, here.handed_over), (Role::Active, false));
    }

    #[test]
    fn what_ran_when_the_machine_went_down_is_suspect() {
        let mut member = begin(ObjectId([1; 16]), Role::Active);
        assert!(is_suspect(&member, "a"));
        member.confirmed = 3;
        assert!(!is_suspect(&member, "a"));
        run(&mut member, "a".to_owned());
        assert!(!is_suspect(&member, "a") && is_suspect(&member, "b"));
    }
}
