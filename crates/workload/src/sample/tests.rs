use std::path::Path;

use super::*;

fn sampled(text: &str, options: SampleOptions) -> Sample {
    let bytes = text.as_bytes().to_vec();
    let mut log = Log::from_reader(std::io::Cursor::new(bytes), Path::new("x")).expect("a log");
    let mut sampler = Sampler::new(options);
    sampler.add(&mut log, |_, _| {}).expect("a log");
    sampler.finish()
}

fn statements(sample: &Sample) -> Vec<String> {
    let all = sample.statements.iter();
    all.map(|own| String::from_utf8_lossy(&own.statement).into_owned())
        .collect()
}

/// An entry of a slow log: seconds since 1970, user, milliseconds, statement.
fn entry(time: u64, user: &str, millis: u64, statement: &str) -> String {
    format!(
        "# User@Host: {user}[{user}] @ h []  Id: 1\n# Query_time: {}.{:03}  Lock_time: 0\n\
         SET timestamp={time};\n{statement};\n",
        millis / 1000,
        millis % 1000
    )
}

/// A log of `count` statements of one form, the 7th of which is the slowest.
fn one_form(count: u64) -> String {
    let millis = |number| if number == 7 { 900 } else { 10 };
    let all = (0..count).map(|number| {
        entry(
            1000 + number,
            "a",
            millis(number),
            &format!("select {number}"),
        )
    });
    all.collect()
}

#[test]
fn keeps_the_slowest_the_first_and_random_others() {
    let text = one_form(200);
    let sample = sampled(&text, SampleOptions::default());
    let found = statements(&sample);
    assert_eq!(found.len(), 5);
    assert_eq!(found[0], "select 0");
    assert!(found.contains(&"select 7".to_owned()), "{found:?}");
    assert!(sample.statements.is_sorted_by_key(|own| own.place));
    let digest = &sample.digests[0];
    assert_eq!((&*digest.form, digest.count), ("SELECT ?", 200));
    assert_eq!(digest.total, Duration::from_millis(199 * 10 + 900));
    assert_eq!(digest.longest, Duration::from_millis(900));
    assert_eq!(digest.shortest, Duration::from_millis(10));
    let again = sampled(&text, SampleOptions::default());
    assert_eq!(sample, again);
    let seed = 1;
    let other = sampled(
        &text,
        SampleOptions {
            seed,
            ..SampleOptions::default()
        },
    );
    assert_ne!(statements(&sample), statements(&other));
}

#[test]
fn per_digest_bounds_the_statements_of_each() {
    for (per_digest, wanted) in [
        (0, &[][..]),
        (1, &["select 7"]),
        (2, &["select 0", "select 7"]),
    ] {
        let options = SampleOptions {
            per_digest,
            ..SampleOptions::default()
        };
        assert_eq!(statements(&sampled(&one_form(50), options)), wanted);
    }
}

#[test]
fn random_statements_come_from_the_whole_log() {
    let mut late = 0;
    for seed in 0..40 {
        let options = SampleOptions {
            seed,
            ..SampleOptions::default()
        };
        let sample = sampled(&one_form(400), options);
        late += sample
            .statements
            .iter()
            .filter(|own| own.place > Place::Line(1200))
            .count();
    }
    // Three random ones of each sample, a quarter of them from the last quarter.
    assert!((15..45).contains(&late), "{late}");
}

#[test]
fn equal_statements_are_kept_once() {
    let text = entry(1, "a", 5, "select 1").repeat(20) + &entry(2, "a", 1, "select 2");
    assert_eq!(
        statements(&sampled(&text, SampleOptions::default())),
        ["select 1", "select 2"]
    );
}

#[test]
fn options_choose_statements() {
    let text = entry(1000, "a", 1, "select 1 from t")
        + &entry(2000, "b", 1, "select 2 from t")
        + &entry(3000, "a", 1, "update t set c = 3").replace("SET", "use shop;\nSET")
        + &entry(500, "a", 1, "select a from u");
    let options = SampleOptions::default;
    let time = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
    let only = vec![Pattern::new("select *")];
    for (options, wanted) in [
        (
            SampleOptions {
                since: time(2000),
                ..options()
            },
            &["select 2 from t", "update t set c = 3"][..],
        ),
        (
            SampleOptions {
                until: time(1000),
                ..options()
            },
            &["select a from u"],
        ),
        (
            SampleOptions {
                user: Some("b".to_owned()),
                ..options()
            },
            &["select 2 from t"],
        ),
        (
            SampleOptions {
                database: Some("shop".to_owned()),
                ..options()
            },
            &["update t set c = 3", "select a from u"],
        ),
        (
            SampleOptions {
                skip: only.clone(),
                ..options()
            },
            &["update t set c = 3"],
        ),
        (
            SampleOptions {
                only,
                until: time(1500),
                ..options()
            },
            &["select 1 from t", "select a from u"],
        ),
    ] {
        let sample = sampled(&text, options);
        assert_eq!(statements(&sample), wanted);
        assert_eq!(sample.left_out.filtered + wanted.len() as u64, 4);
    }
}

#[test]
fn more_digests_than_are_held_are_counted_together() {
    let mut text = String::new();
    for number in 0..200 {
        text += &entry(1, "a", 1, &format!("select a{number} from t"));
        text += &entry(1, "a", 500, "select often from t");
    }
    let mut log = Log::from_reader(std::io::Cursor::new(text), Path::new("x")).expect("a log");
    let mut sampler = Sampler::new(SampleOptions::default());
    sampler.most_digests = 40;
    sampler.add(&mut log, |_, _| {}).expect("a log");
    let sample = sampler.finish();
    assert!(sample.digests.len() <= 40, "{}", sample.digests.len());
    assert_eq!(
        (&*sample.digests[0].form, sample.digests[0].count),
        ("SELECT often FROM t", 200)
    );
    let held: u64 = sample.digests.iter().map(|digest| digest.count).sum();
    assert_eq!(held + sample.rare.count, 400);
    assert_eq!(sample.rare.digests + sample.digests.len() as u64, 201);
}

#[test]
fn tables_of_digests_bring_their_own_figures() {
    let text = "DIGEST_TEXT,COUNT_STAR,SUM_TIMER_WAIT,MIN_TIMER_WAIT,MAX_TIMER_WAIT,QUERY_SAMPLE_TEXT\n\
         SELECT ?,10,20000000000,1000000000,5000000000,select 1\n\
         \"SELECT `a` IN (...) , (?) /* , ... */\",3,3000000,1000000,1000000,NULL\n";
    let sample = sampled(text, SampleOptions::default());
    assert_eq!(statements(&sample), ["select 1"]);
    let digest = &sample.digests[0];
    assert_eq!(
        (digest.count, digest.total),
        (10, Duration::from_millis(20))
    );
    assert_eq!(
        (digest.shortest, digest.longest),
        (Duration::from_millis(1), Duration::from_millis(5))
    );
    assert_eq!(sample.digests[1].form, "SELECT a IN (...), (?) /* , ... */");
    assert_eq!(sample.left_out.without_example, 1);
}

#[test]
fn files_are_read_one_after_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths: Vec<PathBuf> = ["b.log", "a.log"]
        .map(|name| folder.path().join(name))
        .to_vec();
    std::fs::write(&paths[0], "select 1\n").expect("a file");
    std::fs::write(&paths[1], "select 2\nselect a from t\n").expect("a file");
    let mut last = None;
    let sample = sample(&paths, &SampleOptions::default(), |progress| {
        last = Some(progress)
    })
    .expect("a sample");
    assert_eq!(
        statements(&sample),
        ["select 1", "select 2", "select a from t"]
    );
    assert_eq!(sample.statements[1].file, 1);
    assert_eq!(
        last,
        Some(Progress {
            bytes: 34,
            total: 34,
            digests: 2
        })
    );
    let error = super::sample(
        [folder.path().join("none")],
        &SampleOptions::default(),
        |_| {},
    );
    assert!(error.is_err());
}

#[test]
fn a_statement_of_a_rated_log_has_the_share_of_those_that_it_stands_for() {
    let rated = entry(1, "a", 20, "select 1").replace(
        "SET timestamp",
        "# Log_slow_rate_type: session  Log_slow_rate_limit: 10\nSET timestamp",
    );
    let sample = sampled(
        &(rated + &entry(2, "a", 30, "select a")),
        SampleOptions::default(),
    );
    let figures = sample.digests.iter();
    let figures: Vec<_> = figures
        .map(|digest| (&*digest.form, digest.count, digest.total, digest.longest))
        .collect();
    let millis = Duration::from_millis;
    assert_eq!(
        figures,
        [
            ("SELECT ?", 10, millis(200), millis(20)),
            ("SELECT a", 1, millis(30), millis(30)),
        ]
    );
    assert_eq!((sample.entries, sample.warnings.len()), (2, 1));
}
