//! The main job: a comparison, its JSON, its files, and the page in a real browser.

use std::fs;
use std::process::Command;

use crate::support::{json, noise, run, text};

#[test]
fn comparing_trees_leaves_a_report_that_a_browser_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut generations = Vec::new();
    for generation in 0..3_u64 {
        let at = folder.path().join(format!("gen-{generation}"));
        fs::create_dir_all(at.join("sub")).expect("a folder");
        fs::write(at.join("same"), noise(1, 700_000)).expect("a file");
        fs::write(at.join("sub/new"), noise(10 + generation, 100_000)).expect("a file");
        generations.push(at);
    }
    let out = folder.path().join("report");
    let mut arguments = vec![
        "compare",
        "--out",
        text(&out),
        "--redundancy",
        "grs",
        "--data",
    ];
    arguments.extend(generations.iter().map(|at| text(at)));
    let document = json(&arguments);
    let methods = document["methods"].as_array().expect("methods");
    assert_eq!(methods.len(), 5);
    for method in methods {
        assert_eq!(method["points"].as_array().map(Vec::len), Some(3));
        assert_eq!(method["points"][0]["logical_bytes"], 800_000);
        let restores = method["restores"].as_array().expect("restores");
        assert_eq!(restores.len(), 3);
        assert!(
            restores.iter().all(|restore| restore["verified"] == true),
            "{method}"
        );
        let month = method["cost"]["month"].as_f64().expect("a cost");
        let bytes = method["vault_bytes"].as_f64().expect("bytes");
        assert!(
            (month - bytes / 1e9 * 0.0448).abs() < 1e-12,
            "GRS is priced as published"
        );
    }
    let stored = |at: usize| {
        methods[at]["totals"]["stored_bytes"]
            .as_u64()
            .expect("bytes")
    };
    assert!(stored(0) > 2_300_000, "full keeps everything each time");
    assert!(stored(2) < 1_400_000, "incremental keeps what changed");
    for file in ["report.html", "report.json", "points.csv", "points.parquet"] {
        assert!(
            out.join(file).metadata().expect("it is there").len() > 0,
            "{file}"
        );
    }
    let page = dump_dom(&out.join("report.html"));
    if let Some(page) = page {
        assert!(
            page.contains("RPO here is the spacing of the points"),
            "{page}"
        );
        assert_eq!(page.matches("<svg").count(), 4, "four charts");
        let answer = page.find("id=\"answer\"").expect("an answer");
        assert!(
            answer < page.find("<table").expect("a table"),
            "the answer comes first"
        );
    }
}

/// The page as Chromium reads it; `None`, said loudly, where there is no Chromium.
#[expect(clippy::print_stderr, reason = "a skipped check says so")]
fn dump_dom(page: &std::path::Path) -> Option<String> {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new("chromium")
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", text(profile.path())))
        .arg(format!("file://{}", text(page)))
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8(output.stdout).expect("UTF-8"))
        }
        other => {
            assert!(
                std::env::var_os("FIREDRILL_REQUIRE_ALL").is_none(),
                "chromium: {other:?}"
            );
            eprintln!("SKIPPED: the report was not opened in a browser: install chromium");
            None
        }
    }
}

#[test]
fn ten_blocks_through_the_program() {
    // As the engine's test, here through the command: 30, 19 and 15 blocks.
    let folder = tempfile::tempdir().expect("a folder");
    let versions = [
        [0; 10],
        [0, 1, 1, 1, 0, 0, 0, 0, 1, 0],
        [0, 1, 1, 1, 1, 0, 0, 0, 1, 0],
    ];
    let mut images = Vec::new();
    for (month, versions) in versions.iter().enumerate() {
        let blocks = versions
            .iter()
            .zip(0..)
            .flat_map(|(version, block)| noise(block * 100 + version + 1, 4096));
        let at = folder.path().join(format!("month-{month}.img"));
        fs::write(&at, blocks.collect::<Vec<u8>>()).expect("an image");
        images.push(at);
    }
    let out = folder.path().join("report");
    let methods = "full,differential,incremental";
    let mut arguments = vec!["compare", "--methods", methods, "--block-size", "4KiB"];
    arguments.extend(["--out", text(&out), "--data"]);
    arguments.extend(images.iter().map(|at| text(at)));
    let document = json(&arguments);
    let stored = |method: usize| document["methods"][method]["totals"]["blocks_stored"].as_u64();
    assert_eq!(
        [stored(0), stored(1), stored(2)],
        [Some(30), Some(19), Some(15)]
    );
}

#[test]
fn a_wrong_price_book_is_refused_before_the_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let book = folder.path().join("book.toml");
    fs::write(
        &book,
        "name = \"x\"\ncurrency = \"EUR\"\ngigabyte = \"decimal\"\nprices = []\n",
    )
    .expect("a book");
    let out = folder.path().join("report");
    let (code, _, err) = run(&["compare", "--prices", text(&book), "--out", text(&out)]);
    assert_eq!(code, 2);
    assert!(err.contains("book.toml") && err.contains("line 4"), "{err}");
    assert!(!out.exists(), "nothing was made");
}

#[test]
fn an_interrupt_leaves_no_plaintext_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (work, out) = (folder.path().join("work"), folder.path().join("report"));
    fs::create_dir(&work).expect("a folder");
    let child = crate::support::firedrill(&["compare", "--work", text(&work), "--out", text(&out)])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it runs");
    // Once there is something in the working folder, the trial is under way.
    while fs::read_dir(&work).expect("a folder").next().is_none() {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a small number"));
    let interrupt = rustix::process::Signal::INT;
    rustix::process::kill_process(pid.expect("a process"), interrupt).expect("a signal");
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        !ended.status.success() && said.contains("interrupted"),
        "{said}"
    );
    assert!(
        fs::read_dir(&work).expect("a folder").next().is_none(),
        "nothing is left"
    );
}
