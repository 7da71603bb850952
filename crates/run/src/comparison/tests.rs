//! Comparisons of fabricated answers.

use std::path::PathBuf;
use std::time::Duration;

use dbmatrix_report::event::Receiver;
use dbmatrix_sql::compare::Rules;
use dbmatrix_sql::outcome::Outcome;
use dbmatrix_sql::suite::known_path;
use dbmatrix_sql::version::Family;

use super::*;

const FLAVOURS: [(&str, Family, &str); 3] = [
    ("mysql-9.7", Family::Mysql, "9.7.4"),
    ("mariadb-10.5", Family::Mariadb, "10.5.29"),
    ("mariadb-11.8", Family::Mariadb, "11.8.9"),
];

/// A comparison of one file on all flavours.
struct Fixture {
    comparison: Comparison,
    sinks: Vec<Option<Sink>>,
    heard: Receiver,
    /// Numbers of steps that were compared, had the same result, and were not compared.
    compared: Option<(usize, usize, usize)>,
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Fixture {
    fn new(known: &str) -> Self {
        Fixture::with(known, false)
    }

    fn with(known: &str, propose: bool) -> Self {
        Fixture::within(known, propose, &SpillBuffer::default())
    }

    fn within(known: &str, propose: bool, spill: &SpillBuffer) -> Self {
        Fixture::judging(known, propose, spill, None)
    }

    /// A comparison whose steps wait for their times, which are significant.
    fn measuring(known: &str) -> Self {
        let counted = [Kind::Affected, Kind::Time].into_iter().collect();
        Fixture::judging(known, false, &SpillBuffer::default(), Some(counted))
    }

    fn judging(known: &str, propose: bool, spill: &SpillBuffer, measured: Option<Kinds>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.sql");
        if !known.is_empty() {
            std::fs::write(known_path(&file), known).expect("a file");
        }
        let about = About {
            rules: Rules {
                counted: measured.unwrap_or(Rules::default().counted),
                ..Rules::default()
            },
            known: Arc::new(KnownDivergences::load(&file, propose).expect("known divergences")),
            propose,
            measures: measured.is_some(),
            ..About::usual("s", file.clone())
        };
        let (events, heard) = Sender::channel();
        let names = FLAVOURS.map(|(name, ..)| name.to_owned());
        let comparison = Comparison::new(about, &names, spill, &events);
        let sinks = FLAVOURS.map(|(name, family, version)| {
            comparison.sink(&Facts {
                flavour: name.to_owned(),
                family,
                version: version.parse().expect("a version"),
                labels: Vec::new(),
            })
        });
        Fixture {
            comparison,
            sinks: sinks.into(),
            heard,
            compared: None,
            _folder: folder,
            file,
        }
    }

    /// One flavour's number of affected rows of `S`; `None` if it skips the step.
    fn answers(&mut self, flavour: usize, affected: Option<u64>) {
        self.answers_to("S", flavour, affected);
    }

    fn answers_to(&mut self, statement: &str, flavour: usize, affected: Option<u64>) {
        let step = StepFacts {
            line: 1,
            statement: statement.to_owned(),
            nth: 1,
            ordered: false,
            settled: Kinds::NONE,
            database: None,
            is_repeatable: true,
        };
        let came = affected.map(|affected| StepOutcome {
            answer: NormalizedResult::of(
                &Outcome::Completed {
                    affected,
                    warnings: 0,
                },
                &[],
            ),
            failed: None,
            excused: Vec::new(),
        });
        let sink = self.sinks[flavour].as_mut().expect("an open sink");
        sink.deliver_step(step, came);
    }

    fn end(&mut self) {
        self.sinks.iter_mut().for_each(|sink| drop(sink.take()));
    }

    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Ok(event) = self.heard.try_recv() {
            told.push(match event {
                Event::Diverged(found) => {
                    let groups = found.groups.iter().map(|group| group.flavours.join("+"));
                    let groups: Vec<String> = groups.collect();
                    let standing = match found.standing {
                        DifferenceStatus::New => "new".to_owned(),
                        DifferenceStatus::Shown => "shown".to_owned(),
                        DifferenceStatus::Known(reasons) => format!("known: {}", reasons[0].text),
                    };
                    format!("{standing}: {}", groups.join(" | "))
                }
                Event::Stale(entry) => {
                    format!("stale: {} {}", entry.why, entry.flavours.join("+"))
                }
                Event::ExpectationWritten { .. } => "written".to_owned(),
                Event::Compared {
                    steps,
                    same,
                    not_compared,
                    ..
                } => {
                    self.compared = Some((steps, same, not_compared));
                    continue;
                }
                other => panic!("{other:?}"),
            });
        }
        told
    }
}

fn entry(flavours: &str, more: &str) -> String {
    format!(
        "[[divergence]]\nstatement = 'S'\nflavours = [{flavours}]\nkinds = ['affected']\nreason = 'because'\n{more}\n"
    )
}

#[test]
fn a_step_is_told_as_soon_as_all_have_answered_it() {
    let mut fixture = Fixture::new("");
    fixture.answers(0, Some(1));
    fixture.answers(0, Some(1));
    fixture.answers(1, Some(2));
    assert!(fixture.told().is_empty());
    fixture.answers(2, Some(2));
    assert_eq!(
        fixture.told(),
        ["new: mariadb-10.5+mariadb-11.8 | mysql-9.7"]
    );
    let state = fixture.comparison.lock();
    let waiting = |member: &&Member| !member.waiting.is_empty();
    assert_eq!(state.flavours.iter().filter(waiting).count(), 1);
}

#[test]
fn what_waits_in_a_file_is_compared_like_the_rest() {
    let mut fixture = Fixture::within("", false, &SpillBuffer::with_room(2_000));
    for at in 0..1_000 {
        fixture.answers(0, Some(at));
        fixture.answers(1, (at % 2 == 0).then_some(at));
    }
    assert!(fixture.told().is_empty());
    for at in 0..1_000 {
        fixture.answers(2, Some(if at == 700 { 0 } else { at }));
    }
    assert_eq!(
        fixture.told(),
        ["new: mysql-9.7+mariadb-10.5 | mariadb-11.8"]
    );
}

#[test]
fn who_skips_a_step_or_cannot_be_had_is_not_waited_for() {
    let mut fixture = Fixture::new("");
    fixture.comparison.without("mariadb-11.8");
    fixture.answers(0, None);
    fixture.answers(0, Some(1));
    fixture.answers(1, Some(5));
    fixture.answers(1, Some(2));
    assert_eq!(fixture.told(), ["new: mysql-9.7 | mariadb-10.5"]);
}

#[test]
fn a_flavour_that_ends_early_is_not_waited_for_any_more() {
    let mut fixture = Fixture::new("");
    fixture.answers(0, Some(1));
    fixture.answers(1, Some(2));
    fixture.sinks[2] = None;
    assert_eq!(fixture.told(), ["new: mysql-9.7 | mariadb-10.5"]);
}

#[test]
fn a_known_divergence_is_well() {
    let mut fixture = Fixture::new(&entry("'mariadb'", ""));
    fixture.answers(0, Some(1));
    fixture.answers(1, Some(2));
    fixture.answers(2, Some(2));
    fixture.end();
    assert_eq!(
        fixture.told(),
        ["known: because: mariadb-10.5+mariadb-11.8 | mysql-9.7"]
    );
}

#[test]
fn three_groups_want_two_entries() {
    let play = |known: String| {
        let mut fixture = Fixture::new(&known);
        for flavour in 0..3 {
            fixture.answers(flavour, Some(flavour as u64));
        }
        fixture.end();
        fixture.told()
    };
    let one = play(entry("'mariadb'", ""));
    assert!(one[0].starts_with("new: "), "{one:?}");
    let two = play(entry("'mariadb'", "") + &entry("'mariadb<10.6'", ""));
    assert!(two[0].starts_with("known: "), "{two:?}");
    assert_eq!(two.len(), 1);
}

#[test]
fn a_divergence_that_happens_no_more_is_stale_where_it_does_not() {
    let mut fixture = Fixture::new(&entry("'mariadb'", ""));
    fixture.answers(0, Some(1));
    fixture.answers(1, Some(2));
    fixture.answers(2, Some(1));
    fixture.end();
    let told = fixture.told();
    // The entry names both, so it does not explain a difference between them.
    assert!(told[0].starts_with("new"), "{told:?}");
    assert_eq!(told[1], "stale: it differs no more mariadb-11.8");
}

#[test]
fn an_expired_entry_excuses_nothing() {
    let mut fixture = Fixture::new(&entry("'mariadb'", "expires = 2020-01-01"));
    fixture.answers(0, Some(1));
    fixture.answers(1, Some(2));
    fixture.answers(2, Some(2));
    fixture.end();
    let told = fixture.told();
    assert!(told[0].starts_with("new: "), "{told:?}");
    assert!(told[1].contains("expired on 2020-01-01"), "{told:?}");
}

#[test]
fn an_entry_without_a_step_is_stale_and_one_without_a_flavour_is_not() {
    let elsewhere = entry("'percona'", "")
        + "[[divergence]]\nstatement = 'T'\nflavours = ['mysql']\nkinds = ['rows']\nreason = 'r'\n";
    let mut fixture = Fixture::new(&elsewhere);
    for flavour in 0..3 {
        fixture.answers(flavour, Some(1));
    }
    fixture.end();
    assert_eq!(fixture.told(), ["stale: no step has this statement "]);
}

#[test]
fn new_differences_are_proposed_for_review() {
    let mut fixture = Fixture::with("# mine\n", true);
    fixture.answers(0, Some(1));
    fixture.answers(1, Some(2));
    fixture.answers(2, Some(2));
    fixture.end();
    assert_eq!(fixture.told().last().map(String::as_str), Some("written"));
    let text = std::fs::read_to_string(known_path(&fixture.file)).expect("the file");
    insta::assert_snapshot!(text, @r#"
    # mine

    [[divergence]]
    statement = "S"
    flavours = ["mysql-9.7"]
    kinds = ["affected"]
    reason = ""
    "#);
    let strict = KnownDivergences::load(&fixture.file, false).expect_err("a reason is wanted");
    assert!(strict.to_string().contains("has a problem"), "{strict}");
}

#[test]
fn a_try_that_is_not_the_last_is_forgotten() {
    let mut fixture = Fixture::new("");
    for flavour in 0..3 {
        let sink = fixture.sinks[flavour].as_mut().expect("an open sink");
        sink.buffer();
        fixture.answers(flavour, Some(flavour as u64));
        let sink = fixture.sinks[flavour].as_mut().expect("an open sink");
        sink.buffer();
        fixture.answers(flavour, Some(7));
    }
    fixture.end();
    assert!(fixture.told().is_empty());
}

#[test]
fn other_statements_at_the_same_place_are_one_failure_of_the_file() {
    let mut fixture = Fixture::new("");
    for flavour in 0..3 {
        fixture.answers_to("SET sql_mode = ''", flavour, Some(0));
    }
    fixture.answers_to("SELECT 'a\\'", 0, Some(1));
    fixture.answers_to("SELECT 'a\\'; SELECT 2", 1, Some(2));
    fixture.answers_to("SELECT 'a\\'", 2, Some(1));
    // The following steps are not compared.
    fixture.answers_to("SELECT 2", 0, Some(1));
    fixture.answers_to("SELECT 3", 1, Some(2));
    fixture.answers_to("SELECT 2", 2, Some(3));
    assert_eq!(
        fixture.told(),
        ["new: mysql-9.7+mariadb-11.8 | mariadb-10.5"]
    );
}

#[test]
fn each_step_is_counted_once() {
    let mut fixture = Fixture::new("");
    for at in 0..3 {
        fixture.answers(0, Some(at));
        fixture.answers(1, (at < 2).then_some(0));
        fixture.answers(2, None);
    }
    fixture.end();
    assert_eq!(fixture.told(), ["new: mysql-9.7 | mariadb-10.5"]);
    assert_eq!(fixture.compared, Some((2, 1, 1)));
}

#[test]
fn a_panic_within_a_comparison_is_no_good_end() {
    let mut fixture = Fixture::new("");
    fixture.answers(0, Some(1));
    let comparison = fixture.comparison.clone();
    let panicked = std::panic::catch_unwind(move || {
        let _state = comparison.lock();
        panic!("in the middle of a step");
    });
    assert!(panicked.is_err());
    fixture.end();
    let event = fixture.heard.try_recv().expect("an event");
    assert!(
        matches!(&event, Event::Aborted { verdict: Verdict::NotProvided, reason } if reason.contains("panicked")),
        "{event:?}"
    );
    assert!(fixture.told().is_empty());
}

/// Adds seven rounds of so many milliseconds.
fn add_times(fixture: &Fixture, ordinal: usize, by_flavour: [u64; 3]) {
    for (flavour, milliseconds) in by_flavour.into_iter().enumerate() {
        let times = Times::new(vec![Duration::from_millis(milliseconds); 7]);
        let times = times.expect("enough rounds");
        fixture.comparison.add_times(ordinal, flavour, times);
    }
}

#[test]
fn steps_that_are_measured_wait_for_their_times() {
    let mut fixture = Fixture::measuring("");
    for flavour in 0..3 {
        fixture.answers(flavour, Some(1));
        fixture.answers(flavour, (flavour != 1).then_some(1));
        fixture.answers(flavour, (flavour == 1).then_some(1));
    }
    fixture.end();
    assert_eq!(fixture.told(), [""; 0]);
    let candidates = fixture.comparison.candidates();
    let candidates: Vec<(usize, Vec<usize>)> = candidates
        .into_iter()
        .map(|candidate| (candidate.ordinal, candidate.flavours))
        .collect();
    assert_eq!(candidates, [(0, vec![0, 1, 2]), (1, vec![0, 2])]);
    add_times(&fixture, 0, [10, 11, 40]);
    fixture.comparison.conclude();
    assert_eq!(
        fixture.told(),
        ["new: mysql-9.7+mariadb-10.5 | mariadb-11.8"]
    );
    assert_eq!(fixture.compared, Some((2, 1, 1)));
}

#[test]
fn a_run_that_ends_while_it_measures_tells_what_it_has() {
    let mut fixture = Fixture::measuring("");
    for flavour in 0..3 {
        fixture.answers(flavour, Some(u64::from(flavour == 2)));
        fixture.answers(flavour, Some(1));
    }
    fixture.end();
    let Fixture {
        comparison,
        mut heard,
        ..
    } = fixture;
    drop(comparison);
    let told = std::iter::from_fn(|| heard.try_recv().ok());
    let told: Vec<Event> = told.collect();
    assert!(matches!(
        told.as_slice(),
        [Event::Diverged(_), Event::Compared { same: 1, .. }]
    ));
}

#[test]
fn a_known_time_is_stale_only_where_measuring_proves_it() {
    let known = "[[divergence]]\nstatement = 'S'\nflavours = ['mariadb-11.8']\n\
                 kinds = ['time']\nreason = 'because'\n";
    for (times, expected) in [
        (
            Some([10, 10, 40]),
            "known: because: mysql-9.7+mariadb-10.5 | mariadb-11.8",
        ),
        (Some([10, 10, 11]), "stale: it differs no more mariadb-11.8"),
        (None, ""),
    ] {
        let mut fixture = Fixture::measuring(known);
        for flavour in 0..3 {
            fixture.answers(flavour, Some(1));
        }
        fixture.end();
        if let Some(times) = times {
            add_times(&fixture, 0, times);
        }
        fixture.comparison.conclude();
        assert_eq!(fixture.told().join("\n"), expected, "{times:?}");
    }
}
