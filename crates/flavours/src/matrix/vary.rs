//! `vary` of a flavour: one flavour for each combination of values of server settings.
//!
//! Knows how the variants are named. They share one installation (`provision/step.rs`).

use dbmatrix_config::{SettingValues, TableReader};

use super::flavour::{Flavour, Source};

/// How many variants a flavour may have.
const MOST: usize = 64;

/// One combination of values.
#[derive(Debug, Clone, Default)]
pub(super) struct Variant {
    /// What the name of its flavour ends in, after a hyphen.
    suffix: Vec<String>,
    settings: Vec<(String, String)>,
}

/// All combinations of the values in a flavour's `vary`; none without the key.
pub(super) fn read(table: &TableReader<'_>) -> Vec<Variant> {
    let settings = table.setting_values("vary");
    if settings.is_empty() {
        return Vec::new();
    }
    let count = settings.iter().try_fold(1_usize, |count, setting| {
        count.checked_mul(setting.values.len())
    });
    if count.is_none_or(|count| count > MOST) {
        let count = count.map_or("too many".to_owned(), |count| count.to_string());
        table.problem(
            table.span(),
            format!("`vary` makes {count} flavours of one; at most {MOST} are possible"),
        );
        return Vec::new();
    }
    settings.iter().fold(vec![Variant::default()], combined)
}

fn combined(variants: Vec<Variant>, setting: &SettingValues) -> Vec<Variant> {
    let with = |variant: &Variant, (label, value): &(Option<String>, String)| {
        let mut variant = variant.clone();
        let label = label.clone();
        let label = label.unwrap_or_else(|| suffix(&setting.setting, value));
        variant.suffix.push(label);
        let entry = (setting.setting.clone(), value.clone());
        variant.settings.push(entry);
        variant
    };
    let each = variants.iter().flat_map(|variant| {
        let values = setting.values.iter();
        values.map(|value| with(variant, value)).collect::<Vec<_>>()
    });
    each.collect()
}

/// A value as part of a flavour's name. One that says nothing by itself is preceded by its
/// setting: `no-sql-mode`, `performance-schema-off`.
fn suffix(setting: &str, value: &str) -> String {
    let (setting, value) = (words(setting), words(value));
    let is_bare = ["on", "off"].contains(&value.as_str())
        || !value.contains(|c: char| c.is_ascii_alphabetic());
    match value.as_str() {
        "" => format!("no-{setting}"),
        _ if is_bare => format!("{setting}-{value}"),
        _ => value,
    }
}

/// Lower-case words, joined by hyphens.
fn words(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let words = text.split(|c| !is_word(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// The flavours that one stands for: itself, or its variants.
pub(super) fn expand(flavour: Flavour, variants: &[Variant]) -> Vec<Flavour> {
    if variants.is_empty() {
        return vec![flavour];
    }
    let variants = variants.iter().map(|variant| {
        let mut flavour = flavour.clone();
        flavour.name = format!("{}-{}", flavour.name, variant.suffix.join("-"));
        if let Source::Managed(managed) = &mut flavour.source {
            managed.shares_installation = true;
            let plain = |name: &str| name.replace('_', "-");
            let varies = |name: &str| {
                let mut settings = variant.settings.iter();
                settings.any(|(other, _)| plain(other) == plain(name))
            };
            let settings = &mut managed.spec.settings;
            settings.retain(|(name, _)| !varies(name));
            settings.extend(variant.settings.iter().cloned());
        }
        flavour
    });
    variants.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_name_their_flavours() {
        assert_eq!(suffix("sql_mode", ""), "no-sql-mode");
        assert_eq!(suffix("sql_mode", "ANSI,NO_ZERO_DATE"), "ansi-no-zero-date");
        assert_eq!(suffix("character-set-server", "utf8mb4"), "utf8mb4");
        assert_eq!(
            suffix("performance_schema", "OFF"),
            "performance-schema-off"
        );
        assert_eq!(suffix("max_connections", "50"), "max-connections-50");
    }
}
