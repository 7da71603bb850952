//! Writes a reference.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use dbmatrix_flavours::matrix::LogSpec;
use dbmatrix_platform::whole_file::{folder_of, replace_file_from};
use dbmatrix_report::event::{CaseResult, SampledLogs, ServerFacts};
use dbmatrix_sql::sql_text::escape_bytes;
use dbmatrix_sql::suite::{Facts, FileKind};

use super::error::{Problem, ReferenceError};
use super::format::{
    Answer, Content, End, FORMAT, FORMAT_OF_ONE, Flavour, Header, LONGEST_LINE, Line, PIECE,
    RecordedLog, Sampling, Statement,
};
use super::input::{Identity, refuse_includes};
use crate::comparison::{StepFacts, StepOutcome};
use crate::workload::Workload;

/// What is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The program and its version.
    pub program: &'a str,
    /// The input's name for the user.
    pub title: &'a str,
    /// The input: a file of statements, or logs.
    pub files: &'a [PathBuf],
    /// Whether one of them can be read once only, and was.
    pub is_stream: bool,
    /// How they are sampled, if they are logs.
    pub log: Option<&'a LogSpec>,
}

/// A reference that is being written: a file without a name in the folder where it will
/// be, so that nothing is left of one that does not come to its end. Clones share it.
#[derive(Clone)]
pub struct Recording(Arc<Mutex<State>>);

/// A reference that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The flavours that answered, with their versions as they say them.
    pub flavours: Vec<(String, String)>,
    /// The length of the file.
    pub bytes: u64,
}

struct State {
    path: PathBuf,
    /// `None` once it is whole.
    file: Option<Compressor>,
    answers: usize,
    members: Vec<Member>,
    /// Files of the input.
    inputs: usize,
}

type Compressor = zstd::stream::write::Encoder<'static, BufWriter<File>>;

/// A flavour that is asked.
#[derive(Default)]
struct Member {
    name: String,
    /// Present once its server is up.
    facts: Option<Facts>,
    /// By input, once the case has ended.
    results: BTreeMap<usize, CaseResult>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

impl Recording {
    /// Begins a reference at this path, with its input. `workload` is what runs of a log,
    /// `flavours` are those that are asked.
    ///
    /// # Errors
    /// [`ReferenceError`]: the input cannot be recorded, or the file cannot be written.
    pub(crate) fn begin(
        path: &Path,
        source: Source<'_>,
        workload: Option<&Workload>,
        flavours: impl Iterator<Item = String>,
    ) -> Result<Self, ReferenceError> {
        let begun = State::begin(path, source, workload, flavours);
        let state = begun.map_err(|problem| problem.of(path))?;
        Ok(Recording(Arc::new(Mutex::new(state))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a flavour's server is up.
    pub(crate) fn note_flavour(&self, facts: &Facts) {
        if let Some(member) = self.lock().member(&facts.flavour) {
            member.facts = Some(facts.clone());
        }
    }

    /// Notes how a flavour's case of an input ended.
    pub(crate) fn note_result(&self, flavour: &str, input: usize, result: &CaseResult) {
        if let Some(member) = self.lock().member(flavour) {
            member.results.insert(input, result.clone());
        }
    }

    /// Writes the answers to a step of an input, by flavour.
    ///
    /// # Errors
    /// As of the system.
    pub(crate) fn write(
        &self,
        input: usize,
        step: StepFacts,
        came: Vec<Option<StepOutcome>>,
    ) -> Result<(), ReferenceError> {
        let mut state = self.lock();
        let line = step.line;
        let answer = Answer {
            log: input,
            line,
            statement: step.statement,
            came,
        };
        state.answers += 1;
        let written = state.write(&Line::Answer(answer), line);
        written.map_err(|problem| problem.of(&state.path))
    }

    /// Makes the reference whole and puts it in its place. `servers` are the facts of each
    /// server by flavour.
    ///
    /// # Errors
    /// [`ReferenceError`]: a flavour has not answered to the end, or the file cannot be
    /// written. What was at its place before is still there then.
    pub fn finish(
        &self,
        servers: &BTreeMap<String, ServerFacts>,
    ) -> Result<Recorded, ReferenceError> {
        let mut state = self.lock();
        let finished = state.finish(servers);
        finished.map_err(|problem| problem.of(&state.path))
    }
}

impl State {
    fn begin(
        path: &Path,
        source: Source<'_>,
        workload: Option<&Workload>,
        flavours: impl Iterator<Item = String>,
    ) -> Result<Self, Problem> {
        if path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
        }
        let identity = match source.is_stream {
            true => None,
            false => Identity::of(source.files)?,
        };
        if let (None, [file]) = (workload, source.files) {
            refuse_includes(file)?;
        }
        let file = tempfile::tempfile_in(folder_of(path))?;
        let mut file = zstd::stream::write::Encoder::new(BufWriter::new(file), 0)?;
        file.include_checksum(true)?;
        let member = |name| Member {
            name,
            ..Member::default()
        };
        let mut state = State {
            path: path.to_owned(),
            file: Some(file),
            answers: 0,
            members: flavours.map(member).collect(),
            inputs: source.files.len(),
        };
        let header = Header {
            format: match source.files {
                [_] => FORMAT_OF_ONE,
                _ => FORMAT,
            },
            program: source.program.to_owned(),
            recorded: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            title: source.title.to_owned(),
            identity,
            content: content_of(source, workload),
        };
        state.write(&Line::Reference(Box::new(header)), 0)?;
        match workload {
            Some(workload) => state.write_logs(workload, source.files)?,
            None => {
                for file in source.files {
                    state.write_text(file)?;
                }
            }
        }
        Ok(state)
    }

    fn write_logs(&mut self, workload: &Workload, files: &[PathBuf]) -> Result<(), Problem> {
        for digest in &workload.facts().digests {
            self.write(&Line::Digest(digest.clone()), 0)?;
        }
        for (log, file) in files.iter().enumerate() {
            for (line, database, sql) in workload.statements(file) {
                let statement = Statement {
                    log,
                    line,
                    database: database.map(str::to_owned),
                    sql: escape_bytes(sql.bytes()).into_owned(),
                };
                self.write(&Line::Statement(statement), line)?;
            }
        }
        Ok(())
    }

    fn write_text(&mut self, file: &Path) -> Result<(), Problem> {
        let mut file = File::open(file)?;
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            (&mut file).take(PIECE as u64).read_to_end(&mut piece)?;
            if piece.is_empty() {
                return Ok(());
            }
            self.write(&Line::Text(escape_bytes(&piece).into_owned()), 0)?;
        }
    }

    /// `of` is the line of the input that it belongs to.
    fn write(&mut self, line: &Line, of: usize) -> Result<(), Problem> {
        let mut written = serde_json::to_vec(line).map_err(io::Error::from)?;
        if written.len() > LONGEST_LINE {
            return Err(Problem::TooLong(of));
        }
        written.push(b'\n');
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound);
        file.map_err(io::Error::from)?.write_all(&written)?;
        Ok(())
    }

    fn member(&mut self, flavour: &str) -> Option<&mut Member> {
        let mut members = self.members.iter_mut();
        members.find(|member| member.name == flavour)
    }

    fn finish(&mut self, servers: &BTreeMap<String, ServerFacts>) -> Result<Recorded, Problem> {
        let members = self.members.iter();
        let flavours = members.map(|member| member.finish(self.inputs, servers));
        let flavours = flavours.collect::<Result<Vec<_>, Problem>>()?;
        if flavours.iter().all(Option::is_none) {
            return Err(Problem::Incomplete("no flavour has answered".to_owned()));
        }
        let there = flavours.iter().flatten();
        let names = there.map(|flavour| (flavour.name.clone(), flavour.server.version.clone()));
        let names = names.collect();
        let end = End {
            answers: self.answers,
            flavours,
        };
        self.write(&Line::End(end), 0)?;
        let file = self.file.take().ok_or(io::ErrorKind::NotFound);
        let file = file.map_err(io::Error::from)?.finish()?;
        let mut file = file.into_inner().map_err(|error| error.into_error())?;
        file.rewind()?;
        replace_file_from(&self.path, &mut file)?;
        Ok(Recorded {
            flavours: names,
            bytes: file.stream_position()?,
        })
    }
}

impl Member {
    /// What is kept of a flavour; `None` if its server was not available.
    fn finish(
        &self,
        inputs: usize,
        servers: &BTreeMap<String, ServerFacts>,
    ) -> Result<Option<Flavour>, Problem> {
        let name = &self.name;
        let incomplete = |why: &str| Problem::Incomplete(format!("{name}: {why}"));
        let unanswered = || incomplete("it has not answered all statements");
        if self.facts.is_none() && self.results.is_empty() {
            return Ok(None);
        }
        for result in self.results.values() {
            if let Some(why) = &result.aborted {
                return Err(incomplete(why));
            }
            if let (true, Some(why)) = (result.forbidden, &result.note) {
                return Err(incomplete(why));
            }
            if result.cut {
                return Err(unanswered());
            }
        }
        let (Some(facts), Some(server)) = (&self.facts, servers.get(name)) else {
            return Err(unanswered());
        };
        let mut results = self.results.values().map(|result| CaseResult {
            log: None,
            left: Vec::new(),
            ..result.clone()
        });
        let Some(result) = results.next().filter(|_| self.results.len() == inputs) else {
            return Err(unanswered());
        };
        Ok(Some(Flavour {
            name: name.clone(),
            family: facts.family,
            version: facts.version,
            // Where packages come from may be nobody else's business.
            server: ServerFacts {
                image: String::new(),
                origin: None,
                packages: Vec::new(),
                replicas: Vec::new(),
                ..server.clone()
            },
            result,
            further: results.collect(),
        }))
    }
}

fn content_of(source: Source<'_>, workload: Option<&Workload>) -> Content {
    match (source.log, workload) {
        (Some(log), Some(workload)) => Content::Log(Box::new(RecordedLog {
            facts: SampledLogs {
                digests: Vec::new(),
                ..workload.facts().clone()
            },
            sampling: Sampling::of(log),
        })),
        _ => {
            let kind = source.files.first().and_then(|file| FileKind::of(file));
            match kind {
                Some(FileKind::Slt) => Content::Slt,
                _ => Content::Sql,
            }
        }
    }
}
