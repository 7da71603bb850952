//! Files: whose they are, who may use them, and how they are opened.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::Path;

use rustix::fs::{Access, Mode, OFlags, access};
use rustix::io::Errno;
use tempfile::Builder;

pub use super::system::MemoryFile;
use super::user;

/// A name of bytes, as it stands in a file.
pub fn os_string(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

/// The number of the user whose the file is, where users have numbers.
pub fn owner(found: &Metadata) -> Option<u32> {
    Some(found.uid())
}

/// The number of the file's group, where groups have numbers.
pub fn group(found: &Metadata) -> Option<u32> {
    Some(found.gid())
}

/// What the file may be used for, in the bits of chmod(1).
pub fn mode(found: &Metadata) -> u32 {
    found.mode()
}

/// Whether the file is this user's.
pub fn is_own(found: &Metadata) -> bool {
    found.uid() == user::id()
}

/// Whether it is a socket.
pub fn is_socket(found: &Metadata) -> bool {
    found.file_type().is_socket()
}

/// Says what a file may be used for.
///
/// # Errors
/// As of the system.
pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// As [`set_mode`], of an open file.
///
/// # Errors
/// As of the system.
pub fn set_mode_of(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Gives a file to a group.
///
/// # Errors
/// As of the system.
pub fn set_group(path: &Path, group: u32) -> io::Result<()> {
    chown(path, None, Some(group))
}

/// Gives a file the owner and the group of another one.
///
/// # Errors
/// Where this user may not give files away.
pub fn set_owner_of(file: &File, other: &Metadata) -> io::Result<()> {
    let wanted = (other.uid(), other.gid());
    let found = file.metadata().ok();
    if found.is_some_and(|found| (found.uid(), found.gid()) == wanted) {
        return Ok(());
    }
    fchown(file, Some(wanted.0), Some(wanted.1))
}

/// What a temporary file or folder may be used for, as far as the umask leaves it.
pub fn make_with_mode(builder: &mut Builder<'_, '_>, mode: u32) {
    builder.permissions(Permissions::from_mode(mode));
}

/// What a file may be used for that is made when it is opened.
pub fn open_with_mode(options: &mut OpenOptions, mode: u32) {
    options.mode(mode);
}

/// Lets no link be followed. Sets no other flags.
pub fn open_no_link(options: &mut OpenOptions) {
    options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default());
}

/// Opens a file to read it; follows no link and does not wait for a pipe.
///
/// # Errors
/// As of the system.
pub fn open_at_once(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Whether the path leads to this very file.
///
/// # Errors
/// As of the system.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether this user may write there.
pub fn may_write(path: &Path) -> bool {
    access(path, Access::WRITE_OK).is_ok()
}

/// Whether this user may read and write there.
pub fn may_read_and_write(path: &Path) -> bool {
    access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
}

/// Whether somebody else's rights keep this user from writing there.
pub fn denies_writing(path: &Path) -> bool {
    access(path, Access::WRITE_OK) == Err(Errno::ACCESS)
}

/// Standard output as a file of its own, without the buffer before it.
///
/// # Errors
/// Where it is closed.
pub fn own_stdout() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}
