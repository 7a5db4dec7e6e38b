use engine::backup::{self, Backup, Quiet};
use engine::format::keyslot::{KdfCost, Terms};
use engine::format::point::Method;
use engine::inventory::{History, InstanceHistory};
use engine::retention::{Policy, Semantics};
use engine::seam::{World, open_local};
use engine::source::Source;
use engine::units::Timestamp;
use engine::vault::{Catalog, Vault};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{NamedPolicy, Request, of_history, of_scenario};
use crate::forecast::fit;
use crate::forecast::layout::{self, Kind, Runs};
use crate::forecast::stated::Scenario;

const DAY: u64 = 86_400;
const BLOCK: usize = 4096;
const BLOCKS: usize = 200;
const STATES: u32 = 24;
/// 2026-11-01T20:00:00Z
const FIRST: u64 = 1_793_563_200;

fn request(policies: &[(&str, &str)]) -> Request {
    let named = |(name, policy): &(&str, &str)| NamedPolicy {
        name: (*name).to_owned(),
        policy: toml::from_str::<Policy>(policy).expect("a policy"),
    };
    Request {
        program_version: "0".to_owned(),
        command: "firedrill retention plan".to_owned(),
        subject: "test".to_owned(),
        now: Timestamp {
            seconds: (FIRST + u64::from(STATES) * DAY).cast_signed(),
            nanos: 0,
        },
        years: 1,
        policies: policies.iter().map(named).collect(),
        semantics: vec![Semantics::Firedrill],
        soft_delete_seconds: 14 * DAY,
        free_seconds: 14 * DAY,
        grace_seconds: DAY,
        capacity_bytes: None,
        seed: 1,
        every_seconds: None,
        method: None,
        full_every: None,
    }
}

/// A real vault: a disk of noise of which a known share changes from state to state, mostly in its hot
/// tenth.
fn vault_history(strategy: Method, states: u32) -> History {
    let folder = tempfile::tempdir().expect("a folder");
    let (disk, place) = (folder.path().join("disk.img"), folder.path().join("vault"));
    std::fs::create_dir(&place).expect("a folder");
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut image = vec![0; BLOCKS * BLOCK];
    rng.fill_bytes(&mut image);
    let cheap = KdfCost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let world = World::real(open_local(&place).expect("a store"));
        let vault = Vault::create(world, b"x", cheap, Terms::DEFAULT)
            .await
            .expect("a vault");
        for state in 0..states {
            std::fs::write(&disk, &image).expect("an image");
            let request = Backup {
                sources: vec![Source::detect(&disk).expect("a source")],
                request: backup::Request {
                    method: backup::method_at(strategy, state, 3),
                    instance: "disk".to_owned(),
                },
                block_bytes: BLOCK as u64,
                by: "test".to_owned(),
                program: "test".to_owned(),
                host: None,
                tags: Vec::new(),
            };
            backup::run(&vault, &request, &engine::seam::AsItIs, &Quiet)
                .await
                .expect("a backup");
            // 4 to 8 of 200 blocks change, nine in ten among the first twenty.
            for _ in 0..rng.random_range(4..=8_u32) {
                let hot = rng.random_range(0..10_u32) < 9;
                let block = rng.random_range(0..if hot { 20 } else { BLOCKS as u64 }) as usize;
                rng.fill_bytes(&mut image[block * BLOCK..(block + 1) * BLOCK]);
            }
        }
        let catalog = Catalog::load(&vault).await.expect("a catalog");
        let mut history = History::read(&vault, &catalog).await.expect("a history");
        for (day, point) in (0..).zip(&mut history.instances[0].points) {
            point.captured = Timestamp {
                seconds: (FIRST + day * DAY).cast_signed(),
                nanos: 0,
            };
        }
        history
    })
}

#[test]
fn the_closed_form_is_what_real_vaults_hold_to_the_byte() {
    for strategy in Method::ALL {
        let history = vault_history(strategy, 8);
        let (data, points) = fit::truth(&history.instances[0]);
        let kinds: Vec<Kind> = points.iter().map(|point| point.kind).collect();
        let own = kinds.iter().enumerate();
        let own: Vec<u64> = own
            .map(|(at, kind)| layout::own(&data, *kind, at))
            .collect();
        let all: Vec<usize> = (0..8).collect();
        let kept = layout::kept(&data, &kinds, &own, &all, &mut Runs::default());
        assert_eq!(kept, history.blob_bytes, "{strategy}");
    }
}

#[test]
fn a_real_vault_is_predicted_within_its_tolerance() {
    let history = vault_history(Method::Forever, STATES);
    let policies = [
        ("short", "keep-daily = 4\nkeep-weekly = 2"),
        ("all", "keep-last = \"unlimited\""),
    ];
    let forecast = of_history(&history, &request(&policies)).expect("a forecast");
    let basis = &forecast.basis.instances[0];
    assert_eq!(
        (basis.points, basis.points_fitted, basis.every_seconds),
        (24, 24, DAY)
    );
    assert_eq!((basis.method.as_str(), basis.too_short), ("forever", false));
    assert_eq!(basis.logical_bytes, (BLOCK * BLOCKS) as u64);
    for policy in &forecast.policies {
        let test = policy.back_test.as_ref().expect("long enough");
        assert_eq!((test.points_fitted, test.points_tested), (16, 8));
        assert_eq!(
            test.predicted_points, test.actual_points,
            "points are exact"
        );
        // 8 days of about 6 blocks and a little metadata, beside 200 that are there: 5 % is 12 blocks.
        assert!(test.error_ppm() < 50_000, "{test:?}");
        let first = &policy.months[0];
        assert!(first.low_bytes < first.stored_bytes && first.stored_bytes < first.high_bytes);
        assert!(
            policy
                .months
                .iter()
                .all(|month| month.peak_bytes >= month.stored_bytes)
        );
    }
    // Kept all: a year of about 6 blocks a day, each of them once, and 45 metadata bytes for each.
    let all = forecast.policies[1].months.last().expect("a year");
    assert_eq!(
        all.points,
        24 + 371,
        "24, and each day until the end of November 2027"
    );
    let expected = ((BLOCKS + 395 * 6) * (BLOCK + 28)) as u64;
    let ratio = all.stored_bytes * 100 / expected;
    assert!((90..130).contains(&ratio), "{ratio} % of {expected}");
    let short = forecast.policies[0].months.last().expect("a year");
    assert!(short.points <= 6 && short.kept_bytes < all.kept_bytes / 5);
    let again = of_history(&history, &request(&policies)).expect("a forecast");
    assert_eq!(again, forecast, "the same seed");
}

/// A history of blocks without a vault: from day to day some of them change, most in the hot tenth.
fn block_history(days: u32, blocks: u64, seed: u64) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut born = vec![0_usize; blocks as usize];
    let mut lives: Vec<Vec<(u32, u64)>> = vec![Vec::new(); days as usize];
    for day in 1..days {
        for _ in 0..rng.random_range(blocks / 50..blocks / 25) {
            let hot = rng.random_range(0..10_u32) < 9;
            let block = rng.random_range(0..if hot { blocks / 10 } else { blocks }) as usize;
            if born[block] < day as usize {
                add(&mut lives[born[block]], day - 1);
                born[block] = day as usize;
            }
        }
    }
    for born in born {
        add(&mut lives[born], days - 1);
    }
    let point = |day: u32| engine::inventory::HistoryPoint {
        id: engine::ids::ObjectId([day as u8; 16]),
        captured: Timestamp {
            seconds: (FIRST + u64::from(day) * DAY).cast_signed(),
            nanos: 0,
        },
        method: Method::Forever,
        chain_length: day + 1,
        needs: Vec::new(),
        tags: Vec::new(),
        logical_bytes: blocks * BLOCK as u64,
        deleted_until: None,
    };
    History {
        instances: vec![InstanceHistory {
            instance: "disk".to_owned(),
            points: (0..days).map(point).collect(),
            lives,
        }],
        ..History::default()
    }
}

fn add(lives: &mut Vec<(u32, u64)>, last: u32) {
    match lives.last_mut() {
        Some((known, bytes)) if *known == last => *bytes += BLOCK as u64,
        _ => lives.push((last, BLOCK as u64)),
    }
}

#[test]
fn four_times_as_far_as_was_seen() {
    // A month of history, and what the policy really holds at the end of the following four.
    for seed in 1..4 {
        let whole = block_history(152, 2_000, seed);
        let mut seen = block_history(152, 2_000, seed);
        truncate(&mut seen.instances[0], 31);
        let mut request = request(&[("gfs", "keep-daily = 7\nkeep-weekly = 4\nkeep-monthly = 6")]);
        let at = |day: u64| Timestamp {
            seconds: (FIRST + day * DAY).cast_signed(),
            nanos: 0,
        };
        request.now = at(30);
        request.soft_delete_seconds = 0;
        let forecast = of_history(&seen, &request).expect("a forecast");
        let policy = &request.policies[0].policy;
        let subject = |point: &engine::inventory::HistoryPoint| engine::retention::Subject {
            id: point.id,
            captured: point.captured,
            method: point.method,
            tags: Vec::new(),
            needs: Vec::new(),
            protected: false,
        };
        // 2027-03-31, the last of the months that the history covers.
        let real = &whole.instances[0];
        let until = real.points[..151].iter().map(subject).collect::<Vec<_>>();
        let verdicts = engine::retention::decide(policy, &until, at(150)).expect("verdicts");
        let keep = verdicts.iter().filter(|verdict| verdict.keep);
        let mut kept: Vec<usize> = keep.map(|verdict| verdict.id.0[0].into()).collect();
        kept.sort_unstable();
        let next = |born: usize| kept.iter().find(|point| **point >= born);
        let actual: u64 = (0..151)
            .filter_map(|born| Some(real.alive(born, *next(born)?)))
            .sum();
        let month = &forecast.policies[0].months[3];
        assert_eq!(
            (month.month.as_str(), month.points),
            ("2027-03", kept.len() as u64)
        );
        let error = month.kept_bytes.abs_diff(actual) * 100 / actual;
        assert!(
            error <= 5,
            "seed {seed}: {} of {actual}, {error} %",
            month.kept_bytes
        );
    }
}

#[test]
fn points_deleted_before_are_there_until_their_end() {
    let mut history = block_history(40, 200, 1);
    let now = request(&[]).now.seconds;
    for point in &mut history.instances[0].points[..3] {
        // Ten days on, in the middle of December.
        point.deleted_until = Some(Timestamp {
            seconds: now + 10 * DAY.cast_signed(),
            nanos: 0,
        });
    }
    let forecast = of_history(&history, &request(&[("all", "keep-last = 10000")]));
    let months = &forecast.expect("a forecast").policies[0].months;
    assert_eq!(
        [0, 1].map(|month| months[month].soft_deleted_points),
        [3, 0]
    );
    assert!(months[0].soft_deleted_bytes > 0);
}

#[test]
fn too_little_history_is_admitted() {
    let mut history = vault_history(Method::Forever, STATES);
    truncate(&mut history.instances[0], 8);
    let policies = [("daily", "keep-daily = 7")];
    let forecast = of_history(&history, &request(&policies)).expect("a forecast");
    assert!(forecast.basis.instances[0].too_short);
    assert_eq!(forecast.policies[0].back_test, None);
    truncate(&mut history.instances[0], 1);
    let error = of_history(&history, &request(&policies)).expect_err("one point");
    assert!(error.to_string().contains("--change"), "{error}");
    history.instances.clear();
    assert!(of_history(&history, &request(&policies)).is_err());
}

fn truncate(history: &mut InstanceHistory, points: usize) {
    history.points.truncate(points);
    history.lives.truncate(points);
    for (last, _) in history.lives.iter_mut().flatten() {
        *last = (*last).min(points as u32 - 1);
    }
}

#[test]
fn what_no_machine_holds_does_no_harm() {
    let text = "size = \"16383PiB\"\nchange = \"100%/hour\"\ngrowth = \"18000000000/day\"\n\
                method = \"full\"\nevery = \"10d\"\ninstances = 4294967295\n";
    let scenario = Scenario::parse("test", text).expect("a scenario");
    let request = request(&[("all", "keep-last = \"unlimited\"")]);
    let forecast = of_scenario(&scenario, &request).expect("a forecast");
    let end = forecast.policies[0].months.last().expect("an end");
    assert_eq!((end.stored_bytes, end.instance_bytes.len()), (u64::MAX, 1));
}

#[test]
fn limits_ages_and_conventions_are_told() {
    let text = "size = \"1TiB\"\nchange = \"2%/day\"\nstart = \"2026-01-01\"\ninstances = 3\n";
    let scenario = Scenario::parse("test", text).expect("a scenario");
    let policy = "keep-daily = 7\nkeep-weekly = 4\nkeep-monthly = 12\nkeep-quarterly = 3";
    let mut request = request(&[("gfs", policy)]);
    request.semantics = vec![Semantics::Firedrill, Semantics::Restic];
    request.capacity_bytes = Some(4 << 40);
    request.years = 3;
    let forecast = of_scenario(&scenario, &request).expect("a forecast");
    let [ours, restic] = &forecast.policies[..] else {
        panic!("{} policies", forecast.policies.len());
    };
    assert_eq!(restic.ignored, ["keep-quarterly"]);
    assert_eq!(
        (ours.months[0].month.as_str(), ours.months.len()),
        ("2026-01", 37)
    );
    let end = ours.months.last().expect("an end");
    let reasons: u64 = end.reasons.iter().map(|(_, points)| points).sum();
    assert_eq!(reasons, end.points);
    assert_eq!(end.instance_bytes, [(1 << 40, 3)]);
    assert_eq!(
        ours.ages.iter().map(|age| age.points).sum::<u64>(),
        end.points
    );
    assert!(ours.oldest_seconds > 330 * DAY && ours.oldest_seconds < 400 * DAY);
    let over = ours.limits.capacity_reached_on.as_deref();
    assert!(over.is_some_and(|day| day.starts_with("2026-")), "{over:?}");
    assert_eq!(ours.limits.points_reached_on, None);
    // Each instance is the same: a third of it all is one alone.
    let alone = Scenario {
        instances: None,
        ..scenario
    };
    let alone = of_scenario(&alone, &request).expect("a forecast");
    let bytes = alone.policies[0]
        .months
        .last()
        .map(|month| month.stored_bytes * 3);
    assert_eq!(bytes, Some(end.stored_bytes));
}
