//! Installs a server from Debian packages, with a vendor's repository if the matrix or
//! the catalogue names one.

use std::time::Duration;

use dbmatrix_containers::nest::{Child, PACKAGE_CACHE};
use dbmatrix_engine::{Exec, ExecOutput, FileMode};
use dbmatrix_sql::package::PackageVersion;
use dbmatrix_sql::version::Version;

use super::packages::installed;
use super::spec::{Installation, Packages, Repository, ServerSpec};
use super::transcript::{self, ERROR_TAIL_LINES};
use super::{ServerError, key, succeed, tarball};

pub(super) const LIMIT: Duration = Duration::from_secs(1200);
const SOURCES: &str = "/etc/apt/sources.list.d/dbmatrix.sources";

/// Reads the package lists. An unreachable repository is an error here, while apt alone
/// only warns.
const UPDATE: &str = r#"
export LC_ALL=C.UTF-8
apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=30 -o APT::Update::Error-Mode=any update
"#;

/// Installs without starting anything: the server starts later, with its final settings.
pub(super) const INSTALL: &str = r#"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PERCONA_TELEMETRY_DISABLE=1
if command -v eatmydata > /dev/null; then export LD_PRELOAD=libeatmydata.so; fi
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
undo() { rm -f /usr/sbin/policy-rc.d; }
archives=/var/cache/apt/archives
mkdir -p "$CACHE"
# A copy costs nothing on a copy-on-write pool; apt takes what has the right size.
cp --no-clobber --reflink=auto "$CACHE"/*.deb "$archives" 2> /dev/null || true
if [ -n "$DEBCONF" ]; then printf '%s\n' "$DEBCONF" | debconf-set-selections; fi
apt-get -q -o Acquire::Retries=2 -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 \
    install --yes --no-install-recommends --allow-downgrades $PACKAGES
for file in "$archives"/*.deb; do
    kept="$CACHE/${file##*/}"
    if [ -e "$file" ] && ! [ -e "$kept" ]; then
        cp --reflink=auto "$file" "$kept.$HOSTNAME" && mv "$kept.$HOSTNAME" "$kept" || rm -f "$kept.$HOSTNAME"
    fi
done
rm -f "$archives"/*.deb
"#;

/// Installs the server without starting it, with the exact packages of a lock if there is
/// one. Returns the packages that this added.
///
/// # Errors
/// [`ServerError::Unreachable`] if a repository does not answer,
/// [`ServerError::Signature`] if another key signed it, [`ServerError::Locked`] if it
/// lacks what the lock requires.
pub async fn install(
    child: &Child,
    spec: &ServerSpec,
    locked: Option<&[PackageVersion]>,
) -> Result<Vec<PackageVersion>, ServerError> {
    let before = installed(child).await?;
    match &spec.installation {
        Installation::Packages(packages) => {
            install_packages(child, packages, spec.version, locked).await?;
        }
        Installation::Tarball(archive) => tarball::install(child, spec, archive, locked).await?,
    }
    let after = installed(child).await?;
    let added: Vec<PackageVersion> = after.difference(&before).cloned().collect();
    match locked {
        Some(locked) if added != locked => Err(ServerError::Locked {
            reason: other_packages(locked, &added),
        }),
        _ => Ok(added),
    }
}

/// The texts by which packages are installed.
pub(super) fn recipe() -> String {
    [UPDATE, INSTALL].concat()
}

fn other_packages(locked: &[PackageVersion], added: &[PackageVersion]) -> String {
    let only = |these: &[PackageVersion], those: &[PackageVersion]| {
        let only = these.iter().filter(|package| !those.contains(package));
        let names: Vec<String> = only.map(PackageVersion::to_string).collect();
        match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        }
    };
    format!(
        "locked and not installed: {}; installed and not locked: {}",
        only(locked, added),
        only(added, locked)
    )
}

async fn install_packages(
    child: &Child,
    packages: &Packages,
    version: Version,
    locked: Option<&[PackageVersion]>,
) -> Result<(), ServerError> {
    let pinned = match &packages.pin {
        Some(release) => Some(release.clone()),
        None => version.is_exact().then(|| version.to_string()),
    };
    if let Some(release) = &pinned {
        pin(child, release).await?;
    }
    let mut repository = packages.repository.as_ref();
    if packages.only_if_missing {
        update(child, "").await?;
        let release = pinned.as_deref().unwrap_or_default();
        if has_release(child, &packages.names, release).await? {
            repository = None;
        }
    }
    if let Some(repository) = repository {
        add_repository(child, repository).await?;
    }
    if repository.is_some() || !packages.only_if_missing {
        update(child, repository.map_or("", Repository::url)).await?;
    }
    match locked {
        Some(locked) => install_locked(child, locked, &packages.debconf).await,
        None => install_debs(child, &packages.names, &packages.debconf).await,
    }
}

/// Pins packages to a release.
async fn pin(child: &Child, release: &str) -> Result<(), ServerError> {
    let text = preferences(release);
    let path = "/etc/apt/preferences.d/dbmatrix";
    child
        .engine
        .push(&child.name, path, FileMode::Public, &text)
        .await?;
    Ok(())
}

/// Preferences for a release (apt_preferences(5)). A version is pinned by its beginning
/// alone; what follows the release begins with `-` or `+`. MariaDB's own packages have the
/// epoch 1. A pin of the package `*` would be one of an archive, which has no version.
fn preferences(release: &str) -> String {
    let beginnings = ["", "1:"].map(|epoch| ["-", "+"].map(|after| (epoch, after)));
    let stanza = |(epoch, after): (&str, &str)| {
        format!("Package: ?*\nPin: version {epoch}{release}{after}*\nPin-Priority: 1001\n")
    };
    let stanzas: Vec<String> = beginnings.into_iter().flatten().map(stanza).collect();
    stanzas.join("\n")
}

/// Whether the package lists have a release of all these packages.
async fn has_release(child: &Child, names: &[String], release: &str) -> Result<bool, ServerError> {
    const FIND: &str = r#"
        for package in $PACKAGES; do
            apt-cache madison "$package" | awk -F '|' '{ gsub(" ", "", $2); print $2 }' |
                grep --quiet --extended-regexp "^(1:)?$RELEASE[-+]" || { echo missing; exit; }
        done
    "#;
    let find = Exec::script(FIND)
        .env("PACKAGES", &names.join(" "))
        .env("RELEASE", &release.replace('.', "[.]"));
    let output = succeed(child, "look for the release", find).await?;
    Ok(output.stdout.trim().is_empty())
}

/// Reads the package lists, including those of the image's own mirror.
pub(super) async fn update(child: &Child, url: &str) -> Result<(), ServerError> {
    // The cause may be at the start of the output.
    let update = transcript::logged_script("read the package lists", UPDATE, 500).limit(LIMIT);
    let output = child.engine.exec(&child.name, &update).await?;
    if output.success() {
        return Ok(());
    }
    Err(read_apt_error(url, &output))
}

pub(super) async fn install_debs(
    child: &Child,
    names: &[String],
    debconf: &[String],
) -> Result<(), ServerError> {
    let step = format!("install {}", names.join(" "));
    let install = transcript::logged_script(&step, INSTALL, ERROR_TAIL_LINES)
        .env("PACKAGES", &names.join(" "))
        .env("CACHE", PACKAGE_CACHE)
        .env("HOSTNAME", &child.name)
        .env("DEBCONF", &debconf.join("\n"))
        .limit(LIMIT);
    succeed(child, "install the packages", install)
        .await
        .map(drop)
}

/// Installs exactly these versions.
pub(super) async fn install_locked(
    child: &Child,
    locked: &[PackageVersion],
    debconf: &[String],
) -> Result<(), ServerError> {
    if locked.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = locked.iter().map(PackageVersion::to_string).collect();
    let ended = install_debs(child, &names, debconf).await;
    ended.map_err(|error| match error {
        ServerError::Step { output, .. } if output.contains("was not found") => {
            let gone = output.lines().filter(|line| line.contains("was not found"));
            let mut gone: Vec<&str> = gone.map(|line| line.trim_start_matches("E: ")).collect();
            gone.dedup();
            ServerError::Locked {
                reason: gone.join("; "),
            }
        }
        other => other,
    })
}

/// Installs Debian packages of the image's own mirror.
///
/// # Errors
/// As of [`install`].
pub async fn install_debian_packages(child: &Child, names: &[String]) -> Result<(), ServerError> {
    update(child, "").await?;
    install_debs(child, names, &[]).await
}

async fn add_repository(child: &Child, repository: &Repository) -> Result<(), ServerError> {
    let key = key::fetch(child, &repository.key).await?;
    if !repository.fingerprints.is_empty() {
        key::install_gpg(child).await?;
        key::check_fingerprints(child, repository, &key).await?;
    }
    let components = if repository.suite.ends_with('/') {
        String::new()
    } else {
        format!("Components: {}\n", repository.components.join(" "))
    };
    let text = format!(
        "Types: deb\nURIs: {}\nSuites: {}\n{components}Signed-By: {key}\n",
        repository.urls.join(" "),
        repository.suite
    );
    child
        .engine
        .push(&child.name, SOURCES, FileMode::Public, &text)
        .await?;
    Ok(())
}

/// Distinguishes an unreachable archive from one with a wrong signature.
fn read_apt_error(url: &str, output: &ExecOutput) -> ServerError {
    let text = format!("{}\n{}", output.stdout, output.stderr);
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let reason = first_complaint(output);
    if has(&[
        "NO_PUBKEY",
        "BADSIG",
        "is not signed",
        "invalid signature",
        "couldn't be verified",
        "not signed by",
        "Missing key",
        "OpenPGP signature",
    ]) {
        return ServerError::Signature {
            url: named(url),
            reason,
        };
    }
    if has(&["is expired", "is not valid yet"]) {
        return ServerError::Step {
            step: "read the package lists (a frozen mirror needs `check-valid-until = false` in its `[[image]]`)",
            output: reason,
        };
    }
    if has(&[
        "Could not resolve",
        "Could not connect",
        "Failed to fetch",
        "Connection",
        "timed out",
        "does not have a Release file",
        "no longer has a Release file",
        "Temporary failure",
    ]) {
        return ServerError::Unreachable {
            url: named(url),
            reason,
        };
    }
    ServerError::Step {
        step: "read the package lists",
        output: output.tail(12),
    }
}

fn named(url: &str) -> String {
    if url.is_empty() {
        "the image's own mirror".to_owned()
    } else {
        url.to_owned()
    }
}

/// apt's first error, which names the cause; later ones follow from it.
pub(super) fn first_complaint(output: &ExecOutput) -> String {
    let lines = || {
        output
            .stderr
            .lines()
            .chain(output.stdout.lines())
            .map(str::trim)
    };
    let cause = lines().find(|line| line.starts_with("E: ") || line.starts_with("Err:"));
    let complaint = cause.or_else(|| lines().find(|line| line.starts_with("W: ")));
    complaint.map_or_else(|| output.tail(3), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> ServerError {
        let output = ExecOutput {
            status: 100,
            stdout: String::new(),
            stderr: text.to_owned(),
        };
        read_apt_error("http://repo.test/apt", &output)
    }

    #[test]
    fn a_release_is_pinned_by_the_beginnings_of_its_versions() {
        insta::assert_snapshot!(preferences("10.11.6"), @r"
        Package: ?*
        Pin: version 10.11.6-*
        Pin-Priority: 1001

        Package: ?*
        Pin: version 10.11.6+*
        Pin-Priority: 1001

        Package: ?*
        Pin: version 1:10.11.6-*
        Pin-Priority: 1001

        Package: ?*
        Pin: version 1:10.11.6+*
        Pin-Priority: 1001
        ");
    }

    #[test]
    fn a_wrong_key_is_told_from_an_unreachable_archive() {
        let unsigned = "E: The repository 'http://repo.test/apt x InRelease' is not signed.";
        assert!(matches!(said(unsigned), ServerError::Signature { .. }));
        let gone =
            "E: Failed to fetch http://repo.test/apt/InRelease  Could not resolve 'repo.test'";
        assert!(matches!(said(gone), ServerError::Unreachable { .. }));
        let other = "E: Unable to lock directory /var/lib/apt/lists/";
        assert!(matches!(said(other), ServerError::Step { .. }));
    }
}
