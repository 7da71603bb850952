//! Settings: the routed user, no name lookups, a small memory profile, and the matrix's
//! own settings.

use dbmatrix_containers::nest::{Child, ChildAccess, ChildFile};
use dbmatrix_engine::{Exec, FileMode};
use dbmatrix_sql::session::Secret;
use dbmatrix_sql::version::Identity;

use super::spec::{Installation, LoginSpec, MemoryProfile, RoutedUser, ServerSpec};
use super::{ServerError, memory_profile, succeed, tarball, tls};

/// Statements that create the routed user at each start.
pub const ACCESS_FILE: &str = "/etc/mysql/dbmatrix-init.sql";

const PROTECT: &str = r#"
chown root:mysql "$INIT_FILE"
chmod 0640 "$INIT_FILE"
"#;

/// Debian's packages set a collation, which refuses every other character set at the start.
const FOLLOW_CHARACTER_SET: &str = r#"
find /etc/mysql/ -type f -name '*.cnf' -exec \
    sed -i -E 's/^[[:space:]]*collation[-_]server/# dbmatrix: &/' {} +
"#;

/// Writes the server's settings and the routed user's statements.
///
/// # Errors
/// As of the engine; a server that does not know a setting fails at its start.
pub async fn configure(
    child: &Child,
    spec: &ServerSpec,
    user: &RoutedUser,
) -> Result<(), ServerError> {
    let engine = &child.engine;
    engine.push_folder(&child.name, "/etc/mysql").await?;
    let statements = access_statements(spec, user);
    engine
        .push(&child.name, ACCESS_FILE, FileMode::Private, &statements)
        .await?;
    let protect = Exec::script(PROTECT).env("INIT_FILE", ACCESS_FILE);
    succeed(
        child,
        "let only the server read the routed user's password",
        protect,
    )
    .await?;
    let (path, base) = match &spec.installation {
        Installation::Packages(packages) => {
            let path = format!(
                "{}/zz-dbmatrix.cnf",
                packages.settings_folder.trim_end_matches('/')
            );
            (path, String::new())
        }
        Installation::Tarball(_) => (
            tarball::SETTINGS.to_owned(),
            tarball::base_settings(child).await?,
        ),
    };
    if follows_character_set(spec) {
        let step = "let the collation follow the character set";
        succeed(child, step, Exec::script(FOLLOW_CHARACTER_SET)).await?;
    }
    let tls = tls::ensure(child, spec).await?;
    let text = settings_file(&base, spec, tls);
    engine
        .push(&child.name, &path, FileMode::Public, &text)
        .await?;
    Ok(())
}

/// Whether the server is to take the usual collation of the character set that is set.
fn follows_character_set(spec: &ServerSpec) -> bool {
    spec.sets("character-set-server") && !spec.sets("collation-server")
}

/// Grants access to a stopped server that was set up elsewhere: it creates the users at
/// its next start.
///
/// # Errors
/// As of the engine.
pub async fn grant_access(
    child: &Child,
    identity: &Identity,
    users: &[RoutedUser],
) -> Result<(), ServerError> {
    let statements: Vec<String> = users
        .iter()
        .map(|user| user.statements(identity.family, identity.version))
        .collect();
    let (engine, text) = (&child.engine, statements.concat());
    // The file exists, and keeps its owner and permissions.
    engine
        .push(&child.name, ACCESS_FILE, FileMode::Private, &text)
        .await?;
    Ok(())
}

/// What distinguishes a copy of a server from its golden child: the routed user.
pub fn access_of(spec: &ServerSpec, user: &RoutedUser) -> ChildAccess {
    let statements = access_statements(spec, user);
    ChildAccess {
        login: user.login.clone(),
        certificates: spec.client_certificates(),
        file: ChildFile {
            path: ACCESS_FILE,
            content: Secret::new(&statements),
        },
    }
}

/// Statements that create the routed user at each start. Each member of a flavour has its
/// own, so replicas must not receive the source's.
fn access_statements(spec: &ServerSpec, user: &RoutedUser) -> String {
    let statements = user.statements(spec.family, spec.version);
    match spec.member {
        None => statements,
        Some(member) => format!("{};\n{statements}", member.topology.unreplicated()),
    }
}

/// The part of a server's key that covers these steps.
pub(super) fn recipe(spec: &ServerSpec) -> String {
    let nowhere = std::net::Ipv4Addr::UNSPECIFIED;
    let nobody = RoutedUser::new(nowhere, &LoginSpec::default(), Secret::new(""));
    let mut recipe = [
        PROTECT.to_owned(),
        settings_file("", spec, ""),
        access_statements(spec, &nobody),
    ]
    .concat();
    if follows_character_set(spec) {
        recipe.push_str(FOLLOW_CHARACTER_SET);
    }
    recipe
}

/// Every copy of a golden child has another address, so the server listens on all
/// addresses; only the nest's bridge leads there.
fn settings_file(base: &str, spec: &ServerSpec, tls: &str) -> String {
    let mut text = format!(
        "# Written by dbmatrix.\n[mysqld]\n{base}bind-address = 0.0.0.0\ninit-file = {ACCESS_FILE}\n{tls}"
    );
    // MySQL shows a later `= OFF` but does not apply it.
    if !spec.sets("skip-name-resolve") {
        text.push_str("skip-name-resolve\n");
    }
    if spec.memory_profile == MemoryProfile::Small {
        for (name, value) in memory_profile::settings(spec) {
            text.push_str(&format!("loose-{name} = {value}\n"));
        }
    }
    if let Some(member) = spec.member {
        text.push_str(&member.settings(spec.family, spec.version));
    }
    for (name, value) in &spec.settings {
        text.push_str(&format!("{name} = {}\n", quoted(value)));
    }
    text
}

/// Formats a value for an option file: in quotes if it contains blanks, quotes or a `#`
/// (MySQL manual, "Using Option Files").
fn quoted(value: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !"\\\"'#".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_be_misread_are_quoted() {
        assert_eq!(quoted("ANSI,STRICT_ALL_TABLES"), "ANSI,STRICT_ALL_TABLES");
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(quoted("a # b"), "\"a # b\"");
        assert_eq!(quoted("c:\\n \"x\""), "\"c:\\\\n \\\"x\\\"\"");
    }
}
