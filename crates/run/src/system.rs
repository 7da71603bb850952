//! Commands that a file runs on this machine (`system`), if its suite allows them.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use dbmatrix_platform::{file, process};
use dbmatrix_sql::sql_text::escape_bytes;
use dbmatrix_sql::suite::SystemCommand;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::{timeout, timeout_at};

use super::evaluate::StepFailure;
use super::sessions::Until;

/// Bytes of a command's output that are kept.
const KEPT: u64 = 1 << 20;
/// How long a command may take to end when asked, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// The commands of one case. Those in the background end with the case.
#[derive(Debug, Default)]
pub(super) struct Commands {
    background: Vec<Group>,
}

/// How a command ended.
struct End {
    status: ExitStatus,
    output: Vec<u8>,
    errors: Vec<u8>,
}

impl Commands {
    /// Runs a command with `bash`; one that ends with `&` continues until the case ends.
    pub(super) async fn run(
        &mut self,
        command: &SystemCommand,
        text: Vec<u8>,
        until: Until,
    ) -> Result<(), StepFailure> {
        let text = text.trim_ascii_end();
        if let Some(text) = text.strip_suffix(b"&")
            && !text.ends_with(b"&")
        {
            let started = self.start(text, &command.folder, Stdio::null);
            let group = started.map_err(|error| not_started(&error))?;
            self.background.push(group);
            return Ok(());
        }
        let started = self.start(text, &command.folder, Stdio::piped);
        let mut group = started.map_err(|error| not_started(&error))?;
        match timeout_at(until.when, group.wait()).await {
            Ok(end) => judge(command, &end.map_err(|error| not_started(&error))?),
            Err(_) => {
                group.end_processes().await;
                let limit = humantime::format_duration(until.limit);
                Err(StepFailure {
                    expected: format!("an end within {limit}, the limit of the {}", until.of),
                    found: "the command was still running; it was ended".to_owned(),
                    why: "it took too long",
                    kind: None,
                })
            }
        }
    }

    fn start(&self, text: &[u8], folder: &Path, output: fn() -> Stdio) -> io::Result<Group> {
        let mut command = Command::new("bash");
        command
            .arg("-c")
            .arg(file::os_string(text.to_vec()))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output());
        process::set_own_group(&mut command);
        command.spawn().map(Group)
    }
}

/// A command with all processes that it started; dropping this ends them.
#[derive(Debug)]
struct Group(Child);

impl Group {
    async fn wait(&mut self) -> io::Result<End> {
        let (out, err) = (self.0.stdout.take(), self.0.stderr.take());
        let (output, errors) = tokio::join!(keep(out), keep(err));
        Ok(End {
            status: self.0.wait().await?,
            output,
            errors,
        })
    }

    async fn end_processes(&mut self) {
        process::terminate_group(&mut self.0);
        if timeout(GRACE, self.0.wait()).await.is_err() {
            process::kill_group(&mut self.0);
            let _ = self.0.wait().await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        process::terminate_group(&mut self.0);
    }
}

/// Reads to the end but keeps only the beginning.
async fn keep(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(KEPT).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    kept
}

fn judge(command: &SystemCommand, end: &End) -> Result<(), StepFailure> {
    let text = |bytes: &[u8]| escape_bytes(bytes).trim().to_owned();
    if end.status.success() == command.must_fail {
        let shown = [text(&end.output), text(&end.errors)].join("\n");
        return Err(StepFailure {
            expected: match command.must_fail {
                true => "a command that fails".to_owned(),
                false => "a command that succeeds".to_owned(),
            },
            found: format!("{}\n{}", end.status, shown.trim())
                .trim()
                .to_owned(),
            why: "another end of the command",
            kind: None,
        });
    }
    match &command.output {
        Some(expected) if *expected != text(&end.output) => Err(StepFailure {
            expected: expected.clone(),
            found: text(&end.output),
            why: "another output of the command",
            kind: None,
        }),
        _ => Ok(()),
    }
}

fn not_started(error: &io::Error) -> StepFailure {
    StepFailure {
        expected: "a command that `bash` runs".to_owned(),
        found: format!("it could not be run: {error}"),
        why: "the command could not be run",
        kind: None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tokio::time::Instant;

    use super::*;

    async fn run(text: &str, output: Option<&str>, limit: Duration) -> Result<(), String> {
        let command = SystemCommand {
            text: text.into(),
            folder: PathBuf::from("/"),
            must_fail: text.starts_with("false"),
            output: output.map(str::to_owned),
        };
        let until = Until {
            when: Instant::now() + limit,
            limit,
            of: "step",
        };
        let mut commands = Commands::default();
        let ended = commands.run(&command, text.into(), until).await;
        ended.map_err(|wrong| format!("{}: {}", wrong.why, wrong.found))
    }

    #[tokio::test]
    async fn a_command_is_judged_by_its_end_and_its_output() {
        let long = Duration::from_secs(60);
        assert_eq!(run("pwd", Some("/"), long).await, Ok(()));
        assert_eq!(run("false", None, long).await, Ok(()));
        assert_eq!(
            run("printf 'a\\n\\nb\\n'", Some("a\n\nb"), long).await,
            Ok(())
        );
        assert_eq!(run("true && true", None, long).await, Ok(()));
        let told = run("echo a; echo b >&2; exit 3", None, long).await;
        assert_eq!(
            told,
            Err("another end of the command: exit status: 3\na\nb".to_owned())
        );
        let told = run("echo b", Some("a"), long).await;
        assert_eq!(told, Err("another output of the command: b".to_owned()));
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_ended_with_what_it_started() {
        let begun = Instant::now();
        let told = run("sleep 61 | cat", None, Duration::from_millis(100)).await;
        assert!(told.expect_err("too long").contains("took too long"));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn one_in_the_background_is_not_waited_for() {
        let begun = Instant::now();
        assert_eq!(
            run("sleep 62 &", None, Duration::from_secs(60)).await,
            Ok(())
        );
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
