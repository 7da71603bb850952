//! The modules of `src/` use those below them and never those above; the drawing in
//! `docs/architecture.md` shows them as they are.
//!
//! Reads `crate::…` in the sources. What tests use does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// Modules by the modules that they use.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of sources");
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false if path.extension().is_some_and(|end| end == "rs") => found.push(path),
            false => {}
        }
    }
    found
}

/// A source without its tests and comments.
fn code(text: &str) -> String {
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of the crate that a source names.
fn named(code: &str) -> BTreeSet<String> {
    let one = Regex::new(r"\bcrate::(?:\{([^;]*?)\};|([a-z_]+))").expect("a pattern");
    let first = Regex::new(r"(?:^|,)\s*([a-z_]+)").expect("a pattern");
    let mut found = BTreeSet::new();
    for names in one.captures_iter(code) {
        match (names.get(1), names.get(2)) {
            (Some(several), _) => {
                let several = several.as_str();
                found.extend(first.captures_iter(several).map(|name| name[1].to_owned()));
            }
            (None, Some(name)) => {
                found.insert(name.as_str().to_owned());
            }
            (None, None) => {}
        }
    }
    found
}

fn imports() -> Imports {
    let src = root().join("src");
    let mut imports = Imports::new();
    for path in sources(&src) {
        let below = path
            .strip_prefix(&src)
            .expect("a file of src")
            .with_extension("");
        let is_tests = below.ends_with("tests") || below.ends_with("test_fixtures");
        let module = below
            .iter()
            .next()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if is_tests || module == "lib" || module == "main" {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        let used = imports.entry(module.clone()).or_default();
        used.extend(named(&code(&text)));
        used.remove(&module);
    }
    let modules: BTreeSet<String> = imports.keys().cloned().collect();
    for used in imports.values_mut() {
        used.retain(|name| modules.contains(name));
    }
    imports
}

/// Modules by floors: each uses only those of floors before its own. Those of circles
/// are what is left over.
fn floors(imports: &Imports) -> (Vec<Vec<&str>>, Vec<&str>) {
    let mut floors: Vec<Vec<&str>> = Vec::new();
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<&str> = imports.keys().map(String::as_str).collect();
    loop {
        let is_next = |module: &&str| {
            imports[*module]
                .iter()
                .all(|used| placed.contains(used.as_str()))
        };
        let (next, rest): (Vec<&str>, Vec<&str>) = left.into_iter().partition(is_next);
        left = rest;
        if next.is_empty() {
            return (floors, left);
        }
        placed.extend(&next);
        floors.push(next);
    }
}

fn drawing(floors: &[Vec<&str>]) -> String {
    let mut text = String::from("```text\n");
    for (number, modules) in floors.iter().enumerate().rev() {
        text.push_str(&format!("{number:>2}  {}\n", modules.join("  ")));
    }
    text + "```\n"
}

#[test]
fn modules_use_only_those_below_them() {
    let imports = imports();
    assert!(imports.len() > 20, "{imports:?}");
    assert!(imports["cli"].contains("run"), "{imports:?}");
    let (_, circles) = floors(&imports);
    let told = circles
        .iter()
        .map(|module| format!("{module} uses {:?}", imports[*module]));
    let told: Vec<String> = told.collect();
    assert!(
        circles.is_empty(),
        "in or above a circle:\n{}",
        told.join("\n")
    );
}

#[test]
fn the_drawing_shows_the_modules_as_they_are() {
    let imports = imports();
    let (floors, _) = floors(&imports);
    let path = root().join("docs/architecture.md");
    let text = std::fs::read_to_string(&path).expect("the documentation");
    let begin = "<!-- generated: floors -->\n";
    let (head, rest) = text.split_once(begin).expect("a mark");
    let (_, tail) = rest.split_once("<!-- generated: end -->").expect("an end");
    let wanted = format!(
        "{head}{begin}\n{}\n<!-- generated: end -->{tail}",
        drawing(&floors)
    );
    if std::env::var_os("DBMATRIX_WRITE").is_some() {
        std::fs::write(&path, wanted).expect("the documentation");
        return;
    }
    assert!(
        text == wanted,
        "{} is stale: DBMATRIX_WRITE=1 cargo test --test architecture",
        path.display()
    );
    for module in imports.keys() {
        assert!(
            tail.contains(&format!("`{module}`")),
            "no words on `{module}`"
        );
    }
}

/// What is there on one system alone is in `platform`, so that all others pass the
/// compiler too; routes are Linux's altogether.
#[test]
fn only_platform_and_route_name_what_one_system_has() {
    let systems = Regex::new(
        r"\b(std::os|rustix|tokio::signal|rtnetlink)::|\bUnix(Stream|Listener)\b|cfg\((not\()?(unix|windows|target_os)",
    );
    let systems = systems.expect("a pattern");
    let src = root().join("src");
    let mut found = Vec::new();
    for path in sources(&src) {
        let below = path.strip_prefix(&src).expect("a file of src");
        if below.starts_with("platform") || below.starts_with("route") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        for line in code(&text).lines().filter(|line| systems.is_match(line)) {
            found.push(format!("{}: {}", below.display(), line.trim()));
        }
    }
    assert!(found.is_empty(), "not in `platform`:\n{}", found.join("\n"));
}

#[test]
fn names_are_found_in_all_forms_of_imports() {
    let text =
        code("use crate::a::B;\nuse crate::{c::D, e};\n/// crate::x\nfn f() { crate::g::h() }\n");
    let found: Vec<String> = named(&text).into_iter().collect();
    assert_eq!(found, ["a", "c", "e", "g"]);
}

#[test]
fn a_circle_is_found() {
    let uses = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let imports = Imports::from([
        ("a".to_owned(), uses(&["b"])),
        ("b".to_owned(), uses(&["a"])),
        ("c".to_owned(), uses(&[])),
    ]);
    assert_eq!(floors(&imports), (vec![vec!["c"]], vec!["a", "b"]));
}
