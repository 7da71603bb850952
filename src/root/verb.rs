//! Executes a request as root.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use dbmatrix_containers::host::{
    EngineProbe, EngineProject, Names, detect_engine, install, make_run_folder, refresh_lists,
    run_folder, running_engine, stop_own_daemon,
};
use dbmatrix_containers::nest::Nest;
use dbmatrix_containers::route::Routes;
use dbmatrix_engine::Engine;
use dbmatrix_engine::privilege::{Answer, Request};
use dbmatrix_platform::socket::{AsyncStream, Stream};
use dbmatrix_run::Lock;
use ipnet::Ipv4Net;

use super::Scope;
use super::check::{
    check_engine, check_lock, check_name, check_packages, check_route, check_socket,
    check_socket_name,
};
use super::serve::Service;

/// The answer, with an optional connection; errors are human-readable.
type Done = Result<(Answer, Option<Stream>), String>;

pub(super) async fn perform_request(service: &Service, request: Request) -> Done {
    let scope = &service.scope;
    let done = |()| (Answer::Done, None);
    match request {
        Request::Connect { socket } => connect(scope, &socket).await,
        Request::RefreshPackageLists { packages } => {
            check_packages(&packages)?;
            refresh_lists(&packages).await.map(done).map_err(message_of)
        }
        Request::InstallPackages { packages } => {
            check_packages(&packages)?;
            install(&packages).await.map(done).map_err(message_of)
        }
        Request::StartEngine => {
            check_engine(scope)?;
            let found = detect_engine(&scope.engine).await;
            running_engine(&found).await.map_err(message_of)?;
            Ok(done(()))
        }
        Request::StopEngine => match stop_own_daemon().await.map_err(message_of)? {
            true => Ok(done(())),
            false => Ok((Answer::Nothing, None)),
        },
        Request::CachePool => {
            let engine = running(scope).await?;
            EngineProject::cache_pool(&engine, &Names::of(&scope.project))
                .await
                .map(done)
                .map_err(message_of)
        }
        Request::MakeRunFolder => make_run_folder().map(done).map_err(message_of),
        Request::RemoveRunFolder => match fs::remove_dir(run_folder()) {
            Ok(()) => Ok(done(())),
            Err(_) => Ok((Answer::Nothing, None)),
        },
        Request::Lock { name } => lock(service, name),
        Request::Unlock { name } => match service.locks().remove(&name) {
            Some(_) => Ok(done(())),
            None => Ok((Answer::Nothing, None)),
        },
        Request::RemoveSocket { name } => remove_socket(&name),
        Request::SetRoute { nest } => set_route(scope, &nest).await.map(done),
        Request::RemoveRoute { network, prefix } => {
            let subnet = Ipv4Net::new(network, prefix).map_err(message_of)?;
            let routes = Routes::open().map_err(message_of)?;
            routes.remove(subnet).await.map(done).map_err(message_of)
        }
        Request::RemoveBridge => {
            let engine = running(scope).await?;
            let names = Names::of(&scope.project);
            EngineProject::remove_bridge(&engine, &names)
                .await
                .map(done)
                .map_err(message_of)
        }
    }
}

fn message_of(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The running engine; starts nothing.
async fn running(scope: &Scope) -> Result<Engine, String> {
    check_engine(scope)?;
    match detect_engine(&scope.engine).await {
        EngineProbe::Running(engine) => Ok(engine),
        EngineProbe::Installed(kind) | EngineProbe::Absent(kind) => Err(format!(
            "expected a running engine, found none ({kind}); run the same command again"
        )),
    }
}

async fn connect(scope: &Scope, socket: &Path) -> Done {
    check_socket(scope, socket).await?;
    let opened = AsyncStream::connect(socket).await;
    let opened = opened.and_then(AsyncStream::into_std);
    let opened = opened.and_then(|stream| stream.set_nonblocking(false).map(|()| stream));
    match opened {
        Ok(stream) => Ok((Answer::Done, Some(stream))),
        Err(error) => Err(format!(
            "could not connect to `{}`: {error}",
            socket.display()
        )),
    }
}

fn lock(service: &Service, name: String) -> Done {
    check_lock(&service.scope, &name)?;
    let holder = service.user.process();
    let Some(lock) = Lock::try_take_for(&name, holder).map_err(message_of)? else {
        return Ok((Answer::Nothing, None));
    };
    service.locks().insert(name, lock);
    Ok((Answer::Done, None))
}

fn remove_socket(name: &str) -> Done {
    check_socket_name(name)?;
    let path = run_folder().join(name);
    let is_refused = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionRefused;
    match Stream::connect(&path) {
        Err(error) if is_refused(&error) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Answer::Nothing, None)),
        Ok(_) => {
            return Err(format!(
                "expected that nobody listens on `{name}`, found that somebody does"
            ));
        }
        Err(error) => return Err(format!("could not look at socket `{name}`: {error}")),
    }
    match fs::remove_file(path) {
        Ok(()) => Ok((Answer::Done, None)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((Answer::Nothing, None)),
        Err(error) => Err(format!("could not remove socket `{name}`: {error}")),
    }
}

/// The user names a nest; root asks the engine for its children's subnet and access.
async fn set_route(scope: &Scope, name: &str) -> Result<(), String> {
    check_name(name)?;
    let engine = running(scope).await?;
    let names = Names::of(&scope.project);
    EngineProject::check_owner(&engine, &names)
        .await
        .map_err(message_of)?;
    let inside = engine.in_project(&names.project);
    let nest = Nest::find(&inside, name, &names.bridge).await;
    let nest = nest
        .map_err(message_of)?
        .ok_or_else(|| format!("expected nest `{name}` in the engine, found none"))?;
    check_route(&engine, &names, &nest).await?;
    nest.ensure_route().await.map_err(message_of)
}
