//! Failover and what belongs to it: each asks the process that plays the site's role.

mod from_vault;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::cli::{
    FailbackArgs, FailoverArgs, PointArgs, ReprotectArgs, StateArgs, StatusArgs, TestFailoverArgs,
};
use crate::exit::Exit;
use crate::hook;
use crate::output::{self, span, warn};
use crate::site::{Request, call, describe, offline};

pub(crate) async fn run(args: &FailoverArgs, json: bool) -> Result<Exit> {
    let folder = &args.state.state;
    if args.planned {
        return hand_over(folder, args.timeout, args.yes, json).await;
    }
    let both = match args.also.vault() {
        Some(vault) => match from_vault::run(args, &vault, json).await? {
            from_vault::Done::Over(exit) => return Ok(exit),
            from_vault::Done::Replica(both) => Some(both),
        },
        None => None,
    };
    if !args.yes {
        let (status, _) = call(folder, &Request::Status).await?;
        let newest = status["newest_point"]["captured"]
            .as_str()
            .unwrap_or("none");
        let mut question = format!(
            "Take over at the point '{}' (the newest is of {newest})? What was written after it at the other site is \
             lost, and that site may not write any more.",
            args.point
        );
        if status["connected"] == serde_json::json!(true) {
            question += " THE OTHER SITE IS CONNECTED AND ALIVE: a planned failover there (`firedrill failover STATE \
                --planned`) loses nothing.";
        }
        output::confirm(&question)?;
    }
    let (mut told, _) = call(
        folder,
        &Request::Failover {
            point: args.point.clone(),
            without_witness: args.without_witness,
        },
    )
    .await?;
    if let Some(both) = both {
        told["chosen"] = both.document();
    }
    taken_over(folder, &told, json)
}

/// Tells that this site is active now.
fn taken_over(folder: &Path, told: &Value, json: bool) -> Result<Exit> {
    if json {
        output::print_json(told)?;
    } else {
        let rpo = told["rpo_seconds"].as_f64().unwrap_or(0.0);
        output::print(&format!(
            "this site is active, with its disks as of {}: {} before the failover. Look at what runs here; then `firedrill \
             commit {}`, or `firedrill failover` to another point.\n",
            told["captured"].as_str().unwrap_or_default(),
            span(Duration::from_secs_f64(rpo)),
            folder.display()
        ))?;
    }
    Ok(Exit::Met)
}

async fn hand_over(folder: &Path, timeout: Duration, yes: bool, json: bool) -> Result<Exit> {
    if !yes {
        output::confirm("Stop writes here, send what is left, and have the other site take over?")?;
    }
    let request = Request::HandOver {
        timeout_seconds: timeout.as_secs().max(1),
    };
    let (told, _) = call(folder, &request).await?;
    if json {
        output::print_json(&told)?;
    } else {
        output::print(&format!(
            "the other site is active in generation {}, with everything that was written here\n",
            told["generation"]
        ))?;
    }
    Ok(Exit::Met)
}

pub(crate) async fn fail_back(args: &FailbackArgs, json: bool) -> Result<Exit> {
    hand_over(&args.state.state, args.timeout, args.yes, json).await
}

pub(crate) async fn test(args: &TestFailoverArgs, json: bool) -> Result<Exit> {
    let serve = match &args.serve.0 {
        engine::replication::nbd::Address::Unix(path) => {
            format!("unix:{}", std::path::absolute(path)?.display())
        }
        engine::replication::nbd::Address::Tcp(address) => format!("tcp:{address}"),
    };
    let request = Request::TestFailover {
        point: args.point.clone(),
        serve: serve.clone(),
    };
    let (told, _held) = call(&args.state.state, &request).await?;
    if json {
        output::print_json(&told)?;
    } else {
        output::print(&format!(
            "a writable copy of the point of {} is served at {serve}; replication goes on\n",
            told["captured"].as_str().unwrap_or_default()
        ))?;
    }
    let Some(command) = &args.run else {
        warn("until this is interrupted");
        tokio::signal::ctrl_c().await?;
        return Ok(Exit::Met);
    };
    let uri = match serve.split_once(':') {
        Some(("unix", path)) => format!("nbd+unix:///?socket={path}"),
        _ => serve.replacen("tcp:", "nbd://", 1),
    };
    let status = tokio::process::Command::new("sh")
        .args(["-c", command])
        .env("FIREDRILL_NBD", uri)
        .stdin(Stdio::null())
        .status()
        .await?;
    if !status.success() {
        warn(&format!("the test failed: {status}"));
        return Ok(Exit::Missed);
    }
    Ok(Exit::Met)
}

pub(crate) async fn commit(args: &StateArgs, json: bool) -> Result<Exit> {
    let (told, _) = call(&args.state, &Request::Commit).await?;
    show(
        &told,
        json,
        "committed: every other point is given up. `firedrill reprotect` protects this site again",
    )
}

pub(crate) async fn reprotect(args: &ReprotectArgs, json: bool) -> Result<Exit> {
    let (told, _) = call(
        &args.state.state,
        &Request::Reprotect {
            to: args.to.clone(),
        },
    )
    .await?;
    show(
        &told,
        json,
        "sending to the other site from now on, only what differs; see `firedrill status`",
    )
}

pub(crate) async fn status(args: &StatusArgs, json: bool) -> Result<Exit> {
    let folder = &args.state.state;
    let document = match call(folder, &Request::Status).await {
        Ok((document, _)) => document,
        Err(_) => offline(folder).await?,
    };
    if json {
        output::print_json(&document)?;
    } else {
        output::print(&describe(&document))?;
    }
    let Some(limit) = args.alert_rpo else {
        return Ok(Exit::Met);
    };
    let rpo = document["rpo_seconds"].as_f64();
    let met = rpo.is_some_and(|rpo| rpo <= limit.as_secs_f64());
    Ok(if met { Exit::Met } else { Exit::Missed })
}

pub(crate) async fn point(args: &PointArgs, json: bool) -> Result<Exit> {
    let folder = &args.state.state;
    let (Some(freeze), Some(thaw)) = (&args.freeze, &args.thaw) else {
        let (told, _) = call(folder, &Request::Point { application: false }).await?;
        return show(&told, json, "a crash-consistent point is marked");
    };
    let started = std::time::Instant::now();
    let frozen = hook::run("freeze", freeze, args.hold_timeout, &[]).await;
    let marked = match &frozen.failure {
        None if started.elapsed() < args.hold_timeout => {
            call(folder, &Request::Point { application: true })
                .await
                .map(|_| true)
        }
        _ => call(folder, &Request::Point { application: false })
            .await
            .map(|_| false),
    };
    // Whatever happened, the application goes on.
    let thawed = hook::run("thaw", thaw, args.hold_timeout, &[]).await;
    let held = marked?;
    for ran in [&frozen, &thawed] {
        if let Some(why) = &ran.failure {
            warn(&format!("the hook --{} failed: {why}", ran.hook));
        }
    }
    if held {
        show(
            &serde_json::json!({ "marked": true, "consistency": "application" }),
            json,
            "an application-consistent point is marked",
        )?;
        return Ok(if thawed.failure.is_some() {
            Exit::Missed
        } else {
            Exit::Met
        });
    }
    show(
        &serde_json::json!({ "marked": true, "consistency": "crash" }),
        json,
        "only a crash-consistent point is marked",
    )?;
    Ok(Exit::Missed)
}

fn show(told: &Value, json: bool, text: &str) -> Result<Exit> {
    if json {
        output::print_json(told)?;
    } else {
        output::print(&format!("{text}\n"))?;
    }
    Ok(Exit::Met)
}
