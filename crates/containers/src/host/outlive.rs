//! Programs that outlive the command. They must not keep files that its caller had open,
//! such as that of `flock`, whose lock they would hold as long as they live.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Closes the caller's files. Only bash can close those beyond the ninth.
pub(super) const CLOSE_FILES: &str = r#"
    if [ -n "${BASH_VERSION:-}" ]; then
        for file in /proc/self/fd/*; do
            number=${file##*/}
            if [ "$number" -gt 9 ]; then eval "exec $number>&-"; fi
        done
    fi
    exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
"#;

/// The shell that can close most files.
pub(super) fn shell() -> &'static str {
    let mut shells = ["/bin/bash", "/bin/sh"].into_iter();
    shells
        .find(|shell| Path::new(shell).exists())
        .unwrap_or("/bin/sh")
}

/// A program with its arguments, which inherits only the three standard files.
pub fn without_callers_files<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Command {
    let mut command = Command::new(shell());
    command
        .args(["-eu", "-c"])
        .arg(format!("{CLOSE_FILES}\nexec \"$0\" \"$@\""))
        .arg(program)
        .args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_no_file_of_the_callers() {
        let file = tempfile::tempfile().expect("a file");
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("kept by programs");
        let many: Vec<_> = (0..12)
            .map(|_| {
                let copy = rustix::io::dup(&file).expect("a copy");
                rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::empty()).expect("kept");
                copy
            })
            .collect();
        let listed = |mut command: Command| {
            let output = command.output().expect("it runs");
            String::from_utf8_lossy(&output.stdout).lines().count()
        };
        // Three, and the folder that is being listed.
        let clean = without_callers_files(Path::new("/bin/ls"), ["/proc/self/fd"]);
        assert_eq!(listed(clean), 4);
        let mut kept = Command::new("/bin/ls");
        kept.arg("/proc/self/fd");
        assert!(listed(kept) > many.len());
    }
}
