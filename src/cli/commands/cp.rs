//! `dbmatrix cp`.

use std::path::Path;

use dbmatrix_containers::nest::Located;
use dbmatrix_engine::{Content, FileMode, Opened};
use dbmatrix_platform::file;
use dbmatrix_report::event::Verdict;

use crate::app::connect_flavour::find;
use crate::app::{Failure, Globals, privilege};
use crate::cli::args::{CpArgs, Side};
use crate::cli::commands::nest_of;

/// Copies a file.
pub(crate) async fn cp(global: &Globals, args: &CpArgs) -> Result<Verdict, Failure> {
    let flavour = [&args.from, &args.to].into_iter().find_map(Side::flavour);
    let nest = nest_of(&args.within, flavour.as_slice())?;
    let nest = nest.as_deref();
    match (&args.from, &args.to) {
        (Side::Here(from), Side::There { flavour, path }) => {
            is_a_file(from)?;
            privilege::ensure_engine_access(global).await?;
            let located = find(global, flavour, nest).await?;
            push(from, &located, path).await
        }
        (Side::There { flavour, path }, Side::Here(to)) => {
            privilege::ensure_engine_access(global).await?;
            let located = find(global, flavour, nest).await?;
            pull(&located, path, to).await
        }
        (Side::Here(_), Side::Here(_)) => Err(Failure::misused(
            "expected a flavour on one side, such as `mysql-9.7:/tmp/dump.sql`, with the path from the root",
        )),
        (Side::There { .. }, Side::There { .. }) => Err(Failure::misused(
            "expected a flavour on one side only; copy to this machine first",
        )),
    }
}

fn is_a_file(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(a_folder(&shown.to_string())),
        Ok(_) => Ok(()),
        Err(error) => Err(failed(format!("could not read `{shown}`: {error}"))),
    }
}

async fn push(from: &Path, located: &Located, path: &str) -> Result<Verdict, Failure> {
    let (engine, container) = (&located.child.engine, &located.child.name);
    let is_folder = path.ends_with('/') || {
        let there = engine.open(container, path).await;
        matches!(there.map_err(Failure::not_provided)?, Some(Opened::Folder))
    };
    let path = match (is_folder, from.file_name()) {
        (true, Some(name)) => {
            format!("{}/{}", path.trim_end_matches('/'), name.to_string_lossy())
        }
        _ => path.to_owned(),
    };
    located.mark_used().await.map_err(Failure::not_provided)?;
    let mode = mode_of(from);
    let pushed = engine.push_file(container, &path, mode, from).await;
    pushed.map_err(failed)?;
    Ok(Verdict::Passed)
}

/// A new file gets the permissions of its source.
fn mode_of(path: &Path) -> FileMode {
    let mode = std::fs::metadata(path).map_or(0, |found| file::mode(&found));
    match mode {
        mode if mode & 0o100 != 0 => FileMode::Program,
        mode if mode & 0o044 != 0 => FileMode::Public,
        _ => FileMode::Private,
    }
}

async fn pull(located: &Located, path: &str, to: &Path) -> Result<Verdict, Failure> {
    let (engine, container) = (&located.child.engine, &located.child.name);
    let opened = engine.open(container, path).await;
    let shown = format!("{}:{path}", located.flavour);
    let content = match opened.map_err(Failure::not_provided)? {
        Some(Opened::File(content)) => content,
        Some(Opened::Folder) => return Err(a_folder(&shown)),
        None => return Err(failed(format!("`{shown}` is not there"))),
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    if to == Path::new("/dev/stdout") {
        // Append if standard output is a file.
        let out = file::own_stdout().map_err(failed)?;
        let mut out = tokio::fs::File::from_std(out);
        content.write_to(&mut out, to).await.map_err(failed)?;
        return Ok(Verdict::Passed);
    }
    let to = if to.is_dir() {
        to.join(name)
    } else {
        to.to_owned()
    };
    // Resolve a link to its target.
    let to = std::fs::canonicalize(&to).unwrap_or(to);
    save(content, &to).await?;
    Ok(Verdict::Passed)
}

/// Replaces a file only when the new one is complete; writes directly to anything else,
/// such as `/dev/stdout`.
async fn save(content: Content, to: &Path) -> Result<(), Failure> {
    let failed_at = |error: std::io::Error| failed(format!("`{}`: {error}", to.display()));
    if std::fs::metadata(to).is_ok_and(|found| !found.is_file()) {
        let file = tokio::fs::File::options().write(true).open(to).await;
        let mut file = file.map_err(failed_at)?;
        content.write_to(&mut file, to).await.map_err(failed)?;
        return Ok(());
    }
    // Others get no more access than in the container, and never write access.
    let mode = content.mode.unwrap_or(0o644) & 0o755;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let half = tempfile::NamedTempFile::new_in(folder).map_err(failed_at)?;
    let copy = half.as_file().try_clone().map_err(failed_at)?;
    let mut file = tokio::fs::File::from_std(copy);
    content.write_to(&mut file, to).await.map_err(failed)?;
    file::set_mode(half.path(), mode).map_err(failed_at)?;
    half.persist(to).map_err(|error| failed_at(error.error))?;
    Ok(())
}

fn a_folder(shown: &str) -> Failure {
    failed(format!(
        "`{shown}` is a folder, and one file is copied at a time; pack it with `tar` first"
    ))
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure {
        verdict: Verdict::Failed,
        message: error.to_string(),
    }
}
