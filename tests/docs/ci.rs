//! The action and the templates for CI services: their shapes, what they refer to, and the
//! script behind them, as far as it goes without an engine.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use regex::Regex;
use serde_json::Value;

use crate::{read, root};

fn yaml(file: &str) -> Value {
    let text = read(&root().join(file));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    let map = value.as_object().expect("a map");
    map.keys().map(String::as_str).collect()
}

fn steps(value: &Value) -> &[Value] {
    value["steps"].as_array().expect("steps")
}

/// The names behind a word such as `inputs.` in expressions.
fn referred(text: &str, before: &str) -> BTreeSet<String> {
    let pattern = Regex::new(&format!(r"\b{}\.([a-z-]+)", regex::escape(before)));
    let pattern = pattern.expect("a pattern");
    let found = pattern.captures_iter(text);
    found.map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_action_is_composite_and_refers_to_what_is_there() {
    let action = yaml("action.yml");
    let text = read(&root().join("action.yml"));
    assert_eq!(action["runs"]["using"], "composite");
    let inputs = keys(&action["inputs"]);
    let wanted = referred(&text, "inputs");
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    assert_eq!(inputs, wanted, "inputs, and those that steps use");
    let script = read(&root().join(".ci/job.sh"));
    let mut known = BTreeSet::new();
    for step in steps(&action["runs"]) {
        let name = step["name"].as_str().expect("a name");
        assert!(
            step["uses"].is_string() != step["run"].is_string(),
            "`{name}` either uses or runs"
        );
        if let Some(run) = step["run"].as_str() {
            assert!(step["shell"].is_string(), "`{name}` has no shell");
            let call = run.strip_prefix("\"$GITHUB_ACTION_PATH/.ci/job.sh\" ");
            let word = call.unwrap_or_else(|| panic!("`{name}` runs `{run}`"));
            assert!(script.contains(&format!("\n    {word})")), "`{word}`");
            let variables = step["env"].as_object().into_iter().flatten();
            for (variable, _) in variables {
                assert!(
                    script.contains(variable.as_str()),
                    "`{variable}` of `{name}`"
                );
            }
        }
        let told = step.to_string();
        for id in referred(&told, "steps") {
            assert!(
                known.contains(&id),
                "`{name}` refers to `{id}`, which is not before it"
            );
        }
        known.extend(step["id"].as_str().map(str::to_owned));
    }
    let mode = std::fs::metadata(root().join(".ci/job.sh")).expect("the script");
    assert_ne!(mode.permissions().mode() & 0o111, 0, "it can be run");
}

#[test]
fn the_workflow_gives_the_action_what_it_takes() {
    let workflow = yaml("examples/github-actions.yml");
    let action = yaml("action.yml");
    let mut seen = 0;
    for (name, job) in workflow["jobs"].as_object().expect("jobs") {
        assert!(job["runs-on"].is_string(), "{name}");
        for step in steps(job) {
            assert!(
                step["uses"].is_string() != step["run"].is_string(),
                "{step}"
            );
            if step["uses"] == "./" {
                seen += 1;
                assert!(
                    keys(&step["with"]).is_subset(&keys(&action["inputs"])),
                    "{step}"
                );
                assert!(step["with"]["matrix"].is_string(), "{step}");
            }
        }
    }
    assert!(seen > 0, "the action is used");
}

#[test]
fn gitlab_s_jobs_extend_a_job_that_is_there() {
    let jobs = yaml("examples/gitlab-ci.yml");
    let template = yaml("examples/gitlab-template.yml");
    let included = jobs["include"][0]["local"].as_str().expect("a file");
    assert!(root().join(included).is_file(), "{included}");
    let mut seen = 0;
    for (name, job) in jobs.as_object().expect("jobs") {
        if name == "include" {
            continue;
        }
        seen += 1;
        let parent = job["extends"].as_str().expect("a job");
        assert!(template[parent].is_object(), "`{name}` extends `{parent}`");
        assert!(!job["script"].is_null(), "`{name}` has a script");
    }
    assert_eq!(seen, 2);
    let job = &template[".dbmatrix"];
    for word in ["before_script", "script", "after_script"] {
        let lines = job[word].as_array().unwrap_or_else(|| panic!("`{word}`"));
        assert!(lines.iter().all(Value::is_string), "{word}: {lines:?}");
    }
}

/// Runs a step of the script with a matrix, in a folder of its own.
fn job(folder: &Path, word: &str, variables: &[(&str, &str)]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_dbmatrix"));
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = program.parent().expect("a folder").display();
    Command::new(root().join(".ci/job.sh"))
        .arg(word)
        .current_dir(folder)
        .env("HOME", folder)
        .env("PATH", format!("{bin}:{path}"))
        .env("MATRIX", root().join("matrices/mysql.toml"))
        .env("DBMATRIX_PROJECT", "dbmatrix-docs-test")
        .env_remove("GITHUB_ACTIONS")
        .envs(variables.iter().copied())
        .output()
        .expect("the script")
}

fn told(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn the_script_names_the_cache_for_later_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let noted = folder.path().join("output");
    let file = noted.to_str().expect("a name in UTF-8");
    let output = job(folder.path(), "key", &[("GITHUB_OUTPUT", file)]);
    assert!(output.status.success(), "{}", told(&output));
    let key = told(&output).trim().to_owned();
    let is_key = Regex::new("^dbmatrix-[0-9a-f]{16}$").expect("a pattern");
    assert!(is_key.is_match(&key), "{key}");
    assert_eq!(read(&noted), format!("key={key}\n"));
}

#[test]
fn the_script_goes_on_without_a_cache_that_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = job(folder.path(), "restore", &[]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(
        told(&output).contains("no cache is there"),
        "{}",
        told(&output)
    );
    let file = folder.path().join("dbmatrix.cache");
    std::fs::write(&file, "something else\n").expect("a file");
    let output = job(folder.path(), "restore", &[("GITHUB_ACTIONS", "true")]);
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("nothing that `dbmatrix cache save` wrote"));
    assert!(told(&output).contains("::warning::the cache was not used"));
    assert!(!file.exists(), "the next step saves another one");
}

#[test]
fn the_script_says_what_it_expects() {
    let folder = tempfile::tempdir().expect("a folder");
    for (word, variables, expected) in [
        (
            "build",
            &[][..],
            "expected install, key, restore, run or save",
        ),
        (
            "install",
            &[("RELEASE", "dbmatrix.zip")][..],
            "ends in .deb or .tar.gz",
        ),
    ] {
        let output = job(folder.path(), word, variables);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
}
