//! `dbmatrix prune`.

use std::path::Path;

use bytesize::ByteSize;
use dbmatrix_containers::host::{EngineProbe, Names, detect_engine};
use dbmatrix_containers::name::nest_lock;
use dbmatrix_containers::nest::{Pruned, Pruning, prune as prune_nest, wake_nests};
use dbmatrix_engine::Engine;
use dbmatrix_flavours::matrix::Flavour;
use dbmatrix_flavours::provision::template_keys;
use dbmatrix_report::event::{Sender, Verdict};
use dbmatrix_report::{Progress, drive};
use dbmatrix_run::Lock;

use crate::app::matrix_file::{load_lock, load_matrix};
use crate::app::{Failure, Globals, privilege, say};
use crate::cli::args::PruneArgs;

/// Removes everything unused from all nests.
pub(crate) async fn prune(global: &Globals, args: &PruneArgs) -> Result<Verdict, Failure> {
    let mut wanted = Vec::new();
    for path in &args.keep {
        wanted.extend(keys_of_matrix(path)?);
    }
    privilege::ensure_engine_access(global).await?;
    let found = detect_engine(&global.engine).await;
    let EngineProbe::Running(engine) = &found else {
        say(format_args!("{found}: nothing to remove"));
        return Ok(Verdict::Passed);
    };
    let pruning = match args.dry_run {
        true => Pruning::Tell,
        false => Pruning::Remove,
    };
    let (events, heard) = Sender::channel();
    let reporter = tokio::spawn(drive(heard, Progress::quiet()));
    let pruned = prune_all(engine, global, &wanted, pruning, &events).await;
    drop(events);
    let _ = reporter.await;
    print_pruned(&pruned?, pruning);
    Ok(Verdict::Passed)
}

/// The keys of the golden children that a matrix needs, without and with the versions of
/// the lock beside it.
fn keys_of_matrix(path: &Path) -> Result<Vec<String>, Failure> {
    let matrix = load_matrix(path)?;
    let lock = load_lock(&matrix)?;
    let mut keys = Vec::new();
    for flavour in matrix.flavours.iter().flat_map(Flavour::servers) {
        let Some(managed) = flavour.managed() else {
            continue;
        };
        let suites = matrix.suites.iter();
        let suites = suites.filter(|suite| suite.flavours.contains(&flavour.name));
        for suite in suites.filter(|suite| !suite.setup.is_empty()) {
            keys.extend(template_keys(&managed.for_suite(&suite.setup)));
        }
        keys.extend(template_keys(managed));
        if let Some(locked) = lock.get(&flavour.name) {
            let mut managed = managed.clone();
            managed.locked = Some(locked.clone());
            keys.extend(template_keys(&managed));
        }
    }
    Ok(keys)
}

async fn prune_all(
    engine: &Engine,
    global: &Globals,
    wanted: &[String],
    pruning: Pruning,
    events: &Sender,
) -> Result<Vec<Pruned>, Failure> {
    let names = Names::of(&global.project);
    let inside = engine.in_project(&names.project);
    let mut pruned = Vec::new();
    let nests = wake_nests(engine, &names, None).await;
    for nest in nests.map_err(Failure::not_provided)? {
        let lock = Lock::take(&nest_lock(&names.project, &nest.name), events).await;
        let _held = lock.map_err(Failure::not_provided)?;
        let of_nest = prune_nest(&inside, &nest, wanted, pruning).await;
        pruned.extend(of_nest.map_err(Failure::not_provided)?);
    }
    Ok(pruned)
}

fn print_pruned(pruned: &[Pruned], pruning: Pruning) {
    if pruned.is_empty() {
        say("nothing is there that nothing uses");
        return;
    }
    let size = |bytes: u64| ByteSize(bytes).display().iec();
    let word = match pruning {
        Pruning::Remove => "removed",
        Pruning::Tell => "would remove",
    };
    for one in pruned {
        match one.disk {
            Some(bytes) => say(format_args!("{word} {}, {}", one.what, size(bytes))),
            None => say(format_args!("{word} {}", one.what)),
        }
    }
    let all: u64 = pruned.iter().filter_map(|one| one.disk).sum();
    say(format_args!("{} in all, and images", size(all)));
}

#[cfg(test)]
mod tests {
    use dbmatrix_flavours::matrix::MatrixLock;

    use super::*;

    #[test]
    fn golden_children_of_a_lock_are_needed_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m.toml");
        let text = "[[flavour]]\nserver = \"mariadb:10.11\"\nname = \"a\"\n";
        std::fs::write(&path, text).expect("a matrix");
        let plain = keys_of_matrix(&path).expect("keys");
        let mut lock = MatrixLock::default();
        let package = "mariadb-server=1:10.11.6-1".parse().expect("a package");
        lock.set("a", "mariadb:10.11".to_owned(), vec![package]);
        std::fs::write(MatrixLock::path_of(&path), lock.to_text()).expect("a lock");
        let both = keys_of_matrix(&path).expect("keys");
        assert_eq!(both[..plain.len()], plain);
        assert_eq!(both.len(), 2 * plain.len());
        assert_ne!(both[plain.len()..], plain);
    }
}
