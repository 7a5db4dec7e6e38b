//! `firedrill undelete`: brings forgotten points back.

use anyhow::Result;
use engine::deletion;
use engine::ids::PointId;
use engine::vault::Catalog;
use engine::{Error, ErrorKind};
use serde_json::json;

use crate::cli::UndeleteArgs;
use crate::exit::Exit;
use crate::output;
use crate::vault_access;

pub(crate) async fn run(args: &UndeleteArgs, json: bool) -> Result<Exit> {
    let vault = vault_access::open(&args.vault).await?;
    let catalog = vault_access::catalog(&vault).await?;
    let mut points = Vec::new();
    if args.all {
        let now = vault_access::store_now(&vault).await;
        let terms = vault.terms()?;
        let deleted = catalog.deleted().iter();
        let in_time = deleted.filter(|deleted| deleted.until(terms) > now);
        points.extend(in_time.map(|deleted| deleted.point.id));
    }
    for name in &args.points {
        points.push(deleted(&catalog, name)?);
    }
    deletion::undelete(&vault, &points, &vault_access::holder()).await?;
    if json {
        let points: Vec<_> = points.iter().map(ToString::to_string).collect();
        let asked = output::requests(vault.world().meter.read());
        output::print_json(&json!({ "undeleted": points, "requests": asked }))?;
    } else {
        let mut text = String::new();
        for point in &points {
            text += &format!("brought back point {}\n", point.short());
        }
        if points.is_empty() {
            text += "nothing was deleted\n";
        }
        output::print(&text)?;
    }
    Ok(Exit::Met)
}

fn deleted(catalog: &Catalog, name: &str) -> Result<PointId> {
    let deleted = catalog.deleted().iter().map(|deleted| deleted.point.id);
    let mut matching = deleted.filter(|id| id.to_string().starts_with(name));
    let (kind, say) = match (matching.next(), matching.next()) {
        (Some(id), None) => return Ok(id),
        (Some(_), Some(_)) => (
            ErrorKind::Invalid,
            format!("several deleted points begin with '{name}': give more of the id"),
        ),
        (None, _) => (
            ErrorKind::NotFound,
            format!("no deleted point '{name}': `firedrill points --deleted` lists them"),
        ),
    };
    Err(Error::new(kind, say).into())
}
