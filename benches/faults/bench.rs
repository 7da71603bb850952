//! Where all of it happens: the program in an engine project of its own, its
//! matrices, and what a good run is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::attempt::{Attempt, Outcome};
use crate::inventory::Inventory;
use crate::matrix::NEST;
use crate::place::Place;

/// Steps of the suite.
const STEPS: usize = 18;
/// Tables and rows.
const TABLES: &str = "\
statement ok
CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(100))

statement ok
INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, NULL)

query IT rowsort
SELECT a, b FROM t
----
1
one
2
two
3
NULL

statement ok
UPDATE t SET b = REPEAT('x', 100)

query I
SELECT SUM(LENGTH(b)) FROM t
----
300

query I
SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
----
1
";
/// How often the suite waits for [`PAUSE`].
const PAUSES: usize = 12;
const PAUSE: &str = "statement ok\nDO SLEEP(0.1)\n\n";

/// What becomes of servers after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Stop,
    Pause,
}

/// The program and its files.
pub(crate) struct Bench {
    pub(crate) place: Place,
    /// Temporary files of the program, and nobody else's.
    pub(crate) scratch: PathBuf,
    /// The program's image cache where a nest is made from nothing.
    cache: PathBuf,
    /// The small matrix.
    pub(crate) matrix: PathBuf,
    pub(crate) limit: Duration,
}

impl Bench {
    pub(crate) fn new(place: Place, limit: Duration) -> Result<Self> {
        let folder = place.folder.path();
        let (scratch, cache) = (folder.join("scratch"), folder.join("cache"));
        std::fs::create_dir(&scratch)?;
        std::fs::create_dir(&cache)?;
        place.file("tables.slt", TABLES)?;
        place.file("pauses.slt", &PAUSE.repeat(PAUSES))?;
        let mut bench = Bench {
            matrix: PathBuf::new(),
            place,
            scratch,
            cache,
            limit,
        };
        bench.matrix = bench.write_matrix("small.toml", "mariadb-11.8", 151)?;
        Ok(bench)
    }

    /// A matrix of one flavour; another number of connections makes its golden
    /// child another one.
    pub(crate) fn write_matrix(
        &self,
        file: &str,
        flavour: &str,
        connections: u32,
    ) -> Result<PathBuf> {
        let text = format!(
            "[nest]\nname = '{NEST}'\n\n\
             [[flavour]]\nname = '{flavour}'\nserver = 'mariadb:11.8'\n\
             settings = {{ max_connections = {connections} }}\n\n\
             [[suite]]\nname = 's'\nfiles = ['tables.slt', 'pauses.slt']\n"
        );
        self.place.file(file, &text)
    }

    /// Starts `run` on a matrix.
    pub(crate) fn start(&self, matrix: &Path, after: After) -> Result<Attempt> {
        let mut command = self.place.program(&run_words(matrix, after));
        command.env("TMPDIR", &self.scratch);
        Attempt::start(command, self.place.folder.path(), &self.place.stop)
    }

    /// The same where it may start the host's engine, whose daemon keeps the
    /// environment.
    pub(crate) fn start_with_engine(&self) -> Result<Attempt> {
        let command = self.place.program(&run_words(&self.matrix, After::Stop));
        Attempt::start(command, self.place.folder.path(), &self.place.stop)
    }

    /// The same with the benchmark's own image cache.
    pub(crate) fn start_cold(&self) -> Result<Attempt> {
        let words = run_words(&self.matrix, After::Stop);
        let mut command = self.place.program_with_cache(&self.cache, &words);
        command.env("TMPDIR", &self.scratch);
        Attempt::start(command, self.place.folder.path(), &self.place.stop)
    }

    /// Forgets the images that were built, so that the next cold run builds them.
    pub(crate) fn empty_cache(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.cache)?;
        Ok(std::fs::create_dir(&self.cache)?)
    }

    /// Runs another command of the program to its good end.
    pub(crate) async fn command(&self, words: &[&str]) -> Result<()> {
        let command = self.place.program(words);
        let attempt = Attempt::start(command, self.place.folder.path(), &self.place.stop)?;
        let outcome = attempt.end(self.limit).await?;
        match outcome.code() {
            Some(0) => Ok(()),
            _ => Err(format!("`dbmatrix {}`: {}", words.join(" "), outcome.describe()).into()),
        }
    }

    pub(crate) async fn inventory(&self) -> Result<Inventory> {
        Inventory::take(self).await
    }
}

/// What a run does after its verdict is hit too.
fn run_words(matrix: &Path, after: After) -> [&str; 5] {
    let matrix = matrix.to_str().expect("temporary folders have plain names");
    let after = match after {
        After::Stop => "stop",
        After::Pause => "pause",
    };
    ["run", matrix, "--wait", "--after", after]
}

/// Whether a run that says that all is well has run all of it.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn check_good(outcome: &Outcome) -> std::result::Result<(), String> {
    let ran_all = outcome
        .stdout
        .contains(&format!("{STEPS} passed, 0 failed"));
    match outcome.code() {
        Some(0) if ran_all => Ok(()),
        _ => Err(outcome.describe()),
    }
}
