//! What a user leaves behind whom no engine trusts. As root the program runs as
//! nobody, else as whoever tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The user who owns nothing (Debian policy, 9.2.1).
const NOBODY: &str = "65534";
/// Writes down how it was called, and refuses.
const SUDO: &str = "#!/bin/sh\necho \"$*\" > \"$TOLD\"\nexit 1\n";

/// Runs the program with a home of its own, whose only sudo is ours and whose
/// engine is not there.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    let program = folder.join("dbmatrix");
    let mut command = match rustix::process::geteuid().is_root() {
        true => {
            let mut command = Command::new("/usr/bin/setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]);
            command.arg(program);
            command
        }
        false => Command::new(program),
    };
    let home = folder.join("home");
    command
        .args(arguments)
        .env_clear()
        .env("PATH", folder.join("bin"))
        .env("HOME", &home)
        .env("TMPDIR", &home)
        .env("XDG_RUNTIME_DIR", &home)
        .env("TOLD", home.join("told"))
        .env("DBMATRIX_ENGINE", folder.join("no-engine"))
        .env("SECRET", "do-not-tell")
        .current_dir(&home)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

#[test]
fn sudo_hears_no_secret_of_the_environment_and_no_file_holds_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let open = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("our own");
    };
    open(folder.path(), 0o755);
    fs::copy(env!("CARGO_BIN_EXE_dbmatrix"), path("dbmatrix")).expect("the program");
    fs::create_dir(path("bin")).expect("a folder");
    fs::write(path("bin/sudo"), SUDO).expect("a program");
    open(&path("bin/sudo"), 0o755);
    fs::create_dir(path("home")).expect("a folder");
    open(&path("home"), 0o777);

    let output = run(folder.path(), &["list"]);
    assert_eq!(output.status.code(), Some(1), "sudo's own");
    let left = fs::read_dir(path("home")).expect("a folder").flatten();
    let left: Vec<_> = left.map(|file| file.file_name()).collect();
    assert_eq!(left, ["told"]);
    let told = fs::read_to_string(path("home/told")).expect("sudo was called");
    assert!(told.contains("list"), "{told}");
    assert!(!told.contains("do-not-tell"), "{told}");
}
