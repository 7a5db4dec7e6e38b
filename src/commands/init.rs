//! `firedrill init`: makes a vault.

use anyhow::Result;
use engine::format::keyslot::{DAY_SECONDS, Terms};
use serde_json::json;

use crate::cli::InitArgs;
use crate::exit::Exit;
use crate::{output, vault_access};

pub(crate) async fn run(args: &InitArgs, json: bool) -> Result<Exit> {
    let terms = if args.rehearsal {
        Terms::REHEARSAL
    } else {
        Terms {
            soft_delete_seconds: args.soft_delete * DAY_SECONDS,
            ..Terms::DEFAULT
        }
    };
    let vault = vault_access::create(&args.vault, terms).await?;
    let id = vault.keys().vault();
    if json {
        output::print_json(&json!({ "vault": id.to_string(), "location": args.vault.vault }))?;
    } else {
        output::print(&format!(
            "made vault {} in {}\nWithout the passphrase nobody can open it, you included: keep a \
             copy of it somewhere else, and\none of the file `vault` and the folder `keys` in it, a \
             few hundred bytes without which it does not open.\n",
            &id.to_string()[..8],
            args.vault.vault
        ))?;
        if args.rehearsal {
            output::warn("this is a vault to rehearse on: what is forgotten is gone in a minute");
        }
    }
    Ok(Exit::Met)
}
