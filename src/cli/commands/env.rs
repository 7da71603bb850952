//! `dbmatrix env`.

use dbmatrix_flavours::server::ensure_socket;
use dbmatrix_report::event::Verdict;
use dbmatrix_run::environment;

use crate::app::connect_flavour::reach;
use crate::app::{Failure, Globals, eprintln, privilege, say};
use crate::cli::args::UrlArgs;
use crate::cli::commands::nest_of;
use crate::cli::commands::url::ensure_lasting;

/// Prints shell exports for a flavour.
pub(crate) async fn env(global: &Globals, args: &UrlArgs) -> Result<Verdict, Failure> {
    let nest = nest_of(&args.within, &[&args.flavour])?;
    privilege::ensure_engine_access(global).await?;
    let reached = reach(global, &args.flavour, nest.as_deref()).await?;
    ensure_lasting(&reached)?;
    let database = args.database.as_ref().or(reached.server.database.as_ref());
    let all = environment(
        &reached.server,
        &reached.flavour,
        database.map(String::as_str),
    );
    for (name, value) in all {
        export(name, &value);
    }
    if let Some(found) = &reached.located {
        for (name, path) in found.child.certificates.present().variables() {
            export(name, &path.display().to_string());
        }
        match ensure_socket(&found.nest, &found.child).await {
            Ok(socket) => export("MYSQL_UNIX_PORT", &socket.display().to_string()),
            Err(error) => eprintln!("warning: `MYSQL_UNIX_PORT` is left out: {error}"),
        }
    }
    Ok(Verdict::Passed)
}

fn export(name: &str, value: &str) {
    say(format_args!("export {name}={}", quoted(value)));
}

/// Quotes a word for a POSIX shell, so that nothing in it is expanded.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_meant() {
        for text in ["plain", "", "a b", "it's", "$HOME `id` \\ \"x\"", "a\nb'"] {
            let script = format!("printf %s {}", quoted(text));
            let mut shell = std::process::Command::new("sh");
            let read = shell.args(["-c", &script]).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&read.stdout), text);
        }
    }
}
