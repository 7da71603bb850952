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
    let database = args.database.as_deref().unwrap_or_default();
    say(database_url(&reached.server, database));
    Ok(Verdict::Passed)
}
