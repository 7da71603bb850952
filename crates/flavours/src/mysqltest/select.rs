//! Selects the tests that can run against an external server process.
//!
//! Many require a server that the suite itself starts, with special options, restarts or
//! files on its disk. Their requirements are found in the files beside a test, and in the
//! lines of the test and of its includes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use dbmatrix_engine::Exec;
use globset::{Glob, GlobSet, GlobSetBuilder};
use regex::{Regex, RegexBuilder};

use super::{BenchError, TestDriverContainer};

/// Files of tests and results, disabled tests, and lines that may show a test's
/// requirements.
const LIST: &str = r#"
cd "$ROOT"
for name in "$TESTS"/*; do echo "file ${name##*/}"; done
for name in "$RESULTS"/*.result; do echo "result ${name##*/}"; done
for list in "$TESTS/disabled.def" collections/disabled.def; do
    if [ -e "$list" ]; then sed -n 's/^[[:space:]]*\(main\.\)\{0,1\}\([A-Za-z0-9_-]*\)[[:space:]]*\(@[^:]*\)\{0,1\}:.*/disabled \2/p' "$list"; fi
done
grep -HaisE "$LINES" "$TESTS"/*.test "$TESTS"/*.inc include/*.inc | sed 's/^/line /'
"#;

/// Preselects relevant lines for [`RULES`].
const SIEVE: &str = "^[[:space:]]*(--)?[[:space:]]*source[[:space:]]|datadir|_file|tmpdir|infile|outfile|dumpfile|directory|shutdown|[$][A-Z_]*(MYSQLD|CHK|PACK|UPGRADE|INSTALL|PLUGIN|EMBEDDED|_SO|SDI|TZINFO|BOOTSTRAP|CHECKSUM|DUMP|EDITOR)";

/// The requirements that lines of a test, and of its includes, show.
static RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let rules = [
        (
            r"^\s*(--)?\s*(shutdown_server|shutdown\s*;)",
            "ends the server",
        ),
        (
            r"\$(MYSQLD(_\w+)?|MYSQL_UPGRADE|MYSQL_INSTALL_DB\w*|MYISAM(CHK|PACK)|MYISAM_FTDUMP|MARIA_(CHK|PACK)|INNOCHECKSUM|MYSQL_TZINFO_TO_SQL|\w*PLUGIN\w*|MYSQL_EMBEDDED|MYSQL_SECURE_INSTALLATION|IBD2SDI|MYSQL_CONFIG_EDITOR|\w+_SO)\b",
            "needs programs or plugins of a build",
        ),
        (
            r"@@(global\.)?(datadir|general_log_file|slow_query_log_file|log_error|tmpdir|pid_file)|MYSQLD_DATADIR",
            "reads the server's files",
        ),
        (
            r"load\s+(data|xml)\s+((low_priority|concurrent)\s+)?infile|into\s+(outfile|dumpfile)|load_file\s*\(|(data|index)\s+directory\s*=?\s*'",
            "reads or writes files on the server's disk",
        ),
    ];
    rules.map(|(pattern, why)| (compiled(pattern), why)).into()
});

/// The requirements that the names of includes show.
static INCLUDES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let rules = [
        (r"^have_debug", "needs a debug build"),
        (r"^big_test", "is big"),
        (
            r"restart_mysqld|restart_no_|kill_mysqld|kill_and_restart|shutdown_mysqld|start_mysqld|stop_mysqld|restart_innodb|expect_crash",
            "restarts the server",
        ),
        (r"^search_pattern", "reads the server's files"),
        (
            r"^(master-slave|rpl_init|have_binlog_format|have_log_bin)",
            "needs replication or a binary log",
        ),
        (
            r"^(have_\w*plugin|have_udf|have_example|have_connect|have_auth_|have_profiling|have_win|windows|not_as_root|have_gdb|is_embedded|have_32bit|not_64bit)",
            "needs another build",
        ),
    ];
    rules.map(|(pattern, why)| (compiled(pattern), why)).into()
});

/// Includes whose own lines show nothing about the test.
static HELPERS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"^(wait_|count_sessions|restart|start_mysqld|shutdown|kill|have_|not_|check_|expect_crash)",
    )
});

static SOURCE: LazyLock<Regex> = LazyLock::new(|| compiled(r"^\s*(?:--)?\s*source\s+([^;\s]+)"));

fn compiled(pattern: &str) -> Regex {
    let built = RegexBuilder::new(pattern).case_insensitive(true).build();
    #[expect(
        clippy::expect_used,
        reason = "the patterns are constants of this file"
    )]
    built.expect("a pattern")
}

/// Tests to run, and tests to leave out with the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names, sorted.
    pub tests: Vec<String>,
    /// By name.
    pub left_out: BTreeMap<String, &'static str>,
}

/// Selects tests of the main suite by patterns of their names.
///
/// # Errors
/// As of the engine; if the patterns match none.
pub async fn choose(
    tool: &TestDriverContainer,
    patterns: &[Glob],
    but: &[Glob],
) -> Result<Selection, BenchError> {
    let list = Exec::script(LIST)
        .env("ROOT", tool.program.root())
        .env("TESTS", tool.program.tests())
        .env("RESULTS", tool.program.results())
        .env("LINES", SIEVE);
    let text = tool.succeed("list the tests", list).await?;
    let (patterns, but) = (set(patterns), set(but));
    let listing = Listing::read(&text);
    let mut chosen = listing.names();
    chosen.retain(|name| patterns.is_match(name) && !but.is_match(name));
    if chosen.is_empty() {
        return Err(BenchError::NoTests);
    }
    let mut selection = Selection::default();
    for name in chosen {
        match listing.obstacle(name) {
            Some(why) => {
                selection.left_out.insert(name.to_owned(), why);
            }
            None => selection.tests.push(name.to_owned()),
        }
    }
    Ok(selection)
}

fn set(patterns: &[Glob]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(pattern.clone());
    }
    set.build().unwrap_or_default()
}

/// The output of `LIST`.
#[derive(Debug, Default)]
pub struct Listing<'a> {
    files: BTreeSet<&'a str>,
    results: HashSet<&'a str>,
    disabled: HashSet<&'a str>,
    /// Lines by file name.
    lines: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Listing<'a> {
    pub fn read(text: &'a str) -> Self {
        let mut listing = Listing::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("file", name)) => {
                    listing.files.insert(name);
                }
                Some(("result", name)) => {
                    listing.results.insert(name);
                }
                Some(("disabled", name)) => {
                    listing.disabled.insert(name);
                }
                Some(("line", rest)) => {
                    let Some((path, line)) = rest.split_once(':') else {
                        continue;
                    };
                    if !line.trim_start().starts_with('#') {
                        listing.lines.entry(base(path)).or_default().push(line);
                    }
                }
                _ => {}
            }
        }
        listing
    }

    pub fn names(&self) -> Vec<&'a str> {
        let names = self
            .files
            .iter()
            .filter_map(|file| file.strip_suffix(".test"));
        names.collect()
    }

    /// Why a test cannot run against a server from outside.
    pub fn obstacle(&self, test: &str) -> Option<&'static str> {
        if self.disabled.contains(test) {
            return Some("is disabled by its own suite");
        }
        if !self.results.contains(format!("{test}.result").as_str()) {
            return Some("has no result of its own");
        }
        let beside = |ending: &str| self.files.contains(format!("{test}{ending}").as_str());
        let own = [
            ".opt",
            "-master.opt",
            "-slave.opt",
            ".cnf",
            ".combinations",
            ".sh",
            "-master.sh",
        ];
        if own.into_iter().any(beside) {
            return Some("needs a server with options of its own");
        }
        let file = format!("{test}.test");
        let included = self.included(&file);
        for name in &included {
            let found = INCLUDES.iter().find(|(pattern, _)| pattern.is_match(name));
            if let Some((_, why)) = found {
                return Some(why);
            }
        }
        let telling = included
            .iter()
            .copied()
            .filter(|name| !HELPERS.is_match(name));
        for name in std::iter::once(file.as_str()).chain(telling) {
            for line in self.lines.get(name).into_iter().flatten() {
                if let Some((_, why)) = RULES.iter().find(|(pattern, _)| pattern.is_match(line)) {
                    return Some(why);
                }
            }
        }
        None
    }

    /// Names of all files that a file includes, directly or indirectly.
    fn included(&self, file: &str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = vec![file];
        while let Some(file) = open.pop() {
            for line in self.lines.get(file).into_iter().flatten() {
                let Some(name) = SOURCE.captures(line).and_then(|found| found.get(1)) else {
                    continue;
                };
                let name = base(name.as_str());
                if found.insert(name) {
                    open.push(name);
                }
            }
        }
        found
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
file plain.test
file opt.test
file opt-master.opt
file debug.test
file nested.test
file disk.test
file local.test
file off.test
file none.test
result plain.result
result opt.result
result debug.result
result nested.result
result disk.result
result local.result
result off.result
disabled off
line main/plain.test:--source include/have_innodb.inc
line main/plain.test:# load_file('x')
line main/debug.test:--source include/have_debug.inc
line main/nested.test:source include/outer.inc;
line include/outer.inc:--source include/restart_mysqld.inc
line main/disk.test:LOAD  DATA INFILE '../../std_data/x.txt' INTO TABLE t
line main/local.test:load data local infile 'x' into table t;
line include/have_innodb.inc:select @@datadir
";

    #[test]
    fn a_test_is_left_out_for_what_it_needs() {
        let listing = Listing::read(LISTED);
        let told: Vec<(&str, Option<&str>)> = listing
            .names()
            .into_iter()
            .map(|name| (name, listing.obstacle(name)))
            .collect();
        assert_eq!(
            told,
            [
                ("debug", Some("needs a debug build")),
                ("disk", Some("reads or writes files on the server's disk")),
                ("local", None),
                ("nested", Some("restarts the server")),
                ("none", Some("has no result of its own")),
                ("off", Some("is disabled by its own suite")),
                ("opt", Some("needs a server with options of its own")),
                ("plain", None),
            ]
        );
    }
}
