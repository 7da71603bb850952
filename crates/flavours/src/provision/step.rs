//! The steps from an image to a golden child. A new step needs a type and its place in
//! [`groups`].

use dbmatrix_containers::digest::Digest;
use dbmatrix_containers::nest::UserLogin;
use dbmatrix_report::event::Phase;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::building::Building;
use super::error::ProvisionError;
use super::provisioner::lines_of;
use super::setup::Setup;
use super::time_zones::load_time_zones;
use crate::matrix::Managed;
use crate::server::{RoutedUser, configure, install, pin, place_files, recipe, settle};

/// One step on the way to a golden child.
pub(super) trait Step: Send + Sync {
    /// Adds the inputs of the step that distinguish golden children.
    fn digest(&self, managed: &Managed, digest: &mut Digest);

    /// Applies the step in a container in which all earlier steps were applied.
    fn apply<'a>(
        &'a self,
        building: &'a mut Building<'_>,
    ) -> BoxFuture<'a, Result<(), ProvisionError>>;
}

/// The steps of a flavour, in order. The result of each group is kept as a golden child,
/// so that flavours with the same first groups share them.
pub(super) fn groups(managed: &Managed) -> Vec<Vec<&'static dyn Step>> {
    let mut groups: Vec<Vec<&dyn Step>> = vec![vec![&Install]];
    let mut server: Vec<&dyn Step> = Vec::new();
    if !managed.spec.files.is_empty() {
        server.push(&PlaceFiles);
    }
    server.extend([&Configure as &dyn Step, &Initialize]);
    if managed.spec.time_zones {
        server.push(&TimeZones);
    }
    server.push(&Settle);
    match (managed.shares_installation, groups.last_mut()) {
        (false, Some(install)) => install.extend(server),
        _ => groups.push(server),
    }
    if !managed.setup.is_empty() {
        groups.push(vec![&Setup::Flavour]);
    }
    if !managed.suite_setup.is_empty() {
        groups.push(vec![&Setup::Suite]);
    }
    groups
}

/// Installs the server without starting it.
struct Install;

/// Brings the user's own files into the container.
struct PlaceFiles;

/// Writes the server's settings and creates its user.
pub(super) struct Configure;

/// Starts the server for the first time, checks that it is the right one, and notes its
/// certificate.
struct Initialize;

/// Fills the server's tables of time zones.
struct TimeZones;

/// Removes what would slow down later starts.
struct Settle;

impl Step for Install {
    fn digest(&self, managed: &Managed, digest: &mut Digest) {
        managed.spec.digest_installation(digest);
        digest.text("recipe", &recipe::installation());
    }

    fn apply<'a>(
        &'a self,
        building: &'a mut Building<'_>,
    ) -> BoxFuture<'a, Result<(), ProvisionError>> {
        async {
            building.phase(Phase::Queued);
            let _permit = building.context.installing.acquire().await;
            building.phase(Phase::Installing);
            let Building { managed, child, .. } = building;
            let locked = managed.locked.as_ref();
            let locked = locked.map(|locked| locked.packages.as_slice());
            let added = install(child, &managed.spec, locked).await?;
            building.packages = lines_of(&added);
            Ok(())
        }
        .boxed()
    }
}

impl Step for PlaceFiles {
    fn digest(&self, managed: &Managed, digest: &mut Digest) {
        managed.spec.digest_files(digest);
        digest.text("recipe", &recipe::placing());
    }

    fn apply<'a>(
        &'a self,
        building: &'a mut Building<'_>,
    ) -> BoxFuture<'a, Result<(), ProvisionError>> {
        async {
            building.phase(Phase::Configuring);
            let Building { managed, child, .. } = building;
            Ok(place_files(child, &managed.spec.files).await?)
        }
        .boxed()
    }
}

impl Step for Configure {
    fn digest(&self, managed: &Managed, digest: &mut Digest) {
        managed.spec.digest_configuration(digest);
        digest.text("recipe", &recipe::configuration(&managed.spec));
    }

    fn apply<'a>(
        &'a self,
        building: &'a mut Building<'_>,
    ) -> BoxFuture<'a, Result<(), ProvisionError>> {
        async {
            building.phase(Phase::Configuring);
            let Building { managed, child, .. } = building;
            // The user of the golden child itself; each copy has one of its own.
            let user = RoutedUser {
                address: building.context.source,
                login: UserLogin {
                    database: managed.spec.login.database.clone(),
                    ..child.credentials.login.clone()
                },
            };
            Ok(configure(child, &managed.spec, &user).await?)
        }
        .boxed()
    }
}

impl Step for Initialize {
    fn digest(&self, _: &Managed, digest: &mut Digest) {
        digest.number("initialize", 1);
    }

    fn apply<'a>(
        &'a self,
        building: &'a mut Building<'_>,
    ) -> BoxFuture<'a, Result<(), ProvisionError>> {
        async {
            let server = building.start().await?;
            building.tls = pin(&server, building.child).await?;
            building.version = server.identity.full;
            Ok(())
        }
        .boxed()
    }
}

impl Step for TimeZones {
    fn digest(&self, _: &Managed, digest: &mut Digest) {
        digest.text("recipe", &recipe::time_zones());
    }

    fn apply<'a>(
        &'a self,
        building: &'a mut Building<'_>,
    ) -> BoxFuture<'a, Result<(), ProvisionError>> {
        async {
            building.phase(Phase::Configuring);
            load_time_zones(building).await
        }
        .boxed()
    }
}

impl Step for Settle {
    fn digest(&self, managed: &Managed, digest: &mut Digest) {
        managed.spec.digest_durability(digest);
        digest.text("recipe", &recipe::settling());
    }

    fn apply<'a>(
        &'a self,
        building: &'a mut Building<'_>,
    ) -> BoxFuture<'a, Result<(), ProvisionError>> {
        async {
            building.phase(Phase::Settling);
            Ok(settle(building.child, &building.managed.spec).await?)
        }
        .boxed()
    }
}
