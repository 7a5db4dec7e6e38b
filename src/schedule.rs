//! What is to run by itself and when, as systemd's units and as cron's lines. Pure: texts in, texts out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::format::point::Method;

use crate::calendar::When;
use crate::cli::BackupOptions;

/// The first line of every unit that this writes: only such a file is ever replaced or removed.
pub(crate) const MARK: &str = "# Written by `firedrill schedule`, which replaces and removes it.";

/// Seconds that a unit has to end when it is stopped, beside what its hooks may take.
const STOP_SECONDS: u64 = 30;

/// One thing to be done by itself.
#[derive(Debug)]
pub(crate) struct Job {
    /// The command: `backup`, `forget`, `prune`, `check` or `drill`.
    pub(crate) verb: &'static str,
    /// When it runs.
    pub(crate) when: When,
    /// Its arguments after the vault.
    pub(crate) arguments: Vec<String>,
}

/// Where the passphrase comes from: never from a unit itself.
#[derive(Debug)]
pub(crate) enum Passphrase {
    /// The first line of a file.
    File(String),
    /// The first line that a command prints.
    Command(String),
    /// The environment file.
    Environment,
}

/// Whose units they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The machine's.
    System,
    /// A user's.
    User,
}

/// All that is to run by itself for one vault.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// Part of every unit's name.
    pub(crate) name: String,
    /// The program, by its whole path.
    pub(crate) program: String,
    /// The vault: a whole path or a URL.
    pub(crate) vault: String,
    /// Where the passphrase comes from.
    pub(crate) passphrase: Passphrase,
    /// A file of environment variables, such as a store's credentials.
    pub(crate) environment_file: Option<String>,
    /// By how much each start is put off at random, at most.
    pub(crate) random_delay: Duration,
    /// How long a hook may take: a backup that is stopped still thaws.
    pub(crate) hook_timeout: Duration,
    /// What runs.
    pub(crate) jobs: Vec<Job>,
}

/// The name for a vault's units: its last part, in letters that a unit's name may have.
pub(crate) fn name_of(vault: &str) -> String {
    let last = vault.trim_end_matches('/').rsplit('/').next();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = last.unwrap_or_default().chars().map(plain).collect();
    let name = name.trim_matches('-').to_ascii_lowercase();
    if name.is_empty() {
        "vault".to_owned()
    } else {
        name
    }
}

/// The arguments of `backup` after the vault; what is as it is by default is left out.
pub(crate) fn backup_arguments(sources: Vec<String>, options: &BackupOptions) -> Vec<String> {
    let mut out = sources;
    let mut add = |flag: &str, value: Option<String>| {
        out.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
    };
    let hooks = &options.hooks;
    let method = (options.method != Method::Forever).then(|| options.method.to_string());
    let held = hooks.freeze.as_ref();
    add("--method", method);
    add(
        "--block-size",
        Some(options.block_size.to_string()).filter(|size| size != "65536"),
    );
    add("--instance", options.instance.clone());
    for word in &options.tag {
        add("--tag", Some(word.clone()));
    }
    add("--before", hooks.before.clone());
    add("--freeze", hooks.freeze.clone());
    add("--thaw", hooks.thaw.clone());
    add(
        "--hold-timeout",
        held.map(|_| milliseconds(hooks.hold_timeout)),
    );
    add("--after", hooks.after.clone());
    let any = held.or(hooks.before.as_ref()).or(hooks.after.as_ref());
    add(
        "--hook-timeout",
        any.map(|_| milliseconds(hooks.hook_timeout)),
    );
    if hooks.require_consistent {
        out.push("--require-consistent".to_owned());
    }
    out
}

fn milliseconds(span: Duration) -> String {
    let whole = span.as_secs();
    if Duration::from_secs(whole) == span {
        format!("{whole}s")
    } else {
        format!("{}ms", span.as_millis().max(1))
    }
}

impl Schedule {
    /// The whole command of a job, but for the passphrase.
    fn command<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = &'a str> {
        let words = [self.program.as_str(), job.verb, self.vault.as_str()];
        words
            .into_iter()
            .chain(job.arguments.iter().map(String::as_str))
    }

    /// The units, as names and texts.
    pub(crate) fn units(&self, scope: Scope) -> Vec<(String, String)> {
        let jobs = self.jobs.iter();
        let jobs = jobs.filter_map(|job| Some((job, job.when.on_calendar()?)));
        let units = jobs.flat_map(|(job, calendar)| {
            let stem = format!("firedrill-{}-{}", self.name, job.verb);
            [
                (format!("{stem}.service"), self.service(job, scope)),
                (format!("{stem}.timer"), self.timer(job, &calendar)),
            ]
        });
        units.collect()
    }

    fn service(&self, job: &Job, scope: Scope) -> String {
        let mut command: Vec<String> = self.command(job).map(unit_word).collect();
        let mut lines = String::new();
        match (&self.passphrase, scope) {
            (Passphrase::File(file), Scope::System) => {
                lines += &format!("LoadCredential=passphrase:{}\n", specifiers(file));
                command.push("--passphrase-file %d/passphrase".to_owned());
            }
            (Passphrase::File(file), Scope::User) => {
                command.extend(["--passphrase-file".to_owned(), unit_word(file)]);
            }
            (Passphrase::Command(print), _) => {
                command.extend(["--passphrase-command".to_owned(), unit_word(print)]);
            }
            (Passphrase::Environment, _) => {}
        }
        if let Some(file) = &self.environment_file {
            lines += &format!("EnvironmentFile={}\n", specifiers(file));
        }
        let online = match scope {
            Scope::System => "Wants=network-online.target\nAfter=network-online.target\n",
            Scope::User => "",
        };
        let stop = STOP_SECONDS + 3 * self.hook_timeout.as_secs();
        format!(
            "{MARK}\n\
             # It fails, as `systemctl status` tells, with 2: wrong usage; 3: done but not wholly;\n\
             # 4: damaged data; 5: store, disk or a hook did not serve; 6: passphrase or permission refused.\n\
             [Unit]\n\
             Description=firedrill {} of {}\n\
             {online}\n\
             [Service]\n\
             Type=oneshot\n\
             ExecStart={}\n\
             {lines}\
             # A stop reaches firedrill alone, and leaves it the time to thaw what it holds.\n\
             KillMode=mixed\n\
             TimeoutStopSec={stop}\n\
             Nice=10\n\
             IOSchedulingPriority=7\n",
            job.verb,
            specifiers(&self.vault),
            command.join(" "),
        )
    }

    fn timer(&self, job: &Job, calendar: &str) -> String {
        // What runs often is not put off past its next time.
        let delay = self
            .random_delay
            .as_secs()
            .min(job.when.period_seconds() / 4);
        format!(
            "{MARK}\n\
             [Unit]\n\
             Description=firedrill {} of {}, {}\n\n\
             [Timer]\n\
             OnCalendar={calendar}\n\
             RandomizedDelaySec={delay}\n\
             # What was missed while the machine was off is made up for.\n\
             Persistent=true\n\n\
             [Install]\n\
             WantedBy=timers.target\n",
            job.verb,
            specifiers(&self.vault),
            job.when,
        )
    }

    /// The lines for a crontab.
    ///
    /// # Errors
    /// When a word has a line break, which cron can't have.
    pub(crate) fn cron(&self) -> Result<String, String> {
        let mut out = format!(
            "# {} of firedrill; `crontab -e` takes them. What is missed while the machine is off is not made up\n\
             # for, and nothing is put off at random: systemd's timers do both.\n",
            self.name
        );
        for job in &self.jobs {
            let Some(fields) = job.when.cron() else {
                continue;
            };
            let mut command: Vec<String> = self.command(job).map(shell_word).collect();
            match &self.passphrase {
                Passphrase::File(file) => {
                    command.extend(["--passphrase-file".to_owned(), shell_word(file)]);
                }
                Passphrase::Command(print) => {
                    command.extend(["--passphrase-command".to_owned(), shell_word(print)]);
                }
                Passphrase::Environment => {}
            }
            let mut line = command.join(" ");
            if let Some(file) = &self.environment_file {
                line = format!("set -a; . {}; {line}", shell_word(file));
            }
            if line.contains('\n') {
                let what = format!(
                    "{}: a crontab can't hold a line break: put it into a script",
                    job.verb
                );
                return Err(what);
            }
            // Cron takes a plain % for a line break, quoted or not.
            out += &format!("{fields} {}\n", line.replace('%', "\\%"));
        }
        Ok(out)
    }

    /// One line for each job.
    pub(crate) fn summary(&self) -> String {
        let job = |job: &Job| format!("  {:<7} {}\n", job.verb, job.when);
        self.jobs.iter().map(job).collect()
    }

    /// A job's command as a person would type it, but for the passphrase.
    pub(crate) fn typed(&self, job: &Job) -> String {
        let words: Vec<String> = self.command(job).map(shell_word).collect();
        words.join(" ")
    }
}

/// What becomes of one unit's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Replace,
    Keep,
    Remove,
}

/// What has to be done so that a folder has just these units of the name: `there` is what it has.
///
/// # Errors
/// When a file in the way was written by somebody else.
pub(crate) fn changes(
    units: &[(String, String)],
    there: &[(String, String)],
    folder: &Path,
) -> Result<Vec<(PathBuf, Change)>, String> {
    let mut out = Vec::new();
    for (name, text) in units {
        let path = folder.join(name);
        let change = match there.iter().find(|(there, _)| there == name) {
            None => Change::Add,
            Some((_, old)) if old == text => Change::Keep,
            Some((_, old)) if old.starts_with(MARK) => Change::Replace,
            Some(_) => {
                return Err(format!(
                    "{} was not written by `firedrill schedule`: move it away, or choose another --name",
                    path.display()
                ));
            }
        };
        out.push((path, change));
    }
    let wanted = |name: &String| units.iter().any(|(unit, _)| unit == name);
    let stale = there
        .iter()
        .filter(|(name, text)| !wanted(name) && text.starts_with(MARK));
    out.extend(stale.map(|(name, _)| (folder.join(name), Change::Remove)));
    Ok(out)
}

/// `%` begins a specifier everywhere in a unit.
fn specifiers(text: &str) -> String {
    text.replace('%', "%%").replace('\n', " ")
}

/// A word of `ExecStart=`.
fn unit_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-/.,:=@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '$' | '%' => out.extend([c, c]),
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            c => out.push(c),
        }
    }
    out + "\""
}

/// A word of a shell's command.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-/.,:=@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Change, MARK, changes, name_of, shell_word, unit_word};

    #[test]
    fn words_are_quoted_for_who_reads_them() {
        for (word, unit, shell) in [
            ("/plain/path-1.0", "/plain/path-1.0", "/plain/path-1.0"),
            ("", "\"\"", "''"),
            ("a b", "\"a b\"", "'a b'"),
            ("100%", "\"100%%\"", "'100%'"),
            ("$HOME", "\"$$HOME\"", "'$HOME'"),
            ("say \"no\"", "\"say \\\"no\\\"\"", "'say \"no\"'"),
            ("it's", "\"it's\"", "'it'\\''s'"),
            ("a\\b", "\"a\\\\b\"", "'a\\b'"),
            ("two\nlines", "\"two\\nlines\"", "'two\nlines'"),
        ] {
            assert_eq!(unit_word(word), unit);
            assert_eq!(shell_word(word), shell);
        }
    }

    #[test]
    fn a_vault_gives_its_units_a_name() {
        assert_eq!(name_of("/backup/My Vault/"), "my-vault");
        assert_eq!(name_of("s3://bucket/prefix"), "prefix");
        assert_eq!(name_of("///"), "vault");
    }

    #[test]
    fn only_what_it_wrote_is_touched() {
        let unit = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let ours = |text: &str| format!("{MARK}\n{text}");
        let units = [
            unit("a", &ours("1")),
            unit("b", &ours("1")),
            unit("c", &ours("1")),
        ];
        let there = [
            unit("b", &ours("1")),
            unit("c", &ours("2")),
            unit("d", &ours("1")),
            unit("e", "theirs"),
        ];
        let folder = Path::new("/units");
        let plan = changes(&units, &there, folder).expect("a plan");
        let plan: Vec<_> = plan
            .iter()
            .map(|(path, change)| (path.as_path(), *change))
            .collect();
        let expected = [
            ("/units/a", Change::Add),
            ("/units/b", Change::Keep),
            ("/units/c", Change::Replace),
            ("/units/d", Change::Remove),
        ];
        assert_eq!(
            plan,
            expected.map(|(path, change)| (Path::new(path), change))
        );
        assert!(changes(&units, &[unit("a", "theirs")], folder).is_err());
    }
}
