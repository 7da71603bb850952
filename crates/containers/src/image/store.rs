//! Images in an engine: found by key, or else built and imported once.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use dbmatrix_engine::{Engine, EngineError, ImageSource};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::Mutex as AsyncMutex;

use super::build::{BaseImage, Builder, metadata_tar};
use super::error::ImageError;

/// Property of an imported image that holds the key of its inputs.
const KEY: &str = "dbmatrix.key";

/// Where a container's image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageOrigin {
    /// Built here from a Debian mirror.
    Built(BaseImage),
    /// Fetched by the engine from an image server.
    Server {
        /// The server's address.
        server: String,
        /// Its alias, such as `debian/12`.
        alias: String,
    },
}

impl ImageOrigin {
    /// A human-readable title that identifies it: its name, and the key of its inputs or
    /// the server that it comes from.
    pub fn title(&self) -> String {
        match self {
            ImageOrigin::Built(image) => format!("{} ({})", image.name(), image.key()),
            ImageOrigin::Server { server, alias } => format!("{alias} of {server}"),
        }
    }

    /// The property of an imported image that identifies it.
    fn key(&self) -> String {
        match self {
            ImageOrigin::Built(image) => image.key(),
            ImageOrigin::Server { .. } => self.title(),
        }
    }
}

/// Whether an engine has an image.
///
/// # Errors
/// As of the engine.
pub async fn has_image(engine: &Engine, origin: &ImageOrigin) -> Result<bool, EngineError> {
    Ok(find(engine, &origin.key()).await?.is_some())
}

/// The fingerprint of the image with a key.
async fn find(engine: &Engine, key: &str) -> Result<Option<String>, EngineError> {
    let mut images = engine.images().await?.into_iter();
    let found = images.find(|found| found.properties.get(KEY).is_some_and(|own| own == key));
    Ok(found.map(|found| found.fingerprint))
}

/// The metadata of an image that does not come from a builder, as a tar.
///
/// # Errors
/// As of memory that is full.
pub fn image_metadata(origin: &ImageOrigin) -> io::Result<Vec<u8>> {
    metadata_tar(Vec::new(), &origin.key(), &origin.title())
}

/// Why an image is not available.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It could not be built.
    #[error(transparent)]
    Build(#[from] ImageError),
    /// It could not be looked up or imported.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The images of one engine. Many tasks may request the same one at once.
#[derive(Debug, Clone)]
pub struct ImageStore {
    engine: Engine,
    builder: Builder,
    locks: KeyedLocks,
}

impl ImageStore {
    /// A store in `engine` that builds with `builder`.
    pub fn new(engine: Engine, builder: Builder) -> Self {
        ImageStore {
            engine,
            builder,
            locks: KeyedLocks::default(),
        }
    }

    /// The image, in the form that a new container refers to.
    pub fn provide<'a>(
        &'a self,
        origin: &'a ImageOrigin,
    ) -> BoxFuture<'a, Result<ImageSource, StoreError>> {
        async move {
            let key = origin.key();
            let lock = self.locks.of(&key);
            let _held = lock.lock().await;
            if let Some(found) = find(&self.engine, &key).await? {
                return Ok(ImageSource::Fingerprint(found));
            }
            match origin {
                ImageOrigin::Built(image) => {
                    let built = self.builder.ensure(image).await?;
                    let imported = self.engine.import_image(&built).await?;
                    Ok(ImageSource::Fingerprint(imported))
                }
                ImageOrigin::Server { server, alias } => Ok(ImageSource::Remote {
                    server: server.clone(),
                    alias: alias.clone(),
                }),
            }
        }
        .boxed()
    }
}

/// One lock per key, created on first use.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyedLocks(Arc<Mutex<HashMap<String, Arc<AsyncMutex<()>>>>>);

impl KeyedLocks {
    pub(crate) fn of(&self, key: &str) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(key.to_owned()).or_default())
    }
}
