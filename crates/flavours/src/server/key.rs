//! Signing keys of vendors: fetched into the child, and checked by their fingerprints.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, FileMode};

use super::error::OTHER_SIGNER;
use super::install::{LIMIT, first_complaint, install_debs, update};
use super::spec::{KeySource, Repository};
use super::{ServerError, succeed};

const KEYS: &str = "/etc/apt/keyrings";

const FETCH: &str = r#"
/usr/lib/apt/apt-helper -o Acquire::Retries=1 -o Acquire::http::Timeout=30 \
    -o Acquire::https::Timeout=30 download-file "$URL" "$KEYS/fetched"
"#;

/// apt recognises an armoured key by its extension.
const NAME: &str = r#"
if head -c 27 "$KEYS/fetched" | grep -q 'BEGIN PGP'; then end=asc; else end=gpg; fi
mv "$KEYS/fetched" "$KEYS/dbmatrix.$end"
chmod 0644 "$KEYS/dbmatrix.$end"
echo "$KEYS/dbmatrix.$end"
"#;

/// Prints the fingerprints of the primary keys in a key file.
const FINGERPRINTS: &str = r#"
gpg --batch --no-options --homedir "$(mktemp -d)" --show-keys --with-colons "$KEY" |
    awk -F: '$1 == "pub" { primary = 1 } $1 == "fpr" && primary { print $10; primary = 0 }'
"#;

/// Prints gpg's status lines about a detached signature (GnuPG's `doc/DETAILS`).
const VERIFY: &str = r#"
home=$(mktemp -d)
trap 'rm -r "$home"' EXIT
gpg() { command gpg --batch --quiet --no-options --no-autostart --homedir "$home" "$@"; }
gpg --import "$KEY" 2> /dev/null
gpg --status-fd 1 --verify "$FILE.asc" "$FILE" 2> /dev/null || true
"#;

/// Installs what reads keys and signatures.
pub(super) async fn install_gpg(child: &Child) -> Result<(), ServerError> {
    update(child, "").await?;
    install_debs(child, &["gpg".to_owned()], &[]).await
}

/// Copies the key into the child; returns its path there.
pub(super) async fn fetch(child: &Child, key: &KeySource) -> Result<String, ServerError> {
    child.engine.push_folder(&child.name, KEYS).await?;
    match key {
        KeySource::Url(url) => {
            let fetch = Exec::script(FETCH)
                .env("URL", url)
                .env("KEYS", KEYS)
                .limit(LIMIT);
            let output = child.engine.exec(&child.name, &fetch).await?;
            if !output.success() {
                return Err(ServerError::UnreachableKey {
                    url: url.clone(),
                    reason: first_complaint(&output),
                });
            }
        }
        KeySource::File(path) => {
            let target = format!("{KEYS}/fetched");
            child
                .engine
                .push_file(&child.name, &target, FileMode::Public, path)
                .await?;
        }
    }
    let name = Exec::script(NAME).env("KEYS", KEYS);
    let named = succeed(child, "store the signing key", name).await?;
    Ok(named.stdout.trim().to_owned())
}

/// Checks that a key file contains only keys that may sign a repository.
pub(super) async fn check_fingerprints(
    child: &Child,
    repository: &Repository,
    key: &str,
) -> Result<(), ServerError> {
    let read = Exec::script(FINGERPRINTS).env("KEY", key);
    let output = succeed(child, "read the signing key", read).await?;
    let allowed = plain(&repository.fingerprints);
    let found: Vec<&str> = output.stdout.split_whitespace().collect();
    let all_known = found
        .iter()
        .all(|print| allowed.iter().any(|known| known == print));
    if all_known && !found.is_empty() {
        return Ok(());
    }
    Err(ServerError::Fingerprint {
        url: repository.url().to_owned(),
        expected: allowed.join(" or "),
        found: if found.is_empty() {
            "none".to_owned()
        } else {
            found.join(", ")
        },
    })
}

/// Checks the signature of a file in the child, which is beside it and ends in `.asc`.
/// `url` is where the file came from, for messages. Without fingerprints any key of the key
/// file may have signed it.
pub(super) async fn check_signature(
    child: &Child,
    file: &str,
    url: &str,
    key: &str,
    fingerprints: &[String],
) -> Result<(), ServerError> {
    let verify = Exec::script(VERIFY).env("KEY", key).env("FILE", file);
    let output = succeed(child, "check the tarball's signature", verify).await?;
    match signer(&output.stdout) {
        Ok(signer) if fingerprints.is_empty() || plain(fingerprints).contains(&signer) => Ok(()),
        Ok(signer) => Err(ServerError::TarballSignature {
            url: url.to_owned(),
            reason: format!(
                "expected a signature by {}, found one by {signer}",
                fingerprints.join(" or ")
            ),
        }),
        Err(reason) => Err(ServerError::TarballSignature {
            url: url.to_owned(),
            reason,
        }),
    }
}

/// The fingerprint of the primary key that made a valid signature, from gpg's status lines.
/// A key may have expired since; one that was revoked does not count.
fn signer(status: &str) -> Result<String, String> {
    let lines = status
        .lines()
        .filter_map(|line| line.strip_prefix("[GNUPG:] "));
    let words: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
    let find = |word: &str| words.iter().find(|line| line.first() == Some(&word));
    if find("BADSIG").is_some() {
        return Err("the file is not the one that was signed".to_owned());
    }
    if let Some(line) = find("REVKEYSIG") {
        let key = line.get(1).unwrap_or(&"");
        return Err(format!("key {key}, which signed it, was revoked"));
    }
    if let Some(print) = find("VALIDSIG").and_then(|line| line.last()) {
        return Ok((*print).to_owned());
    }
    Err(match find("NO_PUBKEY").and_then(|line| line.get(1)) {
        Some(key) => format!("another key signed it: {key}; {OTHER_SIGNER}"),
        None => "the file beside it is no signature".to_owned(),
    })
}

fn plain(fingerprints: &[String]) -> Vec<String> {
    let plain = |text: &String| text.replace(' ', "").to_uppercase();
    fingerprints.iter().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_signature_has_a_signer() {
        let valid = "\
[GNUPG:] NEWSIG
[GNUPG:] EXPKEYSIG 8C718D3B5072E1F5 MySQL Release Engineering
[GNUPG:] VALIDSIG A4A9406876FCBD3C456770C88C718D3B5072E1F5 2015-03-25 1427283841 0 4 0 17 2 00 A4A9406876FCBD3C456770C88C718D3B5072E1F5
";
        assert_eq!(
            signer(valid).as_deref(),
            Ok("A4A9406876FCBD3C456770C88C718D3B5072E1F5")
        );
        let revoked = valid.replace("EXPKEYSIG", "REVKEYSIG");
        insta::assert_snapshot!(signer(&revoked).expect_err("revoked"), @"key 8C718D3B5072E1F5, which signed it, was revoked");
        let bad = "[GNUPG:] BADSIG 8C718D3B5072E1F5 MySQL Release Engineering\n";
        insta::assert_snapshot!(signer(bad).expect_err("bad"), @"the file is not the one that was signed");
        let other = "[GNUPG:] ERRSIG 8C718D3B5072E1F5 17 2 00 1427283841 9 -\n[GNUPG:] NO_PUBKEY 8C718D3B5072E1F5\n";
        insta::assert_snapshot!(signer(other).expect_err("other"), @"another key signed it: 8C718D3B5072E1F5; if you trust who signed this copy, name their key: `key` of `[[mirror]]` in a matrix, or `--key` of `connect`");
        insta::assert_snapshot!(signer("[GNUPG:] NODATA 4\n").expect_err("none"), @"the file beside it is no signature");
    }
}
