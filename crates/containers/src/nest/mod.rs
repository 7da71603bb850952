//! The nesting container, its inner engine and the child containers.
//!
//! A nest is a container of the host's engine that runs another engine; each flavour is a
//! child container of that one. Knows addresses and life cycles; knows no server.

mod access;
mod address;
mod apt;
mod cache;
mod certificates;
mod child;
mod credential;
mod error;
mod export;
mod forward;
mod golden;
mod import;
mod incoming;
mod info;
mod inner;
mod limits;
mod link;
mod listing;
mod locate;
mod maintenance;
mod outer;
mod packed;
mod prune;
mod removal;
mod role;
mod schema;
mod server_socket;
mod slots;
mod snapshot;
mod socket;
mod status;
mod throwaway;
mod usage;

pub use access::{Access, AccessError, Endpoint, Proxies, Reach};
pub use apt::PACKAGE_CACHE;
pub use cache::{
    CacheError, CacheFile, Restored, SaveRequest, complete_keys, is_restored, note_restored,
    restore as restore_cache, restore_nest_image, save as save_cache,
};
pub use certificates::ClientCertificates;
pub use child::{Child, ChildAccess, ChildFile, ChildSpec, Children, Stage};
pub use credential::{Credentials, UserLogin};
pub use error::NestError;
pub use export::ExportSession;
pub use forward::{Forward, Forwards, Port};
pub use golden::{Golden, Making, Purpose, StopPatience, golden_keys, sync};
pub use import::Import;
pub use incoming::IncomingContainer;
pub use info::{ContainerInfo, ContainerKind, ContainerState};
pub use inner::nest_image;
pub use limits::{NestLimits, UnmetLimit};
pub use listing::{FindError, list_all, wake_nests};
pub use locate::{Located, choose, labels, locate, locate_all};
pub use maintenance::{MaintenanceError, StopMode};
pub use outer::{Nest, NestSettings, destroy_nest, existing_nests, remove_incomplete, subnet_of};
pub use packed::index as read_index;
pub use packed::{Manifest, ManifestError, Unpacked, compressed, unpacked};
pub use prune::{Pruned, Pruning, prune};
pub use role::{MemberRole, note_role};
pub use schema::TEMPLATE_VERSION;
pub use snapshot::SnapshotConsistency;
pub use socket::socket_of;
pub use status::{Inner, NestStatus, inspect};
pub use usage::{Memory, read as read_disk_usage};
pub use usage::{disk_usage, measure};

/// Keys on containers; the engine is the only record of what dbmatrix owns.
mod key {
    pub(super) use crate::host::OWNER;
    /// Progress of the making: `making` or `ready`.
    pub(super) const STAGE: &str = "user.dbmatrix.stage";
    /// Version of these keys.
    pub(super) const SCHEMA: &str = "user.dbmatrix.schema";
    /// Version of how the keys of children are derived.
    pub(super) const TEMPLATE_VERSION: &str = "user.dbmatrix.template-version";
    /// Digest of all inputs; a container with another one is replaced.
    pub(super) const KEY: &str = "user.dbmatrix.key";
    /// The fixed IPv4 address.
    pub(super) const ADDRESS: &str = "user.dbmatrix.address";
    /// A nest's inner subnet.
    pub(super) const SUBNET: &str = "user.dbmatrix.subnet";
    /// How the host reaches a nest's children: `route`, `proxy` or `forward`.
    pub(super) const ACCESS: &str = "user.dbmatrix.access";
    /// For a nest, the secret from which its flavours' passwords are derived; for a
    /// child, the routed user's password.
    pub(super) const PASSWORD: &str = "user.dbmatrix.password";
    /// The name of a child's routed user, if it is not the usual one.
    pub(super) const USER: &str = "user.dbmatrix.user";
    /// The database that commands on a child use, if its matrix names one.
    pub(super) const DATABASE: &str = "user.dbmatrix.database";
    /// How connections to a child's server are protected: `plain`, or the certificate
    /// (PEM) that authenticates it.
    pub(super) const TLS: &str = "user.dbmatrix.tls";
    /// The user's own files for clients of a child's server: the certificate authority,
    /// and a client's certificate and key.
    pub(super) const CLIENT_CA: &str = "user.dbmatrix.client-ca";
    pub(super) const CLIENT_CERTIFICATE: &str = "user.dbmatrix.client-certificate";
    pub(super) const CLIENT_KEY: &str = "user.dbmatrix.client-key";
    /// The name of a child's flavour.
    pub(super) const FLAVOUR: &str = "user.dbmatrix.flavour";
    /// A child's server, such as `mysql:9.7`.
    pub(super) const SERVER: &str = "user.dbmatrix.server";
    /// The version that a child's server reported when its golden child was made.
    pub(super) const VERSION: &str = "user.dbmatrix.version";
    /// The packages that make up a child's server.
    pub(super) const PACKAGES: &str = "user.dbmatrix.packages";
    /// The address from which a child's server accepts logins.
    pub(super) const CLIENT: &str = "user.dbmatrix.client";
    /// Set on a golden child.
    pub(super) const GOLDEN: &str = "user.dbmatrix.golden";
    /// Set on a copy that was made for a future run.
    pub(super) const STANDBY: &str = "user.dbmatrix.ahead";
    /// Set on an imported child, which belongs to no matrix.
    pub(super) const IMPORTED: &str = "user.dbmatrix.imported";
    /// Identifies a packed child.
    pub(super) const TRANSFER_ID: &str = "user.dbmatrix.parcel";
    /// For a nest, the key of the matrix whose cache it was restored from; for a golden
    /// child, the checksum of the cache.
    pub(super) const CACHE: &str = "user.dbmatrix.cache";
    /// For a nest, the repositories that its children cannot reach: see the servers'
    /// sources.
    pub(super) const UNREACHED: &str = "user.dbmatrix.unreached";
    /// The engine's end of the interface by which a child was cut off from the network. A
    /// restart gives it another one, which is not cut off.
    pub(super) const CUT: &str = "user.dbmatrix.cut";
    /// The part of a child in its flavour since a promotion; `source`, `replica` or
    /// `detached`.
    pub(super) const ROLE: &str = "user.dbmatrix.role";
    /// Set on a child that is identical to its golden child because it is unused.
    pub(super) const FRESH: &str = "user.dbmatrix.fresh";
}
