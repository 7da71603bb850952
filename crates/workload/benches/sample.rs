//! How fast a slow log is sampled, and in how much memory.
//!
//! ```sh
//! cargo bench --package dbmatrix-workload --bench sample             # a log of 1 GiB
//! cargo bench --package dbmatrix-workload --bench sample -- 10240 7  # 10 GiB, of seed 7
//! ```
//!
//! Writes a log of that many MiB into a temporary file, with statements of an application
//! and of an ORM that makes ever new forms, and takes a sample of it three times. Tells
//! MB/s of the best and the worst round by the clock and by the processor's time, and the
//! most memory that was resident.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to people"
)]

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use dbmatrix_workload::{SampleOptions, sample};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 3;

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let numbers = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let numbers: Vec<u64> = numbers
        .map(|arg| arg.parse())
        .collect::<std::result::Result<_, _>>()?;
    let mebibytes = numbers.first().copied().unwrap_or(1024);
    let seed = numbers.get(1).copied().unwrap_or(1);
    let file = tempfile::NamedTempFile::new()?;
    let entries = write_log(&mut BufWriter::new(file.as_file()), mebibytes << 20, seed)?;
    let size = file.as_file().metadata()?.len();
    eprintln!("{entries} entries, {size} bytes");
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let found = sample([file.path().to_owned()], &SampleOptions::default(), |_| {})?;
        assert_eq!(found.entries, entries, "an entry was lost");
        let rate = |took: Duration| size as f64 / 1e6 / took.as_secs_f64();
        let used = cpu_time()
            .zip(cpu)
            .map(|(after, before)| rate(after - before));
        rates.push((rate(begun.elapsed()), used.unwrap_or(f64::NAN)));
        eprintln!(
            "{:.0} MB/s, {:.0} MB/s of CPU time; {} digests, {} rare, {} statements",
            rates[rates.len() - 1].0,
            rates[rates.len() - 1].1,
            found.digests.len(),
            found.rare.digests,
            found.statements.len()
        );
    }
    rates.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let (worst, best) = (rates[0], rates[ROUNDS - 1]);
    println!(
        "{:.0} to {:.0} MB/s ({:.0} to {:.0} MB/s of CPU time), {} resident at most",
        worst.0,
        best.0,
        worst.1,
        best.1,
        peak_memory().unwrap_or_else(|| "unknown".to_owned())
    );
    Ok(())
}

/// The time that processors spent on this process, in ticks of 10 ms.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

fn peak_memory() -> Option<String> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}

/// Numbers that look random (`splitmix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut state = self.0;
        state = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ state >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (state ^ state >> 31) % most
    }
}

/// Writes entries as MySQL 8.0 does, and returns their number.
fn write_log(file: &mut impl Write, bytes: u64, seed: u64) -> Result<u64> {
    let mut random = Random(seed);
    let (mut written, mut entries) = (0, 0);
    let mut entry = String::new();
    while written < bytes {
        entry.clear();
        let micros = random.below(1_000_000);
        write!(
            entry,
            "# Time: 2026-11-27T20:15:00.{micros:06}Z\n\
             # User@Host: app[app] @ web{} [10.0.0.{}]  Id: {:5}\n\
             # Query_time: 0.{micros:06}  Lock_time: 0.000002 Rows_sent: {}  Rows_examined: {}\n\
             SET timestamp={};\n",
            random.below(4),
            random.below(250),
            random.below(500),
            random.below(100),
            random.below(10_000),
            1_795_810_500 + entries / 1000,
        )?;
        write_statement(&mut entry, &mut random)?;
        entry.push_str(";\n");
        file.write_all(entry.as_bytes())?;
        written += entry.len() as u64;
        entries += 1;
    }
    file.flush()?;
    Ok(entries)
}

fn write_statement(text: &mut String, random: &mut Random) -> Result<()> {
    let id = random.below(1_000_000);
    let table = random.below(40);
    match random.below(100) {
        0..40 => write!(
            text,
            "SELECT `id`, `name`, `price` FROM `items_{table}` WHERE `id` = {id}"
        )?,
        40..60 => write!(
            text,
            "SELECT o.id, o.total, c.name\n  FROM orders_{table} AS o\n  JOIN customers AS c ON c.id = o.customer_id\n\
             \x20WHERE o.state IN ('open', 'paid', 'sent') AND o.created > '2026-01-{:02}'\n\
             \x20ORDER BY o.created DESC LIMIT {}",
            1 + random.below(28),
            10 + random.below(90)
        )?,
        60..75 => write!(
            text,
            "UPDATE stock_{table} SET amount = amount - {} WHERE item = {id} AND amount > 0",
            random.below(9)
        )?,
        75..85 => {
            write!(text, "INSERT INTO log_{table} (at, who, what) VALUES ")?;
            for row in 0..=random.below(20) {
                let comma = if row == 0 { "" } else { ", " };
                write!(
                    text,
                    "{comma}('2026-11-27 20:15:00', {id}, 'it''s row {row} of \\'these\\'; \"quoted\"')"
                )?;
            }
        }
        85..95 => write!(
            text,
            "/* app:{id} */ SELECT COUNT(*) FROM sessions WHERE token = '{id:032x}' AND expires > NOW()"
        )?,
        95..98 => write!(text, "COMMIT")?,
        // Of an ORM.
        98 => write!(
            text,
            "SELECT t{id}_.a AS a_{id} FROM t{table} t{id}_ WHERE t{id}_.b = {id}"
        )?,
        _ => write!(
            text,
            "INSERT INTO files VALUES ({id}, '{}')",
            "Lorem ipsum dolor sit amet ".repeat(40)
        )?,
    }
    Ok(())
}
