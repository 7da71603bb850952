//! Keys of data kept between runs, as digests of named values.
//!
//! A key must not change because a type or a field is renamed, so each value is added
//! explicitly, under its own name. A change of a digest's inputs must increase its
//! version, which changes the keys of all existing data.

use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

/// Bytes of a finished digest.
const LENGTH: usize = 8;
/// Size up to which a file is read in full to detect changes.
const READ_WHOLE: u64 = 8 << 20;

/// A type that adds its values to a digest.
pub trait Digestible {
    /// Adds all relevant values.
    fn digest(&self, digest: &mut Digest);
}

/// A digest in progress.
#[derive(Debug, Clone)]
pub struct Digest(Sha256);

impl Digest {
    /// A digest with its kind and the version of its inputs.
    pub fn new(kind: &str, version: u32) -> Self {
        let mut digest = Digest(Sha256::new());
        digest.number(kind, version.into());
        digest
    }

    /// Adds a text.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.add(b't', name).bytes(value.as_bytes())
    }

    /// Adds bytes.
    pub fn data(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.add(b'b', name).bytes(value)
    }

    /// Adds a local file, by its path, length and modification time.
    pub fn file(&mut self, name: &str, path: &Path) -> &mut Self {
        self.text(name, &path.to_string_lossy());
        let Ok(found) = std::fs::metadata(path) else {
            return self;
        };
        self.number("length", found.len());
        let changed = found.modified().ok();
        if let Some(since) = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
            self.number("changed-seconds", since.as_secs())
                .number("changed-nanoseconds", since.subsec_nanos().into());
        }
        self
    }

    /// Adds a local file by its content. Reading a large file would take longer than what
    /// its key is for, so its path, length and modification time replace the content.
    pub fn content(&mut self, path: &Path) -> &mut Self {
        let found = std::fs::metadata(path);
        let is_small = found.as_ref().is_ok_and(|found| found.len() <= READ_WHOLE);
        match is_small.then(|| std::fs::read(path)) {
            Some(Ok(bytes)) => self.data("content", &bytes),
            _ => self.file("file", path),
        }
    }

    /// Adds a number.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.add(b'n', name).bytes(&value.to_le_bytes())
    }

    /// Adds a boolean.
    pub fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.number(name, value.into())
    }

    /// Adds an optional text.
    pub fn optional(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        self.texts(name, value)
    }

    /// Adds texts in order.
    pub fn texts<T: AsRef<str>>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        self.add(b'[', name);
        for value in values {
            self.text("", value.as_ref());
        }
        self.add(b']', name)
    }

    /// Adds the values of a part.
    pub fn part(&mut self, name: &str, part: &impl Digestible) -> &mut Self {
        self.add(b'{', name);
        part.digest(self);
        self.add(b'}', name)
    }

    /// The key: sixteen hexadecimal digits.
    pub fn key(&self) -> String {
        hex(&self.0.clone().finalize())
    }

    fn add(&mut self, kind: u8, name: &str) -> &mut Self {
        self.0.update([kind]);
        self.bytes(name.as_bytes())
    }

    /// Adds each value with its length, so that different sequences of values have
    /// different bytes.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }
}

/// The key of a plain text.
pub fn of_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(digest: &[u8]) -> String {
    let bytes = digest[..LENGTH].iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    struct Pair(&'static str, &'static str);

    impl Digestible for Pair {
        fn digest(&self, digest: &mut Digest) {
            digest.text("first", self.0).text("second", self.1);
        }
    }

    #[test]
    fn a_key_stays_as_it_is() {
        let mut digest = Digest::new("example", 1);
        digest.text("name", "a").number("count", 3).flag("is", true);
        digest.optional("none", None).texts("words", ["b", "c"]);
        digest.part("pair", &Pair("d", "e"));
        assert_eq!(digest.key(), "cb3945f5f03c1b9c");
    }

    #[test]
    fn no_two_lists_of_values_have_one_key() {
        let keys: Vec<String> = [
            Digest::new("a", 1),
            Digest::new("a", 2),
            Digest::new("b", 1),
            Digest::new("a", 1).text("x", "").clone(),
            Digest::new("a", 1).text("", "x").clone(),
            Digest::new("a", 1).text("x", "y").text("z", "").clone(),
            Digest::new("a", 1).text("x", "yz").clone(),
            Digest::new("a", 1).optional("x", None).clone(),
            Digest::new("a", 1).optional("x", Some("")).clone(),
            Digest::new("a", 1).texts("x", ["", ""]).clone(),
            Digest::new("a", 1).texts("x", ["yz"]).clone(),
            Digest::new("a", 1).texts("x", ["y", "z"]).clone(),
            Digest::new("a", 1).part("x", &Pair("y", "z")).clone(),
            Digest::new("a", 1).part("x", &Pair("yz", "")).clone(),
        ]
        .iter()
        .map(Digest::key)
        .collect();
        let distinct: HashSet<&String> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:#?}");
    }
}
