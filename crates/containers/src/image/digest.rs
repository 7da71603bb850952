//! The parts of an image's origin that distinguish containers. All fields are named here,
//! so that a new one is not forgotten.

use super::build::BaseImage;
use super::store::ImageOrigin;
use crate::digest::{Digest, Digestible};

impl Digestible for ImageOrigin {
    fn digest(&self, digest: &mut Digest) {
        match self {
            ImageOrigin::Built(image) => digest.part("built", image),
            ImageOrigin::Server { server, alias } => {
                digest.text("server", server).text("alias", alias)
            }
        };
    }
}

impl Digestible for BaseImage {
    fn digest(&self, digest: &mut Digest) {
        let BaseImage {
            suite,
            packages,
            mirror,
            check_valid_until,
        } = self;
        digest
            .text("suite", suite)
            .texts("packages", packages)
            .optional("mirror", mirror.as_deref());
        if let Some(checks) = check_valid_until {
            digest.flag("check-valid-until", *checks);
        }
    }
}
