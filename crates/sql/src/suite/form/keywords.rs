//! Keywords, which a form writes in capitals.

/// A keyword, by its place among all of them: its case does not matter, and a blank
/// precedes its bracket. Names of functions are not keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keyword(u8);

impl Keyword {
    /// `IN`, whose brackets hold a list.
    pub(super) const IN: Keyword = {
        let mut at = 0;
        while !matches!(KEYWORDS[at].as_bytes(), b"IN") {
            at += 1;
        }
        Keyword(at as u8)
    };

    /// The keyword in capitals.
    pub(super) fn text(self) -> &'static str {
        KEYWORDS[usize::from(self.0)]
    }
}

/// The keyword that a word is, in any case.
pub(super) fn find_keyword(word: &[u8]) -> Option<Keyword> {
    if !(SHORTEST..=LONGEST).contains(&word.len()) {
        return None;
    }
    // Of the bytes of words only small letters become capitals by this, and no other byte
    // becomes one: the same as `pack`, without a branch a byte.
    const SMALL: u128 = u128::from_le_bytes([b' '; LONGEST]);
    let mut bytes = [0; LONGEST];
    bytes[..word.len()].copy_from_slice(word);
    let packed = u128::from_le_bytes(bytes) & !SMALL;
    let mut slot = slot(packed);
    loop {
        match SLOTS[slot] {
            (found, at) if found == packed => return Some(Keyword(at)),
            (0, _) => return None,
            _ => slot = (slot + 1) % SLOTS.len(),
        }
    }
}

const SHORTEST: usize = 2;
const LONGEST: usize = 16;

/// A word of at most 16 bytes in capitals, as a number.
const fn pack(word: &[u8]) -> u128 {
    let mut bytes = [0; LONGEST];
    let mut at = 0;
    while at < word.len() {
        bytes[at] = word[at].to_ascii_uppercase();
        at += 1;
    }
    u128::from_le_bytes(bytes)
}

/// Where the search for a packed word begins.
const fn slot(packed: u128) -> usize {
    let folded = (packed as u64) ^ ((packed >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
}

/// Keywords with their numbers, at or after their slots; 0 where there is none.
static SLOTS: [(u128, u8); 1024] = {
    let mut slots = [(0, 0); 1024];
    let mut at = 0;
    while at < KEYWORDS.len() {
        assert!(KEYWORDS[at].len() >= SHORTEST && KEYWORDS[at].len() <= LONGEST);
        let packed = pack(KEYWORDS[at].as_bytes());
        let mut place = slot(packed);
        while slots[place].0 != 0 {
            place = (place + 1) % slots.len();
        }
        slots[place] = (packed, at as u8);
        at += 1;
    }
    slots
};

/// Sorted.
const KEYWORDS: &[&str] = &[
    "ADD",
    "AFTER",
    "ALL",
    "ALTER",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BEFORE",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CALL",
    "CASCADE",
    "CASE",
    "CHANGE",
    "CHARACTER",
    "CHECK",
    "COLLATE",
    "COLUMN",
    "COMMIT",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CUBE",
    "DATABASE",
    "DECLARE",
    "DEFAULT",
    "DELAYED",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DISTINCTROW",
    "DIV",
    "DO",
    "DROP",
    "DUPLICATE",
    "EACH",
    "ELSE",
    "ELSEIF",
    "END",
    "ENGINE",
    "ESCAPE",
    "EXCEPT",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "FIRST",
    "FOR",
    "FORCE",
    "FOREIGN",
    "FROM",
    "FULL",
    "FULLTEXT",
    "FUNCTION",
    "GLOBAL",
    "GRANT",
    "GROUP",
    "HANDLER",
    "HAVING",
    "IF",
    "IGNORE",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "KEYS",
    "LATERAL",
    "LIKE",
    "LIMIT",
    "LOCK",
    "MOD",
    "MODIFY",
    "NATURAL",
    "NOT",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PREPARE",
    "PRIMARY",
    "PROCEDURE",
    "RECURSIVE",
    "REFERENCES",
    "REGEXP",
    "RENAME",
    "RETURN",
    "RETURNING",
    "REVOKE",
    "RLIKE",
    "ROLLBACK",
    "ROLLUP",
    "ROWS",
    "SAVEPOINT",
    "SELECT",
    "SEPARATOR",
    "SESSION",
    "SET",
    "SHOW",
    "START",
    "STRAIGHT_JOIN",
    "TABLE",
    "TABLES",
    "TEMPORARY",
    "THEN",
    "TO",
    "TRANSACTION",
    "TRIGGER",
    "TRUNCATE",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USE",
    "USING",
    "VALUE",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "XOR",
];

#[cfg(test)]
mod tests {
    #[test]
    fn keywords_are_sorted() {
        assert!(super::KEYWORDS.is_sorted());
    }

    #[test]
    fn each_keyword_is_found_in_any_case_and_nothing_else() {
        for word in super::KEYWORDS {
            for word in [word.to_string(), word.to_lowercase()] {
                let found = super::find_keyword(word.as_bytes()).expect("a keyword");
                assert_eq!(found.text(), word.to_uppercase());
            }
            let longer = format!("{word}x");
            let found = super::find_keyword(longer.as_bytes()).map(super::Keyword::text);
            let is_keyword = super::KEYWORDS.contains(&longer.to_uppercase().as_str());
            assert_eq!(found.is_some(), is_keyword, "{longer}");
        }
    }
}
