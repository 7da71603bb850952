//! Files: whose they are, who may use them, and how they are opened. Windows has lists of
//! rights instead of modes; a new file takes those of its folder, and keeps them here.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsHandle;
use std::path::Path;

use tempfile::Builder;

pub use crate::unsupported::MemoryFile;
use crate::unsupported::needs_linux;

/// `FILE_FLAG_OPEN_REPARSE_POINT` of winbase.h: opens a link itself.
const NO_LINK: u32 = 0x0020_0000;

/// A name of bytes, as it stands in a file. Names are text on this system.
pub fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// None: users have no numbers.
pub fn owner(_: &Metadata) -> Option<u32> {
    None
}

/// None: groups have no numbers.
pub fn group(_: &Metadata) -> Option<u32> {
    None
}

/// What the file may be used for, in the bits of chmod(1), as far as there is such a thing.
pub fn mode(found: &Metadata) -> u32 {
    match found.permissions().readonly() {
        true => 0o444,
        false => 0o644,
    }
}

/// Whether the file is this user's: the rights of its folder say so.
pub fn is_own(_: &Metadata) -> bool {
    true
}

/// Whether it is a socket, of which this system's files are none.
pub fn is_socket(_: &Metadata) -> bool {
    false
}

/// Leaves a file the rights that it has.
///
/// # Errors
/// Never.
pub fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

/// As [`set_mode`], of an open file.
///
/// # Errors
/// Never.
pub fn set_mode_of(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// Fails.
///
/// # Errors
/// Always.
pub fn set_group(_: &Path, _: u32) -> io::Result<()> {
    Err(needs_linux("a folder of the engine's group"))
}

/// Leaves a file its owner, who is this user.
///
/// # Errors
/// Never.
pub fn set_owner_of(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Leaves a temporary file or folder the rights of its folder.
pub fn make_with_mode(_: &mut Builder<'_, '_>, _: u32) {}

/// Leaves a file that is made when it is opened the rights of its folder.
pub fn open_with_mode(_: &mut OpenOptions, _: u32) {}

/// Lets no link be followed. Sets no other flags.
pub fn open_no_link(options: &mut OpenOptions) {
    options.custom_flags(NO_LINK);
}

/// Opens a file to read it; follows no link.
///
/// # Errors
/// As of the system.
pub fn open_at_once(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    open_no_link(&mut options);
    options.open(path)
}

/// Fails: only locks of nests ask.
///
/// # Errors
/// Always.
pub fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Err(needs_linux("the lock of a nest"))
}

/// Whether this user may write there, as far as is known.
pub fn may_write(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|found| !found.permissions().readonly())
}

/// Whether this user may read and write there, as far as is known.
pub fn may_read_and_write(path: &Path) -> bool {
    may_write(path)
}

/// Whether somebody else's rights keep this user from writing there, as far as is known.
pub fn denies_writing(_: &Path) -> bool {
    false
}

/// Standard output as a file of its own, without the buffer before it.
///
/// # Errors
/// Where it is closed.
pub fn own_stdout() -> io::Result<File> {
    let handle = io::stdout().as_handle().try_clone_to_owned();
    handle.map(File::from)
}
