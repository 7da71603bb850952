//! The server's own client programs in its container: how they log in, and how they are
//! found.

use dbmatrix_containers::nest::{Child, UserLogin};
use dbmatrix_engine::{Exec, FileMode};

use super::error::StepError;

/// Where clients find their login.
const OPTIONS: &str = "/etc/mysql/dbmatrix-client.cnf";

/// Finds the first program of `$PROGRAMS`, on the path or in a tarball, as `$program`.
const FIND: &str = r#"
PATH="$PATH:/opt/dbmatrix/base/bin"
program=
for name in $PROGRAMS; do
    if command -v "$name" > /dev/null; then program=$name; break; fi
done
if [ -z "$program" ]; then
    echo "the container has none of: $PROGRAMS" >&2
    echo 'add a client to the packages of its tarball, such as packages = ["mariadb-client"]' >&2
    exit 1
fi
# Runs it with these arguments in place of the shell.
become() { exec "$program" --defaults-extra-file="$OPTIONS" "$@"; }
"#;

/// Lets the clients of a container log in to its server as root, over TCP: a server may
/// authenticate its socket in another way. A client that checks certificates by default
/// (MariaDB since 11.4) cannot check one that is for no name.
pub(super) async fn write_options(child: &Child) -> Result<(), StepError> {
    let text = format!(
        "[client]\nprotocol = tcp\nhost = {}\nport = 3306\nuser = {}\npassword = \"{}\"\n\
         loose-skip-ssl-verify-server-cert\n",
        child.address,
        UserLogin::USER,
        child.credentials.login.password.reveal(),
    );
    child.engine.push_folder(&child.name, "/etc/mysql").await?;
    let engine = &child.engine;
    engine
        .push(&child.name, OPTIONS, FileMode::Private, &text)
        .await?;
    Ok(())
}

/// A script in which `$program` is the first of these programs that is there, `become`
/// logs in with it, and `$0` is no argument of the script's.
pub(super) fn client_script(programs: &[&str], script: &str) -> Exec {
    Exec::script(&format!("{FIND}{script}"))
        .arg("upgrade")
        .env("PROGRAMS", &programs.join(" "))
        .env("OPTIONS", OPTIONS)
        .env("LC_ALL", "C.UTF-8")
}
