//! A mirror in the vendors' layouts, made in a child of the nest and served there.

use std::path::Path;
use std::time::Duration;

use dbmatrix_containers::nest::Located;
use dbmatrix_engine::{Exec, FileMode};
use libtest_mimic::Failed;

use super::chain::{block_on, find};
use super::sandbox::{Sandbox, check};

/// An empty mirror, and two keys: the vendor's, and that of a stranger.
const BEGIN: &str = r#"
export DEBIAN_FRONTEND=noninteractive
apt-get -q install --yes --no-install-recommends apt-utils gpg gpg-agent busybox xz-utils > /dev/null
# An agent for the keys of an earlier mirror would remove the socket of the next one.
gpgconf --homedir /srv/keys --kill all 2> /dev/null || true
for turn in $(seq 50); do [ -S /srv/keys/S.gpg-agent ] || break; sleep 0.1; done
rm -rf /srv/mirror /srv/keys; mkdir -p /srv/mirror; mkdir -m 700 /srv/keys
cd /srv/mirror
for name in vendor stranger; do
    gpg --batch --quiet --passphrase '' --quick-generate-key "$name <$name@mirror.test>" ed25519 sign never
    gpg --batch --armor --export "$name@mirror.test" > "$name.asc"
done
systemctl stop mirror 2> /dev/null || true
systemd-run --quiet --collect --unit mirror busybox httpd -f -p 8001 -h /srv/mirror
gpg --batch --with-colons --list-keys vendor@mirror.test | awk -F: '$1 == "fpr" { print $10; exit }'
"#;

/// What each script has: the folder of the mirror, the keys, and `publish REPOSITORY`, which
/// signs the packages below its folder `pool`.
const SCRIPT: &str = r#"
export GNUPGHOME=/srv/keys
cd /srv/mirror 2> /dev/null || true
publish() {
    cd "$1"
    mkdir -p dists/bookworm/main/binary-amd64
    apt-ftparchive packages pool > dists/bookworm/main/binary-amd64/Packages
    apt-ftparchive -o APT::FTPArchive::Release::Suite=bookworm -o APT::FTPArchive::Release::Components=main \
        -o APT::FTPArchive::Release::Architectures=amd64 release dists/bookworm > Release
    gpg --batch --yes --local-user vendor@mirror.test --clearsign --output dists/bookworm/InRelease Release
    rm Release
    cd /srv/mirror
}
"#;

pub(crate) struct Mirror {
    pub(crate) address: String,
    pub(crate) fingerprint: String,
    maker: Located,
}

impl Mirror {
    /// Makes a mirror in `mariadb-10.11`, a flavour with Debian 12, and fills it by a script;
    /// also returns the lines that the script printed.
    pub(crate) fn make(sandbox: &Sandbox, script: &str) -> Result<(Self, Vec<String>), Failed> {
        let maker = find("mariadb-10.11")?;
        let mut mirror = Mirror {
            address: format!("http://{}:8001", maker.child.address),
            fingerprint: String::new(),
            maker,
        };
        mirror.fingerprint = mirror.run(BEGIN)?.pop().unwrap_or_default();
        let lines = mirror.run(script)?;
        for name in ["vendor.asc", "stranger.asc"] {
            let key = mirror.run(&format!("cat /srv/mirror/{name}"))?;
            sandbox.file(name, &(key.join("\n") + "\n"));
        }
        Ok((mirror, lines))
    }

    /// Runs a script there; returns the lines that it printed.
    pub(crate) fn run(&self, script: &str) -> Result<Vec<String>, Failed> {
        let Located { nest, child, .. } = &self.maker;
        let exec = Exec::script(&format!("{SCRIPT}{script}")).limit(Duration::from_secs(300));
        let output = block_on(async { nest.engine.exec(&child.name, &exec).await })?;
        check(
            output.success(),
            format!("the mirror was not made:\n{}", output.tail(20)),
        )?;
        Ok(output.stdout.lines().map(str::to_owned).collect())
    }

    /// Sends a file there.
    pub(crate) fn push(&self, file: &Path, path: &str) -> Result<(), Failed> {
        let Located { nest, child, .. } = &self.maker;
        let mode = FileMode::Public;
        block_on(async { nest.engine.push_file(&child.name, path, mode, file).await })?;
        Ok(())
    }

    /// A copy of a vendor's server in a folder of the mirror.
    pub(crate) fn of(&self, vendor: &str, folder: &str) -> String {
        format!(
            "[[mirror]]\nof = \"https://{vendor}\"\nurl = \"{}/{folder}\"\nkey = \"vendor.asc\"\nfingerprints = [\"{}\"]\n\n",
            self.address, self.fingerprint
        )
    }
}
