//! Problems of a file, with their places.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use thiserror::Error;

use super::nearest;

/// A file that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("could not read {what} `{}`: {source}{near}", path.display())]
    Read {
        /// The file's kind, human-readable.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
        /// A similar file in the same folder.
        near: String,
    },
    /// The file has problems.
    #[error("{what} `{}` has {}", path.display(), counted(problems.len()))]
    Problems {
        /// The file's kind, human-readable.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The problems, in the order of the file.
        problems: Vec<Problem>,
    },
}

fn counted(problems: usize) -> String {
    match problems {
        1 => "a problem".to_owned(),
        several => format!("{several} problems"),
    }
}

/// One problem.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub message: String,
    span: Range<usize>,
    text: Arc<str>,
}

impl Problem {
    /// The message, and the place with the surrounding lines.
    fn excerpt(&self, path: &Path) -> Group<'_> {
        let text = &*self.text;
        let start = char_boundary(text, self.span.start);
        let end = char_boundary(text, self.span.end).max(start);
        let first = start_of_line(text, start);
        let lines = start_of_line(text, first.saturating_sub(1));
        let rest = text[end..].split_inclusive('\n').take(2);
        let after = end + rest.map(str::len).sum::<usize>();
        let snippet = Snippet::source(&text[lines..after])
            .path(path.display().to_string())
            .line_start(1 + text[..lines].matches('\n').count())
            .fold(false)
            .annotation(AnnotationKind::Primary.span(start - lines..end - lines));
        Level::ERROR
            .no_name()
            .primary_title(&self.message)
            .element(snippet)
    }
}

/// The last character boundary at or before a byte.
fn char_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    let boundary = (0..=at).rev().find(|at| text.is_char_boundary(*at));
    boundary.unwrap_or(0)
}

/// The start of the line that contains a byte.
fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Reads a file of the kind `what`.
pub fn read(what: &'static str, path: &Path) -> Result<String, ConfigError> {
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

/// The file in the same folder whose name is most similar to that of a missing one.
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
    /// One line per problem: `FILE:LINE: message`.
    pub fn lines(&self) -> Vec<String> {
        match self {
            ConfigError::Read { .. } => vec![self.to_string()],
            ConfigError::Problems { path, problems, .. } => problems
                .iter()
                .map(|problem| format!("{}:{}: {}", path.display(), problem.line, problem.message))
                .collect(),
        }
    }

    /// A human-readable report: each problem with the relevant lines of the file.
    pub fn render(&self, color: bool) -> String {
        let ConfigError::Problems { path, problems, .. } = self else {
            return self.to_string();
        };
        let renderer = match color {
            true => Renderer::styled().decor_style(DecorStyle::Unicode),
            false => Renderer::plain(),
        };
        let excerpts: Vec<_> = problems
            .iter()
            .map(|problem| problem.excerpt(path))
            .collect();
        let mut text = format!("{self}");
        for excerpt in &excerpts {
            text.push('\n');
            text.push_str(renderer.render(std::slice::from_ref(excerpt)).trim_end());
        }
        text
    }
}

/// Lines about deprecated names in a file, such as ``m.toml:7: `a` is called `b` now;
/// …``.
pub type Deprecations = Vec<String>;

/// A message about a deprecated name.
pub fn renamed(old: &str, new: &str) -> String {
    format!("{old} is called {new} now; the next release no longer knows the old name")
}

/// Collects problems and deprecated names while a file is read.
#[derive(Debug, Default)]
pub struct Problems {
    found: RefCell<Vec<(Range<usize>, String)>>,
    deprecated: RefCell<Vec<(Range<usize>, String)>>,
}

impl Problems {
    pub fn add(&self, span: Range<usize>, message: String) {
        self.found.borrow_mut().push((span, message));
    }

    /// Notes a deprecated word.
    pub fn deprecate(&self, span: Range<usize>, old: &str, new: &str) {
        let message = renamed(&format!("`{old}`"), &format!("`{new}`"));
        self.deprecated.borrow_mut().push((span, message));
    }

    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    pub fn into_result(
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
        let whole: Arc<str> = text.into();
        let problem = |(span, message): (Range<usize>, String)| Problem {
            line: line_of(&span),
            message,
            span,
            text: Arc::clone(&whole),
        };
        Err(ConfigError::Problems {
            what,
            path: path.to_owned(),
            problems: found.into_iter().map(problem).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, span: Range<usize>) -> String {
        let problems = Problems::default();
        problems.add(span, "it is wrong".to_owned());
        let found = problems.into_result("file", Path::new("a.toml"), text);
        found.expect_err("a problem").render(false)
    }

    #[test]
    fn shows_a_problem_with_the_lines_beside_it() {
        let text = "a = 1\nb = 2\nc = \"ü\"\nd = 4\ne = 5\n";
        insta::assert_snapshot!(render(text, 16..20), @r#"
        file `a.toml` has a problem
        it is wrong
         --> a.toml:3:5
          |
        2 | b = 2
        3 | c = "ü"
          |     ^^^
        4 | d = 4
          |
        "#);
    }

    #[test]
    fn shows_a_problem_wherever_it_is() {
        let text = "a = \"ü\"\n\nb = [\n  1,\n]";
        for start in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            for end in start..=text.len() + 2 {
                let shown = render(text, start..end);
                assert!(shown.contains("it is wrong\n --> a.toml:"), "{shown}");
            }
        }
        assert!(render("", 0..0).contains("it is wrong"));
    }
}
