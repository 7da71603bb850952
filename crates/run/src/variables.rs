//! Variables of one case, if its file enables them by `control substitution on`: those
//! bound by `let`, the case's own, and the environment's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use dbmatrix_sql::outcome::{Outcome, RowSet};
use dbmatrix_sql::sql_text::Sql;

/// The case's own folder, which is removed at its end.
const FOLDER: &str = "__TEST_DIR__";
/// The time in nanoseconds.
const NOW: &str = "__NOW__";
/// The case's database.
const DATABASE: &str = "__DATABASE__";

/// Variables of one case.
#[derive(Debug)]
pub(super) struct Variables {
    values: BTreeMap<String, Vec<u8>>,
    /// Created at first use.
    folder: OnceLock<Option<TempDir>>,
}

impl Variables {
    pub(super) fn new(database: &str) -> Self {
        let database = (DATABASE.to_owned(), database.as_bytes().to_vec());
        Variables {
            values: BTreeMap::from([database]),
            folder: OnceLock::new(),
        }
    }

    /// Binds the values of the only row to names.
    ///
    /// # Errors
    /// Describes the result that is not one row of this many values.
    pub(super) fn bind(&mut self, names: &[String], outcome: &Outcome) -> Result<(), String> {
        let row = only_row(names, outcome)?;
        for (name, value) in names.iter().zip(row.rows.values()) {
            let value = value.unwrap_or(b"NULL").to_vec();
            self.values.insert(name.clone(), value);
        }
        Ok(())
    }

    /// Replaces `$NAME`, `${NAME}` and `${NAME:default}` in a statement.
    ///
    /// # Errors
    /// Describes what cannot be replaced.
    pub(super) fn replace_in_statement(&self, sql: &Sql) -> Result<Sql, String> {
        let replaced = subst::substitute_bytes(sql.bytes(), self);
        replaced.map(Sql::from).map_err(|error| error.to_string())
    }

    /// Replaces `$NAME` in a command, except for variables of the environment; the shell
    /// handles everything else.
    pub(super) fn replace_in_command(&self, command: &[u8]) -> Vec<u8> {
        let mut rest = command;
        let mut replaced = Vec::with_capacity(command.len());
        while let Some((&byte, behind)) = rest.split_first() {
            let name = match byte {
                b'$' => name_of(behind),
                _ => "",
            };
            match self.own(name) {
                Some(value) => {
                    replaced.extend(value);
                    rest = &behind[name.len()..];
                }
                None => {
                    replaced.push(byte);
                    rest = behind;
                }
            }
        }
        replaced
    }

    fn own(&self, name: &str) -> Option<Vec<u8>> {
        match name {
            FOLDER => self.folder().map(|folder| {
                let path = folder.path().as_os_str().to_owned();
                path.into_encoded_bytes()
            }),
            NOW => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                Some(now.unwrap_or_default().as_nanos().to_string().into())
            }
            name => self.values.get(name).cloned(),
        }
    }

    fn folder(&self) -> Option<&TempDir> {
        let made = self.folder.get_or_init(|| {
            let made: io::Result<TempDir> = TempDir::with_prefix("dbmatrix-case-");
            made.inspect_err(|error| tracing::debug!(%error, "no folder for a case"))
                .ok()
        });
        made.as_ref()
    }
}

impl<'a> subst::VariableMap<'a> for Variables {
    type Value = Vec<u8>;

    fn get(&'a self, name: &str) -> Option<Vec<u8>> {
        let of_environment = || std::env::var_os(name).map(OsString::into_encoded_bytes);
        self.own(name).or_else(of_environment)
    }
}

/// Returns the only row of an outcome, with as many values as there are names.
///
/// # Errors
/// Describes the result that came instead.
pub(super) fn only_row<'a>(names: &[String], outcome: &'a Outcome) -> Result<&'a RowSet, String> {
    let Some(set) = outcome.rows() else {
        return Err("no rows".to_owned());
    };
    match (set.rows.len(), set.columns.len()) {
        (1, width) if width == names.len() => Ok(set),
        (1, width) => Err(format!("{width} columns")),
        (rows, _) => Err(format!("{rows} rows")),
    }
}

/// The longest name at the start of a text.
fn name_of(text: &[u8]) -> &str {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let end = text.iter().position(|byte| !is_part(byte));
    std::str::from_utf8(&text[..end.unwrap_or(text.len())]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::outcome::{Column, Rows};

    use super::*;

    fn row(values: [Option<&[u8]>; 2]) -> Outcome {
        let column = Column {
            name: "a".to_owned(),
            kind: String::new(),
        };
        let mut rows = Rows::new(2);
        values.iter().for_each(|value| rows.push(*value));
        Outcome::Rows(RowSet {
            columns: vec![column; 2],
            rows,
            warnings: 0,
        })
    }

    fn replaced(variables: &Variables, text: &[u8]) -> Result<Vec<u8>, String> {
        let replaced = variables.replace_in_statement(&Sql::from(text.to_vec()));
        replaced.map(|sql| sql.bytes().to_vec())
    }

    #[test]
    fn variables_are_replaced_in_statements() {
        let mut variables = Variables::new("dbmatrix_1_2");
        let names = ["a".to_owned(), "b".to_owned()];
        let bound = variables.bind(&names, &row([Some(b"x\xff"), None]));
        bound.expect("one row of two");
        for (text, expected) in [
            (&b"'$a' \xfe"[..], &b"'x\xff' \xfe"[..]),
            (b"${b} \\$a", b"NULL $a"),
            (b"$__DATABASE__.t", b"dbmatrix_1_2.t"),
            (b"${NOBODY_SET_THIS:fallback}", b"fallback"),
            (b"${NOBODY_SET_THIS:$b}", b"NULL"),
        ] {
            assert_eq!(replaced(&variables, text).as_deref(), Ok(expected));
        }
        let now = replaced(&variables, b"$__NOW__").expect("the time");
        assert!(now.len() > 18 && now.iter().all(u8::is_ascii_digit));
        let unknown = replaced(&variables, b"$NOBODY_SET_THIS").expect_err("no such variable");
        assert!(unknown.contains("NOBODY_SET_THIS"), "{unknown}");
    }

    #[test]
    fn a_folder_is_there_until_the_end() {
        let variables = Variables::new("d");
        let path = replaced(&variables, b"$__TEST_DIR__").expect("a folder");
        assert_eq!(replaced(&variables, b"$__TEST_DIR__").as_ref(), Ok(&path));
        let path = std::path::PathBuf::from(dbmatrix_platform::file::os_string(path));
        assert!(path.is_dir());
        drop(variables);
        assert!(!path.exists());
    }

    #[test]
    fn a_command_keeps_what_is_the_shells() {
        let mut variables = Variables::new("d");
        let names = ["a".to_owned(), "ab".to_owned()];
        variables
            .bind(&names, &row([Some(b"1"), Some(b"2")]))
            .expect("one row of two");
        let command = variables.replace_in_command(b"echo $ab $a $HOME \\n ${a} $$ $");
        assert_eq!(command, b"echo 2 1 $HOME \\n ${a} $$ $");
    }

    #[test]
    fn only_one_row_of_as_many_values_is_bound() {
        let mut variables = Variables::new("d");
        let names = ["a".to_owned()];
        let told = variables.bind(&names, &row([None, None]));
        assert_eq!(told, Err("2 columns".to_owned()));
        let done = Outcome::Completed {
            affected: 1,
            warnings: 0,
        };
        assert_eq!(variables.bind(&names, &done), Err("no rows".to_owned()));
    }
}
