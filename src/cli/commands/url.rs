//! `dbmatrix url`.

use dbmatrix_report::event::Verdict;
use dbmatrix_run::database_url;

use crate::app::connect_flavour::reach;
use crate::app::{Failure, Globals, privilege, say};
use crate::cli::args::UrlArgs;
use crate::cli::commands::nest_of;

/// Prints a flavour's URL, for frameworks.
pub(crate) async fn url(global: &Globals, args: &UrlArgs) -> Result<Verdict, Failure> {
    let nest = nest_of(&args.within, &[&args.flavour])?;
    privilege::ensure_engine_access(global).await?;
    let reached = reach(global, &args.flavour, nest.as_deref()).await?;
    let database = args.database.as_ref().or(reached.server.database.as_ref());
    say(database_url(
        &reached.server,
        database.map_or("", String::as_str),
    ));
    Ok(Verdict::Passed)
}
