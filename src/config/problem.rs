//! What is wrong with a file, and where.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};
use thiserror::Error;

use super::nearest;

/// A file that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file system's words.
    #[error("could not read {what} `{}`: {source}{near}", path.display())]
    Read {
        /// What the file is, for people.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
        /// Which file beside may be meant.
        near: String,
    },
    /// All that is wrong with it.
    #[error("{what} `{}` has {} problem(s)", path.display(), problems.len())]
    Problems {
        /// What the file is, for people.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, in the order of the file.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub message: String,
    span: Range<usize>,
    source_code: NamedSource<String>,
}

impl Diagnostic for Problem {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new(None, self.span.start, self.span.len());
        Some(Box::new(std::iter::once(label)))
    }
}

/// Reads a file of which it is known `what` it is.
pub(crate) fn read(what: &'static str, path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        what,
        path: path.to_owned(),
        near: match source.kind() {
            std::io::ErrorKind::NotFound => near(path).unwrap_or_default(),
            _ => String::new(),
        },
        source,
    })
}

/// The file beside one that is not there whose name is nearest to its own.
fn near(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = match path.parent()? {
        folder if folder.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let files = files.filter(|file| file.file_type().is_ok_and(|kind| !kind.is_dir()));
    let names: Vec<String> = files
        .filter_map(|file| file.file_name().into_string().ok())
        .collect();
    let near = nearest(wanted, names.iter().map(String::as_str))?;
    let near = path.with_file_name(near);
    Some(format!("; did you mean `{}`?", near.display()))
}

impl ConfigError {
    /// A line a problem: `FILE:LINE: message`.
    pub fn lines(&self) -> Vec<String> {
        match self {
            ConfigError::Read { .. } => vec![self.to_string()],
            ConfigError::Problems { path, problems, .. } => problems
                .iter()
                .map(|problem| format!("{}:{}: {}", path.display(), problem.line, problem.message))
                .collect(),
        }
    }

    /// For people: each problem with the piece of the file that it is about.
    pub fn render(&self, color: bool) -> String {
        let ConfigError::Problems { problems, .. } = self else {
            return self.to_string();
        };
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::none()
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(1);
        let mut text = format!("{self}\n");
        for problem in problems {
            if handler.render_report(&mut text, problem).is_err() {
                text.push_str(&problem.message);
            }
        }
        text.trim_end().to_owned()
    }
}

/// Lines about old names in a file, such as ``m.toml:7: `a` is called `b` now; …``.
pub type Deprecations = Vec<String>;

/// A message about an old name that this release still understands.
pub fn renamed(old: &str, new: &str) -> String {
    format!("{old} is called {new} now; the next release no longer knows the old name")
}

/// Collects problems while a file is read, and what in it is deprecated.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: RefCell<Vec<(Range<usize>, String)>>,
    deprecated: RefCell<Vec<(Range<usize>, String)>>,
}

impl Problems {
    pub(crate) fn add(&self, span: Range<usize>, message: String) {
        self.found.borrow_mut().push((span, message));
    }

    /// Notes a word that has another name now and is still understood.
    pub(crate) fn deprecate(&self, span: Range<usize>, old: &str, new: &str) {
        let message = renamed(&format!("`{old}`"), &format!("`{new}`"));
        self.deprecated.borrow_mut().push((span, message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    pub(crate) fn into_result(
        self,
        what: &'static str,
        path: &Path,
        text: &str,
    ) -> Result<Deprecations, ConfigError> {
        let line_of =
            |span: &Range<usize>| 1 + text[..span.start.min(text.len())].matches('\n').count();
        let mut found = self.found.into_inner();
        if found.is_empty() {
            let mut notes = self.deprecated.into_inner();
            notes.sort_by_key(|(span, _)| span.start);
            let note = |(span, message): (Range<usize>, String)| {
                format!("{}:{}: {message}", path.display(), line_of(&span))
            };
            return Ok(notes.into_iter().map(note).collect());
        }
        found.sort_by_key(|(span, _)| span.start);
        let problem = |(span, message): (Range<usize>, String)| Problem {
            line: line_of(&span),
            message,
            span,
            source_code: NamedSource::new(path.display().to_string(), text.to_owned()),
        };
        Err(ConfigError::Problems {
            what,
            path: path.to_owned(),
            problems: found.into_iter().map(problem).collect(),
        })
    }
}
