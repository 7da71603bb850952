#!/bin/bash
# What dbmatrix does cold, done by hand: one plain command after the other, as
# somebody would type them who follows a tutorial. `cargo bench --bench matrix --
# cold` times it beside dbmatrix.
#
#   benches/by-hand.sh lxc      (or incus: the client of the engine that runs)
#
# Needs root, a running engine, mmdebstrap and btrfs-progs. It makes a project, a
# pool and a bridge of its own and removes them at its end, however it ends.
# Lines that begin with `==` say what comes next, for who takes the time.

set -eu -o pipefail

CLIENT=${1:?"expected the engine's client, \`lxc\` or \`incus\`"}
PROJECT=dbmatrix-by-hand
POOL=dbmatrix-by-hand
BRIDGE=byhand0
NEST=nest
# Of the bridge, and of the one in the nest.
GATEWAY=10.197.81.1
INNER=10.197.82.1
SUBNET=${INNER%.*}.0/24
PASSWORD=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')

say() { echo "== $*"; }
host() { "$CLIENT" --project "$PROJECT" "$@"; }
nest() { host exec "$NEST" -- "$@" < /dev/null; }
child() { nest incus exec "$@"; }

remove_all() {
    {
        ip route del "$SUBNET" dev "$BRIDGE"
        host delete --force "$NEST"
        host image delete nest
        host profile device remove default eth0
        host profile device remove default root
        "$CLIENT" storage delete "$POOL"
        "$CLIENT" network delete "$BRIDGE"
        "$CLIENT" project delete "$PROJECT"
        if [ -n "${WORK:-}" ]; then rm -rf "$WORK"; fi
    } > /dev/null 2>&1 < /dev/null || true
}

at_end() {
    status=$?
    trap '' INT TERM HUP
    say "removing all"
    set +e
    remove_all
    exit "$status"
}

# Tries again until a command succeeds, for two minutes.
until_it_works() {
    for _ in $(seq 600); do
        if "$@" > /dev/null 2>&1; then return; fi
        sleep 0.2
    done
    echo "gave up: $*" >&2
    return 1
}

# build SUITE DHCP-CLIENT [mmdebstrap's options]: $WORK/SUITE.tar.gz
build() {
    suite=$1
    dhcp=$2
    shift 2
    mmdebstrap --quiet --variant=minbase \
        --include="systemd,systemd-sysv,dbus,iproute2,ca-certificates,netbase,ifupdown,$dhcp" \
        --customize-hook='printf "auto lo eth0\niface lo inet loopback\niface eth0 inet dhcp\n" > "$1/etc/network/interfaces"' \
        --customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/hostname"' \
        "$@" "$suite" "$WORK/$suite.tar.gz"
    printf 'architecture: x86_64\ncreation_date: %s\nproperties:\n  description: Debian %s\n' \
        "$(date +%s)" "$suite" > "$WORK/metadata.yaml"
    tar -C "$WORK" -cf "$WORK/$suite.metadata.tar" metadata.yaml
}

has_address() { "$@" ip -4 -o address show dev eth0 | grep -q 'inet '; }
address_of() { "$@" ip -4 -o address show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }'; }

# Of an earlier one that was cut.
if "$CLIENT" project show "$PROJECT" > /dev/null 2>&1; then remove_all; fi
for address in "$GATEWAY" "$INNER"; do
    if ip route show table all | grep -qF "${address%.*}."; then
        echo "the subnet of $address is taken on this machine: change it in $0" >&2
        exit 1
    fi
done
WORK=$(mktemp -d)
trap at_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say "image trixie"
build trixie isc-dhcp-client

say "nest"
"$CLIENT" project create "$PROJECT"
"$CLIENT" storage create "$POOL" btrfs size=20GiB
"$CLIENT" network create "$BRIDGE" ipv4.address="$GATEWAY/24" ipv4.nat=true ipv6.address=none
host profile device add default root disk path=/ pool="$POOL"
host profile device add default eth0 nic name=eth0 network="$BRIDGE"
host image import "$WORK/trixie.metadata.tar" "$WORK/trixie.tar.gz" --alias nest
host --quiet launch nest "$NEST" -c security.nesting=true < /dev/null
until_it_works has_address nest
nest sh -c "echo nameserver $GATEWAY > /etc/resolv.conf"

say "engine in the nest"
nest apt-get -qq update
nest env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
    incus-base incus-client dnsmasq-base nftables btrfs-progs > "$WORK/engine.log"
# Ids of children must lie inside those of the nest.
nest sh -c 'echo root:1000000:1000000 | tee /etc/subuid > /etc/subgid'
nest systemctl restart incus
nest incus admin waitready
nest incus network create incusbr0 ipv4.address="$INNER/24" ipv4.nat=true ipv6.address=none
nest incus storage create default btrfs source=/var/lib/incus/storage-pools/default
nest incus profile device add default root disk path=/ pool=default
nest incus profile device add default eth0 nic name=eth0 network=incusbr0

say "route"
NEST_ADDRESS=$(address_of nest)
ip route add "$SUBNET" via "$NEST_ADDRESS" dev "$BRIDGE"

# import SUITE: as an image of the nest
import() {
    host file push --quiet "$WORK/$1.metadata.tar" "$NEST/root/$1.metadata.tar"
    host file push --quiet "$WORK/$1.tar.gz" "$NEST/root/$1.tar.gz"
    nest incus image import "/root/$1.metadata.tar" "/root/$1.tar.gz" --alias "$1"
}

# Whether somebody can log in: from here where there is a client, else there.
answers() {
    address=$(address_of child "$1" --)
    # Nothing is sent unless the way leads through the nest.
    ip route get "$address" | grep -q "via $NEST_ADDRESS dev $BRIDGE" || return 1
    for client in mariadb mysql; do
        if command -v "$client" > /dev/null; then
            MYSQL_PWD=$PASSWORD "$client" --host "$address" --user root --execute 'SELECT 1'
            return
        fi
    done
    child "$1" -- "$2" ping
}

# server CONTAINER SUITE PACKAGE SERVICE SETTINGS CLIENT ADMIN
server() {
    say "$1: container"
    nest incus --quiet launch "$2" "$1"
    until_it_works has_address child "$1" --
    child "$1" -- sh -c "echo nameserver $INNER > /etc/resolv.conf"
    say "$1: installing"
    child "$1" -- apt-get -qq update
    child "$1" -- env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --yes --no-install-recommends "$3" > "$WORK/$1.log"
    say "$1: user and start"
    child "$1" -- sh -c "printf '[mysqld]\nbind-address = 0.0.0.0\n' > $5/zz-by-hand.cnf"
    child "$1" -- systemctl restart "$4"
    child "$1" -- "$6" --execute "CREATE USER root@'$GATEWAY' IDENTIFIED BY '$PASSWORD'; GRANT ALL ON *.* TO root@'$GATEWAY' WITH GRANT OPTION"
    until_it_works answers "$1" "$7"
}

MARIADB="mariadb-server mariadb /etc/mysql/mariadb.conf.d mariadb mariadb-admin"

say "image sid"
build sid dhcpcd-base --aptopt='Acquire::Check-Valid-Until "false"'
import sid
server mysql-9-7 sid mysql-server mysql /etc/mysql/mysql.conf.d mysql mysqladmin

say "image bullseye"
build bullseye isc-dhcp-client
import bullseye
server mariadb-10-5 bullseye $MARIADB

say "image bookworm"
build bookworm isc-dhcp-client
import bookworm
server mariadb-10-11 bookworm $MARIADB

say "image trixie in the nest"
import trixie
server mariadb-11-8 trixie $MARIADB

say "all logged in"
