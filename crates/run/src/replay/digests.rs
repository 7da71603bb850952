//! The forms of a log's statements, numbered in the order in which they come.

use std::collections::HashMap;

use dbmatrix_sql::suite::FormReader;

/// Forms that have numbers; the others share [`OTHERS`].
const MOST: usize = 10_000;

/// The number of the forms beyond the limit.
pub(super) const OTHERS: u32 = 0;

/// The forms of a log's statements.
#[derive(Debug, Default)]
pub(super) struct Digests {
    reader: FormReader,
    numbers: HashMap<u64, u32>,
    /// Without that of [`OTHERS`].
    forms: Vec<Box<str>>,
}

impl Digests {
    /// The number of a statement's form.
    pub(super) fn number(&mut self, statement: &[u8]) -> u32 {
        let fingerprint = self.reader.fingerprint(statement);
        if let Some(number) = self.numbers.get(&fingerprint) {
            return *number;
        }
        if self.forms.len() >= MOST {
            return OTHERS;
        }
        let form = String::from_utf8_lossy(self.reader.form(statement));
        self.forms.push(form.into());
        let number = u32::try_from(self.forms.len()).unwrap_or(OTHERS);
        self.numbers.insert(fingerprint, number);
        number
    }

    /// The form of a number; `None` for [`OTHERS`].
    pub(super) fn form(&self, number: u32) -> Option<&str> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.forms.get(at).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_one_form_share_a_number() {
        let mut digests = Digests::default();
        let texts = ["SELECT 1", "select 2", "SELECT a"];
        assert_eq!(texts.map(|text| digests.number(text.as_bytes())), [1, 1, 2]);
        assert_eq!(digests.form(1), Some("SELECT ?"));
        assert_eq!(digests.form(OTHERS), None);
    }

    #[test]
    fn forms_beyond_the_limit_share_one() {
        let mut digests = Digests::default();
        for number in 0..MOST + 5 {
            digests.number(format!("SELECT c{number}").as_bytes());
        }
        assert_eq!(digests.number(b"SELECT c10004"), OTHERS);
        assert_eq!(digests.number(b"SELECT c9999"), 10_000);
    }
}
