//! `dbmatrix connect`.

use std::io::Write;
use std::process::Stdio;

use super::args::{ConnectArgs, Place};
use super::reach::{Reached, reach};
use super::{Failure, privilege, prompt};
use crate::event::Verdict;
use crate::server::{RoutedUser, Server};

/// Opens a client on a flavour, or runs one statement.
pub(super) async fn connect(place: &Place, args: &ConnectArgs) -> Result<Verdict, Failure> {
    privilege::become_root()?;
    let Reached { server, .. } = reach(place, &args.flavour, args.nest.as_deref()).await?;
    match installed_client() {
        Some(client) => run_client(client, &server, args.execute.as_deref()),
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
fn run_client(client: &str, server: &Server, execute: Option<&str>) -> Result<Verdict, Failure> {
    let mut file = tempfile::NamedTempFile::new().map_err(Failure::not_provided)?;
    let text = format!(
        "[client]\nhost={}\nport={}\nuser={}\npassword=\"{}\"\nloose-ssl-verify-server-cert=0\n",
        server.address().ip(),
        server.address().port(),
        RoutedUser::NAME,
        server.password().reveal()
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
