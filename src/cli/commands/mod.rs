//! The commands, one file each; those of power and of privilege share one.

pub(crate) mod bisect;
pub(crate) mod cache;
pub(crate) mod catalogue;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod copy;
pub(crate) mod cp;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod env;
pub(crate) mod exec;
pub(crate) mod export;
pub(crate) mod import;
mod input;
pub(crate) mod keeper;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod logs;
pub(crate) mod power;
pub(crate) mod promote;
pub(crate) mod prune;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod root_helper;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod snapshot;
mod statements;
pub(crate) mod upgrade;
pub(crate) mod url;

use dbmatrix_report::event::Verdict;

use super::args::{Args, Chosen, Command, InstanceCommand, Within};
use crate::app::matrix_flavours::find_in_matrix;
use crate::app::{Failure, FlavourChoice, Globals, deprecated};

/// Runs the requested command; returns the exit status.
pub(super) async fn execute(args: &Args) -> Result<u8, Failure> {
    let global = &Globals::from(&args.global);
    let verdict = match &args.command {
        Command::Run(command) => run::run(global, command).await,
        Command::Diff(command) => diff::diff(global, command).await,
        Command::Upgrade(command) => upgrade::upgrade(global, command).await,
        Command::Record(command) => record::record(global, command).await,
        Command::Replay(command) => replay::replay(global, command).await,
        Command::Bisect(command) => bisect::bisect(global, command).await,
        Command::Up(command) => run::up(global, command).await,
        Command::Lock(command) => lock::lock(global, command).await,
        Command::Down(command) => down::down(global, command).await,
        Command::Prune(command) => prune::prune(global, command).await,
        Command::Cache(command) => cache::cache(global, command).await,
        Command::List(command) => list::list(global, command).await,
        Command::Doctor(command) => doctor::doctor(global, command).await,
        Command::Connect(command) => connect::connect(global, command).await,
        Command::Catalogue(command) => catalogue::catalogue(command).await,
        Command::Completions(command) => completions::completions(command),
        Command::Man(command) => completions::man(command),
        Command::RootHelper(command) => root_helper::root_helper(global, command).await,
        Command::Keeper => keeper::keeper(global).await,
        Command::Report(command) => report::report(global, command).await,
        Command::Exec(command) => return exec::exec(global, command).await,
        Command::Instance(command) => return execute_on_instance(global, command).await,
    };
    verdict.map(Verdict::code)
}

async fn execute_on_instance(global: &Globals, command: &InstanceCommand) -> Result<u8, Failure> {
    let verdict = match command {
        InstanceCommand::Shell(args) => return shell::shell(global, args).await,
        InstanceCommand::Url(args) => url::url(global, args).await,
        InstanceCommand::Env(args) => env::env(global, args).await,
        InstanceCommand::Logs(args) => logs::logs(global, args).await,
        InstanceCommand::Cp(args) => cp::cp(global, args).await,
        InstanceCommand::Start(args) => power::start(global, &args.chosen).await,
        InstanceCommand::Stop(args) => power::stop(global, args).await,
        InstanceCommand::Pause(args) => power::pause(global, &args.chosen).await,
        InstanceCommand::Resume(args) => power::resume(global, &args.chosen).await,
        InstanceCommand::Disconnect(args) => power::disconnect(global, &args.chosen).await,
        InstanceCommand::Reconnect(args) => power::reconnect(global, &args.chosen).await,
        InstanceCommand::Promote(args) => promote::promote(global, args).await,
        InstanceCommand::Freeze(args) => {
            deprecated::note("`freeze`", "`pause`");
            power::pause(global, &args.chosen).await
        }
        InstanceCommand::Thaw(args) => {
            deprecated::note("`thaw`", "`resume`");
            power::resume(global, &args.chosen).await
        }
        InstanceCommand::Restart(args) => power::restart(global, &args.chosen).await,
        InstanceCommand::Reset(args) => power::reset(global, args).await,
        InstanceCommand::Snapshot(args) => snapshot::snapshot(global, args).await,
        InstanceCommand::Restore(args) => snapshot::restore(global, args).await,
        InstanceCommand::Export(args) => export::export(global, args).await,
        InstanceCommand::Import(args) => import::import(global, args).await,
        InstanceCommand::Copy(args) => copy::copy(global, args).await,
    };
    verdict.map(Verdict::code)
}

/// The nest in which to look for flavours of these names or patterns; `None` for all
/// nests. Rejects names of external servers.
fn nest_of<S: AsRef<str>>(within: &Within, wanted: &[S]) -> Result<Option<String>, Failure> {
    match &within.matrix {
        Some(path) => Ok(Some(find_in_matrix(path, wanted)?.nest)),
        None => Ok(within.nest.clone()),
    }
}

fn choice(chosen: &Chosen) -> Result<FlavourChoice, Failure> {
    choose_within(&chosen.within, &chosen.flavours, chosen.all)
}

/// Flavours of these names or patterns, or all, of those that there are within.
fn choose_within(
    within: &Within,
    flavours: &[String],
    all: bool,
) -> Result<FlavourChoice, Failure> {
    let found = match &within.matrix {
        Some(path) => Some(find_in_matrix(path, flavours)?),
        None => None,
    };
    let (nest, among) = match found {
        Some(found) => (Some(found.nest), Some(found.flavours)),
        None => (within.nest.clone(), None),
    };
    Ok(FlavourChoice {
        flavours: flavours.to_vec(),
        all,
        nest,
        among,
    })
}
