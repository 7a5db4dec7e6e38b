//! `firedrill recover`: many sites fail over by a plan: groups in order, sites of a group at once, commands and
//! manual steps between.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use engine::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::cli::RecoverArgs;
use crate::exit::Exit;
use crate::hook;
use crate::output::{self, confirm, parse_span, span, warn};
use crate::site::{Request, call};

/// Azure Site Recovery has as many groups and machines in a plan at most; more would be no plan that people follow.
const GROUPS_MAX: usize = 100;

/// A recovery plan, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    name: String,
    group: Vec<Group>,
}

/// What fails over at once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    /// A command to run before.
    before: Option<String>,
    /// The replicas' folders.
    sites: Vec<PathBuf>,
    /// Something that a person does, before `after`.
    manual: Option<String>,
    /// A command to run after.
    after: Option<String>,
    /// How long each command may take.
    timeout: Option<String>,
}

/// What was done.
struct Course {
    began: Instant,
    steps: Vec<Value>,
    /// Connections that test failovers live by.
    held: Vec<UnixStream>,
}

impl Course {
    fn note(&mut self, group: &str, step: &str, since: Instant, failure: Option<&str>) {
        let (at, took) = (since - self.began, since.elapsed());
        let result = failure.unwrap_or("done");
        warn(&format!(
            "{:>8}  {group}: {step}: {result} ({})",
            span(at),
            span(took)
        ));
        self.steps.push(json!({
            "group": group, "step": step, "at_seconds": at.as_secs_f64(), "seconds": took.as_secs_f64(), "result": result,
        }));
    }
}

pub(crate) async fn run(args: &RecoverArgs, json: bool) -> Result<Exit> {
    let plan = read(args)?;
    if !args.test && !args.yes {
        let sites: usize = plan.group.iter().map(|group| group.sites.len()).sum();
        confirm(&format!(
            "Fail over {sites} site(s) in {} group(s) by the plan '{}', each at its point '{}'?",
            plan.group.len(),
            plan.name,
            args.point
        ))?;
    }
    let mut course = Course {
        began: Instant::now(),
        steps: Vec::new(),
        held: Vec::new(),
    };
    let mut failed = None;
    for group in &plan.group {
        if !play(args, group, &mut course).await? {
            failed = Some(&group.name);
            break;
        }
    }
    let took = course.began.elapsed();
    if json {
        output::print_json(&json!({
            "plan": plan.name,
            "test": args.test,
            "recovered": failed.is_none(),
            "failed_group": failed,
            "seconds": took.as_secs_f64(),
            "steps": course.steps,
        }))?;
    } else {
        let how = if args.test { "tested" } else { "recovered" };
        output::print(&match failed {
            None => format!("'{}' {how} in {}\n", plan.name, span(took)),
            Some(group) => format!(
                "stopped at the group '{group}' after {}: mend it and run the plan again; sites that are active are \
                 passed over\n",
                span(took)
            ),
        })?;
    }
    Ok(if failed.is_none() {
        Exit::Met
    } else {
        Exit::Missed
    })
}

fn read(args: &RecoverArgs) -> Result<Plan> {
    let name = args.plan.display();
    let text =
        std::fs::read_to_string(&args.plan).with_context(|| format!("failed to read {name}"))?;
    let plan: Plan = toml::from_str(&text)
        .map_err(|error| Error::new(ErrorKind::Invalid, format!("{name}: {error}")))?;
    let wrong =
        |what: String| Err(Error::new(ErrorKind::Invalid, format!("{name}: {what}")).into());
    if plan.group.is_empty() || plan.group.len() > GROUPS_MAX {
        return wrong(format!("a plan has 1 to {GROUPS_MAX} groups"));
    }
    for group in &plan.group {
        if group.sites.is_empty()
            && group.manual.is_none()
            && group.before.is_none()
            && group.after.is_none()
        {
            return wrong(format!("the group '{}' does nothing", group.name));
        }
        limit(group).map_err(|why| {
            Error::new(
                ErrorKind::Invalid,
                format!("{name}: group '{}': {why}", group.name),
            )
        })?;
    }
    Ok(plan)
}

fn limit(group: &Group) -> Result<Duration, String> {
    group
        .timeout
        .as_deref()
        .map_or(Ok(Duration::from_mins(10)), parse_span)
}

/// Plays one group; false where a step failed.
async fn play(args: &RecoverArgs, group: &Group, course: &mut Course) -> Result<bool> {
    if !command("before", group.before.as_deref(), group, course).await {
        return Ok(false);
    }
    let since = Instant::now();
    let all = group.sites.iter().map(|site| take_over(args, site));
    let mut met = true;
    for (site, taken) in group.sites.iter().zip(futures::future::join_all(all).await) {
        let step = format!("failover of {}", site.display());
        match taken {
            Ok(held) => {
                course.held.extend(held);
                course.note(&group.name, &step, since, None);
            }
            Err(error) => {
                met = false;
                course.note(&group.name, &step, since, Some(&format!("{error:#}")));
            }
        }
    }
    if !met {
        return Ok(false);
    }
    if let Some(manual) = &group.manual {
        let since = Instant::now();
        let done = if args.test {
            warn(&format!("a person would: {manual}"));
            Ok(())
        } else {
            confirm(&format!("{}: {manual} -- done?", group.name))
        };
        let failure = done.err().map(|error| error.to_string());
        course.note(&group.name, manual, since, failure.as_deref());
        if failure.is_some() {
            return Ok(false);
        }
    }
    Ok(command("after", group.after.as_deref(), group, course).await)
}

/// Has one site take over; a test's connection is its life.
async fn take_over(args: &RecoverArgs, site: &std::path::Path) -> Result<Option<UnixStream>> {
    if args.test {
        let serve = format!(
            "unix:{}",
            std::path::absolute(site.join("test.sock"))?.display()
        );
        let (_, held) = call(
            site,
            &Request::TestFailover {
                point: args.point.clone(),
                serve,
            },
        )
        .await?;
        return Ok(Some(held));
    }
    let (status, _) = call(site, &Request::Status).await?;
    if status["role"] != json!("active") {
        call(
            site,
            &Request::Failover {
                point: args.point.clone(),
                without_witness: false,
            },
        )
        .await?;
    }
    Ok(None)
}

async fn command(
    which: &'static str,
    command: Option<&str>,
    group: &Group,
    course: &mut Course,
) -> bool {
    let Some(command) = command else {
        return true;
    };
    let since = Instant::now();
    let limit = limit(group).unwrap_or(Duration::from_mins(10));
    let ran = hook::run(
        which,
        command,
        limit,
        &[("FIREDRILL_GROUP", group.name.clone())],
    )
    .await;
    course.note(&group.name, which, since, ran.failure.as_deref());
    ran.failure.is_none()
}
