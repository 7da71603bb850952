//! Files that users write, and files that dbmatrix writes and reads back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use dbmatrix_config::{ConfigError, Problems};
use dbmatrix_containers::nest::{Manifest, read_index};
use dbmatrix_flavours::matrix::{Matrix, MatrixLock};
use dbmatrix_report::event::Event;
use dbmatrix_report::read_events;
use dbmatrix_sql::sql_text::{escape_bytes, unescape_bytes};
use dbmatrix_sql::suite::{
    Condition, Expectation, Facts, KnownDivergences, Lexer, Modes, Piece, SltOptions, SltSteps,
    SqlSteps, Step, SuiteError,
};
use dbmatrix_sql::version::{Family, Identity, Version};
use tempfile::TempDir;

use super::{Promise, check, count_lines, text};
use crate::app::remotes;

/// The folder of files for readers; in memory if the machine supports that.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory)
        .or_else(|_| tempfile::tempdir())
        .expect("there is a folder for temporary files")
});

/// Writes the input to a file for a reader.
fn file(name: &str, input: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    fs::write(&path, input).expect("a temporary file can be written");
    path
}

fn facts() -> Facts {
    Facts {
        flavour: "mariadb-10.11".to_owned(),
        family: Family::Mariadb,
        version: "10.11.4".parse().expect("it is a version"),
        labels: vec!["label".to_owned()],
    }
}

/// SQL text as lines, in all modes of a session: each piece is at a line of the text, and
/// the sent bytes appear there.
pub fn statements(input: &[u8]) -> Promise {
    for no_backslash_escapes in [false, true] {
        for dollar_quotes in [false, true] {
            pieces(
                input,
                Modes {
                    no_backslash_escapes,
                    dollar_quotes,
                },
            )?;
        }
    }
    Ok(())
}

fn pieces(input: &[u8], modes: Modes) -> Promise {
    let mut lexer = Lexer::default();
    lexer.set_modes(modes);
    let mut found = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        lexer.feed(line);
        while let Some(piece) = lexer.next_piece() {
            found.push(piece);
            check(found.len() <= input.len() + 1, || {
                format!("more pieces than bytes: {:?}", found.last())
            })?;
        }
    }
    found.extend(lexer.finish());
    for piece in found {
        let line = match &piece {
            Piece::Statement(statement) => {
                let sent = statement.sql.bytes();
                check(
                    !sent.trim_ascii().is_empty() && is_written(sent, input),
                    || format!("sent and not written: {statement:?}"),
                )?;
                statement.line
            }
            Piece::Command { line, .. } | Piece::Wrong { line, .. } => *line,
        };
        // A command within a statement comes before it.
        check((1..=count_lines(input)).contains(&line), || {
            format!("line {line} of {}: {piece:?}", count_lines(input))
        })?;
    }
    Ok(())
}

/// Whether all bytes of a statement except blanks appear in the text, in order.
fn is_written(sent: &[u8], input: &[u8]) -> bool {
    let mut text = input.iter();
    let mut wanted = sent.iter().filter(|byte| !byte.is_ascii_whitespace());
    wanted.all(|byte| text.any(|found| found == byte))
}

/// A `.sql` file.
pub fn sql(input: &[u8]) -> Promise {
    let path = file("input.sql", input);
    let steps = SqlSteps::open(&path).map_err(|error| error.to_string())?;
    steps_of(steps, input)
}

/// A sqllogictest file.
pub fn slt(input: &[u8]) -> Promise {
    let path = file("input.slt", input);
    let steps = SltSteps::open(&path, SltOptions::default()).map_err(|error| error.to_string())?;
    steps_of(steps, input)
}

/// Steps have lines of the file, and nothing follows an unreadable place.
fn steps_of(steps: impl Iterator<Item = Result<Step, SuiteError>>, input: &[u8]) -> Promise {
    let mut has_failed = false;
    for step in steps {
        check(!has_failed, || "a step after an error".to_owned())?;
        let line = match step {
            Ok(step) => step.line,
            Err(error) => {
                has_failed = true;
                // The message is formatted only on request.
                let _ = error.to_string();
                match error {
                    SuiteError::At { line, .. } => line,
                    _ => continue,
                }
            }
        };
        check((1..=count_lines(input)).contains(&line), || {
            format!("line {line} of {}", count_lines(input))
        })?;
    }
    Ok(())
}

/// A condition reads back as it is written.
pub fn conditions(input: &[u8]) -> Promise {
    let Some(text) = text(input) else {
        return Ok(());
    };
    let Ok(condition) = text.parse::<Condition>() else {
        return Ok(());
    };
    let again = condition.as_str().parse::<Condition>();
    let again = again.map_err(|error| format!("it does not read back: {error}"))?;
    let facts = facts();
    check(condition.holds(&facts) == again.holds(&facts), || {
        "it means something else when it is read again".to_owned()
    })
}

/// Stored expectations read back as they are written.
pub fn expectations(input: &[u8]) -> Promise {
    let Some(text) = text(input) else {
        return Ok(());
    };
    let (path, sql) = (Path::new("x.sql.expected"), Path::new("x.sql"));
    let Ok(read) = Expectation::parse(path, text) else {
        return Ok(());
    };
    let written = read.to_text(sql);
    let again = Expectation::parse(path, &written);
    let again = again.map_err(|error| format!("{error} in\n{written}"))?;
    // A carriage return may belong to the end of a line.
    let plain = |text: &str| text.replace('\r', "");
    let again = again.to_text(sql);
    check(plain(&again) == plain(&written), || {
        format!("{written:?} is then {again:?}")
    })?;
    // A lookup may fail only with an explanation.
    let _ = read.lines(0, "SELECT 1", &facts());
    Ok(())
}

/// A file of known divergences.
pub fn divergences(input: &[u8]) -> Promise {
    let Some(text) = text(input) else {
        return Ok(());
    };
    for proposing in [false, true] {
        match KnownDivergences::parse(PathBuf::from("x.toml"), text, proposing) {
            Ok(known) => drop(known.matching("SELECT 1", 1)),
            Err(error) => config_error(&error, input)?,
        }
    }
    Ok(())
}

/// Problems have lines of the file and can be displayed.
fn config_error(error: &ConfigError, input: &[u8]) -> Promise {
    let _ = error.render(false);
    for line in error.lines() {
        let number = line
            .split(':')
            .nth(1)
            .and_then(|number| number.parse().ok());
        check(
            number.is_some_and(|number| (1..=count_lines(input)).contains(&number)),
            || format!("no line of the file: {line}"),
        )?;
    }
    Ok(())
}

/// A matrix file in an empty folder.
pub fn matrix(input: &[u8]) -> Promise {
    let Some(text) = text(input) else {
        return Ok(());
    };
    match Matrix::parse(&FOLDER.path().join("x.toml"), text) {
        Ok(_) => Ok(()),
        Err(error) => config_error(&error, input),
    }
}

/// A lock file, which is written and read back.
pub fn locks(input: &[u8]) -> Promise {
    let Some(text) = text(input) else {
        return Ok(());
    };
    let read = |text: &str| {
        let problems = Problems::default();
        let lock = MatrixLock::parse(text, &problems);
        let path = Path::new("x.lock");
        problems.into_result("lock file", path, text).map(|_| lock)
    };
    match read(text) {
        Ok(lock) => {
            let written = lock.to_text();
            let again =
                read(&written).map_err(|error| format!("{}\n{written}", error.render(false)))?;
            check(again.to_text() == written, || {
                format!("{written} is then {}", again.to_text())
            })
        }
        Err(error) => config_error(&error, input),
    }
}

/// The file of remote engines.
pub fn remotes(input: &[u8]) -> Promise {
    if let Some(text) = text(input)
        && let Err(error) = remotes::parse(text)
    {
        let _ = error.to_string();
    }
    Ok(())
}

/// Events, a line each, which are written and read back.
pub fn events(input: &[u8]) -> Promise {
    for line in input.split(|byte| *byte == b'\n') {
        let Ok(event) = serde_json::from_slice::<Event>(line) else {
            continue;
        };
        let written = serde_json::to_string(&event).map_err(|error| error.to_string())?;
        let again: Event =
            serde_json::from_str(&written).map_err(|error| format!("{error} in {written}"))?;
        check(again == event, || format!("{event:?} is then {again:?}"))?;
    }
    let path = file("input.jsonl", input);
    if let Err(error) = read_events(&path) {
        let _ = error.to_string();
    }
    Ok(())
}

/// The index of an exported flavour, as text and in its archive.
pub fn index(input: &[u8]) -> Promise {
    if let Some(text) = text(input) {
        let _ = Manifest::parse(text).map_err(|error| error.to_string());
    }
    let _ = read_index(input).map_err(|error| error.to_string());
    Ok(())
}

/// Bytes as text and back.
pub fn text_form(input: &[u8]) -> Promise {
    let escaped = escape_bytes(input);
    check(unescape_bytes(&escaped) == input, || {
        format!("{escaped:?} reads back as other bytes")
    })?;
    let Some(text) = text(input) else {
        return Ok(());
    };
    let bytes = unescape_bytes(text);
    let again = escape_bytes(&bytes);
    check(unescape_bytes(&again) == bytes, || {
        format!("{again:?} reads back as other bytes")
    })
}

/// Versions and what servers report of themselves.
pub fn versions(input: &[u8]) -> Promise {
    let Some(text) = text(input) else {
        return Ok(());
    };
    let (full, comment) = text.split_once('\n').unwrap_or((text, ""));
    let _ = Identity::read(full, comment).map_err(|error| error.to_string());
    let Ok(version) = text.parse::<Version>() else {
        return Ok(());
    };
    let again = version.to_string().parse::<Version>();
    check(again.as_ref() == Ok(&version), || {
        format!("{version} is then {again:?}")
    })
}
