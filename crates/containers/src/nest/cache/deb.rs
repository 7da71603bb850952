//! A compressed tar in the form of a Debian package (deb(5)).
//!
//! A nest has one program that reads zstd, `dpkg-deb`. Three times as many bytes would go
//! through both engines if a tar were sent uncompressed.

use std::io::Cursor;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The package whose `data.tar.zst` is `packed`, of that length.
pub(super) fn as_package(
    packed: impl AsyncRead + Unpin + Send,
    length: u64,
) -> impl AsyncRead + Unpin + Send {
    let mut head = b"!<arch>\n".to_vec();
    head.extend(member("debian-binary", 4));
    head.extend(b"2.0\n");
    head.extend(member("control.tar", 0));
    head.extend(member("data.tar.zst", length));
    let padding = if length.is_multiple_of(2) { "" } else { "\n" };
    Cursor::new(head).chain(packed).chain(padding.as_bytes())
}

/// The head of a member of an archive (ar(5)): name, time, owner, group, mode, length.
fn member(name: &str, length: u64) -> Vec<u8> {
    format!(
        "{name:<16}{:<12}{:<6}{:<6}{:<8}{length:<10}`\n",
        0, 0, 0, 100_644
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn members_begin_at_even_places() {
        for (data, padding) in [("ab", ""), ("abc", "\n")] {
            let mut read = String::new();
            let mut package = as_package(data.as_bytes(), data.len() as u64);
            package.read_to_string(&mut read).await.expect("text");
            let length = data.len();
            let expected = format!(
                "!<arch>\n\
                 debian-binary   0           0     0     100644  4         `\n2.0\n\
                 control.tar     0           0     0     100644  0         `\n\
                 data.tar.zst    0           0     0     100644  {length}         `\n{data}{padding}"
            );
            assert_eq!(read, expected);
        }
    }
}
