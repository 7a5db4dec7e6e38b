use std::collections::BTreeSet;

use proptest::prelude::*;

use super::profile::File;
use super::{
    Ask, Component, Edition, FILES, Granularity, Hypervisor, Place, Target, Wants, Workload,
    absent, all, find,
};
use crate::scenario::{Redundancy, System};

use Edition::{Current, Of2017};
use Place::{Azure, OnPremises};
use System::{Linux, Windows};
use Workload::{
    Disk, Exchange, Files, Folders, Machine, Oracle, SharePoint, Sql, SystemState, Vm, Volumes,
};

fn of(name: &str, edition: Edition) -> &'static Component {
    find(name, edition).unwrap_or_else(|| panic!("{name} {edition}"))
}

fn ask(workload: Workload, system: System, place: Place, wants: Wants) -> Ask {
    Ask {
        wants,
        ..Ask::new(workload, system, place)
    }
}

fn to(target: Target) -> Wants {
    Wants {
        target: Some(target),
        ..Wants::default()
    }
}

fn fits(name: &str, edition: Edition, ask: &Ask) -> bool {
    of(name, edition).admits(ask).is_empty()
}

fn kept(target: Target, interval_minutes: u64) -> Wants {
    Wants {
        target: Some(target),
        interval_minutes: Some(interval_minutes),
        ..Wants::default()
    }
}

fn names(edition: Edition, ask: &Ask) -> Vec<&'static str> {
    let any = all(edition).next().expect("a component");
    any.who_could(ask)
        .iter()
        .map(|component| component.name.as_str())
        .collect()
}

/// The one refusal that there is, as a person reads it.
fn refusal(name: &str, edition: Edition, ask: &Ask) -> String {
    let refusals = of(name, edition).admits(ask);
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    refusals[0].to_string()
}

#[test]
fn the_overview_s_tables_of_what_is_protected_hold() {
    let backup = ["mars", "dpm", "mabs"];
    let servers = ["dpm", "mabs"];
    // "Which Azure Backup components should I use?", "Which applications and workloads can be backed up?" and
    // "Linux support": every row, and what stands in none of them.
    let rows: [(Workload, System, Place, &[&str]); 22] = [
        (Files, Windows, OnPremises, &backup),
        (Files, Windows, Azure, &backup),
        (Folders, Windows, OnPremises, &backup),
        (Folders, Windows, Azure, &backup),
        (Volumes, Windows, OnPremises, &servers),
        (Sql, Windows, OnPremises, &servers),
        (Sql, Windows, Azure, &servers),
        (SharePoint, Windows, OnPremises, &servers),
        (SharePoint, Windows, Azure, &servers),
        (Exchange, Windows, OnPremises, &servers),
        (Exchange, Windows, Azure, &servers),
        (Vm, Windows, OnPremises, &["dpm", "mabs", "site-recovery"]),
        (Vm, Linux, OnPremises, &["dpm", "mabs", "site-recovery"]),
        (Vm, Windows, Azure, &["azure-vm-standard", "site-recovery"]),
        (Vm, Linux, Azure, &["azure-vm-standard", "site-recovery"]),
        (Disk, Windows, Azure, &["azure-vm-standard"]),
        (
            Machine,
            Linux,
            OnPremises,
            &["dpm", "mabs", "site-recovery"],
        ),
        (Oracle, Windows, OnPremises, &[]),
        (Oracle, Linux, Azure, &[]),
        (Files, Linux, OnPremises, &[]),
        (Sql, Linux, OnPremises, &[]),
        (SystemState, Windows, OnPremises, &[]),
    ];
    for (workload, system, place, expected) in rows {
        let asked = Ask::new(workload, system, place);
        assert_eq!(
            names(Of2017, &asked),
            expected,
            "{workload} {system:?} {place}"
        );
    }
    // Virtual machines by what they run on; a physical machine is replicated only.
    for (on, expected) in [
        (Hypervisor::HyperV, &["dpm", "mabs", "site-recovery"][..]),
        (Hypervisor::Vmware, &["dpm", "mabs", "site-recovery"]),
        (Hypervisor::Physical, &["site-recovery"]),
    ] {
        for system in [Windows, Linux] {
            let mut asked = Ask::new(Machine, system, OnPremises);
            asked.hypervisor = Some(on);
            assert_eq!(names(Of2017, &asked), expected, "{on} {system:?}");
        }
    }
}

#[test]
fn the_overview_s_tables_of_features_hold() {
    // Name and a workload of it; vault, disk and tape; minutes to vault and to disk; compression.
    let rows = [
        ("mars", Files, [true, false, false], 480, None, true),
        ("dpm", Files, [true, true, true], 720, Some(60), true),
        ("dpm", Sql, [true, true, true], 720, Some(15), true),
        ("mabs", Files, [true, true, false], 720, Some(60), true),
        ("mabs", Sql, [true, true, false], 720, Some(15), true),
        (
            "azure-vm-standard",
            Vm,
            [true, false, false],
            1440,
            None,
            false,
        ),
    ];
    for (name, workload, targets, vault, disk, compression) in rows {
        let place = if workload == Vm { Azure } else { OnPremises };
        let fits = |wants: Wants| fits(name, Of2017, &ask(workload, Windows, place, wants));
        for (target, kept) in [Target::Vault, Target::Disk, Target::Tape]
            .into_iter()
            .zip(targets)
        {
            assert_eq!(fits(to(target)), kept, "{name} {target}");
        }
        for (target, minutes) in [(Target::Vault, Some(vault)), (Target::Disk, disk)] {
            let Some(minutes) = minutes else { continue };
            assert!(fits(kept(target, minutes)), "{name} {target} {minutes}");
            assert!(
                !fits(kept(target, minutes - 1)),
                "{name} {target} {minutes}"
            );
        }
        let profile = &of(name, Of2017).abilities.target[&Target::Vault];
        for fact in [&profile.compression, &profile.wire_compression] {
            assert_eq!(
                fact.as_ref().map(|fact| fact.value),
                Some(compression),
                "{name}"
            );
        }
    }
    let tape = ask(Files, Windows, Azure, to(Target::Tape));
    let say = refusal("dpm", Of2017, &tape);
    assert!(
        say.starts_with("keeps points on tape only on-premises (Overview of"),
        "{say}"
    );
}

#[test]
fn vaults_of_2017_are_lrs_or_grs_and_stay_in_their_region() {
    for (name, workload, place) in [
        ("mars", Files, OnPremises),
        ("dpm", Sql, OnPremises),
        ("mabs", Sql, Azure),
        ("azure-vm-standard", Vm, Azure),
    ] {
        let fits = |wants: Wants| fits(name, Of2017, &ask(workload, Windows, place, wants));
        for (redundancy, offered) in [
            (Redundancy::Lrs, true),
            (Redundancy::Grs, true),
            (Redundancy::Zrs, false),
            (Redundancy::RaGrs, false),
        ] {
            let wants = Wants {
                redundancy: Some(redundancy),
                ..to(Target::Vault)
            };
            assert_eq!(fits(wants), offered, "{name} {redundancy:?}");
        }
        let crossing = Wants {
            cross_region_restore: true,
            ..to(Target::Vault)
        };
        assert!(!fits(crossing), "{name}");
    }
}

#[test]
fn points_are_limited_as_documented() {
    let points = |name: &str, workload, place, target, points| {
        let wants = Wants {
            target: Some(target),
            points: Some(points),
            ..Wants::default()
        };
        of(name, Of2017)
            .admits(&ask(workload, Windows, place, wants))
            .is_empty()
    };
    for (name, workload, target, most) in [
        ("mars", Files, Target::Vault, 9_999),
        ("dpm", Files, Target::Disk, 64),
        ("mabs", Volumes, Target::Disk, 64),
        ("dpm", Sql, Target::Disk, 448),
        ("mabs", Exchange, Target::Disk, 448),
        ("mabs", SharePoint, Target::Disk, 448),
    ] {
        assert!(
            points(name, workload, OnPremises, target, most),
            "{name} {workload}"
        );
        assert!(
            !points(name, workload, OnPremises, target, most + 1),
            "{name} {workload}"
        );
    }
    assert!(
        points("dpm", Sql, OnPremises, Target::Tape, 1_000_000),
        "tape holds any number"
    );
    // A point a day lasts 27 years, one in 30 days 833 of 360 days: the overview's own examples.
    let lasting = |every_days: u64, days: u64| {
        let wants = Wants {
            retention_days: Some(days),
            ..kept(Target::Vault, every_days * 1440)
        };
        ask(Vm, Windows, Azure, wants)
    };
    let standard = of("azure-vm-standard", Of2017);
    assert!(standard.admits(&lasting(1, 27 * 365)).is_empty());
    assert!(standard.admits(&lasting(30, 833 * 12 * 30)).is_empty());
    let say = refusal("azure-vm-standard", Of2017, &lasting(1, 28 * 365));
    assert!(
        say.contains("at most 9999 points") && say.contains("asked: 10220, if none is thinned"),
        "{say}"
    );
}

#[test]
fn editions_differ_as_the_documents_do() {
    let system_state = Ask::new(SystemState, Windows, OnPremises);
    assert_eq!(names(Current, &system_state), ["mars", "dpm", "mabs"]);
    let often = ask(SystemState, Windows, OnPremises, kept(Target::Vault, 480));
    assert!(
        refusal("mars", Current, &often).contains("no oftener than every 1d (asked: every 8h)")
    );
    // Single files of a Windows machine in Azure: the overview says disk level only.
    let file = Wants {
        granularity: Some(Granularity::File),
        ..Wants::default()
    };
    let file = ask(Vm, Windows, Azure, file);
    assert!(
        refusal("azure-vm-standard", Of2017, &file)
            .contains("only disks and whole machines; the overview says")
    );
    assert!(of("azure-vm-standard", Current).admits(&file).is_empty());
    let linux = Ask {
        system: Linux,
        ..file
    };
    assert!(of("azure-vm-standard", Of2017).admits(&linux).is_empty());
    let lacking = |edition| {
        absent(edition)
            .map(|absence| absence.name.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        lacking(Of2017),
        ["azure-vm-enhanced", "managed-disk-snapshot"]
    );
    assert!(lacking(Current).is_empty());
    assert_eq!(all(Current).count(), FILES.len());
    for edition in Edition::ALL {
        assert_eq!(edition.to_string().parse(), Ok(*edition));
        assert!(find("tape-robot", *edition).is_none());
    }
}

#[test]
fn deleted_points_come_back_for_as_long_as_documents_say() {
    for (days, refusals) in [(0, 1), (3, 1), (14, 0), (180, 0), (181, 1)] {
        let wants = Wants {
            soft_delete_days: Some(days),
            ..kept(Target::Vault, 1440)
        };
        let standard = of("azure-vm-standard", Current);
        let refused = standard.admits(&ask(Vm, Linux, Azure, wants));
        assert_eq!(refused.len(), refusals, "{days}: {refused:?}");
    }
}

#[test]
fn snapshots_stay_as_long_as_their_frequency_lets_them() {
    for (minutes, days) in [(240, 17), (360, 22), (480, 22), (720, 30), (1440, 30)] {
        let asked = |retention_days: u64, component: &Component| {
            let wants = Wants {
                retention_days: Some(retention_days),
                ..kept(Target::Snapshot, minutes)
            };
            component.admits(&ask(Vm, Linux, Azure, wants)).len()
        };
        let enhanced = of("azure-vm-enhanced", Current);
        assert_eq!(
            (asked(days, enhanced), asked(days + 1, enhanced)),
            (0, 1),
            "{minutes}"
        );
    }
    let hours = |hours: u64, or_oftener| {
        let wants = Wants {
            or_oftener,
            ..kept(Target::Snapshot, hours * 60)
        };
        ask(Vm, Linux, Azure, wants)
    };
    assert!(
        refusal("azure-vm-enhanced", Current, &hours(5, false))
            .contains("only every 4h, 6h, 8h, 12h and 1d")
    );
    let enhanced = of("azure-vm-enhanced", Current);
    assert!(enhanced.admits(&hours(5, true)).is_empty());
    assert_eq!(enhanced.interval_minutes(&hours(5, true)), Some(240));
    assert_eq!(names(Current, &hours(5, true)), ["azure-vm-enhanced"]);
    let more = Wants {
        points: Some(451),
        target: Some(Target::Snapshot),
        ..Wants::default()
    };
    assert!(
        refusal(
            "managed-disk-snapshot",
            Current,
            &ask(Disk, Linux, Azure, more)
        )
        .contains("at most 450 points")
    );
}

#[test]
fn each_wish_has_its_refusal() {
    let some = Wants::default;
    let wishes = [
        (
            Wants {
                application_consistent: true,
                ..some()
            },
            "file-consistent at best",
        ),
        (
            Wants {
                source_bytes: Some(60_000_000_000_000),
                ..some()
            },
            "at most 54.4 TB (asked: 60 TB)",
        ),
        (
            Wants {
                granularity: Some(Granularity::Machine),
                ..some()
            },
            "does not restore whole machines",
        ),
        (
            Wants {
                retention_days: Some(1),
                ..some()
            },
            "7 days at least (asked: 1)",
        ),
        (
            Wants {
                retention_days: Some(40_000),
                ..some()
            },
            "36135 days at most",
        ),
        (
            Wants {
                redundancy: Some(Redundancy::Gzrs),
                ..some()
            },
            "by lrs, zrs, grs and ra-grs, not by gzrs",
        ),
        (
            Wants {
                redundancy: Some(Redundancy::Lrs),
                cross_region_restore: true,
                ..some()
            },
            "only with grs or ra-grs",
        ),
    ];
    for (wants, says) in wishes {
        let say = refusal("mars", Current, &ask(Files, Windows, OnPremises, wants));
        assert!(say.contains(says), "no {says:?} in {say}");
    }
}

#[test]
fn a_replica_has_limits_of_its_own() {
    let some = Wants::default;
    let replica = [
        (
            Wants {
                application_consistent: true,
                ..kept(Target::Replica, 5)
            },
            "no oftener than every 1h",
        ),
        (
            Wants {
                retention_days: Some(30),
                ..some()
            },
            "15 days at most",
        ),
        (
            Wants {
                offline_seed: true,
                ..some()
            },
            "by post",
        ),
    ];
    for (wants, says) in replica {
        let say = refusal("site-recovery", Current, &ask(Vm, Linux, Azure, wants));
        assert!(say.contains(says), "no {says:?} in {say}");
    }
}

#[test]
fn no_number_is_too_small_or_too_large() {
    for number in [0, 1, u64::MAX] {
        let wants = Wants {
            interval_minutes: Some(number),
            retention_days: Some(number),
            source_bytes: Some(number),
            ..Wants::default()
        };
        for component in Edition::ALL.iter().flat_map(|edition| all(*edition)) {
            for workload in Workload::ALL {
                let asked = ask(*workload, Windows, Azure, wants.clone());
                let said = component.admits(&asked);
                assert!(said.iter().all(|refusal| !refusal.reason.is_empty()));
            }
        }
    }
}

#[test]
fn each_side_of_the_question_is_answered() {
    let many = of("mars", Of2017).admits(&Ask::new(Vm, Linux, OnPremises));
    let say: Vec<_> = many.iter().map(|refusal| refusal.reason.as_str()).collect();
    assert_eq!(
        say,
        [
            "does not protect virtual machines: only files and folders",
            "works on-premises only for Windows"
        ]
    );
}

#[test]
fn who_could_names_those_of_the_edition() {
    let seeded = Wants {
        offline_seed: true,
        ..Wants::default()
    };
    let state = ask(SystemState, Windows, OnPremises, seeded.clone());
    assert!(refusal("mars", Current, &state).contains("first copy of system state by post"));
    let files = ask(Files, Windows, OnPremises, seeded);
    assert_eq!(names(Current, &files), ["mars", "dpm", "mabs"]);
    let crossing = Wants {
        cross_region_restore: true,
        ..Wants::default()
    };
    assert_eq!(
        names(Current, &ask(Files, Windows, Azure, crossing.clone())),
        ["mars"]
    );
    assert_eq!(
        names(Of2017, &ask(Files, Windows, Azure, crossing)),
        [""; 0]
    );
}

#[test]
fn wrong_files_are_refused_with_the_place() {
    let (_, good) = FILES[0];
    let check = |from: &str, to: &str, parts: &[&str]| {
        assert!(good.contains(from), "{from}");
        let error = File::parse("mars", &good.replacen(from, to, 1)).expect_err("a wrong file");
        let error = error.to_string();
        for part in parts
            .iter()
            .chain(&["component mars", "scenarios/components/README.md"])
        {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    };
    check("keeps =", "kept =", &["line 3", "`kept`", "`keeps`"]);
    check("points-max", "points-most", &["`points-most`"]);
    check(
        "\"files\", \"folders\"",
        "\"files\", \"dreams\"",
        &["dreams", "`oracle`"],
    );
    check(
        "{ other = \"8h\" }",
        "{ other = \"8 apples\" }",
        &["'8 apples' is not a time"],
    );
    check(
        "{ other = \"8h\" }",
        "{ others = \"8h\" }",
        &["'others' is no workload"],
    );
    check(
        "status = \"verified\"",
        "status = \"sure\"",
        &["sure", "`derived`"],
    );
    check(
        "source = \"overview-2017\", status = \"verified\" }",
        "source = \"hearsay\", status = \"verified\" }",
        &["edition.2017", "unknown source 'hearsay'"],
    );
    check(
        "[source.matrix]",
        "[source.rumour]\ntitle = \"x\"\nwhere = \"y\"\ndate = \"z\"\n\n[source.matrix]",
        &["[source.rumour] is used by no value"],
    );
    check(
        "value = [\"vault\"]",
        "value = [\"vault\", \"tape\"]",
        &["edition.2017", "target.NAME"],
    );
    check(
        "compression = { value = true, source = \"overview-2017\", status = \"verified\" }\nwire",
        "wire",
        &["target.vault: a vault needs compression"],
    );
    let title = "title = \"Azure Backup (MARS) agent\"";
    let both = format!(
        "{title}\nabsent.2017 = {{ value = \"x\", source = \"matrix\", status = \"verified\" }}"
    );
    check(title, &both, &["either [edition.2017] or absent.2017"]);
}

#[test]
fn every_key_and_file_is_in_the_reference() {
    let reference = include_str!("../../../scenarios/components/README.md");
    let lacks = |word: &str| !reference.contains(&format!("`{word}`"));
    let mut keys = BTreeSet::new();
    for (name, text) in FILES {
        assert!(!lacks(&format!("{name}.toml")), "{name}");
        collect(&toml::from_str(text).expect("TOML"), &mut keys);
    }
    let names = [
        "edition", "absent", "target", "protects", "2017", "current", "other",
    ];
    keys.retain(|key| !names.contains(&key.as_str()) && lacks(key));
    assert!(
        keys.is_empty(),
        "not in scenarios/components/README.md: {keys:?}"
    );
}

/// Keys of a table and of those in it, but for the names of sources.
fn collect(table: &toml::Table, keys: &mut BTreeSet<String>) {
    for (key, value) in table {
        keys.insert(key.clone());
        match value {
            toml::Value::Table(sources) if key == "source" => {
                let documents = sources.values().filter_map(toml::Value::as_table);
                documents.for_each(|document| collect(document, keys));
            }
            toml::Value::Table(table) => collect(table, keys),
            toml::Value::Array(list) => {
                let tables = list.iter().filter_map(toml::Value::as_table);
                tables.for_each(|table| collect(table, keys));
            }
            _ => {}
        }
    }
}

#[test]
fn a_scenario_s_words_are_a_component_s() {
    use crate::scenario::{PlaceKind, To, Workload as Of};
    let workloads = [
        (Of::Files, Files),
        (Of::Vm, Vm),
        (Of::Sql, Sql),
        (Of::Exchange, Exchange),
        (Of::SharePoint, SharePoint),
        (Of::Oracle, Oracle),
        (Of::Disk, Disk),
    ];
    for (scenario, component) in workloads {
        assert_eq!(Workload::from(scenario), component);
    }
    assert_eq!(Place::from(PlaceKind::Region), Azure);
    assert_eq!(Place::from(PlaceKind::OnPremises), OnPremises);
    for (to, target) in [
        (To::Vault, Target::Vault),
        (To::Snapshot, Target::Snapshot),
        (To::Disk, Target::Disk),
        (To::Tape, Target::Tape),
    ] {
        assert_eq!(Target::from(to), target);
    }
}

/// Wishes, each there or not.
fn wishes() -> impl Strategy<Value = Ask> {
    let of = |words: &'static [Workload]| prop::sample::select(words);
    let place = prop::sample::select(Place::ALL);
    let what = (
        of(Workload::ALL),
        prop::bool::ANY,
        place,
        prop::option::of(prop::sample::select(Hypervisor::ALL)),
    );
    let times = (
        prop::option::of(prop::sample::select(Target::ALL)),
        prop::option::of(prop::sample::select(vec![
            5, 15, 60, 100, 240, 480, 720, 1440, 10_080,
        ])),
        prop::bool::ANY,
        prop::option::of(prop::sample::select(vec![1, 64, 65, 448, 9_999, 10_000])),
        prop::option::of(prop::sample::select(vec![1, 5, 7, 15, 22, 30, 365, 9_999])),
    );
    let rest = (
        prop::option::of(prop::sample::select(vec![
            1,
            40_000_000_000_000,
            100_000_000_000_000,
        ])),
        prop::option::of(prop::sample::select(vec![
            Redundancy::Lrs,
            Redundancy::Zrs,
            Redundancy::Grs,
        ])),
        prop::option::of(prop::sample::select(Granularity::ALL)),
        prop::array::uniform3(prop::bool::weighted(0.2)),
    );
    (what, times, rest).prop_map(|(what, times, rest)| {
        let wants = Wants {
            target: times.0,
            interval_minutes: times.1,
            or_oftener: times.2,
            points: times.3,
            retention_days: times.4,
            soft_delete_days: rest.3[0].then_some(3),
            source_bytes: rest.0,
            redundancy: rest.1,
            granularity: rest.2,
            application_consistent: rest.3[0],
            offline_seed: rest.3[1],
            cross_region_restore: rest.3[2],
        };
        let system = if what.1 { Linux } else { Windows };
        Ask {
            hypervisor: what.3,
            ..ask(what.0, system, what.2, wants)
        }
    })
}

proptest! {
    /// Who can do all can do less, and where it fits there are grounds for it.
    #[test]
    fn asking_less_is_never_refused(asked in wishes(), dropped in 0_usize..10) {
        let mut less = asked.clone();
        match dropped {
            0 => less.wants.target = None,
            1 => less.wants.interval_minutes = None,
            2 => less.wants.points = Some(1),
            3 => less.wants.source_bytes = None,
            4 => less.wants.redundancy = None,
            5 => less.wants.granularity = None,
            6 => less.wants.application_consistent = false,
            7 => less.wants.offline_seed = false,
            8 => less.wants.cross_region_restore = false,
            _ => less.wants.or_oftener = true,
        }
        for edition in Edition::ALL {
            for component in all(*edition).filter(|component| component.admits(&asked).is_empty()) {
                prop_assert!(component.admits(&less).is_empty(), "{}: {asked:?}", component.name);
                prop_assert!(!component.grounds(&asked).is_empty());
                let taken = component.interval_minutes(&asked);
                prop_assert!(taken <= asked.wants.interval_minutes, "at least as often as asked");
            }
        }
    }
}

#[test]
fn churn_limits_are_those_of_the_documents() {
    let churn = &of("site-recovery", Current).abilities.churn;
    let machines: Vec<u64> = churn
        .iter()
        .map(|plan| plan.machine.value.0 / 1_000_000)
        .collect();
    assert_eq!(machines, [54, 100, 500]);
    let limit = |plan: usize, disk: usize, write: u64| {
        churn[plan].disk[disk].limit(write).speed.0 / 1_000_000
    };
    let sizes = [512, 8_192, 16_384, 24_576, 65_536];
    for (plan, disk, expected) in [
        (0, 0, [2, 2, 2, 2, 2]),
        (0, 1, [2, 2, 4, 4, 8]),
        (0, 2, [5, 5, 20, 20, 20]),
        (1, 0, [2, 2, 4, 6, 8]),
        (1, 1, [10, 10, 20, 30, 30]),
        (1, 2, [20, 20, 35, 50, 50]),
        (2, 0, [250; 5]),
    ] {
        assert_eq!(
            sizes.map(|size| limit(plan, disk, size)),
            expected,
            "{plan} {disk}"
        );
    }
    let text = FILES.iter().find(|(name, _)| *name == "site-recovery");
    let text = text.expect("a file").1;
    for (from, to, says) in [
        (
            "{ write = \"16KB\", speed = \"20MB/s\" }",
            "{ write = \"4KB\", speed = \"20MB/s\" }",
            "by rising size of writes",
        ),
        ("\"54MB/s\"", "\"fast\"", "not a speed"),
        (
            "source = \"high-churn\"",
            "source = \"rumour\"",
            "unknown source 'rumour'",
        ),
    ] {
        let error = File::parse("site-recovery", &text.replace(from, to)).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    }
}
