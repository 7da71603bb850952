//! An engine that answers by a script and keeps nothing but what it heard.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use dbmatrix_engine::Engine;

use super::http::{Answer, listen};

/// Method, path, and all requests so far.
type Script = fn(&str, &str, &[String]) -> Answer;

/// An engine on a socket of its own, with all requests that it heard.
pub(crate) struct Fake {
    _folder: tempfile::TempDir,
    pub(crate) socket: PathBuf,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(crate) fn start(script: Script) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("engine.socket");
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&heard);
        listen(&socket, move |request| {
            let (method, path) = (request.method, request.path);
            let so_far = {
                let mut log = log.lock().expect("no test has panicked");
                log.push(format!("{method} {path}"));
                log.clone()
            };
            std::future::ready(script(&method, &path, &so_far))
        });
        Fake {
            _folder: folder,
            socket,
            heard,
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(&self.socket)
    }

    pub(crate) fn heard(&self, request: &str) -> bool {
        let heard = self.heard.lock().expect("no test has panicked");
        heard.iter().any(|line| line.starts_with(request))
    }
}
