//! The JSON Schema takes every matrix of the repository, and refuses what a matrix may
//! not have. Code blocks of the documentation are what they say.

use std::path::Path;

use dbmatrix_flavours::matrix::Matrix;
use dbmatrix_sql::suite::KnownDivergences;
use regex::Regex;
use serde_json::{Value, json};

use crate::markdown::{Block, parts};
use crate::{documents, files, read, root};

fn schema() -> Value {
    let text = read(&root().join("docs/matrix.schema.json"));
    serde_json::from_str(&text).expect("JSON")
}

fn value(toml: &str) -> Value {
    let table: toml::Table = toml.parse().expect("TOML");
    serde_json::to_value(table).expect("plain data")
}

/// Problems of a value, by as much of JSON Schema as the schema uses; a word that is not
/// known here is a problem too.
fn problems(value: &Value, schema: &Value, whole: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (word, wanted) in schema.as_object().expect("a schema") {
        let list = || wanted.as_array().expect("a list");
        let is_good = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "deprecated" => true,
            "type" => match wanted {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(value, kind)),
                kind => is_of(value, kind),
            },
            "enum" => list().contains(value),
            "minimum" => value.as_f64() >= wanted.as_f64(),
            "minItems" | "minProperties" => {
                let least = usize::try_from(wanted.as_u64().expect("a number")).expect("a few");
                let (list, table) = (value.as_array(), value.as_object());
                list.is_none_or(|list| list.len() >= least)
                    && table.is_none_or(|table| table.len() >= least)
            }
            "pattern" => {
                let pattern = Regex::new(wanted.as_str().expect("a pattern"));
                let pattern = pattern.expect("a pattern");
                value.as_str().is_some_and(|text| pattern.is_match(text))
            }
            "required" => list().iter().all(|key| {
                let key = key.as_str().expect("a key");
                value.get(key).is_some()
            }),
            "anyOf" => {
                let mut ways = list().iter();
                ways.any(|way| problems(value, way, whole, at).is_empty())
            }
            "allOf" => {
                let ways = list().iter();
                found.extend(ways.flat_map(|way| problems(value, way, whole, at)));
                true
            }
            "$ref" => {
                let name = wanted.as_str().expect("a reference");
                let name = name.strip_prefix("#/$defs/").expect("a table");
                found.extend(problems(value, &whole["$defs"][name], whole, at));
                true
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                found.extend(items.flat_map(|item| problems(item, wanted, whole, at)));
                true
            }
            "properties" => {
                for (key, known) in wanted.as_object().expect("properties") {
                    if let Some(inner) = value.get(key) {
                        found.extend(problems(inner, known, whole, &format!("{at}.{key}")));
                    }
                }
                true
            }
            "additionalProperties" => {
                let keys = value.as_object().into_iter().flatten();
                let known = &schema["properties"];
                for (key, inner) in keys.filter(|(key, _)| known.get(key).is_none()) {
                    match wanted {
                        Value::Bool(_) => found.push(format!("{at}.{key}: unknown")),
                        wanted => found.extend(problems(inner, wanted, whole, at)),
                    }
                }
                true
            }
            _ => false,
        };
        if !is_good {
            found.push(format!("{at}: {value} is not {word} {wanted}"));
        }
    }
    found
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => false,
    }
}

fn told(toml: &str) -> Vec<String> {
    let schema = schema();
    problems(&value(toml), &schema, &schema, "")
}

#[test]
fn the_schema_takes_every_matrix() {
    let mut matrices = files("matrices", &[".toml"]);
    matrices.extend(files("examples", &[".toml"]));
    matrices.retain(|path| !path.to_string_lossy().ends_with(".divergences.toml"));
    assert!(matrices.len() >= 7, "{matrices:?}");
    for path in matrices {
        let text = read(&path);
        assert_eq!(told(&text), [""; 0], "{}", path.display());
        let matrix = Matrix::load(&path).unwrap_or_else(|error| panic!("{:?}", error.lines()));
        assert!(matrix.deprecations.is_empty(), "{}", path.display());
        assert!(
            text.starts_with("#:schema ../docs/matrix.schema.json\n"),
            "{}: no `#:schema` for editors",
            path.display()
        );
    }
}

#[test]
fn the_schema_refuses_what_a_matrix_may_not_have() {
    let whole = "flavours = ['mysql:9.7']\n";
    assert_eq!(told(whole), [""; 0]);
    for wrong in [
        "flavour = 1",
        "zzz = 1",
        "[nest]\nzzz = 1",
        "[nest]\nsize = 'much'",
        "[run]\njobs = 0",
        "[run]\nafter = 'zzz'",
        "[[flavour]]\nname = 'x'",
        "[[flavour]]\nserver = 'mysql'",
        "[[flavour]]\nserver = 'mysql:9.7'\nname = '9'",
        "[[flavour]]\nserver = 'mysql:9.7'\ntarball = { sha256 = 'x' }",
        "[[flavour]]\nserver = 'mysql:9.7'\nsettings = { a = [1] }",
        "[[suite]]\nname = 's'\nkinds = ['zzz']",
        "[[suite]]\nname = 's'\ntimeout = 'soon'",
        "[[suite]]\nname = 's'\nreplace = [{ with = 'x' }]",
        "[[image]]\nname = 'images:debian/12'",
    ] {
        assert_ne!(told(&format!("{whole}{wrong}")), [""; 0], "{wrong}");
        let parsed = Matrix::parse(&root().join("m.toml"), &format!("{whole}{wrong}"));
        assert!(parsed.is_err(), "the reader takes {wrong}");
    }
    let old = "[run]\nafter = 'freeze'\n[[suite]]\nname = 's'\nlimit = '1s'";
    assert_eq!(told(&format!("{whole}{old}")), [""; 0]);
    assert_eq!(
        schema()["$defs"]["suite"]["properties"]["limit"]["deprecated"],
        json!(true)
    );
}

fn blocks() -> impl Iterator<Item = Block> {
    let documents = documents().into_iter();
    documents.flat_map(|file| parts(&file, &read(&file)).0)
}

#[test]
fn blocks_of_toml_are_what_they_say() {
    let at = root().join("m.toml");
    let mut seen = 0;
    for block in blocks().filter(|block| block.info.starts_with("toml")) {
        seen += 1;
        let matrix = match block.info.as_str() {
            "toml" => block.text.clone(),
            "toml fragment" => format!("flavours = ['mysql:9.7']\n{}", block.text),
            "toml divergences" => {
                check_divergences(&block);
                continue;
            }
            "toml remotes" => {
                value(&block.text);
                continue;
            }
            other => panic!("{}: `{other}` is no kind of block", block.place()),
        };
        if let Err(error) = Matrix::parse(&at, &matrix) {
            panic!("{}: {:?}", block.place(), error.lines());
        }
        assert_eq!(told(&matrix), [""; 0], "{}", block.place());
    }
    assert!(seen > 6, "{seen} blocks");
}

fn check_divergences(block: &Block) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.sql");
    std::fs::write(folder.path().join("a.sql.divergences.toml"), &block.text).expect("a file");
    check_loaded(&file, &block.place());
}

fn check_loaded(file: &Path, place: &str) {
    let known = KnownDivergences::load(file, false);
    let known = known.unwrap_or_else(|error| panic!("{place}: {:?}", error.lines()));
    assert!(!known.entries.is_empty(), "{place}");
}

#[test]
fn divergences_of_the_examples_are_read() {
    check_loaded(&root().join("examples/sql/strings.slt"), "examples");
}

#[test]
fn blocks_of_json_are_json() {
    let mut seen = 0;
    for block in blocks().filter(|block| block.info == "json") {
        seen += 1;
        let mut lines = block.text.lines();
        let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        assert!(
            is_json(&block.text) || lines.all(is_json),
            "{}",
            block.place()
        );
    }
    assert!(seen > 0);
}
