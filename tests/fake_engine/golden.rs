//! Golden children when an engine misbehaves: nothing incomplete is kept, and what
//! is whole is made once.

use std::net::Ipv4Addr;

use dbmatrix_containers::nest::Purpose;

use super::nested::{MARIADB, MYSQL, children, golden, keep, nest, renewed, spec, unswept};
use super::state::Stateful;
use super::trouble::{NOT_DONE, Trouble};

#[tokio::test(start_paused = true)]
async fn a_golden_child_is_whole_when_it_is_down_and_noted() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    let spec = spec(MYSQL, "k");
    let child = children.begin_golden(&spec).await.expect("a container");
    assert_eq!(fake.there(), ["golden--k: running, incomplete"]);
    assert!(children.golden(&spec).await.expect("a look").is_none());
    keep(&children, child).await.expect("a golden child");
    assert_eq!(fake.there(), ["golden--k: stopped, golden"]);
    assert_eq!(fake.record("golden--k", "version"), "9.7.1");
    assert!(children.golden(&spec).await.expect("a look").is_some());
}

/// AppArmor gives a nest a namespace of policies of its own, so the servers in its children
/// start without it. Whoever nests can mount more.
#[tokio::test(start_paused = true)]
async fn children_may_not_nest() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    renewed(&children, &spec(MYSQL, "k"), Purpose::Now).await;
    for container in ["golden--k", MYSQL] {
        for setting in ["security.nesting", "security.privileged"] {
            assert_eq!(fake.setting(container, setting), "", "{container}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_golden_child_that_cannot_be_begun_leaves_nothing() {
    let steps = [
        "make volume packages-debian",
        "make golden--k",
        "write in golden--k",
        "start golden--k",
        "run in golden--k",
    ];
    for step in steps {
        for trouble in NOT_DONE.into_iter().chain([Trouble::LostAfterwards]) {
            // A file is no operation.
            if step.contains("write") && matches!(trouble, Trouble::Failed(_)) {
                continue;
            }
            // A volume whose making is in doubt is looked for.
            let is_found = step.contains("volume") && matches!(trouble, Trouble::LostAfterwards);
            let fake = Stateful::start();
            let children = children(&fake).await;
            let spec = spec(MYSQL, "k");
            fake.once(step, trouble);
            let begun = children.begin_golden(&spec).await;
            assert_eq!(begun.is_ok(), is_found, "{step}: {trouble:?}: {begun:?}");
            assert_eq!(fake.heard(step), 1, "{trouble:?}");
            children.abandon_golden(&spec).await.expect("a removal");
            assert!(fake.there().is_empty(), "{step}: {trouble:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_golden_child_that_cannot_be_kept_leaves_nothing() {
    for step in ["stop golden--k", "change golden--k", "set golden--k"] {
        for trouble in NOT_DONE {
            let fake = Stateful::start();
            let children = children(&fake).await;
            let spec = spec(MYSQL, "k");
            let child = children.begin_golden(&spec).await.expect("a container");
            fake.always(step, trouble);
            let kept = keep(&children, child).await;
            assert!(kept.is_err(), "{step}: {trouble:?}");
            children.abandon_golden(&spec).await.expect("a removal");
            assert!(fake.there().is_empty(), "{step}: {trouble:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_golden_child_that_was_kept_unheard_is_the_next_ones() {
    let fake = Stateful::start();
    let before = children(&fake).await;
    let spec = spec(MYSQL, "k");
    let child = before.begin_golden(&spec).await.expect("a container");
    fake.once("set golden--k", Trouble::LostAfterwards);
    keep(&before, child).await.expect_err("a lost answer");
    before.abandon_golden(&spec).await.expect("a look");
    assert_eq!(fake.there(), ["golden--k: stopped, golden"]);
    golden(&children(&fake).await, &spec).await;
    assert_eq!(fake.heard("make golden--k"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_its_time_to_end_is_asked_again() {
    for trouble in [Trouble::Failed("still up after 30 s"), Trouble::Lost] {
        let fake = Stateful::start();
        let children = children(&fake).await;
        fake.times(4, "stop golden--k", trouble);
        golden(&children, &spec(MYSQL, "k")).await;
        assert_eq!(fake.there(), ["golden--k: stopped, golden"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_ended_unheard_is_not_asked_again() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    fake.once("stop golden--k", Trouble::LostAfterwards);
    golden(&children, &spec(MYSQL, "k")).await;
    assert_eq!(fake.there(), ["golden--k: stopped, golden"]);
    assert_eq!(fake.heard("stop golden--k"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_golden_child_of_a_run_that_was_killed_is_made_anew() {
    let fake = Stateful::start();
    let killed = children(&fake).await;
    let spec = spec(MYSQL, "k");
    killed.begin_golden(&spec).await.expect("a container");
    // Even where nobody has swept.
    let next = unswept(nest(fake.engine()));
    golden(&next, &spec).await;
    assert_eq!(fake.heard("make golden--k"), 2);
    assert_eq!(fake.there(), ["golden--k: stopped, golden"]);
}

#[tokio::test(start_paused = true)]
async fn flavours_of_one_key_share_a_golden_child_that_is_made_once() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    let (one, other) = (spec(MYSQL, "k"), spec(MARIADB, "k"));
    tokio::join!(
        renewed(&children, &one, Purpose::Now),
        renewed(&children, &other, Purpose::Now)
    );
    assert_eq!(fake.heard("make golden--k"), 1);
    assert_eq!(
        fake.there(),
        [
            "golden--k: stopped, golden",
            "mariadb-11: running",
            "mysql-9-7: running"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_flavour_makes_what_the_one_before_it_could_not() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    let (one, other) = (spec(MYSQL, "k"), spec(MARIADB, "k"));
    fake.once("start golden--k", Trouble::Failed("no"));
    let first = async {
        let _making = children.making(&one).await;
        children.begin_golden(&one).await.expect_err("a failure");
        children.abandon_golden(&one).await.expect("a removal");
    };
    tokio::join!(first, golden(&children, &other));
    assert_eq!(fake.there(), ["golden--k: stopped, golden"]);
}

#[tokio::test(start_paused = true)]
async fn a_golden_child_with_other_packages_or_another_client_is_another_one() {
    let fake = Stateful::start();
    let children = children(&fake).await;
    let mut wanted = spec(MYSQL, "k");
    golden(&children, &wanted).await;
    wanted.packages = Some("mysql-server 9.7.1".to_owned());
    assert!(children.golden(&wanted).await.expect("a look").is_some());
    wanted.packages = Some("mysql-server 9.7.0".to_owned());
    assert!(children.golden(&wanted).await.expect("a look").is_none());
    wanted.packages = None;
    wanted.client = Some(Ipv4Addr::new(10, 98, 0, 1));
    assert!(children.golden(&wanted).await.expect("a look").is_none());
}
