//! Reads a reference.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_flavours::name_rule::FLAVOUR;
use dbmatrix_report::event::{CaseResult, SampledDigest, SampledLogs, ServerFacts};
use dbmatrix_report::visible;
use dbmatrix_sql::sql_text::unescape_bytes;
use dbmatrix_sql::suite::Facts;

use super::error::{Problem, ReferenceError};
use super::format::{Answer, Content, End, Header, Line, MOST_LOGS, Statement};
use super::input::{Identity, Summing};
use super::lines::LineReader;
use crate::workload::{MOST_DIGESTS, Workload};

/// Bytes of all statements of a log.
const MOST_BYTES: usize = 512 << 20;
/// The largest count: sums of a few of them do not overflow.
const MOST_STEPS: usize = 1 << 40;

/// A reference that was read to its end and is whole.
#[derive(Debug)]
pub struct Reference {
    path: PathBuf,
    recorded: String,
    title: String,
    identity: Option<Identity>,
    content: Content,
    statements: Vec<Statement>,
    flavours: Vec<RecordedFlavour>,
}

/// A recorded flavour.
#[derive(Debug, Clone)]
pub struct RecordedFlavour {
    /// Its name in reports, such as `production (recorded 2026-11-28)`.
    pub title: String,
    /// The facts about it, with its own name.
    pub facts: Facts,
    /// What its server said of itself.
    pub server: ServerFacts,
    /// How its cases ended, one of each input.
    pub results: Vec<CaseResult>,
    /// The place of its answers.
    pub(crate) at: usize,
}

impl Reference {
    /// Reads a reference and checks all of it.
    ///
    /// # Errors
    /// [`ReferenceError`]: it is another file, or incomplete, or of a later version.
    pub fn open(path: &Path) -> Result<Self, ReferenceError> {
        let read = LineReader::open(path).and_then(|mut lines| {
            let read = read_whole(path, &mut lines);
            read.map_err(|problem| lines.placed(problem))
        });
        read.map_err(|problem| problem.of(path))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The input's name for the user.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The recorded flavours.
    pub fn flavours(&self) -> &[RecordedFlavour] {
        &self.flavours
    }

    /// Rules for what runs of the recorded log; `None` if it is a file of statements.
    pub fn writes(&self) -> Option<Writes> {
        match &self.content {
            Content::Log(log) => log.sampling.writes(),
            Content::Sql | Content::Slt => None,
        }
    }

    /// The figures of the recorded log, and what runs of it.
    pub(crate) fn log(&self) -> Option<(&SampledLogs, &[Statement])> {
        match &self.content {
            Content::Log(log) => Some((&log.facts, &self.statements)),
            Content::Sql | Content::Slt => None,
        }
    }

    /// The names of the recorded logs; none of a file of statements.
    pub fn logs(&self) -> &[String] {
        self.log().map_or(&[], |(facts, _)| &facts.files)
    }

    /// What ran of recorded logs, as a suite's own logs, which are these files; `None` if it is
    /// a file of statements.
    ///
    /// # Errors
    /// [`ReferenceError`]: it holds a statement that its own rules do not let run.
    pub(crate) fn workload(
        &self,
        suite: &str,
        files: &[PathBuf],
    ) -> Result<Option<Workload>, ReferenceError> {
        let workload = Workload::recorded(suite, files, self);
        workload.map_err(|line| Problem::NotRecorded(line).of(&self.path))
    }

    /// Refuses files, by their name for the user, that are not the recorded ones.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn check_input(&self, files: &[PathBuf], title: &str) -> Result<(), ReferenceError> {
        let given = title.to_owned();
        let problem = match (&self.identity, Identity::of(files)) {
            (_, Err(error)) => return Err(Problem::Io(error).of(Path::new(title))),
            (None, _) => Problem::UnknownInput(given),
            (Some(_), Ok(found)) if found == self.identity => return Ok(()),
            (Some(_), Ok(_)) => Problem::OtherInput {
                given,
                recorded: self.title.clone(),
                when: self.recorded.clone(),
            },
        };
        Err(problem.of(&self.path))
    }

    /// Refuses a live flavour with the name of a recorded one.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn check_names<'a>(
        &self,
        mut live: impl Iterator<Item = &'a str>,
    ) -> Result<(), ReferenceError> {
        let recorded = |name: &&str| self.flavours.iter().any(|one| one.facts.flavour == *name);
        match live.find(recorded) {
            Some(name) => Err(Problem::SameName(name.to_owned()).of(&self.path)),
            None => Ok(()),
        }
    }

    /// Writes a recorded file of statements into a folder; returns its path.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn extract(&self, folder: &Path) -> Result<PathBuf, ReferenceError> {
        let name = match self.content {
            Content::Slt => "statements.slt",
            Content::Sql | Content::Log(_) => "statements.sql",
        };
        let path = folder.join(name);
        let written = File::create(&path).map_err(Problem::Io).and_then(|file| {
            let mut lines = LineReader::open(&self.path)?;
            let copied = copy_text(&mut lines, file);
            copied.map_err(|problem| lines.placed(problem))
        });
        written.map_err(|problem| problem.of(&self.path))?;
        Ok(path)
    }

    /// The answers to an input, from the first.
    pub(crate) fn answers(&self, input: usize) -> AnswerReader {
        AnswerReader {
            path: self.path.clone(),
            input,
            lines: None,
        }
    }
}

fn copy_text(lines: &mut LineReader, mut to: File) -> Result<(), Problem> {
    while let Some(line) = lines.next()? {
        match line {
            Line::Text(text) => to.write_all(&unescape_bytes(&text))?,
            Line::Answer(_) | Line::End(_) => break,
            Line::Reference(_) | Line::Digest(_) | Line::Statement(_) => {}
        }
    }
    Ok(())
}

/// Lines that follow one another in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Header,
    Digests,
    Input,
    Answers,
    End,
}

fn part_of(line: &Line) -> Part {
    match line {
        Line::Reference(_) => Part::Header,
        Line::Digest(_) => Part::Digests,
        Line::Statement(_) | Line::Text(_) => Part::Input,
        Line::Answer(_) => Part::Answers,
        Line::End(_) => Part::End,
    }
}

/// What is read of a reference so far.
#[derive(Default)]
struct Reading {
    digests: Vec<SampledDigest>,
    statements: Vec<Statement>,
    bytes: usize,
    text: Summing,
    answers: usize,
    /// Answers of each line.
    width: Option<usize>,
}

fn read_whole(path: &Path, lines: &mut LineReader) -> Result<Reference, Problem> {
    let damaged = |why: &str| Problem::damaged(0, why);
    let Some(Line::Reference(header)) = lines.next()? else {
        return Err(Problem::OtherFile);
    };
    let mut reading = Reading::default();
    let mut before = Part::Header;
    while let Some(line) = lines.next()? {
        let part = part_of(&line);
        if part < before || part == Part::Header || before == Part::End {
            return Err(damaged("it is not in its place"));
        }
        before = part;
        match line {
            Line::End(end) => {
                // Nothing may follow.
                if lines.next()?.is_some() {
                    return Err(damaged("it is not in its place"));
                }
                return reading.finish(path, *header, end);
            }
            line => reading.add(line, &header)?,
        }
    }
    Err(Problem::Cut(lines.number))
}

impl Reading {
    fn add(&mut self, line: Line, header: &Header) -> Result<(), Problem> {
        let damaged = |why: &str| Err(Problem::damaged(0, why));
        let is_log = matches!(header.content, Content::Log(_));
        let inputs = header.inputs();
        match line {
            Line::Statement(Statement { log, .. }) | Line::Answer(Answer { log, .. })
                if log >= inputs =>
            {
                return damaged("it belongs to no log");
            }
            Line::Digest(digest) if is_log => {
                self.digests.push(digest);
                if self.digests.len() > MOST_DIGESTS {
                    return damaged("there are too many digests");
                }
            }
            Line::Statement(statement) if is_log => {
                self.bytes += statement.sql.len() + size_of::<Statement>();
                self.bytes += statement.database.as_ref().map_or(0, String::len);
                if self.bytes > MOST_BYTES {
                    return damaged("its statements are longer than a sample can be");
                }
                self.statements.push(statement);
            }
            Line::Text(text) if !is_log => self.text.add(&unescape_bytes(&text)),
            Line::Answer(answer) => {
                self.answers += 1;
                if *self.width.get_or_insert(answer.came.len()) != answer.came.len() {
                    return damaged("it has another number of flavours than the others");
                }
            }
            _ => return damaged("it does not belong to what was recorded"),
        }
        Ok(())
    }

    fn finish(self, path: &Path, header: Header, end: End) -> Result<Reference, Problem> {
        let damaged = |why: &str| Err(Problem::damaged(0, why));
        if end.answers != self.answers {
            return damaged("there are more or fewer answers than it says");
        }
        let width = end.flavours.len();
        if self.width.is_some_and(|found| found != width) {
            return damaged("it names more or fewer flavours than have answered");
        }
        if humantime::parse_rfc3339(&header.recorded).is_err() {
            return damaged("it has no time at which it was recorded");
        }
        let inputs = header.inputs();
        if inputs > MOST_LOGS {
            return damaged("there are too many logs");
        }
        let mut content = header.content;
        match &mut content {
            Content::Log(log) => {
                log.facts.digests = self.digests;
                if log.sampling.writes().is_none() {
                    return damaged("it has unknown options");
                }
            }
            Content::Sql | Content::Slt => {
                let text = Some(self.text.finish());
                if header.identity.is_some() && header.identity != text {
                    return damaged("the text of its input is another one");
                }
            }
        }
        let day = header.recorded.get(..10).unwrap_or_default();
        let mut flavours: Vec<RecordedFlavour> = Vec::new();
        for (at, flavour) in end.flavours.into_iter().enumerate() {
            let Some(flavour) = flavour else { continue };
            let checked = FLAVOUR.check(&flavour.name);
            checked.map_err(|why| Problem::damaged(0, why))?;
            let mut results = vec![flavour.result];
            results.extend(flavour.further);
            if !results.iter().all(is_plausible) {
                return damaged("its counts are too large");
            }
            if results.len() != inputs {
                return damaged("it has answered another number of logs");
            }
            if flavours.iter().any(|one| one.facts.flavour == flavour.name) {
                return damaged("it names a flavour twice");
            }
            flavours.push(RecordedFlavour {
                title: format!("{} (recorded {day})", flavour.name),
                facts: Facts {
                    flavour: flavour.name,
                    family: flavour.family,
                    version: flavour.version,
                    labels: Vec::new(),
                },
                server: flavour.server,
                results,
                at,
            });
        }
        if flavours.is_empty() {
            return damaged("it names no flavour");
        }
        Ok(Reference {
            path: path.to_owned(),
            title: visible(&header.title),
            recorded: header.recorded,
            identity: header.identity,
            content,
            statements: self.statements,
            flavours,
        })
    }
}

/// Whether the counts of a case can be added to others.
fn is_plausible(result: &CaseResult) -> bool {
    let missing = result.missing.iter().map(|missing| missing.statements);
    let counts = [result.passed, result.failed, result.known, result.skipped];
    counts
        .into_iter()
        .chain(missing)
        .all(|count| count <= MOST_STEPS)
}

/// Reads the answers of a reference, one step at a time.
#[derive(Debug)]
pub(crate) struct AnswerReader {
    path: PathBuf,
    /// The input, by its place; answers to others are passed over.
    input: usize,
    /// Opened when the first answer is wanted.
    lines: Option<LineReader>,
}

/// The line of a step, its statement, and the answers by flavour.
pub(crate) type RecordedStep = (usize, String, Vec<Option<crate::comparison::StepOutcome>>);

impl AnswerReader {
    /// The next step that was answered; `None` after the last.
    ///
    /// # Errors
    /// [`ReferenceError`]: the file has changed since it was opened.
    pub(crate) fn next(&mut self) -> Result<Option<RecordedStep>, ReferenceError> {
        self.read().map_err(|problem| problem.of(&self.path))
    }

    fn read(&mut self) -> Result<Option<RecordedStep>, Problem> {
        let lines = match &mut self.lines {
            Some(lines) => lines,
            none => none.insert(LineReader::open(&self.path)?),
        };
        loop {
            let next = lines.next();
            match next.map_err(|problem| lines.placed(problem))? {
                Some(Line::Answer(Answer {
                    log,
                    line,
                    statement,
                    came,
                })) if log == self.input => return Ok(Some((line, statement, came))),
                Some(Line::End(_)) => return Ok(None),
                Some(_) => {}
                None => return Err(Problem::Cut(lines.number)),
            }
        }
    }
}
