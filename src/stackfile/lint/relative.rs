//! Paths of which the beginning is known to a variable alone.
//!
//! stackgen takes a relative path from the folder of stack.toml, docker compose from that of the rendered file. What stands in stack.toml is
//! rendered so that both mean the same; what a variable holds when Compose runs cannot be.

use crate::key_path;
use crate::model::{
    Attribute, Attributes, ContentSource, Form, KeyPath, Minds, MountSource, Operator, Segment,
    Template, TemplateText, Templated,
};

use super::super::Code;
use super::Linting;

/// A path of the host that depends on variables.
struct Place<'a> {
    at: KeyPath,
    text: &'a TemplateText,
    /// Whether only a beginning with a dot makes it a path: `${DATA}:/data` may name a volume.
    needs_dot: bool,
}

/// Tells paths that begin with a variable which holds a relative one.
pub(super) fn variables<F: Form>(linting: &mut Linting<'_, F>) {
    for Place {
        at,
        text,
        needs_dot,
    } in places(linting)
    {
        let Some((name, value)) = beginning(linting, text) else {
            continue;
        };
        let is_relative = match needs_dot {
            true => value.starts_with('.'),
            false => !value.starts_with(['/', '~']) && !value.contains("://"),
        };
        if is_relative {
            let message = format!("{at}: {name} holds a relative path");
            let label = "docker compose takes it from the folder of the rendered file";
            let help = format!("write \"./${{{name}}}…\" here, or give {name} an absolute path");
            linting.value(Code::RelativeVariable, &at, message, label, &help);
        }
    }
}

/// Returns the variable of the environment or an env file that a text begins with, and what it holds.
fn beginning<F: Form>(linting: &Linting<'_, F>, text: &TemplateText) -> Option<(String, String)> {
    let Some(Segment::Variable(variable)) = text.segments.first() else {
        return None;
    };
    let value = linting.variables.outside(&variable.name);
    let held = value.filter(|value| !value.is_empty());
    match (&variable.operator, held) {
        (Operator::Alternative(..), None) => None,
        (Operator::Alternative(_, text), Some(_)) => beginning(linting, text),
        (_, Some(value)) => Some((variable.name.clone(), value)),
        (Operator::Default(Minds::Unset | Minds::UnsetOrEmpty, text), None) => {
            beginning(linting, text)
        }
        (Operator::None | Operator::Required(..), None) => None,
    }
}

fn places<'a, F: Form>(linting: &Linting<'a, F>) -> Vec<Place<'a>> {
    let mut places = Vec::new();
    let parts = linting.template.parts();
    for (name, service) in &parts.services {
        let path = key_path!["services", name];
        for (index, mount) in service.container.volumes.iter().enumerate() {
            let at = path.join("volumes").join(index);
            match mount {
                Templated::Raw(text) => places.push(Place {
                    at,
                    text,
                    needs_dot: true,
                }),
                Templated::Literal(mount) => {
                    if let MountSource::Bind { path, .. } = &mount.source {
                        push(&mut places, at.join("source"), path);
                    }
                }
            }
        }
        for (index, file) in service.container.env_file.iter().enumerate() {
            push(&mut places, path.join("env_file").join(index), &file.path);
        }
        attributes(&mut places, &path, &service.more);
    }
    for (name, volume) in &parts.volumes {
        if let Some(device) = volume
            .driver_opts
            .get("device")
            .filter(|_| volume.is_bind())
        {
            let at = key_path!["volumes", name, "driver_opts", "device"];
            push(&mut places, at, device);
        }
    }
    let configs = parts.configs.iter();
    let configs = configs.map(|(name, content)| (key_path!["configs", name], content));
    let secrets = parts.secrets.iter();
    let secrets = secrets.map(|(name, content)| (key_path!["secrets", name], content));
    for (path, content) in configs.chain(secrets) {
        if let ContentSource::File(file) = &content.source {
            push(&mut places, path.join("file"), file);
        }
    }
    places
}

fn push<'a>(places: &mut Vec<Place<'a>>, at: KeyPath, path: &'a Templated<String>) {
    if let Templated::Raw(text) = path {
        places.push(Place {
            at,
            text,
            needs_dot: false,
        });
    }
}

fn attributes<'a>(places: &mut Vec<Place<'a>>, at: &KeyPath, members: &'a Attributes<Template>) {
    for (key, member) in members {
        attribute(places, at.join(key), member);
    }
}

fn attribute<'a>(places: &mut Vec<Place<'a>>, at: KeyPath, attribute: &'a Attribute<Template>) {
    match attribute {
        Attribute::Path(path) => push(places, at, path),
        Attribute::Table(members) | Attribute::Map(members) => attributes(places, &at, members),
        Attribute::List(items) => {
            for (index, item) in items.iter().enumerate() {
                self::attribute(places, at.join(index), item);
            }
        }
        _ => {}
    }
}
