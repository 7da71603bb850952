//! A second engine on the same machine, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dbmatrix_engine::Engine;
use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, kill_process};

use super::chain::block_on;
use super::sandbox::check;

/// As dbmatrix starts an engine, in a mount namespace of its own.
const START: &str = r#"
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then mount -t cgroup2 cgroup2 /sys/fs/cgroup; fi
exec "$DAEMON" --group root
"#;
const DAEMONS: [&str; 4] = [
    "/usr/libexec/incus/incusd",
    "/usr/bin/incusd",
    "/usr/sbin/lxd",
    "/usr/bin/lxd",
];

/// It is ended, and its folder removed, when this is dropped.
pub(crate) struct Second {
    daemon: Child,
    folder: PathBuf,
}

impl Second {
    /// Starts it; its folder's path has to be short, as a socket's is.
    pub(crate) fn start(folder: PathBuf) -> Result<Self, Failed> {
        fs::create_dir_all(&folder)?;
        let program = DAEMONS.iter().find(|path| Path::new(path).exists());
        let program = program.ok_or("no engine's daemon is installed")?;
        let log = fs::File::create(folder.with_extension("log"))?;
        let daemon = Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "/bin/sh",
                "-euc",
                START,
            ])
            .env("DAEMON", program)
            .env("LXD_DIR", &folder)
            .env("INCUS_DIR", &folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut second = Second { daemon, folder };
        let deadline = Instant::now() + Duration::from_secs(60);
        let engine = Engine::new(second.socket());
        while !block_on(async { engine.is_ready().await }) {
            let ended = second.daemon.try_wait()?;
            check(ended.is_none() && Instant::now() < deadline, second.log())?;
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(second)
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("unix.socket")
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.with_extension("log"));
        format!("the second engine:\n{}", log.unwrap_or_default())
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
        let _ = self.daemon.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
