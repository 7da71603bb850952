//! Plays a log on one server: a connection for each of the log's, and each statement at its
//! time.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dbmatrix_sql::session::Connect;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::digests::Digests;
use super::feed::{Fed, Sending, Source, Statement, feed};
use super::lane::{Lane, Pace, Queued, lock};
use super::measured::Measured;
use crate::side_by_side::our_own_fault;

/// How long before its time a statement is given to its connection, which opens meanwhile.
const LEAD: Duration = Duration::from_millis(500);
/// Room for statements that wait: one takes a unit, and another one for each [`UNIT`].
const ROOM: usize = 16_384;
/// Bytes of a statement that take a unit of room.
const UNIT: usize = 4096;
/// Connections that are remembered as closed to make room.
const MOST_REMEMBERED: usize = 100_000;

/// Plays a log as fast as `speed` says, on so many connections at most.
///
/// # Errors
/// Why the server or the log cannot be used to the end.
pub(super) async fn play<S: Connect + Clone + 'static>(
    server: &S,
    (source, digests): (&Arc<Source>, &Arc<Mutex<Digests>>),
    speed: Option<f64>,
    most: usize,
    measured: &Arc<Mutex<Measured>>,
) -> Result<Fed, String> {
    let (mut batches, reading) = feed(source, digests);
    let mut player: Option<Player<S>> = None;
    loop {
        let asked = Instant::now();
        let batch = match &mut player {
            None => batches.recv().await,
            Some(player) => tokio::select! {
                batch = batches.recv() => batch,
                reason = player.failure() => return Err(reason),
            },
        };
        let Some(batch) = batch else { break };
        let player = match &mut player {
            Some(player) => {
                player.note_wait(asked);
                player
            }
            None => player.insert(Player::new(server.clone(), speed, most, measured)),
        };
        for sending in batch {
            player.take(sending).await?;
        }
    }
    if let Some(player) = player {
        player.finish().await?;
    }
    let fed = reading
        .await
        .map_err(|error| our_own_fault(&error.to_string()))?;
    fed.map_err(|error| error.to_string())
}

/// Gives commands to connections. Dropping it ends all of them.
struct Player<S> {
    server: S,
    pace: Pace,
    most: usize,
    measured: Arc<Mutex<Measured>>,
    lanes: HashMap<u64, OpenLane>,
    tasks: JoinSet<Result<(), String>>,
    room: Arc<Semaphore>,
    /// A statement was answered, or a connection has left.
    changed: Arc<Notify>,
    /// Connections that were closed to make room.
    closed: HashSet<u64>,
    used: u64,
}

struct OpenLane {
    queue: UnboundedSender<Queued>,
    waiting: Arc<AtomicUsize>,
    /// When it was last used, as a number that grows.
    used: u64,
}

impl<S: Connect + Clone + 'static> Player<S> {
    fn new(server: S, speed: Option<f64>, most: usize, measured: &Arc<Mutex<Measured>>) -> Self {
        let lead = speed.map_or(Duration::ZERO, |_| LEAD);
        let begun = Instant::now() + lead;
        lock(measured).begin(begun);
        Player {
            server,
            pace: Pace { begun, speed },
            most: most.max(1),
            measured: Arc::clone(measured),
            lanes: HashMap::new(),
            tasks: JoinSet::new(),
            room: Arc::new(Semaphore::new(ROOM)),
            changed: Arc::default(),
            closed: HashSet::new(),
            used: 0,
        }
    }

    /// Notes a wait for the log, if all connections waited as well and nothing else sets the
    /// pace.
    fn note_wait(&self, since: Instant) {
        if self.pace.speed.is_none() && self.room.available_permits() == ROOM {
            lock(&self.measured).starved += since.elapsed();
        }
    }

    async fn take(&mut self, sending: Sending) -> Result<(), String> {
        let statement = match sending {
            Sending::Statement(statement) => statement,
            Sending::Quit(connection) => {
                // It leaves when its last statement has ended.
                self.lanes.remove(&connection);
                self.closed.remove(&connection);
                return Ok(());
            }
        };
        if let Some(due) = self.pace.due(statement.at) {
            let given = due.checked_sub(LEAD).unwrap_or(due);
            tokio::select! {
                () = sleep_until(given) => {}
                reason = self.failure() => return Err(reason),
            }
        }
        let (room, held_until) = self.make_room(&statement).await?;
        self.ensure_lane(statement.connection).await?;
        self.used += 1;
        if let Some(lane) = self.lanes.get_mut(&statement.connection) {
            lane.used = self.used;
            lane.waiting.fetch_add(1, Ordering::Relaxed);
            // One that has failed is reported with its reason by its task.
            let _ = lane.queue.send(Queued {
                statement,
                held_until,
                room,
            });
        }
        Ok(())
    }

    /// Waits while too many statements wait for the server.
    async fn make_room(
        &mut self,
        statement: &Statement,
    ) -> Result<(OwnedSemaphorePermit, Option<Instant>), String> {
        let units = (1 + statement.sql.len() / UNIT).min(ROOM);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(units) {
            return Ok((room, None));
        }
        let asked = Instant::now();
        let acquired = Arc::clone(&self.room).acquire_many_owned(units);
        let room = tokio::select! {
            room = acquired => room.expect("nobody closes it"),
            reason = self.failure() => return Err(reason),
        };
        let now = Instant::now();
        lock(&self.measured).held_back += now.duration_since(asked);
        Ok((room, Some(now)))
    }

    /// Opens a connection if it is not open; closes an idle one if there are too many.
    async fn ensure_lane(&mut self, connection: u64) -> Result<(), String> {
        if self.lanes.contains_key(&connection) {
            return Ok(());
        }
        while self.tasks.len() >= self.most {
            if self.lanes.len() >= self.most {
                self.close_idle();
            }
            tokio::select! {
                () = self.changed.notified() => {}
                ended = self.tasks.join_next() => check_lane(ended)?,
            }
        }
        let is_again = self.closed.remove(&connection);
        {
            let mut measured = lock(&self.measured);
            match is_again {
                true => measured.reopened += 1,
                false => measured.connections += 1,
            }
        }
        let (queue, queued) = unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let lane = Lane::new(self.server.clone(), self.pace, &self.measured);
        let changed = Arc::clone(&self.changed);
        self.tasks
            .spawn(lane.run(queued, Arc::clone(&waiting), changed));
        let lane = OpenLane {
            queue,
            waiting,
            used: self.used,
        };
        self.lanes.insert(connection, lane);
        Ok(())
    }

    /// Lets the connection leave that has been idle for the longest time, if one is.
    fn close_idle(&mut self) {
        let idle = self.lanes.iter();
        let idle = idle.filter(|(_, lane)| lane.waiting.load(Ordering::Relaxed) == 0);
        let oldest = idle.min_by_key(|(_, lane)| lane.used);
        if let Some(connection) = oldest.map(|(connection, _)| *connection) {
            self.lanes.remove(&connection);
            if self.closed.len() >= MOST_REMEMBERED {
                self.closed.clear();
            }
            self.closed.insert(connection);
        }
    }

    /// Waits until a connection fails, and returns the reason.
    async fn failure(&mut self) -> String {
        loop {
            match self.tasks.join_next().await {
                None => std::future::pending().await,
                ended => {
                    if let Err(reason) = check_lane(ended) {
                        return reason;
                    }
                }
            }
        }
    }

    /// Waits until all statements are answered.
    async fn finish(mut self) -> Result<(), String> {
        self.lanes.clear();
        while let Some(ended) = self.tasks.join_next().await {
            check_lane(Some(ended))?;
        }
        Ok(())
    }
}

/// The reason why a connection failed.
fn check_lane(
    ended: Option<Result<Result<(), String>, tokio::task::JoinError>>,
) -> Result<(), String> {
    match ended {
        None | Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(reason))) => Err(reason),
        Some(Err(error)) => Err(our_own_fault(&error.to_string())),
    }
}
