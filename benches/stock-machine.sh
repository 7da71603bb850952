#!/bin/bash
# dbmatrix from nothing on a stock Debian machine: its own kernel, systemd, AppArmor, one
# cgroup2 tree with all controllers. QEMU emulates the machine, so neither /dev/kvm nor a
# spare computer is needed; everything in it takes 15 times as long, and more where others
# use this machine too.
#
#   benches/stock-machine.sh target/debug/dbmatrix [FOLDER]
#
# Needs root, mmdebstrap, e2fsprogs and 8 GB of memory. FOLDER keeps QEMU and the machine's
# disk for the next time; without it they go in the end. Variables:
#   SUITE=trixie       the machine's Debian
#   FLAVOURS=…         servers of the matrix, by default mariadb:10.11 and mariadb:11.8
#   LIMIT=3h           when the machine is switched off at the latest
#
# The machine works through a script by itself and switches itself off; what the script
# writes appears here, and a table of its steps at the end. The exit status is 1 unless all
# of them did what was expected.

set -eu -o pipefail

PROGRAM=$(realpath "${1:?expected the program, such as target/debug/dbmatrix}")
SUITE=${SUITE:-trixie}
FLAVOURS=${FLAVOURS:-mariadb:10.11 mariadb:11.8}
LIMIT=${LIMIT:-3h}

say() { echo "== $*"; }

if [ $# -gt 1 ]; then
    mkdir -p "$2"
    FOLDER=$(realpath "$2")
else
    FOLDER=$(mktemp -d /var/tmp/dbmatrix-machine.XXXXXX)
fi
GIVEN=${2:-}
# What QEMU sees: it runs in a root file system of its own, and this machine gets no package.
QEMU=$FOLDER/qemu
DISK=$QEMU/machine/$SUITE.disk

at_end() {
    status=$?
    trap '' INT TERM HUP
    if [ -n "${MACHINE:-}" ]; then kill "$MACHINE" 2> /dev/null || true; fi
    rm -rf "$FOLDER/root" "$FOLDER/parcel" "$QEMU/machine/parcel.tar" "$QEMU/machine/report"
    if [ -z "$GIVEN" ]; then rm -rf "$FOLDER"; fi
    exit "$status"
}
trap at_end EXIT
trap 'exit 1' INT TERM HUP

# The archive that apt of this machine uses, and what it thinks of old lists.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 -E '/debian/?$'
}
dates() { apt-config dump Acquire::Check-Valid-Until; }

# bootstrap SUITE TARGET mmdebstrap's-options…
bootstrap() {
    suite=$1
    target=$2
    shift 2
    mmdebstrap --quiet --mode=root --aptopt='APT::Install-Recommends "false"' \
        --aptopt="$(dates)" "$@" "$suite" "$target" "$(mirror)"
}

emulator() {
    if [ -x "$QEMU/usr/bin/qemu-system-x86_64" ]; then return; fi
    say "QEMU"
    bootstrap trixie "$QEMU" --variant=apt --include=qemu-system-x86
    mkdir -p "$QEMU/machine"
}

# The machine's disk: Debian's standard system, a user with sudo, and a unit that unpacks
# the second disk, which is a tar file, and runs what is in it.
disk() {
    if [ -f "$DISK" ]; then return; fi
    say "disk of Debian $SUITE"
    rm -rf "$FOLDER/root"
    mkdir "$FOLDER/root"
    bootstrap "$SUITE" "$FOLDER/root.tar" --variant=important \
        --include=linux-image-amd64,systemd-sysv,libpam-systemd,dbus,apparmor,ca-certificates,sudo,isc-dhcp-client,zstd
    tar -C "$FOLDER/root" --numeric-owner --xattrs --xattrs-include='*' -xf "$FOLDER/root.tar"
    rm "$FOLDER/root.tar"
    (
        cd "$FOLDER/root"
        echo stock > etc/hostname
        printf '127.0.0.1 localhost\n127.0.1.1 stock\n' > etc/hosts
        echo '/dev/vda / ext4 defaults 0 1' > etc/fstab
        printf 'auto lo eth0\niface lo inet loopback\niface eth0 inet dhcp\n' > etc/network/interfaces
        chroot . useradd --create-home --shell /bin/bash --groups sudo somebody
        echo 'somebody ALL=(ALL) NOPASSWD: ALL' > etc/sudoers.d/somebody
        chmod 440 etc/sudoers.d/somebody
        cat > etc/systemd/system/parcel.service << 'UNIT'
[Unit]
Description=What the second disk brings
After=multi-user.target network-online.target
Wants=network-online.target
SuccessAction=poweroff
FailureAction=poweroff

[Service]
ExecStart=/bin/bash -c 'mkdir /parcel && tar -C /parcel -xf /dev/vdb && exec /bin/bash /parcel/trial.sh > /dev/ttyS1 2>&1'

[Install]
WantedBy=multi-user.target
UNIT
        chroot . systemctl --quiet enable parcel.service
    )
    cp "$FOLDER"/root/boot/vmlinuz-* "$QEMU/machine/$SUITE.kernel"
    cp "$FOLDER"/root/boot/initrd.img-* "$QEMU/machine/$SUITE.initrd"
    truncate --size=24G "$DISK.new"
    mke2fs -q -t ext4 -d "$FOLDER/root" "$DISK.new"
    mv "$DISK.new" "$DISK"
    rm -rf "$FOLDER/root"
}

# matrix CPUS MEMORY
matrix() {
    printf '[nest]\nname = "stock"\ncpus = %s\nmemory = "%s"\n\n' "$1" "$2"
    printf '[[image]]\nname = "debian:sid"\ncheck-valid-until = false\n\n'
    for flavour in $FLAVOURS; do printf '[[flavour]]\nserver = "%s"\n\n' "$flavour"; done
    printf '[[suite]]\nname = "one"\nfiles = ["one.slt"]\n'
}

# The script of the machine. `step NAME STATUS COMMAND…` notes how a command of the user
# ended, and how long it took.
parcel() {
    rm -rf "$FOLDER/parcel"
    mkdir "$FOLDER/parcel"
    cp "$PROGRAM" "$FOLDER/parcel/dbmatrix"
    matrix 2 3GiB > "$FOLDER/parcel/first.toml"
    matrix 1 2GiB > "$FOLDER/parcel/changed.toml"
    printf 'query I\nSELECT 6 * 7\n----\n42\n' > "$FOLDER/parcel/one.slt"
    cat > "$FOLDER/parcel/trial.sh" << 'TRIAL'
set -o pipefail
stty -F /dev/ttyS1 -onlcr
# Not at a terminal: a serial line has no width.
as_somebody() { runuser --login somebody --command "cd /home/somebody && $*" 2>&1 | cat; }
step() {
    name=$1 expected=$2
    shift 2
    echo "\$ $*"
    begun=$(date +%s)
    found=0
    as_somebody "$@" || found=$?
    echo "@$name|$(($(date +%s) - begun)) s|$found|$expected"
}
# fact NAME EXPECTED COMMAND…: what root sees.
fact() {
    name=$1 expected=$2
    shift 2
    found=$("$@" 2>&1 | tr '\n' ' ')
    echo "@$name||${found% }|$expected"
}
# What the machine has that a run could leave.
left() {
    echo "$(ip -o link show type bridge | wc -l) bridges," \
        "$(ip -4 route | wc -l) routes," \
        "$(losetup --list --noheadings | wc -l) loop devices," \
        "$(find /var/lib/incus/disks /var/lib/incus/containers /run/dbmatrix -mindepth 1 2> /dev/null | wc -l) files," \
        "$(pgrep -c dbmatrix) processes"
}
nest() { incus --project dbmatrix exec stock -- "$@" < /dev/null; }
# How many of the nest's containers may nest.
nesting() {
    INCUS_SOCKET=$(find /run/dbmatrix -type s | head -n 1)
    export INCUS_SOCKET
    for name in $(incus list --format csv --columns n); do
        incus config get "$name" security.nesting
    done | grep -c true
}

cp /parcel/*.toml /parcel/one.slt /home/somebody
install /parcel/dbmatrix /usr/local/bin/dbmatrix
chown -R somebody: /home/somebody
echo "@machine|boot: $(cut -d. -f1 /proc/uptime) s|$(. /etc/os-release; echo "$PRETTY_NAME"), $(uname -r)|"
fact 'control groups' cgroup2fs stat --file-system --format %T /sys/fs/cgroup
fact AppArmor Yes aa-enabled
fact units running systemctl is-system-running --wait
before=$(left)
step 'run from nothing' 0 dbmatrix run first.toml --yes
apt-get -qq install --yes --no-install-recommends incus-client > /dev/null
# The first call greets.
incus list > /dev/null 2>&1 || true
fact 'engine' '' incus --version
fact 'processors of the nest' 0-1 nest cat /sys/fs/cgroup/cpuset.cpus.effective
fact 'memory of the nest' 3221225472 nest cat /sys/fs/cgroup/memory.max
fact 'containers in it that may nest' 0 nesting
step 'run again' 0 dbmatrix run first.toml
step 'run with other limits' 0 dbmatrix run changed.toml --after keep
fact 'one processor of the nest' 1 nest nproc
fact 'less memory of the nest' 2147483648 nest cat /sys/fs/cgroup/memory.max
step 'list' 0 dbmatrix list
step 'down --all' 0 dbmatrix down --all
fact 'left behind' "$before" left
TRIAL
    tar -C "$FOLDER/parcel" --owner=0 --group=0 -cf "$QEMU/machine/parcel.tar" .
}

# Writes to the first disk go to a temporary file of QEMU's.
machine() {
    say "machine"
    : > "$QEMU/machine/report"
    chroot "$QEMU" /usr/bin/timeout "$LIMIT" /usr/bin/qemu-system-x86_64 \
        -machine q35 -accel tcg,thread=multi,tb-size=1024 -cpu max -smp 2 -m 6G \
        -kernel "/machine/$SUITE.kernel" -initrd "/machine/$SUITE.initrd" \
        -append 'root=/dev/vda rw net.ifnames=0 mitigations=off panic=-1 console=ttyS0' \
        -drive "file=/machine/$SUITE.disk,format=raw,if=virtio,snapshot=on,discard=unmap" \
        -drive 'file=/machine/parcel.tar,format=raw,if=virtio,readonly=on' \
        -nic user,model=virtio-net-pci -device virtio-rng-pci -no-reboot -display none \
        -serial file:/machine/console.log -serial file:/machine/report -monitor none \
        < /dev/null &
    MACHINE=$!
    tail --follow --lines=+1 --quiet --pid="$MACHINE" "$QEMU/machine/report"
    wait "$MACHINE" || say "the machine was switched off before it had ended"
    MACHINE=
}

# The lines of the report that begin with `@`: name, seconds, what was found and expected.
table() {
    say "what was seen"
    awk -F '|' '
        /^@/ {
            good = ($4 == "" || $3 == $4)
            if (!good) bad++
            printf "%-34s %-14s %s%s\n", substr($1, 2), $2, $3, good ? "" : "  (expected: " $4 ")"
            last = $1
        }
        END { exit bad > 0 || last != "@left behind" }
    ' "$QEMU/machine/report"
}

emulator
disk
parcel
machine
table
