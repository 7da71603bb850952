//! What tells a recorded input from others.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dbmatrix_sql::suite::{FileKind, SltOptions, SltSteps, SqlSteps, Step, SuiteError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::Problem;

/// What tells a file from others: its length and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) bytes: u64,
    /// In hexadecimal digits.
    pub(super) sha256: String,
}

/// Sums up bytes to an identity.
#[derive(Debug, Default)]
pub(super) struct Summing {
    bytes: u64,
    hash: Sha256,
}

impl Summing {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    pub(super) fn finish(self) -> Identity {
        let digits = self.hash.finalize();
        let digits = digits.iter().map(|byte| format!("{byte:02x}"));
        Identity {
            bytes: self.bytes,
            sha256: digits.collect(),
        }
    }
}

impl Identity {
    /// That of files one after the other; `None` where one is gone once it is read, such as a
    /// pipe.
    pub(super) fn of(paths: &[PathBuf]) -> io::Result<Option<Self>> {
        let mut summing = Summing::default();
        let mut buffer = vec![0; 256 << 10];
        for path in paths {
            let mut file = File::open(path)?;
            if !file.metadata()?.is_file() {
                return Ok(None);
            }
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    read => summing.add(&buffer[..read]),
                }
            }
        }
        Ok(Some(summing.finish()))
    }
}

/// Refuses a file of statements that includes others: their text would be missing. One that
/// cannot be read is refused by the case that runs it.
pub(super) fn refuse_includes(file: &Path) -> Result<(), Problem> {
    let line = match FileKind::of(file) {
        Some(FileKind::Slt) => match SltSteps::open(file, SltOptions::default()) {
            Ok(steps) => first_included(steps),
            Err(_) => None,
        },
        Some(FileKind::Sql) => match SqlSteps::open(file) {
            Ok(steps) => first_included(steps),
            Err(_) => None,
        },
        None => None,
    };
    match line {
        None => Ok(()),
        Some(line) => Err(Problem::Includes {
            file: file.display().to_string(),
            line,
        }),
    }
}

fn first_included(steps: impl Iterator<Item = Result<Step, SuiteError>>) -> Option<usize> {
    let mut steps = steps.map_while(Result::ok);
    let included = steps.find(|step| step.within.is_some())?;
    Some(included.line)
}
