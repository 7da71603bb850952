//! A program's streams when an engine misbehaves: told, and never waited for.

use std::io::Cursor;

use dbmatrix_engine::{EngineError, Exec, Size, StreamEnd};
use serde_json::json;
use tokio::io::{duplex, empty, sink};
use tokio::sync::mpsc::channel;

use super::fake::Fake;
use super::http::{Answer, Said};
use super::usual;

/// All that is said on the stream of that name.
fn said(path: &str, name: &str, all: &'static [Said]) -> Option<Answer> {
    let is_it = path.ends_with(&format!("/websocket?secret={name}"));
    is_it.then_some(Answer::Websocket(all))
}

/// A program of which only its streams are told: the rest is silence.
fn program(method: &str, path: &str, output: &'static [Said]) -> Answer {
    if path.ends_with("/exec") {
        return Answer::Program;
    }
    if path.contains("/wait") {
        return Answer::Silence;
    }
    let streams = [
        said(path, "0", &[]),
        said(path, "1", output),
        said(path, "2", &[Said::Bytes(b"\xfferr"), Said::End]),
        said(path, "control", &[]),
    ];
    let found = streams.into_iter().flatten().next();
    found.unwrap_or_else(|| usual(method, path))
}

const WHOLE: &[Said] = &[Said::Bytes(b"\0ou"), Said::Bytes(b"t\r\n"), Said::End];
const HALF: &[Said] = &[Said::Bytes(b"ou"), Said::HangUp];
const ENDLESS: &[Said] = &[Said::Bytes(b"out")];

fn ended(status: i64) -> Answer {
    Answer::Sync(json!({ "status_code": 200, "metadata": { "return": status } }))
}

/// All at once, and gone.
const HASTY: &[Said] = &[Said::Ping, Said::Bytes(b"out"), Said::End, Said::HangUp];

/// Passes nothing in; returns how it ended, and what came out.
async fn pass(fake: &Fake) -> (Result<StreamEnd, EngineError>, Vec<u8>, Vec<u8>) {
    let exec = Exec::new("true", []);
    let streams = fake.engine().attach("child", &exec, None).await;
    let (mut output, mut errors) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
    let (_orders, heard) = channel(1);
    let streams = streams.expect("it is attached");
    let ending = streams.forward_bytes(empty(), &mut output, &mut errors, heard);
    (ending.await, output.into_inner(), errors.into_inner())
}

#[tokio::test(start_paused = true)]
async fn bytes_come_as_they_are_and_errors_apart_from_output() {
    let fake = Fake::start(|method, path, _| match path.contains("/wait") {
        true => ended(7),
        false => program(method, path, WHOLE),
    });
    let (ending, output, errors) = pass(&fake).await;
    assert_eq!(ending.expect("an end"), StreamEnd::Exited(7));
    assert_eq!((&*output, &*errors), (&b"\0out\r\n"[..], &b"\xfferr"[..]));
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_said_is_read_though_it_has_gone() {
    let fake = Fake::start(|method, path, _| match path.contains("/wait") {
        true => ended(0),
        false => program(method, path, HASTY),
    });
    let (ending, output, _) = pass(&fake).await;
    assert_eq!(ending.expect("an end"), StreamEnd::Exited(0));
    assert_eq!(output, b"out");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_halfway_is_told() {
    let fake = Fake::start(|method, path, _| program(method, path, HALF));
    let (ending, output, _) = pass(&fake).await;
    let lost = ending.expect_err("it was lost");
    assert!(matches!(lost, EngineError::Lost { .. }), "{lost}");
    assert_eq!(output, b"ou");
}

#[tokio::test(start_paused = true)]
async fn a_programs_status_is_believed_where_its_streams_were_cut() {
    let fake = Fake::start(|method, path, _| match path.contains("/wait") {
        true => ended(137),
        false => program(method, path, HALF),
    });
    let (ending, ..) = pass(&fake).await;
    assert_eq!(ending.expect("an end"), StreamEnd::Exited(137));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_ends_it() {
    let fake = Fake::start(|method, path, _| match path.contains("/wait") {
        true => Answer::HangUp,
        false => program(method, path, ENDLESS),
    });
    let (ending, ..) = pass(&fake).await;
    let lost = ending.expect_err("it was lost");
    assert!(matches!(lost, EngineError::Lost { .. }), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_an_end_does_not_hold_up_that_of_the_program() {
    let fake = Fake::start(|method, path, _| match path.contains("/wait") {
        true => ended(0),
        false => program(method, path, ENDLESS),
    });
    let (ending, output, _) = pass(&fake).await;
    assert_eq!(ending.expect("an end"), StreamEnd::Exited(0));
    assert_eq!(output, b"out");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_there_has_a_shells_status() {
    let fake = Fake::start(|method, path, _| match path.contains("/wait") {
        true => Answer::Sync(json!({ "status_code": 400, "err": "Command not found" })),
        false => program(method, path, WHOLE),
    });
    let (ending, ..) = pass(&fake).await;
    assert_eq!(ending.expect("an end"), StreamEnd::Exited(127));
}

#[tokio::test(start_paused = true)]
async fn who_reads_no_more_ends_it() {
    let fake = Fake::start(|method, path, _| program(method, path, ENDLESS));
    let exec = Exec::new("yes", []);
    let streams = fake.engine().attach("child", &exec, None).await;
    let (gone, output) = duplex(1);
    drop(gone);
    let (_orders, heard) = channel(1);
    let streams = streams.expect("it is attached");
    let ending = streams.forward_bytes(empty(), output, sink(), heard).await;
    assert_eq!(ending.expect("an end"), StreamEnd::Unread);
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_is_gone_ends_it() {
    let fake = Fake::start(|method, path, _| program(method, path, ENDLESS));
    let size = Size {
        width: 80,
        height: 24,
    };
    let exec = Exec::new("sh", []);
    let streams = fake.engine().attach("child", &exec, Some(size)).await;
    let (_orders, heard) = channel(1);
    let streams = streams.expect("it is attached");
    let ending = streams.forward_bytes(empty(), sink(), sink(), heard).await;
    assert_eq!(ending.expect("an end"), StreamEnd::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_is_refused_is_told() {
    let fake = Fake::start(|method, path, _| match path.ends_with("secret=2") {
        true => Answer::Error(403, "not authorized"),
        false => program(method, path, WHOLE),
    });
    let exec = Exec::new("true", []);
    let refused = fake.engine().attach("child", &exec, None).await;
    let refused = refused.expect_err("a refusal").to_string();
    let expected =
        "could not stay with a program in `child`: the engine answered 403: not authorized";
    assert_eq!(refused, expected);
}
