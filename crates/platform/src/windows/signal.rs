//! Hearing of the keys and of the end of the console.

use std::io;

use futures_util::future::{BoxFuture, FutureExt, select_all};
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

use crate::Signal;

#[derive(Debug)]
enum Stream {
    Interrupt(CtrlC),
    Terminate(CtrlBreak),
    Hangup(CtrlClose),
}

impl Stream {
    /// None of a signal that this system does not have.
    fn of(signal: Signal) -> io::Result<Option<Self>> {
        Ok(match signal {
            Signal::Interrupt => Some(Stream::Interrupt(ctrl_c()?)),
            Signal::Terminate => Some(Stream::Terminate(ctrl_break()?)),
            Signal::Hangup => Some(Stream::Hangup(ctrl_close()?)),
            Signal::Quit
            | Signal::User1
            | Signal::User2
            | Signal::Resize
            | Signal::Continue
            | Signal::Pipe => None,
        })
    }

    fn wait(&mut self) -> BoxFuture<'_, Signal> {
        match self {
            Stream::Interrupt(keys) => keys.recv().map(|_| Signal::Interrupt).boxed(),
            Stream::Terminate(keys) => keys.recv().map(|_| Signal::Terminate).boxed(),
            Stream::Hangup(end) => end.recv().map(|_| Signal::Hangup).boxed(),
        }
    }
}

/// Signals that this process hears of, which then do nothing else to it.
#[derive(Debug)]
pub struct Signals(Vec<Stream>);

impl Signals {
    /// Hears of these from now on. Those that the system does not have never come.
    ///
    /// # Errors
    /// Where one cannot be heard of.
    pub fn listen(wanted: &[Signal]) -> io::Result<Self> {
        let streams = wanted.iter().filter_map(|one| Stream::of(*one).transpose());
        streams.collect::<io::Result<_>>().map(Signals)
    }

    /// As [`Signals::listen`], without those that cannot be heard of.
    pub fn listen_where_possible(wanted: &[Signal]) -> Self {
        let streams = wanted.iter().flat_map(|one| Stream::of(*one));
        Signals(streams.flatten().collect())
    }

    /// Waits for the next one. Those that come while nobody waits are kept, one a kind.
    pub async fn next(&mut self) -> Signal {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        select_all(self.0.iter_mut().map(Stream::wait)).await.0
    }
}
