//! Engines that do not answer, answer late, or break off: each request ends with
//! what to do, and one that is only slow is waited for.

use std::time::{Duration, Instant};

use dbmatrix::doctor::{Reach, State, check_machine};
use dbmatrix_containers::host::{EngineChoice, Names};
use dbmatrix_containers::nest::{FindError, Inner, NestError, inspect, wake_nests};
use dbmatrix_engine::{Engine, EngineError, Limits};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
use serde_json::json;

use super::fake::Fake;
use super::http::Answer;
use super::listing::{PROJECT, put_nest_at};
use super::state::Stateful;
use super::usual;

/// How long a command may take whatever an engine does.
const LIMIT: Duration = Duration::from_secs(15);

/// Limits that a test can wait for.
fn hasty(fake: &Fake) -> Engine {
    hasty_at(fake.engine())
}

fn hasty_at(engine: Engine) -> Engine {
    engine.with_limits(Limits {
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

#[tokio::test]
async fn what_follows_the_first_silence_ends_at_once() {
    let fake = Fake::start(|_, _, _| Answer::Silence);
    let engine = hasty(&fake);
    engine.instances().await.expect_err("silence");
    let begun = Instant::now();
    for _ in 0..5 {
        let silent = engine.server_info().await.expect_err("silence");
        assert!(matches!(silent, EngineError::Silent { .. }), "{silent}");
    }
    // Each with its full time takes 2.25 s.
    assert!(begun.elapsed() < Duration::from_millis(1500));
}

#[tokio::test]
async fn an_engine_that_accepts_no_connection_is_silent_and_not_absent() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("engine.socket");
    let full = socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
    bind(&full, &SocketAddrUnix::new(&path).expect("a path")).expect("a name");
    // One more than none may wait.
    listen(&full, 0).expect("it listens");
    let _waits = std::os::unix::net::UnixStream::connect(&path).expect("a place");
    let silent = hasty_at(Engine::new(&path)).server_info().await;
    let silent = silent.expect_err("silence");
    assert!(matches!(silent, EngineError::Silent { .. }), "{silent}");
}

#[tokio::test]
async fn nests_whose_engines_hang_are_asked_side_by_side() {
    let hangs = || Fake::start(|_, _, _| Answer::Silence);
    let (host, one, other) = (Stateful::start(), hangs(), hangs());
    put_nest_at(&host, "one", "Running", &one.socket);
    put_nest_at(&host, "other", "Running", &other.socket);
    let begun = Instant::now();
    let nests = inspect(&host.engine()).await.expect("two nests");
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    for nest in &nests {
        let Inner::Silent { remedy, .. } = &nest.inner else {
            panic!("{nest:?}");
        };
        assert!(remedy.is_some(), "{nest:?}");
    }
    assert_eq!(nests.len(), 2);
}

#[tokio::test]
async fn a_nest_that_is_waited_for_and_hangs_ends_the_wait_and_stays() {
    let (host, inner) = (Stateful::start(), Fake::start(|_, _, _| Answer::Silence));
    put_nest_at(&host, "m", "Frozen", &inner.socket);
    let begun = Instant::now();
    let woken = wake_nests(&host.engine(), &Names::of(PROJECT), None).await;
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
    let silent = woken.expect_err("silence");
    let is_silence =
        |error: &NestError| matches!(error, NestError::Engine(EngineError::Silent { .. }));
    assert!(
        matches!(&silent, FindError::Nest(error) if is_silence(error)),
        "{silent}"
    );
    assert_eq!(host.there(), ["m: running"]);
}

#[tokio::test]
async fn a_doctor_waits_for_an_engine_that_is_slow() {
    const SLOW: Duration = Duration::from_secs(6);
    let fake = Fake::start(|method, path, _| match path {
        "/1.0" => {
            let info = json!({ "auth": "trusted", "environment": { "server": "incus" } });
            Answer::Late(SLOW, info.to_string())
        }
        "/1.0/projects?recursion=1" => Answer::Late(SLOW, "[]".to_owned()),
        _ => usual(method, path),
    });
    let choice = EngineChoice::Socket(fake.socket.clone());
    let findings = check_machine(&choice, &Names::of(PROJECT), Reach::Machine).await;
    let engine = findings.iter().find(|one| one.check == "engine");
    let engine = engine.expect("the engine is looked at");
    assert_ne!(engine.state, State::Problem, "{}", engine.found);
    let is_slow = |found: &str| found.contains(" is slow") || found.contains("not answer");
    assert!(
        !findings.iter().any(|one| is_slow(&one.found)),
        "{findings:?}"
    );
}
