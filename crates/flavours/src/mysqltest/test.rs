//! Runs one test with the program.

use std::net::Ipv4Addr;
use std::sync::LazyLock;
use std::time::Duration;

use dbmatrix_engine::Exec;
use regex::Regex;

use super::{BenchError, TestDriverContainer};

/// Exit status of a test that skips itself.
const SKIPPED: i64 = 62;
/// Exit status of timeout(1).
const TIMED_OUT: [i64; 2] = [124, 137];
/// Bytes kept of the end of its output; a result can be long.
const KEPT: &str = "60000";

/// Runs as nobody: as root, the program writes differences beside the results.
const RUN: &str = r#"
cd "$ROOT"
rm -rf "$FOLDER/tmp" "$FOLDER/log"
mkdir -p "$FOLDER/tmp" "$FOLDER/log"
chown nobody:nogroup "$FOLDER/tmp" "$FOLDER/log"
status=0
setpriv --reuid nobody --regid nogroup --clear-groups \
    timeout --kill-after 2 "$SECONDS_LIMIT" \
    "$PROGRAM" --defaults-file="$FOLDER/my.cnf" --silent --database=test \
    --tmpdir="$FOLDER/tmp" --logdir="$FOLDER/log" --timer-file="$FOLDER/log/timer" \
    --test-file="$TEST" --result-file="$RESULT" --tail-lines=20 --max-connect-retries=5 $MORE \
    < /dev/null > "$FOLDER/said" 2>&1 || status=$?
tail -c "$KEPT" "$FOLDER/said"
exit $status
"#;

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestEnd {
    /// It matched its result.
    Passed,
    /// The server lacks something that it requires.
    Skipped(String),
    /// It ended with another result; contains the lines that differ.
    Differs(String),
    /// It was aborted.
    Stopped {
        /// The line, from 1; 0 if unknown.
        line: usize,
        /// The statement and the server's error.
        text: String,
    },
    /// It exceeded its time limit.
    TookTooLong,
}

pub(super) struct TestRun<'a> {
    pub(super) tool: &'a TestDriverContainer,
    pub(super) folder: &'a str,
    pub(super) address: Ipv4Addr,
    pub(super) test: &'a str,
    pub(super) limit: Duration,
}

impl TestRun<'_> {
    pub(super) async fn run(&self) -> Result<TestEnd, BenchError> {
        let program = self.tool.program;
        let mut exec = Exec::script(RUN)
            .limit(self.limit + Duration::from_secs(30))
            .env("KEPT", KEPT)
            .env("SECONDS_LIMIT", &self.limit.as_secs().max(1).to_string())
            .env("PROGRAM", program.path())
            .env("FOLDER", self.folder)
            .env("TEST", &format!("{}/{}.test", program.tests(), self.test))
            .env(
                "RESULT",
                &format!("{}/{}.result", program.results(), self.test),
            )
            .env("MORE", "");
        for (name, value) in self.environment() {
            exec = exec.env(name, &value);
        }
        let child = &self.tool.child;
        let output = child.engine.exec(&child.name, &exec).await?;
        Ok(match output.status {
            0 => TestEnd::Passed,
            SKIPPED => TestEnd::Skipped(skip_reason(&output.stdout)),
            status if TIMED_OUT.contains(&status) => TestEnd::TookTooLong,
            _ => failure(&output.stdout),
        })
    }

    /// The variables that the servers' own driver sets and tests read.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let program = self.tool.program;
        let folder = self.folder;
        let client =
            |name: &str| format!("{} --defaults-file={folder}/my.cnf", program.client(name));
        let root = program.root();
        vec![
            ("ROOT", root.to_owned()),
            ("LC_ALL", "C".to_owned()),
            ("TZ", "GMT-3".to_owned()),
            ("UMASK", "0660".to_owned()),
            ("UMASK_DIR", "0770".to_owned()),
            ("USE_RUNNING_SERVER", "1".to_owned()),
            ("MASTER_MYPORT", "3306".to_owned()),
            ("MASTER_MYSOCK", format!("{folder}/mysqld.sock")),
            ("MASTER_SERVER_HOST", self.address.to_string()),
            ("MYSQL_TEST_DIR", root.to_owned()),
            ("MTR_SUITE_DIR", format!("{root}/{}", program.tests())),
            ("MYSQLTEST_VARDIR", folder.to_owned()),
            ("MYSQL_TMP_DIR", format!("{folder}/tmp")),
            ("MYSQL_SHAREDIR", "/usr/share/mysql".to_owned()),
            ("MYSQL_CHARSETSDIR", "/usr/share/mysql/charsets".to_owned()),
            ("SECURE_LOAD_PATH", format!("{root}/std_data")),
            ("MYSQL", client("")),
            ("EXE_MYSQL", program.client("")),
            ("MYSQL_DUMP", client("dump")),
            ("MYSQL_CHECK", client("check")),
            ("MYSQL_IMPORT", client("import")),
            ("MYSQL_SHOW", client("show")),
            ("MYSQL_SLAP", client("slap")),
            ("MYSQLADMIN", client("admin")),
            ("MYSQL_BINLOG", client("binlog")),
            ("MY_PERROR", "/usr/bin/perror".to_owned()),
            ("BIG_TEST", String::new()),
            ("STAGING_RUN", "0".to_owned()),
            (
                "MYSQL_TEST",
                format!(
                    "{} --defaults-file={folder}/my.cnf --silent --database=test --tmpdir={folder}/tmp --logdir={folder}/log",
                    program.path()
                ),
            ),
        ]
    }
}

pub fn skip_reason(said: &str) -> String {
    let reason = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("reason:"));
    match reason.map(str::trim) {
        Some(reason) if !reason.is_empty() => reason.to_owned(),
        _ => "skips itself".to_owned(),
    }
}

pub fn failure(said: &str) -> TestEnd {
    static STOPPED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?:^|\s)At line (\d+):").ok());
    let stopped = STOPPED.as_ref().and_then(|pattern| pattern.captures(said));
    match stopped {
        Some(found) => TestEnd::Stopped {
            line: found[1].parse().unwrap_or(0),
            text: said.trim().to_owned(),
        },
        None => match changes(said) {
            changes if changes.is_empty() => TestEnd::Stopped {
                line: 0,
                text: said.trim().to_owned(),
            },
            changes => TestEnd::Differs(changes),
        },
    }
}

/// The lines that differ.
fn changes(said: &str) -> String {
    let is_change = |line: &&str| {
        line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
    };
    let changes: Vec<&str> = said.lines().filter(is_change).collect();
    changes.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_says_why() {
        let said = "skipped\nThe test 'main.x' is not supported by this installation\nDetected in file include/have_x.inc at line 3\nreason: No x here\n";
        assert_eq!(skip_reason(said), "No x here");
        assert_eq!(skip_reason(""), "skips itself");
    }

    #[test]
    fn a_failed_test_says_where() {
        let stopped = failure("mysqltest: At line 5: query 'SELECT x' failed: ER_X (1054): no\n");
        assert!(
            matches!(stopped, TestEnd::Stopped { line: 5, .. }),
            "{stopped:?}"
        );
        let differs = failure(
            "--- main/a.result\n+++ log/a.reject\n@@ -1 +1 @@\n a\n-1\n+2\n\nmysqltest: Result length mismatch\n",
        );
        assert_eq!(differs, TestEnd::Differs("-1\n+2".to_owned()));
    }
}
