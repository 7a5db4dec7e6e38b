//! `firedrill schedule`: prints, installs and removes what runs by itself.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use engine::{Error, ErrorKind};
use serde_json::json;

use crate::cli::ScheduleArgs;
use crate::exit::Exit;
use crate::output;
use crate::schedule::{
    Change, Job, Passphrase, Schedule, Scope, backup_arguments, changes, name_of,
};

pub(crate) fn run(args: &ScheduleArgs, json: bool) -> Result<Exit> {
    let scope = scope(args);
    let folder = folder(args, scope)?;
    let schedule = schedule(args)?;
    if args.units.cron {
        let lines = schedule.cron().map_err(|what| anyhow!(what))?;
        show(&schedule, json, &[], &lines)?;
        return Ok(Exit::Met);
    }
    let units = if args.units.remove {
        Vec::new()
    } else {
        schedule.units(scope)
    };
    if !args.units.install && !args.units.remove {
        let mut text = String::new();
        for (name, unit) in &units {
            text += &format!("# {}\n{unit}\n", folder.join(name).display());
        }
        show(&schedule, json, &[], &text)?;
        return Ok(Exit::Met);
    }
    let there = installed(&folder, &schedule.name)?;
    let changes = changes(&units, &there, &folder).map_err(|what| anyhow!(what))?;
    let pending = changes.iter().any(|(_, change)| *change != Change::Keep);
    if pending && !args.units.yes {
        confirm(&schedule, &changes)?;
    }
    for (path, change) in &changes {
        if *change == Change::Remove {
            control(args, scope, Some(path))?;
        }
        apply(path, *change, &units)?;
    }
    // Again even if no file changed: an installation that failed half way is finished by the next.
    start(args, scope, &changes)?;
    let text = told(&changes, args, scope);
    show(&schedule, json, &changes, &text)?;
    Ok(Exit::Met)
}

fn scope(args: &ScheduleArgs) -> Scope {
    if args.units.user || !(args.units.system || rustix::process::geteuid().is_root()) {
        Scope::User
    } else {
        Scope::System
    }
}

/// Where systemd looks for units.
fn folder(args: &ScheduleArgs, scope: Scope) -> Result<PathBuf> {
    if let Some(folder) = &args.units.unit_dir {
        return Ok(absolute(folder)?);
    }
    if scope == Scope::System {
        return Ok("/etc/systemd/system".into());
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let configuration = set("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || set("HOME").map(|home| Path::new(&home).join(".config"));
    let configuration = configuration
        .or_else(home)
        .context("HOME is not set: give --unit-dir")?;
    Ok(configuration.join("systemd/user"))
}

fn schedule(args: &ScheduleArgs) -> Result<Schedule> {
    let vault = if args.vault.vault.contains("://") {
        args.vault.vault.clone()
    } else {
        whole(Path::new(&args.vault.vault))?
    };
    let environment_file = args
        .units
        .environment_file
        .as_deref()
        .map(whole)
        .transpose()?;
    let passphrase = match (&args.vault.passphrase_file, &args.vault.passphrase_command) {
        (Some(file), _) => Passphrase::File(whole(file)?),
        (None, Some(command)) => Passphrase::Command(command.clone()),
        (None, None) if environment_file.is_some() || args.units.remove => Passphrase::Environment,
        (None, None) => bail!(
            "nobody is there at night to type the passphrase: give --passphrase-file, \
             --passphrase-command or an --environment-file with FIREDRILL_PASSPHRASE"
        ),
    };
    let name = args.units.name.clone().unwrap_or_else(|| name_of(&vault));
    if name_of(&name) != name.to_ascii_lowercase() {
        bail!("--name '{name}': use letters, digits and hyphens");
    }
    Ok(Schedule {
        name,
        program: whole(&std::env::current_exe().context("where firedrill is")?)?,
        vault,
        passphrase,
        environment_file,
        random_delay: args.units.random_delay,
        hook_timeout: args.options.hooks.hook_timeout,
        jobs: if args.units.remove {
            Vec::new()
        } else {
            jobs(args)?
        },
    })
}

fn jobs(args: &ScheduleArgs) -> Result<Vec<Job>> {
    let share = args.sample.strip_suffix('%');
    let share = share.and_then(|share| share.parse::<u8>().ok());
    if !share.is_some_and(|share| (1..=100).contains(&share)) {
        bail!("--sample '{}': write 1% to 100%", args.sample);
    }
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    let sources: Result<Vec<String>> = args.sources.iter().map(|at| whole(at)).collect();
    let mut jobs = vec![Job {
        verb: "backup",
        when: args.backup.clone(),
        arguments: backup_arguments(sources?, &args.options),
    }];
    if let Some(mut arguments) = args.keep.arguments()? {
        arguments.push("--yes".to_owned());
        jobs.push(Job {
            verb: "forget",
            when: args.forget.clone(),
            arguments,
        });
    }
    jobs.push(Job {
        verb: "prune",
        when: args.prune.clone(),
        arguments: words(&["--yes"]),
    });
    jobs.push(Job {
        verb: "check",
        when: args.check.clone(),
        arguments: words(&["--read-data"]),
    });
    jobs.push(Job {
        verb: "drill",
        when: args.drill.clone(),
        arguments: words(&["--sample", &args.sample]),
    });
    Ok(jobs)
}

/// A path that means the same from everywhere.
fn whole(path: &Path) -> Result<String> {
    let path = absolute(path).with_context(|| path.display().to_string())?;
    let text = path.into_os_string().into_string();
    text.map_err(|path| anyhow!("{}: a unit can only name a path in UTF-8", path.display()))
}

/// The units of this name that a folder has.
fn installed(folder: &Path, name: &str) -> Result<Vec<(String, String)>> {
    let unreadable = |error| Error::from_io(folder.display(), error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error).into()),
    };
    let mut found = Vec::new();
    for verb in ["backup", "forget", "prune", "check", "drill"] {
        // The timer first: it is stopped before its service goes.
        for end in ["timer", "service"] {
            found.push(format!("firedrill-{name}-{verb}.{end}"));
        }
    }
    let mut there = Vec::new();
    for entry in entries {
        let file = entry.map_err(unreadable)?.file_name();
        if let Some(file) = found.iter().find(|name| file.to_str() == Some(name)) {
            let text = std::fs::read(folder.join(file)).map_err(unreadable)?;
            there.push((file.clone(), String::from_utf8_lossy(&text).into_owned()));
        }
    }
    there.sort_by_key(|(file, _)| found.iter().position(|name| name == file));
    Ok(there)
}

fn confirm(schedule: &Schedule, changes: &[(PathBuf, Change)]) -> Result<()> {
    let mut err = std::io::stderr().lock();
    writeln!(err, "{}{}", list(changes), schedule.summary())?;
    if !std::io::stdin().is_terminal() {
        bail!("nothing was changed: pass --yes to do it");
    }
    writeln!(err, "Do it? [y/N]")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("y") {
        return Ok(());
    }
    bail!("nothing was changed")
}

/// Writes or removes one file, wholly or not at all.
fn apply(path: &Path, change: Change, units: &[(String, String)]) -> Result<()> {
    let failed = |error| Error::from_io(path.display(), error);
    match change {
        Change::Keep => {}
        Change::Remove => std::fs::remove_file(path).map_err(failed)?,
        Change::Add | Change::Replace => {
            let folder = path.parent().context("a unit lies in a folder")?;
            let name = path.file_name().and_then(|name| name.to_str());
            let unit = units.iter().find(|(unit, _)| Some(unit.as_str()) == name);
            let (_, text) = unit.context("a unit to write")?;
            std::fs::create_dir_all(folder).map_err(failed)?;
            let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(open).map_err(failed)?;
            file.write_all(text.as_bytes()).map_err(failed)?;
            file.persist(path).map_err(|error| failed(error.error))?;
        }
    }
    Ok(())
}

/// Has systemd read the units, and starts the timers.
fn start(args: &ScheduleArgs, scope: Scope, changes: &[(PathBuf, Change)]) -> Result<()> {
    if args.units.unit_dir.is_some() || changes.is_empty() {
        return Ok(());
    }
    control(args, scope, None)?;
    let timers = changes
        .iter()
        .filter(|(_, change)| *change != Change::Remove);
    let timers: Vec<&Path> = timers
        .map(|(path, _)| path.as_path())
        .filter(|path| is_timer(path))
        .collect();
    for timer in timers {
        systemctl(scope, &["enable", "--now"], Some(timer))?;
    }
    Ok(())
}

/// Stops a timer that is to go; without one, has systemd read the units again.
fn control(args: &ScheduleArgs, scope: Scope, gone: Option<&Path>) -> Result<()> {
    match gone {
        _ if args.units.unit_dir.is_some() => Ok(()),
        Some(path) if is_timer(path) => systemctl(scope, &["disable", "--now"], Some(path)),
        Some(_) => Ok(()),
        None => systemctl(scope, &["daemon-reload"], None),
    }
}

fn is_timer(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "timer")
}

fn systemctl(scope: Scope, arguments: &[&str], unit: Option<&Path>) -> Result<()> {
    let mut command = Command::new("systemctl");
    if scope == Scope::User {
        command.arg("--user");
    }
    command.args(arguments).args(unit.and_then(Path::file_name));
    let said = match command.output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let what = format!(
        "`systemctl {}` failed ({said}): see that systemd runs here and run this again, or take --cron",
        arguments.join(" ")
    );
    Err(Error::new(ErrorKind::Unavailable, what).into())
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Add => "add",
        Change::Replace => "replace",
        Change::Keep => "keep",
        Change::Remove => "remove",
    }
}

fn list(changes: &[(PathBuf, Change)]) -> String {
    let line =
        |(path, change): &(PathBuf, Change)| format!("{:<8} {}\n", word(*change), path.display());
    changes.iter().map(line).collect()
}

fn told(changes: &[(PathBuf, Change)], args: &ScheduleArgs, scope: Scope) -> String {
    let mut text = list(changes);
    if changes.is_empty() {
        text += "nothing is installed for this vault\n";
    } else if args.units.unit_dir.is_some() {
        text +=
            "nothing was started: `systemctl daemon-reload` and `systemctl enable --now` do that\n";
    } else if !args.units.remove {
        text += match scope {
            Scope::System => "the timers run: `systemctl list-timers 'firedrill-*'` shows them\n",
            Scope::User => {
                "the timers run while you are logged in, and always after `loginctl enable-linger`: \
                 `systemctl --user list-timers 'firedrill-*'` shows them\n"
            }
        };
    }
    text
}

fn show(schedule: &Schedule, json: bool, changes: &[(PathBuf, Change)], text: &str) -> Result<()> {
    if !json {
        return output::print(text);
    }
    let jobs = schedule.jobs.iter().map(|job| {
        json!({
            "job": job.verb,
            "when": job.when.to_string(),
            "calendar": job.when.on_calendar(),
            "cron": job.when.cron(),
            "command": schedule.typed(job),
        })
    });
    let files = changes.iter();
    let files = files.map(|(path, change)| json!({ "path": path, "change": word(*change) }));
    output::print_json(&json!({
        "name": schedule.name,
        "vault": schedule.vault,
        "jobs": jobs.collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
        "text": text,
    }))
}
