//! The process behind an engine's socket, as the kernel shows it: determines whether it
//! is stopped or was just started, and what to do if it is silent.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use dbmatrix_platform::machine::uptime;
use dbmatrix_platform::socket::peer;

use super::connection::Transport;
use crate::privilege;

/// Those of Incus and of LXD.
const DAEMONS: [&str; 2] = ["incusd", "lxd"];
const SYSTEMD: u32 = 1;
/// Clock ticks per second in `/proc` (`USER_HZ`), wherever Incus and LXD run.
const TICKS: u64 = 100;

/// The daemon of an engine, as far as it is visible.
#[derive(Debug)]
pub(super) struct Daemon {
    location: DaemonLocation,
    /// Its possible processes; several engines may have daemons of the same name.
    processes: Vec<Process>,
}

/// Where a daemon runs, and what accepts connections for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DaemonLocation {
    /// On this machine; it listens itself.
    Own,
    /// On this machine; systemd listens.
    Systemd,
    /// In a nest; a proxy of the host's engine listens.
    Nest,
    /// On another machine.
    Remote,
}

impl Daemon {
    /// Finds the daemon behind this transport.
    pub(super) fn find(transport: &Transport) -> Self {
        let Transport::Socket { path, .. } = transport else {
            let (location, processes) = (DaemonLocation::Remote, Vec::new());
            return Daemon {
                location,
                processes,
            };
        };
        // The socket does not show it: the process that opened it for a proxy has ended.
        if let Some(init) = processes().find_map(|process| init_behind(path, &process)) {
            let (location, processes) = (DaemonLocation::Nest, daemons_of_a_nest(init));
            return Daemon {
                location,
                processes,
            };
        }
        let (location, processes) = match listener(path) {
            Some(process) if process.pid == SYSTEMD => (
                DaemonLocation::Systemd,
                daemons_of_this_machine(names(path)),
            ),
            Some(process) => (DaemonLocation::Own, vec![process]),
            None => (DaemonLocation::Own, daemons_of_this_machine(names(path))),
        };
        Daemon {
            location,
            processes,
        }
    }

    /// Its process, if a signal has stopped it.
    pub(super) fn stopped(&self) -> Option<u32> {
        let stopped = self.processes.iter().find(|process| process.is_stopped);
        stopped.map(|process| process.pid)
    }

    /// Whether one of its processes is younger than this.
    pub(super) fn is_younger_than(&self, time: Duration) -> bool {
        let mut ages = self.processes.iter().filter_map(|process| process.age);
        ages.any(|age| age < time)
    }

    /// The age of a daemon whose listener holds connections until it is ready. One that
    /// listens itself has already started by then.
    pub(super) fn started_ago(&self) -> Option<Duration> {
        let ages = self.processes.iter().filter_map(|process| process.age);
        match self.location {
            DaemonLocation::Own | DaemonLocation::Remote => None,
            // The listener accepts connections for a daemon that is about to start.
            DaemonLocation::Systemd | DaemonLocation::Nest if self.processes.is_empty() => {
                Some(Duration::ZERO)
            }
            DaemonLocation::Systemd | DaemonLocation::Nest => ages.min(),
        }
    }
}

/// What to do about a silent daemon.
impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const RESTART: &str = "restart it: `sudo systemctl restart incus` (or `lxd`)";
        let only = match self.processes.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        match (self.location, self.stopped(), only) {
            (DaemonLocation::Nest, Some(pid), _) => write!(
                f,
                "the engine in the nest, process {pid}, is stopped: `sudo kill -CONT {pid}` lets it go on"
            ),
            (_, Some(pid), _) => write!(
                f,
                "its daemon, process {pid}, is stopped: `sudo kill -CONT {pid}` lets it go on"
            ),
            (DaemonLocation::Nest, None, Some(Process { pid, .. })) => write!(
                f,
                "run the same command again; where the engine in the nest stays silent, `sudo kill \
                 -KILL {pid}` ends its daemon and the nest starts another one, which keeps all \
                 flavours"
            ),
            (DaemonLocation::Nest, None, None) => f.write_str(
                "run the same command again; where the engine in the nest stays silent, restart the \
                 nest's container: `incus restart` (or `lxc restart`), which keeps all flavours",
            ),
            (DaemonLocation::Own, None, Some(process)) => {
                let (pid, name) = (process.pid, process.arguments.join(" "));
                write!(
                    f,
                    "look at its daemon by `ps -o pid,stat,etime,args -p {pid}` (`{name}`) and at \
                     its log, and {RESTART}; where no systemd runs, end it by `sudo kill {pid}`: the \
                     next command starts it"
                )
            }
            (DaemonLocation::Own | DaemonLocation::Systemd, None, _) => write!(
                f,
                "look at its daemon by `ps -C incusd,lxd -o pid,stat,etime,args` and at its log, \
                 and {RESTART}"
            ),
            (DaemonLocation::Remote, None, _) => {
                write!(f, "look at its daemon and its log on that machine, and {RESTART}")
            }
        }
    }
}

/// A process of this machine or of a container on it.
#[derive(Debug, Clone)]
struct Process {
    pid: u32,
    parent: u32,
    /// The name of its program, at most 15 bytes.
    name: String,
    arguments: Vec<String>,
    is_stopped: bool,
    /// Its age, if the machine's uptime covers it.
    age: Option<Duration>,
}

impl Process {
    /// Reads `/proc/PID/stat` (proc_pid_stat(5)) and `/proc/PID/cmdline`.
    fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, rest) = stat.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // From the third field on.
        let field = |number: usize| fields.get(number - 3).copied();
        let started: u64 = field(22)?.parse().ok()?;
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments);
        let arguments = arguments.split('\0').filter(|word| !word.is_empty());
        Some(Process {
            pid,
            parent: field(4)?.parse().ok()?,
            name: name.to_owned(),
            arguments: arguments.map(str::to_owned).collect(),
            is_stopped: matches!(field(3), Some("T" | "t")),
            age: age(started),
        })
    }

    /// For a proxy: the socket on which it listens, and the init of the container that it
    /// leads to. `incusd forkproxy -- 115 4 unix:/run/x.socket 266 3 unix:/var/y.socket`
    /// listens on `x` and leads to that of 266.
    fn proxy(&self) -> Option<(&str, u32)> {
        let mut words = self.arguments.iter().skip(1);
        words.next().filter(|work| *work == "forkproxy")?;
        let listen = words.find(|word| word.contains(':'))?;
        Some((listen, words.next()?.parse().ok()?))
    }

    /// Whether this is a daemon. Its program also runs its helpers, whose task is the
    /// first word, and the monitors of containers.
    fn is_daemon(&self, names: &[&str]) -> bool {
        let first = self.arguments.first();
        let is_monitor = first.is_some_and(|word| word.starts_with('['));
        let second = self.arguments.get(1);
        let is_helper = second.is_some_and(|word| !word.starts_with('-'));
        names.contains(&self.name.as_str()) && !is_monitor && !is_helper
    }

    /// Whether it has another process id in a container.
    fn is_in_a_container(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        ids.is_some_and(|ids| ids.split_whitespace().count() > 1)
    }
}

fn age(started: u64) -> Option<Duration> {
    let running = uptime()?;
    // The uptime is in whole seconds, rounded down.
    let seconds = (running + 1).checked_sub(started / TICKS)?;
    Some(Duration::from_secs(seconds))
}

fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read)
}

fn daemons_of_this_machine(names: &[&str]) -> Vec<Process> {
    let daemons = processes().filter(|process| process.is_daemon(names));
    daemons
        .filter(|process| !process.is_in_a_container())
        .collect()
}

/// The init of the nest to which this process forwards a socket.
fn init_behind(socket: &Path, process: &Process) -> Option<u32> {
    let (listen, init) = process.proxy()?;
    (Path::new(listen.strip_prefix("unix:")?) == socket).then_some(init)
}

/// The daemons that a nest's init has started.
fn daemons_of_a_nest(init: u32) -> Vec<Process> {
    let daemons = processes().filter(|process| process.is_daemon(&DAEMONS));
    daemons.filter(|process| process.parent == init).collect()
}

/// The names of the daemons behind a socket: a machine may have both.
fn names(socket: &Path) -> &'static [&'static str] {
    let path = socket.to_string_lossy();
    match (path.contains("incus"), path.contains("lxd")) {
        (true, false) => &DAEMONS[..1],
        (false, true) => &DAEMONS[1..],
        _ => &DAEMONS,
    }
}

/// The process that listens on a socket; systemd if it does so for a daemon.
fn listener(socket: &Path) -> Option<Process> {
    let stream = privilege::connect(socket).ok()?;
    let pid = peer(&stream).ok()?.process();
    Process::read(u32::try_from(pid).ok()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::process::{Child, Command};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    /// Runs `sleep` under another name. Linux refuses to run a file that is open for writing, and
    /// a copy may be: what another thread has just started inherits its files.
    fn sleeping(folder: &Path, name: &str) -> Child {
        let program = folder.join(name);
        symlink("/bin/sleep", &program).expect("a program");
        let mut command = Command::new(program);
        command.args(["--", "60"]).spawn().expect("it starts")
    }

    fn stop(child: &Child) {
        kill_process(Pid::from_child(child), Signal::STOP).expect("it is there");
        while !Process::read(child.id()).is_some_and(|process| process.is_stopped) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn kill_and_wait(mut child: Child) {
        child.kill().expect("it is there");
        child.wait().expect("it has ended");
    }

    #[test]
    fn a_stopped_daemon_speaks_for_its_own_engine_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let daemon = sleeping(folder.path(), "lxd");
        stop(&daemon);
        let of = |path: &str| Daemon::find(&Transport::socket(PathBuf::from(path)));
        let incus = of("/nowhere/incus/unix.socket").stopped();
        let lxd = of("/nowhere/lxd/unix.socket").stopped();
        let id = daemon.id();
        kill_and_wait(daemon);
        assert_ne!(incus, Some(id));
        assert!(lxd.is_some());
    }

    #[test]
    fn only_who_does_not_listen_itself_may_be_starting() {
        let process = |age: u64| Process {
            pid: 3,
            parent: 2,
            name: "incusd".to_owned(),
            arguments: Vec::new(),
            is_stopped: false,
            age: Some(Duration::from_secs(age)),
        };
        let started = |location: DaemonLocation, processes: Vec<Process>| {
            let daemon = Daemon {
                location,
                processes,
            };
            daemon.started_ago().map(|ago| ago.as_secs())
        };
        for location in [DaemonLocation::Systemd, DaemonLocation::Nest] {
            assert_eq!(started(location, Vec::new()), Some(0));
            assert_eq!(started(location, vec![process(7), process(500)]), Some(7));
        }
        assert_eq!(started(DaemonLocation::Own, vec![process(7)]), None);
        assert_eq!(started(DaemonLocation::Remote, Vec::new()), None);
    }

    #[test]
    fn a_process_is_as_old_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let child = sleeping(folder.path(), "young");
        let age = Process::read(child.id()).and_then(|process| process.age);
        kill_and_wait(child);
        assert!(
            age.is_some_and(|age| age < Duration::from_secs(30)),
            "{age:?}"
        );
    }

    #[test]
    fn a_nests_daemon_is_found_by_the_proxy_that_leads_to_it() {
        let words = "/usr/bin/lxd forkproxy -- 115 4 unix:/run/x.socket 266 3 unix:/var/y.socket";
        let proxy = Process {
            pid: 2,
            parent: 1,
            name: "lxd".to_owned(),
            arguments: words.split(' ').map(str::to_owned).collect(),
            is_stopped: false,
            age: None,
        };
        assert!(!proxy.is_daemon(&DAEMONS));
        let behind = |socket: &str| init_behind(Path::new(socket), &proxy);
        assert_eq!(behind("/run/x.socket"), Some(266));
        // An engine of the machine may listen there too.
        assert_eq!(behind("/var/y.socket"), None);

        let folder = tempfile::tempdir().expect("a folder");
        let daemon = sleeping(folder.path(), "incusd");
        let of = |init: u32| {
            let found = daemons_of_a_nest(init);
            found.iter().any(|process| process.pid == daemon.id())
        };
        let (own, other) = (of(std::process::id()), of(u32::MAX));
        kill_and_wait(daemon);
        assert!(own && !other);
    }
}
