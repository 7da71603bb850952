//! The engine inside a nest: Incus from the nest's own Debian.

use std::time::Duration;

use dbmatrix_engine::{Config, Devices, Engine, Exec, config};

use super::outer::succeed;
use super::{Nest, NestError};
use crate::host::bridge_config;
use crate::image::ImageOrigin;

const INSTALL_LIMIT: Duration = Duration::from_secs(900);
/// The inner bridge, pool and profile; the nest holds nothing else, so they
/// have Incus's usual names.
const BRIDGE: &str = "incusbr0";
pub(super) const POOL: &str = "default";
const POOL_FOLDER: &str = "/var/lib/incus/storage-pools/default";

/// Packages of an engine for containers, with the programs that it calls.
const PACKAGES: [&str; 4] = ["incus-base", "dnsmasq-base", "nftables", "btrfs-progs"];

/// The image of a nest; one that is built here includes the engine.
pub fn nest_image(image: &ImageOrigin) -> ImageOrigin {
    let mut image = image.clone();
    if let ImageOrigin::Built(built) = &mut image {
        built.packages.extend(PACKAGES.map(str::to_owned));
    }
    image
}

/// Installs the engine in a nest made from another image.
const INSTALL: &str = r#"
if [ -x /usr/libexec/incus/incusd ]; then exit 0; fi
export DEBIAN_FRONTEND=noninteractive
if command -v eatmydata > /dev/null; then export LD_PRELOAD=libeatmydata.so; fi
apt-get -q update
if ! apt-cache policy incus-base | grep -q 'Candidate: [0-9]'; then
    echo "the nest's image carries no package incus-base; Debian 13 and later do"
    exit 1
fi
apt-get -q install --yes --no-install-recommends $PACKAGES
"#;

/// Restarts a daemon that cannot start, as on a full disk, until it can. The package's
/// own unit waits 10 minutes even for a daemon that has ended, and starts none in the
/// meantime.
const RESTARTS: &str = r#"
folder=/etc/systemd/system/incus.service.d
mkdir -p "$folder"
cat > "$folder/dbmatrix.conf" << 'END'
[Unit]
StartLimitIntervalSec=0

[Service]
ExecStartPost=
ExecStartPost=/bin/sh -c 'while kill -0 "$$MAINPID"; do /usr/libexec/incus/incusd waitready --timeout=1 && exit 0; done; exit 1'
RestartSec=1s
END
systemctl daemon-reload
"#;

/// The ids that the inner engine may give to children must lie inside the
/// nest's own map, which is smaller than what the package writes.
const SUBORDINATE_IDS: &str = r#"
read -r first outside size < /proc/self/uid_map
start=1000000
if [ "$size" -lt 2000000 ]; then start=65536; fi
count=$((size - start))
if [ "$count" -gt 1000000000 ]; then count=1000000000; fi
if [ "$count" -lt 65536 ]; then
    echo "the nest has $size user ids; children need 131072 (see subuid(5) on the host)"
    exit 1
fi
for file in /etc/subuid /etc/subgid; do echo "root:$start:$count" > "$file"; done
systemctl restart incus.service
"#;

/// Installs the inner engine.
pub(super) async fn install(host: &Engine, nest: &str) -> Result<(), NestError> {
    let install = Exec::script(INSTALL)
        .env("PACKAGES", &PACKAGES.join(" "))
        .limit(INSTALL_LIMIT);
    succeed(host, nest, "install the inner engine", &install).await?;
    ensure_restarts(host, nest).await?;
    let ids = Exec::script(SUBORDINATE_IDS).limit(INSTALL_LIMIT);
    succeed(host, nest, "set the subordinate ids", &ids).await
}

/// Makes systemd restart the inner engine whenever it ends.
pub(super) async fn ensure_restarts(host: &Engine, nest: &str) -> Result<(), NestError> {
    let set = Exec::script(RESTARTS).limit(INSTALL_LIMIT);
    succeed(host, nest, "have the inner engine restarted", &set).await
}

/// Creates the inner bridge, pool and profile.
pub(super) async fn prepare(nest: &Nest, copy_on_write: bool) -> Result<(), NestError> {
    let engine = &nest.engine;
    if engine.network(BRIDGE).await?.is_none() {
        engine
            .create_bridge(BRIDGE, &bridge_config(nest.subnet))
            .await?;
    }
    if engine.pool(POOL).await?.is_none() {
        let (driver, settings) = if copy_on_write {
            ("btrfs", config([("source", POOL_FOLDER)]))
        } else {
            ("dir", Config::new())
        };
        engine.create_pool(POOL, driver, &settings).await?;
    }
    let root = config([("type", "disk"), ("path", "/"), ("pool", POOL)]);
    let eth0 = config([("type", "nic"), ("name", "eth0"), ("network", BRIDGE)]);
    let devices = Devices::from([("root".to_owned(), root), ("eth0".to_owned(), eth0)]);
    engine.set_default_profile(&devices).await?;
    Ok(())
}

/// The device that gives a child its fixed address. Its hardware address is derived from
/// that, so a child that reuses an address is reachable at once; otherwise the nest would
/// look for the previous hardware address for some 20 s.
pub(super) fn child_nic(address: std::net::Ipv4Addr) -> Config {
    let [_, b, c, d] = address.octets();
    config([
        ("type", "nic"),
        ("name", "eth0"),
        ("network", BRIDGE),
        ("ipv4.address", &address.to_string()),
        ("hwaddr", &format!("00:16:3e:{b:02x}:{c:02x}:{d:02x}")),
    ])
}
