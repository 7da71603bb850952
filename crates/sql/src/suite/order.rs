//! What a statement's text reveals of its outcome.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::client::hidden_length;

/// Most statements contain none of these words and need no further check.
static ORDER: LazyLock<Regex> = LazyLock::new(|| pattern("(?i)order"));
static COUNTS: LazyLock<Regex> = LazyLock::new(|| pattern("(?i)row_count|found_rows"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is well formed")
}

/// Whether a statement asks for an order: `ORDER BY` outside of parentheses, quotes and
/// comments. One inside orders a window, an aggregate or a part.
pub fn asks_for_order(sql: impl AsRef<[u8]>) -> bool {
    let sql = sql.as_ref();
    if !ORDER.is_match(sql) {
        return false;
    }
    let mut rest = sql;
    let mut depth = 0usize;
    let mut before_by = false;
    while let Some(&letter) = rest.first() {
        let length = match hidden_length(rest) {
            Some(length) => length,
            None if is_word(letter) => {
                let end = rest.iter().position(|byte| !is_word(*byte));
                let word = &rest[..end.unwrap_or(rest.len())];
                if depth == 0 && before_by && word.eq_ignore_ascii_case(b"by") {
                    return true;
                }
                before_by = word.eq_ignore_ascii_case(b"order");
                word.len()
            }
            None => {
                match letter {
                    b'(' => depth += 1,
                    b')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                1
            }
        };
        rest = &rest[length..];
    }
    false
}

/// Whether a statement asks for counts of the previous statement, which fetching that
/// one's warnings would overwrite.
pub fn asks_for_counts(sql: impl AsRef<[u8]>) -> bool {
    COUNTS.is_match(sql.as_ref())
}

/// Letters of words; those beyond ASCII have more than one byte.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_order_of_the_whole_counts() {
        for (sql, expected) in [
            ("SELECT a FROM t ORDER BY a", true),
            ("select a from t order\n /* so */ by a", true),
            ("SELECT (SELECT a FROM t ORDER BY a LIMIT 1)", false),
            ("SELECT GROUP_CONCAT(a ORDER BY a) FROM t", false),
            ("SELECT 'ORDER BY', `order` FROM t -- ORDER BY a", false),
            ("SELECT reorder, bystander FROM t", false),
            ("(SELECT 1) UNION (SELECT 2) ORDER BY 1", true),
            ("SELECT ')' FROM t WHERE a = '(' ORDER BY a", true),
        ] {
            assert_eq!(asks_for_order(sql), expected, "{sql}");
        }
    }

    #[test]
    fn counts_of_the_last_statement_are_recognised() {
        assert!(asks_for_counts("select row_count()"));
        assert!(!asks_for_counts("SELECT COUNT(*) FROM t"));
    }
}
