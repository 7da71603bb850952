//! Reads a TOML table key by key, and reports unknown keys.

use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};
use toml::value::Date;

use super::Problems;

/// A table in which every valid key is requested once; all other keys are unknown. A new
/// key is therefore added in one place: where it is read.
pub struct TableReader<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    problems: &'a Problems,
    known: RefCell<Vec<&'static str>>,
    /// The keys that lead to this table, joined by dots.
    #[cfg(feature = "asked-keys")]
    path: String,
}

/// For tests: the keys that readers of this thread requested, by their tables' paths.
#[cfg(feature = "asked-keys")]
pub type AskedKeys = std::collections::BTreeMap<String, std::collections::BTreeSet<String>>;

#[cfg(feature = "asked-keys")]
thread_local! {
    static ASKED: RefCell<AskedKeys> = RefCell::default();
}

/// Takes the keys noted so far.
#[cfg(feature = "asked-keys")]
pub fn take_asked_keys() -> AskedKeys {
    ASKED.take()
}

/// Values of one server setting, each with the name that the file gives it.
pub struct SettingValues {
    pub setting: String,
    pub values: Vec<(Option<String>, String)>,
}

/// An item of a list that may be either.
pub enum TextOrTable<'a> {
    Text(Placed<String>),
    Table(TableReader<'a>),
}

/// A value with its place.
pub struct Placed<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<'a> TableReader<'a> {
    pub fn new(table: &'a DeTable<'a>, span: Range<usize>, problems: &'a Problems) -> Self {
        TableReader {
            table,
            span,
            problems,
            known: RefCell::default(),
            #[cfg(feature = "asked-keys")]
            path: String::new(),
        }
    }

    /// A table inside this one.
    fn below(&self, _key: &'static str, found: Placed<&'a DeTable<'a>>) -> Self {
        let table = TableReader::new(found.value, found.span, self.problems);
        #[cfg(feature = "asked-keys")]
        let table = TableReader {
            path: match self.path.as_str() {
                "" => _key.to_owned(),
                path => format!("{path}.{_key}"),
            },
            ..table
        };
        table
    }

    /// A table that several others contain, under the same key.
    fn shared(&self, _key: &'static str, found: Placed<&'a DeTable<'a>>) -> Self {
        let table = TableReader::new(found.value, found.span, self.problems);
        #[cfg(feature = "asked-keys")]
        let table = TableReader {
            path: _key.to_owned(),
            ..table
        };
        table
    }

    /// The position of the table's start.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub fn problem(&self, span: Range<usize>, message: impl Into<String>) {
        self.problems.add(span, message.into());
    }

    /// The key to read for a renamed key: the old name if the table uses it, which is
    /// noted as deprecated.
    pub fn renamed(&self, old: &'static str, new: &'static str) -> &'static str {
        let Some((key, _)) = self.table.get_key_value(old) else {
            return new;
        };
        if self.has(new) {
            self.problem(
                key.span(),
                format!(
                    "`{old}` is the old name of `{new}`, which is there too; remove one of them"
                ),
            );
            self.know(old);
            return new;
        }
        self.problems.deprecate(key.span(), old, new);
        old
    }

    /// Notes a deprecated value.
    pub fn deprecate(&self, span: Range<usize>, old: &str, new: &str) {
        self.problems.deprecate(span, old, new);
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    /// Marks a key as known without reading it.
    pub fn know(&self, key: &'static str) {
        self.known.borrow_mut().push(key);
    }

    /// The position of a key's value, if it exists.
    pub fn span_of(&self, key: &str) -> Option<Range<usize>> {
        self.table.get(key).map(Spanned::span)
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Placed<T>> {
        let value = self.get(key)?;
        self.one(value, expected, read)
    }

    fn one<T>(
        &self,
        value: &'a Spanned<DeValue<'a>>,
        expected: &str,
        read: impl Fn(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Placed<T>> {
        let span = value.span();
        match read(value.get_ref()) {
            Some(value) => Some(Placed { value, span }),
            None => {
                let found = described(value.get_ref());
                self.problem(span, format!("expected {expected}; found {found}"));
                None
            }
        }
    }

    pub fn text(&self, key: &'static str) -> Option<Placed<String>> {
        self.read(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.choice_with_renamed(key, words, &[])
    }

    /// One of several words, some of which are renamed: pairs of old and new.
    pub fn choice_with_renamed<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&str, T)],
        renamed: &[(&str, &str)],
    ) -> Option<T> {
        let mut found = self.text(key)?;
        if let Some((old, new)) = renamed.iter().find(|(old, _)| *old == found.value) {
            self.deprecate(found.span.clone(), old, new);
            found.value = (*new).to_owned();
        }
        let named = words.iter().find(|(word, _)| *word == found.value);
        if named.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let expected = alternatives(&words);
            self.problem(
                found.span,
                format!("expected {expected}; found `{}`", found.value),
            );
        }
        named.map(|(_, value)| *value)
    }

    /// A number from 0.
    pub fn number(&self, key: &'static str) -> Option<Placed<f64>> {
        self.read(key, "a number", |value| match value {
            DeValue::Float(number) => number.as_str().replace('_', "").parse().ok(),
            _ => integer(value).map(|number| number as f64),
        })
    }

    /// A duration such as `"30s"` or `"2min"`; greater than zero.
    pub fn duration(&self, key: &'static str) -> Option<Placed<Duration>> {
        self.read(key, "a time such as `\"30s\"` or `\"2min\"`", |value| {
            let duration = humantime::parse_duration(value.as_str()?).ok()?;
            (!duration.is_zero()).then_some(duration)
        })
    }

    /// A date, such as `2027-01-31`.
    pub fn date(&self, key: &'static str) -> Option<Placed<Date>> {
        self.read(key, "a day such as `2027-01-31`", |value| match value {
            DeValue::Datetime(moment) if moment.time.is_none() => moment.date,
            _ => None,
        })
    }

    pub fn flag(&self, key: &'static str) -> Option<Placed<bool>> {
        self.read(key, "`true` or `false`", DeValue::as_bool)
    }

    pub fn count(&self, key: &'static str) -> Option<Placed<u32>> {
        self.read(key, "a whole number from 1", |value| {
            integer(value)
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number > 0)
        })
    }

    pub fn texts(&self, key: &'static str) -> Option<Placed<Vec<Placed<String>>>> {
        let list = self.read(key, "a list of strings", DeValue::as_array)?;
        let items = list.value.iter().filter_map(|item| {
            self.one(item, "a string", |value| value.as_str().map(str::to_owned))
        });
        Some(Placed {
            value: items.collect(),
            span: list.span,
        })
    }

    /// A string, or a list of them.
    pub fn text_or_texts(&self, key: &'static str) -> Option<Placed<Vec<Placed<String>>>> {
        if self.get(key)?.get_ref().as_array().is_some() {
            return self.texts(key);
        }
        let expected = "a string or a list of strings";
        let text = self.read(key, expected, |value| value.as_str().map(str::to_owned))?;
        Some(Placed {
            span: text.span.clone(),
            value: vec![text],
        })
    }

    pub fn table(&self, key: &'static str) -> Option<TableReader<'a>> {
        let found = self.read(key, "a table", DeValue::as_table)?;
        Some(self.below(key, found))
    }

    pub fn tables(&self, key: &'static str) -> Vec<TableReader<'a>> {
        let expected = format!("a list of tables, `[[{key}]]`");
        let list = self.read(key, &expected, DeValue::as_array);
        let items = list.into_iter().flat_map(|list| list.value.iter());
        let tables = items.filter_map(|item| self.one(item, "a table", DeValue::as_table));
        tables.map(|found| self.below(key, found)).collect()
    }

    /// Like [`TableReader::table`], for a key that several tables have.
    pub fn shared_table(&self, key: &'static str, expected: &str) -> Option<TableReader<'a>> {
        let found = self.read(key, expected, DeValue::as_table)?;
        Some(self.shared(key, found))
    }

    /// Like [`TableReader::tables`], for a key that several tables have.
    pub fn shared_tables(&self, key: &'static str) -> Vec<TableReader<'a>> {
        let list = self.read(key, "a list of tables", DeValue::as_array);
        let items = list.into_iter().flat_map(|list| list.value.iter());
        let tables = items.filter_map(|item| self.one(item, "a table", DeValue::as_table));
        tables.map(|found| self.shared(key, found)).collect()
    }

    /// A list of texts and tables, for a key that several tables have.
    pub fn shared_texts_and_tables(&self, key: &'static str) -> Option<Vec<TextOrTable<'a>>> {
        let list = self.read(key, "a list of strings", DeValue::as_array)?;
        let items = list.value.iter().filter_map(|item| {
            if item.get_ref().as_table().is_some() {
                let found = self.one(item, "a table", DeValue::as_table)?;
                return Some(TextOrTable::Table(self.shared(key, found)));
            }
            let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned);
            self.one(item, "a string or a table", text)
                .map(TextOrTable::Text)
        });
        Some(items.collect())
    }

    /// All keys with their values as text, for settings that a server reads.
    pub fn settings(&self, key: &'static str) -> Vec<(String, String)> {
        let Some(table) = self.table(key) else {
            return Vec::new();
        };
        let mut settings = Vec::new();
        for (name, value) in table.table {
            if self.is_setting(name)
                && let Some(text) = self.setting(name.get_ref(), value)
            {
                settings.push((name.get_ref().to_string(), text));
            }
        }
        settings
    }

    /// All keys with several values each: a list, or a table that names them.
    pub fn setting_values(&self, key: &'static str) -> Vec<SettingValues> {
        let Some(table) = self.table(key) else {
            return Vec::new();
        };
        let mut settings = Vec::new();
        for (name, value) in table.table {
            if !self.is_setting(name) {
                continue;
            }
            let setting = name.get_ref();
            let read = |label: Option<String>, value| Some((label, self.setting(setting, value)?));
            let values: Vec<_> = match value.get_ref() {
                DeValue::Array(list) if !list.is_empty() => {
                    list.iter().filter_map(|value| read(None, value)).collect()
                }
                DeValue::Table(named) if !named.is_empty() => named
                    .iter()
                    .filter_map(|(label, value)| read(Some(label.get_ref().to_string()), value))
                    .collect(),
                other => {
                    let found = match other {
                        DeValue::Array(_) | DeValue::Table(_) => "none".to_owned(),
                        other => described(other),
                    };
                    let expected = "a list of values, or a table that names them";
                    self.problem(value.span(), format!("expected {expected}; found {found}"));
                    continue;
                }
            };
            settings.push(SettingValues {
                setting: setting.to_string(),
                values,
            });
        }
        settings
    }

    fn is_setting(&self, name: &Spanned<DeString<'_>>) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let found = name.get_ref();
        let is_plain = !found.is_empty() && found.chars().all(plain);
        if !is_plain {
            self.problem(
                name.span(),
                format!("expected the name of a server setting; found `{found}`"),
            );
        }
        is_plain
    }

    fn setting(&self, name: &str, value: &'a Spanned<DeValue<'a>>) -> Option<String> {
        let expected = "a string without line ends, a number or `true`/`false`";
        let text = self.one(value, expected, |value| setting(name, value));
        text.map(|text| text.value)
    }

    /// Reports every unknown key.
    pub fn finish(&self) {
        let known = self.known.borrow();
        #[cfg(feature = "asked-keys")]
        ASKED.with_borrow_mut(|asked| {
            let keys = asked.entry(self.path.clone()).or_default();
            keys.extend(known.iter().map(|key| (*key).to_owned()));
        });
        for (key, _) in self.table {
            let key_text: &str = key.get_ref();
            if known.contains(&key_text) {
                continue;
            }
            let nearest = nearest(key_text, known.iter().copied());
            let hint = match nearest {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("expected one of {}", quoted(&known)),
            };
            self.problem(key.span(), format!("unknown key `{key_text}`; {hint}"));
        }
    }
}

/// The most similar name, if one is similar enough.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let scored = names.map(|other| (strsim::jaro_winkler(name, other), other));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}

/// The most similar name, and all valid names.
pub fn hint<'n>(wanted: &str, there: impl Iterator<Item = &'n str> + Clone) -> String {
    let listed: Vec<String> = there.clone().map(|name| format!("`{name}`")).collect();
    let listed = listed.join(", ");
    match nearest(wanted, there) {
        _ if listed.is_empty() => "there is none".to_owned(),
        Some(near) => format!("did you mean `{near}`? there is {listed}"),
        None => format!("there is {listed}"),
    }
}

/// `a`, `b` or `c`.
fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        _ => quoted.concat(),
    }
}

fn quoted(names: &[&str]) -> String {
    let mut names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A value in the server's syntax. Options that begin with `skip` need a number as
/// boolean, the others a word.
fn setting(name: &str, value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => (!text.contains(['\n', '\r'])).then(|| text.to_string()),
        DeValue::Integer(_) => integer(value).map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) if name.starts_with("skip") => Some(u8::from(*flag).to_string()),
        DeValue::Boolean(flag) => Some(if *flag { "ON" } else { "OFF" }.to_owned()),
        _ => None,
    }
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a string".to_owned(),
        DeValue::Integer(_) => "an integer".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        other => format!("a {}", other.type_str()),
    }
}
