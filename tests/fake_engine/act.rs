//! What an engine is asked to do, in a few words.

use serde_json::{Value, json};

use super::http::Request;

/// What an engine is asked to do, as its words say.
#[derive(Debug)]
pub(crate) struct Act {
    pub(crate) words: String,
    pub(crate) kind: Kind,
    /// Of what it is about.
    pub(crate) name: String,
}

#[derive(Debug)]
pub(crate) enum Kind {
    List,
    LookAt,
    Make,
    Copy,
    Pack,
    ReadPacked,
    Unpack,
    Set,
    Change,
    Power(&'static str),
    Remove,
    RunIn,
    WriteIn,
    ListImages,
    RemoveImage,
    ListVolumes,
    MakeVolume,
    RemoveVolume,
    Other,
}

impl Act {
    pub(crate) fn read(request: &Request) -> Self {
        let plain = request.path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = plain.split('/').skip(2).collect();
        let named = request.body["name"].as_str().unwrap_or_default();
        let source = &request.body["source"];
        let (kind, words, name) = match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["instances"]) => (Kind::List, "list".to_owned(), ""),
            ("GET", ["instances", name]) => (Kind::LookAt, format!("look at {name}"), *name),
            ("POST", ["instances"]) => match (source["source"].as_str(), &request.unpacked_as) {
                (_, Some(name)) => (Kind::Unpack, format!("unpack {name}"), name.as_str()),
                (Some(of), None) => (Kind::Copy, format!("copy {of} as {named}"), named),
                (None, None) => (Kind::Make, format!("make {named}"), named),
            },
            ("POST", ["instances", name, "backups"]) => (Kind::Pack, format!("pack {name}"), *name),
            ("GET", ["instances", name, "backups", _, "export"]) => {
                (Kind::ReadPacked, format!("read packed {name}"), *name)
            }
            ("PATCH", ["instances", name]) => (Kind::Set, format!("set {name}"), *name),
            ("PUT", ["instances", name]) => (Kind::Change, format!("change {name}"), *name),
            ("PUT", ["instances", name, "state"]) => {
                let verb = verb(&request.body);
                (Kind::Power(verb), format!("{verb} {name}"), *name)
            }
            ("DELETE", ["instances", name]) => (Kind::Remove, format!("remove {name}"), *name),
            ("POST", ["instances", name, "exec"]) => (Kind::RunIn, format!("run in {name}"), *name),
            ("POST", ["instances", name, "files"]) => {
                (Kind::WriteIn, format!("write in {name}"), *name)
            }
            ("GET", ["images"]) => (Kind::ListImages, "list images".to_owned(), ""),
            ("DELETE", ["images", name]) => {
                (Kind::RemoveImage, format!("remove image {name}"), *name)
            }
            ("GET", ["storage-pools", _, "volumes", "custom"]) => {
                (Kind::ListVolumes, "list volumes".to_owned(), "")
            }
            ("POST", ["storage-pools", _, "volumes", "custom"]) => {
                (Kind::MakeVolume, format!("make volume {named}"), named)
            }
            ("DELETE", ["storage-pools", _, "volumes", "custom", name]) => {
                (Kind::RemoveVolume, format!("remove volume {name}"), *name)
            }
            (method, _) => (Kind::Other, format!("{method} {plain}"), ""),
        };
        Act {
            words,
            kind,
            name: name.to_owned(),
        }
    }
}

fn verb(body: &Value) -> &'static str {
    match (body["action"].as_str(), body["force"] == json!(true)) {
        (Some("stop"), true) => "kill",
        (Some("stop"), false) => "stop",
        (Some("start"), _) => "start",
        (Some("freeze"), _) => "freeze",
        (Some("unfreeze"), _) => "thaw",
        (other, _) => panic!("a state that is not known: {other:?}"),
    }
}
