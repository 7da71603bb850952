//! Splits typed lines into actions.

use dbmatrix_sql::sql_text::Sql;
use dbmatrix_sql::suite::{self, Lexer, Piece, Statement};

use super::command::Command;

/// An action.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Send this statement.
    Statement(Statement),
    /// Run this command.
    Command(Command),
    /// Report this: it looks like an invalid command.
    Wrong(String),
}

/// Input that was not acted on yet.
#[derive(Debug, Default)]
pub(super) struct Typed {
    lexer: Lexer,
}

impl Typed {
    /// Takes the next line, without its end; returns the actions that are now complete.
    pub(super) fn take(&mut self, line: impl AsRef<[u8]>) -> Vec<Item> {
        let line = line.as_ref();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.is_empty()
            && let Ok(text) = std::str::from_utf8(line)
            && let Some(command) = Command::read(text)
        {
            return vec![self.command_item(command)];
        }
        if line.trim_ascii_end().ends_with(b"\\c") {
            self.clear();
            return Vec::new();
        }
        self.lexer.feed(line);
        let mut items = Vec::new();
        while let Some(piece) = self.lexer.next_piece() {
            items.extend(item_of(piece));
        }
        items
    }

    /// The remaining actions at the end of the input.
    pub(super) fn take_rest(&mut self) -> Vec<Item> {
        let last = self.lexer.finish().and_then(item_of);
        self.clear();
        last.into_iter().collect()
    }

    /// Whether no statement is open.
    pub(super) fn is_empty(&self) -> bool {
        self.lexer.is_empty()
    }

    /// An empty buffer with the same delimiter.
    pub(super) fn fresh(&self) -> Self {
        let mut lexer = Lexer::default();
        lexer.set_delimiter(self.lexer.delimiter());
        Typed { lexer }
    }

    /// Discards the input.
    pub(super) fn clear(&mut self) {
        self.lexer.clear();
    }

    fn command_item(&mut self, command: Result<Command, String>) -> Item {
        match command {
            Ok(command) => {
                if let Command::Delimiter(word) = &command {
                    self.lexer.set_delimiter(word.as_bytes());
                }
                Item::Command(command)
            }
            Err(why) => Item::Wrong(why),
        }
    }
}

/// The action of a piece; `None` if it has no meaning here.
fn item_of(piece: Piece) -> Option<Item> {
    let (line, text, command) = match piece {
        Piece::Statement(statement) => return Some(Item::Statement(statement)),
        Piece::Wrong { message, .. } => return Some(Item::Wrong(message)),
        Piece::Command {
            line,
            text,
            command,
        } => (line, text, command),
    };
    let sent = |sql: Vec<u8>| {
        Item::Statement(Statement {
            line,
            sql: Sql::in_place_of(sql, &text),
            vertical: false,
            leading_comments: Vec::new(),
        })
    };
    Some(match command {
        suite::Command::Use(sql) => sent(sql),
        suite::Command::Charset(name) => sent(format!("SET NAMES {name}").into_bytes()),
        suite::Command::Source(name) => match String::from_utf8(name) {
            Ok(name) => Item::Command(Command::Source(name)),
            Err(_) => Item::Wrong("expected a file's name in UTF-8 after `source`".to_owned()),
        },
        suite::Command::Quit => Item::Command(Command::Quit),
        suite::Command::Help => Item::Command(Command::Help),
        suite::Command::Status => Item::Command(Command::Status),
        suite::Command::Warnings(shown) => Item::Command(Command::Warnings(shown)),
        suite::Command::Connect(_) | suite::Command::ResetConnection => {
            Item::Wrong("a prompt keeps its sessions; leave it and begin another".to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(items: Vec<Item>) -> Vec<(String, bool)> {
        let text = |item| match item {
            Item::Statement(statement) => (statement.sql.text().into_owned(), statement.vertical),
            other => (format!("{other:?}"), false),
        };
        items.into_iter().map(text).collect()
    }

    #[test]
    fn a_statement_ends_where_its_delimiter_stands() {
        let mut typed = Typed::default();
        assert!(typed.take("SELECT 1,").is_empty());
        assert!(!typed.is_empty());
        assert!(typed.take("';'").is_empty());
        let items = statements(typed.take("; SELECT 2\\G -- done"));
        let expected = [
            ("SELECT 1,\n';'".to_owned(), false),
            ("SELECT 2".to_owned(), true),
        ];
        assert_eq!(items, expected);
        assert!(typed.is_empty());
    }

    #[test]
    fn another_delimiter_holds_until_the_next() {
        let mut typed = Typed::default();
        typed.take("DELIMITER //");
        assert!(typed.take("SELECT 1; SELECT 2;").is_empty());
        let items = statements(typed.take("//"));
        assert_eq!(items, [("SELECT 1; SELECT 2;".to_owned(), false)]);
        typed.take("delimiter ;");
        assert_eq!(statements(typed.take("SELECT 3;")).len(), 1);
    }

    #[test]
    fn what_was_typed_can_be_forgotten() {
        let mut typed = Typed::default();
        typed.take("SELECT '");
        assert!(typed.take("oh no\\c").is_empty());
        assert!(typed.is_empty());
        assert_eq!(statements(typed.take("SELECT 1;")).len(), 1);
    }

    #[test]
    fn the_last_statement_needs_no_delimiter() {
        let mut typed = Typed::default();
        typed.take("SELECT 1; SELECT 2");
        assert_eq!(
            statements(typed.take_rest()),
            [("SELECT 2".to_owned(), false)]
        );
        assert!(typed.take_rest().is_empty());
    }

    #[test]
    fn a_word_in_a_statement_is_no_command() {
        let mut typed = Typed::default();
        typed.take("SELECT 1 AS");
        assert!(typed.take("status").is_empty());
        assert_eq!(
            statements(typed.take(";")),
            [("SELECT 1 AS\nstatus".to_owned(), false)]
        );
    }
}
