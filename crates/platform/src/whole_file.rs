//! Replaces users' files atomically: a reader finds the old or the new content, never a
//! part.
//!
//! Knows nothing of the files' content.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::file::{make_with_mode, set_owner_of};

/// Permissions of a new file, subject to the umask.
const NEW: u32 = 0o666;
/// Maximum number of links that are followed, as in the kernel.
const LINKS: usize = 40;

/// The result of replacing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// There was no file before.
    Created,
    /// The content has changed.
    Changed,
    /// The content was already the same, and the file was not touched.
    Unchanged,
}

/// Replaces a file's content atomically. Follows links. An existing file keeps its
/// permissions and, if this user may change it, its owner. Anything other than a plain
/// file, such as a device, is written to directly.
///
/// # Errors
/// As of the system; the file is then unchanged.
pub fn replace_file(path: &Path, contents: &[u8]) -> io::Result<Replaced> {
    let path = follow_links(path)?;
    if let Some(old) = metadata(&path)?.filter(Metadata::is_file)
        && has_contents(&path, &old, contents)?
    {
        return Ok(Replaced::Unchanged);
    }
    replace(&path, &mut &*contents)
}

/// The same with contents that are read from somewhere, however long, and that are not
/// compared with those of before.
///
/// # Errors
/// As of the system; the file is then unchanged.
pub fn replace_file_from(path: &Path, contents: &mut dyn Read) -> io::Result<Replaced> {
    replace(&follow_links(path)?, contents)
}

/// The folder of a file.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `None` if there is no such file.
fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn replace(path: &Path, contents: &mut dyn Read) -> io::Result<Replaced> {
    let old = metadata(path)?;
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        io::copy(contents, &mut fs::File::create(path)?)?;
        return Ok(Replaced::Changed);
    }
    let mut builder = Builder::new();
    make_with_mode(&mut builder, NEW);
    let mut beside = builder.prefix(".dbmatrix-").tempfile_in(folder_of(path))?;
    io::copy(contents, beside.as_file_mut())?;
    if let Some(old) = &old {
        // A user who may not change owners owns the new file, as with any editor.
        if let Err(error) = set_owner_of(beside.as_file(), old) {
            tracing::debug!(%error, "the file's owner is now who wrote it");
        }
        beside.as_file().set_permissions(old.permissions())?;
    }
    beside.as_file().sync_all()?;
    beside.persist(path)?;
    Ok(match old {
        Some(_) => Replaced::Changed,
        None => Replaced::Created,
    })
}

/// The target of a path, even if it does not exist yet.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let target = match fs::read_link(&path) {
            Ok(target) => target,
            // Not a link, or nothing.
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
    fn contents_may_be_read_from_elsewhere() {
        let folder = folder();
        let path = folder.path().join("a");
        fs::write(&path, "old").expect("a file");
        let mut contents = io::Cursor::new("new").chain(io::Cursor::new(" words"));
        let replaced = replace_file_from(&path, &mut contents).expect("it is written");
        assert_eq!(replaced, Replaced::Changed);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "new words");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = folder();
        fs::create_dir(folder.path().join("there")).expect("a folder");
        let target = folder.path().join("there/a");
        let link = folder.path().join("link");
        symlink("there/a", &link).expect("a link");
        // The target does not exist yet.
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
