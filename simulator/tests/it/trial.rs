//! Whole emulated trials, with retention, prunes, a geo failover and faults drawn beyond the script: two processes with
//! the same seed give one digest, and the same outcome.

use std::fs;
use std::process::Command;

use simulator::chaos;
use simulator::emulated;
use simulator::scenario::Scenario;
use simulator::sweep::Prepared;

/// Says in what a process that plays the trials is to write their digests.
const DIGEST_FILE: &str = "FIREDRILL_TRIALS_DIGEST";
/// Seeds of the trials.
const SEEDS: [u64; 3] = [3, 5, 8];

const SCENARIO: &str = r#"
name = "two processes"
question = "Does a seed give the same trial everywhere?"
horizon = "40d"

[[region]]
name = "west"
pair = "north"

[[region]]
name = "north"
pair = "west"

[[instance]]
name = "files"
count = 3
in = "west"
size = "50GB"
blocks = 32
real-block = "1KiB"
change = "5%/day"

[[strategy]]
name = "daily, in two regions"
recover-in = "north"

[[strategy.copy]]
to = "vault"
redundancy = "grs"
method = "incremental"
full-every = 5
policy = { keep-daily = 6, keep-weekly = 2 }
grace = "1d"
prune-every = "5d"
owner-fails-over = true

[[fault]]
kind = "region-outage"
at = "31d"
in = "west"
lasts = "30h"
share = "0%"
"#;

/// Played in a process of its own by the test below.
#[test]
fn trials_are_sound_whatever_strikes() {
    let scenario = Scenario::parse("two-processes.toml", SCENARIO).expect("a scenario");
    let prepared = Prepared::new(scenario).expect("it is measured");
    let mut told = String::new();
    for seed in SEEDS {
        let mut setup = prepared.setup(0, 0, None);
        setup.seed = seed;
        setup.faults = chaos::drawn(&prepared.scenario, seed);
        let trial = emulated::run(&setup).expect("it runs");
        assert_eq!(trial.violations, Vec::<String>::new());
        told += &format!("{} {:?}\n", trial.digest, trial.tally);
    }
    if let Some(file) = std::env::var_os(DIGEST_FILE) {
        fs::write(file, told).expect("the digests are written");
    }
}

#[test]
fn two_processes_give_one_digest_of_whole_trials() {
    let folder = tempfile::tempdir().expect("a folder");
    let digests = |name: &str| {
        let (temporary, file) = (folder.path().join(name), folder.path().join("digest"));
        fs::create_dir(&temporary).expect("a folder");
        let status = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "trial::trials_are_sound_whatever_strikes"])
            .env(DIGEST_FILE, &file)
            .env("TMPDIR", &temporary)
            .status();
        assert!(status.expect("it runs").success());
        fs::read_to_string(&file).expect("digests")
    };
    let here = digests("a");
    assert_eq!(here, digests("a-place-whose-name-is-much-longer"));
    assert_eq!(here.lines().count(), SEEDS.len());
    assert!(here.contains("geo-failover") && here.contains("Restored"));
}
