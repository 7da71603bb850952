//! `[[suite]]`: what to run, and on which flavours.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_containers::image::{BaseImage, ImageOrigin};
use dbmatrix_sql::compare::Rules;
use globset::Glob;

use super::defaults::LocalFiles;
use super::flavour::{Flavour, check_name};
use super::pattern::{expand, plain};
use super::rules::read_rules;
use super::{LogSpec, MeasureSpec, SetupFile, image, log, measure, setup};
use crate::mysqltest::Program;
use crate::name_rule::FLAVOUR;

/// Default time limit of a step: long enough for any step that ends at all.
const STEP_TIMEOUT: Duration = Duration::from_secs(600);

/// A suite of a matrix.
#[derive(Debug, Clone)]
pub struct SuiteSpec {
    /// Its name.
    pub name: String,
    /// Names of the flavours that it runs on.
    pub flavours: Vec<String>,
    /// Its time limit on a flavour.
    pub timeout: Option<Duration>,
    /// How often a failure is repeated.
    pub retries: u32,
    /// Its isolation.
    pub isolation: Isolation,
    /// Files of statements that run once, on a copy of the server that all its runs start
    /// from.
    pub setup: Vec<SetupFile>,
    /// Its content.
    pub kind: SuiteKind,
}

/// What a suite does not share with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// A database for each of its files or commands.
    #[default]
    Database,
    /// Also a copy of the flavour's golden child.
    Clone,
}

/// The content of a suite.
#[derive(Debug, Clone)]
pub enum SuiteKind {
    /// Files of statements, run by dbmatrix itself.
    Files(Arc<FilesSpec>),
    /// A program of the user.
    Command(Arc<CommandSpec>),
    /// The servers' own tests.
    Mysqltest(Arc<MysqltestSpec>),
}

/// Files of statements, and how their outcomes are judged.
#[derive(Debug, Clone, Default)]
pub struct FilesSpec {
    /// The files, sorted within each pattern.
    pub files: Vec<PathBuf>,
    /// Labels for conditions, on every flavour.
    pub labels: Vec<String>,
    /// What outcomes of `.sql` files are compared with.
    pub expect: Expect,
    /// What is compared across flavours, and how exactly.
    pub rules: Rules,
    /// Time limit of a step.
    pub step_timeout: Duration,
    /// How many files run at a time on a flavour, at most.
    pub jobs: Option<usize>,
    /// The folder whose files servers may read with `LOAD DATA LOCAL`, instead of each
    /// file's own folder.
    pub local_files: Option<PathBuf>,
    /// Whether `.slt` files may run commands on this machine.
    pub allow_system: bool,
    /// Present if the files are logs, of which examples run.
    pub log: Option<LogSpec>,
    /// Present if times are measured.
    pub measure: Option<MeasureSpec>,
    /// The line whose steps alone are judged and compared. Those before it run for them,
    /// those after it do not run.
    pub only_line: Option<usize>,
}

/// What outcomes of `.sql` files are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    /// The outcomes stored in a file beside them.
    #[default]
    Stored,
    /// Only those of the other flavours.
    Agreement,
}

/// A program that tests a server itself.
#[derive(Debug, Clone)]
pub struct CommandSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its working directory.
    pub folder: PathBuf,
    /// Variables in addition to those of every command.
    pub environment: Vec<(String, String)>,
}

/// The servers' own tests, run by their own program.
#[derive(Debug, Clone)]
pub struct MysqltestSpec {
    /// The program and its tests.
    pub program: Program,
    /// The image of the container in which it runs.
    pub image: ImageOrigin,
    /// Base path of the file of known failures: the suite's name, in the matrix's folder.
    pub beside: PathBuf,
    /// Patterns of the names of tests.
    pub tests: Vec<Glob>,
    /// Patterns of tests to skip.
    pub skip: Vec<Glob>,
    /// How many tests run at a time on a flavour.
    pub jobs: usize,
    /// Time limit of a test.
    pub test_timeout: Option<Duration>,
}

impl FilesSpec {
    /// Files that are compared across flavours, with defaults for everything else.
    pub fn compared(files: Vec<PathBuf>) -> Self {
        FilesSpec {
            files,
            expect: Expect::Agreement,
            step_timeout: STEP_TIMEOUT,
            ..FilesSpec::default()
        }
    }

    /// Logs of which examples run and are compared, one log after the other.
    pub fn logs(files: Vec<PathBuf>, log: LogSpec) -> Self {
        FilesSpec {
            log: Some(log),
            // They follow one another, and what one writes the next may read.
            jobs: Some(1),
            ..FilesSpec::compared(files)
        }
    }
}

impl SuiteSpec {
    /// The parts that can run separately, by name: its files, or the whole.
    pub fn parts(&self) -> Vec<String> {
        match &self.kind {
            SuiteKind::Files(files) => {
                let names = files.files.iter().map(|file| file.display().to_string());
                names.collect()
            }
            SuiteKind::Command(command) => vec![command.title()],
            SuiteKind::Mysqltest(spec) => vec![format!("mysqltest {}", spec.program.as_str())],
        }
    }

    /// The suite reduced to these parts; `None` if none is left.
    pub fn only(&self, parts: &[String]) -> Option<SuiteSpec> {
        if parts.is_empty() {
            return None;
        }
        let mut suite = self.clone();
        if let SuiteKind::Files(files) = &mut suite.kind {
            let chosen = |file: &PathBuf| parts.contains(&file.display().to_string());
            Arc::make_mut(files).files.retain(chosen);
        }
        Some(suite)
    }
}

impl CommandSpec {
    /// The command line as text.
    pub fn title(&self) -> String {
        self.command.join(" ")
    }
}

pub(super) fn read_all(
    top: &TableReader<'_>,
    folder: &Path,
    flavours: &[Flavour],
    images: &[BaseImage],
) -> Vec<SuiteSpec> {
    let mut suites: Vec<SuiteSpec> = Vec::new();
    for table in top.tables("suite") {
        let name = table.text("name");
        let chosen = table.texts("flavours");
        let timeout = table.duration(table.renamed("limit", "timeout"));
        let retries = table.count("retries");
        let setup = match table.has("mysqltest") {
            true => None,
            false => setup::read(&table, folder, LocalFiles::Required),
        };
        let setup = setup.unwrap_or_default();
        let isolation = read_isolation(&table, !setup.is_empty());
        if let (Some(retries), Isolation::Clone) = (&retries, isolation) {
            let expected = "`retries` is not available with `isolation = \"clone\"`: what failed has changed the suite's server";
            table.problem(retries.span.clone(), expected);
        }
        let kind = match (table.has("command"), table.has("mysqltest")) {
            (true, _) => read_command(&table, folder),
            (false, true) => read_mysqltest(&table, folder, name.as_ref(), images),
            (false, false) if table.has("log") => read_log(&table, folder),
            (false, false) => read_files(&table, folder),
        };
        table.finish();
        let Some(name) = name else {
            table.problem(table.span(), "expected a `name`");
            continue;
        };
        check_name(&table, FLAVOUR, &name);
        if suites.iter().any(|suite| suite.name == name.value) {
            table.problem(
                name.span,
                format!("the suite `{}` is there already", name.value),
            );
        }
        let flavours = choose(&table, chosen, flavours);
        suites.extend(kind.map(|kind| SuiteSpec {
            name: name.value,
            flavours,
            timeout: timeout.map(|timeout| timeout.value),
            retries: retries.map_or(0, |retries| retries.value),
            isolation,
            setup,
            kind,
        }));
    }
    suites
}

/// The servers' own tests always have their own copies, and so does a suite with a setup.
fn read_isolation(table: &TableReader<'_>, has_setup: bool) -> Isolation {
    let words = [
        ("database", Isolation::Database),
        ("clone", Isolation::Clone),
    ];
    match table.has("mysqltest") {
        true => Isolation::default(),
        false => match table.choice("isolation", &words) {
            Some(Isolation::Database) if has_setup => {
                let span = table.span_of("isolation").unwrap_or_else(|| table.span());
                table.problem(
                    span,
                    "a suite with a `setup` has a server of its own: `isolation = \"clone\"`, or none",
                );
                Isolation::Clone
            }
            chosen => chosen.unwrap_or(match has_setup {
                true => Isolation::Clone,
                false => Isolation::default(),
            }),
        },
    }
}

fn read_files(table: &TableReader<'_>, folder: &Path) -> Option<SuiteKind> {
    let patterns = table.texts("files");
    let labels = table.texts("labels");
    let expect = read_expect(table);
    let mut rules = read_rules(table);
    let measure = measure::read(table, &mut rules);
    let step_timeout = table.duration(table.renamed("step-limit", "step-timeout"));
    let jobs = table.count("jobs");
    let local_files = table.text("local-files").and_then(|name| {
        let path = folder.join(&name.value);
        if !path.is_dir() {
            let found = format!("expected a folder; `{}` is none", path.display());
            table.problem(name.span, found);
            return None;
        }
        Some(path)
    });
    let allow_system = table.flag("allow-system");
    let Some(patterns) = patterns.filter(|patterns| !patterns.value.is_empty()) else {
        let expected = "expected `files`, a list of patterns, a `log`, a `command`, or `mysqltest`";
        table.problem(table.span(), expected);
        return None;
    };
    let files = patterns.value.iter();
    Some(SuiteKind::Files(Arc::new(FilesSpec {
        files: files
            .flat_map(|pattern| expand(table, folder, pattern))
            .collect(),
        labels: plain_texts(labels),
        expect,
        rules,
        step_timeout: step_timeout.map_or(STEP_TIMEOUT, |timeout| timeout.value),
        jobs: jobs.map(|jobs| jobs.value as usize),
        local_files,
        allow_system: allow_system.is_some_and(|allowed| allowed.value),
        log: None,
        measure,
        only_line: None,
    })))
}

fn read_log(table: &TableReader<'_>, folder: &Path) -> Option<SuiteKind> {
    let mut rules = read_rules(table);
    let measure = measure::read(table, &mut rules);
    let step_timeout = table.duration("step-timeout");
    let (files, log) = log::read(table, folder)?;
    Some(SuiteKind::Files(Arc::new(FilesSpec {
        rules,
        step_timeout: step_timeout.map_or(STEP_TIMEOUT, |timeout| timeout.value),
        measure,
        ..FilesSpec::logs(files, log)
    })))
}

fn read_expect(table: &TableReader<'_>) -> Expect {
    let Some(word) = table.text("expect") else {
        return Expect::default();
    };
    match word.value.as_str() {
        "stored" => Expect::Stored,
        "agreement" => Expect::Agreement,
        other => {
            let expected = format!("expected `stored` or `agreement`; found `{other}`");
            table.problem(word.span, expected);
            Expect::default()
        }
    }
}

fn read_command(table: &TableReader<'_>, matrix_folder: &Path) -> Option<SuiteKind> {
    let command = table.texts("command")?;
    let folder = table.text("folder");
    let environment = table.settings("environment");
    if table.has("files") {
        table.know("files");
        table.problem(
            command.span.clone(),
            "expected `files` or a `command`, not both",
        );
    }
    if command.value.is_empty() {
        table.problem(command.span, "expected a program and its arguments");
        return None;
    }
    let folder = match folder {
        Some(folder) => {
            let whole = matrix_folder.join(&folder.value);
            if !whole.is_dir() {
                let expected = format!("expected a folder; found none at `{}`", whole.display());
                table.problem(folder.span, expected);
            }
            whole
        }
        None => matrix_folder.to_owned(),
    };
    let folder = match folder.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => plain(&folder),
    };
    Some(SuiteKind::Command(Arc::new(CommandSpec {
        command: plain_texts(Some(command)),
        folder,
        environment,
    })))
}

fn read_mysqltest(
    table: &TableReader<'_>,
    folder: &Path,
    name: Option<&Placed<String>>,
    images: &[BaseImage],
) -> Option<SuiteKind> {
    let word = table.text("mysqltest")?;
    let tests = table.texts("tests");
    let skip = table.texts("skip");
    let jobs = table.count("jobs");
    let test_timeout = table.duration(table.renamed("step-limit", "step-timeout"));
    let named = |program: &Program| program.as_str() == word.value;
    let Some(program) = Program::ALL.into_iter().find(named) else {
        let expected = format!("expected `mariadb` or `mysql`; found `{}`", word.value);
        table.problem(word.span, expected);
        return None;
    };
    let image = Placed {
        value: program.image().to_owned(),
        span: word.span,
    };
    Some(SuiteKind::Mysqltest(Arc::new(MysqltestSpec {
        program,
        image: image::resolve(table, image, images)?,
        beside: folder.join(name.map_or("", |name| name.value.as_str())),
        tests: match tests {
            Some(tests) => read_globs(table, tests),
            None => Glob::new("*").into_iter().collect(),
        },
        skip: skip.map_or_else(Vec::new, |skip| read_globs(table, skip)),
        jobs: jobs.map_or(2, |jobs| jobs.value as usize),
        test_timeout: test_timeout.map(|timeout| timeout.value),
    })))
}

/// Patterns of names.
fn read_globs(table: &TableReader<'_>, patterns: Placed<Vec<Placed<String>>>) -> Vec<Glob> {
    let read = |pattern: Placed<String>| {
        let glob = Glob::new(&pattern.value);
        glob.map_err(|error| {
            table.problem(pattern.span, format!("expected a pattern: {error}"));
        })
        .ok()
    };
    patterns.value.into_iter().filter_map(read).collect()
}

fn plain_texts(list: Option<Placed<Vec<Placed<String>>>>) -> Vec<String> {
    let items = list.into_iter().flat_map(|list| list.value);
    items.map(|item| item.value).collect()
}

fn choose(
    table: &TableReader<'_>,
    patterns: Option<Placed<Vec<Placed<String>>>>,
    flavours: &[Flavour],
) -> Vec<String> {
    let Some(patterns) = patterns else {
        return flavours
            .iter()
            .map(|flavour| flavour.name.clone())
            .collect();
    };
    let mut matchers = Vec::new();
    for pattern in patterns.value {
        match Glob::new(&pattern.value).map(|glob| glob.compile_matcher()) {
            Ok(matcher)
                if flavours
                    .iter()
                    .any(|flavour| matcher.is_match(&flavour.name)) =>
            {
                matchers.push(matcher);
            }
            _ => table.problem(
                pattern.span,
                format!("`{}` matches no flavour", pattern.value),
            ),
        }
    }
    let names = flavours.iter().map(|flavour| &flavour.name);
    names
        .filter(|name| matchers.iter().any(|matcher| matcher.is_match(name)))
        .cloned()
        .collect()
}
