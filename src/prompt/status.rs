//! The status of a server: the page that the classic client shows.

use std::fmt::Write;
use std::time::Duration;

use dbmatrix_sql::outcome::{Outcome, Row};
use dbmatrix_sql::session::{Connect, SessionError};

use super::session::{Presses, ReplSession};

/// The query about the session.
const SESSION: &str = "SELECT CONNECTION_ID(), DATABASE(), CURRENT_USER(), USER(), @@version, \
    @@version_comment, @@protocol_version, @@character_set_server, @@character_set_database, \
    @@character_set_client, @@character_set_connection, @@port, @@sql_mode, @@autocommit";
/// The queries about the server, with their labels.
const COUNTERS: [(&str, &str); 5] = [
    ("Threads_connected", "Threads"),
    ("Questions", "Questions"),
    ("Slow_queries", "Slow queries"),
    ("Opened_tables", "Opens"),
    ("Open_tables", "Open tables"),
];

/// Writes the page.
pub(super) async fn page<S: Connect>(
    repl_session: &mut ReplSession<S>,
    presses: &mut Presses,
) -> Result<String, SessionError> {
    let session = repl_session
        .send(&SESSION.into(), false, presses)
        .await?
        .outcome;
    let cipher = "SHOW STATUS LIKE 'Ssl_cipher'";
    let cipher = repl_session
        .send(&cipher.into(), false, presses)
        .await?
        .outcome;
    let counters = "SHOW GLOBAL STATUS";
    let counters = repl_session
        .send(&counters.into(), false, presses)
        .await?
        .outcome;
    if let Some(refusal) = session.refusal().or(counters.refusal()) {
        return Ok(format!("{refusal}\n"));
    }
    let values = first_row(&session);
    let value = |at: usize| values.get(at).cloned().flatten().unwrap_or_default();
    let counter = |name: &str| counter(&counters, name);
    let tls = match first_row(&cipher).into_iter().nth(1).flatten() {
        Some(cipher) if !cipher.is_empty() => format!("cipher in use is {cipher}"),
        _ => "not in use".to_owned(),
    };
    let lines = [
        ("Flavour", repl_session.name.clone()),
        ("Connection id", value(0)),
        ("Current database", value(1)),
        ("Current user", value(2)),
        ("User as given", value(3)),
        ("SSL", tls),
        ("Server version", format!("{} {}", value(4), value(5))),
        ("Protocol version", value(6)),
        ("Server characterset", value(7)),
        ("Db characterset", value(8)),
        ("Client characterset", value(9)),
        ("Conn. characterset", value(10)),
        ("TCP port", value(11)),
        ("SQL mode", value(12)),
        ("Autocommit", value(13)),
        ("Uptime", uptime(&counter("Uptime"))),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{:<21}{value}", format!("{name}:"));
    }
    let counted = COUNTERS.iter();
    let counted = counted.map(|(name, title)| format!("{title}: {}", counter(name)));
    let _ = writeln!(text, "\n{}", counted.collect::<Vec<_>>().join("  "));
    Ok(text)
}

fn first_row(outcome: &Outcome) -> Vec<Option<String>> {
    let row = outcome.rows().and_then(|set| set.rows.iter().next());
    row.map(Row::texts).unwrap_or_default()
}

fn counter(outcome: &Outcome, name: &str) -> String {
    let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
    let mut pairs = rows.map(Row::texts);
    let named =
        |row: &Vec<Option<String>>| row.first().is_some_and(|key| key.as_deref() == Some(name));
    let found = pairs.find(named);
    found
        .and_then(|row| row.into_iter().nth(1).flatten())
        .unwrap_or_default()
}

fn uptime(seconds: &str) -> String {
    let seconds = seconds.parse().map(Duration::from_secs);
    seconds.map_or_else(
        |_| String::new(),
        |time| humantime::format_duration(time).to_string(),
    )
}
