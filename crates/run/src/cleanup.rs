//! Ends what a case leaves on its server before the next case begins.
//!
//! A session that does not end keeps its named locks and its table locks. A prepared XA
//! transaction outlives its session, and so do its locks. Either one makes dropping the
//! case's database wait as long as the server allows.

use std::time::Duration;

use dbmatrix_sql::outcome::{Outcome, Value};
use dbmatrix_sql::session::{Connect, Session, SessionError, Tenancy};
use dbmatrix_sql::sql_text::escape_bytes;
use tokio::time::{Instant, sleep, timeout};

use super::database::{PLACEHOLDER, PREFIX};
use super::guest_databases;

/// Time limit of the whole cleanup.
const LIMIT: Duration = Duration::from_secs(30);
/// How long closed sessions may take to end by themselves.
const GRACE: Duration = Duration::from_secs(1);
/// Seconds that a statement waits for a table lock; the server's own limit is a day in
/// MariaDB and a year in MySQL.
const LOCK_WAIT: u32 = 5;
/// Bytes kept of the statements that may prepare an XA transaction.
const MOST_XA: usize = 64 << 10;
/// Bytes at the start of a statement that are searched for `XA`.
const HEAD: usize = 1 << 10;
/// Leftovers that are reported one by one.
const MOST_TOLD: usize = 10;
/// Letters shown of a statement or of an XA transaction's name.
const SHOWN: usize = 80;

/// How long a server may refuse another session for lack of room.
const ROOM: Duration = Duration::from_secs(5);
/// `ER_CON_COUNT_ERROR`, `ER_TOO_MANY_USER_CONNECTIONS`.
const FULL: [u16; 2] = [1040, 1203];
/// `ER_XAER_NOTA`: the transaction does not exist, or belongs to a live session.
const UNKNOWN_XA: u16 = 1397;
/// `ER_XA_RBROLLBACK`, `ER_XA_RBTIMEOUT`, `ER_XA_RBDEADLOCK`: it was rolled back.
const ROLLED_BACK: [u16; 3] = [1402, 1613, 1614];
/// `ER_LOCK_WAIT_TIMEOUT`.
const LOCK_WAIT_OVER: u16 = 1205;
/// `ER_NO_SUCH_THREAD`: the session has just ended.
const UNKNOWN_SESSION: u16 = 1094;

/// What a case did that may leave something behind.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// The server's numbers of its sessions.
    sessions: Vec<u32>,
    /// Its first statements about XA transactions.
    xa: Vec<u8>,
}

impl Traces {
    pub(super) fn note_session(&mut self, session: &Session) {
        self.sessions.push(session.id());
    }

    /// Forgets sessions of a server that is not cleaned up: another one uses their numbers.
    pub(super) fn forget_sessions(&mut self) {
        self.sessions.clear();
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

    /// Whether the case named both parts of an XA transaction's name, as strings or in
    /// hexadecimal.
    fn has_named(&self, xa: &PreparedXa) -> bool {
        let lower = self.xa.to_ascii_lowercase();
        let is_there = |part: &[u8]| {
            let quoted = |quote: u8| [&[quote], part, &[quote]].concat();
            let in_quotes = |quote| memchr::memmem::find(&self.xa, &quoted(quote)).is_some();
            in_quotes(b'\'') || in_quotes(b'"') || (!part.is_empty() && has_hex(&lower, part))
        };
        is_there(&xa.global) && (xa.branch.is_empty() || is_there(&xa.branch))
    }
}

/// Whether a lowercase text contains these bytes in hexadecimal, without further digits
/// next to them.
fn has_hex(text: &[u8], bytes: &[u8]) -> bool {
    let name = hex(bytes);
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let mut found = memchr::memmem::find_iter(text, &name);
    found.any(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        !is_digit(before) && !is_digit(text.get(at + name.len()))
    })
}

/// Whether `word` is a separate word at a position of a text; case does not matter.
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

/// The result of a cleanup.
#[derive(Debug, Default)]
pub(super) struct Cleaned {
    /// Human-readable list of what was left and has been ended.
    pub(super) left: Vec<String>,
    /// Why the server may have changed.
    pub(super) dirty: Option<String>,
}

impl Cleaned {
    /// Everything as human-readable text, with a placeholder for the case's database.
    pub(super) fn into_notes(self, database: &str) -> Vec<String> {
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

/// Ends what a case left and drops its database. Prepared XA transactions that the case
/// did not name are left alone unless it `is_alone` on the server.
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

/// Ends a case's sessions in its own database on an external server, and drops that
/// database. A session belongs to the case if both its number from login and its database
/// match, and the database's name is unique. The number alone is not enough: it may come
/// from another server behind the same address. All other sessions, locks and
/// transactions are left alone.
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

/// Drops databases that an interrupted run of this process left on one of the external
/// servers. Returns those that could not be dropped.
pub(super) async fn drop_own(server: &impl Connect, databases: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    for database in databases {
        kept.extend(clean_up_as_guest(server, database, &[]).await.left);
    }
    kept
}

/// Drops a database that an earlier run left, unless it is in use.
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

/// Human-readable reason why something was not cleaned up.
struct Trouble(String);

impl From<SessionError> for Trouble {
    fn from(error: SessionError) -> Self {
        Trouble(error.to_string())
    }
}

/// The session that cleans up.
struct Cleaner(Session);

impl Cleaner {
    /// Opens a session as soon as the server has room for one: the case may have used all
    /// of them and only just closed them.
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

    /// Limits how long statements wait, and disables the checks by which tables of other
    /// databases protect those of a case.
    async fn limit_waits(&mut self) -> Result<(), SessionError> {
        let sql = format!("SET SESSION lock_wait_timeout = {LOCK_WAIT}, foreign_key_checks = 0");
        self.0.run(&sql).await?;
        Ok(())
    }

    async fn run_required(&mut self, sql: &str) -> Result<Outcome, Trouble> {
        let outcome = self.0.run(sql).await?;
        match outcome.refusal() {
            Some(refusal) => Err(Trouble(format!("`{sql}`: {refusal}"))),
            None => Ok(outcome),
        }
    }

    /// Drops a case's database. Waits for another case that holds a lock on the whole
    /// server.
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

    /// Waits for a case's sessions to end. Ends those that do not, and others that use
    /// its database.
    async fn end_sessions(
        &mut self,
        database: &str,
        own: &[u32],
        left: &mut Vec<String>,
    ) -> Result<(), Trouble> {
        // Numbers start again after the server restarts.
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

    /// The sessions of all other users.
    async fn sessions(&mut self) -> Result<Vec<Living>, Trouble> {
        let this = self.0.id();
        let outcome = self.run_required("SHOW PROCESSLIST").await?;
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
        let outcome = self.run_required("XA RECOVER").await?;
        let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
        let prepared: Vec<PreparedXa> = rows.filter_map(|row| PreparedXa::of(row.iter())).collect();
        // A case that began after the list was made has nothing in it, but may reuse a
        // name.
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

/// A session of a server.
struct Living {
    id: u32,
    database: Vec<u8>,
    statement: Vec<u8>,
}

impl Living {
    /// Reads a row of `SHOW PROCESSLIST`; `None` for the server's own threads.
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
            false => format!("a session at `{}`", first_words(&self.statement)),
        }
    }
}

/// A prepared XA transaction.
#[derive(Debug)]
struct PreparedXa {
    format: u64,
    global: Vec<u8>,
    branch: Vec<u8>,
}

impl PreparedXa {
    /// Reads a row of `XA RECOVER`.
    fn of<'a>(row: impl Iterator<Item = Value<'a>>) -> Option<Self> {
        let row: Vec<Value<'_>> = row.collect();
        let [Some(format), Some(global), Some(branch), Some(data), ..] = row.as_slice() else {
            return None;
        };
        let (global, branch): (usize, usize) = (number(global)?, number(branch)?);
        Some(PreparedXa {
            format: number(format)?,
            global: data.get(..global)?.to_vec(),
            branch: data.get(global..global.checked_add(branch)?)?.to_vec(),
        })
    }

    fn roll_back(&self) -> String {
        let PreparedXa { format, .. } = self;
        format!(
            "XA ROLLBACK X'{}',X'{}',{format}",
            hex(&self.global),
            hex(&self.branch)
        )
    }

    fn title(&self) -> String {
        format!("a prepared XA transaction `{}`", first_words(&self.global))
    }
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The beginning of a text, on one line.
fn first_words(text: &[u8]) -> String {
    let text = escape_bytes(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
