//! Reduces what a server's container does at each start, since it runs only one service.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, FileMode};

use super::spec::{Durability, ServerSpec};
use super::{ServerError, succeed};

/// Units for a whole machine. A container has no modules, devices, kernel settings,
/// consoles, seats or logins to manage, and it has its address before the first of them
/// would run.
const NOT_NEEDED: &str = "
    dbus.service dbus.socket systemd-logind.service systemd-logind-varlink.socket
    systemd-user-sessions.service getty.target console-getty.service
    systemd-ask-password-console.path systemd-ask-password-wall.path
    modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service
    modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service
    systemd-modules-load.service systemd-sysctl.service systemd-binfmt.service
    systemd-tmpfiles-setup.service
    systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup-dev-early.service
    kmod-static-nodes.service systemd-udevd.service systemd-udev-trigger.service
    systemd-hwdb-update.service systemd-random-seed.service systemd-pstore.service
    systemd-remount-fs.service systemd-machine-id-commit.service
    systemd-firstboot.service systemd-sysusers.service ldconfig.service
    systemd-journal-catalog-update.service systemd-update-done.service
    systemd-update-utmp.service systemd-update-utmp-runlevel.service
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount
    sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount
    proc-sys-fs-binfmt_misc.automount
    networking.service systemd-networkd.service systemd-networkd.socket
    systemd-networkd-wait-online.service systemd-network-generator.service
    systemd-resolved.service
    systemd-initctl.socket systemd-journald-audit.socket systemd-journalctl.socket
    systemd-sysext.socket systemd-creds.socket systemd-factory-reset.socket
    systemd-hostnamed.socket systemd-mute-console.socket systemd-pcrextend.socket
    systemd-pcrlock.socket systemd-bootctl.socket systemd-sysinstall.socket
    e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer
    dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-tmpfiles-clean.timer
";

/// Generators look for disks, consoles and the like. The one for SysV services stays if
/// the server is such a service.
const SETTLE: &str = r#"
for unit in $NOT_NEEDED; do ln -sfn /dev/null "/etc/systemd/system/$unit"; done
mkdir -p /etc/systemd/system-generators
case "$(systemctl show --property FragmentPath "$SERVICE")" in
    FragmentPath=/run/* | FragmentPath=) keep=systemd-sysv-generator ;;
    *) keep= ;;
esac
for generator in /usr/lib/systemd/system-generators/* /lib/systemd/system-generators/*; do
    case "$generator" in
        *'*' | */"$keep") ;;
        *) ln -sfn /dev/null "/etc/systemd/system-generators/${generator##*/}" ;;
    esac
done
systemctl --quiet set-default multi-user.target
if [ "$DURABILITY" = relaxed ] && ! ls /usr/lib/*/libeatmydata.so > /dev/null 2>&1; then
    echo 'durability = "relaxed" needs the package `eatmydata` in the image'
    exit 1
fi
systemctl daemon-reload
systemctl --quiet enable "$SERVICE"
"#;

/// The data folder exists, so nothing needs preparation before the server's start, and no
/// table needs a check after it. The start does not wait for the basic system: its log
/// messages wait in the journal's socket.
const UNIT: &str = "\
[Unit]
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
After=local-fs.target
[Service]
ExecStartPre=
ExecStartPost=
RuntimeDirectory=mysqld
RuntimeDirectoryMode=0755
";
/// Turns all flushes into no-ops (libeatmydata(3)).
const RELAXED: &str = "Environment=LD_PRELOAD=libeatmydata.so\n";

/// Removes what would slow down the server's next starts.
///
/// # Errors
/// As of the engine; if `durability = "relaxed"` is not available.
pub async fn settle(child: &Child, spec: &ServerSpec) -> Result<(), ServerError> {
    let engine = &child.engine;
    let service = spec.installation.service();
    let folder = format!("/etc/systemd/system/{service}.service.d");
    engine.push_folder(&child.name, &folder).await?;
    let (relaxed, word) = match spec.durability {
        Durability::Strict => ("", "strict"),
        Durability::Relaxed => (RELAXED, "relaxed"),
    };
    let path = format!("{folder}/zz-dbmatrix.conf");
    let text = format!("{UNIT}{relaxed}");
    engine
        .push(&child.name, &path, FileMode::Public, &text)
        .await?;
    let script = Exec::script(SETTLE)
        .env("NOT_NEEDED", NOT_NEEDED)
        .env("DURABILITY", word)
        .env("SERVICE", service);
    succeed(child, "prepare quick starts", script).await?;
    Ok(())
}

/// Prints the unit whose settings [`settle`] has written.
const UNIT_OF: &str = r#"
for file in /etc/systemd/system/*.service.d/zz-dbmatrix.conf; do
    if [ -e "$file" ]; then
        unit=${file%.service.d/*}
        echo "${unit##*/}"
        exit 0
    fi
done
echo 'no unit of a server is known'
exit 1
"#;

/// The systemd unit of a child's server.
///
/// # Errors
/// As of the engine; if the child is not a copy of a golden one.
pub(super) async fn unit_of(child: &Child) -> Result<String, ServerError> {
    let output = succeed(child, "find the server's unit", Exec::script(UNIT_OF)).await?;
    Ok(output.stdout.trim().to_owned())
}

/// The texts of everything that [`settle`] does, for the keys of golden children.
pub(super) fn recipe() -> String {
    [NOT_NEEDED, SETTLE, UNIT, RELAXED].concat()
}
