//! `user`, `password` and `database`: a login that a suite expects, in place of
//! dbmatrix's own.

use std::path::Path;

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_sql::session::Secret;

use super::defaults::LocalFiles;
use crate::server::LoginSpec;

/// The shortest limit of all servers: MySQL 5.6 has 16 characters, all later ones 32.
const LONGEST_USER: usize = 32;
const LONGEST_DATABASE: usize = 64;

/// The login of one table, with the rest of another one.
pub(super) fn read(
    table: &TableReader<'_>,
    folder: &Path,
    presence: LocalFiles,
    usual: &LoginSpec,
) -> LoginSpec {
    let name = |key, longest| {
        let name = table.text(key)?;
        match check_name(&name.value, longest) {
            Ok(()) => Some(name.value),
            Err(message) => {
                table.problem(name.span, message);
                None
            }
        }
    };
    let password = table.text("password").and_then(|source| {
        let read = read_secret(folder, &source);
        if let (Err(message), LocalFiles::Required) = (&read, presence) {
            table.problem(source.span, message.clone());
        }
        read.ok()
    });
    LoginSpec {
        user: name("user", LONGEST_USER).or_else(|| usual.user.clone()),
        password: password.or_else(|| usual.password.clone()),
        database: name("database", LONGEST_DATABASE).or_else(|| usual.database.clone()),
    }
}

/// Servers take more, but each of these would need other quotes in statements, URLs and
/// settings files.
fn check_name(name: &str, longest: usize) -> Result<(), String> {
    let is_good = |c: char| !c.is_control() && !c.is_whitespace() && !"'\"`\\/".contains(c);
    if name.is_empty() || name.chars().count() > longest || !name.chars().all(is_good) {
        return Err(format!(
            "expected a name of at most {longest} characters, without blanks, quotes and slashes; found `{name}`"
        ));
    }
    Ok(())
}

/// A password never stands in a matrix file.
fn read_secret(folder: &Path, source: &Placed<String>) -> Result<Secret, String> {
    let text = match source.value.split_once(':') {
        Some(("env", variable)) => std::env::var(variable).map_err(|_| {
            format!("the environment variable `{variable}` is not set; set it to the password")
        })?,
        Some(("file", path)) => {
            let path = folder.join(path);
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| format!("`{}`: {error}", path.display()))?;
            text.trim_end_matches(['\n', '\r']).to_owned()
        }
        _ => return Err("expected `env:VARIABLE` or `file:PATH`".to_owned()),
    };
    let is_good = |c: char| !c.is_control() && !"\\\"'".contains(c);
    match !text.is_empty() && text.chars().all(is_good) {
        true => Ok(Secret::new(&text)),
        // The message must not contain it.
        false => {
            Err("expected a password without quotes, backslashes and control characters".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<Secret, String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("good"), "s3cret\n").expect("a file");
        std::fs::write(folder.path().join("bad"), "it's").expect("a file");
        let source = Placed {
            value: text.to_owned(),
            span: 0..0,
        };
        read_secret(folder.path(), &source)
    }

    #[test]
    fn a_password_comes_from_elsewhere() {
        assert_eq!(secret("file:good"), Ok(Secret::new("s3cret")));
        for (text, expected) in [
            ("s3cret", "expected `env:VARIABLE` or `file:PATH`"),
            ("file:bad", "without quotes"),
            ("file:none", "No such file"),
            ("env:NOBODY_SET_THIS", "`NOBODY_SET_THIS` is not set"),
        ] {
            let told = secret(text).expect_err("no password");
            assert!(told.contains(expected), "{told}");
            assert!(!told.contains("it's") && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn names_need_no_quotes_of_their_own() {
        for good in ["app", "app_test", "app-1", "größe"] {
            check_name(good, 32).expect(good);
        }
        for bad in ["", "a b", "a'b", "a`b", "a/b", &"a".repeat(33)] {
            check_name(bad, 32).expect_err(bad);
        }
    }
}
