//! Connections to addresses in a container, through the engine's own API: where neither a
//! route nor a port leads there, as to a nest of an engine on another machine.
//!
//! One program in the container, `relay.pl`, serves all connections of this process over the
//! streams of one `exec`. To run a program for each connection would be simpler, but takes
//! four websockets and some 0.1 s each time, and a run opens hundreds. Windows of both sides
//! keep one connection from delaying another.

mod frame;
mod program;
mod stream;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub use self::stream::RelayStream;

use self::frame::{Frame, Kind};
use self::stream::{Credit, Heard};
use super::{Engine, EngineError};

/// Bytes of one connection that may be under way in one direction.
const WINDOW: usize = 1 << 20;

/// An address in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayTarget {
    /// A port.
    Port(SocketAddr),
    /// The path of a Unix socket, without blanks.
    Socket(String),
}

impl RelayTarget {
    /// As the program reads it.
    fn text(&self) -> String {
        match self {
            RelayTarget::Port(address) => format!("tcp {} {}", address.ip(), address.port()),
            RelayTarget::Socket(path) => format!("unix {path}"),
        }
    }
}

/// A relay into one container. Its program ends with this process.
#[derive(Debug, Clone)]
pub struct Relay(Arc<Shared>);

/// What a relay's streams share.
#[derive(Debug)]
struct Shared {
    instance: String,
    to_send: UnboundedSender<Frame>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// The last number that was given away.
    last: u32,
    open: HashMap<u32, Ear>,
    /// Why the relay has ended.
    ended: Option<String>,
}

/// One connection, as the task knows it that reads from the relay.
#[derive(Debug)]
struct Ear {
    heard: UnboundedSender<Heard>,
    credit: Arc<Credit>,
}

/// The relays of this process, by engine and container.
static RELAYS: Mutex<BTreeMap<String, Relay>> = Mutex::new(BTreeMap::new());
/// Held while one starts, so that one container gets only one.
static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn relays() -> MutexGuard<'static, BTreeMap<String, Relay>> {
    RELAYS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// The relay into a running container; starts it if this process has none that works.
    ///
    /// # Errors
    /// As of [`Engine::attach`]; [`EngineError::Relay`] if its program does not run there.
    pub async fn relay(&self, instance: &str) -> Result<Relay, EngineError> {
        let key = format!("{} {}", self.place(), instance);
        let known = || {
            relays()
                .get(&key)
                .filter(|relay| !relay.has_ended())
                .cloned()
        };
        if let Some(relay) = known() {
            return Ok(relay);
        }
        let _starting = STARTING.lock().await;
        if let Some(relay) = known() {
            return Ok(relay);
        }
        let relay = program::start(self, instance).await?;
        relays().insert(key, relay.clone());
        Ok(relay)
    }
}

impl Relay {
    /// Opens a connection.
    ///
    /// # Errors
    /// The system's error in the container; the reason for which the relay has ended.
    pub async fn open(&self, target: &RelayTarget) -> io::Result<RelayStream> {
        let mut stream = self.0.begin(target)?;
        stream.opened().await?;
        Ok(stream)
    }

    /// Whether it has ended; the next [`Engine::relay`] starts another one.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended()
    }

    /// Why it has ended.
    pub fn why_ended(&self) -> Option<String> {
        self.0.has_ended().then(|| self.0.ended_error().to_string())
    }
}

impl Shared {
    /// A relay without connections, and the frames that they will send.
    fn new(instance: &str) -> (Arc<Self>, UnboundedReceiver<Frame>) {
        let (to_send, sent) = unbounded_channel();
        let shared = Shared {
            instance: instance.to_owned(),
            to_send,
            table: Mutex::default(),
        };
        (Arc::new(shared), sent)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_ended(&self) -> bool {
        self.table().ended.is_some()
    }

    fn ended_error(&self) -> io::Error {
        let why = self.table().ended.clone().unwrap_or_default();
        let instance = &self.instance;
        io::Error::new(
            io::ErrorKind::ConnectionAborted,
            format!(
                "the relay into `{instance}` has ended ({why}); the same command again starts another"
            ),
        )
    }

    /// Asks for a connection with a number of its own.
    fn begin(self: &Arc<Self>, target: &RelayTarget) -> io::Result<RelayStream> {
        let (tell, heard) = unbounded_channel();
        let credit = Arc::new(Credit::new());
        let number = {
            let mut table = self.table();
            let number = table.last.checked_add(1);
            let number = number.ok_or_else(|| io::Error::other("all numbers were used"))?;
            table.last = number;
            if table.ended.is_none() {
                let ear = Ear {
                    heard: tell,
                    credit: Arc::clone(&credit),
                };
                table.open.insert(number, ear);
            }
            number
        };
        self.send(Frame::new(Kind::Open, number, target.text()));
        Ok(RelayStream {
            shared: Arc::clone(self),
            number,
            heard,
            credit,
            unread: bytes::Bytes::new(),
            read: 0,
            read_ended: false,
            write_ended: false,
        })
    }

    /// Sends a frame; the streams of a relay that has ended find that out by themselves.
    fn send(&self, frame: Frame) {
        let _ = self.to_send.send(frame);
    }

    fn forget(&self, number: u32) {
        self.table().open.remove(&number);
    }

    /// Passes a frame on to its connection; one that has ended here hears no more.
    fn hear(&self, frame: Frame) {
        let mut table = self.table();
        let Some(ear) = table.open.get(&frame.connection) else {
            return;
        };
        let heard = match frame.kind {
            Kind::Opened => Heard::Opened,
            Kind::Data => Heard::Data(frame.bytes),
            Kind::Ended => Heard::End,
            Kind::Reset => Heard::Reset(String::from_utf8_lossy(&frame.bytes).into_owned()),
            Kind::Window => {
                ear.credit.add(frame.count());
                return;
            }
            Kind::Hello | Kind::Open => return,
        };
        let is_over = matches!(heard, Heard::Reset(_));
        let _ = ear.heard.send(heard);
        if is_over {
            table.open.remove(&frame.connection);
        }
    }

    /// Ends all connections, each of which reads what has arrived for it, and then why.
    fn end(&self, why: &str) {
        let open = {
            let mut table = self.table();
            if table.ended.is_some() {
                return;
            }
            table.ended = Some(why.to_owned());
            std::mem::take(&mut table.open)
        };
        for ear in open.into_values() {
            ear.credit.wake();
        }
    }
}

#[cfg(test)]
mod tests;
