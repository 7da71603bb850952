//! `dbmatrix lock`.

use dbmatrix_config::ConfigError;
use dbmatrix_containers::name::replica as replica_name;
use dbmatrix_flavours::matrix::{Flavour, Matrix, MatrixLock};
use dbmatrix_flavours::plan::Plan;
use dbmatrix_flavours::provision::StartFrom;
use dbmatrix_platform::whole_file::{Replaced, replace_file};
use dbmatrix_report::event::Verdict;
use dbmatrix_run::RunOptions;

use crate::app::matrix_file::load_matrix;
use crate::app::prepare::prepare;
use crate::app::task::{Task, plan, provide_for};
use crate::app::{Failure, Globals, eprintln, say};
use crate::cli::args::LockArgs;

/// Brings the flavours up and writes down their exact versions.
pub(crate) async fn lock(global: &Globals, args: &LockArgs) -> Result<Verdict, Failure> {
    let matrix = load_matrix(&args.up.matrix)?;
    let mut plan = plan(&matrix, &args.up.selection())?;
    plan.suite_runs.clear();
    leave_out_external(&mut plan, args)?;
    let path = MatrixLock::path_of(&matrix.path);
    let mut lock = match MatrixLock::load(&path) {
        Ok(lock) => lock,
        Err(ConfigError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            MatrixLock::default()
        }
        Err(error) => return Err(Failure::misused(error.lines().join("\n"))),
    };
    let managed = matrix.flavours.iter().filter(|one| one.managed().is_some());
    let servers = managed.flat_map(Flavour::servers);
    let names: Vec<String> = servers.map(|one| one.name.clone()).collect();
    let options = RunOptions {
        freshness: StartFrom::Existing,
        ..RunOptions::default()
    };
    let prepared = prepare(&plan, options)?;
    let task = Task {
        yes: args.up.yes,
        ..Task::new(matrix, plan, prepared)
    };
    let record = provide_for(global, &task).await?;
    if record.verdict() != Verdict::Passed {
        return Ok(record.verdict());
    }
    for (name, server) in record.servers() {
        lock.set(name, server.version.clone(), server.packages.clone());
        for (replica, number) in server.replicas.iter().zip(1..) {
            let (name, packages) = (replica_name(name, number), replica.packages.clone());
            lock.set(&name, replica.version.clone(), packages);
        }
    }
    lock.retain(|name| names.iter().any(|known| known == name));
    let written = replace_file(&path, lock.to_text().as_bytes()).map_err(|error| {
        Failure::not_provided(format!("could not write `{}`: {error}", path.display()))
    })?;
    match written {
        Replaced::Unchanged => say(format_args!("{} is as it was", path.display())),
        Replaced::Created | Replaced::Changed => say(format_args!("wrote {}", path.display())),
    }
    Ok(Verdict::Passed)
}

/// An external server has no packages to write down.
fn leave_out_external(plan: &mut Plan, args: &LockArgs) -> Result<(), Failure> {
    plan.flavours.retain(|flavour| {
        let is_external = flavour.external().is_some();
        if is_external {
            let name = &flavour.name;
            eprintln!("warning: `{name}` is an external server, which has no packages to lock: it is left out");
        }
        !is_external
    });
    match plan.flavours.is_empty() {
        false => Ok(()),
        true => Err(Failure::misused(format!(
            "`{}` has no flavour to lock: external servers have no packages",
            args.up.matrix.display()
        ))),
    }
}

/// Makes a plan require the exact versions in the matrix's lock file. Omits a flavour
/// that is not required and was not available when the file was written.
pub(crate) fn insist(matrix: &Matrix, strict: bool, plan: &mut Plan) -> Result<(), Failure> {
    let path = MatrixLock::path_of(&matrix.path);
    let lock = match MatrixLock::load(&path) {
        Ok(lock) => lock,
        Err(error @ ConfigError::Read { .. }) => {
            let hint = format!("`dbmatrix lock {}` writes it", matrix.path.display());
            return Err(Failure::misused(format!("{error}; {hint}")));
        }
        Err(error) => return Err(Failure::misused(error.lines().join("\n"))),
    };
    plan.flavours.retain(|flavour| {
        let is_external = flavour.external().is_some();
        let is_wanted =
            is_external || flavour.required || strict || lock.get(&flavour.name).is_some();
        if !is_wanted {
            let name = &flavour.name;
            eprintln!("warning: `{name}` is not locked and not required: it is left out");
        }
        is_wanted
    });
    let left = &plan.flavours;
    plan.suite_runs
        .retain(|cell| left.iter().any(|flavour| flavour.name == cell.flavour));
    for flavour in &mut plan.flavours {
        let flavour_name = flavour.name.clone();
        flavour.change_servers(|name, managed| {
            let Some(locked) = lock.get(name) else {
                return Err(Failure::misused(format!(
                    "`{}` says nothing of `{name}`; `dbmatrix lock {} --flavour {flavour_name}` adds it",
                    path.display(),
                    matrix.path.display(),
                )));
            };
            managed.locked = Some(locked.clone());
            Ok(())
        })?;
    }
    Ok(())
}
