//! The two containers of a flavour when an engine misbehaves: which one is its
//! own, and that no third is left.

use dbmatrix_containers::nest::{Children, NestError, Purpose};

use super::nested::{MYSQL, children, golden, renewed, spec};
use super::state::Stateful;
use super::trouble::{NOT_DONE, Trouble};

const COPY: &str = "copy golden--k as mysql-9-7";
const COPY_TWIN: &str = "copy golden--k as mysql-9-7--twin";
const TWIN_NAME: &str = "mysql-9-7--twin";

/// A run with one server of its own, and a copy ahead for the next one.
async fn after_a_run(fake: &Stateful) -> Children {
    let children = children(fake).await;
    let spec = spec(MYSQL, "k");
    renewed(&children, &spec, Purpose::Now).await;
    let golden = golden(&children, &spec).await;
    let copied = children.prepare_standby(&golden, &spec).await;
    copied.expect("a copy ahead");
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running", AHEAD]);
    children
}

const GOLDEN: &str = "golden--k: stopped, golden";
const AHEAD: &str = "mysql-9-7--twin: stopped, ahead";

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_there_is_not_made_again() {
    let fake = Stateful::start();
    let before = after_a_run(&fake).await;
    let spec = spec(MYSQL, "k");
    let golden = golden(&before, &spec).await;
    let next = children(&fake).await;
    for run in [&before, &next] {
        let copied = run.prepare_standby(&golden, &spec).await;
        copied.expect("a copy ahead");
    }
    assert_eq!(fake.heard(COPY_TWIN), 1);
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running", AHEAD]);
}

#[tokio::test(start_paused = true)]
async fn the_next_run_takes_the_copy_made_ahead_and_copies_nothing() {
    let fake = Stateful::start();
    after_a_run(&fake).await;
    let next = children(&fake).await;
    assert_eq!(next.current(MYSQL), MYSQL);
    let taken = renewed(&next, &spec(MYSQL, "k"), Purpose::Now).await;
    assert_eq!(taken.name, TWIN_NAME);
    assert_eq!(next.current(MYSQL), taken.name);
    assert_eq!((fake.heard(COPY), fake.heard(COPY_TWIN)), (1, 1));
    let both = [GOLDEN, "mysql-9-7: running", "mysql-9-7--twin: running"];
    assert_eq!(fake.there(), both);
}

#[tokio::test(start_paused = true)]
async fn runs_take_turns_and_leave_one_server_and_one_copy() {
    let fake = Stateful::start();
    let spec = spec(MYSQL, "k");
    after_a_run(&fake).await;
    for turn in [TWIN_NAME, MYSQL, TWIN_NAME] {
        let run = children(&fake).await;
        let taken = renewed(&run, &spec, Purpose::Now).await;
        assert_eq!(taken.name, turn);
        let golden = golden(&run, &spec).await;
        run.prepare_standby(&golden, &spec)
            .await
            .expect("a copy ahead");
        let marks: Vec<bool> = [MYSQL, TWIN_NAME]
            .map(|name| fake.record(name, "ahead") == "true")
            .into();
        assert_eq!(marks, [turn != MYSQL, turn == MYSQL]);
        assert_eq!(fake.there().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_ahead_of_another_key_is_replaced() {
    let fake = Stateful::start();
    after_a_run(&fake).await;
    let next = children(&fake).await;
    let other = spec(MYSQL, "other");
    let golden = golden(&next, &other).await;
    next.prepare_standby(&golden, &other).await.expect("a copy");
    assert_eq!(fake.record(TWIN_NAME, "key"), "other");
    assert_eq!(
        fake.there(),
        [
            GOLDEN,
            "golden--other: stopped, golden",
            "mysql-9-7: running",
            AHEAD
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_takes_no_copy_ahead_of_another_key() {
    let fake = Stateful::start();
    after_a_run(&fake).await;
    let next = children(&fake).await;
    let other = spec(MYSQL, "other");
    let taken = renewed(&next, &other, Purpose::Now).await;
    assert_eq!(fake.record(&taken.name, "key"), "other");
    assert_eq!(fake.heard("copy golden--other as mysql-9-7--twin"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_takes_no_copy_ahead_that_somebody_has_started() {
    let fake = Stateful::start();
    after_a_run(&fake).await;
    let engine = fake.engine();
    let started = engine.power(TWIN_NAME, dbmatrix_engine::Power::Start);
    started.await.expect("a start");
    renewed(&children(&fake).await, &spec(MYSQL, "k"), Purpose::Now).await;
    assert_eq!(fake.heard(COPY_TWIN), 2);
}

#[tokio::test(start_paused = true)]
async fn a_copy_ahead_that_fails_is_told_and_leaves_the_server_alone() {
    let steps = [COPY_TWIN, "set mysql-9-7--twin"];
    for step in steps {
        for trouble in NOT_DONE {
            let fake = Stateful::start();
            let run = children(&fake).await;
            let spec = spec(MYSQL, "k");
            renewed(&run, &spec, Purpose::Now).await;
            let golden = golden(&run, &spec).await;
            fake.once(step, trouble);
            let failed = run.prepare_standby(&golden, &spec).await;
            failed.expect_err("a failure");
            assert_eq!(run.current(MYSQL), MYSQL);
            // What is incomplete is nobody's: the next run sweeps it.
            let next = children(&fake).await;
            assert_eq!(
                fake.there(),
                [GOLDEN, "mysql-9-7: running"],
                "{step}: {trouble:?}"
            );
            next.prepare_standby(&golden, &spec).await.expect("a copy");
            assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running", AHEAD]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_ahead_that_is_incomplete_is_made_anew_by_the_same_run() {
    let fake = Stateful::start();
    let run = children(&fake).await;
    let spec = spec(MYSQL, "k");
    renewed(&run, &spec, Purpose::Now).await;
    let golden = golden(&run, &spec).await;
    fake.once(COPY_TWIN, Trouble::LostAfterwards);
    let failed = run.prepare_standby(&golden, &spec).await;
    failed.expect_err("a lost answer");
    run.prepare_standby(&golden, &spec).await.expect("a copy");
    assert_eq!(fake.heard(COPY_TWIN), 2);
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running", AHEAD]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_ahead_that_cannot_be_claimed_stays_for_the_next_run() {
    for trouble in NOT_DONE {
        let fake = Stateful::start();
        after_a_run(&fake).await;
        let run = children(&fake).await;
        let spec = spec(MYSQL, "k");
        let golden = golden(&run, &spec).await;
        fake.once("set mysql-9-7--twin", trouble);
        let failed = run.create_from_template(&golden, &spec, Purpose::Now).await;
        failed.expect_err("a failure");
        assert_eq!(run.current(MYSQL), MYSQL, "{trouble:?}");
        run.remove_inactive(MYSQL).await.expect("nothing to remove");
        children(&fake).await;
        assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running", AHEAD]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_does_not_start_leaves_the_former_server_to_the_flavour() {
    for trouble in NOT_DONE {
        let fake = Stateful::start();
        after_a_run(&fake).await;
        let run = children(&fake).await;
        let spec = spec(MYSQL, "k");
        let golden = golden(&run, &spec).await;
        fake.once("start mysql-9-7--twin", trouble);
        let failed = run.create_from_template(&golden, &spec, Purpose::Now).await;
        failed.expect_err("a failure");
        // As a run that is cut does it.
        run.remove_incomplete(TWIN_NAME).await.expect("a removal");
        run.remove_inactive(MYSQL).await.expect("a look");
        assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running"], "{trouble:?}");
        let next = children(&fake).await;
        assert_eq!(next.current(MYSQL), MYSQL);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_at_work_leaves_the_later_server_to_the_flavour() {
    let fake = Stateful::start();
    after_a_run(&fake).await;
    let killed = children(&fake).await;
    renewed(&killed, &spec(MYSQL, "k"), Purpose::Now).await;
    let next = children(&fake).await;
    assert_eq!(next.current(MYSQL), TWIN_NAME);
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7--twin: running"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_before_goes_and_one_copied_ahead_stays() {
    let fake = Stateful::start();
    let run = after_a_run(&fake).await;
    run.remove_inactive(MYSQL).await.expect("a look");
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running", AHEAD]);
    let next = children(&fake).await;
    renewed(&next, &spec(MYSQL, "k"), Purpose::Now).await;
    next.remove_inactive(MYSQL).await.expect("a removal");
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7--twin: running"]);
    next.remove_inactive(MYSQL)
        .await
        .expect("nothing to remove");
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7--twin: running"]);
}

#[tokio::test(start_paused = true)]
async fn the_other_one_goes_whatever_it_is() {
    let fake = Stateful::start();
    let run = after_a_run(&fake).await;
    run.remove_other(MYSQL).await.expect("a removal");
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running"]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_the_engine_does_not_answer_is_asked_for_again() {
    for trouble in [Trouble::Lost, Trouble::LostAfterwards] {
        let fake = Stateful::start();
        let run = after_a_run(&fake).await;
        fake.once("remove mysql-9-7--twin", trouble);
        run.remove_other(MYSQL).await.expect("a removal");
        assert_eq!(fake.there(), [GOLDEN, "mysql-9-7: running"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_former_server_that_cannot_be_removed_is_swept_by_the_next_run() {
    let fake = Stateful::start();
    after_a_run(&fake).await;
    let run = children(&fake).await;
    renewed(&run, &spec(MYSQL, "k"), Purpose::Now).await;
    fake.always("remove mysql-9-7", Trouble::Refused(500, "busy"));
    let failed = run.remove_inactive(MYSQL).await;
    failed.expect_err("a failure");
    fake.recover();
    let next = children(&fake).await;
    assert_eq!(next.current(MYSQL), TWIN_NAME);
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7--twin: running"]);
}

#[tokio::test(start_paused = true)]
async fn a_flavour_whose_server_is_gone_takes_the_copy_made_ahead() {
    let fake = Stateful::start();
    let run = after_a_run(&fake).await;
    run.remove(MYSQL).await.expect("a removal");
    let next = children(&fake).await;
    let taken = renewed(&next, &spec(MYSQL, "k"), Purpose::Now).await;
    assert_eq!(taken.name, TWIN_NAME);
    next.remove_other(MYSQL).await.expect("nothing to remove");
    assert_eq!(fake.there(), [GOLDEN, "mysql-9-7--twin: running"]);
}

#[tokio::test(start_paused = true)]
async fn a_flavour_of_which_there_is_but_a_copy_leaves_nothing() {
    let fake = Stateful::start();
    let run = after_a_run(&fake).await;
    run.remove(MYSQL).await.expect("a removal");
    // A run that does not come as far as its server, and leaves none.
    let next = children(&fake).await;
    let current = next.current(MYSQL);
    next.remove(&current).await.expect("nothing to remove");
    next.remove_other(MYSQL).await.expect("a removal");
    assert_eq!(fake.there(), [GOLDEN]);
}

/// Whoever has a flavour's names but is not its server, by its own keys, stays.
#[tokio::test(start_paused = true)]
async fn a_name_alone_lets_nothing_go() {
    for own in [&[("flavour", "mysql-9-7")][..], &[("key", "k")], &[]] {
        let fake = Stateful::start();
        let children = children(&fake).await;
        let spec = spec(MYSQL, "k");
        let golden = golden(&children, &spec).await;
        for name in [MYSQL, TWIN_NAME] {
            match own {
                [] => fake.put_foreign(name),
                own => fake.put(name, "Running", own),
            }
        }
        let there = fake.there();
        let refused = [
            children
                .create_from_template(&golden, &spec, Purpose::Now)
                .await
                .map(|_| ()),
            children.prepare_standby(&golden, &spec).await,
            children.remove(MYSQL).await,
            children.remove_other(MYSQL).await,
        ];
        for refused in refused {
            let is_told = matches!(&refused, Err(NestError::NotMeant { .. }));
            assert!(is_told, "{own:?}: {refused:?}");
        }
        assert_eq!(fake.there(), there);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_the_name_of_a_golden_child_stays() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    fake.put("golden--k", "Running", &[("flavour", "mine")]);
    let refused = children.begin_golden(&spec(MYSQL, "k")).await;
    assert!(
        matches!(&refused, Err(NestError::NotMeant { .. })),
        "{refused:?}"
    );
    assert_eq!(fake.record("golden--k", "flavour"), "mine");
}

/// A server with data, as `up` of a dbmatrix with these notes left it.
fn left(fake: &Stateful, server: &str, notes: &[(&str, &str)]) {
    let mut own = vec![
        ("flavour", "mysql-9.7"),
        ("server", server),
        ("key", "of an earlier dbmatrix"),
        ("client", "10.99.0.1"),
        ("address", "10.99.1.20"),
    ];
    own.extend(notes);
    fake.put(MYSQL, "Running", &own);
}

#[tokio::test(start_paused = true)]
async fn an_existing_server_of_any_earlier_dbmatrix_is_kept() {
    for notes in [
        &[][..],
        &[("schema", "2")],
        &[("schema", "2"), ("template-version", "5")],
    ] {
        let fake = Stateful::start();
        left(&fake, "mysql:9.7", notes);
        let (children, spec) = (children(&fake).await, spec(MYSQL, "k"));
        assert!(
            children.take_over(&spec).await.expect("a look"),
            "{notes:?}"
        );
        let claimed = children.claim_existing(&spec).await.expect("a look");
        assert_eq!(claimed.expect("the server as it was left").name, MYSQL);
        assert!(!children.take_over(&spec).await.expect("a look"), "once");
    }
}

#[tokio::test(start_paused = true)]
async fn an_existing_server_that_is_something_else_is_not_kept() {
    for (server, notes) in [
        ("mysql:8.4", &[][..]),
        // Its settings were changed since.
        ("mysql:9.7", &[("schema", "2"), ("template-version", "6")]),
    ] {
        let fake = Stateful::start();
        left(&fake, server, notes);
        let (children, spec) = (children(&fake).await, spec(MYSQL, "k"));
        assert!(
            !children.take_over(&spec).await.expect("a look"),
            "{server}"
        );
    }
}
