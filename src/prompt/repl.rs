//! The read-eval-print loop: asks for lines, sends statements, shows answers.

use std::collections::VecDeque;
use std::io::Write;

use dbmatrix_platform::Signal;
use dbmatrix_platform::signal::Signals;
use dbmatrix_sql::session::{Connect, SessionError};
use dbmatrix_sql::sql_text::escape_bytes;
use dbmatrix_sql::suite::Statement;
use futures_util::future::join_all;
use tokio::sync::watch;

use super::command::{Command, HELP};
use super::complete::Completion;
use super::format::{View, summary};
use super::input_buffer::{Item, Typed};
use super::line::{Line, Lines, Source};
use super::merge::MergedReplies;
use super::names::{Inquiry, changes_names};
use super::session::{Presses, ReplSession, Reply};
use super::status;

/// How deep files may include files (`\.`).
const DEEPEST: usize = 8;

/// The mode of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputMode {
    /// Interactive: shows prompts and times, and continues after errors.
    Prompt,
    /// Only results; ends at the first statement that all servers reject.
    Batch,
    /// Only results, to the end.
    Forced,
}

/// How the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Without rejected statements, or by the user's wish.
    Well,
    /// A statement was rejected, or a session lost.
    Refused,
    /// By Ctrl-C.
    Interrupted,
}

/// A loop with one server or several.
pub struct Repl<'a, S> {
    sessions: Vec<ReplSession<S>>,
    view: View,
    mode: InputMode,
    out: &'a mut (dyn Write + Send),
    err: &'a mut (dyn Write + Send),
    shows_warnings: bool,
    refused: bool,
    inquiry: Inquiry,
    /// Whether the known names of the servers may be outdated.
    is_stale: bool,
}

/// The pending actions, with the depth of their files.
type Agenda = VecDeque<(Item, usize)>;

/// Whether the loop continues.
enum Then {
    GoOn,
    /// Discard the rest of the agenda.
    Drop,
    End,
}

impl<'a, S: Connect + Clone + 'static> Repl<'a, S> {
    /// A loop with these sessions; writes results to `out`, errors to `err`.
    pub fn new(
        sessions: Vec<ReplSession<S>>,
        view: View,
        mode: InputMode,
        out: &'a mut (dyn Write + Send),
        err: &'a mut (dyn Write + Send),
    ) -> Self {
        Repl {
            sessions,
            view,
            mode,
            out,
            err,
            shows_warnings: false,
            refused: false,
            inquiry: Inquiry::default(),
            is_stale: true,
        }
    }

    /// Runs the loop to its end.
    ///
    /// # Errors
    /// If Ctrl-C cannot be received, or nothing can be written.
    pub async fn run(mut self, source: Source) -> std::io::Result<Ended> {
        let mut interrupts = Signals::listen(&[Signal::Interrupt])?;
        let mut lines = Lines::of(source, Completion::of(self.inquiry.known()));
        let ended = self.take_lines(&mut lines, &mut interrupts).await;
        for session in self.sessions {
            session.close().await;
        }
        ended
    }

    async fn take_lines(
        &mut self,
        lines: &mut Lines,
        interrupts: &mut Signals,
    ) -> std::io::Result<Ended> {
        let mut typed = Typed::default();
        let mut entry = String::new();
        loop {
            if self.mode == InputMode::Prompt && std::mem::take(&mut self.is_stale) {
                let servers = self.sessions.iter().map(ReplSession::beside);
                self.inquiry.begin(servers.collect());
            }
            let prompt = self.prompt(&typed);
            let line = tokio::select! {
                line = lines.next(&prompt) => line,
                _ = interrupts.next() => Line::Interrupted,
            };
            let (items, is_over) = match line {
                Line::Typed(line) => {
                    entry.push_str(if entry.is_empty() { "" } else { "\n" });
                    entry.push_str(&escape_bytes(&line));
                    (typed.take(&line), false)
                }
                Line::Interrupted if self.mode != InputMode::Prompt => {
                    return Ok(Ended::Interrupted);
                }
                Line::Interrupted => {
                    if typed.is_empty() {
                        writeln!(self.err, "leave with Ctrl-D or \\q")?;
                    }
                    typed.clear();
                    entry.clear();
                    continue;
                }
                // An unfinished statement at a terminal is not run.
                Line::End if self.mode == InputMode::Prompt => (Vec::new(), true),
                Line::End => (typed.take_rest(), true),
                Line::Broken(why) => {
                    writeln!(self.err, "the input could not be read: {why}")?;
                    return Ok(Ended::Refused);
                }
            };
            if typed.is_empty() && !entry.trim().is_empty() {
                lines.keep(entry.trim_end());
                entry.clear();
            }
            let agenda = items.into_iter().map(|item| (item, 0)).collect();
            let then = self.run_agenda(agenda, &typed, interrupts).await?;
            if let Some(ended) = self.ended(then, is_over) {
                return Ok(ended);
            }
        }
    }

    /// How the loop ends, if it does.
    fn ended(&self, then: Then, is_over: bool) -> Option<Ended> {
        let told = match self.refused && self.mode != InputMode::Prompt {
            true => Ended::Refused,
            false => Ended::Well,
        };
        match then {
            Then::End => Some(told),
            Then::Drop if self.mode != InputMode::Prompt => Some(Ended::Interrupted),
            Then::GoOn | Then::Drop => is_over.then_some(told),
        }
    }

    async fn run_agenda(
        &mut self,
        mut agenda: Agenda,
        typed: &Typed,
        interrupts: &mut Signals,
    ) -> std::io::Result<Then> {
        while let Some((item, depth)) = agenda.pop_front() {
            let then = match item {
                Item::Statement(statement) => self.run_statement(&statement, interrupts).await?,
                Item::Command(Command::Source(path)) => {
                    match statements_of(&path, depth, typed) {
                        Ok(items) => {
                            for item in items.into_iter().rev() {
                                agenda.push_front((item, depth + 1));
                            }
                        }
                        Err(why) => self.complain(&why)?,
                    }
                    Then::GoOn
                }
                Item::Command(command) => self.run_command(command, interrupts).await?,
                Item::Wrong(why) => {
                    self.complain(&why)?;
                    Then::GoOn
                }
            };
            match then {
                Then::GoOn => {}
                Then::Drop | Then::End => return Ok(then),
            }
        }
        Ok(Then::GoOn)
    }

    async fn run_command(
        &mut self,
        command: Command,
        interrupts: &mut Signals,
    ) -> std::io::Result<Then> {
        match command {
            Command::Help => writeln!(self.out, "{HELP}")?,
            Command::Quit => return Ok(Then::End),
            Command::Status => return self.print_status(interrupts).await,
            Command::Warnings(shown) => self.shows_warnings = shown,
            Command::Use(name) => {
                let statement = Statement {
                    line: 1,
                    sql: format!("USE `{}`", name.replace('`', "``")).into(),
                    vertical: false,
                    leading_comments: Vec::new(),
                };
                return self.run_statement(&statement, interrupts).await;
            }
            // Handled when they were read.
            Command::Clear | Command::Delimiter(_) | Command::Source(_) => {}
        }
        Ok(Then::GoOn)
    }

    async fn print_status(&mut self, interrupts: &mut Signals) -> std::io::Result<Then> {
        let (pressed, presses) = watch::channel(0);
        let pages = self.sessions.iter_mut().map(|session| {
            let mut presses = presses.clone();
            async move { status::page(session, &mut presses).await }
        });
        let pages = until(join_all(pages), interrupts, &pressed).await;
        for (at, page) in pages.into_iter().enumerate() {
            match page {
                Ok(page) => writeln!(self.out, "{page}")?,
                Err(error) => self.report_lost_session(at, &error)?,
            }
        }
        self.out.flush()?;
        Ok(Then::GoOn)
    }

    /// Sends a statement to all servers and shows their answers.
    async fn run_statement(
        &mut self,
        statement: &Statement,
        interrupts: &mut Signals,
    ) -> std::io::Result<Then> {
        let sql = &statement.sql;
        let (pressed, presses) = watch::channel(0);
        let wants_notices = self.shows_warnings;
        let asked = self.sessions.iter_mut().map(|session| {
            let mut presses: Presses = presses.clone();
            async move { session.send(sql, wants_notices, &mut presses).await }
        });
        let answered = until(join_all(asked), interrupts, &pressed).await;
        let was_pressed = *pressed.borrow() > 0;
        let mut replies = Vec::new();
        for (at, answer) in answered.into_iter().enumerate() {
            match answer {
                Ok(reply) => replies.push((at, reply)),
                Err(error) => self.report_lost_session(at, &error)?,
            }
        }
        self.is_stale |= changes_names(&sql.text());
        let all_refused = self.show(statement, &replies)?;
        Ok(match self.mode {
            _ if was_pressed => Then::Drop,
            InputMode::Batch if all_refused => Then::End,
            InputMode::Prompt | InputMode::Batch | InputMode::Forced => Then::GoOn,
        })
    }

    /// Returns whether all servers failed.
    fn show(&mut self, statement: &Statement, replies: &[(usize, Reply)]) -> std::io::Result<bool> {
        for (at, reply) in replies {
            if reply.is_new_session {
                let name = &self.sessions[*at].name;
                writeln!(
                    self.err,
                    "{name}: a new session: variables, temporary tables and transaction of the one before are gone"
                )?;
            }
            self.refused |= reply.outcome.refusal().is_some();
        }
        let given = replies.iter();
        let given: Vec<_> = given
            .map(|(at, reply)| (self.sessions[*at].name.as_str(), reply))
            .collect();
        let all_refused = match given.as_slice() {
            [] => true,
            [(_, reply)] if self.sessions.len() == 1 => {
                let text = self.view.write(&reply.outcome, statement.vertical);
                self.out.write_all(text.as_bytes())?;
                self.out.flush()?;
                let refusal = reply.outcome.refusal();
                match refusal {
                    Some(refusal) => writeln!(self.err, "{refusal}")?,
                    None if self.mode == InputMode::Prompt => {
                        writeln!(self.out, "{}", summary(&reply.outcome, reply.took))?;
                    }
                    None => {}
                }
                refusal.is_some()
            }
            _ => {
                let merged = MergedReplies::of(&statement.sql, given, self.view.all_differences);
                let text = merged.write(&self.view, &statement.sql, statement.vertical);
                self.out.write_all(text.as_bytes())?;
                merged.all_refused()
            }
        };
        self.show_notices(replies)?;
        if self.mode == InputMode::Prompt {
            writeln!(self.out)?;
        }
        self.out.flush()?;
        Ok(all_refused)
    }

    fn show_notices(&mut self, replies: &[(usize, Reply)]) -> std::io::Result<()> {
        if !self.view.format.is_for_people() {
            return Ok(());
        }
        for (at, reply) in replies {
            for notice in &reply.notices {
                match self.sessions.len() {
                    1 => writeln!(self.out, "{notice}")?,
                    _ => writeln!(self.out, "{}: {notice}", self.sessions[*at].name)?,
                }
            }
        }
        Ok(())
    }

    fn report_lost_session(&mut self, at: usize, error: &SessionError) -> std::io::Result<()> {
        let name = self.sessions[at].name.clone();
        self.complain(&format!(
            "{name}: {error}; the next statement opens a new session"
        ))
    }

    fn complain(&mut self, why: &str) -> std::io::Result<()> {
        self.refused = true;
        self.out.flush()?;
        writeln!(self.err, "{why}")
    }

    /// The prompt for the current input.
    fn prompt(&self, typed: &Typed) -> String {
        let who = match self.sessions.as_slice() {
            [session] => session.name.clone(),
            sessions => format!("{} flavours", sessions.len()),
        };
        let database = self.sessions.first().and_then(ReplSession::database);
        let database = database.map_or_else(String::new, |name| format!(" [{name}]"));
        let first = format!("{who}{database}> ");
        match typed.is_empty() {
            true => first,
            false => format!("{:>width$}", "-> ", width = first.chars().count()),
        }
    }
}

/// Waits for answers, and counts presses of Ctrl-C.
async fn until<T>(
    answers: impl Future<Output = T>,
    interrupts: &mut Signals,
    pressed: &watch::Sender<u32>,
) -> T {
    tokio::pin!(answers);
    loop {
        tokio::select! {
            given = &mut answers => return given,
            _ = interrupts.next() => pressed.send_modify(|count| *count += 1),
        }
    }
}

/// The actions of a file.
fn statements_of(path: &str, depth: usize, typed: &Typed) -> Result<Vec<Item>, String> {
    if depth >= DEEPEST {
        return Err(format!(
            "`{path}` is not read: files name files more than {DEEPEST} deep"
        ));
    }
    let text = std::fs::read(path).map_err(|error| format!("`{path}`: {error}"))?;
    let mut inside = typed.fresh();
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let lines = text.split(|byte| *byte == b'\n');
    let mut items: Vec<Item> = lines.flat_map(|line| inside.take(line)).collect();
    items.extend(inside.take_rest());
    Ok(items)
}
