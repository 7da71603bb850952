//! `dbmatrix connect`.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use super::args::{ConnectArgs, Place};
use super::{Failure, privilege, prompt};
use crate::event::Verdict;
use crate::host::{Names, Survey, survey};
use crate::nest::{Found, find_flavour};
use crate::route::Routes;
use crate::server::{Login, RoutedUser, Server, log_in};

/// Opens a client on a flavour, or runs one statement.
pub(super) async fn connect(place: &Place, args: &ConnectArgs) -> Result<Verdict, Failure> {
    privilege::become_root()?;
    let found = survey(&place.engine()).await;
    let Survey::Running(engine) = &found else {
        return Err(Failure::not_provided(format!(
            "{found}; `dbmatrix up MATRIX` brings flavours up"
        )));
    };
    let names = Names::of(&place.project);
    let found = find_flavour(engine, &names, &args.flavour, args.nest.as_deref()).await;
    let Found { nest, address } = found.map_err(Failure::not_provided)?;
    let routes = Routes::open().map_err(Failure::not_provided)?;
    let ensured = routes.ensure(nest.subnet, nest.address, &nest.bridge).await;
    ensured.map_err(Failure::not_provided)?;
    let guard = nest.guard();
    let user = RoutedUser {
        address: guard.check(address).await.map_err(Failure::not_provided)?,
        password: nest.password.clone(),
    };
    let login = Login {
        address,
        user: &user,
        guard: &guard,
        limit: Duration::from_secs(60),
    };
    let server = log_in(&login).await.map_err(Failure::not_provided)?;
    match installed_client() {
        Some(client) => run_client(client, &server, &user, args.execute.as_deref()),
        None => prompt::run(&server, &args.flavour, args.execute.as_deref()).await,
    }
}

/// The classic client, by either of its names.
fn installed_client() -> Option<&'static str> {
    let runs = |name: &&str| {
        let mut probe = std::process::Command::new(name);
        probe
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    ["mysql", "mariadb"].into_iter().find(runs)
}

/// The password goes by a file that only this user can read: a command line
/// can be read by all.
fn run_client(
    client: &str,
    server: &Server,
    user: &RoutedUser,
    execute: Option<&str>,
) -> Result<Verdict, Failure> {
    let mut file = tempfile::NamedTempFile::new().map_err(Failure::not_provided)?;
    let text = format!(
        "[client]\nhost={}\nport={}\nuser={}\npassword=\"{}\"\nloose-ssl-verify-server-cert=0\n",
        server.address().ip(),
        server.address().port(),
        RoutedUser::NAME,
        user.password.reveal()
    );
    file.write_all(text.as_bytes())
        .map_err(Failure::not_provided)?;
    let mut command = std::process::Command::new(client);
    command.arg(format!("--defaults-file={}", file.path().display()));
    if let Some(sql) = execute {
        command.arg("--execute").arg(sql);
    }
    let status = command.status().map_err(Failure::not_provided)?;
    Ok(if status.success() {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}
