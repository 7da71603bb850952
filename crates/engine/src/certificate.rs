//! Certificates of engines and clients: read, identified as Incus does it, and dated.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use super::connection::RemoteError;

/// The first certificate of a PEM file.
pub(super) fn first_certificate(path: &Path) -> Result<CertificateDer<'static>, RemoteError> {
    CertificateDer::from_pem_file(path).map_err(|source| RemoteError::File {
        path: path.to_owned(),
        source,
    })
}

/// SHA-256 of a certificate in hexadecimal, as `incus info` and `incus config trust list`
/// show it.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(certificate) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// When a certificate begins and ends to be valid; `None` if it is none.
pub(super) fn validity(certificate: &[u8]) -> Option<(SystemTime, SystemTime)> {
    // RFC 5280, 4.1: Certificate, TBSCertificate, and its fields up to the validity.
    let (_, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    let [serial_number, algorithm, issuer] = [(); 3];
    for () in [serial_number, algorithm, issuer] {
        fields = element(fields)?.2;
    }
    let (_, times, _) = element(fields)?;
    let (kind, from, rest) = element(times)?;
    let from = time(kind, from)?;
    let (kind, to, _) = element(rest)?;
    Some((from, time(kind, to)?))
}

/// The tag of the version, which is optional.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The first element of DER: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = length
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A time in UTC (RFC 5280, 4.1.2.5).
fn time(kind: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match kind {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 || !rest.bytes().all(|byte| byte.is_ascii_digit()) || year < 1970 {
        return None;
    }
    let pair = |at: usize| -> Option<u64> { rest.get(at..at + 2)?.parse().ok() };
    let [month, day, hour, minute, second] = [pair(0)?, pair(2)?, pair(4)?, pair(6)?, pair(8)?];
    let days = days_since_1970(year, month, day)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let month = usize::try_from(month).ok()?;
    let before = BEFORE.get(month.checked_sub(1)?)?;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let leaps = (1970..year).filter(|year| is_leap(*year)).count() as u64;
    let leap_day = u64::from(month > 2 && is_leap(year));
    Some((year - 1970) * 365 + leaps + before + leap_day + day.checked_sub(1)?)
}

/// Why a certificate is not valid now: `expired on …`, or `is not valid before …`.
pub(super) fn why_invalid(certificate: &[u8], now: SystemTime) -> Option<String> {
    let (from, to) = validity(certificate)?;
    let shown = |time: SystemTime| humantime::format_rfc3339_seconds(time).to_string();
    if now > to {
        return Some(format!("expired on {}", shown(to)));
    }
    (now < from).then(|| format!("is not valid before {}", shown(from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(from: (i32, u8, u8), to: (i32, u8, u8)) -> Vec<u8> {
        let mut wanted = rcgen::CertificateParams::new(["engine".to_owned()]).expect("a name");
        wanted.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        wanted.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
        let key = rcgen::KeyPair::generate().expect("a key");
        wanted
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .to_vec()
    }

    fn at(text: &str) -> SystemTime {
        humantime::parse_rfc3339(text).expect("a time of this test")
    }

    #[test]
    fn the_validity_is_read_in_both_of_its_forms() {
        for (from, to, first, last) in [
            ((1996, 2, 29), (2049, 12, 31), "1996-02-29", "2049-12-31"),
            ((2000, 3, 1), (2100, 3, 1), "2000-03-01", "2100-03-01"),
        ] {
            let midnight = |day: &str| at(&format!("{day}T00:00:00Z"));
            let read = validity(&made(from, to)).expect("a certificate");
            assert_eq!(read, (midnight(first), midnight(last)));
        }
        assert_eq!(validity(b"-----BEGIN"), None);
    }

    #[test]
    fn a_certificate_out_of_its_time_is_told_with_the_date() {
        let certificate = made((2024, 1, 1), (2025, 1, 1));
        let why = |now: &str| why_invalid(&certificate, at(now));
        assert_eq!(why("2024-06-01T00:00:00Z"), None);
        assert_eq!(
            why("2025-01-01T00:00:01Z").as_deref(),
            Some("expired on 2025-01-01T00:00:00Z")
        );
        assert_eq!(
            why("2023-01-01T00:00:00Z").as_deref(),
            Some("is not valid before 2024-01-01T00:00:00Z")
        );
    }

    #[test]
    fn a_fingerprint_is_that_of_the_engine() {
        // `printf abc | sha256sum`
        assert_eq!(
            fingerprint(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
