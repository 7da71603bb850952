//! Which server a flavour's units run on: the flavour's own, or a copy of its golden
//! child. A suite may ask for a copy of its own, and a server on which a case has left
//! what cannot be undone is replaced by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use super::environment::Environment;
use crate::event::Sender;
use crate::matrix::{Flavour, Managed};
use crate::nest::Child;
use crate::provision::Copies;
use crate::server::{Server, ServerSpec};
use crate::session::{Connect, Tenancy};

/// A server for as long as something runs on it.
#[derive(Debug)]
pub(super) struct Lease<S> {
    pub(super) server: S,
    given_up: AtomicBool,
    /// The copy that it runs in; the flavour's own server has none.
    copy: Option<Child>,
}

impl<S> Lease<S> {
    fn new(server: S, copy: Option<Child>) -> Arc<Self> {
        Arc::new(Lease {
            server,
            given_up: AtomicBool::new(false),
            copy,
        })
    }

    /// Nothing else is to begin on this server, for the last thing that was left.
    pub(super) fn give_up(&self, left: &mut [String])
    where
        S: Connect,
    {
        if self.server.tenancy() != Tenancy::Owner {
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

    /// Whether nobody but the caller and the supply has it.
    pub(super) fn is_alone(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) <= 2
    }
}

/// Who has a server for what begins.
pub(super) trait Supply: Send + Sync + 'static {
    type Server: Connect + 'static;

    /// The server, another one where the former was given up. An error says why
    /// there is none.
    fn lease(&self) -> impl Future<Output = Result<Arc<Lease<Self::Server>>, String>> + Send;
}

/// A server that nobody can replace.
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

/// What a flavour's server stands on, where dbmatrix makes it.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) environment: Environment,
    /// The flavour's name.
    pub(super) flavour: String,
    /// The name of its container.
    pub(super) container: String,
    /// How its server is installed and set.
    pub(super) spec: Arc<ServerSpec>,
}

impl Site {
    pub(super) fn new(environment: &Environment, flavour: &Flavour, managed: &Managed) -> Self {
        Site {
            environment: environment.clone(),
            flavour: flavour.name.clone(),
            container: flavour.container(),
            spec: Arc::new(managed.spec.clone()),
        }
    }

    fn copies(&self) -> Copies {
        let context = &self.environment.context;
        Copies::new(context, &self.flavour, &self.container, &self.spec)
    }
}

/// The servers of a flavour, or of one suite on it.
pub(super) struct Servers {
    /// None of a server that somebody else keeps.
    copies: Option<Copies>,
    events: Sender,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    current: Option<Arc<Lease<Server>>>,
    /// Those that were given up, as long as something runs on them.
    former: Vec<Arc<Lease<Server>>>,
    /// Why there is no other one: each try may take minutes.
    refused: Option<String>,
}

impl Servers {
    /// Those of a flavour that has a server.
    pub(super) fn new(server: Server, site: Option<Site>, events: &Sender) -> Self {
        let held = Held {
            current: Some(Lease::new(server, None)),
            former: Vec::new(),
            refused: None,
        };
        Servers {
            copies: site.map(|site| site.copies()),
            events: events.clone(),
            held: Mutex::new(held),
        }
    }

    /// Others for a suite of the flavour, copies from the first on.
    pub(super) fn isolated(&self) -> Self {
        Servers {
            copies: self.copies.clone(),
            events: self.events.clone(),
            held: Mutex::default(),
        }
    }

    /// Removes all copies; nothing runs on them any more.
    pub(super) async fn close(&self) {
        let held = std::mem::take(&mut *self.held.lock().await);
        let Some(copies) = &self.copies else { return };
        for lease in held.former.iter().chain(&held.current) {
            self.remove(copies, lease).await;
        }
    }

    /// Removes the copy of a lease, where it is one.
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
