//! The first release with a change: between series of Debian, and between dozens of releases
//! of a mirror, which are Debian's MariaDB under the numbers of others.

use dbmatrix_flavours::catalogue::line_between;
use rustix::process::Signal;
use serde_json::Value;

use super::Outcome;
use super::mirror::Mirror;
use super::sandbox::{Ran, Sandbox, check, text};

/// Debian 12 is the image of all of them, and none is older than what it has.
const FIRST: &str = "mariadb:11.0.3";
const LAST: &str = "mariadb:11.8.2";
/// The one that the mirror does not have.
const MISSING: &str = "mariadb:11.1.3";
/// Where the outcome of a division changes.
const CHANGED: &str = "mariadb:11.1.4";

/// Makes a repository for each of `$RELEASES`. From `$CHANGED` on, the package itself sets
/// how many digits a division adds.
const MAKE: &str = r#"
apt-get -q download mariadb-server > /dev/null
dpkg-deb -R mariadb-server_*.deb unpacked
# What is left out is large, and no start needs it.
rm -r mariadb-server_*.deb unpacked/usr/bin/aria_* unpacked/usr/bin/myisam* unpacked/usr/share/man
digits=4
for number in $RELEASES; do
    if [ "$number" = "$CHANGED" ]; then digits=6; fi
    repository="archive.mariadb.org/mariadb-$number/repo/debian"
    mkdir -p "$repository/pool"
    printf '[mysqld]\nversion = %s-MariaDB\ndiv_precision_increment = %s\n' "$number" "$digits" \
        > unpacked/etc/mysql/mariadb.conf.d/90-release.cnf
    sed -i "s/^Version: .*/Version: 1:$number+maria~deb12/" unpacked/DEBIAN/control
    dpkg-deb -Znone -b unpacked "$repository/pool/mariadb-server_$number.deb" > /dev/null
    publish "$repository"
done
rm -r unpacked
"#;

pub(crate) fn first_change(sandbox: &Sandbox) -> Outcome {
    between_series(sandbox)?;
    between_releases(sandbox)
}

/// No vendor is reached, so that series stand for the releases that Debian has.
fn between_series(sandbox: &Sandbox) -> Outcome {
    let nobody = |vendor: &str| {
        format!("[[mirror]]\nof = \"https://{vendor}\"\nurl = \"http://127.0.0.1:9\"\n\n")
    };
    let mirrors = nobody("archive.mariadb.org") + &nobody("deb.mariadb.org");
    let matrix = sandbox.matrix("series.toml", &mirrors);
    let bisect = |question: &[&str]| -> Ran {
        let ends = ["--from", "mariadb:10.5", "--to", "mariadb:11.8"];
        let words = [&["bisect", "--matrix", text(&matrix)], question, &ends].concat();
        sandbox.run(&words)
    };
    let ran = bisect(&["-e", "SELECT HEX(NATURAL_SORT_KEY('a10'))"]).expect(0)?;
    let ran = ran
        .says("mariadb:10.11  differs from mariadb:10.5\n")?
        .says("mariadb:11.8   differs from mariadb:10.5\n")?
        .says("is not reached from here")?
        .says("last one before it:         mariadb:10.5 (10.5.")?
        .says("DIFF -e:1: succeeds here, fails there")?;
    let first = ran.stdout.lines().next().unwrap_or_default();
    check(
        first.starts_with("first with another outcome: mariadb:10.11 (10.11."),
        first,
    )?;
    let command = "case $DBMATRIX_VERSION in 11.*) exit 3;; esac";
    bisect(&["--command", command])
        .expect(0)?
        .says("first with another outcome: mariadb:11.8")?
        .says("exit status 3")?;
    let slt = "statement ok\nSELECT NATURAL_SORT_KEY('a')\n";
    let file = sandbox.file("sort.slt", slt);
    bisect(&[text(&file)])
        .expect(0)?
        .says("first with another outcome: mariadb:10.11")?;
    let sql = "CREATE TABLE t (a TEXT);\nSELECT NATURAL_SORT_KEY('a');\nSELECT a\nFROM t;\n";
    let file = sandbox.file("steps.sql", sql);
    bisect(&[text(&file), "--line", "2"])
        .expect(0)?
        .says("first with another outcome: mariadb:10.11")?
        .says("steps.sql:2: succeeds here, fails there")?;
    bisect(&[text(&file), "--line", "3"])
        .expect(1)?
        .says("the ends have the same outcome")?;
    bisect(&[text(&file), "--line", "4"])
        .expect(2)?
        .says("the nearest step begins in line 3")?;
    bisect(&["-e", "SELECT 1"])
        .expect(1)?
        .says("the ends have the same outcome")?;
    bisect(&["-e", "SELECT 2;\nSELECT UUID()"])
        .expect(1)?
        .says("two servers of mariadb:10.5 differ in line 2 themselves")?;
    Ok(())
}

fn between_releases(sandbox: &Sandbox) -> Outcome {
    let line = line_between(FIRST, LAST)?;
    let names = line.iter().map(|request| request.name());
    let names: Vec<String> = names.filter(|name| name != MISSING).collect();
    check(names.len() > 24, format!("{} releases", names.len()))?;
    let number = |name: &str| name.replace("mariadb:", "");
    let numbers: Vec<String> = names.iter().map(|name| number(name)).collect();
    let numbers = numbers.join(" ");
    let script = format!("RELEASES='{numbers}' CHANGED='{}'\n{MAKE}", number(CHANGED));
    let (mirror, _) = Mirror::make(sandbox, &script)?;
    let vendor = "archive.mariadb.org";
    let matrix = sandbox.matrix("line.toml", &mirror.of(vendor, vendor));
    let begin = [
        "bisect",
        "--matrix",
        text(&matrix),
        "--from",
        FIRST,
        "--to",
        LAST,
    ];
    let words = |more: &[&'static str]| [&begin, more].concat();
    // What is installed when it is interrupted is there for the next.
    let running = sandbox.start_until(
        &words(&["-e", "SELECT 1 / 3"]),
        "is what the others are compared with",
    )?;
    let status = running.end_by(Signal::INT)?;
    check(status == Some(130), format!("{status:?}"))?;
    nothing_is_left(sandbox)?;
    let ran = sandbox.run(&words(&["-e", "SELECT 1 / 3"])).expect(0)?;
    let ran = ran
        .says("first with another outcome: mariadb:11.1.4, released 2024-02-12")?
        .says("last one before it:         mariadb:11.1.2, released 2023-08-22")?
        .says("    mariadb:11.1.3: http")?
        .says("404 Not Found")?
        .says("0.333333")?;
    let asked = ran.stderr.matches(&format!("like {FIRST}")).count()
        + ran.stderr.matches(&format!("differs from {FIRST}")).count();
    check(asked <= 6, format!("{asked} were asked:\n{}", ran.stderr))?;
    // What is installed needs no mirror.
    mirror.run("systemctl stop mirror")?;
    let ran = sandbox
        .run(&words(&["--format", "json", "-e", "SELECT 1 / 3, 2 / 3"]))
        .expect(0)?
        .says(&format!("{} of {} releases", asked + 1, line.len()))?;
    let rows: Vec<Value> = serde_json::from_str(&ran.stdout)?;
    let edge = |word: &str| rows.iter().find(|row| row["edge"] == word);
    let servers = ["before", "after"].map(|word| edge(word).map(|row| row["server"].clone()));
    let expected = ["mariadb:11.1.2", CHANGED].map(|name| Some(Value::from(name)));
    check(servers == expected, format!("{servers:?}"))?;
    let differences = edge("after").map(|row| row["differences"][0]["kinds"].clone());
    check(
        differences == Some(serde_json::json!(["rows"])),
        format!("{differences:?}"),
    )?;
    nothing_is_left(sandbox)
}

/// The flavours of a bisect are deleted.
fn nothing_is_left(sandbox: &Sandbox) -> Outcome {
    let ran = sandbox.run(&["list", "--format", "json"]).expect(0)?;
    let rows: Vec<Value> = serde_json::from_str(&ran.stdout)?;
    let is_left = |row: &&Value| {
        let name = row["name"].as_str().unwrap_or_default();
        name.starts_with("bisect-") && row["type"] != "golden"
    };
    let left: Vec<&Value> = rows.iter().filter(is_left).collect();
    check(left.is_empty(), format!("{left:?}"))
}
