//! What was measured so far, as a report: it can be asked for at any time, since the user
//! may end a replay at any time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_report::event::MissingObject;
use dbmatrix_report::{
    Latency, REPLAY_SCHEMA, Ratio, ReplayReport, ReplayedDigest, ReplayedDigestOn, ReplayedError,
    ReplayedFlavour, ReplayedRound,
};

use super::digests::Digests;
use super::feed::{Fed, TimedLog};
use super::lane::lock;
use super::measured::{DigestRound, ErrorCode, ErrorSeen, Measured, Round};

/// dbmatrix's own delay that is worth a note, as a part of the median time.
const LARGE_LAG: f64 = 0.5;
/// The delay that timers have, which is no reason for a note.
const USUAL_LAG: Duration = Duration::from_millis(2);
/// The share of a round that is worth a note, if the log was read or waited for in it.
const LARGE_SHARE: f64 = 0.2;

/// What was measured so far.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) flavours: Vec<OfFlavour>,
    /// What one round sends.
    pub(super) fed: Option<Fed>,
    pub(super) notes: BTreeSet<String>,
    /// How late dbmatrix itself sent statements, by flavour, where that matters.
    lags: BTreeMap<String, Duration>,
    /// Connections of the log, and the most at once.
    connections: (u64, u64),
}

/// What was measured on a flavour.
#[derive(Debug, Default)]
pub(super) struct OfFlavour {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) aborted: Option<String>,
    rounds: Vec<Round>,
    /// The round that runs.
    running: Option<Arc<Mutex<Measured>>>,
}

/// A flavour with its rounds, the one that runs among them.
type Rounds<'a> = (&'a OfFlavour, Vec<Round>);

/// What a report says about the request.
pub(super) struct Asked<'a> {
    pub(super) logs: &'a [TimedLog],
    pub(super) speed: Option<f64>,
    pub(super) rounds: usize,
    pub(super) writes: Writes,
    pub(super) baseline: Option<&'a str>,
    pub(super) has_times: bool,
}

impl Results {
    /// Begins a round of a flavour.
    pub(super) fn begin(&mut self, at: usize) -> Arc<Mutex<Measured>> {
        let measured = Arc::new(Mutex::new(Measured::new()));
        self.flavours[at].running = Some(Arc::clone(&measured));
        measured
    }

    /// Forgets the round that runs: it only warmed up.
    pub(super) fn forget(&mut self, at: usize) {
        self.flavours[at].running = None;
    }

    /// Ends the round of a flavour that runs.
    pub(super) fn end(&mut self, at: usize, ended: Result<Fed, String>) {
        let complete = ended.is_ok();
        match ended {
            Ok(fed) => self.fed = Some(fed),
            Err(reason) => self.flavours[at].aborted = Some(reason),
        }
        if let Some(measured) = self.flavours[at].running.take() {
            let measured = lock(&measured);
            self.note(&measured);
            let round = measured.round(complete);
            self.note_lag(&self.flavours[at].name.clone(), &round.figures);
            self.flavours[at].rounds.push(round);
        }
    }

    /// Notes what about a round makes its figures doubtful.
    fn note(&mut self, measured: &Measured) {
        let (all, at_once) = &mut self.connections;
        *all = measured.connections.max(*all);
        *at_once = measured.open_at_once.max(*at_once);
        let took = measured.round(true).figures.took.as_secs_f64();
        let is_large = |time: Duration| time.as_secs_f64() > took * LARGE_SHARE;
        if measured.reopened > 0 {
            self.notes.insert(format!(
                "the log has more than {at_once} connections at once, which is the limit here: idle ones \
                 were closed and opened again (`--connections` changes the limit)"
            ));
        }
        if measured.starved > Duration::ZERO && is_large(measured.starved) {
            self.notes.insert(
                "the servers waited for dbmatrix to read the log for a good part of the time: they can \
                 do more than `per second` says"
                    .to_owned(),
            );
        }
        if measured.held_back > Duration::ZERO && is_large(measured.held_back) {
            self.notes.insert(
                "a server fell so far behind that statements were held back: the log's pace was not \
                 kept there"
                    .to_owned(),
            );
        }
    }

    /// Notes how late dbmatrix itself sent statements, if that is no small part of their times.
    fn note_lag(&mut self, flavour: &str, round: &ReplayedRound) {
        let limit = round.latency.p50.mul_f64(LARGE_LAG).max(USUAL_LAG);
        if round.client_lag > limit {
            let worst = self.lags.entry(flavour.to_owned()).or_default();
            *worst = round.client_lag.max(*worst);
        }
    }

    /// The report.
    pub(super) fn report(&self, asked: &Asked<'_>, digests: &Digests) -> ReplayReport {
        let all: Vec<Rounds<'_>> = self
            .flavours
            .iter()
            .map(|flavour| (flavour, flavour.rounds()))
            .collect();
        let has_complete =
            |(_, rounds): &&Rounds<'_>| rounds.iter().any(|round| round.figures.complete);
        let is_wanted =
            |(flavour, _): &&Rounds<'_>| asked.baseline.is_none_or(|name| name == flavour.name);
        let baseline = all.iter().filter(has_complete).find(is_wanted);
        let complete = !all.is_empty()
            && all.iter().all(|(flavour, rounds)| {
                let complete = rounds.iter().filter(|round| round.figures.complete);
                flavour.aborted.is_none() && complete.count() == asked.rounds
            });
        let fed = self.fed.clone().unwrap_or_default();
        let mut left_out = fed.left_out.described(asked.writes);
        let others = fed.others.iter();
        left_out.extend(others.map(|(number, why)| (*number, (*why).to_owned())));
        let base = baseline.map(|(_, rounds)| rounds.as_slice());
        ReplayReport {
            schema: REPLAY_SCHEMA,
            log: names_of(asked.logs),
            speed: asked.speed,
            rounds: asked.rounds,
            complete,
            statements: fed.statements,
            connections: self.connections.0,
            connections_at_once: self.connections.1,
            log_time: (asked.has_times && self.fed.is_some()).then_some(fed.log_time),
            left_out,
            notes: self.all_notes(&fed, asked, &all),
            baseline: baseline.map(|(flavour, _)| flavour.name.clone()),
            flavours: all
                .iter()
                .map(|(flavour, rounds)| {
                    let is_baseline = baseline.is_some_and(|(base, _)| base.name == flavour.name);
                    let base = base.filter(|_| !is_baseline);
                    flavour.report(rounds, base, asked.logs)
                })
                .collect(),
            digests: digests_of(&all, baseline, digests),
        }
    }

    fn all_notes(&self, fed: &Fed, asked: &Asked<'_>, all: &[Rounds<'_>]) -> Vec<String> {
        let mut notes: Vec<String> = self.notes.iter().cloned().collect();
        let lags = self.lags.iter();
        notes.extend(lags.map(|(flavour, lag)| {
            format!(
                "{flavour}: dbmatrix itself sent 1 of 100 statements late, by more than {} ms: this machine \
                 is too busy, and the figures are not the server's alone",
                lag.as_millis()
            )
        }));
        if !fed.cut.is_zero() && asked.speed.is_some() {
            let seconds = fed.cut.as_secs();
            notes.push(format!(
                "pauses of the log beyond 10 s were cut to that, {seconds} s in all"
            ));
        }
        for (place, message) in &fed.warnings {
            notes.push(format!("{}: {message}", place.shown(asked.logs)));
        }
        let of_all = |of: fn(&ReplayedRound) -> u64| -> BTreeSet<u64> {
            let rounds = all.iter().flat_map(|(_, rounds)| rounds);
            let complete = rounds.filter(|round| round.figures.complete);
            complete.map(|round| of(&round.figures)).collect()
        };
        if of_all(|round| round.errors).len() > 1 {
            notes.push(
                "the rounds have different numbers of errors: an error takes another time than an answer"
                    .to_owned(),
            );
        } else if of_all(|round| round.rows).len() > 1 {
            notes.push(
                "the rounds have different numbers of rows: the servers did not do the same work \
                 (`dbmatrix diff` shows where they differ)"
                    .to_owned(),
            );
        }
        notes
    }
}

impl OfFlavour {
    pub(super) fn new(name: &str, version: &str) -> Self {
        OfFlavour {
            name: name.to_owned(),
            version: version.to_owned(),
            ..OfFlavour::default()
        }
    }

    /// Its rounds, the one that runs among them.
    fn rounds(&self) -> Vec<Round> {
        let running = self.running.iter().filter_map(|measured| {
            let measured = lock(measured);
            (measured.statements() > 0).then(|| measured.round(false))
        });
        self.rounds.iter().cloned().chain(running).collect()
    }

    fn report(
        &self,
        rounds: &[Round],
        base: Option<&[Round]>,
        logs: &[TimedLog],
    ) -> ReplayedFlavour {
        let times = |rounds: &[Round]| -> Vec<f64> {
            let complete = rounds.iter().filter(|round| round.figures.complete);
            complete
                .map(|round| round.figures.time.as_secs_f64())
                .collect()
        };
        ReplayedFlavour {
            name: self.name.clone(),
            version: self.version.clone(),
            rounds: rounds.iter().map(|round| round.figures.clone()).collect(),
            ratio: base.and_then(|base| Ratio::of(&times(rounds), &times(base))),
            aborted: self.aborted.clone(),
            errors: errors_of(rounds, logs),
            missing: missing_of(rounds),
        }
    }
}

/// The logs for the user.
pub(super) fn names_of(logs: &[TimedLog]) -> String {
    let names = logs.iter().map(|(path, _)| path.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

fn errors_of(rounds: &[Round], logs: &[TimedLog]) -> Vec<ReplayedError> {
    let mut all: BTreeMap<&ErrorCode, ErrorSeen> = BTreeMap::new();
    for (code, seen) in rounds.iter().flat_map(|round| &round.errors) {
        match all.get_mut(code) {
            Some(first) => first.statements += seen.statements,
            None => {
                all.insert(code, seen.clone());
            }
        }
    }
    let errors = all.into_iter().map(|(code, seen)| ReplayedError {
        title: code.title(),
        statements: seen.statements,
        place: seen.place.shown(logs),
        statement: seen.statement,
        message: seen.message,
    });
    let mut errors: Vec<ReplayedError> = errors.collect();
    errors.sort_by_key(|error| std::cmp::Reverse(error.statements));
    errors
}

fn missing_of(rounds: &[Round]) -> Vec<MissingObject> {
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    for missing in rounds.iter().flat_map(|round| &round.missing) {
        let statements = all.entry(&missing.name).or_default();
        *statements = missing.statements.max(*statements);
    }
    let all = all.into_iter();
    all.map(|(name, statements)| MissingObject {
        name: name.to_owned(),
        statements,
    })
    .collect()
}

/// The forms of all statements, those with the most time on the baseline first.
fn digests_of(
    all: &[Rounds<'_>],
    baseline: Option<&Rounds<'_>>,
    digests: &Digests,
) -> Vec<ReplayedDigest> {
    let mut weights: HashMap<u32, Duration> = HashMap::new();
    let weighing = baseline.map_or(all, std::slice::from_ref);
    for round in all.iter().flat_map(|(_, rounds)| rounds) {
        for number in round.digests.keys() {
            weights.entry(*number).or_default();
        }
    }
    for round in weighing.iter().flat_map(|(_, rounds)| rounds) {
        for (number, of_digest) in &round.digests {
            *weights.entry(*number).or_default() += of_digest.time;
        }
    }
    let mut numbers: Vec<(u32, Duration)> = weights.into_iter().collect();
    numbers.sort_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
    let medians = |number: u32, rounds: &[Round]| -> Vec<f64> {
        let complete = rounds.iter().filter(|round| round.figures.complete);
        let latencies = complete.filter_map(|round| round.digests.get(&number)?.latency);
        latencies.map(|latency| latency.p50.as_secs_f64()).collect()
    };
    let numbers = numbers.into_iter().map(|(number, _)| {
        let base = baseline.map(|(_, rounds)| medians(number, rounds));
        let on = all.iter().filter_map(|(flavour, rounds)| {
            let of_digest: Vec<&DigestRound> = rounds
                .iter()
                .filter_map(|round| round.digests.get(&number))
                .collect();
            let latencies: Vec<Latency> =
                of_digest.iter().filter_map(|round| round.latency).collect();
            let is_base = baseline.is_some_and(|(base, _)| base.name == flavour.name);
            let base = base.as_ref().filter(|_| !is_base);
            Some(ReplayedDigestOn {
                flavour: flavour.name.clone(),
                statements: of_digest.iter().map(|round| round.statements).max()?,
                errors: of_digest.iter().map(|round| round.errors).sum(),
                latency: Latency::median(&latencies),
                ratio: base.and_then(|base| Ratio::of(&medians(number, rounds), base)),
            })
        });
        ReplayedDigest {
            digest: digests.form(number).map(str::to_owned),
            flavours: on.collect(),
        }
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use dbmatrix_workload::Place;

    use super::super::feed::LoggedAt;
    use super::super::measured::{Answered, Failure};
    use super::*;

    fn logs() -> Vec<TimedLog> {
        vec![("slow.log".into(), None)]
    }

    fn asked(logs: &[TimedLog], rounds: usize) -> Asked<'_> {
        Asked {
            logs,
            speed: None,
            rounds,
            writes: Writes::Skip,
            baseline: None,
            has_times: false,
        }
    }

    fn measure(results: &mut Results, at: usize, millis: &[u64]) {
        let measured = results.begin(at);
        for time in millis {
            lock(&measured).add(Answered {
                digest: 1,
                place: LoggedAt {
                    log: 0,
                    place: Place::Line(3),
                },
                sql: b"SELECT 1",
                took: Duration::from_millis(*time),
                behind: None,
                lag: Duration::ZERO,
                result: match time {
                    0 => Err(Failure {
                        code: ErrorCode::Lost,
                        message: "gone".to_owned(),
                    }),
                    _ => Ok(1),
                },
            });
        }
    }

    fn two() -> (Results, Digests) {
        let mut digests = Digests::default();
        assert_eq!(digests.number(b"SELECT 1"), 1);
        let results = Results {
            flavours: vec![OfFlavour::new("old", "1"), OfFlavour::new("new", "2")],
            ..Results::default()
        };
        (results, digests)
    }

    #[test]
    fn flavours_are_compared_round_by_round() {
        let (mut results, digests) = two();
        for (old, new) in [(10, 30), (11, 33), (12, 36)] {
            for (at, time) in [(0, old), (1, new)] {
                measure(&mut results, at, &[time, time]);
                results.end(at, Ok(Fed::default()));
            }
        }
        let report = results.report(&asked(&logs(), 3), &digests);
        assert!(report.complete);
        assert_eq!(report.baseline.as_deref(), Some("old"));
        let ratio = report.flavours[1].ratio.expect("both were measured");
        assert!(
            (ratio.median - 3.0).abs() < 1e-9 && ratio.differs(),
            "{ratio:?}"
        );
        let digest = &report.digests[0];
        assert_eq!(digest.digest.as_deref(), Some("SELECT ?"));
        assert_eq!(
            (digest.flavours[0].ratio, digest.flavours[1].statements),
            (None, 2)
        );
        assert!(
            digest.flavours[1]
                .ratio
                .is_some_and(|ratio| ratio.differs())
        );
    }

    #[test]
    fn a_round_that_runs_is_shown_and_not_compared() {
        let (mut results, digests) = two();
        measure(&mut results, 0, &[10]);
        results.end(0, Ok(Fed::default()));
        measure(&mut results, 1, &[20]);
        let report = results.report(&asked(&logs(), 1), &digests);
        assert!(!report.complete);
        assert_eq!(report.flavours[1].rounds[0].statements, 1);
        assert_eq!(report.flavours[1].ratio, None);
        assert_eq!(report.digests[0].flavours[1].ratio, None);
    }

    #[test]
    fn a_flavour_that_aborted_says_why_and_has_its_errors() {
        let (mut results, digests) = two();
        measure(&mut results, 0, &[10, 0]);
        results.end(0, Err("no way".to_owned()));
        let report = results.report(&asked(&logs(), 1), &digests);
        let flavour = &report.flavours[0];
        assert_eq!(flavour.aborted.as_deref(), Some("no way"));
        let error = &flavour.errors[0];
        assert_eq!(
            (error.title.as_str(), error.place.as_str()),
            ("connection lost", "slow.log:3")
        );
        assert_eq!(report.baseline, None);
    }

    #[test]
    fn a_round_that_warms_up_leaves_nothing() {
        let (mut results, digests) = two();
        measure(&mut results, 0, &[10]);
        results.forget(0);
        assert!(
            results.report(&asked(&logs(), 1), &digests).flavours[0]
                .rounds
                .is_empty()
        );
    }
}
