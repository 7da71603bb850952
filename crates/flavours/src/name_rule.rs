//! Rules for names: one per kind of object.

/// A rule for names.
#[derive(Debug, Clone, Copy)]
pub struct NameRule {
    /// Maximum length.
    longest: usize,
    letters: Letters,
    /// Characters allowed in addition to letters and digits.
    marks: &'static str,
    /// Whether it begins with a letter and ends with a letter or a digit, like host
    /// names; otherwise it begins with a letter or a digit.
    is_host: bool,
    /// A human-readable description of the rule.
    expected: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letters {
    Any,
    Lower,
}

/// An engine project, whose bridge and pool have its name too.
pub const PROJECT: NameRule = NameRule {
    longest: 40,
    letters: Letters::Lower,
    marks: "-",
    is_host: true,
    expected: "at most 40 lower-case letters, digits and hyphens, a letter first",
};

/// A container: a host name.
pub const CONTAINER: NameRule = NameRule {
    longest: 63,
    letters: Letters::Any,
    marks: "-",
    is_host: true,
    expected: "at most 63 letters, digits and hyphens, a letter first",
};

/// A nest: a container, whose copies have its name with a short suffix.
pub const NEST: NameRule = NameRule {
    longest: 45,
    letters: Letters::Any,
    marks: "-",
    is_host: true,
    expected: "a name of at most 45 letters, digits and hyphens that begins with a letter",
};

/// A flavour or a suite: like a nest, but with dots, as in versions.
pub const FLAVOUR: NameRule = NameRule {
    longest: 45,
    letters: Letters::Any,
    marks: "-.",
    is_host: true,
    expected: "a name of at most 45 letters, digits, hyphens and dots that begins with a letter",
};

/// A snapshot.
pub const SNAPSHOT: NameRule = NameRule {
    longest: 60,
    letters: Letters::Any,
    marks: "-_.",
    is_host: false,
    expected: "at most 60 letters, digits, hyphens, `_` and `.`, a letter or a digit first",
};

/// A database whose name needs no escapes in an address.
pub const DATABASE: NameRule = NameRule {
    longest: 64,
    letters: Letters::Any,
    marks: "-_$",
    is_host: false,
    expected: "at most 64 letters, digits, hyphens, `_` and `$`",
};

impl NameRule {
    /// Checks a name against the rule.
    ///
    /// # Errors
    /// Describes what is expected and what was found.
    pub fn check(&self, name: &str) -> Result<(), String> {
        match self.allows(name) {
            true => Ok(()),
            false => Err(format!("expected {}; found `{name}`", self.expected)),
        }
    }

    fn allows(&self, name: &str) -> bool {
        let is_letter = |c: char| match self.letters {
            Letters::Any => c.is_ascii_alphabetic(),
            Letters::Lower => c.is_ascii_lowercase(),
        };
        let is_word = |c: char| is_letter(c) || c.is_ascii_digit();
        let is_plain = |c: char| is_word(c) || self.marks.contains(c);
        let ends_well = match self.is_host {
            true => name.starts_with(is_letter) && name.ends_with(is_word),
            false => name.starts_with(|c| is_word(c) || (c != '-' && c != '.' && is_plain(c))),
        };
        ends_well && name.len() <= self.longest && name.chars().all(is_plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_begins_with_a_letter_and_ends_with_no_mark() {
        for good in ["a", "mysql-9", "A1"] {
            assert_eq!(NEST.check(good), Ok(()), "{good}");
        }
        for bad in ["", "9a", "-a", "a-", "a.b", "a_b", "\u{e4}", "../a"] {
            assert!(NEST.check(bad).is_err(), "{bad}");
        }
        assert!(CONTAINER.check(&"a".repeat(63)).is_ok());
        assert!(CONTAINER.check(&"a".repeat(64)).is_err());
    }

    #[test]
    fn a_flavour_has_dots_and_a_project_no_capitals() {
        assert!(FLAVOUR.check("mysql-9.7").is_ok());
        assert!(FLAVOUR.check("mysql-9.").is_err());
        assert!(PROJECT.check("my-tests").is_ok());
        assert!(PROJECT.check("Tests").is_err());
    }

    #[test]
    fn a_snapshot_and_a_database_may_begin_with_digits() {
        assert!(SNAPSHOT.check("2026-11-26T10-00-00").is_ok());
        assert!(SNAPSHOT.check(".hidden").is_err());
        assert!(DATABASE.check("_app$1").is_ok());
        assert!(DATABASE.check("a`b").is_err());
        insta::assert_snapshot!(DATABASE.check("").expect_err("nothing"), @"expected at most 64 letters, digits, hyphens, `_` and `$`; found ``");
    }
}
