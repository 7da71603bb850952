//! Engines that do not answer, answer late, or break off: each request ends with
//! what to do, and one that is only slow is waited for.

use std::time::{Duration, Instant};

use dbmatrix::engine::{Engine, EngineError, Limits};
use serde_json::json;

use super::fake::Fake;
use super::http::Answer;
use super::usual;

/// Limits that a test can wait for.
fn hasty(fake: &Fake) -> Engine {
    fake.engine().with_limits(Limits {
        patience: Duration::from_millis(50),
        alive: Duration::from_millis(400),
        starting: Duration::from_millis(400),
        progress: Duration::from_millis(1500),
    })
}

#[tokio::test]
async fn an_engine_that_answers_nothing_is_told_with_its_process() {
    let fake = Fake::start(|_, _, _| Answer::Silence);
    let begun = Instant::now();
    let silent = hasty(&fake).instances().await.expect_err("silence");
    assert!(matches!(silent, EngineError::Silent { .. }), "{silent}");
    let own = format!("ps -o pid,stat,etime,args -p {}", std::process::id());
    assert!(silent.to_string().contains(&own), "{silent}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_slow_engine_is_waited_for() {
    let fake = Fake::start(|method, path, _| match path {
        "/1.0/instances?recursion=1" => {
            Answer::Late(Duration::from_millis(1000), json!([]).to_string())
        }
        // Longer than the patience, shorter than the limit.
        "/1.0" => Answer::Late(Duration::from_millis(200), "{}".to_owned()),
        _ => usual(method, path),
    });
    let instances = hasty(&fake).instances().await.expect("a late answer");
    assert!(instances.is_empty());
}

#[tokio::test]
async fn a_request_that_is_stuck_ends_although_the_engine_is_alive() {
    let fake = Fake::start(|method, path, _| match path {
        "/1.0" => usual(method, path),
        _ => Answer::Silence,
    });
    let stuck = hasty(&fake).instances().await.expect_err("no answer");
    assert!(matches!(stuck, EngineError::Stuck { .. }), "{stuck}");
}

#[tokio::test]
async fn half_an_answer_is_an_error_whether_it_stalls_or_ends() {
    let stalls = Fake::start(|_, path, _| match path {
        "/1.0" => Answer::Silence,
        _ => Answer::Half(true),
    });
    let stalled = hasty(&stalls).instances().await.expect_err("half of it");
    assert!(matches!(stalled, EngineError::Silent { .. }), "{stalled}");
    let ends = Fake::start(|_, _, _| Answer::Half(false));
    let ended = hasty(&ends).instances().await.expect_err("half of it");
    assert!(matches!(ended, EngineError::Lost { .. }), "{ended}");
}
