//! Reads a running server's logs in its child: its error log and the journal of its unit.
//! This needs no login, so it also works for a server that does not start.

use std::fmt;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, ExecOutput};

use super::settle::unit_of;
use super::{ServerError, succeed};

/// Files that the server logs to: the one that its standard error leads to, since
/// `log_error` is opened in its place; and those that the settings name and the usual
/// ones, if they are not empty. Waits for a unit that is starting, `$TURNS` quarters of a
/// second.
const FILES: &str = r#"
turn=0
while [ "$turn" -lt "$TURNS" ]; do
    case "$(systemctl is-active "$SERVICE" 2> /dev/null || true)" in
        active | failed | deactivating) break ;;
    esac
    sleep 0.25
    turn=$((turn + 1))
done
pid=$(systemctl show --property MainPID --value "$SERVICE" 2> /dev/null || true)
if [ "${pid:-0}" -gt 0 ]; then
    log=$(readlink "/proc/$pid/fd/2" || true)
    if [ -f "$log" ]; then echo "$log"; fi
fi
named=$(grep -rhsE '^[[:space:]]*log[-_]error[[:space:]]*=' /etc/mysql /etc/my.cnf /etc/my.cnf.d |
    sed -e 's/^[^=]*=[[:space:]]*//' -e 's/[[:space:]]*$//' | tr -d "\"'") || true
for log in $named /var/log/mysql/error.log /var/log/mariadb/mariadb.log /var/log/mysqld.log \
    /var/lib/mysql/*.err; do
    if [ -f "$log" ] && [ -s "$log" ]; then readlink -f "$log"; fi
done
"#;

/// Prints the end of a file, and its position on standard error.
const LAST: &str = r#"
set -- $(stat --dereference --format '%i %s' "$FILE" 2> /dev/null || echo 0 0)
if [ "$2" -gt 0 ]; then head --bytes "$2" "$FILE" | tail --lines "$LINES"; fi
echo "$1 $2" >&2
"#;

/// Waits for and prints what was added since; a file that was replaced or truncated is
/// read from its start.
const MORE: &str = r#"
turn=0
while :; do
    set -- $(stat --dereference --format '%i %s' "$FILE" 2> /dev/null || echo 0 0)
    if [ "$1" != "$INODE" ] || [ "$2" -lt "$SEEN" ]; then SEEN=0; INODE=$1; fi
    if [ "$2" -gt "$SEEN" ] || [ "$turn" -ge 30 ]; then break; fi
    sleep 0.25
    turn=$((turn + 1))
done
if [ "$2" -gt "$SEEN" ]; then
    tail --bytes "+$((SEEN + 1))" "$FILE" | head --bytes "$(($2 - SEEN))"
fi
echo "$1 $2" >&2
"#;

const LAST_OF_JOURNAL: &str = r#"
exec journalctl --unit "$SERVICE" --lines "$LINES" --no-pager --quiet --show-cursor
"#;

const MORE_OF_JOURNAL: &str = r#"
case "$SEEN" in
    '') set -- --boot ;;
    @*) set -- --since "$SEEN" ;;
    *) set -- --after-cursor "$SEEN" ;;
esac
turn=0
while :; do
    new=$(journalctl --unit "$SERVICE" "$@" --no-pager --quiet --show-cursor)
    case "$new" in
        '' | "$MARK"*) ;;
        *) break ;;
    esac
    if [ "$turn" -ge 15 ]; then break; fi
    sleep 0.5
    turn=$((turn + 1))
done
printf '%s\n' "$new"
"#;

/// Starts the line in which the journal reports its cursor.
const MARK: &str = "-- cursor: ";

/// Where a server logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// To the journal, as this unit.
    Journal(String),
    /// To a file of the child.
    File(String),
}

impl fmt::Display for LogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogSource::Journal(unit) => write!(f, "journal of {unit}"),
            LogSource::File(path) => f.write_str(path),
        }
    }
}

/// Whether a child was started just now, so that its server may still be missing.
const JUST_STARTED: &str = "40";
const LONG_UP: &str = "4";

/// A log that is read continuously.
#[derive(Debug, Clone)]
pub struct Log {
    child: Child,
    /// Where it is.
    pub source: LogSource,
    /// The position read so far: inode and size of a file; the journal's cursor, or `@`
    /// and a time.
    seen: String,
}

/// The logs of a child's server, the most relevant last.
///
/// # Errors
/// As of the engine.
pub async fn logs(child: &Child, just_started: bool) -> Result<Vec<Log>, ServerError> {
    let unit = unit_of(child).await?;
    let turns = if just_started { JUST_STARTED } else { LONG_UP };
    let find = Exec::script(FILES)
        .env("SERVICE", &unit)
        .env("TURNS", turns);
    let found = succeed(child, "find the server's log", find).await?;
    let mut sources = vec![LogSource::Journal(unit)];
    for line in found.stdout.lines() {
        let file = LogSource::File(line.to_owned());
        if !sources.contains(&file) {
            sources.push(file);
        }
    }
    let log = |source| Log {
        child: child.clone(),
        source,
        seen: String::new(),
    };
    Ok(sources.into_iter().map(log).collect())
}

impl Log {
    /// Its last lines.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn last(&mut self, lines: usize) -> Result<String, ServerError> {
        let read = match &self.source {
            LogSource::Journal(unit) => Exec::script(LAST_OF_JOURNAL).env("SERVICE", unit),
            LogSource::File(path) => Exec::script(LAST).env("FILE", path),
        };
        self.read(read.env("LINES", &lines.to_string())).await
    }

    /// What was added since the last read. Waits some seconds for something.
    ///
    /// # Errors
    /// As of the engine; if the child does not run.
    pub async fn more(&mut self) -> Result<String, ServerError> {
        let read = match &self.source {
            LogSource::Journal(unit) => Exec::script(MORE_OF_JOURNAL)
                .env("SERVICE", unit)
                .env("SEEN", &self.seen)
                .env("MARK", MARK),
            LogSource::File(path) => {
                let (inode, size) = self.seen.split_once(' ').unwrap_or(("0", "0"));
                let read = Exec::script(MORE).env("FILE", path);
                read.env("INODE", inode).env("SEEN", size)
            }
        };
        self.read(read).await
    }

    /// Notes that the writer was ended and may have been replaced. Reading then continues
    /// by time, since a journal does not know the cursor of another one.
    pub fn interrupted(&mut self) {
        if let Some(time) = time_of(&self.seen) {
            self.seen = time;
        }
    }

    async fn read(&mut self, read: Exec) -> Result<String, ServerError> {
        let output = succeed(&self.child, "read the server's log", read).await?;
        let (text, seen) = match &self.source {
            LogSource::Journal(_) => split(&output.stdout),
            LogSource::File(_) => of_file(&output),
        };
        if let Some(seen) = seen {
            self.seen = seen.to_owned();
        }
        Ok(text.to_owned())
    }
}

fn of_file(output: &ExecOutput) -> (&str, Option<&str>) {
    (&output.stdout, output.stderr.lines().last())
}

/// Splits the journal's lines from the cursor behind them.
pub fn split(text: &str) -> (&str, Option<&str>) {
    let Some(at) = text.rfind(MARK) else {
        return (text.trim_start_matches('\n'), None);
    };
    let cursor = text[at + MARK.len()..].lines().next();
    (&text[..at], cursor)
}

/// The moment after a cursor, in the format of journalctl; a cursor contains it in
/// hexadecimal microseconds.
pub fn time_of(cursor: &str) -> Option<String> {
    let time = cursor.split(';').find_map(|part| part.strip_prefix("t="))?;
    let after = u64::from_str_radix(time, 16).ok()?.checked_add(1)?;
    Some(format!("@{}.{:06}", after / 1_000_000, after % 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_tells_its_time() {
        let cursor = "s=0639;i=4f2;b=458d;m=2a;t=60af5c1d3d3bf;x=3f";
        let time = time_of(cursor);
        assert_eq!(time.as_deref(), Some("@1700900495.414208"));
        assert_eq!(time_of("t=ffffffffffffffff"), None);
        assert_eq!(time_of("1234 5678"), None);
        assert_eq!(time_of(""), None);
    }

    #[test]
    fn the_journals_cursor_is_no_line_of_it() {
        let text = "Nov 24 a\nNov 24 b\n-- cursor: s=1;i=2\n";
        assert_eq!(split(text), ("Nov 24 a\nNov 24 b\n", Some("s=1;i=2")));
        assert_eq!(split("\n"), ("", None));
        assert_eq!(split("Nov 24 a\n"), ("Nov 24 a\n", None));
    }
}
