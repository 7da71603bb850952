//! The keys of a matrix file as data, the source of the reference and of the JSON Schema
//! for editors.
//!
//! Owns the texts of the documentation. The readers beside this file define what is
//! valid; tests compare both, so that a key cannot be added in one place only. Must not
//! know the paths of documentation files.

mod keys;
mod server_keys;
mod upgrade_keys;

pub use keys::SECTIONS;

use std::fmt::Write;

use serde_json::{Map, Value, json};

/// A table of a matrix file.
#[derive(Debug)]
pub struct Section {
    /// Its path in the readers, such as `flavour.tarball`; empty for the top.
    pub path: &'static str,
    /// Its heading in the reference, such as `[[flavour]]`.
    pub title: &'static str,
    /// Its purpose: sentences, as Markdown.
    pub about: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: &'static [Key],
    /// Keys of which one is required.
    pub any_of: &'static [&'static str],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub takes: Takes,
    /// Its default, as Markdown; empty if it is required.
    pub default: &'static str,
    /// Its meaning, as Markdown on one line.
    pub about: &'static str,
    /// Its current name, if this is a deprecated one.
    pub renamed: Option<&'static str>,
}

/// The type of a key's value.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// A text.
    Text,
    /// A text that matches a pattern (ECMA-262, as in JSON Schema).
    Matching(&'static str),
    /// One of some words, or the table with that path.
    WordOrTable(&'static [&'static str], &'static str),
    /// One of some words; deprecated ones are accepted for one more release.
    Word(&'static [&'static str], &'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number from 1.
    Count,
    /// A number from 0.
    Number,
    /// A list of texts.
    Texts,
    /// A list of texts, and of tables with that path.
    TextsOrTables(&'static str),
    /// A list of some words; deprecated ones are accepted for one more release.
    Words(&'static [&'static str], &'static [&'static str]),
    /// A table of server settings or variables: texts, numbers and flags by name.
    Settings,
    /// A table of server settings with several values each.
    SettingValues,
    /// The table with that path.
    Table(&'static str),
    /// A list of tables with that path.
    Tables(&'static str),
}

/// The section with a path.
pub fn section(path: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.path == path)
}

impl Takes {
    /// A description, as Markdown.
    fn words(self) -> String {
        let quoted = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            words.join(", ")
        };
        match self {
            Takes::Text | Takes::Matching(_) => "text".to_owned(),
            Takes::Word(words, _) => quoted(words),
            Takes::WordOrTable(words, path) => {
                format!("{}, or a [table](#{})", quoted(words), anchor(path))
            }
            Takes::Flag => "`true` or `false`".to_owned(),
            Takes::Count => "whole number from 1".to_owned(),
            Takes::Number => "number from 0".to_owned(),
            Takes::Texts => "list of texts".to_owned(),
            Takes::TextsOrTables(path) => {
                format!("list of texts and [tables](#{})", anchor(path))
            }
            Takes::Words(words, _) => format!("list of {}", quoted(words)),
            Takes::Settings | Takes::SettingValues => "table".to_owned(),
            Takes::Table(path) => format!("[table](#{})", anchor(path)),
            Takes::Tables(path) => format!("[list of tables](#{})", anchor(path)),
        }
    }

    fn schema(self) -> Value {
        let with_old = |words: &[&str], old: &[&str]| -> Value {
            match old {
                [] => json!({ "enum": words }),
                _ => json!({ "anyOf": [{ "enum": words }, { "enum": old, "deprecated": true }] }),
            }
        };
        match self {
            Takes::Text => json!({ "type": "string" }),
            Takes::Matching(pattern) => json!({ "type": "string", "pattern": pattern }),
            Takes::Word(words, old) => with_old(words, old),
            Takes::WordOrTable(words, path) => json!({ "anyOf": [
                { "enum": words },
                { "$ref": format!("#/$defs/{path}") },
            ] }),
            Takes::Flag => json!({ "type": "boolean" }),
            Takes::Count => json!({ "type": "integer", "minimum": 1 }),
            Takes::Number => json!({ "type": "number", "minimum": 0 }),
            Takes::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Takes::TextsOrTables(path) => json!({ "type": "array", "items": { "anyOf": [
                { "type": "string" },
                { "$ref": format!("#/$defs/{path}") },
            ] } }),
            Takes::Words(words, old) => json!({ "type": "array", "items": with_old(words, old) }),
            Takes::Settings => json!({
                "type": "object",
                "additionalProperties": { "type": ["string", "number", "boolean"] },
            }),
            Takes::SettingValues => {
                let value = json!({ "type": ["string", "number", "boolean"] });
                json!({
                    "type": "object",
                    "additionalProperties": { "anyOf": [
                        { "type": "array", "items": value, "minItems": 1 },
                        { "type": "object", "additionalProperties": value, "minProperties": 1 },
                    ] },
                })
            }
            Takes::Table(path) => json!({ "$ref": format!("#/$defs/{path}") }),
            Takes::Tables(path) => {
                json!({ "type": "array", "items": { "$ref": format!("#/$defs/{path}") } })
            }
        }
    }
}

/// The anchor that GitHub and similar sites generate for a heading.
fn anchor(path: &str) -> String {
    let title = section(path).map_or(path, |section| section.title);
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The tables of the reference, as Markdown.
pub fn markdown() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let _ = writeln!(text, "## {}\n\n{}\n", section.title, section.about);
        text.push_str("| key | takes | default | |\n|---|---|---|---|\n");
        for key in section.keys.iter().filter(|key| key.renamed.is_none()) {
            let default = match key.default {
                "" => "required",
                default => default,
            };
            let takes = key.takes.words();
            let _ = writeln!(
                text,
                "| `{}` | {takes} | {default} | {} |",
                key.name, key.about
            );
        }
        text.push('\n');
    }
    text
}

/// The JSON Schema of a matrix file, with a line end.
pub fn schema() -> String {
    let mut schema = Map::new();
    schema.insert(
        "$schema".to_owned(),
        "http://json-schema.org/draft-07/schema#".into(),
    );
    schema.insert("title".to_owned(), "dbmatrix matrix file".into());
    let mut tables = Map::new();
    for section in SECTIONS {
        match section.path {
            "" => schema.extend(table_schema(section)),
            path => {
                tables.insert(path.to_owned(), table_schema(section).into());
            }
        }
    }
    schema.insert("$defs".to_owned(), tables.into());
    let text = serde_json::to_string_pretty(&Value::from(schema));
    text.expect("plain data") + "\n"
}

fn table_schema(section: &Section) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in section.keys {
        properties.insert(key.name.to_owned(), key_schema(key));
        if key.default.is_empty() {
            required.push(key.name);
        }
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("description".to_owned(), plain(section.about).into());
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    if !section.any_of.is_empty() {
        let any = section.any_of.iter();
        let any: Vec<Value> = any.map(|key| json!({ "required": [key] })).collect();
        schema.insert("anyOf".to_owned(), any.into());
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

fn key_schema(key: &Key) -> Value {
    let about = match (key.renamed, key.default) {
        (Some(now), _) => format!("Called `{now}` now."),
        (None, "" | "none") => key.about.to_owned(),
        (None, default) => format!("{}. Default: {default}.", key.about.trim_end_matches('.')),
    };
    let mut schema = key.takes.schema();
    // This draft ignores keywords beside `$ref`.
    if schema.get("$ref").is_some() {
        schema = json!({ "allOf": [schema] });
    }
    schema["description"] = plain(&about).into();
    if key.renamed.is_some() {
        schema["deprecated"] = true.into();
    }
    schema
}

/// Markdown without its links.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once('[') {
        text.push_str(before);
        match after.split_once("](") {
            Some((words, target)) if !words.contains(']') => {
                text.push_str(words);
                rest = target.split_once(')').map_or("", |(_, rest)| rest);
            }
            _ => {
                text.push('[');
                rest = after;
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests;
