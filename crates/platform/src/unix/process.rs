//! Programs: their groups, their ends.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command as Program, ExitStatus};

use rustix::fs::Mode;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, setsid, umask};
use tokio::process::{Child, Command};

/// Lets a program begin a group, which all that it starts is in.
pub fn set_own_group(command: &mut Command) {
    command.process_group(0);
}

fn running(child: &Child) -> Option<Pid> {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    id.and_then(Pid::from_raw)
}

/// Asks a program to end.
pub fn terminate(child: &mut Child) {
    if let Some(id) = running(child) {
        let _ = kill_process(id, Signal::TERM);
    }
}

/// Asks a program and all of its group to end.
pub fn terminate_group(child: &mut Child) {
    if let Some(id) = running(child) {
        let _ = kill_process_group(id, Signal::TERM);
    }
}

/// Ends a program.
pub fn kill(child: &mut Child) {
    if let Some(id) = running(child) {
        let _ = kill_process(id, Signal::KILL);
    }
}

/// Ends a program and all of its group.
pub fn kill_group(child: &mut Child) {
    if let Some(id) = running(child) {
        let _ = kill_process_group(id, Signal::KILL);
    }
}

/// Asks the process of that id to end.
pub fn terminate_by_id(id: i32) {
    if let Some(id) = Pid::from_raw(id) {
        let _ = kill_process(id, Signal::TERM);
    }
}

/// The signal that has ended a program.
pub fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// Lets another program take this one's place. Returns why it did not.
pub fn replace_by(program: &mut Program) -> io::Error {
    program.exec()
}

/// Leaves the terminal to others: its end and its Ctrl-C are not for this process.
pub fn leave_terminal() {
    // A process that leads its group has one of its own already.
    let _ = setsid();
}

/// What this process makes can be read by all and written by its user.
pub fn set_usual_umask() {
    umask(Mode::WGRP | Mode::WOTH);
}
