//! `firedrill retention plan`: policies applied forward in time, to a vault's history or a scenario.

use anyhow::{Context, Result};
use engine::format::keyslot::Terms;
use engine::inventory::History;
use engine::retention::Policy;
use engine::units::Timestamp;
use engine::{Error, ErrorKind};
use reports::PriceBook;
use simulator::forecast::{self, Forecast, NamedPolicy, Request, Scenario};

use crate::cli::{PlanArgs, RetentionArgs, RetentionCommand, StatedArgs, VaultArgs};
use crate::exit::Exit;
use crate::{output, report, vault_access};

const DAY: u64 = 86_400;

pub(crate) async fn run(args: &RetentionArgs, json: bool) -> Result<Exit> {
    match &args.command {
        RetentionCommand::Plan(args) => plan(args, json).await,
    }
}

async fn plan(args: &PlanArgs, json: bool) -> Result<Exit> {
    // What can be wrong with the input is told before the work, not after it.
    let book = report::price_book(args.prices.as_deref())?;
    for redundancy in &args.redundancy {
        book.vault_price(*redundancy)?;
    }
    let forecast = match &args.vault {
        Some(vault) => of_vault(args, vault, &book).await?,
        None => of_scenario(args, &book)?,
    };
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("report folder {}", args.out.display()))?;
    let document = reports::write_forecast(&forecast, &book, &args.redundancy, &args.out)?;
    if json {
        output::print_json(&document)?;
    } else {
        let mut text = reports::forecast_summary(&document, report::terminal_width());
        text += &format!("Report: {}\n", args.out.join("plan.html").display());
        output::print(&text)?;
    }
    Ok(Exit::Met)
}

async fn of_vault(args: &PlanArgs, place: &str, book: &PriceBook) -> Result<Forecast> {
    let policies = policies(args, None)?;
    let vault = vault_access::open(&VaultArgs {
        vault: place.to_owned(),
        passphrase_file: args.passphrase_file.clone(),
        passphrase_command: args.passphrase_command.clone(),
        limit_upload: None,
        limit_download: None,
    })
    .await?;
    let catalog = vault_access::catalog(&vault).await?;
    let mut history = History::read(&vault, &catalog).await?;
    for error in &history.damaged {
        output::warn(&format!("left out of the plan: {error}"));
    }
    if let Some(name) = &args.instance {
        history
            .instances
            .retain(|instance| instance.instance == *name);
        if history.instances.is_empty() {
            let say = format!("no recovery point of '{name}': `firedrill points` lists them");
            return Err(Error::new(ErrorKind::NotFound, say).into());
        }
        history.shared_bytes = 0;
    }
    // A vault of version 1 has no terms: nothing is ever deleted from it. The plan is for its successor.
    let terms = vault.terms().unwrap_or(Terms::DEFAULT);
    let now = vault.world().clock.now();
    let request = request(args, place, (now, terms), policies, book);
    Ok(forecast::of_history(&history, &request)?)
}

fn of_scenario(args: &PlanArgs, book: &PriceBook) -> Result<Forecast> {
    let stated = &args.stated;
    let mut scenario = match &stated.scenario {
        Some(file) => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| Error::from_io(format!("scenario {name}"), error))?;
            let mut scenario = Scenario::parse(&name, &text)?;
            let stem = file.file_stem().unwrap_or(file.as_os_str());
            scenario
                .name
                .get_or_insert(stem.to_string_lossy().into_owned());
            scenario
        }
        None => Scenario::default(),
    };
    replace(&mut scenario, stated);
    let policies = policies(args, scenario.policy.take())?;
    let subject = scenario
        .name
        .clone()
        .unwrap_or_else(|| "stated data".to_owned());
    let now = jiff::Timestamp::now();
    let now = Timestamp {
        seconds: now.as_second(),
        nanos: 0,
    };
    let request = request(args, &subject, (now, Terms::DEFAULT), policies, book);
    Ok(forecast::of_scenario(&scenario, &request)?)
}

/// What a flag gives replaces the file's.
fn replace(scenario: &mut Scenario, stated: &StatedArgs) {
    scenario.size = stated.size.or(scenario.size);
    scenario.change = stated.change.or(scenario.change);
    scenario.growth = stated.growth.or(scenario.growth);
    scenario.compress = stated.compress.or(scenario.compress);
    scenario.working_set = stated.working_set.or(scenario.working_set);
    scenario.working_set_writes = stated.working_set_writes.or(scenario.working_set_writes);
    scenario.instances = stated.instances.or(scenario.instances);
    scenario.start = stated.start.clone().or(scenario.start.take());
    scenario.every = stated.every.or(scenario.every);
    scenario.method = stated.method.or(scenario.method);
    scenario.full_every = stated.full_every.or(scenario.full_every);
    scenario.soft_delete = stated.soft_delete.or(scenario.soft_delete);
    scenario.capacity = stated.capacity.or(scenario.capacity);
}

/// The policies of the command line, on top of the scenario's own.
fn policies(args: &PlanArgs, base: Option<Policy>) -> Result<Vec<NamedPolicy>> {
    let policies = args.keep.policies(base)?;
    if policies.is_empty() {
        let say =
            "say what to keep: --keep-daily 7 --keep-weekly 5 --keep-monthly 12, or --policy FILE";
        return Err(Error::new(ErrorKind::Invalid, say).into());
    }
    let named = policies
        .into_iter()
        .map(|(name, policy)| NamedPolicy { name, policy });
    Ok(named.collect())
}

fn request(
    args: &PlanArgs,
    subject: &str,
    (now, terms): (Timestamp, Terms),
    policies: Vec<NamedPolicy>,
    book: &PriceBook,
) -> Request {
    let stated = &args.stated;
    let free_days = book.soft_delete().map_or(0, |terms| terms.free_days);
    Request {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        command: report::command_line(),
        subject: subject.to_owned(),
        now,
        years: args.years,
        policies,
        semantics: args.semantics.clone(),
        soft_delete_seconds: stated
            .soft_delete
            .map_or(terms.soft_delete_seconds, |time| time.0),
        free_seconds: u64::from(free_days) * DAY,
        grace_seconds: terms.grace_seconds,
        capacity_bytes: stated.capacity.map(|bytes| bytes.0),
        seed: args.seed,
        every_seconds: stated.every.map(|time| time.0),
        method: stated.method,
        full_every: stated.full_every,
    }
}
