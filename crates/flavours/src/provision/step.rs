//! The steps from an image to a golden child. A new step needs a variant with what it takes in
//! and what it does, and its place in [`groups`].

use dbmatrix_containers::digest::Digest;
use dbmatrix_containers::nest::UserLogin;
use dbmatrix_report::event::Phase;

use super::building::{Building, START_TIMEOUT, log_in_as_wanted};
use super::error::ProvisionError;
use super::provisioner::lines_of;
use super::setup::{digest_files, run_files};
use super::time_zones::load_time_zones;
use crate::matrix::Managed;
use crate::server::{
    RoutedUser, ServerSpec, begin_history, configure, install, pin, place_files, recipe,
    renew_identity, settle, started,
};

/// One step on the way to a golden child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Installs the server without starting it.
    Install,
    /// Brings the user's own files into the container.
    PlaceFiles,
    /// Writes the server's settings and creates its user.
    Configure,
    /// Starts the server for the first time, checks that it is the right one, and notes its
    /// certificate.
    Initialize,
    /// Fills the server's tables of time zones.
    TimeZones,
    /// Removes what would slow down later starts.
    Settle,
    /// Makes it a member of a flavour with several servers, with a binary log of its own.
    Join,
    /// Runs the flavour's own files of statements.
    Setup,
    /// Runs those of a suite.
    SuiteSetup,
}

/// The steps of a flavour, in order. The result of each group is kept as a golden child,
/// so that flavours with the same first groups share them.
pub(super) fn groups(managed: &Managed) -> Vec<Vec<Step>> {
    let mut groups = vec![vec![Step::Install]];
    let mut server = Vec::new();
    if !managed.spec.files.is_empty() {
        server.push(Step::PlaceFiles);
    }
    server.extend([Step::Configure, Step::Initialize]);
    if managed.spec.time_zones {
        server.push(Step::TimeZones);
    }
    server.push(Step::Settle);
    match (managed.shares_installation, groups.last_mut()) {
        (false, Some(install)) => install.extend(server),
        _ => groups.push(server),
    }
    if managed.spec.member.is_some() {
        groups.push(vec![Step::Join]);
    }
    if !managed.setup.is_empty() {
        groups.push(vec![Step::Setup]);
    }
    if !managed.suite_setup.is_empty() {
        groups.push(vec![Step::SuiteSetup]);
    }
    groups
}

impl Step {
    /// Adds the inputs of the step that distinguish golden children.
    pub(super) fn digest(self, managed: &Managed, digest: &mut Digest) {
        let spec = &managed.spec;
        let recipe = match self {
            Step::Install => {
                spec.digest_installation(digest);
                recipe::installation()
            }
            Step::PlaceFiles => {
                spec.digest_files(digest);
                recipe::placing()
            }
            Step::Configure => {
                spec.digest_configuration(digest);
                recipe::configuration(&spec.alone())
            }
            Step::Initialize => {
                digest.number("initialize", 1);
                return;
            }
            Step::TimeZones => recipe::time_zones(),
            Step::Settle => {
                spec.digest_durability(digest);
                recipe::settling()
            }
            Step::Join => {
                if let Some(member) = spec.member {
                    member.digest(digest);
                }
                [recipe::configuration(spec), recipe::membership()].concat()
            }
            Step::Setup => return digest_files(&managed.setup, digest),
            Step::SuiteSetup => return digest_files(&managed.suite_setup, digest),
        };
        digest.text("recipe", &recipe);
    }

    /// Applies the step in a container in which all earlier steps were applied.
    pub(super) async fn apply(self, building: &mut Building<'_>) -> Result<(), ProvisionError> {
        let Building { managed, child, .. } = *building;
        match self {
            Step::Install => install_server(building).await,
            Step::PlaceFiles => {
                building.phase(Phase::Configuring);
                Ok(place_files(child, &managed.spec.files).await?)
            }
            Step::Configure => configure_server(building, &managed.spec.alone()).await,
            Step::Initialize => {
                let server = building.start().await?;
                building.tls = pin(&server, child).await?;
                building.version = server.identity.full;
                Ok(())
            }
            Step::TimeZones => {
                building.phase(Phase::Configuring);
                load_time_zones(building).await
            }
            Step::Settle => {
                building.phase(Phase::Settling);
                Ok(settle(child, &managed.spec).await?)
            }
            Step::Join => join(building).await,
            Step::Setup => run_files(building, &managed.setup).await,
            Step::SuiteSetup => run_files(building, &managed.suite_setup).await,
        }
    }
}

async fn install_server(building: &mut Building<'_>) -> Result<(), ProvisionError> {
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

/// Writes the server's settings, and the user's who logs in to it.
pub(super) async fn configure_server(
    building: &Building<'_>,
    spec: &ServerSpec,
) -> Result<(), ProvisionError> {
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
    Ok(configure(child, spec, &user).await?)
}

/// The container is a copy, which starts its server by itself.
async fn join(building: &Building<'_>) -> Result<(), ProvisionError> {
    let Building {
        context,
        managed,
        child,
        ..
    } = *building;
    building.phase(Phase::LoggingIn);
    let login = log_in_as_wanted(context, child, managed, START_TIMEOUT);
    started(child, &managed.spec, login).await?;
    configure_server(building, &managed.spec).await?;
    renew_identity(child, &managed.spec).await?;
    let server = building.start().await?;
    match managed.spec.member {
        Some(member) if member.topology.needs_binary_log() => Ok(begin_history(&server).await?),
        _ => Ok(()),
    }
}
