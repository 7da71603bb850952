//! `dbmatrix cp`.

use std::convert::Infallible;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::args::GlobalArgs;
use super::hand::CpArgs;
use super::reach::find;
use super::{Failure, privilege};
use crate::engine::{Content, FileMode, Opened};
use crate::event::Verdict;
use crate::nest::Located;

/// One side of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Side {
    /// A path on this machine.
    Here(PathBuf),
    /// A path in a flavour's container.
    There {
        /// The flavour's name.
        flavour: String,
        /// From the root.
        path: String,
    },
}

impl FromStr for Side {
    type Err = Infallible;

    /// `FLAVOUR:/PATH` and `NEST/FLAVOUR:/PATH` are there; a `./` before it makes
    /// it a file of this machine.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(":/") {
            Some((flavour, rest)) if is_name(flavour) => Side::There {
                flavour: flavour.to_owned(),
                path: format!("/{rest}"),
            },
            _ => Side::Here(PathBuf::from(text)),
        })
    }
}

/// Whether it may be a flavour's name, with its nest's or without.
fn is_name(text: &str) -> bool {
    let mut parts = text.split('/');
    let are_names = |part: &str| !part.is_empty() && !part.starts_with('.');
    parts.clone().count() <= 2 && parts.all(are_names)
}

/// Copies a file.
pub(super) async fn copy(global: &GlobalArgs, args: &CpArgs) -> Result<Verdict, Failure> {
    let nest = args.nest.as_deref();
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

/// A new file is as open as the one that it comes from.
fn mode_of(path: &Path) -> FileMode {
    let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
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
        // Behind what was written to it before, where it is a file.
        let out = std::io::stdout().as_fd().try_clone_to_owned();
        let out = std::fs::File::from(out.map_err(failed)?);
        let mut out = tokio::fs::File::from_std(out);
        content.write_to(&mut out, to).await.map_err(failed)?;
        return Ok(Verdict::Passed);
    }
    let to = if to.is_dir() {
        to.join(name)
    } else {
        to.to_owned()
    };
    // Through a link, to the file that it leads to.
    let to = std::fs::canonicalize(&to).unwrap_or(to);
    save(content, &to).await?;
    Ok(Verdict::Passed)
}

/// A file that is half written takes nobody's place; what is no file, such as
/// `/dev/stdout`, is written to as it is.
async fn save(content: Content, to: &Path) -> Result<(), Failure> {
    let failed_at = |error: std::io::Error| failed(format!("`{}`: {error}", to.display()));
    if std::fs::metadata(to).is_ok_and(|found| !found.is_file()) {
        let file = tokio::fs::File::options().write(true).open(to).await;
        let mut file = file.map_err(failed_at)?;
        content.write_to(&mut file, to).await.map_err(failed)?;
        return Ok(());
    }
    // Read, write and run by others only as it is there, and never written.
    let mode = content.mode.unwrap_or(0o644) & 0o755;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let half = tempfile::NamedTempFile::new_in(folder).map_err(failed_at)?;
    let copy = half.as_file().try_clone().map_err(failed_at)?;
    let mut file = tokio::fs::File::from_std(copy);
    content.write_to(&mut file, to).await.map_err(failed)?;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(half.path(), permissions).map_err(failed_at)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn side(text: &str) -> Side {
        text.parse().expect("any text is a side")
    }

    #[test]
    fn a_flavour_and_a_path_from_the_root_are_there() {
        let there = Side::There {
            flavour: "mysql-9.7".to_owned(),
            path: "/tmp/a:/b".to_owned(),
        };
        assert_eq!(side("mysql-9.7:/tmp/a:/b"), there);
        let there = Side::There {
            flavour: "ad-hoc/mysql-9.7".to_owned(),
            path: "/tmp/".to_owned(),
        };
        assert_eq!(side("ad-hoc/mysql-9.7:/tmp/"), there);
    }

    #[test]
    fn all_else_is_here() {
        for text in [
            "dump.sql", "./a:/b", "../a:/b", "a/b/c:/d", "/a:/b", "a:b", ":/x",
        ] {
            assert_eq!(side(text), Side::Here(PathBuf::from(text)));
        }
    }
}
