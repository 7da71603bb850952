//! Decides before a file is sent whether it only reads.

use std::path::Path;

use dbmatrix_sql::read_only::{self, Modes};
use dbmatrix_sql::suite::{
    Action, Facts, FileKind, Modes as Reading, SltOptions, SltSteps, SqlSteps, Step, SuiteError,
};

/// Returns why a file must not run on a server that allows only reading statements, or
/// `None` if all steps that apply to the flavour read. The case itself reports files that
/// cannot be read.
pub(super) fn refusal(
    file: &Path,
    options: SltOptions,
    facts: &Facts,
    modes: Modes,
) -> Option<String> {
    let found = match FileKind::of(file)? {
        FileKind::Slt => first(SltSteps::open(file, options).ok()?, facts, modes),
        FileKind::Sql => {
            let mut steps = SqlSteps::open(file).ok()?;
            steps.set_modes(Reading {
                no_backslash_escapes: modes.no_backslash_escapes.unwrap_or_default(),
                ..Reading::default()
            });
            first(steps, facts, modes)
        }
    };
    found.map(|why| format!("read-only: {why}"))
}

fn first(
    steps: impl Iterator<Item = Result<Step, SuiteError>>,
    facts: &Facts,
    modes: Modes,
) -> Option<String> {
    for step in steps {
        let step = step.ok()?;
        if !step.conditions.hold(facts) {
            continue;
        }
        if matches!(step.action, Action::Halt) {
            return None;
        }
        if let Err(why) = check(&step, modes) {
            return Some(format!("line {} {why}", step.line));
        }
    }
    None
}

/// Checks a step; an error describes what it does.
fn check(step: &Step, modes: Modes) -> Result<(), String> {
    if let Action::System(_) = step.action {
        return Err("runs a command, which may write".to_owned());
    }
    let Some(sql) = step.action.sql() else {
        return Ok(());
    };
    if step.substitutes && sql.bytes().contains(&b'$') {
        return Err("is known only once its variables are replaced".to_owned());
    }
    read_only::check(sql.bytes(), modes).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::version::Family;

    use super::*;

    fn refusal_of(name: &str, text: &str) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        let facts = Facts {
            flavour: "replica".to_owned(),
            family: Family::Mariadb,
            version: "10.11.18".parse().expect("a version"),
            labels: Vec::new(),
        };
        let options = SltOptions { allow_system: true };
        refusal(&path, options, &facts, Modes::of_sql_mode(""))
    }

    #[test]
    fn the_first_step_that_writes_is_told_with_its_line() {
        let text = "SELECT 1;\n\n-- more\nINSERT INTO t VALUES (1);\nDROP TABLE t;\n";
        let why = refusal_of("a.sql", text).expect("it writes");
        assert_eq!(why, "read-only: line 4 writes (INSERT)");
        assert_eq!(refusal_of("a.sql", "SELECT 1;\nSHOW TABLES;\n"), None);
    }

    #[test]
    fn steps_that_do_not_hold_here_do_not_count() {
        let only = "onlyif mysql\nstatement ok\nDROP TABLE t\n\nquery I\nSELECT 1\n----\n1\n";
        assert_eq!(refusal_of("a.slt", only), None);
        let here = only.replace("mysql", "mariadb");
        let why = refusal_of("a.slt", &here).expect("it writes");
        assert_eq!(why, "read-only: line 2 writes (DROP)");
        assert_eq!(
            refusal_of("a.slt", "halt\n\nstatement ok\nDROP TABLE t\n"),
            None
        );
    }

    #[test]
    fn commands_and_variables_are_not_known_to_read() {
        let why = refusal_of("a.slt", "system ok\necho 1\n").expect("a command");
        assert_eq!(why, "read-only: line 1 runs a command, which may write");
        let text = "control substitution on\n\nstatement ok\nSELECT $__NOW__\n";
        let why = refusal_of("a.slt", text).expect("a variable");
        assert_eq!(
            why,
            "read-only: line 3 is known only once its variables are replaced"
        );
    }
}
