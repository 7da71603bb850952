//! `[[image]]`: settings of base images.

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_containers::image::{BaseImage, ImageOrigin};

/// The image server that Incus calls `images:`.
const IMAGE_SERVER: &str = "https://images.linuxcontainers.org";

/// Settings of locally built images.
pub(super) fn read_all(top: &TableReader<'_>) -> Vec<BaseImage> {
    top.tables("image").iter().filter_map(read).collect()
}

fn read(table: &TableReader<'_>) -> Option<BaseImage> {
    let name = table.text("name");
    let mirror = table.text("mirror");
    let check_valid_until = table.flag("check-valid-until");
    let packages = table.texts("packages");
    table.finish();
    let Some(name) = name else {
        table.problem(table.span(), "expected a `name`, such as `debian:sid`");
        return None;
    };
    let Some(suite) = debian_suite(&name.value) else {
        table.problem(
            name.span,
            format!("expected `debian:SUITE`; found `{}`", name.value),
        );
        return None;
    };
    Some(BaseImage {
        suite: suite.to_owned(),
        packages: packages
            .into_iter()
            .flat_map(|list| list.value)
            .map(|item| item.value)
            .collect(),
        mirror: mirror.map(|mirror| mirror.value),
        check_valid_until: check_valid_until.map(|flag| flag.value),
    })
}

/// The image of that name, with its settings in the file.
pub(super) fn resolve(
    table: &TableReader<'_>,
    name: Placed<String>,
    images: &[BaseImage],
) -> Option<ImageOrigin> {
    if let Some(suite) = debian_suite(&name.value) {
        let set = images.iter().find(|image| image.suite == suite).cloned();
        return Some(ImageOrigin::Built(set.unwrap_or_else(|| BaseImage {
            suite: suite.to_owned(),
            packages: Vec::new(),
            mirror: None,
            check_valid_until: None,
        })));
    }
    if let Some(alias) = name
        .value
        .strip_prefix("images:")
        .filter(|alias| !alias.is_empty())
    {
        return Some(ImageOrigin::Server {
            server: IMAGE_SERVER.to_owned(),
            alias: alias.to_owned(),
        });
    }
    table.problem(
        name.span,
        format!(
            "expected an image, `debian:SUITE` or `images:ALIAS`; found `{}`",
            name.value
        ),
    );
    None
}

/// The suite of a locally built image.
pub(super) fn debian_suite(name: &str) -> Option<&str> {
    let suite = name.strip_prefix("debian:")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!suite.is_empty() && suite.chars().all(plain)).then_some(suite)
}
