//! One connection through a relay, as a stream of bytes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;

use super::frame::{CHUNK, Frame, Kind};
use super::{Shared, WINDOW};

/// What the relay says of a connection.
#[derive(Debug)]
pub(super) enum Heard {
    Opened,
    Data(Bytes),
    End,
    Reset(String),
}

/// How many bytes may still be sent, and who waits for more.
#[derive(Debug)]
pub(super) struct Credit {
    count: AtomicUsize,
    waiting: AtomicWaker,
}

impl Credit {
    pub(super) fn new() -> Self {
        Credit {
            count: AtomicUsize::new(WINDOW),
            waiting: AtomicWaker::new(),
        }
    }

    pub(super) fn add(&self, count: usize) {
        self.count.fetch_add(count, Ordering::AcqRel);
        self.waiting.wake();
    }

    /// Wakes the sender, which finds that the relay has ended.
    pub(super) fn wake(&self) {
        self.waiting.wake();
    }

    /// Takes up to `most` of it; only the stream itself does.
    fn take(&self, most: usize, context: &mut Context<'_>) -> Poll<usize> {
        let taken = || {
            let count = self.count.load(Ordering::Acquire).min(most);
            self.count.fetch_sub(count, Ordering::AcqRel);
            count
        };
        match taken() {
            0 => {
                self.waiting.register(context.waker());
                match taken() {
                    0 => Poll::Pending,
                    count => Poll::Ready(count),
                }
            }
            count => Poll::Ready(count),
        }
    }
}

/// A connection through a relay. It ends with an error if the relay ends before it.
#[derive(Debug)]
pub struct RelayStream {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u32,
    pub(super) heard: UnboundedReceiver<Heard>,
    pub(super) credit: Arc<Credit>,
    pub(super) unread: Bytes,
    /// Bytes read since the relay's window was extended.
    pub(super) read: usize,
    pub(super) read_ended: bool,
    pub(super) write_ended: bool,
}

impl RelayStream {
    /// Waits until the connection is open.
    pub(super) async fn opened(&mut self) -> io::Result<()> {
        match self.heard.recv().await {
            Some(Heard::Opened) => Ok(()),
            Some(Heard::Reset(why)) => {
                self.read_ended = true;
                self.write_ended = true;
                Err(io::Error::new(io::ErrorKind::ConnectionRefused, why))
            }
            Some(Heard::Data(_) | Heard::End) => Err(io::Error::other("bytes before it was open")),
            None => Err(self.shared.ended_error()),
        }
    }

    fn note_read(&mut self, count: usize) {
        self.read += count;
        if self.read * 2 >= WINDOW {
            self.shared.send(Frame::window(self.number, self.read));
            self.read = 0;
        }
    }
}

impl AsyncRead for RelayStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        while stream.unread.is_empty() {
            if stream.read_ended {
                return Poll::Ready(Ok(()));
            }
            match std::task::ready!(stream.heard.poll_recv(context)) {
                Some(Heard::Data(data)) => stream.unread = data,
                Some(Heard::End) => stream.read_ended = true,
                Some(Heard::Reset(why)) => {
                    stream.read_ended = true;
                    stream.write_ended = true;
                    let error = io::Error::new(io::ErrorKind::ConnectionReset, why);
                    return Poll::Ready(Err(error));
                }
                Some(Heard::Opened) => {}
                None => return Poll::Ready(Err(stream.shared.ended_error())),
            }
        }
        let count = stream.unread.len().min(bytes.remaining());
        bytes.put_slice(&stream.unread[..count]);
        stream.unread.advance(count);
        stream.note_read(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for RelayStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if stream.write_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let taken = stream.credit.take(bytes.len().min(CHUNK), context);
        // After the waker is registered, so that its end wakes this task.
        if stream.shared.has_ended() {
            return Poll::Ready(Err(stream.shared.ended_error()));
        }
        let count = std::task::ready!(taken);
        let data = Bytes::copy_from_slice(&bytes[..count]);
        stream
            .shared
            .send(Frame::new(Kind::Data, stream.number, data));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.write_ended {
            stream.write_ended = true;
            stream
                .shared
                .send(Frame::new(Kind::Ended, stream.number, ""));
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for RelayStream {
    fn drop(&mut self) {
        self.shared.forget(self.number);
        if !(self.read_ended && self.write_ended) {
            self.shared.send(Frame::new(Kind::Reset, self.number, ""));
        }
    }
}
