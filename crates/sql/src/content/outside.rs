//! What users make in the system database: functions of libraries, servers that tables
//! point to, and time zones. No dump of the users' databases has them.

use super::catalog::Catalog;
use super::object::{Object, ObjectKind, ObjectName, Property};
use super::{Content, ContentError};

/// The name under which the time zones are compared.
pub(super) const TIME_ZONES: &str = "named time zones";

pub(super) async fn read_outside(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let functions = "SELECT name, ret, dl, type FROM mysql.func";
    for row in catalog.system_rows(functions).await? {
        let Ok([name, result, library, form]) = <[String; 4]>::try_from(row) else {
            continue;
        };
        let mut object = Object::default();
        object.note("result", Property::exact(&result));
        object.note("library", Property::exact(&library));
        object.note("type", Property::exact(&form));
        let name = ObjectName::new(ObjectKind::LoadableFunction, &name, "");
        content.objects.insert(name, object);
    }
    let servers =
        "SELECT Server_name, Wrapper, Host, Port, Db, Username, Password FROM mysql.servers";
    for row in catalog.system_rows(servers).await? {
        let Ok([name, wrapper, host, port, database, user, password]) =
            <[String; 7]>::try_from(row)
        else {
            continue;
        };
        let mut object = Object::default();
        object.note("wrapper", Property::exact(&wrapper));
        object.note("host", Property::exact(&host));
        object.note("port", Property::exact(&port));
        object.note("database", Property::exact(&database));
        object.note("user", Property::exact(&user));
        if !password.is_empty() {
            object.note("password", Property::with_plain("a password", password));
        }
        let name = ObjectName::new(ObjectKind::Server, &name, "");
        content.objects.insert(name, object);
    }
    // Their number is that of the system which they were loaded from.
    let zones = catalog
        .system_rows("SELECT 1 FROM mysql.time_zone_name LIMIT 1")
        .await?;
    let zones = match zones.is_empty() {
        true => "none",
        false => "loaded",
    };
    let settings = &mut content.settings;
    settings.insert(TIME_ZONES.to_owned(), zones.to_owned());
    Ok(())
}
