//! Hearing of signals.

use std::io;

use futures_util::future::select_all;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::Signal;

/// Signals that this process hears of, which then do nothing else to it.
#[derive(Debug)]
pub struct Signals(Vec<(Signal, Stream)>);

impl Signals {
    /// Hears of these from now on. Those that the system does not have never come.
    ///
    /// # Errors
    /// Where one cannot be heard of.
    pub fn listen(wanted: &[Signal]) -> io::Result<Self> {
        let streams = wanted.iter().map(|one| Ok((*one, signal(kind(*one))?)));
        streams.collect::<io::Result<_>>().map(Signals)
    }

    /// As [`Signals::listen`], without those that cannot be heard of.
    pub fn listen_where_possible(wanted: &[Signal]) -> Self {
        let streams = wanted.iter();
        let streams = streams.filter_map(|one| Some((*one, signal(kind(*one)).ok()?)));
        Signals(streams.collect())
    }

    /// Waits for the next one. Those that come while nobody waits are kept, one a kind.
    pub async fn next(&mut self) -> Signal {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let waits = self.0.iter_mut().map(|(one, stream)| {
            Box::pin(async {
                stream.recv().await;
                *one
            })
        });
        select_all(waits).await.0
    }
}

fn kind(signal: Signal) -> SignalKind {
    use rustix::process::Signal as Raw;
    match signal {
        Signal::Interrupt => SignalKind::interrupt(),
        Signal::Quit => SignalKind::quit(),
        Signal::Terminate => SignalKind::terminate(),
        Signal::Hangup => SignalKind::hangup(),
        Signal::User1 => SignalKind::user_defined1(),
        Signal::User2 => SignalKind::user_defined2(),
        Signal::Resize => SignalKind::window_change(),
        Signal::Continue => SignalKind::from_raw(Raw::CONT.as_raw()),
        Signal::Pipe => SignalKind::pipe(),
    }
}
