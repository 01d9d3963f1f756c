//! What the container of a task mounts, and the files that are copied into it.

use minijinja::Value;

use crate::compose::{config_target, secret_target, socket_target};
use crate::model::{
    ContainerOptions, ContentSource, FileContent, FileReference, Mount, MountSource, Stack,
    Template, Templated,
};
use crate::render::python;

use super::expression::Scribe;
use super::task::name_at_engine;

/// The variable with the path of the stack's folder on the Docker host, for what is written relative to it.
const FOLDER: &str = "STACKGEN_FOLDER";

/// Returns what is mounted: volumes, sockets, and configs and secrets that are files of the host.
pub(super) fn mounts(
    stack: &Stack<Template>,
    options: &ContainerOptions<Template>,
    scribe: &mut Scribe,
) -> Vec<Value> {
    let mut mounts: Vec<Value> = Vec::new();
    for volume in &options.volumes {
        match volume {
            Templated::Literal(mount) => mounts.push(mount_value(stack, mount, scribe)),
            Templated::Raw(short) => {
                let code = scribe.code(short, false);
                mounts.push(python::expression(format!("short_mount({code})")));
            }
        }
    }
    for socket in options
        .sockets
        .iter()
        .filter_map(|name| stack.sockets().get(name))
    {
        let source = Value::from(socket.path.to_string_lossy().into_owned());
        let target = Value::from(socket_target(socket));
        mounts.push(mount_call("bind", &target, &source, false));
    }
    let secrets = options.secrets.iter().filter_map(|reference| {
        let content = stack.parts().secrets.get(&reference.source)?;
        Some((&reference.target, reference.source.as_str(), content, true))
    });
    let configs = options.configs.iter().filter_map(|reference| {
        let content = stack.parts().configs.get(&reference.source)?;
        Some((&reference.target, reference.source.as_str(), content, false))
    });
    for (target, name, content, is_secret) in secrets.chain(configs) {
        if let ContentSource::File(path) = &content.source {
            let target = Value::from(target_of(target.as_ref(), name, is_secret));
            let source = host_path(path, scribe);
            mounts.push(mount_call("bind", &target, &source, true));
        }
    }
    mounts
}

fn target_of(target: Option<&Templated<String>>, name: &str, is_secret: bool) -> String {
    let target = target.and_then(|target| target.literal().map(String::as_str));
    if is_secret {
        secret_target(target, name)
    } else {
        config_target(target, name)
    }
}

fn mount_value(stack: &Stack<Template>, mount: &Mount<Template>, scribe: &mut Scribe) -> Value {
    let target = scribe.text(&mount.target, false);
    let is_read_only = mount.read_only != Templated::Literal(false);
    match &mount.source {
        MountSource::Bind { path, .. } => {
            let source = host_path(path, scribe);
            mount_call("bind", &target, &source, is_read_only)
        }
        MountSource::Volume { volume, .. } => {
            let source = match volume {
                Some(volume) => volume_name(stack, volume, scribe),
                None => Value::from(()),
            };
            mount_call("volume", &target, &source, is_read_only)
        }
        MountSource::Tmpfs { .. } => mount_call("tmpfs", &target, &Value::from(()), false),
        MountSource::Other { kind, source } => {
            let source = match source {
                Some(source) => scribe.text(source, false),
                None => Value::from(()),
            };
            mount_call(kind, &target, &source, is_read_only)
        }
    }
}

fn mount_call(kind: &str, target: &Value, source: &Value, is_read_only: bool) -> Value {
    let literal = |value: &Value| python::literal(value).unwrap_or_else(|| "None".to_owned());
    let read_only = if is_read_only { ", read_only=True" } else { "" };
    python::expression(format!(
        "Mount(target={}, source={}, type=\"{kind}\"{read_only})",
        literal(target),
        literal(source)
    ))
}

/// Returns a path of the Docker host. One relative to the stack's folder needs to know where that is.
pub(super) fn host_path(path: &Templated<String>, scribe: &mut Scribe) -> Value {
    let is_absolute = path.literal().is_some_and(|path| path.starts_with('/'));
    let value = scribe.text(path, false);
    if is_absolute {
        return value;
    }
    scribe.needs.insert(FOLDER.to_owned());
    let code = python::literal(&value).unwrap_or_default();
    python::expression(format!("in_stack({code})"))
}

fn volume_name(stack: &Stack<Template>, volume: &Templated<String>, scribe: &mut Scribe) -> Value {
    let key = match volume {
        Templated::Literal(key) => key,
        Templated::Raw(raw) => {
            let prefix = python::string(&format!("{}_", stack.name()));
            return python::expression(format!("({prefix} + {})", scribe.code(raw, false)));
        }
    };
    let definition = stack.volumes().get(key.as_str());
    match definition {
        Some(definition) => match &definition.name {
            Some(name) => scribe.text(name, false),
            None => name_at_engine(stack, key, &definition.external, scribe),
        },
        None => Value::from(format!("{}_{key}", stack.name())),
    }
}

/// Returns configs and secrets that are no files of the host; they are copied into the container before it starts.
pub(super) fn files(
    stack: &Stack<Template>,
    options: &ContainerOptions<Template>,
    scribe: &mut Scribe,
) -> Vec<Value> {
    let mut files = Vec::new();
    let mut add =
        |name: &str, content: &FileContent<Template>, target: String, numbers: [u32; 3]| {
            let [mode, uid, gid] = numbers;
            let content = match &content.source {
                ContentSource::Content(text) => scribe.text(text, false),
                ContentSource::Environment { variable, .. } => python::expression(format!(
                    "lambda: secret({}, {})",
                    python::string(variable),
                    python::string(name)
                )),
                ContentSource::File(_) | ContentSource::External | ContentSource::Driver => return,
            };
            files.push(Value::from_pairs([
                ("target", Value::from(target)),
                ("content", content),
                ("mode", python::expression(format!("0o{mode:03o}"))),
                ("uid", Value::from(uid)),
                ("gid", Value::from(gid)),
            ]));
        };
    for reference in &options.secrets {
        let name = reference.source.as_str();
        if let Some(content) = stack.parts().secrets.get(name) {
            let target = target_of(reference.target.as_ref(), name, true);
            add(name, content, target, mode_and_owner(reference));
        }
    }
    for reference in &options.configs {
        let name = reference.source.as_str();
        if let Some(content) = stack.parts().configs.get(name) {
            let target = target_of(reference.target.as_ref(), name, false);
            add(name, content, target, mode_and_owner(reference));
        }
    }
    files
}

/// Returns mode, owner's number and group's number of a config or secret, with the defaults of the Compose Specification.
fn mode_and_owner<N: Clone + std::fmt::Debug + PartialEq + Eq>(
    reference: &FileReference<N, Template>,
) -> [u32; 3] {
    let number = |text: &Option<Templated<String>>| {
        let text = text.as_ref().and_then(|text| text.literal().cloned());
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    let mode = reference.mode.unwrap_or(0o444);
    [mode, number(&reference.uid), number(&reference.gid)]
}
