//! Hands the remaining work after a run's verdict to a keeper.

use std::ffi::OsString;

use dbmatrix_containers::name::nest_lock;
use dbmatrix_engine::privilege::has_helper;
use dbmatrix_flavours::matrix::{After, Flavour};
use dbmatrix_run::{HandedFlavour, Handover, Lock};

use crate::app::Globals;
use crate::app::privilege::global_arguments;
use crate::app::task::Task;

/// Starts a keeper for the remaining work; returns whether it started. With a root helper
/// there is none, because the helper ends with the command that it serves.
pub(crate) fn hand_over(
    global: &Globals,
    task: &Task,
    lock: &Lock,
    after: impl Fn(&Flavour) -> After,
) -> bool {
    if task.wait || has_helper() {
        return false;
    }
    let nest = &task.matrix.nest.name;
    let handed = |flavour: &Flavour| {
        let managed = flavour.managed()?;
        Some(HandedFlavour {
            name: flavour.name.clone(),
            locked: managed.locked.clone(),
            after: after(flavour),
        })
    };
    let servers = task.plan.flavours.iter().flat_map(Flavour::servers);
    let handover = Handover {
        matrix: task.matrix.path.clone(),
        text: task.matrix.text.clone(),
        nest: nest.clone(),
        lock: nest_lock(&global.project, nest),
        flavours: servers.filter_map(handed).collect(),
    };
    let mut arguments: Vec<OsString> = vec!["keeper".into()];
    arguments.extend(global_arguments(global));
    match handover.start(lock, &arguments) {
        Ok(()) => true,
        Err(error) => {
            tracing::info!(%error, "there is no keeper; this process does its work");
            false
        }
    }
}
