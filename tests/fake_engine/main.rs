//! The program against an engine that misbehaves: a clear error, the exit
//! status for it, and nothing left.
//!
//! The fakes answer real HTTP on a temporary Unix socket: [`fake`] by a script,
//! [`state`] with containers that it keeps.

mod access;
mod act;
mod child;
mod copy;
mod fake;
mod golden;
mod http;
mod limits;
mod listing;
mod moved;
mod nested;
mod prune;
mod silent;
mod state;
mod stream;
mod trouble;
mod turn;

use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use dbmatrix_engine::{Engine, EngineError, Exec, FileMode, ImageSource, NewInstance, Power};
use serde_json::{Value, json};

use fake::Fake;
use http::Answer;

/// What a well-behaved engine says, for all that a test does not set.
fn usual(method: &str, path: &str) -> Answer {
    let plain = path.split('?').next().unwrap_or_default();
    match (method, plain) {
        ("GET", "/1.0") => Answer::Sync(json!({
            "auth": "trusted",
            "environment": { "server": "incus", "server_version": "6.0.4" },
        })),
        ("GET", _) if plain.ends_with("/wait") => {
            Answer::Sync(json!({ "status_code": 200, "metadata": {} }))
        }
        ("GET", _) => Answer::Error(404, "not found"),
        (_, _) => Answer::Operation,
    }
}

fn new_instance() -> NewInstance {
    NewInstance {
        name: "nest".to_owned(),
        image: ImageSource::Fingerprint("f".to_owned()),
        config: Default::default(),
        devices: Default::default(),
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_engines_words() {
    let fake = Fake::start(|method, path, _| match method {
        "POST" => Answer::Error(403, "not authorized"),
        _ => usual(method, path),
    });
    let refused = fake
        .engine()
        .create_instance(&new_instance())
        .await
        .expect_err("a refusal");
    assert_eq!(
        refused.to_string(),
        "could not make container `nest`: the engine answered 403: not authorized"
    );
}

#[tokio::test]
async fn a_failed_operation_is_told_in_the_engines_words() {
    let fake = Fake::start(|method, path, _| {
        if path.contains("/wait") {
            return Answer::Sync(json!({ "status_code": 400, "err": "no space left on device" }));
        }
        usual(method, path)
    });
    let failed = fake
        .engine()
        .power("nest", Power::Start)
        .await
        .expect_err("a failure");
    assert_eq!(
        failed.to_string(),
        "could not start container `nest`: no space left on device; make room (`dbmatrix prune` removes what nothing uses), or take a larger pool"
    );
}

/// As Incus 6.0.4 does it: a request that comes before the helper has ended, some
/// 15 s after the one before, fails and makes the next helper as deaf.
#[tokio::test(start_paused = true)]
async fn a_file_is_written_when_the_engines_deaf_helper_has_ended() {
    static HELPER: Mutex<Option<tokio::time::Instant>> = Mutex::new(None);
    let fake = Fake::start(|method, path, _| {
        if !path.contains("/files") {
            return usual(method, path);
        }
        let mut begun = HELPER.lock().expect("no other test has it");
        let has_ended = begun.is_some_and(|begun| begun.elapsed() > Duration::from_secs(15));
        if has_ended {
            return usual(method, path);
        }
        *begun = Some(tokio::time::Instant::now());
        Answer::Error(500, "dial unix /proc/self/fd/51/forkfile.sock: connect")
    });
    let engine = fake.engine();
    let pushed = engine.push("child", "/etc/hosts", FileMode::Public, "x");
    pushed.await.expect("written after a rest");
}

#[tokio::test]
async fn a_dropped_socket_is_told_as_such() {
    let fake = Fake::start(|method, path, _| match method {
        "PUT" => Answer::HangUp,
        _ => usual(method, path),
    });
    let lost = fake
        .engine()
        .power("nest", Power::Start)
        .await
        .expect_err("a loss");
    assert!(matches!(lost, EngineError::Lost { .. }), "{lost}");
}

#[tokio::test]
async fn a_missing_daemon_is_told_with_its_socket() {
    let gone = Engine::new("/nonexistent/engine.socket")
        .server_info()
        .await
        .expect_err("nobody");
    assert!(matches!(gone, EngineError::Unreachable { .. }), "{gone}");
    assert!(gone.to_string().contains("/nonexistent/engine.socket"));
}

#[tokio::test]
async fn a_slow_operation_is_cancelled_when_its_time_is_up() {
    let fake = Fake::start(|method, path, _| {
        if path.contains("/wait") {
            return Answer::Sync(json!({ "status_code": 103 }));
        }
        usual(method, path)
    });
    let exec = Exec::new("sleep", ["1000"]).limit(Duration::from_millis(300));
    let late = fake
        .engine()
        .exec("nest", &exec)
        .await
        .expect_err("it is late");
    assert!(matches!(late, EngineError::TimedOut { .. }), "{late}");
    assert!(
        fake.heard("DELETE /1.0/operations/op-1"),
        "the operation goes on"
    );
}

#[tokio::test]
async fn a_wait_that_ends_in_an_error_goes_on() {
    let fake = Fake::start(|method, path, _| {
        if path.contains("/wait") {
            return Answer::Error(500, "context deadline exceeded");
        }
        if path.starts_with("/1.0/operations/") {
            return Answer::Sync(json!({ "status_code": 200, "metadata": { "return": 0 } }));
        }
        usual(method, path)
    });
    let output = fake
        .engine()
        .exec("nest", &Exec::new("true", []))
        .await
        .expect("it ended well");
    assert!(output.success());
}

#[tokio::test]
async fn an_unexpected_reply_is_told_with_what_came() {
    for bytes in [
        "<html>proxy</html>",
        "{}",
        r#"{"type":"async","operation":"elsewhere"}"#,
    ] {
        let fake = Fake::start(match bytes {
            "{}" => |_, _, _| Answer::Bytes("{}"),
            "<html>proxy</html>" => |_, _, _| Answer::Bytes("<html>proxy</html>"),
            _ => |_, _, _| Answer::Bytes(r#"{"type":"async","operation":"elsewhere"}"#),
        });
        let odd = fake
            .engine()
            .power("nest", Power::Start)
            .await
            .expect_err("an odd reply");
        assert!(
            matches!(odd, EngineError::Unexpected { .. }),
            "{bytes}: {odd}"
        );
    }
}

/// Runs the program against the fake; root is needed to come that far.
fn run(fake: &Fake) -> Option<Output> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let matrix = fake.socket.with_file_name("m.toml");
    std::fs::write(
        &matrix,
        "[[flavour]]\nserver = 'mariadb:10.11'\nimage = 'images:debian/12'\n[nest]\nimage = 'images:debian/13'\nstorage = 'dir'\n",
    )
    .expect("a matrix");
    let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
        .args(["up", "--project", "dbmatrix-fake"])
        .arg(matrix)
        .env("DBMATRIX_ENGINE", &fake.socket)
        .stdin(Stdio::null())
        .output();
    for lock in ["dbmatrix-fake.lock", "dbmatrix-fake-m.lock"] {
        let _ = std::fs::remove_file(dbmatrix_containers::host::run_folder().join(lock));
    }
    Some(output.expect("the program runs"))
}

/// A nest that is incomplete, as the fake would show it.
fn incomplete() -> Value {
    json!({
        "name": "m", "status": "Stopped",
        "config": {
            "user.dbmatrix.owner": "dbmatrix", "user.dbmatrix.stage": "making",
            "user.dbmatrix.address": "10.99.0.10", "user.dbmatrix.subnet": "10.99.1.0/24",
            "user.dbmatrix.password": "x",
        },
    })
}

/// A ground that stands; a nest that cannot be made: the disk is full.
fn ground(method: &str, path: &str, so_far: &[String]) -> Answer {
    let plain = path.split('?').next().unwrap_or_default();
    let was_asked_for = so_far
        .iter()
        .any(|line| line.starts_with("POST /1.0/instances?"));
    let owned = json!({ "user.dbmatrix.owner": "dbmatrix", "ipv4.address": "10.99.0.1/24" });
    match (method, plain) {
        ("GET", "/1.0/projects/dbmatrix-fake") => Answer::Sync(json!({ "config": owned })),
        ("GET", "/1.0/networks/dbmatrix-fake0") => {
            Answer::Sync(json!({ "name": "b", "config": owned }))
        }
        ("GET", "/1.0/storage-pools/dbmatrix-fake") => {
            Answer::Sync(json!({ "name": "p", "driver": "dir", "config": owned }))
        }
        ("PUT", "/1.0/profiles/default") => Answer::Sync(json!({})),
        ("GET", "/1.0/instances/m") if was_asked_for => Answer::Sync(incomplete()),
        ("GET", "/1.0/instances" | "/1.0/images") => Answer::Sync(json!([])),
        ("GET", "/1.0/operations/op-1/wait") if !removed(so_far) => {
            Answer::Sync(json!({ "status_code": 400, "err": "no space left on device" }))
        }
        _ => usual(method, path),
    }
}

fn removed(so_far: &[String]) -> bool {
    so_far
        .iter()
        .any(|line| line.starts_with("DELETE /1.0/instances/m"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nest_that_cannot_be_made_is_removed_and_told() {
    let fake = Fake::start(ground);
    let Some(output) = tokio::task::block_in_place(|| run(&fake)) else {
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("could not make container `m`: no space left on device"),
        "{stderr}"
    );
    assert!(
        fake.heard("DELETE /1.0/instances/m"),
        "an incomplete nest is left:\n{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untrusted_user_is_told_the_way_out() {
    let fake = Fake::start(|method, path, _| match path {
        "/1.0" => Answer::Sync(json!({
            "auth": "untrusted",
            "environment": { "server": "incus", "server_version": "6.0.4" },
        })),
        _ => usual(method, path),
    });
    let Some(output) = tokio::task::block_in_place(|| run(&fake)) else {
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("sudo"), "{stderr}");
}

/// An engine in which a nest of ours is incomplete.
fn cut(method: &str, path: &str, so_far: &[String]) -> Answer {
    let owned = json!({ "user.dbmatrix.owner": "dbmatrix" });
    match (method, path.split('?').next().unwrap_or_default()) {
        ("GET", "/1.0/projects") => {
            Answer::Sync(json!([{ "name": "dbmatrix-cut", "config": owned }]))
        }
        ("GET", "/1.0/instances") => Answer::Sync(json!([incomplete()])),
        ("GET", "/1.0/instances/m") if !removed(so_far) => Answer::Sync(incomplete()),
        _ => usual(method, path),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_tells_what_is_incomplete_and_removes_it_when_asked() {
    use dbmatrix::doctor::{Fix, Reach, State, check_machine};
    use dbmatrix_containers::host::{EngineChoice, Names};
    let fake = Fake::start(cut);
    let choice = EngineChoice::Socket(fake.socket.clone());
    let findings = check_machine(&choice, &Names::of("dbmatrix-cut"), Reach::Machine).await;
    for change in ["POST", "PUT", "PATCH", "DELETE"] {
        assert!(!fake.heard(change), "looking has changed something");
    }
    let engine = findings
        .iter()
        .find(|finding| finding.check == "engine")
        .expect("the engine is looked at");
    assert_eq!(engine.state, State::Ok, "{}", engine.found);
    let nest = findings
        .iter()
        .find(|finding| finding.found == "`m` is incomplete")
        .unwrap_or_else(|| panic!("{findings:?}"));
    assert_eq!(nest.state, State::Note);
    let Some(fix @ Fix::HalfMade { .. }) = &nest.fix else {
        panic!("{:?}", nest.fix);
    };
    let done = fix.apply().await.expect("it is removed");
    assert_eq!(done, ["removed the incomplete parts of nest `m`"]);
    assert!(fake.heard("DELETE /1.0/instances/m"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_json_all_the_same() {
    let fake = Fake::start(|method, path, _| usual(method, path));
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let output = tokio::task::block_in_place(|| {
        Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
            .args(["list", "--format", "json"])
            .env("DBMATRIX_ENGINE", &fake.socket)
            .stdin(Stdio::null())
            .output()
            .expect("the program runs")
    });
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[]\n");
    assert_eq!(output.status.code(), Some(0));
}

/// A nest of ours that runs, and one that is stopped, without engines in them.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_runs_is_asked_for_its_state() {
    use dbmatrix_containers::nest::{list_all, measure};
    let fake = Fake::start(|method, path, _| {
        let nest = |name: &str, status: &str, stage: &str| {
            json!({
                "name": name, "status": status, "last_used_at": "2026-11-24T09:53:18.5Z",
                "config": { "user.dbmatrix.owner": "dbmatrix", "user.dbmatrix.stage": stage },
            })
        };
        match (method, path.split('?').next().unwrap_or_default()) {
            ("GET", "/1.0/projects/p") => Answer::Sync(json!({ "config": {} })),
            ("GET", "/1.0/instances") => Answer::Sync(json!([
                nest("stopped", "Stopped", "ready"),
                nest("frozen", "Frozen", "ready"),
            ])),
            ("GET", _) if path.contains("/snapshots") => {
                Answer::Sync(json!(["/1.0/instances/x/snapshots/a"]))
            }
            _ => usual(method, path),
        }
    });
    let host = fake.engine().in_project("p");
    let mut rows = list_all(&fake.engine(), "p").await.expect("two nests");
    measure(&host, &mut rows).await.expect("it is measured");
    for row in &rows {
        assert_eq!((row.snapshots, row.started, row.memory), (1, None, None));
    }
    let states = rows.iter().map(|row| row.shown_state());
    assert_eq!(states.collect::<Vec<_>>(), ["Stopped", "Paused"]);
    assert!(!fake.heard("GET /1.0/instances/stopped/state"));
    assert!(!fake.heard("GET /1.0/instances/frozen/state"));
}
