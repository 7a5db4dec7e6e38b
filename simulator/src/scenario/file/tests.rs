use engine::format::point::Method;
use proptest::prelude::{ProptestConfig, Strategy, prop_assert, proptest};

use crate::scenario::{
    Changes, DAY, Drawn, FaultKind, HOUR, MINUTE, Redundancy, SHIPPED, Scenario, To, When, YEAR,
};

/// Two paired regions, a site, a group in each, a strategy with two copies and a fault.
const WHOLE: &str = r#"
question = "What if?"
[[region]]
name = "west"
pair = "north"
[[region]]
name = "north"
pair = "west"
[[site]]
name = "office"
[[link]]
from = "office"
to = "west"
speed = "100Mbit/s"
[[instance]]
name = "web"
count = 3
in = "office"
size = "200GB"
[[strategy]]
name = "cloud"
[[strategy.copy]]
to = "vault"
in = "west"
redundancy = "grs"
[[strategy.copy]]
to = "tape"
[strategy.copy.offsite]
every = "1w"
[[fault]]
kind = "region-outage"
every = "once in 5 years"
"#;

fn read(text: &str) -> Scenario {
    Scenario::parse("folder/mine.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

/// `WHOLE` with one part replaced.
fn with(part: &str, by: &str) -> String {
    assert_eq!(WHOLE.matches(part).count(), 1, "{part:?} is there once");
    WHOLE.replace(part, by)
}

#[test]
fn what_is_written_is_what_is_meant() {
    let scenario = read(WHOLE);
    assert_eq!(scenario.name, "mine");
    assert_eq!(scenario.horizon_micros, YEAR);
    assert_eq!(scenario.start_seconds, 1_767_225_600);
    assert_eq!(scenario.places.len(), 3);
    assert_eq!(
        (scenario.places[0].pair, scenario.places[2].zones),
        (Some(1), 1)
    );
    // The stated one, and between the regions.
    assert_eq!(scenario.links.len(), 2);
    assert_eq!(scenario.links[0].bytes_per_second, 12_500_000);
    let group = &scenario.groups[0];
    assert_eq!(group.names(), ["web-001", "web-002", "web-003"]);
    assert_eq!(
        (group.bytes, group.blocks, group.scale()),
        (200_000_000_000, 256, 47_683)
    );
    assert!(matches!(
        group.changes,
        Changes::Stated {
            ppm_per_day: 30_000,
            ..
        }
    ));
    let [cloud] = &scenario.strategies[..] else {
        panic!("one strategy")
    };
    let [vault, tape] = &cloud.copies[..] else {
        panic!("two copies")
    };
    assert_eq!(
        (vault.to, vault.place, vault.redundancy),
        (To::Vault, Some(0), Redundancy::Grs)
    );
    assert_eq!((vault.every_micros, vault.at_micros), (DAY, HOUR));
    // A vault of one's own is failed over by its owner.
    assert_eq!(vault.provider_declares, None);
    assert_eq!(vault.geo_lag, Drawn::Uniform(0, 15 * MINUTE));
    assert_eq!(
        (tape.method, tape.redundancy),
        (Method::Incremental, Redundancy::Single)
    );
    assert_eq!(
        tape.offsite.as_ref().map(|courier| courier.every_micros),
        Some(7 * DAY)
    );
    let fault = &scenario.faults[0];
    assert_eq!(
        (fault.kind, fault.when),
        (FaultKind::RegionOutage, When::Every(5 * YEAR))
    );
    assert_eq!(fault.share_ppm, 20_000);
    assert!(matches!(
        fault.lasts,
        Drawn::Lognormal {
            sigma_milli: 1054,
            ..
        }
    ));
    let assumed = |what: &str| scenario.assumed.iter().any(|it| it.what == what);
    assert!(assumed("an outage's length") && assumed("change") && !assumed("soft delete of"));
}

#[test]
fn a_vault_that_its_owner_does_not_fail_over_waits_for_the_provider() {
    let text = with(
        "redundancy = \"grs\"",
        "redundancy = \"grs\"\nowner-fails-over = false",
    );
    let vault = &read(&text).strategies[0].copies[0];
    assert!(matches!(
        vault.provider_declares,
        Some(Drawn::Lognormal { .. })
    ));
    let text = with(
        "redundancy = \"grs\"",
        "redundancy = \"ra-grs\"\nowner-fails-over = false",
    );
    assert_eq!(read(&text).strategies[0].copies[0].provider_declares, None);
}

/// A part of `WHOLE`, what stands there instead, the line that the error points at, and what it says.
type Wrong = (&'static str, &'static str, &'static str, [&'static str; 2]);

const WRONG: &[Wrong] = &[
    // Names and keys.
    (
        "size = \"200GB\"",
        "sise = \"200GB\"",
        "sise = \"200GB\"",
        ["unknown key 'sise'", "mean 'size'?"],
    ),
    (
        "kind = \"region-outage\"",
        "kind = \"region-outrage\"",
        "kind = \"region-outrage\"",
        ["unknown value", "'region-outage'?"],
    ),
    (
        "in = \"office\"",
        "in = \"ofice\"",
        "in = \"ofice\"",
        ["no region or site 'ofice'", "mean 'office'?"],
    ),
    (
        "name = \"north\"",
        "name = \"west\"",
        "name = \"west\"",
        ["'west' is taken", "of its own"],
    ),
    (
        "name = \"web\"",
        "name = \"a b\"",
        "name = \"a b\"",
        ["'a b' names no instance", "digits"],
    ),
    (
        "name = \"cloud\"",
        "name = \"\"",
        "name = \"\"",
        ["is no name", "1 to 64"],
    ),
    (
        "question = \"What if?\"",
        "",
        "",
        ["the question is missing", "question = "],
    ),
    // Quantities.
    (
        "size = \"200GB\"",
        "size = \"big\"",
        "size = \"big\"",
        ["'big' is not a size", "write one like"],
    ),
    (
        "size = \"200GB\"",
        "size = \"1KiB\"",
        "size = \"1KiB\"",
        ["256 blocks", "4MiB at least"],
    ),
    (
        "speed = \"100Mbit/s\"",
        "speed = \"fast\"",
        "speed = \"fast\"",
        ["not a speed", "100Mbit/s"],
    ),
    (
        "speed = \"100Mbit/s\"",
        "speed = \"0B/s\"",
        "speed = \"0B/s\"",
        ["a speed of nothing", "above 0"],
    ),
    (
        "count = 3",
        "count = 0",
        "count = 0",
        ["a count of 0", "1 to 100000"],
    ),
    (
        "count = 3",
        "count = -3",
        "count = -3",
        ["-3", "whole number"],
    ),
    (
        "every = \"1w\"",
        "every = \"0s\"",
        "every = \"0s\"",
        ["nothing", "every = \"1w\""],
    ),
    (
        "every = \"once in 5 years\"",
        "every = \"seldom\"",
        "every = \"seldom\"",
        ["how often", "once in 5 years"],
    ),
    (
        "question = \"What if?\"",
        "question = \"?\"\nhorizon = \"0s\"",
        "horizon = \"0s\"",
        ["horizon of 0s", "1y"],
    ),
    (
        "question = \"What if?\"",
        "question = \"?\"\nstart = \"soon\"",
        "start = \"soon\"",
        ["'soon' is not a day", "2026"],
    ),
    // Places.
    (
        "pair = \"west\"",
        "zones = 3",
        "pair = \"north\"",
        ["which has no pair", "pair = \"west\""],
    ),
    (
        "pair = \"north\"",
        "pair = \"west\"",
        "pair = \"west\"",
        ["its own pair", "name the region"],
    ),
    (
        "pair = \"north\"",
        "pair = \"office\"",
        "pair = \"office\"",
        ["no region 'office'", "write one of"],
    ),
    (
        "[[link]]\nfrom = \"office\"\nto = \"west\"\nspeed = \"100Mbit/s\"",
        "",
        "in = \"west\"",
        ["no link leads", "add [[link]]"],
    ),
    (
        "to = \"west\"\n",
        "to = \"office\"\n",
        "to = \"office\"",
        ["to itself", "join two places"],
    ),
    // Copies.
    (
        "redundancy = \"grs\"",
        "",
        "to = \"vault\"",
        ["how the vault keeps", "redundancy = \"lrs\""],
    ),
    (
        "redundancy = \"grs\"",
        "redundancy = \"single\"",
        "redundancy = \"single\"",
        ["not kept as 'single'", "lrs or zrs"],
    ),
    (
        "redundancy = \"grs\"",
        "redundancy = \"lrs\"\ngeo-lag = \"1h\"",
        "geo-lag = \"1h\"",
        ["`geo-lag`", "grs"],
    ),
    (
        "redundancy = \"grs\"",
        "redundancy = \"lrs\"\nat = \"25:00\"",
        "at = \"25:00\"",
        ["'25:00'", "22:00"],
    ),
    (
        "redundancy = \"grs\"",
        "redundancy = \"lrs\"\npolicy = {}",
        "policy = {}",
        ["no rule", "keep-within"],
    ),
    (
        "redundancy = \"grs\"",
        "redundancy = \"lrs\"\nmethod = \"fall\"",
        "method = \"fall\"",
        ["'fall'", "'full'?"],
    ),
    (
        "redundancy = \"grs\"",
        "redundancy = \"lrs\"\npolicy = { keep-dayly = 7 }",
        "policy = { keep-dayly = 7 }",
        ["keep-dayly", "keep-daily"],
    ),
    (
        "in = \"west\"",
        "in = \"office\"",
        "in = \"office\"",
        ["a vault at 'office'", "in = \"west\""],
    ),
    (
        "to = \"tape\"",
        "to = \"tape\"\nin = \"west\"",
        "in = \"west\"",
        ["tape at 'west'", "in = \"office\""],
    ),
    (
        "to = \"tape\"\n[strategy.copy.offsite]\nevery = \"1w\"",
        "to = \"snapshot\"",
        "to = \"snapshot\"",
        ["snapshots at 'office'", "in a region"],
    ),
    (
        "to = \"tape\"",
        "to = \"disk\"",
        "[strategy.copy.offsite]",
        ["only tapes", "to = \"tape\""],
    ),
    (
        "to = \"tape\"",
        "to = \"tape\"\nseeding = {}",
        "seeding = {}",
        ["nothing goes from a site to a vault", "leave it out"],
    ),
    (
        "name = \"cloud\"",
        "name = \"cloud\"\nedition = \"2017\"",
        "edition = \"2017\"",
        ["without a component", "component ="],
    ),
    // Replicas.
    (
        "to = \"tape\"\n[strategy.copy.offsite]\nevery = \"1w\"",
        "to = \"replica\"\nin = \"office\"",
        "in = \"office\"",
        ["in its own place", "another region or site"],
    ),
    (
        "to = \"tape\"\n[strategy.copy.offsite]\nevery = \"1w\"",
        "to = \"replica\"",
        "to = \"replica\"",
        ["where the replica is is missing", "in = \"west\""],
    ),
    (
        "to = \"tape\"\n[strategy.copy.offsite]\nevery = \"1w\"",
        "to = \"replica\"\nin = \"west\"\npolicy = {}",
        "policy = {}",
        ["`policy` of a replica", "retention, point-every"],
    ),
    (
        "to = \"tape\"",
        "to = \"tape\"\nretention = \"1d\"",
        "retention = \"1d\"",
        ["`retention` of a backup", "to = \"replica\""],
    ),
    (
        "to = \"tape\"\n[strategy.copy.offsite]\nevery = \"1w\"",
        "to = \"replica\"\nin = \"west\"\nevery = \"1d\"",
        "every = \"1d\"",
        ["a replica's `every` of 1d", "write 1m"],
    ),
    (
        "name = \"cloud\"\n[[strategy.copy]]\nto = \"vault\"\nin = \"west\"\nredundancy = \"grs\"",
        "name = \"cloud\"\nrecover-in = \"north\"\n[[strategy.copy]]\nto = \"replica\"\nin = \"west\"",
        "recover-in = \"north\"",
        ["somewhere else than the replica", "leave `recover-in` out"],
    ),
    // Instances.
    (
        "count = 3",
        "count = 3\nzone = 2",
        "zone = 2",
        ["a zone of 2", "write 1"],
    ),
    (
        "count = 3",
        "trace = \"t.csv\"\nrhythm = \"office\"",
        "rhythm = \"office\"",
        ["`rhythm` without `change`", "leave it out"],
    ),
    (
        "size = \"200GB\"",
        "size = \"200GB\"\n[[instance.script]]\nat = \"1d\"\nblocks = [256]",
        "blocks = [256]",
        ["block 256 of 256", "0 to 255"],
    ),
    (
        "size = \"200GB\"",
        "size = \"200GB\"\n[[instance]]\nname = \"web-002\"\nin = \"west\"\nsize = \"1GB\"",
        "name = \"web-002\"",
        ["an instance of one name", "other names"],
    ),
    // Faults.
    (
        "every = \"once in 5 years\"",
        "",
        "[[fault]]",
        ["when it happens is missing", "at = "],
    ),
    (
        "every = \"once in 5 years\"",
        "at = \"2y\"",
        "at = \"2y\"",
        ["a fault at 2y", "horizon of 1y"],
    ),
    (
        "every = \"once in 5 years\"",
        "at = \"1d\"\nzone = 1",
        "zone = 1",
        ["`zone` says nothing", "it takes lasts, warned, in, share"],
    ),
    (
        "kind = \"region-outage\"",
        "kind = \"ransomware\"",
        "[[fault]]",
        ["when it is noticed", "noticed-after"],
    ),
    (
        "kind = \"region-outage\"",
        "kind = \"link-cut\"\nfrom = \"office\"\nto = \"north\"",
        "from = \"office\"",
        ["no link joins", "[[link]]"],
    ),
    (
        "kind = \"region-outage\"",
        "kind = \"instance-disk\"\ncount = 1",
        "count = 1",
        ["a count of no group", "group ="],
    ),
    (
        "kind = \"region-outage\"",
        "kind = \"store-errors\"\ncopy = 3",
        "copy = 3",
        ["a copy of 3", "1 to 2"],
    ),
    // The text itself.
    (
        "size = \"200GB\"",
        "size = \"200GB",
        "size = \"200GB",
        ["", ""],
    ),
    (
        "size = \"200GB\"",
        "size = 2026-01-01",
        "size = 2026-01-01",
        ["", ""],
    ),
];

#[test]
fn each_rule_points_at_its_line_and_says_what_would_be_right() {
    for (part, by, line, says) in WRONG {
        let text = with(part, by);
        let error = Scenario::parse("mine.toml", &text)
            .expect_err(by)
            .to_string();
        let (number, body) = error
            .strip_prefix("scenario mine.toml: line ")
            .and_then(|rest| rest.split_once(": "))
            .unwrap_or_else(|| panic!("{by:?}: {error}"));
        let number: usize = number.parse().expect("a line's number");
        assert_eq!(text.lines().nth(number - 1), Some(*line), "{by:?}: {error}");
        assert!(body.contains("; ") && !body.contains('\n'), "{error}");
        for said in says {
            assert!(body.contains(said), "no {said:?} in {error}");
        }
    }
}

#[test]
fn a_component_is_asked_only_for_what_it_can_do() {
    let says = |lines: &str, parts: [&str; 3]| {
        let text = with("name = \"cloud\"", &format!("name = \"cloud\"\n{lines}"));
        let text = text.replace("count = 3", "workload = \"files\"\nsystem = \"windows\"");
        let error = Scenario::parse("mine.toml", &text)
            .expect_err(lines)
            .to_string();
        for part in parts {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    };
    // The agent writes no tape, which the second copy asks for.
    says(
        "component = \"mars\"",
        ["line 29: ", "MARS", "component = \"dpm\""],
    );
    says(
        "component = \"marz\"",
        ["line 23: ", "'marz'", "mean 'mars'?"],
    );
    says(
        "component = \"mars\"\nedition = \"2016\"",
        ["line 24: ", "'2016'", "2017"],
    );
    let lines = "component = \"azure-vm-enhanced\"\nedition = \"2017\"";
    says(lines, ["line 23: ", "one backup a day", "current"]);
    let files = "workload = \"files\"\nsystem = \"windows\"";
    let named = "name = \"cloud\"\ncomponent = \"dpm\"";
    let text = with("name = \"cloud\"", named).replace("count = 3", files);
    let scenario = read(&text);
    let strategy = &scenario.strategies[0];
    let component = strategy.component.as_ref();
    assert_eq!(
        component.map(|it| (it.0.as_str(), it.1.as_str())),
        Some(("dpm", "current"))
    );
    // Its vault is a Recovery Services vault.
    assert_eq!(strategy.copies[0].geo_lag, Drawn::Uniform(0, 12 * HOUR));
    assert!(strategy.copies[0].provider_declares.is_some());
}

#[test]
fn snapshots_are_restored_where_they_are_kept() {
    let of = |recover_in: &str| {
        format!(
            "question = \"?\"\n[[region]]\nname = \"west\"\npair = \"north\"\n\
             [[region]]\nname = \"north\"\npair = \"west\"\n\
             [[instance]]\nname = \"data\"\nin = \"west\"\nsize = \"200GB\"\nworkload = \"disk\"\n\
             [[strategy]]\nname = \"s\"\ncomponent = \"managed-disk-snapshot\"\n{recover_in}\
             [[strategy.copy]]\nto = \"snapshot\"\nevery = \"4h\"\n"
        )
    };
    read(&of(""));
    read(&of("recover-in = \"west\"\n"));
    let text = of("recover-in = \"north\"\n");
    let error = Scenario::parse("mine.toml", &text).expect_err("it can't");
    let error = error.to_string();
    for part in [
        "line 16: ",
        "Managed-disk snapshots",
        "second region",
        "leave `recover-in` out",
    ] {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
}

#[test]
fn what_ships_is_read() {
    for (name, text) in SHIPPED {
        let scenario = Scenario::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        assert!(text.starts_with("# "), "{name} begins with its question");
        assert!(!scenario.strategies.is_empty() && !scenario.question.is_empty());
    }
}

#[test]
fn the_schema_of_a_policy_has_the_keys_that_one_reads() {
    let schema = super::schema();
    let keys = schema["$defs"]["Copy"]["properties"]["policy"]["properties"].as_object();
    let written = keys.expect("keys").iter().map(|(key, schema)| {
        let value = match (key.as_str(), &schema["type"]) {
            ("azure", _) => "{ daily-days = 30 }",
            ("keep-tag", _) => "[\"a\"]",
            ("timezone", _) => "\"UTC\"",
            ("relative-to", _) => "\"now\"",
            (_, kind) if kind == "string" => "\"30d\"",
            _ => "7",
        };
        format!("{key} = {value}")
    });
    let written: Vec<_> = written.collect();
    // Every field of the type, and no other.
    let policy: engine::retention::Policy = toml::from_str(&written.join("\n")).expect("a policy");
    let fields = serde_json::to_value(policy).expect("it is plain data");
    assert_eq!(
        fields.as_object().map(serde_json::Map::len),
        Some(written.len())
    );
}

#[test]
fn the_reference_has_every_key_default_source_and_question() {
    let page = include_str!("../../../../scenarios/README.md");
    let schema = super::schema();
    let tables = schema["$defs"].as_object().expect("tables").values();
    let rows = tables
        .chain([&schema])
        .filter_map(|table| table["properties"].as_object());
    for (key, about) in rows.flatten().filter(|(_, about)| about["items"].is_null()) {
        let is_table = |name: &str| {
            about["$ref"]
                .as_str()
                .is_some_and(|it| it == format!("#/$defs/{name}"))
        };
        let section = ["Objectives", "Penalty", "Operator"]
            .into_iter()
            .any(is_table);
        let written = page.contains(&format!("| `{key}` | "));
        assert!(
            written || section && page.contains(&format!("`[{key}]`")),
            "no {key}"
        );
    }
    for default in super::defaults::ALL {
        assert!(
            page.contains(&format!("`{}`", default.value)),
            "{}",
            default.what
        );
        assert!(page.contains(default.source), "{}", default.what);
    }
    for (name, text) in SHIPPED {
        let question = Scenario::parse(name, text).expect("it ships").question;
        assert!(
            page.contains(&format!("| `{name}` | {question} |")),
            "{name}"
        );
    }
}

/// A file that ships, with a part replaced by another piece of it, by noise or by nothing.
fn mutated() -> impl Strategy<Value = String> {
    let noise = proptest::prelude::any::<String>().prop_map(|text| text.chars().take(12).collect());
    let numbers = proptest::sample::select(vec![
        "0",
        "-1",
        "1e300",
        "18446744073709551615",
        "9999999999999999999y",
        "\"0s\"",
        "{}",
        "[]",
    ]);
    let pieces = (
        0..SHIPPED.len(),
        0_usize..8_000,
        0_usize..200,
        0_usize..8_000,
        0_usize..80,
    );
    let by = proptest::option::of(proptest::prop_oneof![
        noise,
        numbers.prop_map(str::to_owned)
    ]);
    (pieces, by).prop_map(|((file, at, length, from, piece), by)| {
        let text: Vec<char> = SHIPPED[file].1.chars().collect();
        let part = |at: usize, length: usize| {
            let at = at % text.len();
            &text[at..(at + length).min(text.len())]
        };
        let cut = at % text.len();
        let by: Vec<char> = by.map_or_else(
            || part(from, piece).to_vec(),
            |by: String| by.chars().collect(),
        );
        let rest = &text[(cut + length).min(text.len())..];
        text[..cut].iter().chain(&by).chain(rest).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_file_makes_it_panic_and_every_error_has_its_line(text in mutated()) {
        match Scenario::parse("mine.toml", &text) {
            Ok(scenario) => prop_assert!(!scenario.meaning().is_empty()),
            Err(error) => {
                let error = error.to_string();
                let rest = error.strip_prefix("scenario mine.toml: line ");
                let number = rest.and_then(|rest| rest.split_once(": ")).map(|parts| parts.0);
                let number: Option<usize> = number.and_then(|number| number.parse().ok());
                prop_assert!(number.is_some_and(|line| line <= text.lines().count() + 1), "{error}");
                prop_assert!(error.contains("; "), "{error}");
            }
        }
    }
}
