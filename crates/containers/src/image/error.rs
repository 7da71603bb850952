//! Why a base image is not available.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::BaseImage;

/// Why an image is not available.
#[derive(Debug, Error)]
pub enum ImageError {
    /// A file or a folder of the cache.
    #[error("could not build image `{image}`: {subject} `{}`: {source}", path.display())]
    Cache {
        /// The image.
        image: String,
        /// The attempted operation.
        subject: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The archive has expired.
    #[error(
        "could not build image `{image}`: the mirror's release file has expired; if it is a frozen or archived mirror, say so in the matrix file: `[[image]]` with `name = \"{image}\"` and `check-valid-until = false` (signatures are still checked)"
    )]
    Expired {
        /// The image.
        image: String,
    },
    /// A package does not exist.
    #[error(
        "could not build image `{image}`: its mirror carries no package `{package}`; choose another image (a nest needs Debian 13 or later)"
    )]
    NoPackage {
        /// The image.
        image: String,
        /// The package.
        package: String,
    },
    /// mmdebstrap ended with an error.
    #[error("could not build image `{image}`: mmdebstrap failed:\n{output}")]
    Failed {
        /// The image.
        image: String,
        /// The end of its output.
        output: String,
    },
}

pub(super) fn cache_error(
    image: &BaseImage,
    subject: &'static str,
    path: &Path,
    source: io::Error,
) -> ImageError {
    ImageError::Cache {
        image: image.name(),
        subject,
        path: path.to_owned(),
        source,
    }
}
