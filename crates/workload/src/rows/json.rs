//! Rows as JSON objects: an array of them, or one after the other.

use memchr::memchr2;
use serde_json::Value;

use super::columns::Role;
use super::row::Row;
use crate::entry::LeftOut;
use crate::error::{Place, Problem, excerpt};
use crate::window::Window;

/// Reads the next object; false at the end of the file.
pub(super) fn read_object(
    window: &mut Window,
    next: &mut usize,
    row: &mut Row,
    left_out: &mut LeftOut,
) -> Result<bool, Problem> {
    loop {
        let blanks = count_blanks(window.loaded());
        window.release(blanks);
        if !window.loaded().is_empty() {
            break;
        }
        if !window.load()? {
            return Ok(false);
        }
    }
    if window.loaded()[0] != b'{' {
        window.load_at_least(64)?;
        let found = excerpt(window.loaded());
        let message = format!("expected a JSON object; found `{found}`");
        return Err(Problem::At(Place::Line(window.line_number(0)), message));
    }
    let mut scan = Scan::default();
    let end = loop {
        if let Some(end) = scan.find_end(window.loaded()) {
            break end;
        }
        if !window.load()? {
            if window.is_full() {
                let message = "expected an object of at most 64 MiB; found a longer one";
                let line = Place::Line(window.line_number(0));
                return Err(Problem::At(line, message.to_owned()));
            }
            left_out.cut += 1;
            window.release(window.loaded().len());
            return Ok(false);
        }
    };
    let object: Value = serde_json::from_slice(window.slice(0, end)).map_err(|error| {
        let line = window.line_number(0) + error.line().saturating_sub(1) as u64;
        let message = format!("expected a JSON object; found {error}");
        Problem::At(Place::Line(line), message)
    })?;
    *next = end;
    if let Value::Object(object) = object {
        for (name, value) in object {
            let Some(role) = Role::of(name.as_bytes()) else {
                continue;
            };
            match value {
                Value::Null | Value::Array(_) | Value::Object(_) => {}
                Value::String(text) => row.set(role, text.as_bytes()),
                other => row.set(role, other.to_string().as_bytes()),
            }
        }
    }
    Ok(true)
}

/// What stands between objects.
fn count_blanks(text: &[u8]) -> usize {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || b"[],".contains(byte);
    text.iter().take_while(|byte| is_blank(byte)).count()
}

/// Looks for the end of an object.
#[derive(Debug, Default)]
struct Scan {
    at: usize,
    depth: usize,
    is_string: bool,
}

impl Scan {
    /// The end of the object that begins at the text's start, if it is there.
    fn find_end(&mut self, text: &[u8]) -> Option<usize> {
        while let Some(&byte) = text.get(self.at) {
            if self.is_string {
                let found = memchr2(b'"', b'\\', text.get(self.at..)?);
                let Some(found) = found else {
                    self.at = text.len();
                    return None;
                };
                let found = self.at + found;
                if text[found] == b'"' {
                    self.is_string = false;
                    self.at = found + 1;
                } else {
                    // The escaped byte may not be loaded yet.
                    self.at = found;
                    text.get(found + 1)?;
                    self.at = found + 2;
                }
                continue;
            }
            self.at += 1;
            match byte {
                b'"' => self.is_string = true,
                b'{' => self.depth += 1,
                b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// What the names of a text mean that may be cut.
fn names_of(text: &[u8]) -> Vec<Role> {
    let mut roles = Vec::new();
    let mut rest = &text[count_blanks(text)..];
    // Names are strings that a colon follows.
    while let Some(open) = memchr::memchr(b'"', rest) {
        let Some(close) = memchr::memchr(b'"', &rest[open + 1..]) else {
            break;
        };
        let name = &rest[open + 1..open + 1 + close];
        rest = &rest[open + close + 2..];
        if rest.trim_ascii_start().starts_with(b":") {
            roles.extend(Role::of(name));
        }
    }
    roles
}

/// The table whose rows a JSON text has.
pub(crate) fn table_of(text: &[u8]) -> Option<super::Table> {
    let roles = names_of(text);
    super::columns::table_of(|role| roles.contains(&role))
}
