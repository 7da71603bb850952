//! `dbmatrix shell`.

mod tty;

use std::time::Duration;

use futures_util::future::select_all;
use rustix::process::Signal;
use tokio::io::{stderr, stdin, stdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::connect_flavour::find;
use crate::app::{Failure, Globals, eprintln, privilege};
use crate::cli::args::ShellArgs;
use crate::engine::{EngineError, Exec, Order, StreamEnd};
use crate::event::Verdict;
use crate::nest::{ContainerState, Located};
use tty::Raw;

/// The command, else the best shell that there is, at home. A terminal that the
/// container has never heard of is taken for a common one.
const BEGIN: &str = r#"
cd
if [ -t 0 ] && ! infocmp > /dev/null 2>&1; then export TERM=xterm-256color; fi
if [ "$#" -gt 0 ]; then exec "$@"; fi
if command -v bash > /dev/null; then exec bash --login; fi
exec sh -l
"#;

/// How long is looked for what became of a flavour whose engine may be gone too.
const PATIENCE: Duration = Duration::from_secs(3);

/// What systemctl says while the container is shut down: at first, and when there
/// is nobody left to ask.
const GOING: [&str; 4] = ["stopping", "offline", "unknown", ""];

/// Signals that are passed on. The keys of a raw terminal raise none.
const PASSED: [Signal; 6] = [
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::HUP,
    Signal::USR1,
    Signal::USR2,
];

/// Opens a root shell in a flavour's container, or runs a command there; returns
/// its exit status.
pub(crate) async fn shell(global: &Globals, args: &ShellArgs) -> Result<u8, Failure> {
    privilege::ensure_engine_access(global).await?;
    let located = find(global, &args.flavour, args.nest.as_deref()).await?;
    located.start().await.map_err(Failure::not_provided)?;
    let size = tty::is_there().then(tty::size);
    let exec = program(&args.command, &located.flavour, size.is_some());
    let child = &located.child;
    let streams = child.engine.attach(&child.name, &exec, size).await;
    let streams = streams.map_err(Failure::not_provided)?;
    let raw = size.map(|_| Raw::enter()).transpose();
    let raw = raw.map_err(Failure::not_provided)?;
    let (orders, heard) = mpsc::channel(16);
    let ending = tokio::select! {
        ending = streams.pass(stdin(), stdout(), stderr(), heard) => ending,
        signal = pass_signals(orders, raw.as_ref()) => Ok(StreamEnd::Exited(killed_by(signal))),
    };
    let ended = told(ending, &located).await;
    if let (Some(raw), Err(_) | Ok(128..)) = (&raw, &ended) {
        raw.clean();
        if ended.is_err() {
            eprintln!("\r");
        }
    }
    ended
}

fn program(command: &[String], flavour: &str, at_terminal: bool) -> Exec {
    let mut exec = Exec::script(BEGIN)
        // Debian's shells show it before the container's name, which may be that
        // of the flavour's twin.
        .env("debian_chroot", flavour)
        .env("HOME", "/root")
        .env("USER", "root")
        .env("LANG", "C.UTF-8");
    if let (true, Ok(terminal)) = (at_terminal, std::env::var("TERM")) {
        exec = exec.env("TERM", &terminal);
    }
    let words = command.iter().map(String::as_str);
    ["dbmatrix"].into_iter().chain(words).fold(exec, Exec::arg)
}

/// As a shell tells it.
fn killed_by(signal: Signal) -> i64 {
    128 + i64::from(signal.as_raw())
}

/// Passes signals on, and the size of the terminal. Returns the signal by which
/// somebody asks for the end a second time, and means it.
async fn pass_signals(orders: mpsc::Sender<Order>, raw: Option<&Raw>) -> Signal {
    let kind = |signal: Signal| SignalKind::from_raw(signal.as_raw());
    let own = [Signal::WINCH, Signal::CONT];
    let heard = PASSED
        .into_iter()
        .chain(own.into_iter().filter(|_| raw.is_some()));
    let mut streams: Vec<_> = heard
        .filter_map(|one| Some((one, signal(kind(one)).ok()?)))
        .collect();
    let mut asked = Vec::new();
    loop {
        let waits = streams.iter_mut().map(|(one, stream)| {
            Box::pin(async {
                stream.recv().await;
                *one
            })
        });
        let (signal, ..) = select_all(waits).await;
        if asked.contains(&signal) {
            return signal;
        }
        if [Signal::INT, Signal::TERM, Signal::HUP].contains(&signal) {
            asked.push(signal);
        }
        let order = match (signal, raw) {
            (Signal::WINCH | Signal::CONT, Some(raw)) => {
                let _ = raw.again();
                Order::Resize(tty::size())
            }
            // A shell at a terminal takes no notice of SIGTERM.
            (Signal::TERM, Some(_)) => Order::Signal(Signal::HUP.as_raw()),
            (signal, _) => Order::Signal(signal.as_raw()),
        };
        let _ = orders.send(order).await;
    }
}

/// The exit status, or what came between.
async fn told(ending: Result<StreamEnd, EngineError>, located: &Located) -> Result<u8, Failure> {
    let status = match ending {
        Ok(StreamEnd::Exited(status)) => Ok(status),
        Ok(StreamEnd::Unread) => Ok(killed_by(Signal::PIPE)),
        Ok(StreamEnd::Gone) => Ok(killed_by(Signal::HUP)),
        Err(error @ EngineError::LocalFile { .. }) => Err(Failure {
            verdict: Verdict::Failed,
            message: error.to_string(),
        }),
        Err(error) => Err(Failure::not_provided(error)),
    };
    let status = status.map(|status| u8::try_from(status).unwrap_or(1));
    match status {
        Ok(0..128) => status,
        // Killed, perhaps with its container.
        Ok(_) | Err(_) => match timeout(PATIENCE, what_befell(located)).await {
            Ok(Some(befell)) => Err(Failure::not_provided(befell)),
            Ok(None) | Err(_) => status,
        },
    }
}

/// What became of a flavour under whoever is in it, if anything did.
async fn what_befell(located: &Located) -> Option<String> {
    let flavour = &located.flavour;
    let child = &located.child;
    let stopped = || {
        Some(format!(
            "`{flavour}` was stopped or restarted meanwhile; the same command can be run again"
        ))
    };
    match located.look_again().await.ok()? {
        Some(ContainerState::Stopped) => stopped(),
        None => Some(format!(
            "the container of `{flavour}` was removed meanwhile; `dbmatrix list` shows what there is"
        )),
        Some(ContainerState::Paused) => None,
        Some(ContainerState::Running) => {
            let ask = Exec::new("systemctl", ["is-system-running"]);
            match child.engine.exec(&child.name, &ask).await {
                Ok(output) if !GOING.contains(&output.stdout.trim()) => None,
                Ok(_) | Err(_) => stopped(),
            }
        }
    }
}
