//! Selects the server for a flavour's jobs: its own, or a copy of its golden child. A
//! suite may request its own copy. A copy also replaces a server on which a case left
//! something that cannot be undone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dbmatrix_containers::nest::Child;
use dbmatrix_flavours::matrix::{Flavour, Managed, SetupFile};
use dbmatrix_flavours::provision::Copies;
use dbmatrix_flavours::server::Server;
use dbmatrix_report::event::Sender;
use dbmatrix_sql::session::{Connect, Tenancy};
use tokio::sync::Mutex;

use super::environment::Environment;

/// A server, held while something runs on it.
#[derive(Debug)]
pub(super) struct Lease<S> {
    pub(super) server: S,
    given_up: AtomicBool,
    /// The copy that contains it; `None` for the flavour's own server.
    copy: Option<Child>,
    /// Whether another server can take its place.
    is_replaceable: bool,
}

impl<S> Lease<S> {
    fn new(server: S, copy: Option<Child>) -> Arc<Self> {
        Arc::new(Lease {
            server,
            given_up: AtomicBool::new(false),
            copy,
            is_replaceable: true,
        })
    }

    /// A server whose place no copy can take.
    fn irreplaceable(server: S) -> Arc<Self> {
        Arc::new(Lease {
            server,
            given_up: AtomicBool::new(false),
            copy: None,
            is_replaceable: false,
        })
    }

    /// Lets nothing else begin on this server, because of the last leftover.
    pub(super) fn give_up(&self, left: &mut [String])
    where
        S: Connect,
    {
        if self.server.tenancy() != Tenancy::Owner || !self.is_replaceable {
            return;
        }
        self.given_up.store(true, Ordering::Relaxed);
        if let Some(why) = left.last_mut() {
            why.push_str("; what follows runs on a new copy of the server");
        }
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// The container of a copy.
    pub(super) fn copy(&self) -> Option<&str> {
        self.copy.as_ref().map(|child| child.name.as_str())
    }

    /// Whether only the caller and the supply hold it.
    pub(super) fn is_alone(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) <= 2
    }
}

/// Supplies servers for jobs.
pub(super) trait Supply: Send + Sync + 'static {
    type Server: Connect + 'static;

    /// Returns the server, or a new one if the previous one was discarded. An error says
    /// why there is none.
    fn lease(&self) -> impl Future<Output = Result<Arc<Lease<Self::Server>>, String>> + Send;
}

/// A server that cannot be replaced.
pub(super) struct Only<S>(Arc<Lease<S>>);

impl<S> Only<S> {
    pub(super) fn new(server: S) -> Self {
        Only(Lease::new(server, None))
    }
}

impl<S: Connect + 'static> Supply for Only<S> {
    type Server = S;

    async fn lease(&self) -> Result<Arc<Lease<S>>, String> {
        Ok(Arc::clone(&self.0))
    }
}

/// How dbmatrix made a flavour's server.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) environment: Environment,
    pub(super) flavour: Arc<Flavour>,
    pub(super) managed: Arc<Managed>,
}

impl Site {
    pub(super) fn new(environment: &Environment, flavour: &Flavour, managed: &Managed) -> Self {
        Site {
            environment: environment.clone(),
            flavour: Arc::new(flavour.clone()),
            managed: Arc::new(managed.clone()),
        }
    }

    fn copies(&self, events: &Sender) -> Copies {
        let context = &self.environment.context;
        Copies::new(context, &self.flavour, &self.managed, events)
    }
}

/// The servers of a flavour, or of one suite on it.
pub(super) struct Servers {
    /// `None` for an external server.
    copies: Option<Copies>,
    events: Sender,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    current: Option<Arc<Lease<Server>>>,
    /// Discarded servers that are still in use.
    former: Vec<Arc<Lease<Server>>>,
    /// Why no other server is available; not tried again, since each try may take
    /// minutes.
    refused: Option<String>,
}

impl Servers {
    /// The servers of a flavour that is up; copies take its place if it has a `site`.
    pub(super) fn new(server: Server, site: Option<Site>, events: &Sender) -> Self {
        let held = Held {
            current: Some(match &site {
                Some(_) => Lease::new(server, None),
                None => Lease::irreplaceable(server),
            }),
            former: Vec::new(),
            refused: None,
        };
        Servers {
            copies: site.map(|site| site.copies(events)),
            events: events.clone(),
            held: Mutex::new(held),
        }
    }

    /// Separate servers for a suite of the flavour, all of them copies with its setup.
    pub(super) fn isolated(&self, setup: &[SetupFile]) -> Self {
        let copies = self.copies.as_ref();
        Servers {
            copies: copies.map(|copies| match setup.is_empty() {
                true => copies.clone(),
                false => copies.for_suite(setup),
            }),
            events: self.events.clone(),
            held: Mutex::default(),
        }
    }

    /// Puts another server, which no copy can replace, in the place of the flavour's own.
    pub(super) async fn replace(&self, server: Server) {
        self.held.lock().await.current = Some(Lease::irreplaceable(server));
    }

    /// Removes all copies; nothing may run on them any more.
    pub(super) async fn close(&self) {
        let held = std::mem::take(&mut *self.held.lock().await);
        let Some(copies) = &self.copies else { return };
        for lease in held.former.iter().chain(&held.current) {
            self.remove(copies, lease).await;
        }
    }

    /// Removes the copy of a lease, if it has one.
    async fn remove(&self, copies: &Copies, lease: &Lease<Server>) {
        let Some(copy) = &lease.copy else {
            return;
        };
        if let Err(left) = copies.remove(copy).await {
            self.events.warn(format!(
                "container `{}` stays until the next run: {left}",
                copy.name
            ));
        }
    }
}

impl Supply for Servers {
    type Server = Server;

    async fn lease(&self) -> Result<Arc<Lease<Server>>, String> {
        let mut held = self.held.lock().await;
        if let Some(current) = &held.current
            && (!current.is_given_up() || self.copies.is_none())
        {
            return Ok(Arc::clone(current));
        }
        if let Some(reason) = &held.refused {
            return Err(reason.clone());
        }
        let Some(copies) = &self.copies else {
            return Err("no copy of the server is available: dbmatrix did not make it".to_owned());
        };
        let former = held.current.take();
        held.former.extend(former);
        for at in (0..held.former.len()).rev() {
            if Arc::strong_count(&held.former[at]) == 1 {
                let former = held.former.swap_remove(at);
                self.remove(copies, &former).await;
            }
        }
        match copies.make().await {
            Ok((server, copy)) => {
                let lease = Lease::new(server, Some(copy));
                held.current = Some(Arc::clone(&lease));
                Ok(lease)
            }
            Err(error) => {
                let reason = error.to_string();
                held.refused = Some(reason.clone());
                Err(reason)
            }
        }
    }
}
