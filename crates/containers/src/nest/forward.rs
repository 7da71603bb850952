//! Ports of this process on loopback that lead to children's servers, through the relay of
//! the host's engine. They need neither a route nor a privilege, on this machine or another.
//!
//! Each session of dbmatrix gets a port for the moment in which it connects, so that it knows
//! why its own connection broke. Other programs get one that lasts as long as this process.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dbmatrix_engine::{Engine, RelayTarget};
use dbmatrix_sql::session::{Trouble, Via};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes that are passed on at a time.
const CHUNK: usize = 64 * 1024;
/// Until the next try to accept a connection, if there are too many open files.
const AGAIN: Duration = Duration::from_millis(50);

/// The forwarded ports of a nest.
#[derive(Debug, Clone, Default)]
pub struct Forwards(Arc<Mutex<BTreeMap<SocketAddr, Forward>>>);

/// The way to a child's port.
#[derive(Debug, Clone)]
pub struct Forward(Arc<Way>);

#[derive(Debug)]
struct Way {
    host: Engine,
    nest: String,
    to: SocketAddr,
    /// For other programs.
    lasting: Port,
}

/// A port of this process, open until this is dropped; its connections last longer.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl PartialEq for Forward {
    fn eq(&self, other: &Self) -> bool {
        self.0.lasting.address == other.0.lasting.address
    }
}

impl Eq for Forward {}

impl Forwards {
    /// Returns the way to a child's port.
    ///
    /// # Errors
    /// As of the system, if it has no port left.
    pub(super) async fn ensure(
        &self,
        host: &Engine,
        nest: &str,
        to: SocketAddr,
    ) -> io::Result<Forward> {
        let known = || {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&to).cloned()
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        let way = Way {
            host: host.clone(),
            nest: nest.to_owned(),
            to,
            lasting: Port::open(host, nest, to, None).await?,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(all.entry(to).or_insert(Forward(Arc::new(way))).clone())
    }
}

impl Forward {
    /// The port for other programs.
    pub fn lasting(&self) -> SocketAddr {
        self.0.lasting.address
    }

    /// Opens a port for one session, which connects while the port is held.
    ///
    /// # Errors
    /// As of the system, if it has no port left.
    pub async fn open(&self) -> io::Result<(Via, Port)> {
        let Way { host, nest, to, .. } = &*self.0;
        let trouble = Trouble::default();
        let port = Port::open(host, nest, *to, Some(trouble.clone())).await?;
        let address = port.address;
        Ok((Via { address, trouble }, port))
    }
}

impl Port {
    async fn open(
        host: &Engine,
        nest: &str,
        to: SocketAddr,
        trouble: Option<Trouble>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (host, nest) = (host.clone(), nest.to_owned());
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((mut client, _)) = listener.accept().await else {
                    tokio::time::sleep(AGAIN).await;
                    continue;
                };
                let (host, nest, trouble) = (host.clone(), nest.clone(), trouble.clone());
                tokio::spawn(async move {
                    let passed = pass(&host, &nest, to, &mut client).await;
                    if let (Err(error), Some(trouble)) = (&passed, trouble) {
                        // Before the client sees its connection end.
                        trouble.note(error);
                    }
                    if let Err(error) = passed {
                        tracing::debug!(%to, %error, "a forwarded connection broke");
                    }
                });
            }
        });
        Ok(Port { address, accepting })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes one connection on, to its end. If its relay ends, so does the connection: nobody
/// knows which bytes have arrived.
async fn pass(host: &Engine, nest: &str, to: SocketAddr, client: &mut TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let relay = host.relay(nest).await.map_err(io::Error::other)?;
    let mut server = relay.open(&RelayTarget::Port(to)).await?;
    copy_bidirectional_with_sizes(client, &mut server, CHUNK, CHUNK).await?;
    Ok(())
}
