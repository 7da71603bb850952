//! Who is not root, and who has no route.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use dbmatrix_containers::host::{EngineChoice, sockets};
use dbmatrix_engine::{Exec, Power};

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
    let forwarded = sandbox.file("forwarded.toml", &matrix("forward"));
    member.run(&["up", text(&forwarded)]).expect(0)?;
    forward(&member)?;
    member.run(&["down", "--nest", "apart"]).expect(0)?;
    check(
        !Path::new("/run/dbmatrix")
            .join(format!("{PROJECT}.apart.socket"))
            .exists(),
        "its socket is left",
    )
}

/// The same servers through the engine's API: the nest has no port on this machine, and a
/// relay that ends takes its connections with it and no others.
fn forward(member: &Member<'_>) -> Outcome {
    let of_nest = |words: &[&str]| {
        let mut all = vec![words[0], "mariadb-10.5", "--nest", "apart"];
        all.extend(&words[1..]);
        member.run(&all)
    };
    of_nest(&["connect", "-e", "SELECT 6 * 7"])
        .expect(0)?
        .says("42")?;
    of_nest(&["url"])
        .expect(1)?
        .says("no address that outlives")?;
    let flavour = ["exec", "--flavour", "mariadb-10.5", "--nest", "apart"];
    let command = ["--", "sh", "-c", "echo \"$DATABASE_URL\""];
    member
        .run(&[&flavour[..], &command].concat())
        .expect(0)?
        .says("@127.0.0.1:")?;
    let found = find("apart/mariadb-10.5")?;
    let (nest, child) = (&found.nest, &found.child);
    let instance = block_on(async { nest.host.instance(&nest.name).await })?;
    let devices = instance.ok_or("the nest has gone")?.devices;
    let has_port = devices
        .keys()
        .any(|name| name.starts_with("dbmatrix-port-"));
    check(!has_port, format!("{devices:?}"))?;
    let broken = std::thread::scope(|scope| {
        let asking = scope.spawn(|| of_nest(&["connect", "-e", "SELECT SLEEP(90)"]));
        let asked = Exec::script(ASKED);
        let asked = block_on(async { child.engine.exec(&child.name, &asked).await });
        let killed = Exec::script("kill $(pidof perl)");
        let killed = block_on(async { nest.host.exec(&nest.name, &killed).await });
        let ran = asking.join().expect("it has ended");
        asked.and(killed).map(|killed| (killed, ran))
    });
    let (killed, ran) = broken?;
    check(killed.success(), format!("{killed:?}"))?;
    ran.says("the relay into `apart` has ended")?;
    of_nest(&["connect", "-e", "SELECT 6 * 7"])
        .expect(0)?
        .says("42")
        .map(drop)
}

/// Waits until the server works on the statement.
const ASKED: &str = r#"
query="SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(90)'"
until [ "$(mysql -N -e "$query")" = 1 ]; do sleep 0.1; done
"#;

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
