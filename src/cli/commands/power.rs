//! `dbmatrix start`, `stop`, `pause`, `resume`, `disconnect`, `reconnect`, `restart` and
//! `reset`.

use dbmatrix_containers::nest::{ContainerState, Located, StopMode};
use dbmatrix_flavours::server::{ACCESS_FILE, repair};
use dbmatrix_report::event::Verdict;

use crate::app::for_each_flavour::{Runs, for_each_flavour, ready};
use crate::app::{Failure, Globals};
use crate::cli::args::{Chosen, ResetArgs, StopArgs};
use crate::cli::commands::choice;

/// Starts flavours, and resumes paused ones.
pub(crate) async fn start(global: &Globals, chosen: &Chosen) -> Result<Verdict, Failure> {
    let start = async |one: &Located| {
        one.start().await.map_err(Failure::not_provided)?;
        await_login(one).await
    };
    for_each_flavour(global, choice(chosen)?, Runs::LetBe, start).await
}

/// Waits until a server that was just started or resumed accepts logins.
async fn await_login(one: &Located) -> Result<String, Failure> {
    // A container may run although its server has ended.
    let revived = match one.state() {
        ContainerState::Running => repair(&one.child).await.map_err(Failure::not_provided)?,
        ContainerState::Paused | ContainerState::Stopped => false,
    };
    let ready = ready(one).await?;
    Ok(match one.state() {
        ContainerState::Running if !revived => format!("runs already, {ready}"),
        ContainerState::Paused => format!("resumed, {ready}"),
        ContainerState::Running | ContainerState::Stopped => format!("started, {ready}"),
    })
}

/// Shuts flavours down.
pub(crate) async fn stop(global: &Globals, args: &StopArgs) -> Result<Verdict, Failure> {
    let (ending, done) = match args.kill {
        true => (StopMode::Killed, "killed"),
        false => (StopMode::ShutDown, "stopped"),
    };
    let stop = async |one: &Located| {
        one.stop(ending).await?;
        Ok(match one.state() {
            ContainerState::Stopped => "is stopped already".to_owned(),
            ContainerState::Running | ContainerState::Paused => done.to_owned(),
        })
    };
    for_each_flavour(global, choice(&args.chosen)?, Runs::Awaited, stop).await
}

/// Pauses flavours.
pub(crate) async fn pause(global: &Globals, chosen: &Chosen) -> Result<Verdict, Failure> {
    let pause = async |one: &Located| {
        one.pause().await?;
        Ok(match one.state() {
            ContainerState::Paused => "is paused already".to_owned(),
            ContainerState::Running | ContainerState::Stopped => "paused".to_owned(),
        })
    };
    for_each_flavour(global, choice(chosen)?, Runs::Awaited, pause).await
}

/// Resumes paused flavours.
pub(crate) async fn resume(global: &Globals, chosen: &Chosen) -> Result<Verdict, Failure> {
    let resume = async |one: &Located| {
        one.resume().await?;
        await_login(one).await
    };
    for_each_flavour(global, choice(chosen)?, Runs::LetBe, resume).await
}

/// Cuts flavours off from the network of their nest.
pub(crate) async fn disconnect(global: &Globals, chosen: &Chosen) -> Result<Verdict, Failure> {
    let disconnect = async |one: &Located| {
        Ok(match one.disconnect().await? {
            true => "disconnected".to_owned(),
            false => "is disconnected already".to_owned(),
        })
    };
    for_each_flavour(global, choice(chosen)?, Runs::Awaited, disconnect).await
}

/// Joins flavours that are cut off.
pub(crate) async fn reconnect(global: &Globals, chosen: &Chosen) -> Result<Verdict, Failure> {
    let reconnect = async |one: &Located| {
        let was_cut = one.reconnect().await?;
        if one.state() == ContainerState::Paused {
            return Ok("reconnected, and paused as it was".to_owned());
        }
        let ready = ready(one).await?;
        Ok(match was_cut {
            true => format!("reconnected, {ready}"),
            false => format!("is connected already, {ready}"),
        })
    };
    for_each_flavour(global, choice(chosen)?, Runs::LetBe, reconnect).await
}

/// Shuts flavours down and starts them.
pub(crate) async fn restart(global: &Globals, chosen: &Chosen) -> Result<Verdict, Failure> {
    let restart = async |one: &Located| {
        one.restart().await?;
        let ready = ready(one).await?;
        Ok(format!("restarted, {ready}"))
    };
    for_each_flavour(global, choice(chosen)?, Runs::Awaited, restart).await
}

/// Resets flavours to their original state.
pub(crate) async fn reset(global: &Globals, args: &ResetArgs) -> Result<Verdict, Failure> {
    let reset = async |one: &Located| {
        one.reset(args.drop_snapshots, ACCESS_FILE).await?;
        let after = after(one).await?;
        Ok(format!("as new, {after}"))
    };
    for_each_flavour(global, choice(&args.chosen)?, Runs::Awaited, reset).await
}

/// The state of a flavour after a restore, which is the same as before.
pub(crate) async fn after(one: &Located) -> Result<String, Failure> {
    match one.state() {
        ContainerState::Stopped => Ok("stopped".to_owned()),
        ContainerState::Running | ContainerState::Paused => ready(one).await,
    }
}
