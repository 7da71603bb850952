//! What a user leaves behind and lets out whom no engine trusts. As root the
//! program runs as nobody, else as whoever tests.

use std::fs::{self, Permissions};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use dbmatrix_engine::privilege::{Answer, Greeting, Request, receive, send};

/// The user who owns nothing (Debian policy, 9.2.1).
const NOBODY: &str = "65534";
/// Writes down how it was called, and refuses.
const SUDO: &str = "#!/bin/sh\necho \"$*\" > \"$TOLD\"\necho 'sudo: no such luck' >&2\nexit 1\n";

struct Sandbox(tempfile::TempDir);

/// Copies a program so that all may run it. A process of its own does so: Linux refuses to run a
/// file that is open for writing, and what another test has just started inherits our files.
fn install(program: impl AsRef<Path>, to: &Path) {
    let mut command = Command::new("install");
    command.args(["-m", "755"]).arg(program.as_ref()).arg(to);
    assert!(command.status().expect("install").success());
}

impl Sandbox {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("open");
        install(env!("CARGO_BIN_EXE_dbmatrix"), &path("dbmatrix"));
        fs::create_dir(path("bin")).expect("a folder");
        fs::create_dir(path("home")).expect("a folder");
        fs::set_permissions(path("home"), Permissions::from_mode(0o777)).expect("open");
        Sandbox(folder)
    }

    fn sudo(self, script: &str) -> Self {
        let text = self.0.path().join("sudo.sh");
        fs::write(&text, script).expect("a script");
        install(text, &self.0.path().join("bin/sudo"));
        self
    }

    /// Runs the program, whose only sudo is ours and whose engine is not there.
    fn run(&self, arguments: &[&str]) -> Output {
        let program = self.0.path().join("dbmatrix");
        let mut command = match rustix::process::geteuid().is_root() {
            true => {
                let mut command = Command::new("/usr/bin/setpriv");
                command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]);
                command.arg(program);
                command
            }
            false => Command::new(program),
        };
        let home = self.0.path().join("home");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", self.0.path().join("bin"))
            .env("HOME", &home)
            .env("TMPDIR", &home)
            .env("XDG_RUNTIME_DIR", &home)
            .env("TOLD", home.join("told"))
            .env("DBMATRIX_ENGINE", self.0.path().join("no-engine"))
            .env("SECRET", "do-not-tell")
            .current_dir(&home)
            .stdin(Stdio::null())
            .output()
            .expect("the program runs")
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn files_of(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).expect("a folder").flatten();
    all.map(|file| file.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn sudo_hears_nothing_of_the_environment_and_no_file_holds_it() {
    let sandbox = Sandbox::new().sudo(SUDO);
    let output = sandbox.run(&["list"]);
    assert_eq!(output.status.code(), Some(3), "{}", errors(&output));
    let home = sandbox.0.path().join("home");
    assert_eq!(files_of(&home), ["told"]);
    let told = fs::read_to_string(home.join("told")).expect("sudo was called");
    assert!(told.contains("root-helper"), "{told}");
    for secret in ["do-not-tell", "SECRET", "DBMATRIX_"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn what_to_do_is_said_where_sudo_refuses_or_is_not_there() {
    let refused = errors(&Sandbox::new().sudo(SUDO).run(&["list"]));
    assert!(refused.contains("sudo refused"), "{refused}");
    assert!(refused.contains("join the engine's group"), "{refused}");
    let absent = errors(&Sandbox::new().run(&["list"]));
    assert!(absent.contains("`sudo` could not be run"), "{absent}");
    assert!(absent.contains("join the engine's group"), "{absent}");
}

/// Says where [`listens_for_another_test`] listens.
const LISTEN_AT: &str = "DBMATRIX_TEST_LISTEN_AT";

/// The process of an engine that never answers, started by another test.
#[test]
fn listens_for_another_test() {
    if let Some(path) = std::env::var_os(LISTEN_AT) {
        let _listener = UnixListener::bind(path).expect("a socket");
        std::thread::sleep(Duration::from_secs(60));
    }
}

#[test]
fn an_engine_that_is_stopped_is_named_and_not_taken_for_one_without_trust() {
    let sandbox = Sandbox::new().sudo(SUDO);
    let socket = sandbox.0.path().join("engine.socket");
    let mut engine = Command::new(std::env::current_exe().expect("a program"))
        .args(["--exact", "listens_for_another_test"])
        .env(LISTEN_AT, &socket)
        .stdout(Stdio::null())
        .spawn()
        .expect("the program runs");
    let deadline = Instant::now() + Duration::from_secs(20);
    while UnixStream::connect(&socket).is_err() {
        assert!(Instant::now() < deadline, "nobody listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("open");
    let signal = |signal| kill_process(Pid::from_child(&engine), signal).expect("it is there");
    signal(Signal::STOP);
    let socket = socket.to_str().expect("a plain path");
    let output = sandbox.run(&["list", "--engine", socket]);
    signal(Signal::KILL);
    engine.wait().expect("it has ended");
    let told = errors(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("sudo kill -CONT"), "{told}");
    assert!(!told.contains("trusts"), "{told}");
    assert!(
        !sandbox.0.path().join("home/told").exists(),
        "sudo was called"
    );
}

#[test]
fn a_helper_that_sudo_did_not_start_serves_nobody() {
    for arguments in [&["root-helper", "x"][..], &["root-helper", "x", "--stay"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
            .args(arguments)
            .env_remove("SUDO_UID")
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(3));
        let told = errors(&output);
        assert!(told.contains("expected to be started with sudo"), "{told}");
    }
}

/// Listens as a user's process does; root's part is then tried as root alone.
fn wait_for_helper() -> (String, UnixListener) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("dbmatrix/test/{}/{count}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("an address");
    let listener = UnixListener::bind_addr(&address).expect("it is free");
    (name, listener)
}

/// Another user's process waits at the name that root was told.
#[test]
fn a_helper_serves_nobody_but_the_user_who_called_sudo() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (name, _listener) = wait_for_helper();
    let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
        .args(["root-helper", &name])
        .env("SUDO_UID", NOBODY)
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(3));
    let told = errors(&output);
    assert!(told.contains("expected a process of user 65534"), "{told}");
}

/// A helper, spoken to directly; gone with the value.
struct Helper {
    address: String,
    control: UnixStream,
}

impl Helper {
    fn start() -> Self {
        let (name, listener) = wait_for_helper();
        let started = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
            .args(["root-helper", &name, "--project", "helper-test"])
            .env("SUDO_UID", "0")
            .status();
        assert!(started.expect("the program runs").success());
        let (control, _) = listener.accept().expect("a helper");
        let greeting = receive::<Greeting>(&control).expect("readable");
        let (Greeting { address }, _) = greeting.expect("a greeting");
        Helper { address, control }
    }

    fn ask(&self, request: &Request) -> Answer {
        let address = SocketAddr::from_abstract_name(&self.address).expect("an address");
        let stream = UnixStream::connect_addr(&address).expect("it listens");
        send(&stream, request, None).expect("it listens");
        let answer = receive::<Answer>(&stream).expect("readable");
        answer.expect("an answer").0
    }

    fn refuses(&self, request: &Request) {
        let answer = self.ask(request);
        assert!(
            matches!(answer, Answer::Failed { .. }),
            "{request:?}: {answer:?}"
        );
    }
}

#[test]
fn a_helper_does_nothing_but_what_it_is_for() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let helper = Helper::start();
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("a.socket");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    helper.refuses(&Request::Connect { socket });
    let socket = "/run/dbus/system_bus_socket".into();
    helper.refuses(&Request::Connect { socket });
    let packages = vec!["netcat-openbsd".to_owned()];
    helper.refuses(&Request::InstallPackages { packages });
    let words = vec!["--option=APT::Update::Pre-Invoke::=id".to_owned()];
    helper.refuses(&Request::RefreshPackageLists { packages: words });
    for name in ["../engine", "nest./etc/passwd", "daemon", "project.other"] {
        let name = name.to_owned();
        helper.refuses(&Request::Lock { name });
    }
    for name in ["daemon.json", "../../etc/passwd", "../a.socket"] {
        let name = name.to_owned();
        helper.refuses(&Request::RemoveSocket { name });
    }
    let nest = "../../1.0".to_owned();
    helper.refuses(&Request::SetRoute { nest });
}

#[test]
fn a_helper_holds_locks_for_its_process_and_no_longer() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let helper = Helper::start();
    let name = format!("nest.helper-test.n{}", std::process::id());
    let file = Path::new("/run/dbmatrix").join(format!("{name}.lock"));
    let lock = || Request::Lock { name: name.clone() };
    assert_eq!(helper.ask(&lock()), Answer::Done);
    let holder = fs::read_to_string(&file).expect("a file");
    assert_eq!(holder, std::process::id().to_string());
    assert_eq!(helper.ask(&lock()), Answer::Nothing, "it is held");
    let unlock = Request::Unlock { name: name.clone() };
    assert_eq!(helper.ask(&unlock), Answer::Done);
    assert!(!file.exists());

    assert_eq!(helper.ask(&lock()), Answer::Done);
    drop(helper.control);
    let deadline = Instant::now() + Duration::from_secs(10);
    while file.exists() {
        assert!(Instant::now() < deadline, "the helper stays");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_socket_that_is_listened_on_is_not_removed() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let helper = Helper::start();
    assert_eq!(helper.ask(&Request::MakeRunFolder), Answer::Done);
    let name = format!("helper-test.{}.socket", std::process::id());
    let path = Path::new("/run/dbmatrix").join(&name);
    let listener = UnixListener::bind(&path).expect("a socket");
    helper.refuses(&Request::RemoveSocket { name: name.clone() });
    drop(listener);
    assert_eq!(
        helper.ask(&Request::RemoveSocket { name: name.clone() }),
        Answer::Done
    );
    assert_eq!(helper.ask(&Request::RemoveSocket { name }), Answer::Nothing);
    assert!(!path.exists());
}

impl Sandbox {
    /// Runs the program as sudo does for nobody.
    fn run_by_sudo(&self, arguments: &[&str]) -> Output {
        Command::new(self.0.path().join("dbmatrix"))
            .args(arguments)
            .env("SUDO_UID", NOBODY)
            .env("SUDO_GID", NOBODY)
            .env("SUDO_USER", "nobody")
            .current_dir(self.0.path().join("home"))
            .stdin(Stdio::null())
            .output()
            .expect("the program runs")
    }
}

#[test]
fn files_made_under_sudo_are_the_users_and_no_link_of_theirs_is_followed_by_root() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let home = sandbox.0.path().join("home");
    let made = sandbox.run_by_sudo(&["man", "pages"]);
    assert_eq!(made.status.code(), Some(0), "{}", errors(&made));
    for path in [home.join("pages"), home.join("pages/dbmatrix.1")] {
        let found = fs::metadata(&path).expect("it is there");
        assert_eq!((found.uid(), found.gid()), (65534, 65534), "{path:?}");
    }

    let roots = sandbox.0.path().join("of-root");
    fs::write(&roots, "as it was").expect("a file of root's");
    fs::remove_file(home.join("pages/dbmatrix.1")).expect("it was there");
    symlink(&roots, home.join("pages/dbmatrix.1")).expect("a link");
    let refused = sandbox.run_by_sudo(&["man", "pages"]);
    assert_eq!(refused.status.code(), Some(3));
    let told = errors(&refused);
    assert!(told.contains("Permission denied"), "{told}");
    assert_eq!(fs::read_to_string(&roots).expect("a file"), "as it was");

    // Nor does root read for them what they may not.
    fs::set_permissions(&roots, Permissions::from_mode(0o600)).expect("our own");
    symlink(&roots, home.join("m.toml")).expect("a link");
    let refused = errors(&sandbox.run_by_sudo(&["run", "m.toml"]));
    assert!(refused.contains("Permission denied"), "{refused}");
}
