use super::*;
use crate::Colour;

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn round(statements: u64, p50: u64) -> ReplayedRound {
    ReplayedRound {
        complete: true,
        statements,
        errors: 1,
        rows: 30,
        took: Duration::from_secs(2),
        time: ms(p50 * statements),
        latency: Latency {
            p50: ms(p50),
            p95: ms(2 * p50),
            p99: ms(3 * p50),
        },
        behind: Some(ms(p50)),
        client_lag: Duration::from_micros(900),
    }
}

fn flavour(name: &str, times: [u64; 3]) -> ReplayedFlavour {
    ReplayedFlavour {
        name: name.to_owned(),
        version: "11.8.9-MariaDB".to_owned(),
        rounds: times.map(|p50| round(40, p50)).to_vec(),
        ratio: None,
        aborted: None,
        errors: Vec::new(),
        missing: Vec::new(),
    }
}

fn on(flavour: &str, p50: u64, ratio: Option<Ratio>) -> ReplayedDigestOn {
    ReplayedDigestOn {
        flavour: flavour.to_owned(),
        statements: 20,
        errors: 0,
        latency: Latency {
            p50: ms(p50),
            p95: ms(p50),
            p99: ms(p50),
        },
        ratio,
    }
}

fn digest(form: &str, own: [f64; 3], base: [f64; 3]) -> ReplayedDigest {
    ReplayedDigest {
        digest: Some(form.to_owned()),
        flavours: vec![
            on("old", base[1] as u64, None),
            on("new", own[1] as u64, Ratio::of(&own, &base)),
        ],
    }
}

fn report() -> ReplayReport {
    let mut new = flavour("new", [20, 22, 21]);
    new.ratio = Ratio::of(&[0.8, 0.88, 0.84], &[0.4, 0.44, 0.42]);
    new.errors = vec![ReplayedError {
        title: "ERROR 1064 (42000)".to_owned(),
        statements: 3,
        place: "slow.log:12".to_owned(),
        statement: "SELECT a\n  AS offset".to_owned(),
        message: "You have an error\u{1b}[2J".to_owned(),
    }];
    new.missing = vec![MissingObject {
        name: "shop.gone".to_owned(),
        statements: 3,
    }];
    ReplayReport {
        schema: REPLAY_SCHEMA,
        log: "slow.log".to_owned(),
        speed: Some(1.0),
        rounds: 3,
        complete: true,
        statements: 40,
        connections: 7,
        connections_at_once: 3,
        log_time: Some(ms(12_500)),
        left_out: vec![(1_200, "administrator commands".to_owned())],
        notes: vec!["a note".to_owned()],
        baseline: Some("old".to_owned()),
        flavours: vec![flavour("old", [10, 11, 12]), new],
        digests: vec![
            digest(
                "SELECT a FROM t WHERE b = ?",
                [20.0, 22.0, 21.0],
                [10.0, 11.0, 12.0],
            ),
            digest("SELECT ?", [10.0, 11.0, 12.0], [9.0, 12.0, 11.0]),
        ],
    }
}

#[test]
fn a_replay_is_shown_with_what_differs() {
    insta::assert_snapshot!(report().render(120, Colour::Never), @r"
    slow.log: 40 statements on 7 connections (at most 3 at once), at the log's own pace, 3 rounds; 12.5 s of the log
      1,200 left out: administrator commands
      missing on new: shop.gone (3 statements)
      a flavour's `setup` loads schema and data

    ┌─────────┬────────────────┬─────────┬────────┬────────────┬─────────┬─────────┬─────────┬─────────┬─────────────────────┐
    │ flavour ┆ server         ┆ answers ┆ errors ┆ per second ┆     p50 ┆     p95 ┆     p99 ┆  behind ┆        time against │
    │         ┆                ┆         ┆        ┆            ┆         ┆         ┆         ┆         ┆                 old │
    ╞═════════╪════════════════╪═════════╪════════╪════════════╪═════════╪═════════╪═════════╪═════════╪═════════════════════╡
    │ old     ┆ 11.8.9-MariaDB ┆      40 ┆      1 ┆         20 ┆ 11.0 ms ┆ 22.0 ms ┆ 33.0 ms ┆ 12.0 ms ┆                   1 │
    │ new     ┆ 11.8.9-MariaDB ┆      40 ┆      1 ┆         20 ┆ 21.0 ms ┆ 42.0 ms ┆ 63.0 ms ┆ 22.0 ms ┆ 2.00 (1.82 to 2.20) │
    └─────────┴────────────────┴─────────┴────────┴────────────┴─────────┴─────────┴─────────┴─────────┴─────────────────────┘

    new: ERROR 1064 (42000): 3 statements in 3 rounds
      slow.log:12: SELECT a AS offset
      You have an error\u{1b}[2J

    1 of 2 digests differs beyond the spread of rounds, those with the most time first (1 of 10 equal ones is here by chance):
    ┌─────────┬─────────┬─────────┬─────────────────────┬────────────┬─────────────────────────────┐
    │ flavour ┆     p50 ┆     old ┆               ratio ┆ statements ┆ digest                      │
    ╞═════════╪═════════╪═════════╪═════════════════════╪════════════╪═════════════════════════════╡
    │ new     ┆ 22.0 ms ┆ 11.0 ms ┆ 1.91 (1.67 to 2.20) ┆         20 ┆ SELECT a FROM t WHERE b = ? │
    └─────────┴─────────┴─────────┴─────────────────────┴────────────┴─────────────────────────────┘
    note: a note
    ");
}

#[test]
fn what_did_not_end_says_so() {
    let mut report = report();
    report.complete = false;
    report.digests.remove(0);
    report.flavours[1].aborted = Some("could not connect".to_owned());
    report.flavours[1].errors.clear();
    let text = report.render(120, Colour::Never);
    let (_, end) = text.split_once("└").expect("a table");
    let (_, end) = end.split_once('\n').expect("its last line");
    insta::assert_snapshot!(end, @r"

    new: aborted
      could not connect

    none of 1 digest differs beyond the spread of rounds
    note: a note

    INCOMPLETE: not all rounds ran to their ends
    ");
}

#[test]
fn what_has_hardly_begun_has_few_figures() {
    let mut report = report();
    report.statements = 0;
    report.log_time = None;
    report.flavours[0].rounds.clear();
    let text = report.render(120, Colour::Never);
    assert!(
        text.starts_with("slow.log: at the log's own pace, 3 rounds\n"),
        "{text}"
    );
    let row = text.lines().find(|line| line.starts_with("│ old"));
    assert_eq!(row.map(|row| row.matches(" - ").count()), Some(7), "{text}");
}

#[test]
fn incomplete_rounds_count_only_where_there_is_no_other() {
    let mut flavour = flavour("a", [1, 2, 3]);
    flavour.rounds[0].complete = false;
    assert_eq!(flavour.counted().len(), 2);
    for round in &mut flavour.rounds {
        round.complete = false;
    }
    assert_eq!(flavour.counted().len(), 3);
}

#[test]
fn json_has_seconds_and_all_digests() {
    let value: serde_json::Value = serde_json::from_str(&report().json()).expect("JSON");
    assert_eq!(value["schema"], 1);
    assert_eq!(value["log_time"], 12.5);
    assert_eq!(value["flavours"][0]["rounds"][0]["p50"], 0.01);
    assert_eq!(value["flavours"][0]["ratio"], serde_json::Value::Null);
    assert_eq!(value["digests"][1]["digest"], "SELECT ?");
    assert_eq!(
        value["digests"][0]["flavours"][1]["ratio"]["median"],
        21.0 / 11.0
    );
}
