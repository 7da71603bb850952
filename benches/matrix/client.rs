//! Other programs that send statements: the plain batch client and the
//! command line of sqllogictest.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use dbmatrix_sql::session::{Connect, Target};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::process::{Interrupted, follow};

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
    /// Where the program cannot be run; that of sqllogictest also where a file
    /// fails, since it ends there.
    pub(crate) async fn run(
        &self,
        target: &Target,
        files: &[PathBuf],
        stop: &CancellationToken,
    ) -> Result<f64> {
        let mut took = 0.0;
        for file in files {
            make_database(target).await?;
            took += match self {
                Client::Batch(program) => time_batch(program, target, file, stop).await?,
                Client::Sqllogictest(program) => {
                    let mut command = sqllogictest(program, target, file);
                    time_sqllogictest(&mut command, stop).await?
                }
            };
        }
        drop_database(target).await?;
        Ok(took)
    }

    /// Lets sqllogictest write what the server answers into its files: it knows
    /// MySQL's columns without their types, and would end at the first value
    /// that a type would have written otherwise.
    pub(crate) async fn adapt(
        &self,
        target: &Target,
        files: &[PathBuf],
        stop: &CancellationToken,
    ) -> Result<()> {
        let Client::Sqllogictest(program) = self else {
            return Ok(());
        };
        for file in files {
            make_database(target).await?;
            let mut command = sqllogictest(program, target, file);
            time_sqllogictest(command.arg("--override"), stop).await?;
        }
        drop_database(target).await
    }
}

/// An empty database, whatever was there.
async fn make_database(target: &Target) -> Result<()> {
    drop_database(target).await?;
    send(target, &format!("CREATE DATABASE {DATABASE}")).await
}

async fn drop_database(target: &Target) -> Result<()> {
    send(target, &format!("DROP DATABASE IF EXISTS {DATABASE}")).await
}

async fn send(target: &Target, sql: &str) -> Result<()> {
    let mut session = target.connect(None).await?;
    session.run(sql).await?;
    session.close().await;
    Ok(())
}

async fn time_batch(
    program: &Path,
    target: &Target,
    file: &Path,
    stop: &CancellationToken,
) -> Result<f64> {
    let mut command = Command::new(program);
    command
        .args(["--no-defaults", "--batch", "--silent", "--force"])
        .args(login(target))
        .arg(DATABASE)
        .env("MYSQL_PWD", target.password.reveal())
        .stdin(File::open(file)?)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let begun = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| format!("could not run `{}`: {error}", program.display()))?;
    tokio::select! {
        // Statements that are refused make it end with another status than 0.
        status = child.wait() => status?,
        () = stop.cancelled() => return Err(Interrupted.into()),
    };
    Ok(begun.elapsed().as_secs_f64())
}

fn sqllogictest(program: &Path, target: &Target, file: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--engine", "mysql", "--db", DATABASE])
        .args(login(target))
        .arg(file)
        .env("SLT_PASSWORD", target.password.reveal());
    command
}

async fn time_sqllogictest(command: &mut Command, stop: &CancellationToken) -> Result<f64> {
    let mut lines = Vec::new();
    let ended = follow(command, stop, |_, line| lines.push(line)).await?;
    if ended.status.success() {
        return Ok(ended.took.as_secs_f64());
    }
    let told = lines[lines.len().saturating_sub(6)..].join("\n");
    Err(format!(
        "it ended with {}: {told}\n{}",
        ended.status,
        ended.last_words()
    )
    .into())
}

/// Both programs name these alike.
fn login(target: &Target) -> [String; 6] {
    [
        "--host".to_owned(),
        target.address.ip().to_string(),
        "--port".to_owned(),
        target.address.port().to_string(),
        "--user".to_owned(),
        target.user.clone(),
    ]
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
