//! Points in time, as logs write them.

use std::fmt;

/// A point in time, in microseconds since 1970. Logs that name no zone are taken to be
/// in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;

impl Timestamp {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whether it says more than the second.
    pub const fn is_exact(self) -> bool {
        self.0 % SECOND != 0
    }

    /// Seconds since 1970, with a fraction: `1700000000.25`.
    pub(crate) fn from_epoch(text: &[u8]) -> Option<Self> {
        let mut cursor = Cursor { text, at: 0 };
        let seconds = cursor.number(12)?;
        let micros = cursor.fraction();
        cursor
            .is_at_end()
            .then(|| Timestamp(seconds * SECOND + micros))
    }

    /// Reads a point in time: `2026-11-27`, `2026-11-27 20:15:00.5`, `2026-11-27T20:15:00Z`,
    /// `…+01:00`, `261127 20:15:00` or `@1700000000`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_prefix('@') {
            Some(seconds) => Timestamp::from_epoch(seconds.as_bytes()),
            None => Timestamp::read(text.as_bytes()),
        }
    }

    /// Reads a point in time as logs write it.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let (time, rest) = Timestamp::read_first(text)?;
        rest.is_empty().then_some(time)
    }

    /// Reads a point in time from the beginning of a text, and returns the rest.
    pub(crate) fn read_first(text: &[u8]) -> Option<(Self, &[u8])> {
        let mut cursor = Cursor { text, at: 0 };
        let days = cursor.date()?;
        let has_time = matches!(cursor.peek(), Some(b'T' | b' '))
            && text[cursor.at + 1..]
                .iter()
                .find(|byte| **byte != b' ')
                .is_some_and(u8::is_ascii_digit);
        let mut micros = days * DAY * SECOND;
        if has_time {
            cursor.at += 1;
            micros += cursor.time()? + cursor.fraction();
            micros -= cursor.zone()? * SECOND;
        }
        Some((Timestamp(micros), &text[cursor.at..]))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(SECOND);
        let (year, month, day) = date_of(seconds.div_euclid(DAY));
        let second = seconds.rem_euclid(DAY);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}",
            second % 60
        )?;
        match self.0.rem_euclid(SECOND) {
            0 => f.write_str("Z"),
            micros => write!(f, ".{micros:06}Z"),
        }
    }
}

/// Reads numbers from a text.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// A number of at most so many digits.
    fn number(&mut self, most: usize) -> Option<i64> {
        let from = self.at;
        let mut number = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek()
            && self.at - from < most
        {
            number = number * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        (self.at > from).then_some(number)
    }

    /// Days since 1970 of `2026-11-27` or `261127`.
    fn date(&mut self) -> Option<i64> {
        let from = self.at;
        let first = self.number(6)?;
        let (year, month, day) = if self.at - from == 6 {
            // As the servers do: 70 to 99 are of the last century.
            let century = if first / 10_000 >= 70 { 1900 } else { 2000 };
            (century + first / 10_000, first / 100 % 100, first % 100)
        } else if self.at - from == 4 {
            self.skip(b'-')?;
            let month = self.number(2)?;
            self.skip(b'-')?;
            (first, month, self.number(2)?)
        } else {
            return None;
        };
        let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
        is_date.then(|| days_of(year, month, day))
    }

    /// Microseconds of `20:15:00`, with a blank for the first zero.
    fn time(&mut self) -> Option<i64> {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
        let hour = self.number(2)?;
        self.skip(b':')?;
        let minute = self.number(2)?;
        let mut second = 0;
        if self.skip(b':').is_some() {
            second = self.number(2)?;
        }
        let is_time = hour < 24 && minute < 60 && second <= 60;
        is_time.then_some((hour * 3600 + minute * 60 + second) * SECOND)
    }

    /// Microseconds of `.25`; 0 where there is none.
    fn fraction(&mut self) -> i64 {
        if self.skip(b'.').is_none() {
            return 0;
        }
        let from = self.at;
        let micros = self.number(6).unwrap_or(0);
        let digits = self.at - from;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        micros * 10_i64.pow(6 - digits as u32)
    }

    /// Seconds east of Greenwich of `Z` or `+01:00`; 0 where there is none.
    fn zone(&mut self) -> Option<i64> {
        let sign = match self.peek() {
            Some(b'Z') => {
                self.at += 1;
                return Some(0);
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(0),
        };
        self.at += 1;
        let hours = self.number(2)?;
        let _ = self.skip(b':');
        let minutes = self.number(2).unwrap_or(0);
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Days since 1970 of a date (Howard Hinnant's `days_from_civil`).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_as_logs_write_them() {
        for (text, wanted) in [
            ("071015 21:43:52", "2007-10-15T21:43:52Z"),
            ("071015  1:43:52", "2007-10-15T01:43:52Z"),
            ("2026-11-27T20:15:00.123456Z", "2026-11-27T20:15:00.123456Z"),
            ("2026-11-27T20:15:00.5+01:00", "2026-11-27T19:15:00.500000Z"),
            (
                "2026-11-27T20:15:00.123456-08:00",
                "2026-11-28T04:15:00.123456Z",
            ),
            ("2026-11-27 20:15:00", "2026-11-27T20:15:00Z"),
            ("2026-11-27 20:15", "2026-11-27T20:15:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("@1700000000.25", "2023-11-14T22:13:20.250000Z"),
            ("1969-12-31 23:59:59", "1969-12-31T23:59:59Z"),
        ] {
            let found = Timestamp::parse(text).map(|time| time.to_string());
            assert_eq!(found.as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn rejects_what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-27 25:00:00",
            "2026-11-27x",
            "@",
            "20261127",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
