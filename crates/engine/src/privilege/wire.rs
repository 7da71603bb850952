//! Messages between a user's process and the root helper: a line of JSON, with at most
//! one connection.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use dbmatrix_platform::socket::{Stream, receive_with, send_with};

/// Maximum size of a message in bytes.
const LONGEST: usize = 64 * 1024;

/// Sends a message, optionally with a connection.
///
/// # Errors
/// If the other side is gone.
pub fn send(
    mut stream: &Stream,
    message: &impl Serialize,
    passed: Option<&Stream>,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let Some(passed) = passed else {
        return stream.write_all(&line);
    };
    let sent = send_with(stream, &line, passed)?;
    stream.write_all(&line[sent..])
}

/// Waits for a message; `None` if the other side closed the stream first.
///
/// # Errors
/// If no message of this kind came.
pub fn receive<T: DeserializeOwned>(stream: &Stream) -> io::Result<Option<(T, Option<Stream>)>> {
    let mut line = Vec::new();
    let mut passed = None;
    while line.last() != Some(&b'\n') {
        let mut chunk = [0; 4096];
        let (count, came) = receive_with(stream, &mut chunk)?;
        passed = came.or(passed);
        match count {
            0 if line.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => line.extend_from_slice(&chunk[..count]),
        }
        if line.len() > LONGEST {
            return Err(io::Error::other(format!(
                "a message of more than {LONGEST} bytes"
            )));
        }
    }
    Ok(Some((serde_json::from_slice(&line)?, passed)))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::{Answer, Request};
    use super::*;

    #[test]
    fn a_message_carries_a_connection() {
        let (here, there) = Stream::pair().expect("a pair");
        let (mut kept, handed) = Stream::pair().expect("a pair");
        send(&here, &Answer::Done, Some(&handed)).expect("sent");
        drop((here, handed));
        let (answer, passed) = receive::<Answer>(&there).expect("read").expect("a message");
        assert_eq!(answer, Answer::Done);
        let other = passed.expect("a connection");
        (&other).write_all(b"through").expect("written");
        drop(other);
        let mut text = String::new();
        kept.read_to_string(&mut text).expect("read");
        assert_eq!(text, "through");
    }

    #[test]
    fn an_unknown_verb_and_an_endless_line_are_refused() {
        for line in [
            "{\"verb\":\"run-shell\",\"command\":\"id\"}\n".to_owned(),
            "{\"verb\":\"lock\",\"name\":\"engine\",\"more\":1}\n".to_owned(),
            "x".repeat(LONGEST + 1),
        ] {
            let (mut here, there) = Stream::pair().expect("a pair");
            let writer = std::thread::spawn(move || here.write_all(line.as_bytes()));
            assert!(receive::<Request>(&there).is_err());
            drop(there);
            let _ = writer.join();
        }
    }

    #[test]
    fn an_end_before_any_message_is_no_error() {
        let (here, there) = Stream::pair().expect("a pair");
        drop(here);
        assert!(receive::<Request>(&there).expect("no error").is_none());
    }
}
