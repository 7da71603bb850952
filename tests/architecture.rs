//! The modules of all crates use those below them and never those above; the drawing in
//! `docs/architecture.md` shows them as they are.
//!
//! Reads `crate::…` and `dbmatrix_…::…` in the sources. What tests use does not matter.

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

/// A crate of the workspace, and those of its modules that have a name of their own in
/// the drawing: the public ones. What else it has goes by the name of the crate.
struct Crate {
    name: String,
    folder: PathBuf,
    modules: BTreeSet<String>,
}

impl Crate {
    fn read(name: &str, folder: PathBuf) -> Self {
        let public = Regex::new(r"(?m)^pub mod ([a-z_]+);").expect("a pattern");
        let text = std::fs::read_to_string(folder.join("lib.rs")).expect("a library");
        let modules = public.captures_iter(&text).map(|name| name[1].to_owned());
        Crate {
            name: name.to_owned(),
            modules: modules.collect(),
            folder,
        }
    }

    /// The module of the drawing to which a name in this crate belongs.
    fn module(&self, name: &str) -> String {
        match self.modules.contains(name) {
            true => name.to_owned(),
            false => self.name.clone(),
        }
    }
}

/// The program, whose modules are all drawn, and the crates below it.
fn crates() -> Vec<Crate> {
    let mut program = Crate::read("dbmatrix", root().join("src"));
    program.modules.insert("app".to_owned());
    let folders = std::fs::read_dir(root().join("crates")).expect("crates");
    let mut crates = vec![program];
    for folder in folders.flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        let sources = folder.path().join("src");
        // Tasks of developers are programs, of which nothing else is made.
        if sources.join("lib.rs").exists() {
            crates.push(Crate::read(&name, sources));
        }
    }
    crates
}

/// The modules that a source of a crate names, by their crates: `crate` is its own.
fn named(code: &str) -> BTreeSet<(String, String)> {
    let one = Regex::new(r"\b(?:(crate)|dbmatrix_([a-z]+))::(?:\{([^;]*?)\};|([A-Za-z_]+))");
    let one = one.expect("a pattern");
    let first = Regex::new(r"(?:^|,)\s*([A-Za-z_]+)").expect("a pattern");
    let mut found = BTreeSet::new();
    for names in one.captures_iter(code) {
        let owner = names.get(1).or(names.get(2)).expect("a crate").as_str();
        let mut add = |name: &str| found.insert((owner.to_owned(), name.to_owned()));
        match (names.get(3), names.get(4)) {
            (Some(several), _) => {
                for name in first.captures_iter(several.as_str()) {
                    add(&name[1]);
                }
            }
            (None, Some(name)) => {
                add(name.as_str());
            }
            (None, None) => {}
        }
    }
    found
}

fn imports() -> Imports {
    let crates = crates();
    let by_name = |name: &str| crates.iter().find(|one| one.name == name);
    let mut imports = Imports::new();
    for own in &crates {
        for path in sources(&own.folder) {
            let below = path
                .strip_prefix(&own.folder)
                .expect("a file of the crate")
                .with_extension("");
            let is_tests = below.ends_with("tests") || below.ends_with("test_fixtures");
            let first = below.iter().next().expect("a name").to_string_lossy();
            if is_tests || first == "lib" || first == "main" {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            let module = own.module(&first);
            let used = imports.entry(module.clone()).or_default();
            for (owner, name) in named(&code(&text)) {
                let owner = match owner.as_str() {
                    "crate" => own,
                    other => by_name(other).expect("a crate of the workspace"),
                };
                used.insert(owner.module(&name));
            }
            used.remove(&module);
        }
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
    let mut found = Vec::new();
    for own in crates() {
        for path in sources(&own.folder) {
            let below = path.strip_prefix(root()).expect("a file of ours");
            if own.name == "platform" || below.starts_with("crates/containers/src/route") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            for line in code(&text).lines().filter(|line| systems.is_match(line)) {
                found.push(format!("{}: {}", below.display(), line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "not in `platform`:\n{}", found.join("\n"));
}

#[test]
fn names_are_found_in_all_forms_of_imports() {
    let text = code(
        "use crate::a::B;\nuse dbmatrix_x::{c::D, e, F};\n/// crate::x\nfn f() { crate::g::h() }\n",
    );
    let found = named(&text);
    let found: Vec<_> = found
        .iter()
        .map(|(owner, name)| (&**owner, &**name))
        .collect();
    let ours = [("crate", "a"), ("crate", "g")];
    assert_eq!(found[..2], ours);
    assert_eq!(found[2..], [("x", "F"), ("x", "c"), ("x", "e")]);
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
