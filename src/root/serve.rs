//! Accepts requests while the user's process lives.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dbmatrix_engine::privilege::{Answer, Greeting, Request, abstract_name, receive, send};
use dbmatrix_platform::socket::{Listener, Peer, Stream, abstract_address, peer};
use dbmatrix_run::Lock;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, WeakSender, channel};

use super::Scope;
use super::verb::perform_request;

/// How long a client may take to send its request.
const QUESTION: Duration = Duration::from_secs(10);

/// The state of a serving helper.
pub(super) struct Service {
    pub(super) scope: Scope,
    /// The served process.
    pub(super) user: Peer,
    /// Locks held for it.
    locks: Mutex<BTreeMap<String, Lock>>,
}

impl Service {
    pub(super) fn locks(&self) -> MutexGuard<'_, BTreeMap<String, Lock>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the process at the other end of `control` until it ends for any reason. Then
/// completes the current operations and releases its locks.
///
/// # Errors
/// As of the kernel.
pub async fn serve(control: Stream, scope: Scope) -> io::Result<()> {
    let user = peer(&control)?;
    let address = abstract_name("root");
    let name = abstract_address(&address)?;
    let listener = Listener::bind_addr(&name)?;
    send(&control, &Greeting { address }, None)?;
    let (working, mut worked) = channel(1);
    let service = Arc::new(Service {
        scope,
        user,
        locks: Mutex::default(),
    });
    let taking = Taking {
        service: Arc::clone(&service),
        working: working.downgrade(),
        runtime: Handle::current(),
    };
    std::thread::spawn(move || taking.take_requests(&listener));
    tokio::task::spawn_blocking(move || wait_for_end(control)).await?;
    drop(working);
    let _ = worked.recv().await;
    service.locks().clear();
    Ok(())
}

fn wait_for_end(mut control: Stream) {
    let mut byte = [0];
    while let Ok(1..) = control.read(&mut byte) {}
}

/// The state of the thread that accepts requests.
struct Taking {
    service: Arc<Service>,
    working: WeakSender<()>,
    runtime: Handle,
}

impl Taking {
    /// Uses a thread for each, so that none waits for another.
    fn take_requests(&self, listener: &Listener) {
        for stream in listener.incoming().flatten() {
            let Some(working) = self.working.upgrade() else {
                return;
            };
            if !is_from(&stream, &self.service.user) {
                continue;
            }
            let (service, runtime) = (Arc::clone(&self.service), self.runtime.clone());
            std::thread::spawn(move || runtime.block_on(answer(stream, &service, working)));
        }
    }
}

/// Whether the client is exactly the process that the helper was started for.
fn is_from(stream: &Stream, user: &Peer) -> bool {
    peer(stream).is_ok_and(|found| found == *user)
}

/// The client may be gone when the answer is ready.
async fn answer(stream: Stream, service: &Service, working: Sender<()>) {
    let _ = stream.set_read_timeout(Some(QUESTION));
    let done = match receive::<Request>(&stream) {
        Ok(Some((request, _))) => perform_request(service, request).await,
        Ok(None) => return,
        Err(error) => Err(format!(
            "the root helper does not know this request: {error}"
        )),
    };
    let (answer, passed) = match done {
        Ok(done) => done,
        Err(message) => (Answer::Failed { message }, None),
    };
    let _ = send(&stream, &answer, passed.as_ref());
    drop(working);
}
