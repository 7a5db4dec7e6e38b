//! Running the built program, and a tree to run it on.

use std::path::Path;
use std::process::{Command, Output};

/// The built program with a passphrase set and nothing else of ours in the environment.
pub(crate) fn firedrill(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firedrill"));
    command
        .args(arguments)
        .env("FIREDRILL_PASSPHRASE", "correct horse");
    command
}

/// Runs it and gives its exit code and both outputs.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = firedrill(arguments).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    (status.code().expect("it exits"), text(stdout), text(stderr))
}

/// Runs it, expecting success, and reads the document that it prints.
pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let (code, out, err) = run(&[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{arguments:?}: {err}");
    serde_json::from_str(&out).expect("one JSON document")
}

/// The path as the command line takes it.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// Whether `program` can be run with `arguments`. Where everything is required, a lack fails; elsewhere
/// it is told, and the test passed over.
#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
pub(crate) fn ready(what: &str, program: &Path, arguments: &[&str]) -> bool {
    let lack = match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let required = std::env::var_os("FIREDRILL_REQUIRE_ALL").is_some();
    assert!(!required, "{what} is missing: {lack}");
    eprintln!("SKIPPED: {what} is missing: {lack}");
    false
}

/// An example hook of the repository.
pub(crate) fn example_hook(name: &str) -> String {
    format!("{}/scenarios/hooks/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Bytes that do not compress and follow from `seed`.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(step).collect()
}
