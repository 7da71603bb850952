//! Checksums of tarballs.

use std::fmt;
use std::io::Read;
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

/// An algorithm for checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5: shows that a file is whole, not that nobody forged it.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// All algorithms, the strongest first.
    pub const ALL: [Algorithm; 3] = [Algorithm::Sha512, Algorithm::Sha256, Algorithm::Md5];

    /// The word used in matrix files, and for the program that computes it (`sha256sum`).
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// The number of hexadecimal digits.
    pub fn digits(self) -> usize {
        match self {
            Algorithm::Md5 => 32,
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

/// The checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// How it is computed.
    pub algorithm: Algorithm,
    /// In hexadecimal, in lower case.
    pub hex: String,
}

impl Checksum {
    /// A checksum, if the text has the form of one.
    pub fn new(algorithm: Algorithm, text: &str) -> Option<Self> {
        let is_hex = text.chars().all(|c| c.is_ascii_hexdigit());
        (is_hex && text.len() == algorithm.digits()).then(|| Checksum {
            algorithm,
            hex: text.to_ascii_lowercase(),
        })
    }

    /// Reads `sha512:HEX`.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, hex) = text.split_once(':')?;
        let mut all = Algorithm::ALL.into_iter();
        Checksum::new(all.find(|algorithm| algorithm.as_str() == word)?, hex)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.as_str(), self.hex)
    }
}

/// Computes the checksum of a file, in hexadecimal.
///
/// # Errors
/// As of the file.
pub(super) fn of_file(algorithm: Algorithm, path: &Path) -> std::io::Result<String> {
    let file = std::fs::File::open(path)?;
    match algorithm {
        Algorithm::Md5 => digest::<Md5>(file),
        Algorithm::Sha256 => digest::<Sha256>(file),
        Algorithm::Sha512 => digest::<Sha512>(file),
    }
}

fn digest<D: Digest>(mut file: impl Read) -> std::io::Result<String> {
    let mut digest = D::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            count => digest.update(&chunk[..count]),
        }
    }
    let bytes = digest.finalize();
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_another_length_is_no_checksum() {
        let sum = "900150983cd24fb0d6963f7d28e17f72";
        assert!(Checksum::new(Algorithm::Md5, sum).is_some());
        assert!(Checksum::new(Algorithm::Sha256, sum).is_none());
        assert!(Checksum::new(Algorithm::Md5, &sum.replace('9', "g")).is_none());
        let parsed = Checksum::parse(&format!("md5:{}", sum.to_uppercase())).expect("a checksum");
        assert_eq!(parsed.to_string(), format!("md5:{sum}"));
        assert!(Checksum::parse(&format!("md4:{sum}")).is_none());
    }

    #[test]
    fn each_algorithm_computes_its_own() {
        // FIPS 180-4 and RFC 1321 give these for "abc".
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.tar");
        std::fs::write(&path, "abc").expect("a file");
        let begins = |algorithm, head: &str| {
            let sum = of_file(algorithm, &path).expect("a checksum");
            assert!(
                sum.starts_with(head) && sum.len() == algorithm.digits(),
                "{sum}"
            );
        };
        begins(Algorithm::Md5, "900150983cd24fb0");
        begins(Algorithm::Sha256, "ba7816bf8f01cfea");
        begins(Algorithm::Sha512, "ddaf35a193617aba");
    }
}
