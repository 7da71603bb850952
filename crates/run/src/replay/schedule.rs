//! When each command of a log begins: in the order of their beginnings, as offsets from the
//! first one.
//!
//! Slow logs have statements in the order of their ends, so that one is held until nothing
//! that began before it can follow. Pure: knows no log, no server and no clock.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use dbmatrix_workload::Moment;

/// The log's time for which commands are held: a statement that took longer begins late.
pub(super) const WINDOW: i64 = 60_000_000;
/// A clock that goes back by more was set.
const JUMP: i64 = 2 * WINDOW;
/// The longest pause; longer ones are cut to it.
const LONGEST_PAUSE: i64 = 10_000_000;
/// Commands that are held at most.
const MOST_HELD: usize = 100_000;
/// Bytes of commands that are held at most.
const MOST_BYTES: usize = 64 << 20;
/// Connections whose order is known at a time.
const MOST_CONNECTIONS: usize = 100_000;

/// When a command was logged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stamp {
    /// When it began or ended.
    pub(super) moment: Option<Moment>,
    pub(super) duration: Option<Duration>,
    pub(super) connection: u64,
    /// The memory that it takes.
    pub(super) bytes: usize,
}

/// Commands in the order in which they begin.
#[derive(Debug)]
pub(super) struct Schedule<T> {
    /// Those of the same whole second, as a log without fractions has them.
    second: Vec<(Stamp, T)>,
    held: BinaryHeap<Reverse<Begun<T>>>,
    bytes: usize,
    /// The number of commands so far.
    ordinal: u64,
    /// How often the clock was set back.
    epoch: u64,
    /// The latest time in the log.
    latest: Option<i64>,
    /// When the last command of each connection began.
    last_of: HashMap<u64, i64>,
    is_at_end: bool,
    /// When the last released command began, and its epoch.
    released: Option<(u64, i64)>,
    offset: Duration,
    cut: Duration,
}

#[derive(Debug)]
struct Begun<T> {
    epoch: u64,
    /// In microseconds; `None` before the first time of a log.
    began: Option<i64>,
    ordinal: u64,
    bytes: usize,
    item: T,
}

impl<T> Begun<T> {
    fn key(&self) -> (u64, Option<i64>, u64) {
        (self.epoch, self.began, self.ordinal)
    }
}

impl<T> PartialEq for Begun<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Begun<T> {}

impl<T> PartialOrd for Begun<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Begun<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Schedule<T> {
    pub(super) fn new() -> Self {
        Schedule {
            second: Vec::new(),
            held: BinaryHeap::new(),
            bytes: 0,
            ordinal: 0,
            epoch: 0,
            latest: None,
            last_of: HashMap::new(),
            is_at_end: false,
            released: None,
            offset: Duration::ZERO,
            cut: Duration::ZERO,
        }
    }

    /// Adds the log's next command.
    pub(super) fn push(&mut self, stamp: Stamp, item: T) {
        self.bytes += stamp.bytes;
        let is_of_second = self
            .second
            .first()
            .is_some_and(|(first, _)| first.moment == stamp.moment);
        if !is_of_second {
            self.spread_second();
        }
        let is_exact = |moment: Moment| moment.time().is_exact();
        if stamp.moment.is_some_and(|moment| !is_exact(moment)) {
            self.second.push((stamp, item));
            if self.second.len() >= MOST_HELD / 2 {
                self.spread_second();
            }
            return;
        }
        self.place(stamp, 0, item);
    }

    /// No command follows.
    pub(super) fn end(&mut self) {
        self.spread_second();
        self.is_at_end = true;
    }

    /// The next command, with its offset from the first one; `None` if others must be added
    /// before.
    pub(super) fn next(&mut self) -> Option<(Duration, T)> {
        let Reverse(first) = self.held.peek()?;
        let is_due = match (first.began, self.latest) {
            (Some(began), Some(latest)) => latest - began >= WINDOW,
            _ => true,
        };
        let is_full = self.held.len() > MOST_HELD || self.bytes > MOST_BYTES;
        if !(is_due || is_full || self.is_at_end || first.epoch < self.epoch) {
            return None;
        }
        let Reverse(first) = self.held.pop()?;
        self.bytes -= first.bytes;
        if let Some(began) = first.began {
            self.advance(first.epoch, began);
        }
        Some((self.offset, first.item))
    }

    /// How much of the log's pauses was cut.
    pub(super) fn cut(&self) -> Duration {
        self.cut
    }

    /// Spreads the commands of a whole second evenly over it.
    fn spread_second(&mut self) {
        let second = std::mem::take(&mut self.second);
        let number = second.len() as i64;
        for (at, (stamp, item)) in (0..).zip(second) {
            self.place(stamp, at * 1_000_000 / number, item);
        }
    }

    /// Holds a command, `later` by so many microseconds than its stamp says.
    fn place(&mut self, stamp: Stamp, later: i64, item: T) {
        self.ordinal += 1;
        let took = stamp.duration.unwrap_or_default().as_micros();
        let took = i64::try_from(took).unwrap_or(i64::MAX);
        let began = stamp.moment.map(|moment| {
            let time = moment.time().as_micros().saturating_add(later);
            let (began, logged) = match moment {
                Moment::Began(_) => (time, time.saturating_add(took)),
                Moment::Ended(_) => (time.saturating_sub(took), time),
            };
            self.note_logged(logged);
            self.in_order(stamp.connection, began)
        });
        self.held.push(Reverse(Begun {
            epoch: self.epoch,
            began: began.or(self.latest),
            ordinal: self.ordinal,
            bytes: stamp.bytes,
            item,
        }));
    }

    fn note_logged(&mut self, logged: i64) {
        match self.latest {
            Some(latest) if logged < latest - JUMP => {
                self.epoch += 1;
                self.last_of.clear();
                self.latest = Some(logged);
            }
            Some(latest) => self.latest = Some(latest.max(logged)),
            None => self.latest = Some(logged),
        }
    }

    /// A connection's commands begin in their order, whatever their times.
    fn in_order(&mut self, connection: u64, began: i64) -> i64 {
        if self.last_of.len() > MOST_CONNECTIONS {
            self.last_of.clear();
        }
        let last = self.last_of.entry(connection).or_insert(began);
        *last = began.max(*last);
        *last
    }

    fn advance(&mut self, epoch: u64, began: i64) {
        if let Some((former_epoch, former)) = self.released
            && former_epoch == epoch
        {
            let pause = began - former;
            if pause <= 0 {
                return;
            }
            let kept = pause.min(LONGEST_PAUSE);
            let micros = |micros: i64| Duration::from_micros(micros.unsigned_abs());
            self.offset += micros(kept);
            self.cut += micros(pause - kept);
        }
        self.released = Some((epoch, began));
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_workload::Timestamp;

    use super::*;

    const SECOND: i64 = 1_000_000;
    const BASE: i64 = 1_795_809_600 * SECOND;

    fn time(seconds: f64) -> Timestamp {
        Timestamp::from_micros(BASE + (seconds * 1e6) as i64)
    }

    fn ended(seconds: f64, took: f64, connection: u64) -> Stamp {
        Stamp {
            moment: Some(Moment::Ended(time(seconds))),
            duration: Some(Duration::from_secs_f64(took)),
            connection,
            bytes: 1,
        }
    }

    fn began(seconds: f64, connection: u64) -> Stamp {
        Stamp {
            moment: Some(Moment::Began(time(seconds))),
            duration: None,
            connection,
            bytes: 1,
        }
    }

    /// The commands, by their numbers, with their offsets in seconds.
    fn all(stamps: &[Stamp]) -> Vec<(f64, usize)> {
        let mut schedule = Schedule::new();
        let mut placed = Vec::new();
        for (number, stamp) in stamps.iter().enumerate() {
            schedule.push(*stamp, number);
            placed.extend(std::iter::from_fn(|| schedule.next()));
        }
        schedule.end();
        placed.extend(std::iter::from_fn(|| schedule.next()));
        assert_eq!(schedule.bytes, 0);
        let seconds = placed.into_iter();
        seconds
            .map(|(at, number)| (at.as_secs_f64(), number))
            .collect()
    }

    #[test]
    fn statements_begin_in_the_order_of_their_beginnings_not_of_their_ends() {
        // The long one began first and is logged last.
        let found = all(&[
            ended(10.5, 0.25, 1),
            ended(11.25, 0.25, 1),
            ended(12.25, 2.25, 2),
        ]);
        assert_eq!(found, [(0.0, 2), (0.25, 0), (1.0, 1)]);
    }

    #[test]
    fn a_connections_statements_keep_their_order() {
        // By rounded times the second would begin before the first.
        let found = all(&[ended(10.5, 0.1, 1), ended(10.6, 0.5, 1)]);
        assert_eq!(found, [(0.0, 0), (0.0, 1)]);
    }

    #[test]
    fn statements_of_a_whole_second_are_spread_over_it() {
        let stamps = [
            began(1.0, 1),
            began(1.0, 2),
            began(1.0, 1),
            began(1.0, 3),
            began(2.0, 1),
        ];
        let found = all(&stamps);
        assert_eq!(found, [(0.0, 0), (0.25, 1), (0.5, 2), (0.75, 3), (1.0, 4)]);
    }

    #[test]
    fn long_pauses_are_cut() {
        let stamps = [began(0.5, 1), began(7.5, 1), began(3600.5, 1)];
        assert_eq!(all(&stamps), [(0.0, 0), (7.0, 1), (17.0, 2)]);
        let mut schedule = Schedule::new();
        stamps.iter().for_each(|stamp| schedule.push(*stamp, ()));
        schedule.end();
        while schedule.next().is_some() {}
        assert_eq!(schedule.cut(), Duration::from_secs(3600 - 17));
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nothing() {
        let stamps = [
            began(7200.5, 1),
            began(7201.5, 2),
            began(0.5, 1),
            began(2.5, 2),
        ];
        assert_eq!(all(&stamps), [(0.0, 0), (1.0, 1), (1.0, 2), (3.0, 3)]);
    }

    #[test]
    fn commands_are_held_for_a_minute_of_the_log_and_no_longer() {
        let mut schedule = Schedule::new();
        schedule.push(began(0.5, 1), 0);
        schedule.push(began(50.5, 1), 1);
        assert!(schedule.next().is_none());
        schedule.push(began(60.5, 1), 2);
        assert_eq!(schedule.next().map(|(_, number)| number), Some(0));
        assert!(schedule.next().is_none());
    }

    #[test]
    fn memory_bounds_what_is_held() {
        let mut schedule = Schedule::new();
        for _ in 0..3 {
            let bytes = MOST_BYTES / 2;
            schedule.push(
                Stamp {
                    bytes,
                    ..began(0.5, 1)
                },
                (),
            );
        }
        assert!(schedule.next().is_some() && schedule.next().is_none());
    }

    #[test]
    fn a_log_without_times_has_its_order() {
        let stamps = [Stamp::default(); 3];
        assert_eq!(all(&stamps), [(0.0, 0), (0.0, 1), (0.0, 2)]);
        // And what precedes the first time waits for nothing.
        assert_eq!(
            all(&[Stamp::default(), began(5.5, 1), began(6.5, 1)]),
            [(0.0, 0), (0.0, 1), (1.0, 2)]
        );
    }
}
