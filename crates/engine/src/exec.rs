//! Runs a program in a container and records its output.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::Method;
use hyper::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use super::transport::{escaped, typed, whole_body};
use super::{Config, Engine, EngineError};

/// A program to run in a container, as root, with empty standard input.
#[derive(Debug, Clone)]
pub struct Exec {
    pub(super) command: Vec<String>,
    pub(super) environment: Config,
    limit: Duration,
}

/// How a program in a container ended.
#[derive(Debug, Clone)]
pub struct ExecOutput {
    /// Exit status; 128 plus the signal's number for a killed program.
    pub status: i64,
    /// Standard output, with invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, with invalid UTF-8 replaced.
    pub stderr: String,
}

impl ExecOutput {
    /// Whether the exit status was 0.
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// The last `lines` lines of the output, errors last; the exit status if there was no
    /// output.
    pub fn tail(&self, lines: usize) -> String {
        let text = format!("{}\n{}", self.stdout, self.stderr);
        last_lines(text.as_bytes(), lines, self.status)
    }
}

/// The last `lines` lines of what a program wrote, without empty ones; its exit status if
/// it wrote nothing.
pub fn last_lines(written: &[u8], lines: usize, status: i64) -> String {
    let text = String::from_utf8_lossy(written);
    let all = text.lines().filter(|line| !line.trim().is_empty());
    let all: Vec<&str> = all.collect();
    match all.as_slice() {
        [] => format!("nothing was written; exit status {status}"),
        all => all[all.len().saturating_sub(lines)..].join("\n"),
    }
}

impl Exec {
    /// Runs `program` with `arguments`; no shell is involved.
    pub fn new<const N: usize>(program: &str, arguments: [&str; N]) -> Self {
        let mut command = vec![program.to_owned()];
        command.extend(arguments.map(str::to_owned));
        Exec {
            command,
            environment: Config::from([("PATH".to_owned(), PATH.to_owned())]),
            limit: Duration::from_secs(60),
        }
    }

    /// Runs a shell script; [`Exec::env`] passes its parameters, so that nothing is
    /// quoted into its text.
    pub fn script(text: &str) -> Self {
        Exec::new("/bin/sh", ["-eu", "-c", text])
    }

    /// A shell script that calls systemctl, in a container that may just have started.
    /// Until systemd listens there, systemctl fails with "Failed to connect to bus", and
    /// later mounts of systemd hide files written to `/run`. The script therefore waits,
    /// within its limit.
    pub fn script_with_systemd(text: &str) -> Self {
        const LISTENS: &str = "until [ -e /run/systemd/private ]; do sleep 0.02; done";
        Exec::script(&format!("{LISTENS}\n{text}"))
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: &str) -> Self {
        self.command.push(argument.to_owned());
        self
    }

    /// Adds a variable to the program's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the time limit (60 s by default).
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Deserialize)]
pub(super) struct ExecResult {
    #[serde(rename = "return")]
    pub(super) status: i64,
    #[serde(default)]
    output: std::collections::BTreeMap<String, String>,
}

impl Engine {
    /// Runs a program in a running container and returns its output.
    ///
    /// An exit status other than 0 is not an error here.
    ///
    /// # Errors
    /// As any operation; also if the program does not exist.
    pub fn exec<'a>(
        &'a self,
        instance: &'a str,
        exec: &'a Exec,
    ) -> BoxFuture<'a, Result<ExecOutput, EngineError>> {
        async move {
            let what = format!("run `{}` in `{instance}`", shortened_command(&exec.command));
            let path = format!("/1.0/instances/{}/exec", escaped(instance));
            let body = json!({
                "command": exec.command,
                "environment": exec.environment,
                "record-output": true,
                "wait-for-websocket": false,
                "interactive": false,
            });
            let ended = self
                .change(&what, Method::POST, &path, Some(body), exec.limit)
                .await?;
            let result: ExecResult = typed(&what, ended)?;
            let stdout = self.recorded(&what, result.output.get("1")).await?;
            let stderr = self.recorded(&what, result.output.get("2")).await?;
            Ok(ExecOutput {
                status: result.status,
                stdout,
                stderr,
            })
        }
        .boxed()
    }

    /// Fetches one recorded stream and removes the engine's copy.
    async fn recorded(&self, what: &str, path: Option<&String>) -> Result<String, EngineError> {
        let Some(path) = path else {
            return Ok(String::new());
        };
        let bytes = self
            .exchange(what, Method::GET, path, HeaderMap::new(), whole_body(""))
            .await?;
        if let Err(error) = self.send(what, Method::DELETE, path, None).await {
            tracing::debug!(%error, "a recorded output stays in the engine's log folder");
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn shortened_command(command: &[String]) -> String {
    let text = command.join(" ");
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
