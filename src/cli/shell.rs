//! `dbmatrix shell`.

mod tty;

use futures_util::future::select_all;
use rustix::process::Signal;
use tokio::io::{stderr, stdin, stdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::args::Place;
use super::hand::ShellArgs;
use super::reach::find;
use super::{Failure, privilege};
use crate::engine::{Ending, EngineError, Exec, Order};
use crate::event::Verdict;
use crate::nest::{Located, State};
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

/// Exit statuses of a program that was ended by these.
const HUNG_UP: u8 = 128 + 1;
const BROKEN_PIPE: u8 = 128 + 13;

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
pub(super) async fn shell(place: &Place, args: &ShellArgs) -> Result<u8, Failure> {
    privilege::become_root()?;
    let located = find(place, &args.flavour, args.nest.as_deref()).await?;
    located.start().await.map_err(Failure::not_provided)?;
    let size = tty::is_there().then(tty::size);
    let exec = program(&args.command, size.is_some());
    let child = &located.child;
    let streams = child.engine.attach(&child.name, &exec, size).await;
    let streams = streams.map_err(Failure::not_provided)?;
    let raw = size.map(|_| Raw::enter()).transpose();
    let raw = raw.map_err(Failure::not_provided)?;
    let (orders, heard) = mpsc::channel(16);
    let ending = tokio::select! {
        ending = streams.pass(stdin(), stdout(), stderr(), heard) => ending,
        () = pass_signals(orders, raw.as_ref()) => Ok(Ending::Gone),
    };
    if let (Some(raw), Ok(Ending::Gone | Ending::Unread) | Err(_)) = (&raw, &ending) {
        raw.clean();
    }
    drop(raw);
    told(ending, &located).await
}

fn program(command: &[String], at_terminal: bool) -> Exec {
    let mut exec = Exec::script(BEGIN)
        .env("HOME", "/root")
        .env("USER", "root")
        .env("LANG", "C.UTF-8");
    if let (true, Ok(terminal)) = (at_terminal, std::env::var("TERM")) {
        exec = exec.env("TERM", &terminal);
    }
    let words = command.iter().map(String::as_str);
    ["dbmatrix"].into_iter().chain(words).fold(exec, Exec::arg)
}

/// Passes signals on, and the size of the terminal. Returns when somebody asks
/// for the end a second time.
async fn pass_signals(orders: mpsc::Sender<Order>, raw: Option<&Raw>) {
    let kind = |signal: Signal| SignalKind::from_raw(signal.as_raw());
    let own = [Signal::WINCH, Signal::CONT];
    let heard = PASSED
        .into_iter()
        .chain(own.into_iter().filter(|_| raw.is_some()));
    let mut streams: Vec<_> = heard
        .filter_map(|one| Some((one, signal(kind(one)).ok()?)))
        .collect();
    let mut asked = 0;
    loop {
        let waits = streams.iter_mut().map(|(one, stream)| {
            Box::pin(async {
                stream.recv().await;
                *one
            })
        });
        let (signal, ..) = select_all(waits).await;
        asked += u32::from([Signal::INT, Signal::TERM, Signal::HUP].contains(&signal));
        if asked > 1 {
            return;
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
async fn told(ending: Result<Ending, EngineError>, located: &Located) -> Result<u8, Failure> {
    let failed = match ending {
        Ok(Ending::Gone) => return Ok(HUNG_UP),
        Ok(Ending::Unread) => return Ok(BROKEN_PIPE),
        Ok(Ending::Exited(status @ 0..128)) => return Ok(code(status)),
        // Killed, perhaps with its container.
        Ok(Ending::Exited(status)) => Ok(code(status)),
        Err(error @ EngineError::LocalFile { .. }) => Err(Failure {
            verdict: Verdict::Failed,
            message: error.to_string(),
        }),
        Err(error) => Err(Failure::not_provided(error)),
    };
    let flavour = &located.flavour;
    match located.look_again().await {
        Ok(Some(State::Stopped)) => Err(Failure::not_provided(format!(
            "`{flavour}` was stopped meanwhile; `dbmatrix start {flavour}` starts it again"
        ))),
        Ok(None) => Err(Failure::not_provided(format!(
            "the container of `{flavour}` was removed meanwhile; `dbmatrix list` shows what there is"
        ))),
        Ok(Some(State::Running | State::Frozen)) | Err(_) => failed,
    }
}

fn code(status: i64) -> u8 {
    u8::try_from(status).unwrap_or(1)
}
