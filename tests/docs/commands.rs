//! Every command of the documentation has options that exist; those that need no engine
//! are run.

use std::process::Command;

use clap::error::ErrorKind;
use regex::Regex;

use crate::markdown::parts;
use crate::{documents, files, read, root};

/// A command line of dbmatrix, and where it is.
struct Line {
    place: String,
    words: Vec<String>,
}

/// The words of a command from some text on, as a shell has them: up to what ends it.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let quoted = letters.by_ref().take_while(|c| *c != letter);
                let quoted: String = quoted.collect();
                word.get_or_insert_default().push_str(&quoted);
            }
            ' ' | '\t' => words.extend(word.take()),
            '#' if word.is_none() => break,
            '|' | ';' | '&' | ')' | '<' | '>' | '\n' => break,
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The commands of dbmatrix in a line of a shell.
fn in_line(line: &str) -> Vec<Vec<String>> {
    // What CI services put in.
    let service = Regex::new(r"\$\{\{[^}]*\}\}|\$CI_NODE_INDEX").expect("a pattern");
    let line = service
        .replace_all(line, "1")
        .replace("$CI_NODE_TOTAL", "2");
    let line = line.replace("cargo run --release -- ", "dbmatrix ");
    let starts = line.match_indices("dbmatrix ").map(|(at, _)| at);
    let starts = starts.filter(|at| {
        let before = line[..*at].trim_end_matches(' ');
        let is_word = line[..*at].len() > before.len() || before.ends_with('(') || *at == 0;
        is_word && (before.is_empty() || before.ends_with(['(', '|', '&', ';', ':', '-']))
    });
    starts.map(|at| words(&line[at..])).collect()
}

/// Lines that go on with `\`, or with an option in YAML, as one.
fn joined(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let goes_on = |before: &String| before.ends_with('\\') || line.trim().starts_with("--");
        match lines.last_mut().filter(|before| goes_on(before)) {
            Some(before) => {
                *before = format!("{} {}", before.trim_end_matches('\\'), line.trim());
            }
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

fn lines() -> Vec<Line> {
    let mut found = Vec::new();
    let mut add = |place: &str, line: &str| {
        let commands = in_line(line).into_iter();
        found.extend(commands.map(|words| Line {
            place: place.to_owned(),
            words,
        }));
    };
    for file in documents() {
        let (blocks, prose) = parts(&file, &read(&file));
        for block in &blocks {
            for line in joined(&block.text) {
                match block.info.as_str() {
                    "sh" | "yaml" => add(&block.place(), &line),
                    "console" => {
                        if let Some(typed) = line.strip_prefix("$ ") {
                            add(&block.place(), typed);
                        }
                    }
                    _ => {}
                }
            }
        }
        let prose: Vec<&str> = prose.iter().map(|(_, line)| line.as_str()).collect();
        let prose = prose.join(" ");
        for code in prose.split('`').skip(1).step_by(2) {
            let is_version = code.starts_with("dbmatrix 0.");
            if code.starts_with("dbmatrix ") && !code.contains("COMMAND") && !is_version {
                add(&format!("{}: `{code}`", file.display()), code);
            }
        }
    }
    let mut others = files("examples", &[".yml", ".toml"]);
    others.extend(files("matrices", &[".toml"]));
    for file in others {
        let text = read(&file).replace("#   dbmatrix", "dbmatrix");
        for line in joined(&text) {
            add(&file.display().to_string(), line.trim());
        }
    }
    found
}

#[test]
fn every_command_of_the_documentation_is_understood() {
    let lines = lines();
    assert!(lines.len() > 80, "{} commands", lines.len());
    let mut wrong = Vec::new();
    for line in &lines {
        // Messages name `freeze` and the like without a flavour.
        let good = [
            ErrorKind::DisplayHelp,
            ErrorKind::DisplayVersion,
            ErrorKind::MissingRequiredArgument,
            ErrorKind::MissingSubcommand,
        ];
        // The remotes of the documentation are not those of this user.
        let mut words = line.words.clone();
        if let Some(at) = words.iter().position(|word| word == "--engine")
            && let Some(engine) = words.get_mut(at + 1)
        {
            *engine = "incus".into();
        }
        if let Err(error) = dbmatrix::cli::commands().try_get_matches_from(&words)
            && !good.contains(&error.kind())
        {
            wrong.push(format!("{}: {:?}\n{error}", line.place, line.words));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_that_need_no_engine_are_run() {
    let home = tempfile::tempdir().expect("a folder");
    let mut seen = Vec::new();
    let mut lines = lines();
    lines.sort_by(|a, b| a.words.cmp(&b.words));
    lines.dedup_by(|a, b| a.words == b.words);
    for line in lines {
        let rest: Vec<&str> = line.words[1..].iter().map(String::as_str).collect();
        let is_there = |file: &&str| root().join(file).exists();
        let (codes, shown): (&[i32], &str) = match rest[..] {
            ["completions", _] => (&[0], "dbmatrix"),
            ["man", _] => (&[0], ""),
            ["help", ..] => (&[0], "Usage:"),
            ["--version"] => (&[0], "dbmatrix "),
            ["report", "merge", ref parts @ ..]
                if !parts.is_empty() && parts.iter().all(is_there) =>
            {
                (&[0], "passed")
            }
            ["doctor", "--offline"] => (&[0, 1], "engine"),
            ["catalogue", "--offline"] => (&[0], "mysql:9.7"),
            _ => continue,
        };
        let home_text = home.path().to_str().expect("a name in UTF-8");
        let arguments = rest.iter().map(|word| word.replace('~', home_text));
        let output = Command::new(env!("CARGO_BIN_EXE_dbmatrix"))
            .args(arguments)
            .current_dir(root())
            .env("HOME", home.path())
            .env("DBMATRIX_PROJECT", "dbmatrix-docs-test")
            .output()
            .expect("the program");
        let told = String::from_utf8_lossy(&output.stdout);
        let code = output.status.code().expect("an exit status");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            codes.contains(&code),
            "{}: {code}\n{told}{errors}",
            line.place
        );
        assert!(
            told.contains(shown),
            "{}: no `{shown}` in\n{told}",
            line.place
        );
        seen.push(rest[0].to_owned());
    }
    for command in [
        "completions",
        "man",
        "help",
        "--version",
        "report",
        "doctor",
    ] {
        assert!(
            seen.iter().any(|word| word == command),
            "no `{command}` in {seen:?}"
        );
    }
}

#[test]
fn a_shell_s_words_end_where_the_command_does() {
    assert_eq!(words("dbmatrix x 'a b'c  # d"), ["dbmatrix", "x", "a bc"]);
    let found = in_line("a | dbmatrix shell m -- mysql app  # x");
    assert_eq!(found, [["dbmatrix", "shell", "m", "--", "mysql", "app"]]);
    assert_eq!(
        in_line("eval \"$(dbmatrix env m)\""),
        [["dbmatrix", "env", "m"]]
    );
    assert!(in_line("scp dbmatrix there").is_empty());
}
