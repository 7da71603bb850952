//! Completion by Tab: keywords, commands of the prompt, and the servers' names that are
//! known so far.

use std::collections::BTreeSet;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use tokio::sync::watch;

use super::command::SHORT;
use super::names::Names;

const KEYWORDS: &str = "\
ADD AFTER ALTER ANALYZE AND AS ASC AUTO_INCREMENT BEGIN BETWEEN BIGINT BLOB BY \
CALL CASE CAST CHAR CHARACTER CHECK COLLATE COLUMN COMMIT CONSTRAINT CONVERT \
COUNT CREATE CROSS DATABASE DATABASES DATE DATETIME DECIMAL DEFAULT DELETE \
DESC DESCRIBE DISTINCT DOUBLE DROP ELSE END ENGINE EXCEPT EXISTS EXPLAIN FLUSH \
FOREIGN FROM FULL FUNCTION GLOBAL GRANT GROUP HAVING IF IN INDEX INNER INSERT \
INT INTERSECT INTERVAL INTO IS JOIN JSON KEY LEFT LIKE LIMIT LOCK MODIFY \
NATURAL NOT NULL OFFSET ON OR ORDER OUTER OVER PARTITION PREPARE PRIMARY \
PROCEDURE PROCESSLIST REFERENCES RENAME REPLACE RETURNING RIGHT ROLLBACK \
SELECT SESSION SET SHOW STATUS TABLE TABLES TEXT THEN TRUNCATE UNION UNIQUE \
UPDATE USE USING VALUES VARCHAR WHERE";

impl Names {
    /// The names that fit a position.
    fn at(&self, place: &CursorPlace<'_>) -> BTreeSet<&str> {
        if let Some(owner) = place.owner {
            let inside = of(&self.tables, owner).chain(of(&self.columns, owner));
            let inside: BTreeSet<&str> = inside.collect();
            // It may be an alias.
            return match inside.is_empty() {
                true => self.columns.iter().map(|(_, name)| name.as_str()).collect(),
                false => inside,
            };
        }
        let mut names: BTreeSet<&str> = self.databases.iter().map(String::as_str).collect();
        if place.wants == Wants::Database {
            return names;
        }
        if let Some(database) = &self.database {
            names.extend(of(&self.tables, database));
        }
        if place.wants == Wants::Any {
            names.extend(self.columns.iter().map(|(_, name)| name.as_str()));
        }
        names
    }
}

/// The names in a database or a table.
fn of<'a>(pairs: &'a BTreeSet<(String, String)>, owner: &str) -> impl Iterator<Item = &'a str> {
    let its = pairs
        .iter()
        .filter(move |(whose, _)| whose.eq_ignore_ascii_case(owner));
    its.map(|(_, name)| name.as_str())
}

/// The cursor's position.
#[derive(Debug, PartialEq, Eq)]
struct CursorPlace<'a> {
    /// Start of the word.
    begin: usize,
    /// The part typed so far, without the quote.
    typed: &'a str,
    is_quoted: bool,
    /// The name before the dot.
    owner: Option<&'a str>,
    wants: Wants,
}

/// What the previous word requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Database,
    Table,
    Any,
}

impl<'a> CursorPlace<'a> {
    /// The position at the end of `text`; `None` in a comment or a quoted value.
    fn at_end_of(text: &'a str) -> Option<Self> {
        let quote = open_quote(text)?;
        let (begin, typed) = match quote {
            Some(at) => (at, &text[at + 1..]),
            None => last_word(text),
        };
        let mut before = &text[..begin];
        let mut owner = None;
        if let Some(front) = before.strip_suffix('.') {
            let (at, name) = match front.strip_suffix('`') {
                Some(inner) => {
                    let at = inner.rfind('`')?;
                    (at, &inner[at + 1..])
                }
                None => last_word(front),
            };
            (before, owner) = (&front[..at], Some(name));
        }
        let (_, word) = last_word(before.trim_end());
        let wants = match word.to_ascii_uppercase().as_str() {
            "USE" | "DATABASE" | "SCHEMA" => Wants::Database,
            "U" if before.trim() == "\\u" => Wants::Database,
            "FROM" | "JOIN" | "INTO" | "UPDATE" | "TABLE" | "TRUNCATE" | "DESCRIBE" => Wants::Table,
            _ => Wants::Any,
        };
        Some(CursorPlace {
            begin,
            typed,
            is_quoted: quote.is_some(),
            owner,
            wants,
        })
    }
}

/// The start of an open quoted name at the end of `text`, if there is one; `None` in a
/// value or a comment.
fn open_quote(text: &str) -> Option<Option<usize>> {
    let mut open: Option<(usize, char)> = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match open {
            Some((_, quote)) if letter == quote => open = None,
            Some((_, '\'' | '"')) if letter == '\\' => {
                letters.next();
            }
            Some(_) => {}
            None if letter == '#' || text[at..].starts_with("-- ") => return None,
            None if matches!(letter, '\'' | '"' | '`') => open = Some((at, letter)),
            None => {}
        }
    }
    match open {
        Some((_, '\'' | '"')) => None,
        quote => Some(quote.map(|(at, _)| at)),
    }
}

/// The word at the end of `text`, and its start.
fn last_word(text: &str) -> (usize, &str) {
    let word = text.trim_end_matches(is_plain);
    (word.len(), &text[word.len()..])
}

/// Whether a letter of a name needs no quotes.
fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// Completes words without waiting.
pub(super) struct Completion {
    names: watch::Receiver<Names>,
}

impl Completion {
    pub(super) fn of(names: watch::Receiver<Names>) -> Self {
        Completion { names }
    }

    /// The start of the word at the end of `text`, and its completions.
    fn candidates(&self, text: &str) -> (usize, Vec<String>) {
        // Pasted lines keep their indentation.
        if text.trim().is_empty() {
            return (text.len(), vec!["\t".to_owned()]);
        }
        if text.starts_with('\\') && !text.contains(' ') {
            let commands = SHORT.iter().filter(|command| command.starts_with(text));
            return (0, commands.map(|&command| command.to_owned()).collect());
        }
        let Some(place) = CursorPlace::at_end_of(text) else {
            return (text.len(), Vec::new());
        };
        let names = self.names.borrow();
        let names = names.at(&place).into_iter();
        // Names that could move a terminal's cursor are not shown.
        let is_shown = |name: &str| !name.contains(char::is_control);
        let fits = |name: &&str| is_shown(name) && begins_with(name, place.typed);
        let mut found: Vec<String> = names
            .filter(fits)
            .map(|name| quoted(name, &place))
            .collect();
        let is_keyword = !place.typed.is_empty() && !place.is_quoted && place.owner.is_none();
        if is_keyword && place.wants != Wants::Database {
            let words = keywords().filter(|word| begins_with(word, place.typed));
            found.extend(words.map(|word| in_case_of(place.typed, word)));
        }
        // Their common prefix, ignoring case.
        let there = text[place.begin..].chars().count();
        let head = common(&found).filter(|head| head.chars().count() > there);
        let head = head.map(|head| vec![head.to_owned()]);
        (place.begin, head.unwrap_or(found))
    }
}

/// The common prefix of several words, ignoring case, as the last one writes it.
fn common(words: &[String]) -> Option<&str> {
    let [others @ .., last] = words else {
        return None;
    };
    let ends = last
        .char_indices()
        .map(|(at, letter)| at + letter.len_utf8());
    let alike = |head: &&str| others.iter().all(|other| begins_with(other, head));
    let heads = ends.map(|end| &last[..end]);
    heads.take_while(alike).last()
}

fn keywords() -> impl Iterator<Item = &'static str> {
    KEYWORDS.split(' ')
}

fn begins_with(name: &str, typed: &str) -> bool {
    let head = name.chars().flat_map(char::to_lowercase);
    let mut head = head.take(typed.chars().flat_map(char::to_lowercase).count());
    typed
        .chars()
        .flat_map(char::to_lowercase)
        .all(|letter| head.next() == Some(letter))
}

/// Quotes a name if necessary.
fn quoted(name: &str, place: &CursorPlace<'_>) -> String {
    let is_number = name.chars().all(|letter| letter.is_ascii_digit());
    let is_keyword = keywords().any(|word| word.eq_ignore_ascii_case(name));
    match place.is_quoted || is_number || is_keyword || !name.chars().all(is_plain) {
        true => format!("`{}`", name.replace('`', "``")),
        false => name.to_owned(),
    }
}

/// Writes a keyword in lower case if the user began it so.
fn in_case_of(typed: &str, word: &str) -> String {
    match typed.starts_with(char::is_lowercase) {
        true => word.to_lowercase(),
        false => word.to_owned(),
    }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(&line[..at]))
    }
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(text: &str) -> Vec<String> {
        let pairs = |all: &[(&str, &str)]| {
            let all = all.iter();
            all.map(|&(owner, name)| (owner.to_owned(), name.to_owned()))
                .collect()
        };
        let names = Names {
            database: Some("shop".to_owned()),
            databases: ["mysql", "shop"].map(str::to_owned).into(),
            tables: pairs(&[
                ("shop", "Orders"),
                ("shop", "my table"),
                ("shop", "me too"),
                ("mysql", "user"),
            ]),
            columns: pairs(&[
                ("Orders", "order_id"),
                ("Orders", "key"),
                ("my table", "größe"),
            ]),
        };
        let completion = Completion::of(watch::channel(names).1);
        let (begin, found) = completion.candidates(text);
        found
            .into_iter()
            .map(|one| format!("{}{one}", &text[..begin]))
            .collect()
    }

    #[test]
    fn keywords_come_in_the_case_in_which_they_are_begun() {
        assert_eq!(completed("sel"), ["select"]);
        assert_eq!(
            completed("SELECT 1 UNI"),
            ["SELECT 1 UNION", "SELECT 1 UNIQUE"]
        );
    }

    #[test]
    fn what_several_begin_with_comes_first() {
        assert_eq!(completed("FROM `m").len(), 3);
        assert_eq!(completed("TABLE ord"), ["TABLE order"]);
        assert_eq!(completed("TABLE order"), ["TABLE Orders", "TABLE order"]);
        assert_eq!(completed("TABLE Orders"), ["TABLE Orders"]);
    }

    #[test]
    fn names_come_as_the_server_has_them() {
        assert_eq!(completed("SELECT order_"), ["SELECT order_id"]);
        assert_eq!(
            completed("SELECT gr"),
            ["SELECT größe", "SELECT grant", "SELECT group"]
        );
    }

    #[test]
    fn what_may_be_no_plain_word_is_quoted() {
        assert_eq!(
            completed("SELECT * FROM my"),
            ["SELECT * FROM `my table`", "SELECT * FROM mysql"]
        );
        assert_eq!(completed("FROM `my t"), ["FROM `my table`"]);
        assert_eq!(completed("SELECT Orders.k"), ["SELECT Orders.`key`"]);
    }

    #[test]
    fn a_dot_leads_into_a_database_or_a_table() {
        assert_eq!(
            completed("SELECT * FROM mysql."),
            ["SELECT * FROM mysql.user"]
        );
        assert_eq!(completed("FROM `shop`.o"), ["FROM `shop`.Orders"]);
        assert_eq!(completed("WHERE `my table`."), ["WHERE `my table`.größe"]);
        assert_eq!(completed("WHERE alias.o"), ["WHERE alias.order_id"]);
    }

    #[test]
    fn the_word_before_tells_what_is_wanted() {
        assert_eq!(completed("use "), ["use mysql", "use shop"]);
        assert_eq!(completed("\\u s"), ["\\u shop"]);
        let tables = [
            "FROM Orders",
            "FROM `me too`",
            "FROM `my table`",
            "FROM mysql",
            "FROM shop",
        ];
        assert_eq!(completed("FROM "), tables);
    }

    #[test]
    fn commands_are_completed_and_indents_kept() {
        assert_eq!(completed("\\W"), ["\\W"]);
        assert!(completed("\\").len() > 5);
        assert_eq!(completed("  "), ["  \t"]);
    }

    #[test]
    fn values_and_comments_are_left_alone() {
        for text in [
            "SELECT 'sel",
            "SELECT \"it\\\"s sel",
            "SELECT 1 -- sel",
            "# sel",
        ] {
            assert!(completed(text).is_empty(), "{text}");
        }
        assert_eq!(completed("SELECT 'it''s' fro"), ["SELECT 'it''s' from"]);
    }
}
