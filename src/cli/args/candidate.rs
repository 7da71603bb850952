//! What a shell completes: the flavours that are up.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use dbmatrix_containers::nest::labels;

use crate::app::Globals;
use crate::app::connect_flavour::flavours_awake;

/// A person waits with a finger on a key.
const PATIENCE: Duration = Duration::from_secs(1);

/// The flavours that are up. Nothing is asked of sudo and nothing is said: who
/// may not look sees none.
pub(super) fn flavours() -> Vec<CompletionCandidate> {
    let names = names_in_time().into_iter();
    names.map(CompletionCandidate::new).collect()
}

fn names_in_time() -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let names = runtime.block_on(async { tokio::time::timeout(PATIENCE, names()).await });
    names.unwrap_or_default()
}

/// Flavours and files of this machine, as sides of a copy.
pub(super) fn sides(typed: &OsStr) -> Vec<CompletionCandidate> {
    let files = PathCompleter::any().complete(typed);
    let typed = typed.to_string_lossy();
    let sides = names_in_time().into_iter().map(|name| format!("{name}:/"));
    let sides = sides.filter(|side| side.starts_with(&*typed));
    sides.map(CompletionCandidate::new).chain(files).collect()
}

async fn names() -> Vec<String> {
    let variable = |name: &str| std::env::var(name).ok();
    let global = Globals {
        engine: variable("DBMATRIX_ENGINE")
            .and_then(|text| text.parse().ok())
            .unwrap_or_default(),
        project: variable("DBMATRIX_PROJECT").unwrap_or_else(|| "dbmatrix".to_owned()),
        verbose: 0,
    };
    let all = flavours_awake(&global).await.unwrap_or_default();
    let all: Vec<(&str, &str)> = all
        .iter()
        .map(|(nest, name)| (nest.as_str(), name.as_str()))
        .collect();
    labels(&all)
}
