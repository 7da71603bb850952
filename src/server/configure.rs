//! Settings: the routed address, no name look-ups, the matrix's own.

use super::spec::{Installation, RoutedUser, ServerSpec};
use super::{ServerError, succeed, tarball};
use crate::engine::{Exec, FileMode};
use crate::nest::Child;

/// Statements that make the routed user at each start.
const INIT_FILE: &str = "/etc/mysql/dbmatrix-init.sql";

const PROTECT: &str = r#"
chown root:mysql "$INIT_FILE"
chmod 0640 "$INIT_FILE"
"#;

/// Writes the server's settings and the routed user's statements.
///
/// # Errors
/// As the engine's; a server that does not know a setting says so at its start.
pub async fn configure(
    child: &Child,
    spec: &ServerSpec,
    user: &RoutedUser,
) -> Result<(), ServerError> {
    let engine = &child.engine;
    engine.push_folder(&child.name, "/etc/mysql").await?;
    let statements = user.statements(spec.family, spec.version);
    engine
        .push(&child.name, INIT_FILE, FileMode::Private, &statements)
        .await?;
    let protect = Exec::script(PROTECT).env("INIT_FILE", INIT_FILE);
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
    let text = settings_file(child, &base, &spec.settings);
    engine
        .push(&child.name, &path, FileMode::Public, &text)
        .await?;
    Ok(())
}

fn settings_file(child: &Child, base: &str, settings: &[(String, String)]) -> String {
    let mut text = format!(
        "# Written by dbmatrix.\n[mysqld]\n{base}bind-address = {}\ninit-file = {INIT_FILE}\n",
        child.address
    );
    // MySQL heeds a later `= OFF` only in what it shows of it.
    let is_said = |(name, _): &(String, String)| name.replace('_', "-") == "skip-name-resolve";
    if !settings.iter().any(is_said) {
        text.push_str("skip-name-resolve\n");
    }
    for (name, value) in settings {
        text.push_str(&format!("{name} = {}\n", quoted(value)));
    }
    text
}

/// A value as an option file wants it: in quotes where blanks, quotes or a `#`
/// would be read otherwise (MySQL manual, "Using Option Files").
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
