//! Exit codes, the same for every command, and how an error is shown.

use std::process::ExitCode;

use engine::ErrorKind;
use reports::ReportError;

/// How a command ended; scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All done.
    Met = 0,
    /// A fault of firedrill itself.
    Internal = 1,
    /// The command line or its input is wrong; nothing was changed.
    Usage = 2,
    /// Done, but not wholly: files were left out or changed while they were read, a point is less
    /// consistent than was asked, a restore did not equal its source, a drill missed an objective, or no component
    /// fits what was asked.
    Missed = 3,
    /// Stored data is damaged.
    Corrupt = 4,
    /// The store, disk, network or a hook did not serve.
    Unavailable = 5,
    /// Passphrase or permission refused.
    Denied = 6,
    /// Ended by a signal after tidying up: what a shell reports of any program that one ends.
    Hangup = 129,
    Interrupted = 130,
    Terminated = 143,
}

/// The table for `--help` and the README.
pub(crate) const TABLE: &str = "Exit codes: 0 done; 1 a fault of firedrill; 2 wrong usage or input; \
3 done but not wholly (files left out or changed while read, a point less consistent than asked, a restore that differs, an \
objective missed, no component that fits); 4 damaged data; 5 store, disk or a hook did not serve; 6 passphrase or permission refused; 129, 130, 143 ended \
by a signal, after tidying up.";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(error) = error.downcast_ref::<ReportError>() {
        return match error {
            ReportError::Book { .. }
            | ReportError::Objectives { .. }
            | ReportError::Unpriced { .. } => Exit::Usage,
            ReportError::Write { .. } => Exit::Unavailable,
            ReportError::Make { .. } => Exit::Internal,
        };
    }
    match error
        .downcast_ref::<engine::Error>()
        .map(engine::Error::kind)
    {
        Some(ErrorKind::Unavailable) => Exit::Unavailable,
        Some(ErrorKind::Corrupt) => Exit::Corrupt,
        Some(ErrorKind::Denied) => Exit::Denied,
        Some(
            ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Unsupported,
        ) => Exit::Usage,
        Some(ErrorKind::Internal) => Exit::Internal,
        None => Exit::Usage,
    }
}

/// Shows an error on standard error (as JSON when asked) and gives its exit code.
#[expect(
    clippy::print_stderr,
    reason = "errors go to standard error, here and nowhere else"
)]
pub(crate) fn explain(error: &anyhow::Error, json: bool) -> Exit {
    let exit = exit_of(error);
    if json {
        let document = serde_json::json!({ "error": told(error), "exit": exit as u8 });
        eprintln!("{document}");
    } else {
        eprintln!("firedrill: {}", told(error));
    }
    exit
}

/// An error and its causes, each said once: ours often quote theirs.
pub(crate) fn told(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| {
        let cause = cause.to_string();
        match said.as_str() {
            "" => cause,
            _ if said.contains(&cause) => said,
            _ => format!("{said}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cause_that_is_quoted_is_not_said_again() {
        let gone = || std::io::Error::from_raw_os_error(2);
        let quoted = engine::Error::from_io("scenario x", gone());
        let said = super::told(&quoted.into());
        assert_eq!(said, "scenario x: No such file or directory (os error 2)");
        let wrapped = anyhow::Error::new(gone()).context("scenario x");
        assert_eq!(super::told(&wrapped), said);
    }
}
