//! Splits sqllogictest files into records, line by line, and includes other files in
//! place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::head::{Body, Head};
use crate::sql_text::escape_bytes;
use crate::suite::condition::Conditions;
use crate::suite::error::SuiteError;
use crate::suite::fault::Fault;
use crate::suite::lines::Lines;

/// Separates a statement from its expected result.
pub(super) const DELIMITER: &str = "----";

/// A record in a file.
#[derive(Debug)]
pub(super) struct Block {
    /// Its first line.
    pub(super) head: Head,
    /// The following lines, each with its end, in the text form of bytes.
    pub(super) body: String,
}

/// The file being read, with those that include it.
#[derive(Debug)]
pub(super) struct Sources {
    /// The innermost file is last; files that wait for it are before it.
    stack: Vec<Source>,
    /// Line in the outermost file where the last file that was read has ended.
    ended_at: usize,
}

/// A file.
#[derive(Debug)]
struct Source {
    path: Arc<Path>,
    /// `None` until the files before it have been read.
    lines: Option<Lines>,
    /// Line of the last record.
    line: usize,
    /// Where the outermost file includes it, and the conditions on all of it.
    included: Option<Included>,
}

#[derive(Debug, Clone)]
struct Included {
    /// Line in the outermost file.
    line: usize,
    conditions: Conditions,
}

impl Sources {
    /// Opens a file.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub(super) fn open(path: &Path) -> Result<Self, SuiteError> {
        Ok(Sources {
            stack: vec![Source {
                path: path.into(),
                lines: Some(Lines::open(path)?),
                line: 0,
                included: None,
            }],
            ended_at: 0,
        })
    }

    /// Reads the next record; `None` at the end. Adds what comments before it do to
    /// replicas to `faults`.
    ///
    /// # Errors
    /// [`SuiteError`].
    pub(super) fn next(&mut self, faults: &mut Vec<Fault>) -> Result<Option<Block>, SuiteError> {
        while let Some(source) = self.stack.last_mut() {
            let lines = match &mut source.lines {
                Some(lines) => lines,
                closed => closed.insert(Lines::open(&source.path)?),
            };
            let known = faults.len();
            let block = next_block(lines, &mut source.line, faults);
            if faults.len() > known {
                self.refuse_conditions()?;
            }
            match block {
                Ok(Some(block)) => return Ok(Some(block)),
                Ok(None) => {
                    (self.ended_at, _) = self.place();
                    self.stack.pop();
                }
                Err(BlockError::Read(error)) => return Err(error),
                Err(BlockError::Head(message)) => return Err(self.at(0, message)),
            }
        }
        Ok(None)
    }

    /// Fails if conditions hold for the whole file: what happens to a replica depends on
    /// none.
    fn refuse_conditions(&self) -> Result<(), SuiteError> {
        match self.conditions().is_none_or(Conditions::is_empty) {
            true => Ok(()),
            false => {
                let expected = "expected no `dbmatrix:` in a file that is included under a condition, since what happens to a replica depends on none; found one; move it to the file that includes this one";
                Err(self.at(0, expected.to_owned()))
            }
        }
    }

    /// Where the last file has ended, in lines of the outermost one.
    pub(super) fn ended_at(&self) -> usize {
        self.ended_at
    }

    /// The line in the outermost file, and the place in the included file.
    pub(super) fn place(&self) -> (usize, Option<String>) {
        let source = self.innermost();
        let Some(included) = &source.included else {
            return (source.line, None);
        };
        let base = self
            .stack
            .first()
            .and_then(|outermost| outermost.path.parent());
        let path = source.path.strip_prefix(base.unwrap_or(Path::new("")));
        let path = path.unwrap_or(&source.path).display();
        (included.line, Some(format!("{path}:{}", source.line)))
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> PathBuf {
        match self.innermost().path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// The conditions on all records of the file.
    pub(super) fn conditions(&self) -> Option<&Conditions> {
        let included = self.stack.last()?.included.as_ref()?;
        Some(&included.conditions)
    }

    /// An error in the last record, at this many lines below its head.
    pub(super) fn at(&self, below: usize, mut message: String) -> SuiteError {
        let source = self.innermost();
        if source.included.is_some() {
            message.push_str(&format!(" (included by {})", self.chain(" by ")));
        }
        SuiteError::At {
            path: source.path.to_path_buf(),
            line: source.line + below,
            message,
        }
    }

    /// Reads the files that match a pattern before the file continues.
    ///
    /// # Errors
    /// [`SuiteError::At`] if none matches, or one is already being read.
    pub(super) fn include(
        &mut self,
        pattern: &str,
        conditions: Conditions,
    ) -> Result<(), SuiteError> {
        let (line, _) = self.place();
        let mut all = self.conditions().cloned().unwrap_or_default();
        all.add(conditions);
        let whole = match self.whole_pattern(pattern) {
            Ok(whole) => whole,
            Err(message) => return Err(self.at(0, message)),
        };
        let found = match glob::glob(&whole) {
            Ok(found) => found.collect::<Result<Vec<_>, _>>(),
            Err(error) => {
                let expected = format!("expected a pattern of files; found `{pattern}`: {error}");
                return Err(self.at(0, expected));
            }
        };
        let found = found.map_err(|error| self.at(0, error.to_string()))?;
        if found.is_empty() {
            let expected =
                format!("expected a file beside this one; found none that matches `{pattern}`");
            return Err(self.at(0, expected));
        }
        for path in &found {
            self.check_cycle(path)?;
        }
        let included = Included {
            line,
            conditions: all,
        };
        self.stack
            .extend(found.into_iter().rev().map(|path| Source {
                path: path.into(),
                lines: None,
                line: 0,
                included: Some(included.clone()),
            }));
        Ok(())
    }

    /// A pattern, resolved from the folder of the innermost file.
    fn whole_pattern(&self, pattern: &str) -> Result<String, String> {
        let folder = self.folder();
        match folder.to_str() {
            _ if pattern.starts_with('/') => Ok(pattern.to_owned()),
            Some(".") => Ok(pattern.to_owned()),
            Some(folder) => Ok(format!("{}/{pattern}", glob::Pattern::escape(folder))),
            None => Err(format!(
                "expected a folder whose name is UTF-8; found `{}`",
                folder.display()
            )),
        }
    }

    fn check_cycle(&self, path: &Path) -> Result<(), SuiteError> {
        let real = |path: &Path| -> PathBuf { path.canonicalize().unwrap_or(path.to_owned()) };
        let wanted = real(path);
        if !self.being_read().any(|source| real(&source.path) == wanted) {
            return Ok(());
        }
        let source = self.innermost();
        let mut chain = format!("{}:{}", source.path.display(), source.line);
        let outer = self.chain(" from ");
        if !outer.is_empty() {
            chain.push_str(&format!(" from {outer}"));
        }
        Err(SuiteError::At {
            path: source.path.to_path_buf(),
            line: source.line,
            message: format!(
                "expected files that do not include themselves; found `{}` again: {chain}",
                path.display()
            ),
        })
    }

    /// The file of the last record.
    fn innermost(&self) -> &Source {
        self.stack
            .last()
            .expect("a file is open from the first record to the end")
    }

    /// Files being read, the innermost first.
    fn being_read(&self) -> impl Iterator<Item = &Source> {
        self.stack
            .iter()
            .rev()
            .filter(|source| source.lines.is_some())
    }

    /// The places that include the innermost file, the nearest first.
    fn chain(&self, by: &str) -> String {
        let places: Vec<String> = self
            .being_read()
            .skip(1)
            .map(|source| format!("{}:{}", source.path.display(), source.line))
            .collect();
        places.join(by)
    }
}

enum BlockError {
    Read(SuiteError),
    /// The head is invalid.
    Head(String),
}

impl From<SuiteError> for BlockError {
    fn from(error: SuiteError) -> Self {
        BlockError::Read(error)
    }
}

/// Reads one record; sets `at` to its line.
fn next_block(
    lines: &mut Lines,
    at: &mut usize,
    faults: &mut Vec<Fault>,
) -> Result<Option<Block>, BlockError> {
    loop {
        let Some(line) = next_line(lines)? else {
            return Ok(None);
        };
        if line.is_empty() {
            continue;
        }
        *at = lines.read();
        if let Some(comment) = line.trim_start().strip_prefix('#') {
            if let Some(fault) = Fault::read(comment) {
                faults.push(fault.map_err(BlockError::Head)?);
            }
            continue;
        }
        let head = Head::read(&line).map_err(BlockError::Head)?;
        let body = match head.body {
            Body::None => String::new(),
            Body::Lines | Body::Paragraphs => read_body(lines, head.body)?,
        };
        return Ok(Some(Block { head, body }));
    }
}

fn read_body(lines: &mut Lines, kind: Body) -> Result<String, SuiteError> {
    let mut body = String::new();
    let mut has_delimiter = false;
    let mut after_empty = false;
    while let Some(line) = next_line(lines)? {
        if line.is_empty() {
            let goes_on = kind == Body::Paragraphs && has_delimiter && !after_empty;
            if !goes_on {
                break;
            }
        }
        after_empty = line.is_empty();
        has_delimiter |= line == DELIMITER;
        body.push_str(&line);
        body.push('\n');
    }
    Ok(body)
}

/// Reads the next line without its end. A line of blanks counts as empty, as in the
/// classic runner.
fn next_line(lines: &mut Lines) -> Result<Option<String>, SuiteError> {
    let is_first = lines.read() == 0;
    let Some(line) = lines.next_bytes()? else {
        return Ok(None);
    };
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = match is_first {
        true => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
        false => line,
    };
    let is_blank = line.iter().all(u8::is_ascii_whitespace);
    Ok(Some(match is_blank {
        true => String::new(),
        false => escape_bytes(line).into_owned(),
    }))
}
