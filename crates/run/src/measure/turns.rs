//! Whose turn it is at a file whose times are measured: one flavour runs a statement while
//! the others wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a flavour does next at the statement that it has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It runs the statement.
    Run,
    /// It goes on to the next statement.
    Over,
}

#[derive(Debug)]
enum Report {
    /// It waits at this statement, by its position among those of the file.
    Arrived(usize),
    /// It ran the statement; `None` if that failed.
    Ran(Option<Duration>),
}

/// A flavour's end: waits for turns and reports times.
#[derive(Debug)]
pub(crate) struct Meter {
    due: Arc<[usize]>,
    turns: UnboundedReceiver<Turn>,
    reports: UnboundedSender<Report>,
}

/// The other end: gives turns. Dropping it ends the flavour's case.
#[derive(Debug)]
pub(super) struct Player {
    /// The flavour's index in the comparison.
    pub(super) flavour: usize,
    turns: UnboundedSender<Turn>,
    reports: UnboundedReceiver<Report>,
    /// The statement at which it waits.
    at: Option<usize>,
}

/// Both ends for a flavour that waits at each of the `due` statements.
pub(super) fn pair(flavour: usize, due: &Arc<[usize]>) -> (Meter, Player) {
    let (give, turns) = unbounded_channel();
    let (reports, heard) = unbounded_channel();
    let meter = Meter {
        due: Arc::clone(due),
        turns,
        reports,
    };
    let player = Player {
        flavour,
        turns: give,
        reports: heard,
        at: None,
    };
    (meter, player)
}

impl Meter {
    /// Whether the flavour waits at this statement.
    pub(crate) fn is_due(&self, ordinal: usize) -> bool {
        self.due.binary_search(&ordinal).is_ok()
    }

    /// Reports that it has reached a statement.
    pub(crate) fn arrive(&self, ordinal: usize) {
        let _ = self.reports.send(Report::Arrived(ordinal));
    }

    /// Waits for its turn; `None` if nothing more is measured.
    pub(crate) async fn next_turn(&mut self) -> Option<Turn> {
        self.turns.recv().await
    }

    /// Reports how long a run of the statement took; `None` if it failed.
    pub(crate) fn tell(&self, took: Option<Duration>) {
        let _ = self.reports.send(Report::Ran(took));
    }
}

impl Player {
    /// Waits until the flavour has reached a statement. `false` if it does not: it has passed
    /// it, or its case has ended.
    pub(super) async fn reach(&mut self, ordinal: usize) -> bool {
        while self.at.is_none_or(|at| at < ordinal) {
            match self.reports.recv().await {
                Some(Report::Arrived(at)) => self.at = Some(at),
                Some(Report::Ran(_)) => {}
                None => return false,
            }
        }
        self.at == Some(ordinal)
    }

    /// Gives the flavour a turn; how long it took, or `None` if the statement failed.
    pub(super) async fn run(&mut self) -> Option<Duration> {
        let _ = self.turns.send(Turn::Run);
        match self.reports.recv().await {
            Some(Report::Ran(took)) => took,
            Some(Report::Arrived(_)) | None => None,
        }
    }

    /// Lets the flavour go on if it waits at this statement.
    pub(super) fn release(&mut self, ordinal: usize) {
        if self.at == Some(ordinal) {
            self.at = None;
            let _ = self.turns.send(Turn::Over);
        }
    }
}
