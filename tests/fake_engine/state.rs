//! An engine that keeps containers, images and volumes in memory, so that a test
//! can say which are there after something has gone wrong.
//!
//! It speaks as Incus 6.0 does where dbmatrix listens. What it is asked to do has
//! a name of a few words, such as `copy golden--k as mysql-9-7` (see [`Act`]); by
//! these, troubles are set and what happened is told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use dbmatrix_engine::{Config, Devices, Engine};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::act::{Act, Kind};
use super::http::{Answer, Request, listen};
use super::trouble::{Trouble, Troubles};

/// Where the containers' records of themselves begin.
const OWN: &str = "user.dbmatrix.";
/// The image that a container was made from.
const BASE: &str = "volatile.base_image";

/// An engine on a socket of its own.
pub(crate) struct Stateful {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    state: Arc<Mutex<State>>,
}

/// What the engine keeps.
#[derive(Debug, Default)]
struct State {
    containers: BTreeMap<String, Container>,
    images: BTreeSet<String>,
    volumes: BTreeSet<String>,
    operations: Vec<Operation>,
    troubles: Troubles,
    /// What programs write.
    written: String,
    heard: Vec<String>,
    /// How many containers were made.
    made: usize,
}

#[derive(Debug, Clone)]
struct Container {
    status: &'static str,
    created_at: String,
    config: Config,
    devices: Devices,
    is_packed: bool,
}

#[derive(Debug, Clone)]
enum Operation {
    Done(Value),
    Failed(&'static str),
    Endless,
}

impl Stateful {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = folder.path().join("engine.socket");
        let state: Arc<Mutex<State>> = Arc::default();
        let kept = Arc::clone(&state);
        listen(&socket, move |request| answer(Arc::clone(&kept), request));
        Stateful {
            _folder: folder,
            socket,
            state,
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(&self.socket)
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test has panicked")
    }

    /// From now on this goes wrong once.
    pub(crate) fn once(&self, act: &str, trouble: Trouble) {
        self.times(1, act, trouble);
    }

    /// From now on this goes wrong so many times.
    pub(crate) fn times(&self, times: usize, act: &str, trouble: Trouble) {
        self.state().troubles.add(act, trouble, times);
    }

    /// From now on this goes wrong.
    pub(crate) fn always(&self, act: &str, trouble: Trouble) {
        self.times(usize::MAX, act, trouble);
    }

    /// From now on all goes well.
    pub(crate) fn recover(&self) {
        self.state().troubles.clear();
    }

    /// A container that is just there, whole, and made by dbmatrix; `own` are
    /// further records of its own.
    pub(crate) fn put(&self, name: &str, status: &'static str, own: &[(&str, &str)]) {
        let whole = [("owner", "dbmatrix"), ("stage", "ready")];
        let records = whole.iter().chain(own);
        let config = records.map(|(key, value)| (format!("{OWN}{key}"), (*value).to_owned()));
        self.state()
            .add(name, status, config.collect(), Devices::new());
    }

    /// A container of somebody else.
    pub(crate) fn put_foreign(&self, name: &str) {
        let mut state = self.state();
        state.add(name, "Running", Config::new(), Devices::new());
    }

    pub(crate) fn put_device(&self, name: &str, device: &str, settings: Config) {
        let mut state = self.state();
        let container = state.containers.get_mut(name).expect("it is there");
        container.devices.insert(device.to_owned(), settings);
    }

    pub(crate) fn put_settings(&self, name: &str, settings: &[(&str, &str)]) {
        let mut state = self.state();
        let container = state.containers.get_mut(name).expect("it is there");
        let settings = settings.iter().map(|(key, value)| (*key, *value));
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
        container.config.extend(settings);
    }

    pub(crate) fn put_image(&self, fingerprint: &str) {
        self.state().images.insert(fingerprint.to_owned());
    }

    pub(crate) fn put_volume(&self, name: &str) {
        self.state().volumes.insert(name.to_owned());
    }

    /// What programs write from now on.
    pub(crate) fn write(&self, text: &str) {
        text.clone_into(&mut self.state().written);
    }

    /// A container is made from that image.
    pub(crate) fn base(&self, name: &str, image: &str) {
        let mut state = self.state();
        let container = state.containers.get_mut(name).expect("it is there");
        container.config.insert(BASE.to_owned(), image.to_owned());
    }

    /// All containers, such as `mysql-9-7: running, fresh`, by name.
    pub(crate) fn there(&self) -> Vec<String> {
        let state = self.state();
        let all = state.containers.iter();
        all.map(|(name, container)| format!("{name}: {}", container.words()))
            .collect()
    }

    /// What a container records of itself; empty where it does not.
    pub(crate) fn record(&self, name: &str, key: &str) -> String {
        let state = self.state();
        let container = state.containers.get(name).expect("it is there");
        let found = container.config.get(&format!("{OWN}{key}"));
        found.cloned().unwrap_or_default()
    }

    /// A setting of a container; empty where it has none.
    pub(crate) fn setting(&self, name: &str, key: &str) -> String {
        let state = self.state();
        let container = state.containers.get(name).expect("it is there");
        container.config.get(key).cloned().unwrap_or_default()
    }

    pub(crate) fn images(&self) -> Vec<String> {
        self.state().images.iter().cloned().collect()
    }

    pub(crate) fn volumes(&self) -> Vec<String> {
        self.state().volumes.iter().cloned().collect()
    }

    /// How often it was asked to do this.
    pub(crate) fn heard(&self, act: &str) -> usize {
        let state = self.state();
        state.heard.iter().filter(|words| *words == act).count()
    }

    /// What it was asked to do, in order.
    pub(crate) fn acts(&self) -> Vec<String> {
        self.state().heard.clone()
    }

    /// How often it was asked to change anything.
    pub(crate) fn changes(&self) -> usize {
        let state = self.state();
        // What a program wrote is deleted when it has been read.
        let looks = ["list", "look at ", "GET ", "run in ", "DELETE "];
        let is_change = |words: &&String| !looks.iter().any(|look| words.starts_with(look));
        state.heard.iter().filter(is_change).count()
    }
}

/// Waiting is the one thing that takes time.
async fn answer(state: Arc<Mutex<State>>, request: Request) -> Answer {
    let locked = || state.lock().expect("no test has panicked");
    let Some(rest) = request.path.strip_prefix("/1.0/operations/op-") else {
        return locked().answer(&request);
    };
    let (number, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let found = match number.parse::<usize>() {
        Ok(number) if request.method == "DELETE" => locked().cancel(number),
        Ok(number) => locked().operations.get(number).cloned(),
        Err(_) => None,
    };
    match found {
        None => Answer::Error(404, "operation not found"),
        Some(Operation::Done(metadata)) => {
            Answer::Sync(json!({ "status_code": 200, "metadata": metadata }))
        }
        Some(Operation::Failed(text)) => Answer::Sync(json!({ "status_code": 400, "err": text })),
        Some(Operation::Endless) => {
            let seconds = rest.strip_prefix("wait?timeout=").unwrap_or_default();
            let seconds = seconds.split('&').next().and_then(|held| held.parse().ok());
            sleep(Duration::from_secs(seconds.unwrap_or(0))).await;
            Answer::Sync(json!({ "status_code": 103 }))
        }
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        let act = Act::read(request);
        self.heard.push(act.words.clone());
        let trouble = self.troubles.befall(&act.words);
        match trouble {
            Some(Trouble::Refused(code, text)) => Answer::Error(code, text),
            Some(Trouble::Failed(text)) => self.begin(Operation::Failed(text)),
            Some(Trouble::Lost) => Answer::HangUp,
            Some(Trouble::LostAfterwards) => {
                self.perform(&act, &request.body);
                Answer::HangUp
            }
            Some(Trouble::Endless) => {
                self.perform(&act, &request.body);
                self.begin(Operation::Endless)
            }
            None => self.perform(&act, &request.body),
        }
    }

    fn begin(&mut self, operation: Operation) -> Answer {
        self.operations.push(operation);
        Answer::Began(self.operations.len() - 1)
    }

    fn done(&mut self) -> Answer {
        self.begin(Operation::Done(json!({})))
    }

    fn cancel(&mut self, number: usize) -> Option<Operation> {
        let operation = self.operations.get_mut(number)?;
        *operation = Operation::Failed("cancelled");
        Some(Operation::Done(json!({})))
    }

    fn add(&mut self, name: &str, status: &'static str, config: Config, devices: Devices) {
        self.made += 1;
        let created_at = format!("2026-11-24T05:{:02}:{:02}Z", self.made / 60, self.made % 60);
        let container = Container {
            status,
            created_at,
            config,
            devices,
            is_packed: false,
        };
        self.containers.insert(name.to_owned(), container);
    }

    fn perform(&mut self, act: &Act, body: &Value) -> Answer {
        let name = act.name.as_str();
        let direct = || Answer::Sync(json!({}));
        match act.kind {
            Kind::Make | Kind::Copy | Kind::Unpack if self.containers.contains_key(name) => {
                Answer::Error(409, "This \"Instance\" entry already exists")
            }
            Kind::Make => self.make(name, body),
            Kind::Copy => self.copy(name, body),
            Kind::Unpack => {
                self.add(name, "Stopped", settings(body), Devices::new());
                self.done()
            }
            Kind::List => {
                let shown = self.containers.iter().map(|(name, one)| one.shown(name));
                Answer::Sync(shown.collect())
            }
            Kind::ListImages => {
                let shown = self.images.iter().map(|image| {
                    let title = format!("the image {image}");
                    json!({ "fingerprint": image, "properties": { "description": title } })
                });
                Answer::Sync(shown.collect())
            }
            Kind::RemoveImage if self.images.remove(name) => self.done(),
            Kind::RemoveImage => Answer::Error(404, "Image not found"),
            Kind::ListVolumes => {
                let pool = "/1.0/storage-pools/default/volumes/custom";
                let shown = self.volumes.iter().map(|name| format!("{pool}/{name}"));
                Answer::Sync(shown.collect())
            }
            Kind::MakeVolume if self.volumes.insert(name.to_owned()) => direct(),
            Kind::MakeVolume => Answer::Error(409, "Volume by that name already exists"),
            Kind::RemoveVolume if self.volumes.remove(name) => direct(),
            Kind::RemoveVolume => Answer::Error(404, "Storage volume not found"),
            Kind::Other => self.other(&act.words),
            _ => self.with_container(act, body),
        }
    }

    fn other(&self, words: &str) -> Answer {
        match words {
            "GET /1.0" => Answer::Sync(json!({
                "auth": "trusted",
                "environment": { "server": "incus", "server_version": "6.0.4" },
            })),
            _ if words.starts_with("GET /1.0/projects/") => {
                let owned = json!({ "user.dbmatrix.owner": "dbmatrix" });
                Answer::Sync(json!({ "config": owned }))
            }
            "GET /1.0/projects" => {
                let owned = json!({ "user.dbmatrix.owner": "dbmatrix" });
                Answer::Sync(json!([{ "name": super::listing::PROJECT, "config": owned }]))
            }
            // Cached files count, as they do where there is a memory controller.
            _ if words.ends_with("/state") => {
                let name = words.split('/').nth_back(1).unwrap_or_default();
                let is_up = |one: &Container| one.status != "Stopped";
                let network = self.containers.get(name).filter(|one| is_up(one));
                let network =
                    network.map(|_| json!({ "eth0": { "host_name": format!("veth-{name}") } }));
                Answer::Sync(json!({ "memory": { "usage": 4_u64 << 30 }, "network": network }))
            }
            _ if words.ends_with("/logs/written") => Answer::Text(self.written.clone()),
            "GET /internal/ready" => Answer::Sync(json!({})),
            _ => Answer::Error(404, "not found"),
        }
    }

    fn make(&mut self, name: &str, body: &Value) -> Answer {
        let source = &body["source"];
        let image = match source["alias"].as_str() {
            Some(alias) => {
                self.images.insert(alias.to_owned());
                alias
            }
            None => source["fingerprint"].as_str().unwrap_or_default(),
        };
        if !self.images.contains(image) {
            return Answer::Error(404, "Image not found");
        }
        let mut config: Config = settings(&body["config"]);
        config.insert(BASE.to_owned(), image.to_owned());
        self.add(name, "Stopped", config, settings(&body["devices"]));
        self.done()
    }

    /// A copy has all of the other one that is not said anew.
    fn copy(&mut self, name: &str, body: &Value) -> Answer {
        let of = body["source"]["source"].as_str().unwrap_or_default();
        let Some(of) = self.containers.get(of).cloned() else {
            return Answer::Error(404, "Instance not found");
        };
        let (mut config, mut devices) = (of.config, of.devices);
        config.extend(settings::<Config>(&body["config"]));
        config.retain(|_, value| !value.is_empty());
        devices.extend(settings::<Devices>(&body["devices"]));
        self.add(name, "Stopped", config, devices);
        self.done()
    }

    /// What needs a container that is there.
    fn with_container(&mut self, act: &Act, body: &Value) -> Answer {
        let Some(container) = self.containers.get_mut(&act.name) else {
            return Answer::Error(404, "Instance not found");
        };
        let up = container.status != "Stopped";
        match act.kind {
            Kind::LookAt => return Answer::Sync(container.shown(&act.name)),
            Kind::ReadPacked if container.is_packed => {
                return Answer::Text(json!(container.config).to_string());
            }
            Kind::Pack => container.is_packed = true,
            Kind::WriteIn => return Answer::Sync(json!({})),
            Kind::Set => {
                container.config.extend(settings::<Config>(&body["config"]));
                container.config.retain(|_, value| !value.is_empty());
                return Answer::Sync(json!({}));
            }
            Kind::Change => {
                container.config = settings(&body["config"]);
                container.devices = settings(&body["devices"]);
            }
            Kind::Remove if up => return Answer::Error(400, "Instance is running"),
            Kind::Remove => drop(self.containers.remove(&act.name)),
            Kind::RunIn if container.status != "Running" => {
                return Answer::Error(400, "Instance is not running");
            }
            Kind::RunIn => {
                let output = format!("/1.0/instances/{}/logs/written", act.name);
                let metadata = json!({ "return": 0, "output": { "1": output } });
                return self.begin(Operation::Done(metadata));
            }
            Kind::Power(verb) => match container.turn(verb) {
                Ok(status) => container.status = status,
                Err(text) => return self.begin(Operation::Failed(text)),
            },
            _ => return Answer::Error(404, "not found"),
        }
        self.done()
    }
}

impl Container {
    fn shown(&self, name: &str) -> Value {
        json!({
            "name": name, "status": self.status, "created_at": self.created_at,
            "config": self.config, "devices": self.devices, "snapshots": [],
        })
    }

    /// What it is after that, or why it is not.
    fn turn(&self, verb: &str) -> Result<&'static str, &'static str> {
        match (verb, self.status) {
            ("start", "Stopped") => Ok("Running"),
            ("start", _) => Err("The instance is already running"),
            ("stop" | "kill", "Stopped") => Err("The instance is already stopped"),
            ("stop", "Frozen") => Err("The instance is frozen"),
            ("stop" | "kill", _) => Ok("Stopped"),
            ("freeze", "Running") => Ok("Frozen"),
            ("thaw", "Frozen") => Ok("Running"),
            (_, _) => Err("The instance is not running or frozen"),
        }
    }

    fn words(&self) -> String {
        let own = |key: &str| self.config.get(&format!("{OWN}{key}"));
        let mut words = vec![self.status.to_lowercase()];
        if own("stage").is_some_and(|stage| stage != "ready") {
            words.push("incomplete".to_owned());
        }
        let marks = ["golden", "ahead", "fresh"].into_iter();
        words.extend(marks.filter(|mark| own(mark).is_some()).map(str::to_owned));
        words.join(", ")
    }
}

fn settings<T: serde::de::DeserializeOwned>(body: &Value) -> T {
    serde_json::from_value(body.clone()).expect("settings as the API has them")
}
