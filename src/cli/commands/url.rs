//! `dbmatrix url`.

use dbmatrix_report::event::Verdict;
use dbmatrix_run::database_url;

use crate::app::connect_flavour::{Reached, reach};
use crate::app::{Failure, Globals, privilege, say};
use crate::cli::args::UrlArgs;
use crate::cli::commands::nest_of;

/// Fails for a server that other programs reach only while dbmatrix runs.
pub(super) fn ensure_lasting(reached: &Reached) -> Result<(), Failure> {
    match reached.server.has_lasting_address() {
        true => Ok(()),
        false => Err(Failure::impossible(format!(
            "`{0}` has no address that outlives this command: its nest has `access = \"forward\"`; \
             `dbmatrix exec --flavour {0} -- COMMAND` runs a program that gets one",
            reached.flavour
        ))),
    }
}

/// Prints a flavour's URL, for frameworks.
pub(crate) async fn url(global: &Globals, args: &UrlArgs) -> Result<Verdict, Failure> {
    let nest = nest_of(&args.within, &[&args.flavour])?;
    privilege::ensure_engine_access(global).await?;
    let reached = reach(global, &args.flavour, nest.as_deref()).await?;
    ensure_lasting(&reached)?;
    let database = args.database.as_ref().or(reached.server.database.as_ref());
    say(database_url(
        &reached.server,
        database.map_or("", String::as_str),
    ));
    Ok(Verdict::Passed)
}
