//! `dbmatrix root-helper`, and dropping from root to the user who called sudo.

use std::ffi::OsString;

use dbmatrix_engine::privilege::{abstract_name, accept_helper};
use dbmatrix_report::event::Verdict;

use crate::app::privilege::global_arguments;
use crate::app::{Failure, Globals};
use crate::cli::args::{Args, Command, RootHelperArgs};
use crate::root::{Scope, attach, become_sudo_user, leave_behind, serve};

/// The option of a process that has dropped to its caller's user.
const HELPER: &str = "--helper";

/// `dbmatrix root-helper`, which only sudo runs.
pub(crate) async fn root_helper(
    global: &Globals,
    args: &RootHelperArgs,
) -> Result<Verdict, Failure> {
    if !args.stay {
        let helper = helper_words(global, &args.name);
        leave_behind(&helper).map_err(Failure::not_provided)?;
        return Ok(Verdict::Passed);
    }
    let control = attach(&args.name).map_err(Failure::not_provided)?;
    let scope = Scope {
        engine: global.engine.clone(),
        project: global.project.clone(),
    };
    serve(control, scope).await.map_err(Failure::not_provided)?;
    Ok(Verdict::Passed)
}

fn helper_words(global: &Globals, name: &str) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["root-helper".into(), name.into(), "--stay".into()];
    all.extend(global_arguments(global));
    all
}

/// If a user called dbmatrix with sudo, continues as that user with a root helper, in a
/// process that replaces this one. Commands that inspect the whole machine, and the
/// helper itself, stay root.
///
/// # Errors
/// If this process cannot become that user.
pub(crate) fn become_caller(args: &Args) -> Result<(), Failure> {
    if let Some(name) = &args.helper {
        return accept_helper(name).map_err(Failure::not_provided);
    }
    if matches!(args.command, Command::Doctor(_) | Command::RootHelper(_)) {
        return Ok(());
    }
    let name = abstract_name("caller");
    let again = [HELPER.into(), name.clone().into()].into_iter();
    let words = again.chain(std::env::args_os().skip(1));
    become_sudo_user(&helper_words(&Globals::from(&args.global), &name), words)
        .map_err(Failure::not_provided)
}
