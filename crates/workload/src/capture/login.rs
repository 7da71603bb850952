//! The beginning of a connection: the server's greeting, and the client's answer.

use super::bytes::Bytes;

/// Flags of capabilities (`include/mysql_com.h`).
const CONNECT_WITH_DB: u64 = 1 << 3;
const COMPRESS: u64 = 1 << 5;
const PROTOCOL_41: u64 = 1 << 9;
const SSL: u64 = 1 << 11;
const SECURE_CONNECTION: u64 = 1 << 15;
const AUTH_IS_SIZED: u64 = 1 << 21;
const ZSTD: u64 = 1 << 26;
const QUERY_ATTRIBUTES: u64 = 1 << 27;

/// The only version of the protocol since MySQL 3.21.
const VERSION: u8 = 10;

/// What a server says first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) connection: u64,
    pub(super) capabilities: u64,
}

impl Greeting {
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(payload);
        if bytes.byte()? != VERSION {
            return None;
        }
        let version = bytes.text();
        if !version.first()?.is_ascii_digit() {
            return None;
        }
        let connection = bytes.number(4)?;
        bytes.take(9)?;
        let low = bytes.number(2)?;
        bytes.take(3);
        let high = bytes.number(2).unwrap_or(0);
        Some(Greeting {
            connection,
            capabilities: low | high << 16,
        })
    }
}

/// What a client answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// TLS begins.
    Encrypted,
    Plain {
        user: Vec<u8>,
        database: Vec<u8>,
        is_compressed: bool,
        has_attributes: bool,
    },
}

impl Login {
    /// Reads the answer to a greeting, if that was captured.
    pub(super) fn read(payload: &[u8], greeting: Option<&Greeting>) -> Option<Self> {
        let mut bytes = Bytes(payload);
        let low = Bytes(payload).number(2)?;
        if low & PROTOCOL_41 == 0 {
            return Login::read_old(payload);
        }
        let capabilities = bytes.number(4)?;
        if capabilities & SSL != 0 && payload.len() <= 32 {
            return Some(Login::Encrypted);
        }
        bytes.take(28)?;
        let user = bytes.text().to_owned();
        if capabilities & AUTH_IS_SIZED != 0 {
            bytes.sized_text()?;
        } else if capabilities & SECURE_CONNECTION != 0 {
            let length = bytes.byte()?;
            bytes.take(length.into())?;
        } else {
            bytes.text();
        }
        let database = match capabilities & CONNECT_WITH_DB {
            0 => Vec::new(),
            _ => bytes.text().to_owned(),
        };
        let agreed = capabilities & greeting.map_or(u64::MAX, |greeting| greeting.capabilities);
        Some(Login::Plain {
            user,
            database,
            is_compressed: agreed & (COMPRESS | ZSTD) != 0,
            has_attributes: agreed & QUERY_ATTRIBUTES != 0,
        })
    }

    /// Reads the answer of clients before 4.1.
    fn read_old(payload: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(payload);
        let capabilities = bytes.number(2)?;
        bytes.take(3)?;
        let user = bytes.text().to_owned();
        bytes.text();
        Some(Login::Plain {
            user,
            database: bytes.text().to_owned(),
            is_compressed: capabilities & COMPRESS != 0,
            has_attributes: false,
        })
    }
}
