//! By `mydumper` and `myloader`, which read and write several tables at a time.
//!
//! Both run in the container that has them, since a `myloader` may not read what a
//! `mydumper` of another release wrote. They reach the other server over the nest's
//! network, with a user of their own.

use dbmatrix_containers::nest::UserLogin;
use dbmatrix_engine::Exec;
use dbmatrix_flavours::server::RoutedUser;
use dbmatrix_sql::content::Content;
use dbmatrix_sql::outcome::Outcome;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::dump::{databases_of, move_accounts};
use super::error::{InStep, StepError, WalkError};
use super::stop::Running;
use super::transfer::Program;

/// Where the files of the dump lie.
const FOLDER: &str = "/var/tmp/dbmatrix-dump";

/// The engine takes a status of 127 for a shell that is missing.
const FIND: &str = "command -v mydumper && command -v myloader || exit 1";

const MISSING: &str = "neither server's container has mydumper and myloader; add them to the \
     packages of one flavour, such as `packages = [\"mariadb-server\", \"mydumper\"]`";

/// A client that checks certificates by default cannot check one that is for no name.
const LOG_IN: &str = r#"
umask 077
options=$(mktemp)
printf '[client]\nuser=%s\npassword=%s\nssl-verify-server-cert=0\n' "$USER_NAME" "$PASSWORD" > "$options"
"#;

const WRITE: &str = r#"
set -- --host "$HOST" --port 3306 --defaults-file "$options" --outputdir "$FOLDER" \
    --regex "$DATABASES" --triggers --events --routines --threads 2 --verbose 1
rm -rf "$FOLDER"
status=0
mydumper "$@" >&2 || status=$?
rm -f "$options"
exit "$status"
"#;

const LOAD: &str = r#"
set -- --host "$HOST" --port 3306 --defaults-file "$options" --directory "$FOLDER" \
    --threads 2 --verbose 1
status=0
myloader "$@" >&2 || status=$?
rm -rf "$FOLDER" "$options"
exit "$status"
"#;

/// Brings databases and accounts from one server to another. Returns what was refused.
pub(super) fn move_by_mydumper<'a>(
    from: &'a Running<'a>,
    to: &'a Running<'a>,
    content: &'a Content,
) -> BoxFuture<'a, Result<Vec<String>, WalkError>> {
    async move {
        let databases = databases_of(content);
        if !databases.is_empty() {
            let home = container_with_programs(from, to).await?;
            admit(home, from).await?;
            admit(home, to).await?;
            let step = format!("dump {} with mydumper", from.stop.name);
            let write = script(WRITE, home, from);
            let write = write.env("DATABASES", &pattern(&databases));
            run(home, write, step).await?;
            let step = format!("load the dump into {} with myloader", to.stop.name);
            run(home, script(LOAD, home, to), step).await?;
        }
        move_accounts(from, to).await
    }
    .boxed()
}

async fn container_with_programs<'r, 'a>(
    from: &'r Running<'a>,
    to: &'r Running<'a>,
) -> Result<&'r Running<'a>, WalkError> {
    let step = "find mydumper";
    let find = Exec::script(FIND);
    for running in [to, from] {
        let child = &running.child;
        let found = child.engine.exec(&child.name, &find).await.in_step(step)?;
        if found.success() {
            return Ok(running);
        }
    }
    Err(StepError::Program(MISSING.to_owned())).in_step(step)
}

/// Lets a container log in to a server. The user is one of those that are no content.
async fn admit(home: &Running<'_>, server: &Running<'_>) -> Result<(), WalkError> {
    let user = RoutedUser {
        address: home.child.address,
        login: UserLogin {
            user: UserLogin::USER.to_owned(),
            password: home.child.credentials.login.password.clone(),
            database: None,
        },
    };
    let step = format!("let mydumper log in to {}", server.stop.name);
    let identity = &server.server.identity;
    let mut session = server.session().await?;
    for statement in user.statements(identity.family, identity.version).lines() {
        let statement = statement.trim_end_matches(';');
        let done = session.run(statement).await.in_step(step.as_str())?;
        if let Outcome::Refused(error) = done {
            let error = Err(StepError::Program(error.to_string())).in_step(step);
            return error.map_err(|error| error.in_container(&server.child.name));
        }
    }
    session.close().await;
    Ok(())
}

fn script(script: &str, home: &Running<'_>, server: &Running<'_>) -> Exec {
    let login = &home.child.credentials.login;
    Exec::script(&format!("{LOG_IN}{script}"))
        .env("LC_ALL", "C.UTF-8")
        .env("HOST", &server.child.address.to_string())
        .env("FOLDER", FOLDER)
        .env("USER_NAME", UserLogin::USER)
        .env("PASSWORD", login.password.reveal())
}

async fn run(home: &Running<'_>, exec: Exec, step: String) -> Result<(), WalkError> {
    let program = Program {
        child: &home.child,
        exec,
    };
    program
        .run_alone(home.stop.step_timeout)
        .await
        .in_step(step)
}

/// A pattern for the tables of these databases, in which every other character than a
/// letter or a digit stands for itself.
fn pattern(databases: &[&str]) -> String {
    let quoted = databases.iter().map(|name| {
        let quote = |c: char| match c.is_alphanumeric() || c == '_' {
            true => c.to_string(),
            false => format!("\\x{{{:x}}}", u32::from(c)),
        };
        name.chars().map(quote).collect::<String>()
    });
    format!("^(?:{})\\.", quoted.collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_of_a_name_stands_for_itself() {
        assert_eq!(pattern(&["shop", "a.b"]), r"^(?:shop|a\x{2e}b)\.");
    }
}
