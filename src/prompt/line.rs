//! The source of lines: a terminal with its history, or a text.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use dbmatrix_platform::file::open_with_mode;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::sync::mpsc::{Receiver, channel};

use super::complete::Completion;

/// Entries of the history that are kept.
const KEPT: usize = 2000;

/// The source of lines.
pub enum Source {
    /// A user at a terminal; entries are kept in a file, if one is given.
    Terminal {
        /// The file of earlier entries.
        history: Option<PathBuf>,
    },
    /// Statements that end with the text.
    Text(Box<dyn BufRead + Send>),
}

/// The result of a request for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end.
    Typed(Vec<u8>),
    /// Ctrl-C.
    Interrupted,
    /// The end of the input.
    End,
    /// It could not be read.
    Broken(String),
}

/// Reads lines on a separate thread: reading a terminal blocks.
pub(super) struct Lines {
    asks: mpsc::Sender<Ask>,
    lines: Receiver<Line>,
    /// Whether an earlier request for a line is still pending.
    is_asked: bool,
}

enum Ask {
    /// Asks for a line with this prompt.
    Line(String),
    /// Keeps an entry.
    Keep(String),
}

impl Lines {
    /// On a terminal, `completion` completes words.
    pub(super) fn of(source: Source, completion: Completion) -> Self {
        let (asks, asked) = mpsc::channel();
        let (given, lines) = channel(1);
        // It ends with the source or with the program, which does not wait for it.
        std::thread::spawn(move || match source {
            Source::Terminal { history } => {
                let give = |line| given.blocking_send(line).is_ok();
                read_terminal(history.as_deref(), completion, &asked, give);
            }
            Source::Text(text) => read_text(text, &asked, |line| given.blocking_send(line).is_ok()),
        });
        Lines {
            asks,
            lines,
            is_asked: false,
        }
    }

    /// The next line.
    pub(super) async fn next(&mut self, prompt: &str) -> Line {
        if !self.is_asked && self.asks.send(Ask::Line(prompt.to_owned())).is_err() {
            return Line::End;
        }
        self.is_asked = true;
        let line = self.lines.recv().await;
        self.is_asked = false;
        line.unwrap_or(Line::End)
    }

    /// Keeps an entry in the history, if there is one.
    pub(super) fn keep(&self, entry: &str) {
        let _ = self.asks.send(Ask::Keep(entry.to_owned()));
    }
}

fn read_text(
    text: Box<dyn BufRead + Send>,
    asked: &mpsc::Receiver<Ask>,
    give: impl Fn(Line) -> bool,
) {
    let mut lines = text.split(b'\n');
    while let Ok(ask) = asked.recv() {
        if matches!(ask, Ask::Keep(_)) {
            continue;
        }
        let line = match lines.next() {
            Some(Ok(line)) => Line::Typed(line),
            Some(Err(error)) => Line::Broken(error.to_string()),
            None => Line::End,
        };
        let is_over = !matches!(line, Line::Typed(_));
        if !give(line) || is_over {
            return;
        }
    }
}

type Prompting = Editor<Completion, FileHistory>;

fn read_terminal(
    history: Option<&Path>,
    completion: Completion,
    asked: &mpsc::Receiver<Ask>,
    give: impl Fn(Line) -> bool,
) {
    let mut editor = match editor(history, completion) {
        Ok(editor) => editor,
        Err(error) => {
            give(Line::Broken(error.to_string()));
            return;
        }
    };
    while let Ok(ask) = asked.recv() {
        let prompt = match ask {
            Ask::Line(prompt) => prompt,
            Ask::Keep(entry) => {
                keep(&mut editor, history, &entry);
                continue;
            }
        };
        let line = match editor.readline(&prompt) {
            Ok(line) => Line::Typed(line.into_bytes()),
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(ReadlineError::Eof) => Line::End,
            Err(error) => Line::Broken(error.to_string()),
        };
        if !give(line) {
            return;
        }
    }
}

fn editor(history: Option<&Path>, completion: Completion) -> rustyline::Result<Prompting> {
    let config = Config::builder()
        .max_history_size(KEPT)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(completion));
    if let Some(path) = history
        && let Err(error) = editor.load_history(path)
    {
        tracing::debug!(%error, "no history yet");
    }
    Ok(editor)
}

/// Keeps an entry, unless it may contain a password.
fn keep(editor: &mut Prompting, history: Option<&Path>, entry: &str) {
    let lower = entry.to_lowercase();
    if lower.contains("identified") || lower.contains("password") {
        return;
    }
    if let Err(error) = editor.add_history_entry(entry) {
        tracing::debug!(%error, "an entry is not kept");
    }
    let Some(path) = history else {
        return;
    };
    let written = private(path).and_then(|()| {
        let appended = editor.append_history(path);
        appended.map_err(std::io::Error::other)
    });
    if let Err(error) = written {
        tracing::debug!(%error, path = %path.display(), "the history is not written");
    }
}

/// Ensures that the file exists and only its owner can read it.
fn private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    open_with_mode(&mut options, 0o600);
    options.open(path)?.flush()
}
