//! Vaults on real servers, through the built program: journeys, and what goes wrong with them.

use std::fs;
use std::path::Path;

use crate::place::Place;
use crate::servers::{KEY, REGION, Server};
use crate::support::{noise, text};

/// A newcomer's first hour, on a cloud.
fn journey(cloud: &Place) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    fs::create_dir_all(source.join("docs")).expect("a folder");
    fs::write(source.join("docs/plan.txt"), "a plan").expect("a file");
    fs::write(source.join("large"), noise(1, 5_000_000)).expect("a file");
    let (url, source) = (cloud.url.as_str(), text(&source));

    let (code, _, err) = cloud.run_with(&["points", url], &[]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("is not a vault: `firedrill init"), "{err}");
    let made = cloud.json(&["init", url]);
    assert_eq!(made["location"], url);
    let (code, _, err) = cloud.run_with(&["init", url], &[]);
    assert_eq!(code, 2);
    assert!(err.contains("holds a vault already"), "{err}");

    let (code, out, err) = cloud.run_with(&["backup", url, source], &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("asked the store for"), "{out}");
    assert!(out.contains("requests per GiB moved"), "{out}");
    let limits = ["--limit-upload", "2MiB/s 00:00-12:00,2MiB/s 12:00-24:00"];
    let again = [&["backup", url, source, "--method", "full"], &limits[..]].concat();
    let again = cloud.json(&again);
    let seconds = again["seconds"].as_f64().expect("a number");
    assert!(seconds > 2.3, "5 MB at 2 MiB/s: {seconds} s");
    let asked = &again["requests"];
    assert!(asked["put"].as_u64() >= Some(3), "{asked}");
    assert!(asked["sent_bytes"].as_u64() > Some(5_000_000), "{asked}");

    let points = cloud.json(&["points", url]);
    assert_eq!(points["points"].as_array().map(Vec::len), Some(2));
    let listed = cloud.json(&["ls", url, "latest", "docs"]);
    assert_eq!(listed["entries"][1]["path"], "docs/plan.txt");
    let target = folder.path().join("back");
    let restored = cloud.json(&["restore", url, "latest", text(&target)]);
    assert!(restored["requests"]["received_bytes"].as_u64() > Some(5_000_000));
    assert!(fs::read(target.join("large")).expect("a file") == noise(1, 5_000_000));
    assert_eq!(cloud.json(&["check", url, "--read-data"])["sound"], true);
    assert_eq!(cloud.json(&["stats", url])["points"], 2);
}

/// A place that is not there, a server that is not there: each with its code and the next step.
fn mistakes(cloud: &Place, scheme: &str, unreachable: (&str, &str)) {
    let nowhere = format!("{scheme}://nowhere/vault");
    for command in [&["init", &nowhere][..], &["points", &nowhere]] {
        let (code, _, err) = cloud.run_with(command, &[]);
        assert_eq!(code, 2, "{err}");
        assert!(
            err.contains("create the bucket or container first"),
            "{err}"
        );
    }
    let (code, _, err) = cloud.run_with(&["points", &cloud.url], &[unreachable]);
    assert_eq!(code, 5, "{err}");
    assert!(err.contains("check its address and the network"), "{err}");
    assert!(err.len() < 400, "told once: {err}");
}

#[test]
fn a_vault_lives_on_azure() {
    let Some(server) = Server::azurite() else {
        return;
    };
    let cloud = Place::azure(&server);
    journey(&cloud);
    let unreachable = (
        "AZURE_STORAGE_ENDPOINT",
        "http://127.0.0.1:1/devstoreaccount1",
    );
    mistakes(&cloud, "az", unreachable);
    let wrong = [("AZURE_STORAGE_ACCOUNT_KEY", "d3Jvbmc=")];
    let (code, _, err) = cloud.run_with(&["points", &cloud.url], &wrong);
    assert_eq!(code, 6, "{err}");
    assert!(err.contains("check the key"), "{err}");
    // The client's own names, and the emulator's switch.
    let own = Place::new(
        &cloud.url,
        &[
            ("AZURE_STORAGE_USE_EMULATOR", "true"),
            ("AZURITE_BLOB_STORAGE_URL", &server.url()),
        ],
    );
    assert_eq!(own.json(&["stats", &own.url])["points"], 2);
    let (code, _, err) = Place::new(&cloud.url, &[]).run_with(&["points", &cloud.url], &[]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{err}");
}

#[test]
fn a_vault_lives_on_s3() {
    let Some(server) = Server::moto() else {
        return;
    };
    let cloud = Place::s3(&server);
    journey(&cloud);
    mistakes(&cloud, "s3", ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"));
    let plain = [("AWS_ALLOW_HTTP", "false")];
    let (code, _, err) = cloud.run_with(&["points", &cloud.url], &plain);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("is not encrypted"), "{err}");
    // Keys and address from the files in the home folder.
    let own = Place::new(
        &cloud.url,
        &[("AWS_PROFILE", "work"), ("AWS_ALLOW_HTTP", "true")],
    );
    let (code, _, err) = own.run_with(&["points", &own.url], &[]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("AWS_PROFILE is 'work'"), "{err}");
    write_profile(own.home.path(), &server);
    assert_eq!(own.json(&["stats", &own.url])["points"], 2);
}

fn write_profile(home: &Path, server: &Server) {
    let folder = home.join(".aws");
    fs::create_dir(&folder).expect("a folder");
    let [id, secret] = KEY;
    let keys = format!("[work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(folder.join("credentials"), keys).expect("a file");
    let url = server.url();
    let config = format!("[profile work]\nregion = {REGION}\nendpoint_url = {url}\n");
    fs::write(folder.join("config"), config).expect("a file");
}
