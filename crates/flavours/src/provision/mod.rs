//! Turns the definition of a flavour into a running server.
//!
//! Steps make a template, the golden child; every run starts from a copy of it. `step`
//! holds the steps, `template` the key of their result, and `provisioner` the
//! handling of a flavour's containers.

mod building;
mod cache_key;
mod context;
mod copies;
mod dump;
mod error;
mod provisioner;
mod setup;
mod statistics;
mod step;
mod template;
mod throwaway;
mod time_zones;

pub use cache_key::{cache_key, own_template_keys, suite_template_keys, upgrade_template_keys};
pub use context::{NestContext, replication_password};
pub use copies::{Copies, CopyError};
pub use error::{ProvisionError, SetupError};
pub use provisioner::{Provisioner, StartFrom};
pub use template::{template_key, template_keys};
