//! Throwaway copies of golden children: they count as incomplete as long as they exist, so
//! that the next run removes what an interrupted one leaves.

use dbmatrix_engine::config;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::child::{Child, ChildAccess, Children};
use super::credential::Credentials;
use super::golden::Golden;
use super::{NestError, key};
use crate::name;

impl Children {
    /// A copy of the golden child that the child `of` came from. It is not started, and
    /// always counts as incomplete.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn throwaway(
        &self,
        of: &str,
        name: &str,
        access: &ChildAccess,
    ) -> Result<Child, NestError> {
        let found = self.nest.engine.instance(of).await?;
        let found = found.map(|found| found.config).unwrap_or_default();
        let key = found.get(key::KEY).cloned();
        let golden = Golden {
            name: name::golden(&key.unwrap_or_default()),
            version: String::new(),
            packages: String::new(),
            tls: Credentials::of_config(&self.nest, &found).tls,
        };
        self.throwaway_of(&golden, of, name, access).await
    }

    /// Like [`Children::throwaway`], from another golden child of the child's flavour.
    ///
    /// # Errors
    /// As of the engine.
    pub fn throwaway_of<'a>(
        &'a self,
        golden: &'a Golden,
        of: &'a str,
        name: &'a str,
        access: &'a ChildAccess,
    ) -> BoxFuture<'a, Result<Child, NestError>> {
        async move {
            let title = format!("copy of {of}");
            let noted = config([
                (key::STAGE, "making"),
                (key::GOLDEN, ""),
                (key::SERVER, &title),
            ]);
            self.copy(golden, name, noted, Some(access)).await
        }
        .boxed()
    }

    /// Keeps a throwaway copy as the child of a flavour of its own, so that users can look
    /// at it; `server` is its server for listings. Returns whether there is one.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn keep_throwaway(
        &self,
        name: &str,
        flavour: &str,
        server: &str,
    ) -> Result<bool, NestError> {
        let engine = &self.nest.engine;
        let Some(found) = engine.instance(name).await? else {
            return Ok(false);
        };
        let noted = config([
            (key::STAGE, "ready"),
            (key::FLAVOUR, flavour),
            (key::SERVER, server),
        ]);
        engine.configure_instance(&found.name, &noted).await?;
        Ok(true)
    }
}
