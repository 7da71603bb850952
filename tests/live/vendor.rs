//! A vendor's apt repository: signed, with the key that the matrix names.
//!
//! The repository is made in a child of the nest from Debian's own package with
//! another version, and served there.

use std::time::Duration;

use dbmatrix_engine::Exec;

use super::Outcome;
use super::chain::{block_on, find};
use super::sandbox::{Sandbox, check, text};

const MAKE: &str = r#"
export DEBIAN_FRONTEND=noninteractive HOME=/root
apt-get -q install --yes --no-install-recommends apt-utils gpg gpg-agent busybox > /dev/null
rm -rf /srv/vendor; mkdir -p /srv/vendor/pool /srv/vendor/dists/vendor/main/binary-amd64
cd /srv/vendor/pool
apt-get -q download mariadb-server > /dev/null
dpkg-deb -R mariadb-server_*.deb unpacked
sed -i 's/^Version: .*/&+vendor1/' unpacked/DEBIAN/control
rm mariadb-server_*.deb
dpkg-deb -Znone -b unpacked mariadb-server_vendor1.deb > /dev/null
rm -r unpacked
cd /srv/vendor
apt-ftparchive packages pool > dists/vendor/main/binary-amd64/Packages
apt-ftparchive -o APT::FTPArchive::Release::Suite=vendor -o APT::FTPArchive::Release::Components=main \
    -o APT::FTPArchive::Release::Architectures=amd64 release dists/vendor > Release
mv Release dists/vendor/Release
for name in right wrong; do
    gpg --batch --quiet --passphrase '' --quick-generate-key "$name <$name@vendor.test>" ed25519 sign never
    gpg --batch --armor --export "$name@vendor.test" > "$name.asc"
done
gpg --batch --yes --local-user right@vendor.test --clearsign --output dists/vendor/InRelease dists/vendor/Release
busybox httpd -p 8000 -h /srv/vendor
gpg --batch --with-colons --list-keys right@vendor.test | awk -F: '$1 == "fpr" { print $10; exit }'
"#;

pub(crate) fn repository(sandbox: &Sandbox) -> Outcome {
    let maker = find("mariadb-10.11")?;
    let make = Exec::script(MAKE).limit(Duration::from_secs(300));
    let made = block_on(async { maker.nest.engine.exec(&maker.child.name, &make).await })?;
    check(
        made.success(),
        format!("the repository was not made:\n{}", made.tail(20)),
    )?;
    let print = made
        .stdout
        .lines()
        .last()
        .unwrap_or_default()
        .trim()
        .to_owned();
    for name in ["right.asc", "wrong.asc"] {
        let read = Exec::new("cat", [&format!("/srv/vendor/{name}")]);
        let key = block_on(async { maker.nest.engine.exec(&maker.child.name, &read).await })?;
        sandbox.file(name, &key.stdout);
    }
    let url = format!("http://{}:8000", maker.child.address);
    sandbox.file("right.slt", "statement ok\nSELECT 1\n");
    let run = |name: &str, repository: &str| {
        let flavour = format!(
            "[[flavour]]\nname = \"vendor\"\nserver = \"mariadb:10.11\"\nsource = \"vendor\"\nrequired = false\n\
             repository = {{ suite = \"vendor\", {repository} }}\n"
        );
        let suite = "[[suite]]\nname = \"s\"\nfiles = [\"right.slt\"]\n";
        let matrix = sandbox.matrix(name, &format!("{flavour}\n{suite}"));
        sandbox.run(&["run", text(&matrix)])
    };
    // Where the only flavour is not available, nothing ran.
    run("v1.toml", &format!("url = \"{url}\", key = \"wrong.asc\""))
        .expect(2)?
        .says("is not signed by the key")?;
    let other = format!(
        "url = \"{url}\", key = \"{url}/right.asc\", fingerprints = [\"{}\"]",
        "0".repeat(40)
    );
    run("v2.toml", &other)
        .expect(2)?
        .says("expected fingerprint")?;
    let nowhere = "url = \"http://vendor.invalid\", key = \"right.asc\"";
    run("v3.toml", nowhere)
        .expect(2)?
        .says("is not reached from here")?;
    // The next run knows.
    run("v3.toml", nowhere).expect(2)?.says("(found out ")?;
    let right = format!("url = \"{url}\", key = \"{url}/right.asc\", fingerprints = [\"{print}\"]");
    let ran = run("v4.toml", &right).expect(0)?;
    check(!ran.stdout.contains("unavailable)\n"), ran.stdout.clone())?;
    ran.says("ok 1")?;
    let query = Exec::new(
        "dpkg-query",
        ["--show", "--showformat=${Version}", "mariadb-server"],
    );
    let found = find("vendor")?;
    let installed = block_on(async { found.nest.engine.exec(&found.child.name, &query).await })?;
    check(
        installed.stdout.ends_with("+vendor1"),
        format!("not the vendor's: {}", installed.stdout),
    )
}
