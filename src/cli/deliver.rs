//! `dbmatrix copy`.

use clap_complete::engine::ArgValueCandidates;
use indicatif::{MultiProgress, ProgressBar};

use super::args::GlobalArgs;
use super::completion::flavours;
use super::each::{Runs, each};
use super::export::{consistency, packed};
use super::hand::Chosen;
use super::remotes::{self, RemoteEngine};
use super::{Failure, privilege, transfer};
use crate::event::Verdict;
use crate::nest::{ExportSession, IncomingContainer, Located};

/// Options of `copy`.
#[derive(Debug, clap::Args)]
pub(super) struct DeliverArgs {
    /// The flavour's name
    #[arg(add = ArgValueCandidates::new(flavours))]
    flavour: String,

    /// The engine, by its name in remotes.toml
    #[arg(long, value_name = "REMOTE")]
    to: String,

    /// The container's name there [default: the flavour's, without dots]
    #[arg(long, value_parser = container_name)]
    name: Option<String>,

    /// Hold the server for it instead of shutting it down
    #[arg(long)]
    live: bool,

    /// The nest, where several have a flavour of that name
    #[arg(long)]
    nest: Option<String>,
}

/// Hands flavours to another engine.
pub(super) async fn deliver(global: &GlobalArgs, args: &DeliverArgs) -> Result<Verdict, Failure> {
    privilege::ensure_engine_access(global).await?;
    let elsewhere = remotes::find(&args.to).await?;
    let chosen = Chosen {
        flavours: vec![args.flavour.clone()],
        all: false,
        nest: args.nest.clone(),
    };
    let bars = MultiProgress::new();
    let deliver = async |one: &Located| {
        let usual = || one.flavour.replace('.', "-");
        let name = args.name.clone().unwrap_or_else(usual);
        let bar = bars.add(transfer::bar(&one.flavour));
        let sent = deliver_one(one, &name, &elsewhere, args.live, &bar).await;
        bar.finish_and_clear();
        sent?;
        Ok(format!(
            "copied to `{}` as container `{name}`, which is stopped",
            args.to
        ))
    };
    each(global, &chosen, Runs::Awaited, deliver).await
}

/// Whatever goes wrong, nothing is left there.
async fn deliver_one(
    one: &Located,
    name: &str,
    elsewhere: &RemoteEngine,
    live: bool,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let mut arrival = IncomingContainer::at(&elsewhere.engine, name).await?;
    let mark = arrival.mark().to_owned();
    let send = async |package: &mut ExportSession| {
        let content = package.open().await.map_err(Failure::not_provided)?;
        transfer::begin(bar, content.length);
        let counted = bar.wrap_async_read(content.into_reader());
        let received = arrival.receive(elsewhere.pool.as_deref(), counted).await;
        received.map_err(Failure::not_provided)?;
        Ok(arrival.settle_alone().await?)
    };
    let sent = packed(one, consistency(live), &mark, bar, send).await;
    if sent.is_err()
        && let Err(left) = arrival.abandon().await
    {
        eprintln!("warning: container `{name}` may be left incomplete there: {left}");
    }
    sent
}

/// A name that a container can have.
fn container_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins && !text.ends_with('-') && text.len() <= 63 && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected at most 63 letters, digits and hyphens, a letter first; found `{text}`"
    ))
}
