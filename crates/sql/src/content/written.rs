//! Plain forms: what two versions write differently although they mean the same.
//!
//! Each rule names its source. A rule that is too bold would hide a change, so none of
//! them touches the inside of a string.

/// A text of SQL in its plain form: white space, backquotes, the case of words, names of
/// character sets, and brackets around the whole text do not matter.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for token in tokens(text) {
        let word = match token.as_bytes().first() {
            Some(b'\'' | b'"') => {
                // `_utf8mb4'x'` and `'x'`: MySQL adds the character set of a string since
                // 8.0, MariaDB and older servers leave it out.
                if let Some(at) = introducer(&plain) {
                    plain.truncate(plain[..at].trim_end().len());
                }
                token.to_owned()
            }
            Some(b'`') => name(token),
            _ => word(token),
        };
        join(&mut plain, &word);
    }
    without_brackets(&plain).to_owned()
}

/// An expression without the backslashes that MySQL writes before its quotes and
/// backslashes.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\'' | '"' | '\\')) => plain.extend(chars.next()),
            _ => plain.push(c),
        }
    }
    plain
}

/// An expression or a query in its plain form, without any brackets: MySQL writes them
/// around each operation, MariaDB where the order of operators needs them. Two that differ
/// in brackets alone are reported as notation, so nothing is hidden.
pub(super) fn plain_expression(text: &str) -> String {
    let plain = plain(text);
    let tokens = tokens(&plain).into_iter();
    let mut joined = String::with_capacity(plain.len());
    for token in tokens.filter(|token| !matches!(*token, "(" | ")")) {
        join(&mut joined, token);
    }
    joined
}

/// Appends a word, apart from one before it.
fn join(text: &mut String, word: &str) {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    if text.ends_with(joins) && word.starts_with(joins) {
        text.push(' ');
    }
    text.push_str(word);
}

/// A name without its backquotes.
fn name(token: &str) -> String {
    let inner = token.strip_prefix('`').unwrap_or(token);
    let inner = inner.strip_suffix('`').unwrap_or(inner);
    inner.replace("``", "`")
}

fn word(token: &str) -> String {
    let lower = token.to_lowercase();
    // MySQL 8.0.28 and MariaDB 10.6 renamed `utf8` to `utf8mb3`.
    if lower == "utf8" || lower.starts_with("utf8_") {
        return format!("utf8mb3{}", &lower[4..]);
    }
    lower
}

/// Where a character set that introduces a string begins, at the end of a text.
fn introducer(text: &str) -> Option<usize> {
    const SETS: [&str; 6] = [
        "_utf8mb4", "_utf8mb3", "_latin1", "_utf8", "_ascii", "_binary",
    ];
    let set = SETS.iter().find(|set| text.ends_with(*set))?;
    let at = text.len() - set.len();
    let before = text[..at].chars().next_back();
    let is_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    // `_binary'x'` is another value than `'x'`.
    (!is_word && *set != "_binary").then_some(at)
}

/// Splits a text into words, strings, quoted names, comments and marks, without white
/// space.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let begin = at;
        match bytes[at] {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            quote @ (b'\'' | b'"' | b'`') => at = end_of_quoted(bytes, at, quote),
            b if is_word(b) => {
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
            }
            _ => at += 1,
        }
        tokens.push(&text[begin..at]);
    }
    tokens
}

/// Bytes of other alphabets are letters, so a token never ends inside of one.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn end_of_quoted(bytes: &[u8], begin: usize, quote: u8) -> usize {
    let mut at = begin + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote != b'`' => at += 1,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Without brackets that hold the whole text.
fn without_brackets(text: &str) -> &str {
    let mut text = text;
    while let Some(inner) = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
    {
        if !is_balanced(inner) {
            break;
        }
        text = inner;
    }
    text
}

fn is_balanced(text: &str) -> bool {
    let mut open = 0_usize;
    for token in tokens(text) {
        match token {
            "(" => open += 1,
            ")" if open == 0 => return false,
            ")" => open -= 1,
            _ => {}
        }
    }
    open == 0
}

/// The type of a column. MySQL shows no display width of integers since 8.0.19, and none
/// of `YEAR`; `tinyint(1)` and columns with `zerofill` keep theirs.
pub(super) fn column_type(text: &str) -> String {
    const INTEGERS: [&str; 6] = ["tinyint", "smallint", "mediumint", "int", "bigint", "year"];
    let lower = match text.starts_with("enum") || text.starts_with("set") {
        true => text.to_owned(),
        false => text.to_lowercase(),
    };
    // MariaDB notes its old time types in a comment.
    let lower = lower.replace(" /* mariadb-5.3 */", "");
    let Some((base, rest)) = lower.split_once('(') else {
        return lower;
    };
    if !INTEGERS.contains(&base) || lower.contains("zerofill") {
        return lower;
    }
    match rest.split_once(')') {
        Some((_, rest)) => format!("{base}{rest}"),
        None => lower,
    }
}

/// The default of a column, written as an expression, where a text is in quotes. An empty
/// text keeps them, since it is another default than none.
pub(super) fn column_default(text: &str) -> String {
    let lower = text.to_lowercase();
    // `CURRENT_TIMESTAMP` of MySQL is `current_timestamp()` of MariaDB.
    if let Some(rest) = lower.strip_prefix("current_timestamp") {
        return format!("current_timestamp{}", rest.replace("()", ""));
    }
    let plain = plain(text);
    match tokens(&plain).as_slice() {
        [token] if token.len() > 2 && token.starts_with('\'') && token.ends_with('\'') => {
            string_value(&token[1..token.len() - 1])
        }
        // MariaDB writes binary strings so since 11.
        ["x", digits] => hex_value(digits).unwrap_or(plain),
        _ => plain,
    }
}

/// The text whose bytes are written in hexadecimal digits, in quotes.
fn hex_value(digits: &str) -> Option<String> {
    let digits = digits.strip_prefix('\'')?.strip_suffix('\'')?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    String::from_utf8(bytes?).ok()
}

/// What stands between the quotes of a string. MariaDB escapes line breaks too.
fn string_value(inner: &str) -> String {
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                value.push(c);
                chars.next();
            }
            '\\' => value.extend(chars.next().map(|escaped| match escaped {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'Z' => '\u{1a}',
                other => other,
            })),
            _ => value.push(c),
        }
    }
    value
}

/// What MySQL adds to a column since 8.0 although its default says it, and the rest.
pub(super) fn column_extra(text: &str) -> String {
    let lower = text
        .to_lowercase()
        .replace("current_timestamp()", "current_timestamp");
    let words = lower.split_whitespace();
    let words: Vec<&str> = words.filter(|word| *word != "default_generated").collect();
    // `STORED GENERATED` is `PERSISTENT` of MariaDB before 10.2.
    words.join(" ").replace("persistent", "stored generated")
}

/// A list separated by commas whose order does not matter, such as an SQL mode.
pub(super) fn sorted_list(text: &str) -> String {
    let mut words: Vec<&str> = text.split(',').map(str::trim).collect();
    words.retain(|word| !word.is_empty());
    words.sort_unstable();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_spaces_case_and_outer_brackets_do_not_matter() {
        assert_eq!(
            plain("((`a` > 1) and  (`b` = _utf8mb4'X y'))"),
            plain("(a>1) AND (b = 'X y')")
        );
        assert_eq!(plain("a and _utf8mb3'x'"), plain("A AND 'x'"));
        assert_eq!(plain("select `t`.`a` AS `a`"), "select t.a as a");
        assert_eq!(plain("(a)+(b)"), "(a)+(b)");
    }

    #[test]
    fn strings_and_inner_brackets_matter() {
        assert_ne!(plain("'a'"), plain("'A'"));
        assert_ne!(plain("'a b'"), plain("'a  b'"));
        assert_ne!(plain("(a + b) * c"), plain("a + b * c"));
        assert_ne!(plain("_binary'a'"), plain("'a'"));
        assert_eq!(plain("'it''s `x`'"), "'it''s `x`'");
        assert_eq!(plain("'a\\'b' c"), "'a\\'b'c");
    }

    #[test]
    fn brackets_of_expressions_do_not_matter() {
        let mysql = "select (`t`.`a` + 1) AS `x` from `t` where ((`a` > 0) and (`b` is null))";
        let mariadb = "select `t`.`a` + 1 AS `x` from `t` where `a` > 0 and `b` is null";
        assert_eq!(plain_expression(mysql), plain_expression(mariadb));
        assert_ne!(plain_expression("a > 0"), plain_expression("a > 1"));
        assert_ne!(plain_expression("'('"), plain_expression("''"));
    }

    #[test]
    fn escaped_quotes_of_mysql_are_those_of_mariadb() {
        let mysql = unescaped(r"((`a` <> _utf8mb4\'x\') or (`b` = _utf8mb4\'it\\\'s\'))");
        assert_eq!(mysql, r"((`a` <> _utf8mb4'x') or (`b` = _utf8mb4'it\'s'))");
        let mariadb = r"`a` <> 'x' or `b` = 'it\'s'";
        assert_eq!(plain_expression(&mysql), plain_expression(mariadb));
    }

    #[test]
    fn renamed_character_sets_are_the_same() {
        assert_eq!(plain("utf8_general_ci"), plain("utf8mb3_general_ci"));
        assert_eq!(plain("utf8"), "utf8mb3");
        assert_ne!(plain("utf8mb4_bin"), plain("utf8_bin"));
    }

    #[test]
    fn text_that_breaks_off_has_a_form() {
        for text in ["'", "`", "(", "'a\\", "((a)", "ü", "_utf8'"] {
            plain(text);
        }
    }

    #[test]
    fn display_widths_of_integers_do_not_matter() {
        assert_eq!(column_type("int(11) unsigned"), column_type("int unsigned"));
        assert_eq!(column_type("year(4)"), "year");
        assert_eq!(column_type("bigint(20)"), "bigint");
        assert_ne!(column_type("int(5) unsigned zerofill"), "int unsigned");
        assert_ne!(column_type("varchar(10)"), column_type("varchar(20)"));
        assert_ne!(column_type("enum('A')"), column_type("enum('a')"));
    }

    #[test]
    fn defaults_are_told_from_their_notation() {
        assert_eq!(
            column_default("current_timestamp(6)"),
            column_default("CURRENT_TIMESTAMP(6)")
        );
        assert_eq!(
            column_default("current_timestamp()"),
            column_default("CURRENT_TIMESTAMP")
        );
        assert_eq!(column_default("'1'"), column_default("1"));
        assert_ne!(column_default("'1'"), column_default("'2'"));
        assert_eq!(column_default("_utf8mb4'X y'"), "X y");
        assert_eq!(column_default(r"'it\'s \\ \n'"), "it's \\ \n");
        assert_eq!(column_default("''"), "''");
        assert_eq!(column_default("x'616200'"), column_default(r"'ab\0'"));
        assert_eq!(column_default("x'FF'"), "x'FF'");
        assert_eq!(column_default("concat('a','b')"), "concat('a','b')");
        assert_eq!(
            column_extra("DEFAULT_GENERATED on update CURRENT_TIMESTAMP"),
            column_extra("on update current_timestamp()")
        );
    }
}
