//! Keeps downloaded packages for the next child of the same suite.
//!
//! One volume per suite in the nest's pool. A container has it only while its server is
//! being installed.

use dbmatrix_engine::{Config, Engine, config};

use super::NestError;
use crate::image::ImageOrigin;

use super::inner::POOL;

/// Mount point of the volume in a container.
pub const PACKAGE_CACHE: &str = "/var/cache/dbmatrix";
const DEVICE: &str = "packages";
const PREFIX: &str = "packages-";

/// The device for a container made of `image`; creates the volume if it does not exist.
pub(super) async fn device(
    engine: &Engine,
    image: &ImageOrigin,
) -> Result<(String, Config), NestError> {
    let volume = volume_of(image);
    engine.ensure_volume(POOL, &volume).await?;
    let device = config([
        ("type", "disk"),
        ("pool", POOL),
        ("source", &volume),
        ("path", PACKAGE_CACHE),
    ]);
    Ok((DEVICE.to_owned(), device))
}

/// Detaches the volume from a container.
pub(super) async fn detach(engine: &Engine, container: &str) -> Result<(), NestError> {
    Ok(engine.set_device(container, DEVICE, None).await?)
}

/// Removes all volumes. No installation may be in progress.
pub(super) async fn clear(engine: &Engine) -> Result<(), NestError> {
    for volume in engine.volumes(POOL).await? {
        if volume.starts_with(PREFIX) {
            engine.delete_volume(POOL, &volume).await?;
        }
    }
    Ok(())
}

fn volume_of(image: &ImageOrigin) -> String {
    let name = match image {
        ImageOrigin::Built(image) => image.name(),
        ImageOrigin::Server { alias, .. } => alias.clone(),
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    format!("{PREFIX}{name}")
}
