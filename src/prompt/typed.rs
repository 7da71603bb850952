//! Lines as they are typed, cut into what is to be done.

use super::command::Command;
use crate::suite::{Splitter, Statement};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Send this.
    Statement(Statement),
    /// Do this.
    Command(Command),
    /// Tell this: it was meant to be a command.
    Wrong(String),
}

/// What was typed and is not done yet.
#[derive(Debug, Default)]
pub(super) struct Typed {
    text: String,
    splitter: Splitter,
}

impl Typed {
    /// Takes the next line, without its end; gives what can be done now.
    pub(super) fn take(&mut self, line: &str) -> Vec<Item> {
        if self.is_empty()
            && let Some(command) = Command::read(line)
        {
            self.text.clear();
            return vec![self.told(command)];
        }
        self.text.push_str(line);
        self.text.push('\n');
        if line.trim_end().ends_with("\\c") {
            self.clear();
            return Vec::new();
        }
        // A statement of many lines is not read anew with each of them.
        let delimiter = String::from_utf8_lossy(self.splitter.delimiter());
        match line.contains(&*delimiter) || line.contains("\\g") || line.contains("\\G") {
            true => self.cut(false),
            false => Vec::new(),
        }
    }

    /// What is left where nothing follows.
    pub(super) fn rest(&mut self) -> Vec<Item> {
        let items = self.cut(true);
        self.clear();
        items
    }

    /// Whether a statement has begun and not ended.
    pub(super) fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Nothing typed yet, with the same delimiter.
    pub(super) fn fresh(&self) -> Self {
        let mut splitter = Splitter::default();
        splitter.set_delimiter(self.splitter.delimiter());
        Typed {
            text: String::new(),
            splitter,
        }
    }

    /// Forgets what was typed.
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }

    fn told(&mut self, command: Result<Command, String>) -> Item {
        match command {
            Ok(command) => {
                if let Command::Delimiter(word) = &command {
                    self.splitter.set_delimiter(word.as_bytes());
                }
                Item::Command(command)
            }
            Err(why) => Item::Wrong(why),
        }
    }

    fn cut(&mut self, is_last: bool) -> Vec<Item> {
        let mut items = Vec::new();
        let mut done = 0;
        while let Some((statement, length)) =
            self.splitter.cut(&self.text.as_bytes()[done..], is_last)
        {
            done += length;
            items.push(Item::Statement(statement));
        }
        self.text.drain(..done);
        // A comment behind the last statement is the begin of none.
        let mut behind = self.splitter.clone();
        if !self.text.contains("/*") && behind.cut(self.text.as_bytes(), true).is_none() {
            self.clear();
        }
        items
    }
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
        assert_eq!(statements(typed.rest()), [("SELECT 2".to_owned(), false)]);
        assert!(typed.rest().is_empty());
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
