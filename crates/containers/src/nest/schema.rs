//! Records which version of dbmatrix made a container, and the inputs of a nest.

use dbmatrix_engine::{Config, Instance, config};

use super::outer::NestSettings;
use super::{NestError, key};
use crate::digest::{Digest, of_text};
use crate::image::{BaseImage, ImageOrigin};

/// Version of the keys on containers. Increased whenever an older dbmatrix could not read
/// what a newer one writes; containers without a number have version 1.
const SCHEMA: u32 = 2;

/// Version of the keys of golden children and their copies. Increased whenever golden
/// children are made in a way that differs in more than the user's own settings, scripts
/// of dbmatrix included, so that what an older dbmatrix made is recognised as that.
/// Containers without a number are older than 6.
pub const TEMPLATE_VERSION: u32 = 6;

/// The notes of every new container about its version.
pub(super) fn noted() -> Config {
    config([
        (key::SCHEMA, &SCHEMA.to_string()),
        (key::TEMPLATE_VERSION, &TEMPLATE_VERSION.to_string()),
    ])
}

/// Whether an older dbmatrix derived the key of a child.
pub(super) fn has_former_key(child: &Instance) -> bool {
    let noted = child.config.get(key::TEMPLATE_VERSION);
    let version = noted.and_then(|number| number.parse::<u32>().ok());
    version.is_none_or(|version| version < TEMPLATE_VERSION)
}

/// Whether a container was made before keys were derived from digests.
fn is_first(instance: &Instance) -> bool {
    !instance.config.contains_key(key::SCHEMA)
}

/// The notes to update on a nest that an earlier dbmatrix made; empty for one of this
/// version.
///
/// # Errors
/// [`NestError::OtherSettings`] for one with other inputs; [`NestError::Newer`].
pub(super) fn brought_up(
    nest: &Instance,
    settings: &NestSettings,
    copy_on_write: bool,
) -> Result<Option<Config>, NestError> {
    check(nest)?;
    let noted = nest.config.get(key::KEY);
    let wanted = settings_key(settings, copy_on_write);
    if noted == Some(&wanted) {
        return Ok(None);
    }
    if !is_first(nest) || noted != Some(&first_settings_key(settings, copy_on_write)) {
        return Err(NestError::OtherSettings {
            name: nest.name.clone(),
        });
    }
    let mut renewed = self::noted();
    renewed.extend(config([(key::KEY, wanted.as_str())]));
    Ok(Some(renewed))
}

/// Fails for a nest that a newer dbmatrix made.
fn check(nest: &Instance) -> Result<(), NestError> {
    let noted = nest.config.get(key::SCHEMA);
    let found = noted.map_or(Ok(1), |number| number.parse::<u32>());
    match found {
        Ok(found) if found <= SCHEMA => Ok(()),
        _ => Err(NestError::Newer {
            name: nest.name.clone(),
            found: noted.cloned().unwrap_or_default(),
            known: SCHEMA,
        }),
    }
}

/// Digest of the settings that require another nest: its image, its privileges, its
/// storage.
pub(super) fn settings_key(settings: &NestSettings, copy_on_write: bool) -> String {
    let mut digest = Digest::new("nest", 1);
    digest
        .part("image", &settings.image)
        .flag("privileged", settings.privileged)
        .flag("copy-on-write", copy_on_write);
    digest.key()
}

/// The same as the versions before schema 2 derived it, from the debug output of their
/// types.
fn first_settings_key(settings: &NestSettings, copy_on_write: bool) -> String {
    let image = match &settings.image {
        ImageOrigin::Built(image) => {
            let BaseImage {
                suite,
                packages,
                mirror,
                check_valid_until,
            } = image;
            format!(
                "Built(BaseImage {{ suite: {suite:?}, packages: {packages:?}, mirror: {mirror:?}, check_valid_until: {check_valid_until:?} }})"
            )
        }
        ImageOrigin::Server { server, alias } => {
            format!("Server {{ server: {server:?}, alias: {alias:?} }}")
        }
    };
    let text = format!("{image} {} {copy_on_write}", settings.privileged);
    of_text(&text)
}

#[cfg(test)]
mod tests {
    use dbmatrix_engine::Devices;

    use super::*;
    use crate::nest::{Access, NestLimits};

    fn settings(suite: &str) -> NestSettings {
        let image = ImageOrigin::Built(BaseImage {
            suite: suite.to_owned(),
            packages: Vec::new(),
            mirror: None,
            check_valid_until: None,
        });
        NestSettings {
            name: "mysql".to_owned(),
            limits: NestLimits::default(),
            privileged: false,
            access: Access::Route,
            made_of: image.clone(),
            image,
        }
    }

    fn nest(noted: &[(&str, &str)]) -> Instance {
        Instance {
            name: "mysql".to_owned(),
            status: "Running".to_owned(),
            created_at: String::new(),
            last_used_at: String::new(),
            config: noted.iter().flat_map(|pair| config([*pair])).collect(),
            devices: Devices::new(),
        }
    }

    /// A key as dbmatrix wrote it before there were schemas.
    const FIRST: &str = "bfb81b23350576f0";

    #[test]
    fn a_nest_of_the_first_schema_goes_on() {
        let settings = settings("trixie");
        let former = nest(&[(key::KEY, FIRST)]);
        let renewed = brought_up(&former, &settings, true).expect("it fits");
        let renewed = renewed.expect("it is of an earlier version");
        let wanted = settings_key(&settings, true);
        assert_eq!(
            renewed,
            config([
                (key::KEY, wanted.as_str()),
                (key::SCHEMA, "2"),
                (key::TEMPLATE_VERSION, "6")
            ])
        );
        let mut now = former.clone();
        now.config.extend(renewed);
        assert!(matches!(brought_up(&now, &settings, true), Ok(None)));
        for (other, noted) in [
            (former.clone(), false),
            (nest(&[(key::KEY, FIRST), (key::SCHEMA, "2")]), true),
            (nest(&[]), true),
        ] {
            let refused = brought_up(&other, &settings, noted);
            assert!(matches!(refused, Err(NestError::OtherSettings { .. })));
        }
    }

    #[test]
    fn a_child_says_whether_its_key_is_still_derived_so() {
        assert!(has_former_key(&nest(&[])));
        assert!(has_former_key(&nest(&[(key::SCHEMA, "2")])));
        assert!(has_former_key(&nest(&[(key::TEMPLATE_VERSION, "5")])));
        let mut now = nest(&[]);
        now.config.extend(noted());
        assert!(!has_former_key(&now));
    }

    #[test]
    fn all_that_needs_another_nest_makes_another_key() {
        let usual = settings("trixie");
        let key = settings_key(&usual, true);
        assert_ne!(key, settings_key(&usual, false));
        assert_ne!(key, settings_key(&settings("bookworm"), true));
        let privileged = NestSettings {
            privileged: true,
            ..usual.clone()
        };
        assert_ne!(key, settings_key(&privileged, true));
        let smaller = NestSettings {
            limits: NestLimits {
                cpus: None,
                memory: Some(1 << 30),
            },
            ..usual
        };
        assert_eq!(key, settings_key(&smaller, true));
    }

    #[test]
    fn a_nest_of_a_newer_dbmatrix_is_refused() {
        let nest = |schema: Option<&str>| {
            let noted = schema.map(|number| (key::SCHEMA, number));
            nest(noted.as_slice())
        };
        for known in [None, Some("1"), Some("2")] {
            assert!(check(&nest(known)).is_ok(), "{known:?}");
        }
        for newer in ["3", "4.1", ""] {
            let error = check(&nest(Some(newer))).expect_err(newer).to_string();
            assert!(error.contains("newer dbmatrix"), "{error}");
        }
    }
}
