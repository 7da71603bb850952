//! Commands of the prompt, with the classic client's names.

/// A command to the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `\h`: show the help.
    Help,
    /// `\q`: quit.
    Quit,
    /// `\s`: show the status.
    Status,
    /// `\c`: discard the input.
    Clear,
    /// `\u NAME`: use another database.
    Use(String),
    /// `\d WORD`: set the delimiter of statements.
    Delimiter(String),
    /// `\. FILE`: run statements from a file.
    Source(String),
    /// `\W` and `\w`: show or hide warnings.
    Warnings(bool),
}

/// All commands, as the user types them.
pub(super) const SHORT: [&str; 9] = [
    "\\.", "\\W", "\\c", "\\d", "\\h", "\\q", "\\s", "\\u", "\\w",
];

/// The help, for `\h`.
pub(super) const HELP: &str = "\
statement;        run it; \\G in place of ; shows a line a column
\\c                forget what was typed
\\d DELIMITER      what ends a statement (delimiter)
\\h                this help (help, ?)
\\q                leave (quit, exit, Ctrl-D)
\\s                how things stand (status)
\\u DATABASE       another database (use)
\\W, \\w            show warnings, or only their number (warnings, nowarning)
\\. FILE           run the statements of a file (source)
Tab               complete a word: keywords, and names that the server has
Ctrl-C            end the statement on the server; a second time, the session";

impl Command {
    /// Parses a line; `None` if it is not a command. An error explains an invalid one.
    pub(super) fn read(line: &str) -> Option<Result<Self, String>> {
        let line = line.trim();
        let (word, rest) = match line.split_once(char::is_whitespace) {
            Some((word, rest)) => (word, rest.trim()),
            None => (line, ""),
        };
        let short = word.strip_prefix('\\');
        let plain = word.trim_end_matches(';').to_ascii_lowercase();
        let plain = plain.as_str();
        let alone = rest.is_empty();
        let named = rest.trim_end_matches(';').trim();
        let named = named.trim_matches(['`', '"', '\'']);
        Some(Ok(match (short, plain) {
            (Some("h" | "?"), _) => Command::Help,
            (None, "help" | "?") if alone => Command::Help,
            (Some("q"), _) => Command::Quit,
            (None, "quit" | "exit") if alone => Command::Quit,
            (Some("s"), _) => Command::Status,
            (None, "status") if alone => Command::Status,
            (Some("c"), _) => Command::Clear,
            (None, "clear") if alone => Command::Clear,
            (Some("W"), _) => Command::Warnings(true),
            (None, "warnings") if alone => Command::Warnings(true),
            (Some("w"), _) => Command::Warnings(false),
            (None, "nowarning") if alone => Command::Warnings(false),
            (Some("u"), _) | (None, "use") if named.contains(';') => return None,
            (Some("u"), _) | (None, "use") if named.is_empty() => {
                return Some(Err("expected a database's name after `use`".to_owned()));
            }
            (Some("u"), _) | (None, "use") => Command::Use(named.to_owned()),
            (Some("d"), _) | (None, "delimiter") => match rest.split_whitespace().next() {
                Some(word) => Command::Delimiter(word.to_owned()),
                None => {
                    let why = "expected what is to end a statement, such as `//`";
                    return Some(Err(why.to_owned()));
                }
            },
            (Some("."), _) | (None, "source") if alone => {
                return Some(Err("expected a file's name after `source`".to_owned()));
            }
            (Some("."), _) | (None, "source") => Command::Source(named.to_owned()),
            (Some(_), _) => {
                return Some(Err(format!(
                    "there is no command `{word}`; `\\h` lists them"
                )));
            }
            (None, _) => return None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Command {
        Command::read(line).expect("a command").expect("a good one")
    }

    #[test]
    fn commands_have_short_names_and_words() {
        assert_eq!(read("\\s"), Command::Status);
        assert_eq!(read("STATUS;"), Command::Status);
        assert_eq!(read("use `my db`;"), Command::Use("my db".to_owned()));
        assert_eq!(read("\\u a"), Command::Use("a".to_owned()));
        assert_eq!(read("delimiter //"), Command::Delimiter("//".to_owned()));
        assert_eq!(read("\\. a b.sql"), Command::Source("a b.sql".to_owned()));
        assert_eq!(read("exit"), Command::Quit);
    }

    #[test]
    fn statements_are_no_commands() {
        for line in ["SELECT 1;", "use a; SELECT 1;", "help me", "", "exits"] {
            assert_eq!(Command::read(line), None, "{line}");
        }
    }

    #[test]
    fn a_command_that_is_not_there_is_told() {
        let told = Command::read("\\z").expect("a command").expect_err("none");
        assert!(told.contains("`\\z`") && told.contains("\\h"), "{told}");
        assert!(Command::read("use").expect("a command").is_err());
    }
}
