//! Masks each server's own name and version in texts: results that differ in nothing else
//! have the same cause, and are one entry.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dbmatrix_sql::compare::Kind;

use super::record::{RunRecord, release};
use crate::event::{Divergence, ServerFacts};

/// Placeholders for a server's name, and for its version.
const NAME: &str = "\u{fffc}server\u{fffc}";
const VERSION: &str = "\u{fffc}version\u{fffc}";
/// The names of servers in their own messages, longer ones first.
const PRODUCTS: [&str; 3] = ["Percona Server", "MariaDB", "MySQL"];
/// Placeholder for a flavour's name or address.
const FLAVOUR: &str = "\u{fffc}flavour\u{fffc}";

/// The words that identify each server, by flavour; longer words first.
#[derive(Debug, Default)]
pub(super) struct Masks(BTreeMap<String, Vec<(String, &'static str)>>);

/// Flavours with the same outcome, except for their own names and versions.
#[derive(Debug)]
pub(super) struct JoinedGroup<'a> {
    pub(super) flavours: Vec<&'a str>,
    /// The outcome of the first flavour.
    pub(super) outcome: &'a str,
    pub(super) kinds: Vec<Kind>,
    /// Whether their outcomes differ in these words.
    pub(super) is_masked: bool,
}

impl Masks {
    pub(super) fn add(&mut self, flavour: &str, server: &ServerFacts) {
        self.0.insert(flavour.to_owned(), identifying_words(server));
    }

    /// Masks a server's own words in a text.
    pub(super) fn mask<'t>(&self, flavour: &str, text: &'t str) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        for (word, mask) in self.0.get(flavour).into_iter().flatten() {
            if let Some(other) = replace_word(&masked, word, mask) {
                masked = Cow::Owned(other);
            }
        }
        masked
    }

    /// The same for a message of dbmatrix about a flavour, which contains its name.
    pub(super) fn mask_reason(run: &RunRecord, flavour: &str, reason: &str) -> String {
        let mut masked = run.masks.mask(flavour, reason).into_owned();
        if !run.servers.contains_key(flavour) {
            // It is unknown which server an unavailable flavour has.
            for word in PRODUCTS {
                masked = replace_word(&masked, word, NAME).unwrap_or(masked);
            }
        }
        let address = run.addresses.get(flavour).map(String::as_str);
        for word in [Some(flavour), address].into_iter().flatten() {
            masked = replace_word(&masked, word, FLAVOUR).unwrap_or(masked);
        }
        masked
    }

    /// The groups of a difference. Groups that differ only in the servers' own words are
    /// joined.
    pub(super) fn join_groups<'a>(&self, found: &'a Divergence) -> Vec<JoinedGroup<'a>> {
        let mut joined: Vec<(Cow<'a, str>, JoinedGroup<'a>)> = Vec::new();
        for group in &found.groups {
            let first = group.flavours.first().map_or("", String::as_str);
            let masked = self.mask(first, &group.outcome);
            let flavours = group.flavours.iter().map(String::as_str);
            if let Some((_, same)) = joined.iter_mut().find(|(text, _)| *text == masked) {
                same.flavours.extend(flavours);
                same.is_masked |= same.outcome != group.outcome;
                continue;
            }
            let group = JoinedGroup {
                flavours: flavours.collect(),
                outcome: &group.outcome,
                kinds: group.kinds.clone(),
                is_masked: false,
            };
            joined.push((masked, group));
        }
        joined.into_iter().map(|(_, group)| group).collect()
    }
}

/// A server's names and versions as its texts contain them.
fn identifying_words(server: &ServerFacts) -> Vec<(String, &'static str)> {
    let version = server.version.as_str();
    let mut words = vec![(version, VERSION), (release(server), VERSION)];
    // Without the distribution's suffix: `10.11.18-MariaDB`.
    if let Some(end) = version.find("-MariaDB") {
        words.push((&version[..end + "-MariaDB".len()], VERSION));
        words.push(("MariaDB", NAME));
    } else {
        if server.comment.contains("Percona") {
            words.push(("Percona Server", NAME));
        }
        words.push(("MySQL", NAME));
    }
    // A version of one or two numbers could also be a value.
    words.retain(|(word, mask)| *mask == NAME || word.matches('.').count() >= 2);
    words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    words.dedup();
    (words.into_iter())
        .map(|(word, mask)| (word.to_owned(), mask))
        .collect()
}

/// Replaces a whole word in a text; `None` if the text does not contain it.
fn replace_word(text: &str, word: &str, mask: &str) -> Option<String> {
    if word.is_empty() || !text.contains(word) {
        return None;
    }
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut replaced = String::with_capacity(text.len());
    let mut at = 0;
    let mut found = false;
    for (from, _) in text.match_indices(word) {
        let end = from + word.len();
        let before = text[..from].chars().next_back();
        let mut behind = text[end..].chars();
        let next = behind.next();
        let goes_on = next.is_some_and(is_of_word)
            || next == Some('.') && behind.next().is_some_and(|c| c.is_ascii_digit());
        if before.is_some_and(|c| is_of_word(c) || c == '.') || goes_on {
            continue;
        }
        replaced.push_str(&text[at..from]);
        replaced.push_str(mask);
        at = end;
        found = true;
    }
    replaced.push_str(&text[at..]);
    found.then_some(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str, comment: &str) -> ServerFacts {
        ServerFacts {
            version: version.to_owned(),
            comment: comment.to_owned(),
            ..ServerFacts::default()
        }
    }

    fn masks() -> Masks {
        let servers = [
            ("maria", server("10.11.18-MariaDB-0+deb12u1", "Debian 12")),
            ("mysql", server("9.7.4-2", "(Debian)")),
            ("percona", server("8.4.3-3", "Percona Server (GPL)")),
        ];
        Masks(
            servers
                .map(|(name, server)| (name.to_owned(), identifying_words(&server)))
                .into(),
        )
    }

    #[test]
    fn texts_that_name_the_server_are_alike() {
        let text =
            |name: &str| format!("the manual that corresponds to your {name} server version for");
        let masks = masks();
        let masked = masks.mask("maria", &text("MariaDB")).into_owned();
        assert_eq!(masks.mask("mysql", &text("MySQL")), masked);
        assert_eq!(masks.mask("percona", &text("Percona Server")), masked);
        assert_eq!(
            masks.mask("maria", "10.11.18-MariaDB-0+deb12u1 a"),
            masks.mask("mysql", "9.7.4-2 a")
        );
        assert_eq!(
            masks.mask("maria", "10.11.18-MariaDB"),
            masks.mask("mysql", "9.7.4")
        );
    }

    #[test]
    fn what_only_looks_like_a_version_stays() {
        let masks = masks();
        for text in ["9.7.41", "19.7.4", "9.7.4.1", "9.7", "MySQLx", "MariaDB"] {
            assert_eq!(masks.mask("mysql", text), text);
        }
        assert_eq!(masks.mask("elsewhere", "MySQL 9.7.4"), "MySQL 9.7.4");
    }
}
