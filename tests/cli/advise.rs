//! `advise`: the answers of the overview's tables, both forms, and what it refuses.

use serde_json::Value;

use crate::support::{json, run};

/// Exit code and document of a question.
fn asked(question: &str) -> (i32, Value) {
    let words: Vec<&str> = ["advise", "component"]
        .into_iter()
        .chain(question.split(' '))
        .collect();
    let (code, out, err) = run(&[&words[..], &["--json"]].concat());
    (
        code,
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{question}: {error}: {err}")),
    )
}

fn names(list: &Value) -> String {
    let names = list
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str);
    names.collect::<Vec<_>>().join(" ")
}

/// Questions, and who fits by the documents of 2017.
const ROWS: &[(&str, &str)] = &[
    // Which component protects what.
    ("--workload files --where on-premises", "mars dpm mabs"),
    ("--workload folders --where azure", "mars dpm mabs"),
    ("--workload volumes --where on-premises", "dpm mabs"),
    ("--workload sql --where on-premises", "dpm mabs"),
    ("--workload sharepoint --where on-premises", "dpm mabs"),
    ("--workload exchange --where azure", "dpm mabs"),
    ("--workload oracle --where on-premises", ""),
    (
        "--workload vm --where on-premises --hypervisor hyper-v",
        "dpm mabs site-recovery",
    ),
    (
        "--workload vm --where on-premises --hypervisor vmware",
        "dpm mabs site-recovery",
    ),
    (
        "--workload vm --where azure",
        "azure-vm-standard site-recovery",
    ),
    ("--workload disk --where azure", "azure-vm-standard"),
    // Linux.
    ("--workload files --where on-premises --linux", ""),
    (
        "--workload vm --where on-premises --linux --hypervisor hyper-v",
        "dpm mabs site-recovery",
    ),
    (
        "--workload vm --where azure --linux",
        "azure-vm-standard site-recovery",
    ),
    (
        "--workload vm --where on-premises --linux --target vault --application-consistent",
        "",
    ),
    (
        "--workload vm --where azure --linux --target vault --application-consistent",
        "azure-vm-standard",
    ),
    // Where backups are stored.
    (
        "--workload files --where on-premises --target vault",
        "mars dpm mabs",
    ),
    (
        "--workload files --where on-premises --target disk",
        "dpm mabs",
    ),
    ("--workload files --where on-premises --target tape", "dpm"),
    ("--workload files --where azure --target tape", ""),
    ("--workload vm --where azure --target disk", ""),
    // How often, and how many.
    (
        "--workload files --where on-premises --target vault --every 8h",
        "mars",
    ),
    (
        "--workload files --where on-premises --target vault --every 12h",
        "mars dpm mabs",
    ),
    (
        "--workload files --where on-premises --target vault --every 7h",
        "",
    ),
    (
        "--workload vm --where azure --target vault --every 1d",
        "azure-vm-standard",
    ),
    ("--workload vm --where azure --target vault --every 23h", ""),
    (
        "--workload sql --where on-premises --target disk --every 15m",
        "dpm mabs",
    ),
    (
        "--workload files --where on-premises --target disk --every 15m",
        "",
    ),
    (
        "--workload files --where on-premises --target disk --every 1h --points 64",
        "dpm mabs",
    ),
    (
        "--workload files --where on-premises --target disk --points 65",
        "",
    ),
    (
        "--workload sql --where on-premises --target disk --points 448",
        "dpm mabs",
    ),
    (
        "--workload vm --where azure --target vault --every 1d --retention 9999d",
        "azure-vm-standard",
    ),
    (
        "--workload vm --where azure --target vault --every 1d --retention 10000d",
        "",
    ),
];

#[test]
fn every_row_of_the_overview_is_answered() {
    for (question, expected) in ROWS {
        let (code, document) = asked(&format!("{question} --edition 2017"));
        assert_eq!(names(&document["fits"]), *expected, "{question}");
        assert_eq!(code, if expected.is_empty() { 3 } else { 0 }, "{question}");
        let components = document["components"].as_array().expect("components");
        assert_eq!(
            (components.len(), names_absent(&document)),
            (5, 2),
            "{question}"
        );
        for component in components {
            let (refusals, fits) = (&component["refusals"], component["fits"] == true);
            let refusals = refusals.as_array().expect("a list");
            assert_eq!(
                refusals.is_empty(),
                fits,
                "a reason for each that does not fit"
            );
            for refusal in refusals {
                assert!(refusal["source"]["date"].is_string() && refusal["status"].is_string());
            }
        }
    }
}

fn names_absent(document: &Value) -> usize {
    document["absent"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_person_reads_why_and_what_instead() {
    let (code, said, _) = run(&[
        "advise",
        "component",
        "--workload",
        "sql",
        "--where",
        "on-premises",
        "--linux",
    ]);
    assert_eq!(code, 3, "{said}");
    for part in [
        "To protect SQL Server (Linux, on-premises), by today's documents:",
        "dpm  System Center DPM: does not fit\n  - works on-premises only for Windows [1]",
        "- does not protect SQL Server: only files, folders and system state [1]",
        "None of 7 fits.",
        "(--workload machine) by dpm, mabs, site-recovery.",
        "[1] Support matrix for Azure Backup (2023-08-14), MicrosoftDocs/azure-docs",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    let question =
        "advise component --workload vm --where azure --every 5h --retention 17d --target snapshot";
    let (code, said, _) = run(&question.split(' ').collect::<Vec<_>>());
    assert_eq!(code, 0, "{said}");
    for part in [
        "azure-vm-enhanced  Azure VM backup, enhanced policy: fits: points as snapshots beside the source every 4h",
        "- only the last backup of a day goes to the vault",
        "azure-vm-standard  Azure VM backup, standard policy: does not fit",
        "1 of 7: azure-vm-enhanced.",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn profiles_are_listed_and_shown() {
    let list = json(&["advise", "profiles"]);
    assert_eq!(list.as_array().map(Vec::len), Some(7));
    assert_eq!(names(&list[0]["editions"]), "2017 current");
    assert_eq!(names(&list[4]["editions"]), "current");
    let mars = json(&["advise", "profiles", "mars"]);
    assert_eq!(
        mars["edition"]["2017"]["target"]["vault"]["points-max"]["value"]["other"],
        9999
    );
    let (code, said, _) = run(&["advise", "profiles", "mars"]);
    assert!(
        code == 0 && said.contains("[source.overview-2017]"),
        "{said}"
    );
    let (code, said, _) = run(&["advise", "profiles"]);
    assert!(
        code == 0 && said.contains("azure-vm-enhanced      Azure VM backup, enhanced policy"),
        "{said}"
    );
    let (code, _, err) = run(&["advise", "profiles", "tape-robot"]);
    assert!(
        code == 2 && err.contains("no profile 'tape-robot': there are mars, dpm"),
        "{err}"
    );
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    for (question, says) in [
        (
            "--workload dreams --where azure",
            "unknown workload 'dreams': choose files, folders",
        ),
        (
            "--workload vm --where moon",
            "unknown place 'moon': choose azure, on-premises",
        ),
        (
            "--workload vm --where azure --edition 1999",
            "unknown edition '1999': choose 2017, current",
        ),
        (
            "--workload vm --where azure --redundancy raid5",
            "expected one of `lrs`",
        ),
        (
            "--workload vm --where azure --hypervisor vmware",
            "leave --hypervisor out",
        ),
        ("--where azure", "--workload"),
    ] {
        let words: Vec<&str> = ["advise", "component"]
            .into_iter()
            .chain(question.split(' '))
            .collect();
        let (code, _, err) = run(&words);
        assert!(code == 2 && err.contains(says), "{question}: {err}");
    }
}
