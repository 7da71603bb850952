//! Children of any kind when an engine misbehaves: swept, stopped, made anew.

use dbmatrix_containers::nest::{Purpose, Stage, StopPatience, sync};

use dbmatrix_sql::session::TlsPolicy;

use super::nested::{MARIADB, MYSQL, access, children, nest, renewed, spec, unswept};
use super::state::Stateful;
use super::trouble::Trouble;

#[tokio::test(start_paused = true)]
async fn a_sweep_takes_what_is_incomplete_and_nothing_else() {
    let fake = Stateful::start();
    fake.put("golden--k", "Stopped", &[("golden", "true")]);
    fake.put("cut", "Running", &[("stage", "making")]);
    fake.put(
        "cut-ahead",
        "Stopped",
        &[("stage", "making"), ("ahead", "true")],
    );
    fake.put("frozen", "Frozen", &[("stage", "making")]);
    fake.put_foreign("theirs");
    children(&fake).await;
    assert_eq!(
        fake.there(),
        ["golden--k: stopped, golden", "theirs: running"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_sweep_waits_for_a_container_that_is_just_busy() {
    let fake = Stateful::start();
    fake.put("cut", "Running", &[("stage", "making")]);
    fake.times(3, "remove cut", Trouble::Refused(400, "Instance is busy"));
    children(&fake).await;
    assert!(fake.there().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_fails_leaves_the_rest_to_the_next() {
    let fake = Stateful::start();
    for name in ["cut-1", "cut-2", "cut-3"] {
        fake.put(name, "Stopped", &[("stage", "making")]);
    }
    fake.always("remove cut-2", Trouble::Failed("device or resource busy"));
    let failed = unswept(nest(fake.engine())).sweep().await;
    let failed = failed.expect_err("a failure").to_string();
    assert_eq!(
        failed,
        "could not remove container `cut-2`: device or resource busy"
    );
    assert_eq!(
        fake.there(),
        ["cut-2: stopped, incomplete", "cut-3: stopped, incomplete"]
    );
    fake.recover();
    children(&fake).await;
    assert!(fake.there().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_end_in_time_is_ended() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    fake.put(MYSQL, "Running", &[]);
    fake.once("stop mysql-9-7", Trouble::Failed("still up after 30 s"));
    let stopped = children.stop(MYSQL, StopPatience::Some).await;
    stopped.expect("an end");
    assert_eq!(fake.heard("kill mysql-9-7"), 1);
    assert_eq!(fake.there(), ["mysql-9-7: stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_is_not_killed() {
    for trouble in [None, Some(Trouble::LostAfterwards)] {
        let fake = Stateful::start();
        let children = children(&fake).await;
        fake.put(MYSQL, "Running", &[]);
        if let Some(trouble) = trouble {
            fake.once("stop mysql-9-7", trouble);
        }
        for _ in 0..2 {
            let stopped = children.stop(MYSQL, StopPatience::Some).await;
            stopped.expect("an end");
        }
        assert_eq!(fake.heard("kill mysql-9-7"), 0);
        assert_eq!(fake.there(), ["mysql-9-7: stopped"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_or_hurried_server_is_killed_and_an_absent_one_is_fine() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    fake.put(MYSQL, "Running", &[]);
    fake.put(MARIADB, "Frozen", &[]);
    for (name, patience) in [
        (MYSQL, StopPatience::None),
        (MARIADB, StopPatience::Some),
        ("gone", StopPatience::Some),
    ] {
        children.stop(name, patience).await.expect("an end");
    }
    assert_eq!(fake.heard("stop mysql-9-7"), 0);
    assert_eq!(fake.there(), ["mariadb-11: stopped", "mysql-9-7: stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_container_has_its_address_again_and_no_other_has_it() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    let first = renewed(&children, &spec(MYSQL, "k"), Purpose::Now).await;
    let second = renewed(&children, &spec(MARIADB, "k"), Purpose::Now).await;
    assert_ne!(first.address, second.address);
    children.remove(MYSQL).await.expect("a removal");
    let copy = children
        .throwaway(MARIADB, "suite-1", &access(MARIADB))
        .await;
    let copy = copy.expect("a copy");
    assert_ne!(copy.address, first.address);
    assert_eq!(copy.credentials.login, access(MARIADB).login);
    assert_eq!(copy.credentials.tls, TlsPolicy::Pinned("PEM".into()));
    let again = children.throwaway(MARIADB, MYSQL, &access(MARIADB)).await;
    assert_eq!(again.expect("a copy").address, first.address);
}

#[tokio::test(start_paused = true)]
async fn a_nest_without_an_address_left_makes_nothing() {
    let fake = Stateful::start();
    let mut small = nest(fake.engine());
    small.subnet = "10.99.1.0/28".parse().expect("a subnet");
    let full = unswept(small.clone());
    for name in ["a", "b", "c", "d", "e"] {
        full.begin_golden(&spec(name, name)).await.expect("room");
    }
    let before = fake.there();
    let failed = full.begin_golden(&spec("f", "f")).await;
    let failed = failed.expect_err("no room").to_string();
    assert!(failed.contains("`10.99.1.0/28`"), "{failed}");
    assert_eq!(fake.there(), before);
    // What is swept has none any more.
    let next = unswept(small);
    next.sweep().await.expect("a sweep");
    next.begin_golden(&spec("f", "f")).await.expect("room");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_no_copy_is_made_anew_where_it_is_incomplete_or_of_something_else() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    let spec_of = |key| spec("tools", key);
    children.ensure(&spec_of("k")).await.expect("a child");
    let (child, stage) = children.ensure(&spec_of("k")).await.expect("a child");
    assert_eq!(stage, Stage::New, "it was never whole");
    sync(&child).await.expect("a program");
    children.finish(&child).await.expect("a mark");
    children
        .stop("tools", StopPatience::Some)
        .await
        .expect("a stop");
    let (_, stage) = children.ensure(&spec_of("k")).await.expect("a child");
    assert_eq!(stage, Stage::Ready);
    assert_eq!(fake.there(), ["tools: running"]);
    let (_, stage) = children.ensure(&spec_of("other")).await.expect("a child");
    assert_eq!(stage, Stage::New);
    assert_eq!(fake.there(), ["tools: running, incomplete"]);
}
