//! `dbmatrix shell`.

mod tty;

use std::time::Duration;

use dbmatrix_containers::nest::{ContainerState, Located};
use dbmatrix_engine::{EngineError, Exec, Order, StreamEnd};
use dbmatrix_platform::Signal;
use dbmatrix_platform::signal::Signals;
use dbmatrix_report::event::Verdict;
use tokio::io::{stderr, stdin, stdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::connect_flavour::find;
use crate::app::{Failure, Globals, eprintln, privilege};
use crate::cli::args::ShellArgs;
use crate::cli::commands::nest_of;
use tty::Raw;

/// Runs the command, or else the best available shell, in the home folder. Replaces a
/// terminal type that the container does not know by a common one.
const BEGIN: &str = r#"
cd
if [ -t 0 ] && ! infocmp > /dev/null 2>&1; then export TERM=xterm-256color; fi
if [ "$#" -gt 0 ]; then exec "$@"; fi
if command -v bash > /dev/null; then exec bash --login; fi
exec sh -l
"#;

/// How long to check what happened to a flavour, since the engine may be gone too.
const PATIENCE: Duration = Duration::from_secs(3);

/// The messages of systemctl while the container is shut down: at first, and when systemd
/// has gone.
const GOING: [&str; 4] = ["stopping", "offline", "unknown", ""];

/// Signals that are forwarded. The keys of a raw terminal raise none.
const PASSED: [Signal; 6] = [
    Signal::Interrupt,
    Signal::Quit,
    Signal::Terminate,
    Signal::Hangup,
    Signal::User1,
    Signal::User2,
];

/// Opens a root shell in a flavour's container, or runs a command there; returns its exit
/// status.
pub(crate) async fn shell(global: &Globals, args: &ShellArgs) -> Result<u8, Failure> {
    let nest = nest_of(&args.within, &[&args.flavour])?;
    privilege::ensure_engine_access(global).await?;
    let located = find(global, &args.flavour, nest.as_deref()).await?;
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
        ending = streams.forward_bytes(stdin(), stdout(), stderr(), heard) => ending,
        signal = pass_signals(orders, raw.as_ref()) => Ok(StreamEnd::Exited(killed_by(signal))),
    };
    let ended = exit_status(ending, &located).await;
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
        // Debian's shells show it before the container's name, which may be that of the
        // flavour's second slot.
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

/// The exit status in the shell's convention.
fn killed_by(signal: Signal) -> i64 {
    128 + i64::from(signal.number())
}

/// Forwards signals, and the size of the terminal. Returns the signal of a second request
/// to end, which takes effect.
async fn pass_signals(orders: mpsc::Sender<Order>, raw: Option<&Raw>) -> Signal {
    let mut wanted = PASSED.to_vec();
    if raw.is_some() {
        wanted.extend([Signal::Resize, Signal::Continue]);
    }
    let mut signals = Signals::listen_where_possible(&wanted);
    let mut asked = Vec::new();
    loop {
        let signal = signals.next().await;
        if asked.contains(&signal) {
            return signal;
        }
        if [Signal::Interrupt, Signal::Terminate, Signal::Hangup].contains(&signal) {
            asked.push(signal);
        }
        let order = match (signal, raw) {
            (Signal::Resize | Signal::Continue, Some(raw)) => {
                let _ = raw.again();
                Order::Resize(tty::size())
            }
            // A shell at a terminal ignores SIGTERM.
            (Signal::Terminate, Some(_)) => Order::Signal(Signal::Hangup.number()),
            (signal, _) => Order::Signal(signal.number()),
        };
        let _ = orders.send(order).await;
    }
}

/// The exit status, or an error that explains what happened instead.
async fn exit_status(
    ending: Result<StreamEnd, EngineError>,
    located: &Located,
) -> Result<u8, Failure> {
    let status = match ending {
        Ok(StreamEnd::Exited(status)) => Ok(status),
        Ok(StreamEnd::Unread) => Ok(killed_by(Signal::Pipe)),
        Ok(StreamEnd::Gone) => Ok(killed_by(Signal::Hangup)),
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

/// What happened to a flavour while the user was in it, if anything.
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
