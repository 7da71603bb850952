//! Programs: their groups, their ends. A program without windows cannot be asked to end
//! here, so it is ended at once.

use std::io;
use std::process::{Command as Program, ExitStatus, Stdio};

use tokio::process::{Child, Command};

use crate::unsupported::needs_linux;

/// `CREATE_NEW_PROCESS_GROUP` of winbase.h: Ctrl-C is not for the program.
const OWN_GROUP: u32 = 0x0000_0200;

/// Lets a program begin a group.
pub fn set_own_group(command: &mut Command) {
    command.creation_flags(OWN_GROUP);
}

/// Ends a program.
pub fn terminate(child: &mut Child) {
    kill(child);
}

/// Ends a program and all that it has started.
pub fn terminate_group(child: &mut Child) {
    kill_group(child);
}

/// Ends a program.
pub fn kill(child: &mut Child) {
    let _ = child.start_kill();
}

/// Ends a program and all that it has started.
pub fn kill_group(child: &mut Child) {
    let Some(id) = child.id() else {
        return;
    };
    let ended = Program::new("taskkill")
        .args(["/T", "/F", "/PID", &id.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !ended.is_ok_and(|status| status.success()) {
        kill(child);
    }
}

/// Nothing: no process of ours is known by its id.
pub fn terminate_by_id(_: i32) {}

/// None: there are no signals.
pub fn signal_of(_: ExitStatus) -> Option<i32> {
    None
}

/// Fails.
pub fn replace_by(program: &mut Program) -> io::Error {
    let name = program.get_program().to_string_lossy();
    needs_linux(&format!("`{name}`"))
}

/// Nothing: no process of ours outlives its command.
pub fn leave_terminal() {}

/// Nothing: new files take the rights of their folder.
pub fn set_usual_umask() {}
