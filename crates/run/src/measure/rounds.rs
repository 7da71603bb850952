//! Rounds of turns: each flavour in turn runs the same statement, again and again.

use std::time::Duration;

use dbmatrix_flavours::matrix::MeasureSpec;
use dbmatrix_sql::compare::Times;
use tokio::time::Instant;

use super::turns::Player;
use crate::comparison::Candidate;

/// The part of the time limit that one statement may take.
const SHARE: u32 = 10;
/// How much slower the first run may be, which fills caches, until a statement is taken for
/// slow at once.
const COLD: u32 = 3;

/// What became of the statements that can be measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MeasureCounts {
    pub(super) measured: usize,
    /// Too slow to be repeated often enough.
    pub(super) slow: usize,
    /// They failed when they were repeated.
    pub(super) failed: usize,
    /// The time limit was over before.
    pub(super) left: usize,
}

impl MeasureCounts {
    /// Counts statements that were to be measured a second time. Without that they are not.
    pub(super) fn confirm(&mut self, second: MeasureCounts) {
        let unconfirmed = second.slow + second.failed + second.left;
        self.measured = self.measured.saturating_sub(unconfirmed);
        self.slow += second.slow;
        self.failed += second.failed;
        self.left += second.left;
    }
}

/// Why a statement has no times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unmeasured {
    Slow,
    Failed,
    Left,
}

/// The rounds of all statements of a file.
pub(super) struct Rounds<'a> {
    pub(super) spec: MeasureSpec,
    /// When the time limit is over.
    pub(super) deadline: Instant,
    pub(super) players: &'a mut [Player],
}

impl Rounds<'_> {
    /// Measures the statements in their order. Of each, `due` has the position at which the
    /// flavours wait. Passes times with the indexes of statement and flavour to `keep`, and
    /// the number of statements done to `progress`.
    pub(super) async fn run(
        mut self,
        candidates: &[Candidate],
        due: &[usize],
        mut keep: impl FnMut(usize, usize, Times),
        progress: impl Fn(usize),
    ) -> MeasureCounts {
        let mut counts = MeasureCounts::default();
        for (done, (candidate, at)) in candidates.iter().zip(due).enumerate() {
            progress(done);
            let measured = self.measure(candidate, *at).await;
            for player in self.players.iter_mut() {
                player.release(*at);
            }
            match measured {
                Ok(measured) => {
                    counts.measured += 1;
                    for (flavour, times) in measured {
                        keep(candidate.ordinal, flavour, times);
                    }
                }
                Err(Unmeasured::Slow) => counts.slow += 1,
                Err(Unmeasured::Failed) => counts.failed += 1,
                Err(Unmeasured::Left) => {
                    counts.left = candidates.len() - done;
                    break;
                }
            }
        }
        counts
    }

    /// The times of one statement by flavour.
    async fn measure(
        &mut self,
        candidate: &Candidate,
        at: usize,
    ) -> Result<Vec<(usize, Times)>, Unmeasured> {
        let mut running = self.warm_up(candidate, at).await?;
        let begun = Instant::now();
        let (share, beyond) = self.share(begun)?;
        for round in 1..=self.spec.repeat {
            // Nobody is always the first.
            running.reverse();
            for one in &mut running {
                let took = self.players[one.player].run().await;
                one.times.extend(took);
            }
            running.retain(|one| one.times.len() == round);
            if running.len() < 2 {
                return Err(Unmeasured::Failed);
            }
            let spent = begun.elapsed();
            let missing = Times::FEWEST.saturating_sub(round).max(1);
            let expected = spent / round as u32 * missing as u32;
            if round < self.spec.repeat && spent + expected > share {
                match round < Times::FEWEST {
                    true => return Err(beyond),
                    false => break,
                }
            }
        }
        let times = running.into_iter().filter_map(|one| {
            let flavour = self.players[one.player].flavour;
            Some((flavour, Times::new(one.times)?))
        });
        Ok(times.collect())
    }

    /// Lets each flavour that is at the statement run it once. Returns those that take part.
    async fn warm_up(
        &mut self,
        candidate: &Candidate,
        at: usize,
    ) -> Result<Vec<Running>, Unmeasured> {
        for player in self.players.iter_mut() {
            player.reach(at).await;
        }
        let begun = Instant::now();
        let (share, beyond) = self.share(begun)?;
        let mut running = Vec::new();
        for (index, player) in self.players.iter_mut().enumerate() {
            if !player.reach(at).await {
                continue;
            }
            let has_succeeded = player.run().await.is_some();
            if has_succeeded && candidate.flavours.contains(&player.flavour) {
                running.push(Running {
                    player: index,
                    times: Vec::new(),
                });
            }
        }
        if running.len() < 2 {
            return Err(Unmeasured::Failed);
        }
        match begun.elapsed() * Times::FEWEST as u32 > share * COLD {
            true => Err(beyond),
            false => Ok(running),
        }
    }

    /// How long a statement that begins now may take, and what it is if it takes longer.
    fn share(&self, now: Instant) -> Result<(Duration, Unmeasured), Unmeasured> {
        let rest = self.deadline.saturating_duration_since(now);
        let share = self.spec.limit / SHARE;
        match rest {
            Duration::ZERO => Err(Unmeasured::Left),
            rest if rest < share => Ok((rest, Unmeasured::Left)),
            _ => Ok((share, Unmeasured::Slow)),
        }
    }
}

/// A flavour that takes part in the rounds of a statement.
struct Running {
    /// Its index among the players.
    player: usize,
    times: Vec<Duration>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use futures_util::future::join_all;

    use super::super::turns::{Meter, Turn, pair};
    use super::*;

    /// How long each statement of a flavour takes, in milliseconds; `None` fails. A flavour
    /// ends after its last statement.
    type Script = Vec<Option<u64>>;

    /// Plays a flavour that notes its runs.
    async fn play(mut meter: Meter, script: Script, name: char, runs: Arc<Mutex<String>>) {
        for (ordinal, takes) in script.into_iter().enumerate() {
            if !meter.is_due(ordinal) {
                continue;
            }
            meter.arrive(ordinal);
            loop {
                match meter.next_turn().await {
                    Some(Turn::Run) => {}
                    Some(Turn::Over) => break,
                    None => return,
                }
                runs.lock().expect("one thread").push(name);
                let takes = takes.map(Duration::from_millis);
                tokio::time::sleep(takes.unwrap_or_default()).await;
                meter.tell(takes);
            }
        }
    }

    struct Played {
        counts: MeasureCounts,
        /// Rounds by statement and flavour.
        rounds: BTreeMap<(usize, usize), usize>,
        runs: String,
    }

    /// Measures statements on flavours `a`, `b` and so on.
    async fn measure(scripts: Vec<Script>, repeat: u32, limit: Duration) -> Played {
        let statements = scripts.iter().map(Vec::len).max().unwrap_or(0);
        let candidates: Vec<Candidate> = (0..statements)
            .map(|ordinal| Candidate {
                ordinal,
                flavours: (0..scripts.len()).collect(),
            })
            .collect();
        let due: Vec<usize> = (0..statements).collect();
        let shared: Arc<[usize]> = due.clone().into();
        let runs = Arc::new(Mutex::new(String::new()));
        let (mut players, mut playing) = (Vec::new(), Vec::new());
        for (flavour, (script, name)) in scripts.into_iter().zip('a'..).enumerate() {
            let (meter, player) = pair(flavour, &shared);
            players.push(player);
            playing.push(play(meter, script, name, Arc::clone(&runs)));
        }
        let mut rounds = BTreeMap::new();
        let conducting = async {
            let all = Rounds {
                spec: MeasureSpec::new(repeat, Some(limit)).expect("enough rounds"),
                deadline: Instant::now() + limit,
                players: &mut players,
            };
            let keep = |ordinal, flavour, times: Times| {
                rounds.insert((ordinal, flavour), times.rounds());
            };
            let counts = all.run(&candidates, &due, keep, |_| {}).await;
            drop(players);
            counts
        };
        let (counts, _) = tokio::join!(conducting, join_all(playing));
        let runs = runs.lock().expect("one thread").clone();
        Played {
            counts,
            rounds,
            runs,
        }
    }

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn flavours_take_turns_and_nobody_is_always_first() {
        let played = measure(vec![vec![Some(1)], vec![Some(2)]], 6, LONG).await;
        assert_eq!(played.runs, "abbaabbaabbaab");
        assert_eq!(played.rounds, BTreeMap::from([((0, 0), 6), ((0, 1), 6)]));
        assert_eq!(played.counts.measured, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flavour_whose_statement_fails_or_whose_case_ends_leaves_the_others_alone() {
        let scripts = vec![
            vec![Some(1), Some(1), Some(1)],
            vec![Some(1), None, Some(1)],
            vec![Some(1)],
        ];
        let played = measure(scripts, 6, LONG).await;
        assert_eq!(
            played.counts,
            MeasureCounts {
                measured: 2,
                failed: 1,
                ..MeasureCounts::default()
            }
        );
        let measured: Vec<(usize, usize)> = played.rounds.into_keys().collect();
        assert_eq!(measured, [(0, 0), (0, 1), (0, 2), (2, 0), (2, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_statement_is_repeated_less_or_not_at_all() {
        let limit = Duration::from_secs(100);
        // Of the 10 s for one, ten rounds take 6, 12 and 24 s.
        let script = vec![Some(300), Some(600), Some(1200)];
        let played = measure(vec![script.clone(), script], 10, limit).await;
        assert_eq!((played.rounds[&(0, 0)], played.rounds[&(1, 0)]), (10, 8));
        assert_eq!(
            played.counts,
            MeasureCounts {
                measured: 2,
                slow: 1,
                ..MeasureCounts::default()
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_when_the_limit_is_over_is_counted() {
        let script = vec![Some(60); 100];
        let limit = Duration::from_secs(10);
        let played = measure(vec![script.clone(), script], 7, limit).await;
        // 0.96 s for each.
        assert_eq!(
            played.counts,
            MeasureCounts {
                measured: 10,
                left: 90,
                ..MeasureCounts::default()
            }
        );
    }
}
