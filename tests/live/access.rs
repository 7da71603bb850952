//! Who is not root, and who has no route.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use dbmatrix_containers::host::{EngineChoice, sockets};
use dbmatrix_engine::Power;

use super::Outcome;
use super::chain::{block_on, find};
use super::sandbox::{PROJECT, Ran, Sandbox, check, text};

/// The user who owns nothing (Debian policy, 9.2.1).
const NOBODY: &str = "65534";

/// A user who is in the engine's group and has neither sudo nor a home.
struct Member<'a> {
    sandbox: &'a Sandbox,
    group: String,
}

impl<'a> Member<'a> {
    fn new(sandbox: &'a Sandbox) -> Result<Self, libtest_mimic::Failed> {
        // Nobody else may look into the folder that it was built in.
        let program = sandbox.folder.join("dbmatrix");
        std::fs::copy(env!("CARGO_BIN_EXE_dbmatrix"), &program)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        let sockets = sockets(&EngineChoice::Any);
        let socket = sockets.first().ok_or("no engine's socket is there")?;
        let group = std::fs::metadata(socket)?.gid().to_string();
        Ok(Member { sandbox, group })
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        eprintln!("\n$ dbmatrix {} (as a member)", arguments.join(" "));
        let output = Command::new("setpriv")
            .args(["--reuid", NOBODY, "--regid", &self.group, "--clear-groups"])
            .arg(self.sandbox.folder.join("dbmatrix"))
            .args(arguments)
            .env("DBMATRIX_PROJECT", PROJECT)
            // Images that were built before can be read by all.
            .env("XDG_CACHE_HOME", "/var/cache")
            .env_remove("XDG_RUNTIME_DIR")
            .current_dir("/")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the program runs");
        Ran::of(output)
    }
}

/// What root has brought up is at hand for the group, as long as the route is
/// there.
pub(crate) fn member(sandbox: &Sandbox) -> Outcome {
    let member = Member::new(sandbox)?;
    sandbox.run(&["start", "mysql-9.7"]).expect(0)?;
    member
        .run(&["connect", "mysql-9.7", "-e", "SELECT 6 * 7"])
        .expect(0)?
        .says("42")?;
    member.run(&["restart", "mysql-9.7"]).expect(0)?;
    member.run(&["list"]).expect(0)?.says("mysql-9.7")?;
    socket_greets(&member.run(&["env", "mysql-9.7"]).expect(0)?)
}

/// The socket that `env` names leads to the server, and everybody may connect.
fn socket_greets(ran: &Ran) -> Outcome {
    let named = ran.stdout.lines().find_map(|line| {
        let value = line.strip_prefix("export MYSQL_UNIX_PORT='")?;
        value.strip_suffix('\'')
    });
    let socket = named.ok_or("`env` names no socket")?;
    let mode = std::fs::metadata(socket)?.mode() & 0o777;
    check(mode == 0o666, format!("{mode:o}"))?;
    let mut first = [0; 5];
    UnixStream::connect(socket)?.read_exact(&mut first)?;
    check(first[4] == 10, format!("{first:?}"))
}

/// With proxies nothing at all is root's.
pub(crate) fn proxy(sandbox: &Sandbox) -> Outcome {
    let member = Member::new(sandbox)?;
    let flavour = "[[flavour]]\nserver = \"mariadb:10.5\"\n";
    let matrix =
        |access: &str| format!("[nest]\nname = \"apart\"\naccess = \"{access}\"\n{flavour}");
    let routed = sandbox.file("routed.toml", &matrix("route"));
    let proxied = sandbox.file("proxied.toml", &matrix("proxy"));
    member
        .run(&["up", text(&routed)])
        .expect(3)?
        .says("access = \"proxy\"")?;
    member.run(&["up", text(&proxied)]).expect(0)?;
    let member_sees = |sql: &str| {
        let words = ["connect", "mariadb-10.5", "--nest", "apart", "-e", sql];
        member.run(&words).expect(0)
    };
    let url = member
        .run(&["url", "mariadb-10.5", "--nest", "apart"])
        .expect(0)?;
    let url = url.says("@127.0.0.1:")?.stdout;
    // It is the same after the server has started anew.
    member
        .run(&["restart", "mariadb-10.5", "--nest", "apart"])
        .expect(0)?;
    let again = member
        .run(&["url", "mariadb-10.5", "--nest", "apart"])
        .expect(0)?;
    check(
        again.stdout == url,
        format!("{url} and then {}", again.stdout),
    )?;
    let seen = member_sees("SELECT USER()")?.stdout;
    let route = sandbox.system("ip", &["route"])?;
    let address = seen.trim().rsplit('@').next().unwrap_or_default();
    let subnet = address.rsplit_once('.').map_or("", |(subnet, _)| subnet);
    check(
        !subnet.is_empty() && !route.contains(&format!("{subnet}.0/24 via")),
        format!("expected a user of an unrouted network, found {seen} with\n{route}"),
    )?;
    stranger_on_the_port(&url, || member_sees("SELECT 6 * 7")?.says("42").map(drop))?;
    member.run(&["down", "--nest", "apart"]).expect(0)?;
    check(
        !Path::new("/run/dbmatrix")
            .join(format!("{PROJECT}.apart.socket"))
            .exists(),
        "its socket is left",
    )
}

/// While the nest is stopped somebody else takes the port of `url`: that one hears
/// nothing, and the flavour gets another port.
fn stranger_on_the_port(url: &str, connects: impl Fn() -> Outcome) -> Outcome {
    let nest = find("apart/mariadb-10.5")?.nest;
    block_on(async { nest.host.power(&nest.name, Power::Stop).await })?;
    let port = url.trim().trim_end_matches('/').rsplit(':').next();
    let port: u16 = port.unwrap_or_default().parse()?;
    let stranger = std::net::TcpListener::bind(("127.0.0.1", port))?;
    stranger.set_nonblocking(true)?;
    connects()?;
    match stranger.accept() {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
        other => Err(format!("the stranger on port {port} heard of somebody: {other:?}").into()),
    }
}
