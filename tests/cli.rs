//! The command line, as far as it goes without an engine.

use std::process::{Command, Stdio};

/// A folder with files, and the program run in it.
struct Sandbox(tempfile::TempDir);

impl Sandbox {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("a file of the test");
        }
        Sandbox(folder)
    }

    /// Standard error, and the exit status below it.
    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            // No settings of the user's.
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env_remove("INCUS_CONF")
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        let status = output.status.code().unwrap_or(-1);
        format!("{}=> {status}", String::from_utf8_lossy(&output.stderr))
    }
}

#[test]
fn all_problems_of_a_matrix_are_shown_with_their_places() {
    let bad = "[nest]\nmemroy = '4GiB'\n\n[[flavour]]\nserver = 'mysql:9.x'\n";
    let sandbox = Sandbox::new(&[("bad.toml", bad)]);
    insta::assert_snapshot!(sandbox.run(&["run", "bad.toml"]), @r"
    error: matrix file `bad.toml` has 2 problems
    unknown key `memroy`; did you mean `memory`?
     --> bad.toml:2:1
      |
    1 | [nest]
    2 | memroy = '4GiB'
      | ^^^^^^
    3 |
      |
    expected a version such as `8.4` or `10.11.18`; found `9.x`
     --> bad.toml:5:10
      |
    4 | [[flavour]]
    5 | server = 'mysql:9.x'
      |          ^^^^^^^^^^^
    => 2
    ");
}

#[test]
fn a_syntax_error_is_shown_with_its_place() {
    let sandbox = Sandbox::new(&[("bad.toml", "flavours = ['mysql:9.7'\n")]);
    insta::assert_snapshot!(sandbox.run(&["up", "bad.toml"]), @r"
    error: matrix file `bad.toml` has a problem
    unclosed array, expected `]`
     --> bad.toml:1:24
      |
    1 | flavours = ['mysql:9.7'
      |                        ^
    => 2
    ");
}

#[test]
fn a_run_without_suites_names_the_other_command() {
    let sandbox = Sandbox::new(&[("m.toml", "flavours = ['mysql:9.7']\n")]);
    insta::assert_snapshot!(sandbox.run(&["run", "m.toml"]), @r"
    error: `m.toml` has no `[[suite]]`; `dbmatrix up` brings its flavours up without one
    => 2
    ");
}

#[test]
fn what_is_misspelled_is_told_with_what_may_be_meant() {
    let matrix = "flavours = ['mysql:9.7']\n[[suite]]\nname = 'json'\nfiles = ['a.sql']\n";
    let sandbox = Sandbox::new(&[("m.toml", matrix), ("a.sql", "")]);
    insta::assert_snapshot!(sandbox.run(&["up", "m.toml", "--flavour", "mysql-8"]), @r"
    error: no flavour `mysql-8` in the matrix; did you mean `mysql-9.7`? there is `mysql-9.7`
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["run", "m.toml", "--suite", "jsn"]), @r"
    error: no suite `jsn` in the matrix; did you mean `json`? there is `json`
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["run", "m.toml", "--suite", "types"]), @r"
    error: no suite `types` in the matrix; there is `json`
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["run", "m.toml", "--baseline", "mysql-9.8"]), @r"
    error: the baseline `mysql-9.8` is none of the chosen flavours; did you mean `mysql-9.7`? there is `mysql-9.7`
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["run", "m.tml"]), @r"
    error: could not read matrix file `m.tml`: No such file or directory (os error 2); did you mean `m.toml`?
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["run", "quite/another.toml"]), @r"
    error: could not read matrix file `quite/another.toml`: No such file or directory (os error 2)
    => 2
    ");
}

#[test]
fn a_wrong_engine_or_project_is_refused() {
    let sandbox = Sandbox::new(&[]);
    insta::assert_snapshot!(sandbox.run(&["list", "--engine", "docker"]), @r"
    error: invalid value 'docker' for '--engine <ENGINE>': expected `incus`, `lxd`, the absolute path of a socket, or a remote: no remote `docker`: neither `/nonexistent/dbmatrix/remotes.toml` nor `incus remote list` has any; `dbmatrix copy --help` shows what is in that file

    For more information, try '--help'.
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["list", "--project", "No Good"]), @r"
    error: invalid value 'No Good' for '--project <PROJECT>': expected at most 40 lower-case letters, digits and hyphens, a letter first; found `No Good`

    For more information, try '--help'.
    => 2
    ");
}

/// Standard output and the exit status of a command that asks an engine which is
/// not there.
fn without_an_engine(arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
        .args(arguments)
        .args(["--project", "dbmatrix-none"])
        .args(["--engine", "/nonexistent/engine.socket"])
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    (stdout, output.status.code())
}

#[test]
fn a_doctor_looks_at_a_machine_whose_engine_does_not_answer() {
    let (told, status) = without_an_engine(&["doctor", "--offline"]);
    assert_eq!(status, Some(1), "{told}");
    let line = |word: &str| {
        let mut lines = told.lines();
        lines
            .find(|line| line.contains(word))
            .unwrap_or_else(|| panic!("no `{word}`:\n{told}"))
            .trim()
            .to_owned()
    };
    let engine = line("ask the engine what it is");
    assert!(engine.starts_with("problem"), "{engine}");
    assert!(line("choose another engine").starts_with('→'), "{told}");
    for looked_at in [
        "nesting",
        "control groups",
        "user ids",
        "disk",
        "bridge",
        "route",
    ] {
        line(looked_at);
    }
    let last = told.lines().last().unwrap_or_default();
    // The machine may have problems of its own.
    assert!(last.contains(" problem"), "{last}");
    assert!(!told.contains("mirror "), "nothing is sent:\n{told}");
}

#[test]
fn help_of_every_command_has_examples() {
    let (told, status) = without_an_engine(&["--help"]);
    assert_eq!(status, Some(0));
    let commands = told.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    assert!(names.len() > 20, "{told}");
    for name in names {
        let (told, _) = without_an_engine(&[name, "--help"]);
        let (_, examples) = told.split_once("\nExample").unwrap_or_default();
        assert!(examples.contains(&format!("dbmatrix {name}")), "{told}");
    }
}

#[test]
fn a_copy_without_a_flavour_is_refused() {
    let sandbox = Sandbox::new(&[("a", "")]);
    insta::assert_snapshot!(sandbox.run(&["cp", "a", "b"]), @r"
    error: expected a flavour on one side, such as `mysql-9.7:/tmp/dump.sql`, with the path from the root
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["cp", ".", "mysql-9.7:/tmp"]), @r"
    error: `.` is a folder, and one file is copied at a time; pack it with `tar` first
    => 1
    ");
}

#[test]
fn old_names_are_understood_and_told() {
    let sandbox = Sandbox::new(&[(
        "m.toml",
        "flavours = ['mysql:9.7']\n[defaults]\nfootprint = 'small'\n",
    )]);
    insta::assert_snapshot!(sandbox.run(&["run", "m.toml", "--gate", "--after", "freeze"]), @r"
    note: `--after freeze` is called `--after pause` now; the next release no longer knows the old name
    note: `--gate` is called `--ci` now; the next release no longer knows the old name
    note: m.toml:3: `footprint` is called `memory-profile` now; the next release no longer knows the old name
    error: `m.toml` has no `[[suite]]`; `dbmatrix up` brings its flavours up without one
    => 2
    ");
    let thaw = sandbox.run(&["thaw", "mysql-9.7"]);
    assert!(
        thaw.starts_with("note: `thaw` is called `resume` now"),
        "{thaw}"
    );
    let help = dbmatrix::cli::commands().render_help().to_string();
    assert!(help.contains("  resume "), "{help}");
    assert!(!help.contains("  thaw "), "{help}");
}

#[test]
fn flavours_are_named_or_all() {
    let sandbox = Sandbox::new(&[]);
    for command in ["start", "stop", "pause", "resume", "restart", "reset"] {
        let none = sandbox.run(&[command]);
        let asks = none.contains("required arguments were not provided:\n  <FLAVOUR>");
        assert!(asks && none.ends_with("=> 2"), "{command}: {none}");
        let both = sandbox.run(&[command, "--all", "mysql-9.7"]);
        let refuses = both.contains("'--all' cannot be used with");
        assert!(refuses && both.ends_with("=> 2"), "{command}: {both}");
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
        .arg("catalogue")
        .stdout(full.expect("the device is there"))
        .stderr(Stdio::piped())
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        told,
        "error: could not write to standard output: No space left on device (os error 28)\n"
    );
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn readers_that_have_gone_are_no_reason_to_panic() {
    let run = |arguments: &[&str]| {
        let (out, err) = (std::io::pipe(), std::io::pipe());
        let (_, out) = out.expect("a pipe");
        let (_, err) = err.expect("a pipe");
        Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
            .args(arguments)
            .stdout(out)
            .stderr(err)
            .status()
            .expect("the program runs")
            .code()
    };
    assert_eq!(run(&["catalogue"]), Some(0));
    assert_eq!(run(&["run", "/nowhere.toml"]), Some(2));
}

#[test]
fn a_report_whose_reader_has_gone_leaves_the_verdict() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let merge = |out: Stdio, report: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
            .args(["report", "merge", "part-1.jsonl", "part-2.jsonl"])
            .args(["--report", report])
            .current_dir(examples)
            .stdout(out)
            .output()
            .expect("the program runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (told, output.status.code())
    };
    for kind in ["json", "junit", "markdown", "github", "html"] {
        let report = format!("{kind}=-");
        let (_, out) = std::io::pipe().expect("a pipe");
        let read = merge(Stdio::null(), &report);
        assert_ne!(read.1, Some(3), "{kind}");
        assert_eq!(merge(out.into(), &report), read, "{kind}");
    }
}

#[test]
fn an_environment_and_a_path_that_are_not_utf_8_are_taken_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&inner).expect("it is made");
    let matrix = inner.join("m.toml");
    std::fs::write(&matrix, "flavours = ['mariadb:11.8']\n").expect("a matrix");
    let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
        .arg("run")
        .arg(&matrix)
        .env("CAF\u{e9}", std::ffi::OsStr::from_bytes(b"\xff"))
        .env("DBMATRIX_LOG", std::ffi::OsStr::from_bytes(b"\xff"))
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("has no `[[suite]]`"), "{told}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_run_of_nothing_is_refused_before_anything_is_provided() {
    let matrix = "flavours = ['mysql:9.7', 'mariadb:10.11']\n[[suite]]\nname = 'none'\nfiles = ['*.s*']\n[[suite]]\nname = 'one'\nflavours = ['mysql-9.7']\nfiles = ['one/a.sql']\n";
    let sandbox = Sandbox::new(&[
        ("m.toml", matrix),
        ("comments.sql", "-- SELECT 1;\n/* nothing */\n"),
        ("empty.sql", ""),
        ("halt.slt", "halt\n\nstatement ok\nSELECT 1\n"),
    ]);
    std::fs::create_dir(sandbox.0.path().join("one")).expect("a folder");
    std::fs::write(sandbox.0.path().join("one/a.sql"), "SELECT 1").expect("a file");
    insta::assert_snapshot!(sandbox.run(&["run", "m.toml", "--suite", "none"]), @r"
    error: nothing ran
      `comments.sql` holds no statement to run
      `empty.sql` holds no statement to run
      `halt.slt` holds no statement to run
      `--no-tests=pass` allows that
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["run", "m.toml", "--suite", "one", "--flavour", "mariadb-*"]), @r"
    error: nothing ran
      no chosen suite runs on a chosen flavour
      `--no-tests=pass` allows that
    => 2
    ");
    let shard = |index: usize, more: &[&str]| {
        let part = format!("{index}/2");
        let run = ["run", "m.toml", "--suite", "one", "--shard", &part];
        sandbox.run(&[&run, more].concat())
    };
    // The other part has the file; it is not run here.
    let index = match shard(1, &["--baseline", "none"]).contains("there is") {
        true => 2,
        false => 1,
    };
    insta::assert_snapshot!(shard(index, &[]), @r"
    error: nothing ran
      this part of the run holds none of its 1 files
      `--no-tests=pass` allows that
    => 2
    ");
    let passed = shard(index, &["--no-tests=pass", "--report", "json=part.jsonl"]);
    assert!(passed.ends_with("=> 0"), "{passed}");
    let report = std::fs::read_to_string(sandbox.0.path().join("part.jsonl"));
    assert!(report.expect("a report").contains("\"run-finished\""));
    assert!(shard(index, &["--no-tests=maybe"]).ends_with("=> 2"));
}

#[test]
fn what_external_servers_cannot_do_is_refused_by_name() {
    let matrix = "[[flavour]]\nname = 'replica'\nurl = 'mysql://a@127.0.0.1:1'\n";
    let sandbox = Sandbox::new(&[("m.toml", matrix), ("dump.sql", "")]);
    let refused = "error: `replica` is an external server: dbmatrix does not keep it and can only ask it \
        (`run`, `diff`, `exec`, `connect`)\n=> 1";
    for command in [
        "url replica",
        "env replica",
        "shell replica",
        "logs replica",
        "cp dump.sql replica:/tmp/",
        "cp replica:/etc/hostname here",
        "start replica",
        "stop replica",
        "pause replica",
        "resume repl*",
        "restart replica",
        "reset replica",
        "snapshot replica",
        "snapshot replica --list --format json",
        "restore replica",
        "export replica shop.tar.zst",
        "copy replica --to lab",
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--matrix", "m.toml"]).collect();
        assert_eq!(sandbox.run(&words), refused, "{command}");
    }
}

#[test]
fn a_matrix_bounds_what_is_done_to_flavours() {
    let matrix = "flavours = ['mariadb:10.11']\n";
    let external = "[[flavour]]\nname = 'replica'\nurl = 'mysql://a@127.0.0.1:1'\n";
    let sandbox = Sandbox::new(&[("m.toml", matrix), ("external.toml", external)]);
    let other = sandbox.run(&["reset", "mariadb-10.5", "--matrix", "m.toml"]);
    assert!(
        other.starts_with("error: no flavour `mariadb-10.5` in `m.toml`"),
        "{other}"
    );
    assert!(other.ends_with("=> 2"), "{other}");
    let none = sandbox.run(&["reset", "--all", "--matrix", "external.toml"]);
    assert!(none.contains("names external servers alone"), "{none}");
    assert!(none.ends_with("=> 1"), "{none}");
}

#[test]
fn a_mirror_is_two_addresses_for_a_server_of_the_catalogue() {
    let sandbox = Sandbox::new(&[]);
    let told = sandbox.run(&["connect", "mariadb:10.6.18", "--mirror", "https://mirror"]);
    assert!(
        told.contains("expected a vendor's address, `=` and"),
        "{told}"
    );
    assert!(told.ends_with("=> 2"), "{told}");
}

#[test]
fn a_bisect_of_nothing_sensible_is_refused() {
    let matrix = "[nest]\nmemroy = '4GiB'\n";
    let sandbox = Sandbox::new(&[("m.toml", matrix), ("a.txt", ""), ("empty.sql", "-- no\n")]);
    let bisect = |from: &str, to: &str, more: &[&str]| {
        let ends = ["bisect", "--from", from, "--to", to];
        sandbox.run(&[&ends, more].concat())
    };
    let sql = ["-e", "SELECT 1"];
    insta::assert_snapshot!(bisect("mysql:8.0.11", "mariadb:11.8", &sql), @r"
    error: `mysql:8.0.11` and `mariadb:11.8` are of two families, and no line of releases leads from one to the other; `dbmatrix diff` compares them
    => 2
    ");
    insta::assert_snapshot!(bisect("mysql:9.7", "mysql:8.4", &sql), @r"
    error: `mysql:9.7` is newer than `mysql:8.4`; name the older release first
    => 2
    ");
    insta::assert_snapshot!(bisect("mysql:lts", "mysql:9.7", &sql), @r"
    error: `mysql:lts` and `mysql:9.7` are the same release; name two
    => 2
    ");
    insta::assert_snapshot!(bisect("mysql:8.0.4", "mysql:9.7", &sql), @r"
    error: the catalogue has no `mysql:8.0.4`; the nearest that it has is `mysql:8.0.11`
    => 2
    ");
    insta::assert_snapshot!(bisect("mysql-8.0", "mysql:9.7", &sql), @r"
    error: expected `family:version`, such as `mysql:9.7`; found `mysql-8.0`
    => 2
    ");
    insta::assert_snapshot!(bisect("mysql:8.0", "mysql:9.7", &["a.txt"]), @r"
    error: expected a file that ends in `.sql`, `.slt` or `.test`; found `a.txt`
    => 2
    ");
    insta::assert_snapshot!(bisect("mysql:8.0", "mysql:9.7", &["--matrix", "m.toml", "-e", "SELECT 1"]), @r"
    error: matrix file `m.toml` has a problem
    unknown key `memroy`; did you mean `memory`?
     --> m.toml:2:1
      |
    1 | [nest]
    2 | memroy = '4GiB'
      | ^^^^^^
    => 2
    ");
    insta::assert_snapshot!(bisect("mysql:8.0", "mysql:9.7", &["-e", "SELECT 1;\n\nSELECT\n2", "--line", "4"]), @r"
    error: -e: no step begins in line 4; the nearest step begins in line 3
    => 2
    ");
    let nothing = bisect("mysql:8.0", "mysql:9.7", &[]);
    assert!(
        nothing.contains("required arguments were not provided") && nothing.ends_with("=> 2"),
        "{nothing}"
    );
    let both = bisect(
        "mysql:8.0",
        "mysql:9.7",
        &["--command", "true", "-e", "SELECT 1"],
    );
    assert!(
        both.contains("cannot be used with") && both.ends_with("=> 2"),
        "{both}"
    );
    let empty = bisect("mysql:9.6", "mysql:9.7", &["empty.sql"]);
    assert!(
        empty.contains("expected a statement to compare; found none in empty.sql")
            && empty.ends_with("=> 2"),
        "{empty}"
    );
}

#[test]
fn a_cache_that_cannot_serve_is_refused_before_an_engine_is_asked() {
    let sandbox = Sandbox::new(&[
        ("m.toml", "flavours = ['mysql:9.7']\n"),
        ("other", "SELECT 1;\n"),
        ("cut", "dbmatrix cache 1\nand half of"),
        ("newer", "dbmatrix cache 2\n"),
        (
            "external.toml",
            "[[flavour]]\nname = 'a'\nurl = 'mysql://a@localhost/'\n",
        ),
    ]);
    insta::assert_snapshot!(sandbox.run(&["cache", "restore", "m.toml", "none"]), @r"
    error: `none` is not restored: could not read the file: No such file or directory (os error 2)
    => 1
    ");
    insta::assert_snapshot!(sandbox.run(&["cache", "restore", "m.toml", "other"]), @r"
    error: `other` is not restored: it is nothing that `dbmatrix cache save` wrote
    => 1
    ");
    insta::assert_snapshot!(sandbox.run(&["cache", "restore", "m.toml", "cut"]), @r"
    error: `cut` is not restored: it is truncated or changed; fetch it once more, or save it anew
    => 1
    ");
    insta::assert_snapshot!(sandbox.run(&["cache", "restore", "m.toml", "newer"]), @r"
    error: `newer` is not restored: its layout has version 2, and this dbmatrix reads 1; save it anew with this dbmatrix
    => 1
    ");
    insta::assert_snapshot!(sandbox.run(&["cache", "save", "m.toml", "other"]), @r"
    error: `other` is there; `--force` replaces it
    => 1
    ");
    insta::assert_snapshot!(sandbox.run(&["cache", "save", "external.toml", "new"]), @r"
    error: `external.toml` names external servers alone: there is nothing to save
    => 2
    ");
    insta::assert_snapshot!(sandbox.run(&["cache", "key", "none.toml"]), @r"
    error: could not read matrix file `none.toml`: No such file or directory (os error 2)
    => 2
    ");
}

#[test]
fn what_is_no_input_is_refused_by_its_reason() {
    let matrix = "[[flavour]]\nname = 'a'\nurl = 'env:A'\n[[flavour]]\nname = 'b'\nurl = 'env:B'\n";
    let sandbox = Sandbox::new(&[
        ("m.toml", matrix),
        ("a.sql", "SELECT 1;\n"),
        ("slow.log", "SELECT 1;\n"),
        ("no.log", "nothing of a log\n"),
    ]);
    let calls = [
        "diff m.toml slow.log ./slow.log",
        "diff m.toml slow.log a.sql",
        "diff m.toml slow.log no.log",
        "diff m.toml slow.log --against r.zst --repeat 7",
        "replay m.toml -",
        "replay m.toml slow.log /dev/null",
        "replay m.toml slow.log slow.log",
    ];
    let told = calls.map(|call| sandbox.run(&call.split(' ').collect::<Vec<_>>()));
    insta::assert_snapshot!(told.join("\n"), @r"
    error: `./slow.log` is there twice, and its statements would count twice; name each log once
    => 2
    error: expected one file of statements, or one or more logs; found `a.sql` among several files
    => 2
    error: no.log:1: expected a slow log, a general log, statements one a line, the output of mysqlbinlog, rows of `performance_schema` or `sys` as CSV or JSON, or a capture; found `nothing of a log`
    => 2
    error: `--repeat` measures servers, and the answers in `r.zst` have no times; leave `--repeat` out, or compare times without `--against`
    => 2
    error: a replay reads its log again in each round, and `-` can be read once only; write it to a file (compressed by gzip or zstd, if you like)
    => 2
    error: a replay reads its log again in each round, and `/dev/null` can be read once only; write it to a file (compressed by gzip or zstd, if you like)
    => 2
    error: `slow.log` is there twice, and its statements would count twice; name each log once
    => 2
    ");
}
