//! A recovery plan over two groups of disks: tested, stopped by what fails, and gone on with.

use std::fs;

use super::sites::{Pair, clients_are_there};
use crate::support::{run, text};

const DISK: &str = "disk.img";

fn protected() -> Pair {
    let mut pair = Pair::new(&[DISK], 4 << 20);
    pair.replica.follow(&[]);
    let to = pair.replica.listens.clone();
    pair.protect(&to, &[]);
    pair.source.qemu_io(DISK, &["write -P 0x5a 1M 1M", "flush"]);
    pair.source.converge();
    pair
}

#[test]
fn a_plan_is_tested_stopped_and_gone_on_with() {
    if !clients_are_there() {
        return;
    }
    let (mut database, mut web) = (protected(), protected());
    let [first, second] = [&database, &web].map(|pair| text(&pair.replica.state).to_owned());
    let folder = database.folder.path().to_owned();
    let at = folder.join("plan.toml");
    let plan = |after: &str| {
        let text = format!(
            "name = 'the shop'\n[[group]]\nname = 'database'\nsites = ['{first}']\nafter = \"{after}\"\n\
             [[group]]\nname = 'web'\nbefore = 'test -e {0}/database-is-there'\nsites = ['{second}']\n",
            folder.display()
        );
        fs::write(&at, text).expect("the plan");
    };
    let recover = |more: &[&str]| {
        let (code, told, said) = run(&[&["recover", text(&at), "--json"], more].concat());
        let told: serde_json::Value = serde_json::from_str(&told).expect(&said);
        (code, told)
    };

    // A test reads a copy of each, and leaves the sites as they are.
    plan(&format!(
        "nbdinfo 'nbd+unix:///{DISK}?socket={first}/test.sock' && touch {}/database-is-there",
        folder.display()
    ));
    let (code, told) = recover(&["--test"]);
    assert_eq!((code, &told["recovered"]), (0, &true.into()), "{told:#}");
    fs::remove_file(folder.join("database-is-there")).expect("the test's command ran");
    for pair in [&database, &web] {
        assert_eq!(pair.replica.status()["role"], "replica");
    }

    database.source.kill();
    web.source.kill();
    plan("exit 1");
    let (code, told) = recover(&["--yes"]);
    assert_eq!(
        (code, &told["failed_group"]),
        (3, &"database".into()),
        "{told:#}"
    );
    assert_eq!(
        web.replica.status()["role"],
        "replica",
        "it is not its turn"
    );
    let generation = database.replica.status()["generation"].clone();
    plan(&format!("touch {}/database-is-there", folder.display()));
    let (code, told) = recover(&["--yes"]);
    assert_eq!((code, &told["recovered"]), (0, &true.into()), "{told:#}");
    assert_eq!(
        database.replica.status()["generation"],
        generation,
        "passed over"
    );
    for pair in [&mut database, &mut web] {
        let image = pair.replica.copy(DISK);
        assert!(image == pair.disk(0), "all that was written");
    }
}
