//! A terminal at which the program is used, by `script` of util-linux.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use super::sandbox::PROJECT;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program at a terminal of its own.
pub(crate) struct Terminal {
    script: Child,
    keys: Option<ChildStdin>,
    screen: Arc<Mutex<String>>,
    /// How much of the screen was waited for.
    seen: usize,
}

impl Terminal {
    pub(crate) fn open(arguments: &str, home: &std::path::Path) -> Result<Self, Failed> {
        eprintln!("\n$ dbmatrix {arguments} (at a terminal)");
        // A shell that stayed would hear Ctrl-C too, and end with 130 for it.
        let command = format!("exec {} {arguments}", env!("CARGO_BIN_EXE_dbmatrix"));
        let mut script = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("DBMATRIX_PROJECT", PROJECT)
            .env("HOME", home)
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env_remove("XDG_STATE_HOME")
            .env_remove("SUDO_UID")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let keys = script.stdin.take().ok_or("no way to type")?;
        let mut shown = script.stdout.take().ok_or("no way to see")?;
        let screen = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count) = shown.read(&mut chunk)
                && count > 0
            {
                let text = String::from_utf8_lossy(&chunk[..count]).into_owned();
                written.lock().expect("nobody panicked").push_str(&text);
            }
        });
        Ok(Terminal {
            script,
            keys: Some(keys),
            screen,
            seen: 0,
        })
    }

    /// Types keys and waits until the screen shows `text` after that.
    pub(crate) fn types(&mut self, keys: &str, text: &str) -> Result<(), Failed> {
        self.seen = self.screen().len();
        self.send(keys)?;
        self.shows(text)
    }

    fn send(&mut self, keys: &str) -> Result<(), Failed> {
        let way = self.keys.as_mut().ok_or("no way to type")?;
        way.write_all(keys.as_bytes())?;
        Ok(way.flush()?)
    }

    /// Waits until the screen shows `text` after what was typed last.
    pub(crate) fn shows(&mut self, text: &str) -> Result<(), Failed> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if screen[self.seen..].contains(text) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("expected `{text}` on the screen:\n{screen}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Types keys again and again until the screen shows `text`.
    pub(crate) fn types_until(&mut self, keys: &str, text: &str) -> Result<(), Failed> {
        let deadline = Instant::now() + PATIENCE;
        self.seen = self.screen().len();
        while !self.screen()[self.seen..].contains(text) {
            if Instant::now() > deadline {
                return self.shows(text);
            }
            self.send(keys)?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Makes the window another size.
    pub(crate) fn resize(&self, rows: &str, columns: &str) -> Result<(), Failed> {
        let script = self.script.id();
        let program = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children"))?;
        let window = std::fs::read_link(format!("/proc/{}/fd/0", program.trim()))?;
        let mut set = Command::new("stty");
        set.arg("-F").arg(window);
        let status = set.args(["rows", rows, "columns", columns]).status()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("`stty`: {status}").into()),
        }
    }

    /// The exit status after the last keys.
    pub(crate) fn leaves(mut self, keys: &str) -> Result<Option<i32>, Failed> {
        self.send(keys)?;
        self.keys = None;
        Ok(self.script.wait()?.code())
    }

    fn screen(&self) -> String {
        self.screen.lock().expect("nobody panicked").clone()
    }
}

impl Drop for Terminal {
    /// Where a trial fails, the program ends with its terminal.
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
