//! What a single statement of an application does to the data, as far as its first words
//! show.

use crate::read_only::{Modes, check};
use crate::suite::statement_form;

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It reads and nothing else.
    Reads,
    /// It begins or ends a transaction, or a part of one.
    Transaction,
    /// It may write, and a transaction around it can be rolled back; with its first word.
    Undoable(String),
    /// It commits by itself, or does what no transaction undoes; with its first word.
    Permanent(String),
    /// It ends sessions or the server; with its first word.
    Ends(String),
}

impl Effect {
    /// The effect of a statement, however a server may read its quotes and comments.
    pub fn of(sql: &[u8]) -> Effect {
        let form = statement_form(&String::from_utf8_lossy(sql));
        let mut words = form
            .split([' ', '(', ';'])
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase);
        let first = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        match (first.as_str(), second.as_str()) {
            ("COMMIT" | "ROLLBACK" | "SAVEPOINT" | "XA", _)
            | ("BEGIN", "" | "WORK")
            | ("START", "TRANSACTION")
            | ("RELEASE", "SAVEPOINT") => return Effect::Transaction,
            ("KILL" | "SHUTDOWN" | "RESTART", _) => return Effect::Ends(first),
            _ => {}
        }
        if check(sql, Modes::default()).is_ok() {
            return Effect::Reads;
        }
        let mut rest = std::iter::once(second).chain(words);
        let writes_file = rest.any(|word| word == "OUTFILE" || word == "DUMPFILE");
        match first.as_str() {
            "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "SELECT" | "WITH" | "TABLE" | "VALUES"
            | "DO"
                if !writes_file =>
            {
                Effect::Undoable(first)
            }
            _ => Effect::Permanent(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart_by_what_undoes_them() {
        let permanent = |word: &str| Effect::Permanent(word.to_owned());
        let undoable = |word: &str| Effect::Undoable(word.to_owned());
        for (sql, effect) in [
            ("SELECT 1", Effect::Reads),
            (
                "/* app */ (SELECT a FROM t) UNION (SELECT 2)",
                Effect::Reads,
            ),
            ("show tables", Effect::Reads),
            ("START TRANSACTION READ ONLY", Effect::Transaction),
            ("begin", Effect::Transaction),
            ("COMMIT /* app */", Effect::Transaction),
            ("BEGIN NOT ATOMIC DELETE FROM t; END", permanent("BEGIN")),
            ("START SLAVE", permanent("START")),
            ("insert into t values (1)", undoable("INSERT")),
            ("SELECT a FROM t FOR UPDATE", undoable("SELECT")),
            ("SELECT f(1)", undoable("SELECT")),
            ("SELECT 1 INTO OUTFILE '/tmp/a'", permanent("SELECT")),
            ("CREATE TABLE t (a INT)", permanent("CREATE")),
            ("CALL p()", permanent("CALL")),
            ("/*!50000 DROP TABLE t */", permanent("DROP")),
            ("SET GLOBAL max_connections = 1", permanent("SET")),
            ("kill 12", Effect::Ends("KILL".to_owned())),
            ("SHUTDOWN", Effect::Ends("SHUTDOWN".to_owned())),
            ("", Effect::Reads),
        ] {
            assert_eq!(Effect::of(sql.as_bytes()), effect, "{sql}");
        }
    }
}
