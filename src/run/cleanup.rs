//! What a case leaves on its server, ended before the next case begins.
//!
//! A session that does not end holds its named locks and those of its tables; a
//! prepared XA transaction outlives its session, and so do its locks. Either makes
//! dropping the case's database wait for as long as the server lets it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::database::{PLACEHOLDER, PREFIX};
use super::guest_databases;
use crate::outcome::{Outcome, Value};
use crate::session::{Connect, Session, SessionError, Tenancy};
use crate::sql_text::escape_bytes;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How long sessions may take to end by themselves once they are closed.
const GRACE: Duration = Duration::from_secs(1);
/// Seconds that a statement waits for a table's lock: the server's own limit is a
/// day in MariaDB and a year in MySQL.
const LOCK_WAIT: u32 = 5;
/// Bytes that are kept of the statements that may prepare an XA transaction.
const MOST_XA: usize = 64 << 10;
/// Bytes of a statement in which `XA` is looked for.
const HEAD: usize = 1 << 10;
/// Things left that are reported one by one.
const MOST_TOLD: usize = 10;
/// Letters of a statement or of an XA transaction's name that are shown.
const SHOWN: usize = 80;

/// How long a server may have no room for another session.
const ROOM: Duration = Duration::from_secs(5);
/// `ER_CON_COUNT_ERROR`, `ER_TOO_MANY_USER_CONNECTIONS`.
const FULL: [u16; 2] = [1040, 1203];
/// `ER_XAER_NOTA`: there is no such transaction, or a live session has it.
const UNKNOWN_XA: u16 = 1397;
/// `ER_XA_RBROLLBACK`, `ER_XA_RBTIMEOUT`, `ER_XA_RBDEADLOCK`: it is rolled back.
const ROLLED_BACK: [u16; 3] = [1402, 1613, 1614];
/// `ER_LOCK_WAIT_TIMEOUT`.
const LOCK_WAIT_OVER: u16 = 1205;
/// `ER_NO_SUCH_THREAD`: the session has just ended by itself.
const UNKNOWN_SESSION: u16 = 1094;

/// What a case did that may leave something behind.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// The server's numbers of its sessions.
    sessions: Vec<u32>,
    /// Its statements about XA transactions, the first of them.
    xa: Vec<u8>,
}

impl Traces {
    pub(super) fn note_session(&mut self, session: &Session) {
        self.sessions.push(session.id());
    }

    pub(super) fn note_statement(&mut self, sql: &[u8]) {
        let speaks_of_xa = {
            let head = &sql[..sql.len().min(HEAD)];
            let mut pairs = memchr::memchr2_iter(b'x', b'X', head);
            pairs.any(|at| is_word(head, at, b"xa"))
        };
        if speaks_of_xa {
            let room = MOST_XA.saturating_sub(self.xa.len());
            self.xa.extend_from_slice(&sql[..sql.len().min(room)]);
            self.xa.push(b'\n');
        }
    }

    /// Whether the case has named both parts of an XA transaction's name, as strings or
    /// in hexadecimal.
    fn has_named(&self, xa: &Prepared) -> bool {
        let lower = self.xa.to_ascii_lowercase();
        let is_there = |part: &[u8]| {
            let quoted = |quote: u8| [&[quote], part, &[quote]].concat();
            let in_quotes = |quote| memchr::memmem::find(&self.xa, &quoted(quote)).is_some();
            in_quotes(b'\'') || in_quotes(b'"') || (!part.is_empty() && has_hex(&lower, part))
        };
        is_there(&xa.global) && (xa.branch.is_empty() || is_there(&xa.branch))
    }
}

/// Whether a text in lower case has bytes in hexadecimal, and no other digit beside.
fn has_hex(text: &[u8], bytes: &[u8]) -> bool {
    let name = hex(bytes);
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let mut found = memchr::memmem::find_iter(text, &name);
    found.any(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        !is_digit(before) && !is_digit(text.get(at + name.len()))
    })
}

/// Whether `word` stands by itself at a place of a text, in whatever case.
fn is_word(text: &[u8], at: usize, word: &[u8]) -> bool {
    let end = at + word.len();
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let is_open = at
        .checked_sub(1)
        .is_none_or(|before| !is_letter(&text[before]));
    is_open
        && text
            .get(at..end)
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
        && !text.get(end).is_some_and(is_letter)
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Cleaned {
    /// What was left and is ended, for people.
    pub(super) left: Vec<String>,
    /// Why the server cannot be trusted to be as before.
    pub(super) dirty: Option<String>,
}

impl Cleaned {
    /// All of it for people, with a common name for the case's database.
    pub(super) fn told(self, database: &str) -> Vec<String> {
        let dirty = self.dirty;
        let dirty = dirty.map(|why| format!("what cannot be undone ({why})"));
        let more = self.left.len().saturating_sub(MOST_TOLD);
        let more = (more > 0).then(|| format!("{more} more of that kind"));
        let left = self.left.into_iter().take(MOST_TOLD);
        let told = left.chain(more).chain(dirty);
        told.map(|text| text.replace(database, PLACEHOLDER))
            .collect()
    }
}

/// Ends what a case has left and drops its database. Of prepared XA transactions
/// that it has not named, none is touched unless the case `is_alone` on the server.
pub(super) async fn clean_up(
    server: &impl Connect,
    database: &str,
    traces: &Traces,
    is_alone: impl Fn() -> bool,
) -> Cleaned {
    match server.tenancy() {
        Tenancy::Owner => {}
        Tenancy::Guest => return clean_up_as_guest(server, database, &traces.sessions).await,
        Tenancy::Reader => return Cleaned::default(),
    }
    let mut left = Vec::new();
    let cleaned = timeout(LIMIT, async {
        let mut cleaner = Cleaner::open(server).await?;
        cleaner
            .end_sessions(database, &traces.sessions, &mut left)
            .await?;
        cleaner.roll_back(traces, &is_alone, &mut left).await?;
        cleaner.drop_database(database, &is_alone).await?;
        cleaner.0.close().await;
        Ok(())
    });
    let dirty = match cleaned.await {
        Ok(Ok(())) => None,
        Ok(Err(Trouble(why))) => Some(why),
        Err(_) => Some(format!(
            "the server did not do it within {} s",
            LIMIT.as_secs()
        )),
    };
    Cleaned { left, dirty }
}

/// Ends a case's sessions in its own database on somebody else's server, and drops
/// that. A session is the case's where the number that it was given at its login
/// and the database, whose name is like no other, are both: numbers alone may be
/// those of another server behind the same address. All other sessions, locks and
/// transactions are none of ours.
async fn clean_up_as_guest(server: &impl Connect, database: &str, own: &[u32]) -> Cleaned {
    let mut left = Vec::new();
    let cleaned = timeout(LIMIT, async {
        let mut cleaner = Cleaner::open(server).await?;
        let is_ours = |one: &Living| own.contains(&one.id) && one.database == database.as_bytes();
        cleaner.end_those(is_ours, &mut left).await?;
        cleaner.drop_database(database, &|| true).await?;
        cleaner.0.close().await;
        Ok::<(), Trouble>(())
    });
    match cleaned.await {
        Ok(Ok(())) => guest_databases::record_dropped(database),
        Ok(Err(Trouble(why))) => left.push(format!("its database `{database}` ({why})")),
        Err(_) => left.push(format!(
            "its database `{database}` (the server did not drop it within {} s)",
            LIMIT.as_secs()
        )),
    }
    Cleaned { left, dirty: None }
}

/// Drops databases of this process that an interrupted run has left on one of the
/// servers of others. What cannot be dropped is returned.
pub(super) async fn drop_own(server: &impl Connect, databases: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    for database in databases {
        kept.extend(clean_up_as_guest(server, database, &[]).await.left);
    }
    kept
}

/// Drops a database that an earlier run left; one that is in use stays.
pub(super) async fn drop_former(
    session: Session,
    databases: &[String],
) -> Result<(), SessionError> {
    let mut cleaner = Cleaner(session);
    cleaner.limit_waits().await?;
    for name in databases {
        let outcome = cleaner
            .0
            .run(&format!("DROP DATABASE IF EXISTS `{name}`"))
            .await?;
        if let Some(refusal) = outcome.refusal() {
            tracing::info!(%refusal, name, "a database of an earlier run stays");
        }
    }
    cleaner.0.close().await;
    Ok(())
}

/// Why something is not cleaned up, for people.
struct Trouble(String);

impl From<SessionError> for Trouble {
    fn from(error: SessionError) -> Self {
        Trouble(error.to_string())
    }
}

/// The session that cleans up.
struct Cleaner(Session);

impl Cleaner {
    /// Opens a session, once the server has room for one: a case may have had all of
    /// them, which have just been closed.
    async fn open(server: &impl Connect) -> Result<Self, SessionError> {
        let begun = Instant::now();
        let session = loop {
            match server.connect(None).await {
                Err(SessionError::Denied { refusal, .. })
                    if FULL.contains(&refusal.code) && begun.elapsed() < ROOM =>
                {
                    sleep(Duration::from_millis(50)).await;
                }
                opened => break opened?,
            }
        };
        let mut cleaner = Cleaner(session);
        cleaner.limit_waits().await?;
        Ok(cleaner)
    }

    /// Keeps statements from waiting without end, and tables of other databases that
    /// refer to those of a case from keeping it.
    async fn limit_waits(&mut self) -> Result<(), SessionError> {
        let sql = format!("SET SESSION lock_wait_timeout = {LOCK_WAIT}, foreign_key_checks = 0");
        self.0.run(&sql).await?;
        Ok(())
    }

    async fn must(&mut self, sql: &str) -> Result<Outcome, Trouble> {
        let outcome = self.0.run(sql).await?;
        match outcome.refusal() {
            Some(refusal) => Err(Trouble(format!("`{sql}`: {refusal}"))),
            None => Ok(outcome),
        }
    }

    /// Drops a case's database. Another case may hold a lock on all of the server, and
    /// is waited for.
    async fn drop_database(
        &mut self,
        database: &str,
        is_alone: &impl Fn() -> bool,
    ) -> Result<(), Trouble> {
        let sql = format!("DROP DATABASE IF EXISTS `{database}`");
        loop {
            let outcome = self.0.run(&sql).await?;
            match outcome.refusal() {
                None => return Ok(()),
                Some(refusal) if refusal.code == LOCK_WAIT_OVER && !is_alone() => {}
                Some(refusal) => return Err(Trouble(format!("`{sql}`: {refusal}"))),
            }
        }
    }

    /// Waits for a case's sessions to end, and ends those that do not, as well as
    /// others that use its database.
    async fn end_sessions(
        &mut self,
        database: &str,
        own: &[u32],
        left: &mut Vec<String>,
    ) -> Result<(), Trouble> {
        // Numbers begin anew where the server was restarted.
        let is_of_another = |one: &Living| {
            one.database.starts_with(PREFIX.as_bytes()) && one.database != database.as_bytes()
        };
        let is_the_cases = |one: &Living| {
            let is_own = own.contains(&one.id) && !is_of_another(one);
            is_own || one.database == database.as_bytes()
        };
        self.end_those(is_the_cases, left).await
    }

    async fn end_those(
        &mut self,
        is_meant: impl Fn(&Living) -> bool,
        left: &mut Vec<String>,
    ) -> Result<(), Trouble> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(1);
        let mut killed = Vec::new();
        loop {
            let mut living = self.sessions().await?;
            living.retain(&is_meant);
            if living.is_empty() {
                return Ok(());
            }
            for one in living {
                if begun.elapsed() < GRACE || killed.contains(&one.id) {
                    continue;
                }
                killed.push(one.id);
                let outcome = self.0.run(&format!("KILL {}", one.id)).await?;
                match outcome.refusal() {
                    Some(refusal) if refusal.code == UNKNOWN_SESSION => {}
                    Some(refusal) => {
                        return Err(Trouble(format!(
                            "{} could not be killed: {refusal}",
                            one.title()
                        )));
                    }
                    None => left.push(format!("{}, which was killed", one.title())),
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// All sessions of users but this one.
    async fn sessions(&mut self) -> Result<Vec<Living>, Trouble> {
        let this = self.0.id();
        let outcome = self.must("SHOW PROCESSLIST").await?;
        let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
        let sessions = rows.filter_map(|row| Living::of(row.iter()));
        Ok(sessions.filter(|one| one.id != this).collect())
    }

    async fn roll_back(
        &mut self,
        traces: &Traces,
        is_alone: &impl Fn() -> bool,
        left: &mut Vec<String>,
    ) -> Result<(), Trouble> {
        let outcome = self.must("XA RECOVER").await?;
        let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
        let prepared: Vec<Prepared> = rows.filter_map(|row| Prepared::of(row.iter())).collect();
        // Who begins after the list was made has none in it, yet may use a name again.
        let was_alone = is_alone();
        for xa in prepared {
            let is_own = traces.has_named(&xa) || (was_alone && is_alone());
            if !is_own {
                continue;
            }
            let outcome = self.0.run(&xa.roll_back()).await?;
            match outcome.refusal() {
                Some(refusal) if refusal.code == UNKNOWN_XA => {}
                Some(refusal) if !ROLLED_BACK.contains(&refusal.code) => {
                    return Err(Trouble(format!(
                        "{} could not be rolled back: {refusal}",
                        xa.title()
                    )));
                }
                _ => left.push(format!("{}, which was rolled back", xa.title())),
            }
        }
        Ok(())
    }
}

/// A session that a server has.
struct Living {
    id: u32,
    database: Vec<u8>,
    statement: Vec<u8>,
}

impl Living {
    /// One of a row of `SHOW PROCESSLIST`; none of the server's own threads.
    fn of<'a>(row: impl Iterator<Item = Value<'a>>) -> Option<Self> {
        let row: Vec<Value<'_>> = row.collect();
        let [id, user, _, database, _, _, _, statement, ..] = row.as_slice() else {
            return None;
        };
        if matches!(user, Some(b"system user" | b"event_scheduler")) {
            return None;
        }
        Some(Living {
            id: number((*id)?)?,
            database: database.unwrap_or_default().to_vec(),
            statement: statement.unwrap_or_default().to_vec(),
        })
    }

    fn title(&self) -> String {
        match self.statement.is_empty() {
            true => "an open session".to_owned(),
            false => format!("a session at `{}`", shown(&self.statement)),
        }
    }
}

/// A prepared XA transaction.
#[derive(Debug)]
struct Prepared {
    format: u64,
    global: Vec<u8>,
    branch: Vec<u8>,
}

impl Prepared {
    /// One of a row of `XA RECOVER`.
    fn of<'a>(row: impl Iterator<Item = Value<'a>>) -> Option<Self> {
        let row: Vec<Value<'_>> = row.collect();
        let [Some(format), Some(global), Some(branch), Some(data), ..] = row.as_slice() else {
            return None;
        };
        let (global, branch): (usize, usize) = (number(global)?, number(branch)?);
        Some(Prepared {
            format: number(format)?,
            global: data.get(..global)?.to_vec(),
            branch: data.get(global..global.checked_add(branch)?)?.to_vec(),
        })
    }

    fn roll_back(&self) -> String {
        let Prepared { format, .. } = self;
        format!(
            "XA ROLLBACK X'{}',X'{}',{format}",
            hex(&self.global),
            hex(&self.branch)
        )
    }

    fn title(&self) -> String {
        format!("a prepared XA transaction `{}`", shown(&self.global))
    }
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The beginning of a text, on one line.
fn shown(text: &[u8]) -> String {
    let text = escape_bytes(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
