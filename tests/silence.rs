//! Every command against an engine that says nothing: it ends within the limit of
//! a request and says what to do.
//!
//! The commands run side by side, so that a test takes as long as the slowest of
//! them. As root each runs in a mount namespace with a `/run` and a `/var/lib` of
//! its own: the machine's engines and locks are out of its sight.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

/// How long a command may take whatever its engine does. It is some 13 s; a machine that
/// starts all commands at once, in two tests, needs a few more.
const LIMIT: Duration = Duration::from_secs(20);
/// The same of an engine whose daemon is seen to be stopped. It is some 3 s; a
/// machine that starts thirty programs at once needs a few more.
const LIMIT_OF_A_STOPPED_ONE: Duration = Duration::from_secs(8);

/// What a command does without an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    /// Nothing: it fails and says what to do.
    Fails,
    /// It reports that, and fails.
    Reports,
    /// What it does anyway: it needs none.
    Works,
    /// It is not for people, or cannot do it with these files, and refuses.
    Refuses,
}

use Without::{Fails, Refuses, Reports, Works};

/// How each command is called in a folder with the files of [`Sandbox`]: the words
/// of a subcommand's name first.
const CALLS: &[(Without, &str)] = &[
    (Fails, "run m.toml"),
    (Fails, "diff m.toml -e SELECT"),
    (Fails, "replay m.toml s.sql"),
    (Refuses, "upgrade m.toml"),
    (Fails, "record m.toml -o r.zst -e SELECT"),
    (Fails, "up m.toml"),
    (Fails, "lock m.toml"),
    (Fails, "down m.toml"),
    (Fails, "down --nest ad-hoc"),
    (Fails, "prune"),
    (Fails, "list"),
    (Fails, "list --watch"),
    (Reports, "doctor --offline"),
    (Works, "catalogue"),
    (Fails, "connect mariadb-10.11 -e SELECT"),
    (Fails, "connect --all -e SELECT"),
    (Fails, "connect mariadb:10.11 --yes -e SELECT"),
    (Fails, "exec --flavour mariadb-10.11 -- true"),
    (Works, "completions bash"),
    (Works, "man man1"),
    (Refuses, "root-helper name"),
    (Refuses, "keeper"),
    (Works, "report merge part.jsonl"),
    (Fails, "url mariadb-10.11"),
    (Fails, "env mariadb-10.11"),
    (Fails, "shell mariadb-10.11 -- true"),
    (Fails, "logs mariadb-10.11"),
    (Fails, "cp m.toml mariadb-10.11:/tmp/"),
    (Fails, "start --all"),
    (Fails, "stop mariadb-10.11"),
    (Fails, "pause --all"),
    (Fails, "resume --all"),
    (Fails, "disconnect --all"),
    (Fails, "reconnect --all"),
    (Fails, "promote mariadb-10.11/replica-1"),
    (Fails, "freeze --all"),
    (Fails, "thaw --all"),
    (Fails, "restart --all"),
    (Fails, "reset --all"),
    (Fails, "snapshot --all"),
    (Fails, "restore --all"),
    (Fails, "export mariadb-10.11 packed.tar"),
    (Fails, "import packed.tar --yes"),
    (Fails, "copy mariadb-10.11 --to lab"),
    (Works, "cache key m.toml"),
    (Fails, "cache save m.toml m.cache"),
    // The file is read before an engine is asked, and this one is no cache.
    (Refuses, "cache restore m.toml packed.tar"),
    (
        Fails,
        "bisect --from mariadb:10.5 --to mariadb:11.8 --yes -e SELECT",
    ),
];

/// The names of all commands that do something, such as `report merge`.
fn names_of(command: &clap::Command) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for sub in command.get_subcommands() {
        let inner = names_of(sub);
        match inner.is_empty() {
            true => names.insert(sub.get_name().to_owned()),
            false => {
                let joined = inner
                    .iter()
                    .map(|name| format!("{} {name}", sub.get_name()));
                names.extend(joined.collect::<Vec<_>>());
                false
            }
        };
    }
    names
}

#[test]
fn every_command_is_called() {
    let names = names_of(&dbmatrix::cli::commands());
    let is_called = |name: &&String| {
        let is_it = |words: &str| words == *name || words.starts_with(&format!("{name} "));
        CALLS.iter().any(|(_, words)| is_it(words))
    };
    let forgotten: Vec<&String> = names.iter().filter(|name| !is_called(name)).collect();
    assert!(names.len() > 25, "{names:?}");
    assert!(forgotten.is_empty(), "not in `CALLS`: {forgotten:?}");
}

/// A folder with the files that commands need.
struct Sandbox {
    folder: tempfile::TempDir,
    /// Where the remote `lab` takes connections and says nothing.
    _lab: TcpListener,
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        };
        let matrix = "flavours = ['mariadb:10.11']\n[[suite]]\nname = 's'\nfiles = ['s.sql']\n";
        write("m.toml", matrix.as_bytes());
        write("s.sql", b"SELECT 1;\n");
        write("packed.tar", &packed());
        write("part.jsonl", PART.as_bytes());
        let lab = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = lab.local_addr().expect("an address").port();
        let remote = format!(
            "[lab]\naddress = 'https://127.0.0.1:{port}'\ncertificate = 'c'\n\
             client-certificate = 'c'\nclient-key = 'k'\n"
        );
        let made = rcgen::generate_simple_self_signed(["lab".to_owned()]).expect("a pair");
        write("config/dbmatrix/remotes.toml", remote.as_bytes());
        write("config/dbmatrix/c", made.cert.pem().as_bytes());
        write(
            "config/dbmatrix/k",
            made.signing_key.serialize_pem().as_bytes(),
        );
        Sandbox { folder, _lab: lab }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A call of the program; the engines' usual sockets lead to `usual`.
    fn call(&self, words: &str, usual: Option<&Path>) -> Command {
        // Programs that are called side by side do not wait for each other.
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let word: String = words.chars().filter(|c| plain(*c)).take(30).collect();
        let mut command = match geteuid().is_root() {
            true => Command::new("unshare"),
            false => Command::new(env!("CARGO_BIN_EXE_dbmatrix")),
        };
        if geteuid().is_root() {
            command.args([
                "--mount",
                "--",
                "sh",
                "-euc",
                PRIVATE,
                env!("CARGO_BIN_EXE_dbmatrix"),
            ]);
        }
        if let Some(usual) = usual {
            command.env("USUAL", usual);
        }
        command
            .args(words.split(' ').take_while(|word| *word != "--"))
            .args(["--project", &format!("silent-{word}")])
            .args(words.split(' ').skip_while(|word| *word != "--"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("NO_COLOR", "1")
            .env_remove("SUDO_UID")
            .env_remove("DBMATRIX_ENGINE")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }
}

/// Hides the machine's engines; `$0` is the program.
const PRIVATE: &str = r#"
    mount -t tmpfs none /run
    mount -t tmpfs none /var/lib
    # Nothing is to be installed by a run, whatever the machine has.
    mount -t tmpfs none /usr/local/sbin
    for program in mkfs.btrfs mmdebstrap newuidmap dnsmasq nft; do
        touch "/usr/local/sbin/$program"
    done
    if [ -n "${USUAL-}" ]; then
        for folder in incus lxd; do
            mkdir "/var/lib/$folder"
            ln -s "$USUAL" "/var/lib/$folder/unix.socket"
        done
    fi
    exec "$0" "$@"
"#;

/// What `export` writes, as far as it is looked at before an engine is asked.
fn packed() -> Vec<u8> {
    let text = format!(
        "name: x\nbackend: btrfs\nconfig:\n  container:\n    architecture: {}\n    config:\n      \
         user.dbmatrix.flavour: mariadb-10.11\n      user.dbmatrix.server: mariadb:10.11\n      \
         user.dbmatrix.version: 10.11.18-MariaDB-0+deb12u1\n",
        std::env::consts::ARCH
    );
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    let added = builder.append_data(&mut header, "backup/index.yaml", text.as_bytes());
    added.expect("memory");
    builder.into_inner().expect("memory")
}

/// A whole report of a run of nothing.
const PART: &str = r#"{"event":"run-started","schema":1,"program":"dbmatrix 0.1.0","began":"2026-11-26T14:22:52Z","matrix":"m.toml","flavours":[],"shard":null,"strict":false}
{"event":"run-finished","verdict":"passed","took":0.1}
"#;

/// What a call said, and how long it took.
struct Ended {
    said: String,
    status: Option<i32>,
    took: Duration,
}

fn ended(mut command: Command) -> Ended {
    let begun = Instant::now();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program runs");
    let id = Pid::from_child(&child);
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    // Well above the limit: how long it takes is worth knowing.
    let guard = thread::spawn(move || {
        if is_done.recv_timeout(6 * LIMIT).is_err() {
            let _ = kill_process(id, Signal::KILL);
        }
    });
    let output = child.wait_with_output().expect("it ends");
    let took = begun.elapsed();
    let _ = done.send(());
    guard.join().expect("no panic");
    let said = [output.stdout, output.stderr].concat();
    Ended {
        said: String::from_utf8_lossy(&said).into_owned(),
        status: output.status.code(),
        took,
    }
}

/// What is wrong with how a call ended.
fn fault(call: (Without, &str), limit: Duration, remedy: &str, ended: &Ended) -> Option<String> {
    let (without, words) = call;
    // The engine of another machine, which hangs in any case.
    let is_remote = words.starts_with("copy ") && !ended.said.contains(".socket");
    let (limit, remedy) = match (without, is_remote) {
        (Fails, true) => (LIMIT, "on that machine, and restart it"),
        (Fails | Reports, _) => (limit, remedy),
        // Mirrors may be out of reach.
        (Works | Refuses, _) => (LIMIT, ""),
    };
    let status_is_right = match without {
        Works => ended.status == Some(0),
        Fails => ended.status == Some(3),
        Reports => ended.status == Some(1),
        Refuses => ended.status.is_some_and(|status| status > 0),
    };
    let is_fine = status_is_right && ended.said.contains(remedy) && ended.took < limit;
    (!is_fine).then(|| {
        let (status, took) = (ended.status, ended.took.as_secs_f32());
        format!(
            "`{words}` ended with {status:?} after {took:.1} s:\n{}",
            ended.said
        )
    })
}

/// Calls all commands side by side.
fn check_all(limit: Duration, remedy: &str, call: impl Fn(&str) -> Command) {
    let calls: Vec<_> = CALLS
        .iter()
        .map(|(without, words)| {
            let command = call(words);
            (without, words, thread::spawn(move || ended(command)))
        })
        .collect();
    let mut faults = Vec::new();
    for (without, words, running) in calls {
        let ended = running.join().expect("no panic");
        // For who runs it with `--nocapture`.
        let _ = writeln!(
            std::io::stdout(),
            "{:5.1} s  {words}",
            ended.took.as_secs_f32()
        );
        faults.extend(fault((*without, words), limit, remedy, &ended));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whether commands can be kept away from the machine's engines.
fn can_hide() -> bool {
    if !geteuid().is_root() {
        return true;
    }
    let tried = Command::new("unshare").args(["--mount", "true"]).output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        let _ = writeln!(
            std::io::stderr(),
            "ignored: root has no mount namespace here"
        );
    }
    can
}

/// Takes all connections and answers none, for as long as the test runs.
fn listen(path: &Path) {
    let listener = UnixListener::bind(path).expect("a socket");
    thread::spawn(move || {
        let mut all = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            all.push(stream);
        }
    });
}

#[test]
fn an_engine_that_hangs_holds_no_command_up() {
    if !can_hide() {
        return;
    }
    let sandbox = Sandbox::new();
    let socket = sandbox.path("engine.socket");
    listen(&socket);
    let own = format!("-p {}`", std::process::id());
    check_all(LIMIT, &own, |words| {
        let mut command = sandbox.call(words, None);
        command.env("DBMATRIX_ENGINE", &socket);
        command
    });
}

#[test]
fn two_engines_that_hang_hold_no_command_up() {
    if !geteuid().is_root() || !can_hide() {
        return;
    }
    let sandbox = Sandbox::new();
    let socket = sandbox.path("engine.socket");
    listen(&socket);
    let own = format!("-p {}`", std::process::id());
    check_all(LIMIT, &own, |words| sandbox.call(words, Some(&socket)));
}

/// Says where [`listens_for_another_test`] listens.
const LISTEN_AT: &str = "DBMATRIX_TEST_LISTEN_AT";

/// The process of an engine, started by another test.
#[test]
fn listens_for_another_test() {
    if let Some(path) = std::env::var_os(LISTEN_AT) {
        let _listener = UnixListener::bind(path).expect("a socket");
        thread::sleep(Duration::from_secs(120));
    }
}

/// A daemon that was stopped by a signal.
struct Stopped(Child);

impl Stopped {
    fn at(socket: &Path) -> Self {
        let engine = Command::new(std::env::current_exe().expect("a program"))
            .args(["--exact", "listens_for_another_test"])
            .env(LISTEN_AT, socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("the program runs");
        let engine = Stopped(engine);
        let deadline = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(socket).is_err() {
            assert!(Instant::now() < deadline, "nobody listens");
            thread::sleep(Duration::from_millis(20));
        }
        kill_process(Pid::from_child(&engine.0), Signal::STOP).expect("it is there");
        engine
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_engine_that_is_stopped_is_told_at_once() {
    if !can_hide() {
        return;
    }
    let sandbox = Sandbox::new();
    let socket = sandbox.path("engine.socket");
    let engine = Stopped::at(&socket);
    let remedy = format!("`sudo kill -CONT {}`", engine.0.id());
    check_all(LIMIT_OF_A_STOPPED_ONE, &remedy, |words| {
        let mut command = sandbox.call(words, None);
        command.env("DBMATRIX_ENGINE", &socket);
        command
    });
}
