//! The statements of files of steps, for clients that know no steps.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use dbmatrix_sql::session::Connect;
use dbmatrix_sql::suite::{Facts, FileKind, SltOptions, SltSteps, SqlSteps, Step, SuiteError};
use dbmatrix_sql::version::Identity;

/// Asks a server what it is.
pub(crate) async fn identify(server: &impl Connect) -> Result<Identity, Box<dyn Error>> {
    let mut session = server.connect(None).await?;
    let row = session
        .first_row("SELECT @@version, @@version_comment")
        .await?;
    session.close().await;
    let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
    Ok(Identity::read(text(0), text(1))?)
}

/// Writes the statements that hold, a file each, into `folder`.
pub(crate) fn write_statements(
    files: &[PathBuf],
    facts: &Facts,
    folder: &Path,
) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut written = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let steps: Box<dyn Iterator<Item = Result<Step, SuiteError>>> = match FileKind::of(file) {
            Some(FileKind::Slt) => Box::new(SltSteps::open(file, SltOptions::default())?),
            Some(FileKind::Sql) => Box::new(SqlSteps::open(file)?),
            None => return Err(format!("`{}` is no file of steps", file.display()).into()),
        };
        let path = folder.join(format!("{at}.statements"));
        let mut text = BufWriter::new(File::create(&path)?);
        for step in steps {
            let step = step?;
            if let Some(sql) = step.action.sql()
                && step.conditions.hold(facts)
            {
                text.write_all(sql.bytes())?;
                writeln!(text, ";")?;
            }
        }
        text.into_inner()?;
        written.push(path);
    }
    Ok(written)
}
