//! Temporary storage for building an image.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use dbmatrix_platform::{file, user};

/// Memory that a build in memory requires, in KiB: for its tree, for another build at the
/// same time, and for everything else on the machine.
const PLENTY: u64 = 4 << 20;

/// Runs the program in its own mount namespace, in which `$TMPDIR` is in memory:
/// otherwise a package manager waits until each of its small files is on the disk, which
/// takes half of the time. The mount ends with the program.
const IN_MEMORY: &str =
    r#"mount -t tmpfs -o size=3g,mode=0755 dbmatrix-image "$TMPDIR"; exec "$0" "$@""#;

/// Where users other than root unpack.
pub(super) const OPEN: &str = "/var/tmp";

/// A folder for users other than root: in their user namespace, their own folders belong
/// to an unknown user (mmdebstrap(1), TMPDIR).
pub(super) fn open_folder() -> io::Result<Option<TempDir>> {
    if user::is_root() {
        return Ok(None);
    }
    let mut builder = tempfile::Builder::new();
    file::make_with_mode(&mut builder, 0o755);
    let folder = builder.prefix("dbmatrix-image-").tempdir_in(OPEN);
    folder.map(Some)
}

/// Location of temporary files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scratch {
    /// In memory, and removed with the program.
    Memory,
    /// In a folder below the work folder.
    Disk,
}

impl Scratch {
    /// In memory if there is enough of it.
    pub(super) fn fitting() -> Self {
        let has_plenty = available_memory().is_some_and(|kib| kib >= PLENTY);
        match user::is_root() && has_plenty {
            true => Scratch::Memory,
            false => Scratch::Disk,
        }
    }

    /// A program with its temporary files at this location.
    pub(super) fn command(self, program: &str, work: &Path) -> Command {
        let folder = work.join("scratch");
        let has_folder = fs::create_dir_all(&folder).is_ok();
        let mut command = if has_folder && self == Scratch::Memory {
            let mut command = Command::new("unshare");
            command
                .args(["--mount", "--propagation", "private"])
                .args(["/bin/sh", "-eu", "-c", IN_MEMORY, program]);
            command
        } else {
            Command::new(program)
        };
        command.env("TMPDIR", if has_folder { &folder } else { work });
        command
    }
}

/// `MemAvailable` of `/proc/meminfo`, in KiB.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn left_by(scratch: Scratch) -> usize {
        let work = tempfile::tempdir().expect("a folder");
        let script = r#"echo x > "$TMPDIR/file"; echo "$TMPDIR""#;
        let output = scratch
            .command("/bin/sh", work.path())
            .args(["-c", script])
            .output()
            .await
            .expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(Path::new(told.trim()), work.path().join("scratch"));
        let left = fs::read_dir(work.path().join("scratch")).expect("it is there");
        left.count()
    }

    #[tokio::test]
    async fn temporary_files_are_below_the_work_folder_and_in_memory_leave_nothing() {
        assert_eq!(left_by(Scratch::Disk).await, 1);
        if Scratch::fitting() == Scratch::Memory {
            assert_eq!(left_by(Scratch::Memory).await, 0);
        }
    }
}
