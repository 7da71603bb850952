//! The time zones of a server's container as statements that fill its tables, made by the
//! server's own program.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::Exec;

use super::install::install_debian_packages;
use super::{ServerError, succeed};

/// Where the statements are written in the container.
pub(crate) const FILE: &str = "/tmp/dbmatrix-time-zones.sql";

/// Beside a server from a tarball, `/usr/bin` may have the program of another one, whose
/// statements it does not understand. `posix` and `right` have all zones again, and are no
/// longer in every release of Debian.
const WRITE: &str = r#"
[ -e /usr/share/zoneinfo/UTC ] || exit 4
folder=/usr/bin
if [ -e /opt/dbmatrix/base ]; then folder=/opt/dbmatrix/base/bin; fi
export LD_LIBRARY_PATH=/opt/dbmatrix/base:/opt/dbmatrix/base/lib
tool=
for name in mysql_tzinfo_to_sql mariadb-tzinfo-to-sql; do
    if [ -x "$folder/$name" ]; then tool=$folder/$name; fi
done
[ -n "$tool" ] || exit 3
zones=$(mktemp -d)
cp -R /usr/share/zoneinfo/. "$zones"
rm -rf "$zones/posix" "$zones/right"
"$tool" "$zones" > "$FILE" 2> /dev/null
rm -r "$zones"
"#;
const NO_TOOL: i64 = 3;
const NO_ZONES: i64 = 4;

/// Writes the statements to [`FILE`]; returns whether the server has a program for it.
///
/// # Errors
/// As of the engine; if the container has no time zones and cannot install them.
pub(crate) async fn write_time_zones(child: &Child) -> Result<bool, ServerError> {
    let write = || Exec::script(WRITE).env("FILE", FILE);
    let mut output = child.engine.exec(&child.name, &write()).await?;
    if output.status == NO_ZONES {
        install_debian_packages(child, &["tzdata".to_owned()]).await?;
        output = child.engine.exec(&child.name, &write()).await?;
    }
    match output.status {
        0 => Ok(true),
        NO_TOOL => Ok(false),
        _ => Err(ServerError::Step {
            step: "read the time zones",
            output: output.tail(5),
        }),
    }
}

/// Removes the statements.
///
/// # Errors
/// As of the engine.
pub(crate) async fn remove_time_zones(child: &Child) -> Result<(), ServerError> {
    let remove = Exec::new("rm", ["-f", FILE]);
    succeed(child, "remove the statements of time zones", remove).await?;
    Ok(())
}

/// The texts by which time zones are written.
pub(super) fn recipe() -> String {
    WRITE.to_owned()
}
