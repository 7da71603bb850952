//! `dbmatrix url`.

use super::args::GlobalArgs;
use super::hand::UrlArgs;
use super::reach::reach;
use super::{Failure, privilege, say};
use crate::event::Verdict;
use crate::run::database_url;

/// Prints where a flavour is, for frameworks.
pub(super) async fn url(global: &GlobalArgs, args: &UrlArgs) -> Result<Verdict, Failure> {
    privilege::ensure_engine_access(global).await?;
    let reached = reach(global, &args.flavour, args.nest.as_deref()).await?;
    let database = args.database.as_deref().unwrap_or_default();
    say(database_url(&reached.server, database));
    Ok(Verdict::Passed)
}
