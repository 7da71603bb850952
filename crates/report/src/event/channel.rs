//! The channel of events from a run to its reporters.
//!
//! Sending never waits, since not all senders can. Senders of many events wait for room
//! before they continue: if nothing reads a reporter's output, it then delays the run
//! instead of filling memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::mpsc::{
    UnboundedReceiver, UnboundedSender, WeakUnboundedSender, error::TryRecvError, unbounded_channel,
};

use super::{Event, Phase};

/// Pending events above which these senders wait.
const MOST: usize = 256;

/// The pending events.
#[derive(Debug, Default)]
struct PendingEvents {
    events: AtomicUsize,
    /// The receiver is gone, so senders must not wait.
    closed: AtomicBool,
    room: Notify,
}

impl PendingEvents {
    fn has_room(&self) -> bool {
        self.events.load(Ordering::Relaxed) < MOST || self.closed.load(Ordering::Relaxed)
    }
}

/// The sending end. A receiver that is gone stops no run.
#[derive(Debug, Clone)]
pub struct Sender {
    events: UnboundedSender<Event>,
    pending: Arc<PendingEvents>,
}

impl Sender {
    /// Creates a sender and its receiver.
    pub fn channel() -> (Self, Receiver) {
        let (sender, events) = unbounded_channel();
        let pending = Arc::new(PendingEvents::default());
        let sender = Sender {
            events: sender,
            pending: Arc::clone(&pending),
        };
        (sender, Receiver { events, pending })
    }

    /// Sends an event.
    pub fn send(&self, event: Event) {
        self.pending.events.fetch_add(1, Ordering::Relaxed);
        let _ = self.events.send(event);
    }

    /// Waits while too many events are pending.
    pub async fn wait_for_room(&self) {
        while !self.pending.has_room() {
            let room = self.pending.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if self.pending.has_room() {
                return;
            }
            room.await;
        }
    }

    /// A sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender {
        WeakSender {
            events: self.events.downgrade(),
            pending: Arc::clone(&self.pending),
        }
    }

    /// Reports a flavour's phase.
    pub fn phase(&self, flavour: &str, phase: Phase) {
        self.send(Event::FlavourPhase {
            flavour: flavour.to_owned(),
            phase,
        });
    }

    /// Reports a warning.
    pub fn warn(&self, text: impl Into<String>) {
        self.send(Event::Warning { text: text.into() });
    }
}

/// A sender for tasks that outlive a run: once the others are gone, its events are
/// dropped.
#[derive(Debug, Clone)]
pub struct WeakSender {
    events: WeakUnboundedSender<Event>,
    pending: Arc<PendingEvents>,
}

impl WeakSender {
    /// Sends an event if the channel is still open.
    pub fn send(&self, event: Event) {
        if let Some(events) = self.events.upgrade() {
            self.pending.events.fetch_add(1, Ordering::Relaxed);
            let _ = events.send(event);
        }
    }
}

/// The receiving end, which returns events in order.
#[derive(Debug)]
pub struct Receiver {
    events: UnboundedReceiver<Event>,
    pending: Arc<PendingEvents>,
}

impl Receiver {
    /// Waits for the next event; `None` once all senders are gone.
    pub async fn recv(&mut self) -> Option<Event> {
        let event = self.events.recv().await;
        self.note_received(event.is_some());
        event
    }

    /// Returns a pending event without waiting.
    ///
    /// # Errors
    /// If there is none, now or for ever.
    pub fn try_recv(&mut self) -> Result<Event, TryRecvError> {
        let event = self.events.try_recv();
        self.note_received(event.is_ok());
        event
    }

    fn note_received(&self, is_heard: bool) {
        if is_heard && self.pending.events.fetch_sub(1, Ordering::Relaxed) == MOST {
            self.pending.room.notify_waiters();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.pending.closed.store(true, Ordering::Relaxed);
        self.pending.room.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(20);

    fn fill(sender: &Sender) {
        (0..MOST).for_each(|_| sender.send(Event::Interrupted));
    }

    #[tokio::test]
    async fn who_sends_much_waits_for_who_hears() {
        let (sender, mut receiver) = Sender::channel();
        sender.wait_for_room().await;
        fill(&sender);
        assert!(timeout(MOMENT, sender.wait_for_room()).await.is_err());
        let waiting = tokio::spawn(async move { sender.wait_for_room().await });
        tokio::task::yield_now().await;
        assert_eq!(receiver.recv().await, Some(Event::Interrupted));
        let waited = timeout(Duration::from_secs(10), waiting).await;
        waited.expect("there is room").expect("no panic");
    }

    #[tokio::test]
    async fn nobody_waits_for_a_listener_that_is_gone() {
        let (sender, receiver) = Sender::channel();
        fill(&sender);
        drop(receiver);
        sender.warn("nobody hears this");
        let waited = timeout(Duration::from_secs(10), sender.wait_for_room()).await;
        waited.expect("nothing is to be waited for");
    }
}
