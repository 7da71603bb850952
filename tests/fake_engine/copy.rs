//! Copies of golden children when an engine misbehaves: what is there afterwards,
//! and that the next run goes on from it.

use dbmatrix_containers::nest::{NestError, Purpose};
use dbmatrix_engine::EngineError;

use super::nested::{MYSQL, access, children, golden, renewed, spec};
use super::state::Stateful;
use super::trouble::{NOT_DONE, Trouble};

#[tokio::test(start_paused = true)]
async fn a_copy_that_cannot_be_made_leaves_nothing_that_the_next_run_does_not_sweep() {
    let steps = ["copy golden--k as mysql-9-7", "start mysql-9-7"];
    for step in steps {
        for trouble in NOT_DONE.into_iter().chain([Trouble::LostAfterwards]) {
            let fake = Stateful::start();
            let before = children(&fake).await;
            let spec = spec(MYSQL, "k");
            let golden = golden(&before, &spec).await;
            fake.once(step, trouble);
            let failed = before
                .create_from_template(&golden, &spec, Purpose::Now)
                .await;
            assert!(failed.is_err(), "{step}: {trouble:?}");
            children(&fake).await;
            assert_eq!(fake.there(), ["golden--k: stopped, golden"], "{trouble:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_takes_too_long_is_given_up_and_swept() {
    let fake = Stateful::start();
    let before = children(&fake).await;
    let spec = spec(MYSQL, "k");
    let golden = golden(&before, &spec).await;
    fake.once("copy golden--k as mysql-9-7", Trouble::Endless);
    let late = before
        .create_from_template(&golden, &spec, Purpose::Now)
        .await;
    let late = late.expect_err("it is late");
    assert!(
        matches!(&late, NestError::Engine(EngineError::TimedOut { .. })),
        "{late}"
    );
    children(&fake).await;
    assert_eq!(fake.there(), ["golden--k: stopped, golden"]);
}

#[tokio::test(start_paused = true)]
async fn a_throwaway_copy_that_fails_leaves_nothing() {
    let steps = [
        "copy golden--k as mysql-9-7-suite-1",
        "start mysql-9-7-suite-1",
    ];
    for step in steps {
        for trouble in NOT_DONE.into_iter().chain([Trouble::LostAfterwards]) {
            let fake = Stateful::start();
            let children = children(&fake).await;
            renewed(&children, &spec(MYSQL, "k"), Purpose::Now).await;
            fake.once(step, trouble);
            let made = async {
                let copy = children
                    .throwaway(MYSQL, "mysql-9-7-suite-1", &access(MYSQL))
                    .await?;
                children.start(&copy).await
            };
            made.await.expect_err("a failure");
            let removal = children.remove_incomplete("mysql-9-7-suite-1");
            removal.await.expect("a removal");
            assert_eq!(
                fake.there(),
                ["golden--k: stopped, golden", "mysql-9-7: running"],
                "{step}: {trouble:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_throwaway_copy_is_nobodys_child_and_is_swept() {
    let fake = Stateful::start();
    let before = children(&fake).await;
    renewed(&before, &spec(MYSQL, "k"), Purpose::Now).await;
    let copy = before
        .throwaway(MYSQL, "mysql-9-7-suite-1", &access(MYSQL))
        .await;
    before.start(&copy.expect("a copy")).await.expect("a start");
    let after = children(&fake).await;
    assert_eq!(after.current(MYSQL), MYSQL);
    assert_eq!(
        fake.there(),
        ["golden--k: stopped, golden", "mysql-9-7: running"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_held_child_is_taken_as_fresh_once() {
    let fake = Stateful::start();
    let before = children(&fake).await;
    let spec = spec(MYSQL, "k");
    let child = renewed(&before, &spec, Purpose::Later).await;
    before.pause_for_later(&child).await.expect("a hold");
    let held = ["golden--k: stopped, golden", "mysql-9-7: frozen, fresh"];
    assert_eq!(fake.there(), held);
    let after = children(&fake).await;
    let taken = after.claim_standby(&spec).await.expect("a look");
    assert_eq!(taken.expect("a child").address, child.address);
    assert_eq!(
        fake.there(),
        ["golden--k: stopped, golden", "mysql-9-7: running"]
    );
    let again = after.claim_standby(&spec).await.expect("a look");
    assert!(again.is_none(), "somebody has used it");
}

#[tokio::test(start_paused = true)]
async fn a_held_child_that_cannot_go_on_is_not_fresh_any_more() {
    for trouble in NOT_DONE.into_iter().chain([Trouble::LostAfterwards]) {
        let fake = Stateful::start();
        let children = children(&fake).await;
        let spec = spec(MYSQL, "k");
        let child = renewed(&children, &spec, Purpose::Later).await;
        children.pause_for_later(&child).await.expect("a hold");
        fake.once("thaw mysql-9-7", trouble);
        children.claim_standby(&spec).await.expect_err("a failure");
        assert!(fake.record(MYSQL, "fresh").is_empty(), "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_somebody_has_come_to_use_is_not_held() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    let spec = spec(MYSQL, "k");
    let child = renewed(&children, &spec, Purpose::Later).await;
    let left = children.claim_existing(&spec).await.expect("a look");
    assert!(left.is_some());
    children.pause_for_later(&child).await.expect("a look");
    assert_eq!(
        fake.there(),
        ["golden--k: stopped, golden", "mysql-9-7: running"]
    );
}
