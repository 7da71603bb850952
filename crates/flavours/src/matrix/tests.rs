//! Whole matrix files, right and wrong.

use dbmatrix_containers::image::ImageOrigin;

use super::*;
use crate::server::{Installation, MemoryProfile};

fn parse(text: &str) -> Result<Matrix, ConfigError> {
    Matrix::parse(Path::new("m.toml"), text)
}

fn told(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(error) => error.lines(),
    }
}

#[test]
fn the_short_form_needs_only_names() {
    let matrix = parse("flavours = ['mysql:9.7', 'mariadb:11.8']").expect("a matrix");
    let names: Vec<&str> = matrix
        .flavours
        .iter()
        .map(|flavour| flavour.name.as_str())
        .collect();
    assert_eq!(names, ["mysql-9.7", "mariadb-11.8"]);
    assert_eq!(matrix.nest.name, "m");
    assert!(matrix.flavours.iter().all(|flavour| flavour.required));
}

#[test]
fn old_names_are_understood_and_told() {
    let text = "\
flavours = ['mysql:9.7']
[defaults]
footprint = 'stock'
[run]
after = 'freeze'
[[suite]]
name = 's'
command = ['true']
limit = '1s'
[[suite]]
name = 'tests'
mysqltest = 'mariadb'
step-limit = '2s'
";
    let matrix = parse(text).expect("a matrix");
    assert_eq!(matrix.run.after, Some(After::Pause));
    assert_eq!(
        matrix.flavours[0]
            .managed()
            .expect("ours")
            .spec
            .memory_profile,
        MemoryProfile::Default
    );
    assert_eq!(
        matrix.suites[0].timeout,
        Some(std::time::Duration::from_secs(1))
    );
    insta::assert_snapshot!(matrix.deprecations.join("\n"), @r"
        m.toml:3: `footprint` is called `memory-profile` now; the next release no longer knows the old name
        m.toml:3: `stock` is called `default` now; the next release no longer knows the old name
        m.toml:5: `freeze` is called `pause` now; the next release no longer knows the old name
        m.toml:9: `limit` is called `timeout` now; the next release no longer knows the old name
        m.toml:13: `step-limit` is called `step-timeout` now; the next release no longer knows the old name
        ");
}

#[test]
fn a_step_timeout_is_no_old_name() {
    let text = "flavours = ['mysql:9.7']\n[[suite]]\nname = 's'\nmysqltest = 'mysql'\nstep-timeout = '1s'\n";
    assert!(parse(text).expect("a matrix").deprecations.is_empty());
}

#[test]
fn an_old_name_beside_the_new_one_is_refused() {
    let text = "flavours = ['mysql:9.7']\n[[suite]]\nname = 's'\ncommand = ['true']\nlimit = '1s'\ntimeout = '2s'\n";
    insta::assert_snapshot!(told(text).join("\n"), @"m.toml:5: `limit` is the old name of `timeout`, which is there too; remove one of them");
}

#[test]
fn all_problems_are_told_at_once_at_their_lines() {
    let text = "\
[nest]
memroy = '4GiB'
cpus = 'two'

[[flavour]]
server = 'mysql:9.x'
required = 1

[[flavour]]
server = 'percona:8.4'
source = 'debian'

[[flavour]]
name = 'under_score'
server = 'mariadb:11.8'
";
    insta::assert_snapshot!(told(text).join("\n"), @r"
        m.toml:2: unknown key `memroy`; did you mean `memory`?
        m.toml:3: expected a whole number from 1; found a string
        m.toml:6: expected a version such as `8.4` or `10.11.18`; found `9.x`
        m.toml:7: expected `true` or `false`; found an integer
        m.toml:11: the catalogue has `percona:8.4` not from `debian`; it has it from `vendor`, `tarball`
        m.toml:14: expected a name of at most 45 letters, digits, hyphens and dots that begins with a letter; found `under_score`
        ");
}

#[test]
fn a_syntax_error_is_told_with_its_line() {
    let lines = told("flavours = ['mysql:9.7']\nnest = = 1\n");
    assert!(
        lines.iter().any(|line| line.starts_with("m.toml:2: ")),
        "{lines:?}"
    );
}

#[test]
fn a_recipe_can_be_overridden_or_given_whole() {
    let text = "\
[[image]]
name = 'debian:bookworm'
check-valid-until = false

[[flavour]]
server = 'mysql:5.6'
tarball = { path = 'x.tgz', sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' }
packages = []
settings = { max_connections = 50, sql_mode = 'ANSI' }

[[flavour]]
name = 'own'
server = 'mariadb:11.8'
source = 'vendor'
image = 'images:debian/12'
repository = { url = 'http://repo.test/apt', key = 'key.asc' }
";
    let matrix = parse(text).expect("a matrix");
    let old = &matrix.flavours[0];
    let old = old.managed().expect("a server that is made");
    assert!(matches!(old.spec.installation, Installation::Tarball(_)));
    assert!(
        matches!(&old.image, ImageOrigin::Built(image) if image.check_valid_until == Some(false))
    );
    assert_eq!(
        old.spec.settings[1],
        ("sql_mode".to_owned(), "ANSI".to_owned())
    );
    let own = matrix.flavours[1].managed();
    let own = own.expect("a server that is made");
    assert!(matches!(own.image, ImageOrigin::Server { .. }));
    let Installation::Packages(packages) = &own.spec.installation else {
        panic!("packages");
    };
    let repository = packages.repository.as_ref().expect("a repository");
    assert_eq!(
        (repository.urls[0].as_str(), repository.suite.as_str()),
        ("http://repo.test/apt", "trixie")
    );
    assert!(
        repository.fingerprints.is_empty(),
        "another key has other fingerprints"
    );
}

#[test]
fn packages_of_the_file_are_no_tarball_of_the_catalogue() {
    let is_packages = |more: &str| {
        let text = format!("[[flavour]]\nserver = 'mysql:8.0.36'\n{more}\n");
        let matrix = parse(&text).expect("a matrix");
        let managed = matrix.flavours[0].managed().expect("ours");
        matches!(managed.spec.installation, Installation::Packages(_))
    };
    assert!(is_packages("source = 'vendor'"));
    assert!(is_packages(
        "repository = { url = 'http://repo.test/apt', key = 'k.asc' }"
    ));
    assert!(is_packages(
        "image = 'debian:bookworm'\npackages = ['mysql-server']"
    ));
    assert!(!is_packages(""));
}

#[test]
fn a_flavour_varies_in_all_combinations_of_its_settings() {
    let text = "\
[[flavour]]
server = 'mysql:9.7'
settings = { sql-mode = 'ANSI', max_connections = 50 }
required = false
vary = { sql_mode = { strict = 'STRICT_ALL_TABLES', none = '' }, character-set-server = ['utf8mb4', 'latin1'] }
";
    let flavours = parse(text).expect("a matrix").flavours;
    let names: Vec<&str> = flavours.iter().map(|one| one.name.as_str()).collect();
    let expected = [
        "mysql-9.7-utf8mb4-none",
        "mysql-9.7-utf8mb4-strict",
        "mysql-9.7-latin1-none",
        "mysql-9.7-latin1-strict",
    ];
    assert_eq!(names, expected);
    assert!(flavours.iter().all(|flavour| !flavour.required));
    let last = flavours[3].managed().expect("ours");
    let settings = last.spec.settings.iter();
    let settings: Vec<String> = settings
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let expected = [
        "max_connections=50",
        "character-set-server=latin1",
        "sql_mode=STRICT_ALL_TABLES",
    ];
    assert_eq!(settings, expected);
}

#[test]
fn what_cannot_vary_is_a_problem() {
    let told_of = |vary: &str| {
        told(&format!(
            "[[flavour]]\nserver = 'mysql:9.7'\nvary = {vary}\n"
        ))
    };
    let long = format!("{{ a = ['{}'] }}", "x".repeat(40));
    let many = "{ a = [1, 2, 3, 4, 5], b = [1, 2, 3, 4, 5], c = [1, 2, 3] }";
    for (vary, message) in [
        (
            many,
            "`vary` makes 75 flavours of one; at most 64 are possible",
        ),
        (
            "{ a = [] }",
            "expected a list of values, or a table that names them; found none",
        ),
        (
            "{ a = 1 }",
            "expected a list of values, or a table that names them; found an integer",
        ),
        (
            "{ a = [[1]] }",
            "expected a string without line ends, a number or `true`/`false`; found a list",
        ),
        ("{ a = ['x', 'x'] }", "the name `mysql-9.7-x` is used twice"),
        (
            "{ a = { \"b c\" = 1 } }",
            "expected a name of at most 45 letters",
        ),
        (&long, "expected a name of at most 45 letters"),
        ("['a']", "expected a table; found a list"),
    ] {
        let told = told_of(vary);
        assert!(told[0].contains(message), "{vary}: {told:?}");
    }
    let url = "[[flavour]]\nname = 'a'\nurl = 'env:A'\nvary = { a = [1] }\n";
    assert!(told(url)[0].contains("`vary`"), "{:?}", told(url));
}

#[test]
fn settings_cannot_smuggle_lines_into_the_file() {
    let text = "[[flavour]]\nserver = 'mysql:9.7'\nsettings = { \"a]\\nb\" = 1, c = \"x\\ny\", d = [1] }\n";
    assert_eq!(told(text).len(), 3);
}

#[test]
fn the_same_name_twice_is_a_problem() {
    assert_eq!(
        told("flavours = ['mysql:9.7', 'mysql:9.7']"),
        ["m.toml:1: the name `mysql-9.7` is used twice; give one of the flavours another `name`"]
    );
}

#[test]
fn suites_have_names_like_all_others() {
    let told_of = |name: &str| {
        told(&format!(
            "flavours = ['mysql:9.7']\n\n[[suite]]\nname = '{name}'\ncommand = ['true']\n"
        ))
    };
    let longest = "x".repeat(45);
    for name in ["s", "mariadb-main", "mysql-9.7", "Own", &longest] {
        assert_eq!(told_of(name), [""; 0], "{name}");
    }
    let longer = "x".repeat(46);
    for name in [
        "",
        "-",
        "9",
        "a/b",
        "../a",
        "..",
        "a b",
        "under_score",
        "a-",
        "a.",
        "ä",
        &longer,
    ] {
        assert_eq!(
            told_of(name),
            [format!(
                "m.toml:4: expected a name of at most 45 letters, digits, hyphens and dots that begins with a letter; found `{name}`"
            )]
        );
    }
}

#[test]
fn jobs_are_a_whole_number_from_one() {
    let run = |jobs: &str| format!("flavours = ['mysql:9.7']\n[run]\njobs = {jobs}\n");
    let matrix = parse(&run("3")).expect("a matrix");
    assert_eq!(matrix.run.jobs, Some(3));
    assert_eq!(
        told(&run("0")),
        ["m.toml:3: expected a whole number from 1; found an integer"]
    );
    assert_eq!(told(&run("1\njob = 2")).len(), 1);
}

#[test]
fn a_command_suite_takes_no_jobs() {
    let text = "flavours = ['mysql:9.7']\n[[suite]]\nname = 's'\ncommand = ['true']\njobs = 2\n";
    let told = told(text);
    assert!(told[0].contains("`jobs`"), "{told:?}");
}

#[test]
fn a_matrix_without_flavours_is_a_problem() {
    assert_eq!(told("").len(), 1);
}

#[test]
fn suites_name_files_that_are_there() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.slt"), "").expect("a file");
    std::fs::write(folder.path().join("b.txt"), "").expect("a file");
    let path = folder.path().join("m.toml");
    let suite = |files: &str| {
        let text = format!("flavours = ['mysql:9.7']\n[[suite]]\nname = 's'\nfiles = {files}\n");
        Matrix::parse(&path, &text)
    };
    let matrix = suite("['*.slt']").expect("a matrix");
    let SuiteKind::Files(files) = &matrix.suites[0].kind else {
        panic!("files");
    };
    assert_eq!(files.files.len(), 1);
    assert_eq!(files.jobs, None);
    let bound = suite("['*.slt']\njobs = 2").expect("a matrix");
    let SuiteKind::Files(files) = &bound.suites[0].kind else {
        panic!("files");
    };
    assert_eq!(files.jobs, Some(2));
    assert!(suite("['*.sql']").is_err(), "matches nothing");
    assert!(suite("['b.txt']").is_err(), "is no suite");
    assert!(suite("[]").is_err(), "names nothing");
}

#[test]
fn local_files_are_of_a_folder_that_is_there() {
    let suite = |folder: &str| {
        let text = format!(
            "flavours = ['mysql:9.7']\n[[suite]]\nname = 's'\nfiles = ['sql/types.slt']\nlocal-files = '{folder}'\n"
        );
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../m.toml"));
        Matrix::parse(path, &text)
    };
    let matrix = suite("sql").expect("a matrix");
    let crate::matrix::SuiteKind::Files(files) = &matrix.suites[0].kind else {
        panic!("a suite of files");
    };
    let folder = files.local_files.as_ref().expect("a folder");
    assert!(folder.ends_with("sql"));
    let told = suite("sql/types.slt").expect_err("no folder").lines();
    assert!(told[0].contains("m.toml:5: expected a folder"), "{told:?}");
}
