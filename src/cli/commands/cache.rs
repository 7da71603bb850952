//! `dbmatrix cache`.

mod restore;
mod save;

use dbmatrix_flavours::provision::cache_key;
use dbmatrix_report::event::Verdict;

use crate::app::matrix_file::{load_lock, load_matrix};
use crate::app::{Failure, Globals, say};
use crate::cli::args::{CacheCommand, CacheKeyArgs};

/// Runs a command about caches.
pub(crate) async fn cache(global: &Globals, command: &CacheCommand) -> Result<Verdict, Failure> {
    match command {
        CacheCommand::Key(args) => print_key(args),
        CacheCommand::Save(args) => save::save(global, args).await,
        CacheCommand::Restore(args) => restore::restore(global, args).await,
    }
}

fn print_key(args: &CacheKeyArgs) -> Result<Verdict, Failure> {
    let matrix = load_matrix(&args.matrix)?;
    say(cache_key(&matrix, &load_lock(&matrix)?));
    Ok(Verdict::Passed)
}
