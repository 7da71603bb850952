//! Other programs that send statements: the plain batch client and the
//! command line of sqllogictest.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use dbmatrix::session::{Connect, Target};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::process::Interrupted;

/// The database that they work in.
const DATABASE: &str = "dbmatrix_bench";

/// A program that sends the statements of a file.
pub(crate) enum Client {
    /// `mariadb` or `mysql`, fed with plain statements.
    Batch(PathBuf),
    /// `sqllogictest`, given the files themselves.
    Sqllogictest(PathBuf),
}

impl Client {
    /// The batch client that was named, or the first of those on `PATH`.
    pub(crate) fn batch(named: Option<&Path>) -> Option<Self> {
        let found = || on_path("mariadb").or_else(|| on_path("mysql"));
        named.map(Path::to_owned).or_else(found).map(Client::Batch)
    }

    pub(crate) fn sqllogictest() -> Option<Self> {
        on_path("sqllogictest").map(Client::Sqllogictest)
    }

    /// Sends what is in these files, one after the other, each in a database of
    /// its own; gives the seconds in which the program ran.
    ///
    /// # Errors
    /// Where the program cannot be run; of the last one also where it failed,
    /// since it ends at the first failure.
    pub(crate) async fn run(
        &self,
        target: &Target,
        files: &[PathBuf],
        stop: &CancellationToken,
    ) -> Result<f64> {
        let mut took = 0.0;
        for file in files {
            let mut session = target.connect(None).await?;
            for sql in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
                session.run(&format!("{sql} {DATABASE}")).await?;
            }
            took += self.time(target, file, stop).await?;
            session.run(&format!("DROP DATABASE {DATABASE}")).await?;
            session.close().await;
        }
        Ok(took)
    }

    async fn time(&self, target: &Target, file: &Path, stop: &CancellationToken) -> Result<f64> {
        let mut command = self.command(target, file)?;
        let begun = Instant::now();
        let mut child = command
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("could not run {:?}: {error}", command.as_std()))?;
        let status = tokio::select! {
            status = child.wait() => status?,
            () = stop.cancelled() => return Err(Interrupted.into()),
        };
        if status.success() || matches!(self, Client::Batch(_)) {
            return Ok(begun.elapsed().as_secs_f64());
        }
        Err(format!("it ended with {status} on `{}`", file.display()).into())
    }

    fn command(&self, target: &Target, file: &Path) -> Result<Command> {
        let host = target.address.ip().to_string();
        let port = target.address.port().to_string();
        let password = target.password.reveal();
        let mut command = match self {
            Client::Batch(program) => {
                let mut command = Command::new(program);
                command
                    .args(["--no-defaults", "--batch", "--silent", "--force"])
                    .args(["--host", &host, "--port", &port, "--user", &target.user])
                    .arg(DATABASE)
                    .env("MYSQL_PWD", password)
                    .stdin(File::open(file)?);
                command
            }
            Client::Sqllogictest(program) => {
                let mut command = Command::new(program);
                command
                    .args(["--engine", "mysql", "--db", DATABASE])
                    .args(["--host", &host, "--port", &port, "--user", &target.user])
                    .arg(file)
                    .env("SLT_PASSWORD", password)
                    .stdin(Stdio::null());
                command
            }
        };
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }
}

/// Copies of files without the comments behind conditions, which the command
/// line of sqllogictest refuses.
pub(crate) fn without_comments(files: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let path = folder.join(format!("{at}.plain.slt"));
        let mut plain = std::io::BufWriter::new(File::create(&path)?);
        for line in fs::read_to_string(file)?.lines() {
            let is_condition = line.starts_with("skipif ") || line.starts_with("onlyif ");
            let kept = match line.split_once('#') {
                Some((condition, _)) if is_condition => condition.trim_end(),
                _ => line,
            };
            writeln!(plain, "{kept}")?;
        }
        plain.into_inner()?;
        written.push(path);
    }
    Ok(written)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(name));
    paths.find(|path| path.is_file())
}
