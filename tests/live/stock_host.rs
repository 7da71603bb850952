//! A stock Debian host, from nothing to nothing: a system container with systemd in which a
//! user with sudo has dbmatrix install its engine.
//!
//! The container is in an engine project of its own, which goes in the end and before the
//! next time.

use std::path::Path;
use std::time::{Duration, Instant};

use dbmatrix_containers::host::{EngineProject, Names, OWNER, Storage};
use dbmatrix_containers::image::{BaseImage, Builder, ImageOrigin, ImageStore, cache_folder};
use dbmatrix_engine::{
    Config, Devices, Engine, Exec, ExecOutput, FileMode, NewInstance, Power, config,
};
use libtest_mimic::Failed;

use super::Outcome;
use super::chain::{block_on, running};
use super::sandbox::{PROJECT, Sandbox, check};

const NAME: &str = "stock-host";
const LIMIT: Duration = Duration::from_secs(900);
/// What a host has beyond what every image has.
const PACKAGES: [&str; 4] = ["libpam-systemd", "procps", "sudo", "zstd"];

/// The user, and what they run: the flavour has the image that the nest has.
const SETTLE: &str = r#"
rm -f /etc/resolv.conf
echo "nameserver $GATEWAY" > /etc/resolv.conf
timeout 60 systemctl is-system-running --wait || true
useradd --create-home --shell /bin/bash somebody
echo 'somebody ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/somebody
install /root/dbmatrix /usr/local/bin/dbmatrix
cat > /home/somebody/m.toml << 'END'
[nest]
name = "small"
size = "4GiB"

[[flavour]]
server = "mariadb:11.8"

[[suite]]
name = "one"
files = ["one.slt"]
END
printf 'query I\nSELECT 6 * 7\n----\n42\n' > /home/somebody/one.slt
chown -R somebody: /home/somebody
"#;

/// Has `apt` prefer the Incus of Debian's backports.
const BACKPORTS: &str = r#"
. /etc/os-release
backports=$VERSION_CODENAME-backports
sed -n "s/ $VERSION_CODENAME main/ $backports main/p" /etc/apt/sources.list \
    > /etc/apt/sources.list.d/backports.list
printf 'Package: *\nPin: release n=%s\nPin-Priority: 500\n' "$backports" \
    > /etc/apt/preferences.d/backports
"#;

/// Prints what dbmatrix could leave on the host: interfaces, routes, mounts, files of pools
/// and containers, sockets and processes. `lo` and `eth0` are the host's own.
const LEFT: &str = r#"
ip -o link show | grep -v -e ' lo: ' -e ' eth0@' || true
ip -4 route show | grep -v ' dev eth0' || true
grep -e storage-pools/ -e shmounts/ /proc/mounts | grep -v '^tmpfs ' || true
for engine in incus lxd; do
    for folder in disks containers storage-pools; do
        find "/var/lib/$engine/$folder" -mindepth 1 2> /dev/null || true
    done
done
find /run/dbmatrix -type s 2> /dev/null || true
pgrep --list-full dbmatrix || true
"#;

/// Debian 13, with the Incus that it has.
pub(crate) fn debian_13(_: &Sandbox) -> Outcome {
    from_nothing_to_nothing("trixie", SETTLE, "Incus 6")
}

/// Debian 13 with the Incus of its backports.
pub(crate) fn debian_13_with_incus_7(_: &Sandbox) -> Outcome {
    let settle = [SETTLE, BACKPORTS].concat();
    from_nothing_to_nothing("trixie", &settle, "Incus 7")
}

/// Debian 12, with the LXD that it has.
pub(crate) fn debian_12(_: &Sandbox) -> Outcome {
    from_nothing_to_nothing("bookworm", SETTLE, "LXD")
}

/// A run of one MariaDB, another one, and the removal of all.
fn from_nothing_to_nothing(suite: &str, settle: &str, engine: &str) -> Outcome {
    let host = StockHost::make(suite)?;
    let settle = Exec::script_with_systemd(settle).env("GATEWAY", &host.gateway);
    host.succeed("settle the host", &settle)?;
    check(host.left()?.is_empty(), "the host is not empty")?;
    let run = host.as_somebody(
        "dbmatrix run m.toml --yes --report junit=report.xml --report json=events.jsonl",
    )?;
    check(
        run.stdout.contains("passed: 1 passed"),
        format!("the run says:\n{}", run.tail(20)),
    )?;
    let report = host.as_somebody("cat report.xml")?.stdout;
    check(
        report.contains(r#"tests="1""#) && report.contains(r#"failures="0""#),
        format!("the report says:\n{report}"),
    )?;
    let events = host.as_somebody("grep nest_engine events.jsonl")?.stdout;
    check(
        events.contains(&format!(r#""engine":"{engine}"#)),
        format!("expected {engine} as the host's engine:\n{events}"),
    )?;
    host.as_somebody("dbmatrix run m.toml")?;
    let down = host.as_somebody("dbmatrix down --all")?;
    let left = host.left()?;
    check(
        left.is_empty(),
        format!("`down --all` left:\n{left}\nit said:\n{}", down.tail(20)),
    )
}

/// The container; gone with the value, however the case ends.
struct StockHost {
    names: Names,
    engine: Engine,
    gateway: String,
}

impl StockHost {
    fn make(suite: &str) -> Result<Self, Failed> {
        let names = Names::of(&format!("{PROJECT}-host"));
        block_on(async {
            let engine = running().await?;
            remove(&engine, &names).await?;
            // From here on it removes whatever is there.
            let mut host = StockHost {
                engine,
                names,
                gateway: String::new(),
            };
            host.create(suite).await?;
            Ok(host)
        })
    }

    async fn create(&mut self, suite: &str) -> Outcome {
        // One container is unpacked once: nothing is copied.
        let project = EngineProject::ensure(&self.engine, &self.names, Storage::Folder).await?;
        self.gateway = project.address.to_string();
        self.engine = project.engine.clone();
        let image = ImageOrigin::Built(BaseImage {
            suite: suite.to_owned(),
            packages: PACKAGES.map(str::to_owned).to_vec(),
            mirror: None,
            check_valid_until: None,
        });
        let store = ImageStore::new(self.engine.clone(), Builder::new(cache_folder()));
        let address = project.subnet.hosts().nth(9).ok_or("no address")?;
        let prefix = project.subnet.prefix_len();
        let network = format!(
            "lxc.net.0.ipv4.address = {address}/{prefix}\nlxc.net.0.ipv4.gateway = {}",
            self.gateway
        );
        let new = NewInstance {
            name: NAME.to_owned(),
            image: store.provide(&image).await?,
            config: config([
                (OWNER, "dbmatrix"),
                ("security.privileged", "true"),
                ("security.nesting", "true"),
                ("raw.lxc", &network),
            ]),
            devices: devices(&self.names, &address.to_string())?,
        };
        self.engine.create_instance(&new).await?;
        self.engine.power(NAME, Power::Start).await?;
        let program = Path::new(env!("CARGO_BIN_EXE_dbmatrix"));
        let mode = FileMode::Public;
        let pushed = self.engine.push_file(NAME, "/root/dbmatrix", mode, program);
        Ok(pushed.await?)
    }

    fn exec(&self, exec: &Exec) -> Result<ExecOutput, Failed> {
        Ok(block_on(self.engine.exec(NAME, exec))?)
    }

    fn succeed(&self, step: &str, exec: &Exec) -> Result<ExecOutput, Failed> {
        let output = self.exec(exec)?;
        check(
            output.success(),
            format!(
                "could not {step}: status {}\n{}",
                output.status,
                output.tail(40)
            ),
        )?;
        Ok(output)
    }

    /// Runs a command of the user's shell.
    fn as_somebody(&self, command: &str) -> Result<ExecOutput, Failed> {
        eprintln!("\n$ {command} (on the stock host)");
        let begun = Instant::now();
        let exec = Exec::new(
            "/sbin/runuser",
            ["--login", "somebody", "--command", command],
        );
        let output = self.succeed(&format!("run `{command}`"), &exec.limit(LIMIT))?;
        eprintln!("  after {:.1} s", begun.elapsed().as_secs_f64());
        Ok(output)
    }

    fn left(&self) -> Result<String, Failed> {
        let left = self.succeed("look for leftovers", &Exec::script(LEFT))?;
        Ok(left.stdout.trim().to_owned())
    }
}

impl Drop for StockHost {
    fn drop(&mut self) {
        let removed = block_on(async { remove(&running().await?, &self.names).await });
        if let Err(error) = removed {
            eprintln!("the stock host is left: {error:?}");
        }
    }
}

/// Removes the container and its project, which may be absent.
async fn remove(engine: &Engine, names: &Names) -> Outcome {
    if engine.project(&names.project).await?.is_none() {
        return Ok(());
    }
    EngineProject::check_owner(engine, names).await?;
    let inside = engine.in_project(&names.project);
    inside.destroy_instance(NAME).await?;
    Ok(EngineProject::delete(engine, names).await?)
}

/// Its network card, and the machine's loop devices: a pool of the engine in it needs one.
fn devices(names: &Names, address: &str) -> Result<Devices, Failed> {
    let eth0 = config([
        ("type", "nic"),
        ("name", "eth0"),
        ("network", &names.bridge),
        ("ipv4.address", address),
    ]);
    let device = |kind: &str, path: &str| -> Config { config([("type", kind), ("path", path)]) };
    let mut devices = Devices::from([
        ("eth0".to_owned(), eth0),
        (
            "loop-control".to_owned(),
            device("unix-char", "/dev/loop-control"),
        ),
    ]);
    for entry in std::fs::read_dir("/dev")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number = name.strip_prefix("loop").unwrap_or_default();
        if number.parse::<u32>().is_ok() {
            let path = format!("/dev/{name}");
            devices.insert(name, device("unix-block", &path));
        }
    }
    Ok(devices)
}
