//! `dbmatrix copy`.

use dbmatrix_containers::nest::{ExportSession, IncomingContainer, Located};
use dbmatrix_report::event::Verdict;
use indicatif::{MultiProgress, ProgressBar};

use crate::app::for_each_flavour::{Runs, for_each_flavour};
use crate::app::remotes::RemoteEngine;
use crate::app::{Failure, Globals, eprintln, privilege, remotes, transfer};
use crate::cli::args::CopyArgs;
use crate::cli::commands::choose_within;
use crate::cli::commands::export::{consistency, packed};

/// Copies flavours to another engine.
pub(crate) async fn copy(global: &Globals, args: &CopyArgs) -> Result<Verdict, Failure> {
    let chosen = choose_within(&args.within, std::slice::from_ref(&args.flavour), false)?;
    privilege::ensure_engine_access(global).await?;
    let elsewhere = remotes::find(&args.to).await?;
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
    for_each_flavour(global, chosen, Runs::Awaited, deliver).await
}

/// Copies one flavour. A failure leaves nothing there.
async fn deliver_one(
    one: &Located,
    name: &str,
    elsewhere: &RemoteEngine,
    live: bool,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let mut incoming = IncomingContainer::into_engine(&elsewhere.engine, name).await?;
    let transfer_id = incoming.transfer_id().to_owned();
    let send = async |package: &mut ExportSession| {
        let content = package.open().await.map_err(Failure::not_provided)?;
        transfer::begin(bar, content.length);
        let counted = bar.wrap_async_read(content.into_reader());
        let received = incoming.receive(elsewhere.pool.as_deref(), counted).await;
        received.map_err(Failure::not_provided)?;
        Ok(incoming.detach().await?)
    };
    let sent = packed(one, consistency(live), &transfer_id, bar, send).await;
    if sent.is_err()
        && let Err(left) = incoming.abandon().await
    {
        eprintln!("warning: container `{name}` may be left incomplete there: {left}");
    }
    sent
}
