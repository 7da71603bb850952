//! Files that people keep, replaced as a whole: who reads one finds what was
//! there before or what is there now, never a half.
//!
//! Knows nothing of what the files hold.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::platform::file::{make_with_mode, set_owner_of};

/// What a new file may be used for, as far as the umask leaves it.
const NEW: u32 = 0o666;
/// Links that lead to a file, at most, as the kernel counts.
const LINKS: usize = 40;

/// What came of replacing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// There was none.
    Created,
    /// It has other contents now.
    Changed,
    /// It had these contents already and was not touched.
    Unchanged,
}

/// Gives a file new contents, all at once. Links are followed, and a file that
/// is there keeps its permissions and, as far as we may give files away, its
/// owner. What is no plain file, such as a device, is written to as it is.
///
/// # Errors
/// As of the system; the file is then what it was.
pub fn replace_file(path: &Path, contents: &[u8]) -> io::Result<Replaced> {
    let path = follow_links(path)?;
    let old = match fs::metadata(&path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match &old {
        Some(old) if !old.is_file() => {
            fs::write(&path, contents)?;
            return Ok(Replaced::Changed);
        }
        Some(old) if has_contents(&path, old, contents)? => return Ok(Replaced::Unchanged),
        _ => {}
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    make_with_mode(&mut builder, NEW);
    let mut beside = builder.prefix(".dbmatrix-").tempfile_in(folder)?;
    beside.write_all(contents)?;
    if let Some(old) = &old {
        // Who may not give files away owns the new one, as with any editor.
        if let Err(error) = set_owner_of(beside.as_file(), old) {
            tracing::debug!(%error, "the file's owner is now who wrote it");
        }
        beside.as_file().set_permissions(old.permissions())?;
    }
    beside.as_file().sync_all()?;
    beside.persist(&path)?;
    Ok(match old {
        Some(_) => Replaced::Changed,
        None => Replaced::Created,
    })
}

/// Where a path leads to, also where nothing is there yet.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let target = match fs::read_link(&path) {
            Ok(target) => target,
            // No link, or nothing at all.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::NotFound
                ) =>
            {
                return Ok(path);
            }
            Err(error) => return Err(error),
        };
        path.pop();
        path.push(target);
    }
    Err(io::Error::other("too many links lead to one another"))
}

fn has_contents(path: &Path, old: &Metadata, contents: &[u8]) -> io::Result<bool> {
    Ok(old.len() == contents.len() as u64 && fs::read(path)? == contents)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    fn replace(path: &Path, contents: &str) -> Replaced {
        replace_file(path, contents.as_bytes()).expect("it is written")
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().display().to_string())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_keeps_its_permissions_and_an_equal_one_is_not_touched() {
        let folder = folder();
        let path = folder.path().join("a");
        assert_eq!(replace(&path, "1"), Replaced::Created);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("its owner may");
        assert_eq!(replace(&path, "2"), Replaced::Changed);
        let first = fs::metadata(&path).expect("it is there");
        assert_eq!(first.permissions().mode() & 0o777, 0o640);
        assert_eq!(replace(&path, "2"), Replaced::Unchanged);
        let second = fs::metadata(&path).expect("it is there");
        assert_eq!(first.ino(), second.ino());
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = folder();
        fs::create_dir(folder.path().join("there")).expect("a folder");
        let target = folder.path().join("there/a");
        let link = folder.path().join("link");
        symlink("there/a", &link).expect("a link");
        // Nothing is there yet.
        assert_eq!(replace(&link, "1"), Replaced::Created);
        assert_eq!(replace(&link, "2"), Replaced::Changed);
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("a file"), "2");
    }

    #[test]
    fn a_failure_leaves_the_former_file_and_nothing_else() {
        let folder = folder();
        let path = folder.path().join("full");
        symlink("/dev/full", &path).expect("a link");
        assert!(replace_file(&path, b"1").is_err());
        let absent = folder.path().join("absent/a");
        assert!(replace_file(&absent, b"1").is_err());
        let circle = folder.path().join("circle");
        symlink("circle", &circle).expect("a link");
        assert!(replace_file(&circle, b"1").is_err());
        assert_eq!(names(folder.path()), ["circle", "full"]);
    }
}
