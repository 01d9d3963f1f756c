//! Tells what the checks of the model found, in the words and with the places of stack.toml.

use crate::model::{KeyPath, Problem, ProblemKind, Sources};

use super::suggest::nearest;
use super::tree::Node;
use super::{Annotation, Code, Diagnostic, Places};

/// How wide a drawn cycle may get, less its last name.
const DRAWN: usize = 72;

/// How many members of a cycle are drawn.
const CIRCLE: usize = 40;

/// Turns problems into diagnostics.
pub(super) struct Telling<'a> {
    pub(super) sources: &'a Sources,
    pub(super) places: &'a Places,
    /// The merged tree, which knows what was written though it could not be decoded.
    pub(super) tree: &'a Node,
}

impl Telling<'_> {
    /// Returns the diagnostic of a problem; `None` where it only follows from a mistake that was told.
    pub(super) fn diagnostic(&self, problem: &Problem) -> Option<Diagnostic> {
        let at = &problem.at;
        let owner = owner(at);
        Some(match &problem.kind {
            ProblemKind::Unknown { kind, name, known } => {
                return self.unknown(kind, name, known, at);
            }
            ProblemKind::Cycle { kind, members } => self.cycle(kind, members),
            ProblemKind::PortTakenTwice {
                port,
                first,
                second,
            } => {
                let (first, place) = first;
                let message = if first == second {
                    format!("services.{second} publishes {port} twice")
                } else {
                    format!("services.{second} publishes {port}, and so does services.{first}")
                };
                let label = if port.contains(':') {
                    String::new()
                } else {
                    format!("{port} on every address")
                };
                let diagnostic =
                    Diagnostic::error(Code::PortTakenTwice, message, self.value(at, label))
                        .with_secondary(self.value(place, "first here"));
                match self.free_port(at) {
                    Some(help) => diagnostic.with_help(help),
                    None => diagnostic,
                }
            }
            ProblemKind::ContainerNameTakenTwice { name, first } => Diagnostic::error(
                Code::ContainerNameTakenTwice,
                format!(
                    "{owner} has the container name {name:?}, and so does {}",
                    self::owner(first)
                ),
                self.value(at, ""),
            )
            .with_secondary(self.value(first, "first here"))
            .with_help("without container_name each has a name of its own"),
            ProblemKind::NoImage => {
                // What cannot be read, `extends` and a slip in the key were told.
                let table = self.node(at);
                if table.is_some_and(|table| table.has_like(&["image", "build", "extends"])) {
                    return None;
                }
                Diagnostic::error(
                    Code::NoImage,
                    format!("{at} has no image"),
                    self.key(at, ""),
                )
                .with_help("image = \"NAME:TAG\"")
            }
            ProblemKind::SocketNotGranted { socket, allowed } => {
                let names: Vec<&str> = allowed.iter().map(|name| name.as_str()).collect();
                let granted = crate::key_path!["sockets", socket, "services"];
                Diagnostic::error(
                    Code::SocketNotGranted,
                    format!("{owner} may not have the socket {socket}"),
                    self.value(at, ""),
                )
                .with_secondary(self.value(&granted, "those who may"))
                .with_help(format!(
                    "sockets.{socket}.services grants it to {}",
                    names.join(", ")
                ))
            }
            ProblemKind::WorldAccess { mode } => Diagnostic::error(
                Code::WorldAccess,
                format!("{owner} would be open to everybody on this machine"),
                self.value(
                    at,
                    format!("the last digit, {}, is what everybody may", mode & 0o7),
                ),
            )
            .with_help("a mode like \"0660\", or allow_world_access = true if it is meant"),
            ProblemKind::ContainerNameWithScale => Diagnostic::error(
                Code::ContainerNameWithScale,
                format!("{owner} has one container name for several containers"),
                self.value(at, ""),
            )
            .with_help("take container_name away, or scale = 1"),
            ProblemKind::WaitsForDisabledCheck { service } => Diagnostic::error(
                Code::NoHealthcheck,
                format!("{owner} waits for {service} to be healthy, whose check is switched off"),
                self.key(at, ""),
            )
            .with_help(format!(
                "{service} = \"started\", or give {service} a healthcheck"
            )),
        })
    }

    fn unknown(
        &self,
        kind: &str,
        name: &str,
        known: &[String],
        at: &KeyPath,
    ) -> Option<Diagnostic> {
        let (section, code) = match kind {
            "service" => ("services", Code::UnknownService),
            "network" => ("networks", Code::UnknownNetwork),
            "volume" => ("volumes", Code::UnknownVolume),
            "config" => ("configs", Code::UnknownConfig),
            "secret" => ("secrets", Code::UnknownSecret),
            "socket" => ("sockets", Code::UnknownSocket),
            _ => ("tasks", Code::UnknownTask),
        };
        let header = if section == "tasks" {
            KeyPath::new(at.keys().iter().take(3).cloned()).join(name)
        } else {
            crate::key_path![section, name]
        };
        // It is there, and what is wrong with it was told.
        if self.node(&header).is_some() {
            return None;
        }
        let at = &self.item_of(name, at);
        let does = does(kind, at);
        let message = format!("{} {does} a {kind} that does not exist", owner(at));
        let label = format!("no [{header}] in stack.toml");
        let primary = if at.last() == Some(name) {
            self.key(at, label)
        } else {
            self.value(at, label)
        };
        let diagnostic = Diagnostic::error(code, message, primary);
        let Some(near) = nearest(name, known.iter().map(String::as_str)) else {
            return Some(match section {
                "networks" | "volumes" => {
                    diagnostic.with_help(format!("a line [{header}] declares it"))
                }
                _ => diagnostic,
            });
        };
        let found = self.places.find(&header.parent().join(near));
        Some(match found {
            Some(place) => {
                let path = self.sources.file(place.file).path.display();
                let line = place.line;
                diagnostic.with_help(format!("did you mean {near}? It is at {path}:{line}"))
            }
            None => diagnostic.with_help(format!("did you mean {near}?")),
        })
    }

    /// Returns the place of the item that holds `name`: where an item before it could not be read, its number is another one.
    fn item_of(&self, name: &str, at: &KeyPath) -> KeyPath {
        let list = at.parent();
        let items = self.node(&list).and_then(Node::list).unwrap_or_default();
        let holds = |item: &Node| {
            let text = item.raw_text().or_else(|| item.get("source")?.raw_text());
            text.is_some_and(|text| text.contains(name))
        };
        let number = at.last().and_then(|key| key.parse::<usize>().ok());
        match number {
            Some(number) if !items.get(number).is_some_and(holds) => {
                let found = items.iter().skip(number).position(holds);
                list.join(number + found.unwrap_or_default())
            }
            _ => at.clone(),
        }
    }

    /// Proposes to publish a port under its own number where nobody else names that number.
    fn free_port(&self, at: &KeyPath) -> Option<String> {
        let index: usize = at.last()?.parse().ok()?;
        let item = self.node(&at.parent())?.list()?.get(index)?.raw_text()?;
        let target = item.rsplit(':').next()?;
        let services = self.tree.get("services")?.table()?;
        let is_named = services
            .values()
            .filter_map(|service| service.get("ports")?.list())
            .flatten()
            .filter_map(Node::raw_text)
            .any(|port| {
                port.split([':', '/', '-'])
                    .rev()
                    .skip(1)
                    .any(|part| part == target)
            });
        let is_plain = target.chars().all(|c| c.is_ascii_digit());
        (is_plain && !is_named).then(|| format!("\"{target}:{target}\" is free"))
    }

    /// Draws a cycle as the path it is.
    fn cycle(&self, kind: &str, members: &[(String, KeyPath, String)]) -> Diagnostic {
        let message = match (members.len(), kind) {
            (1, "services") => "this service waits for itself".to_owned(),
            (1, _) => "this task waits for itself".to_owned(),
            _ => format!("these {kind} wait for each other"),
        };
        let mut rows = vec![(String::new(), String::new())];
        for (index, (name, at, word)) in members.iter().enumerate() {
            // Of a long circle, its beginning and its end show enough.
            if members.len() > CIRCLE && (CIRCLE / 2..members.len() - CIRCLE / 2).contains(&index) {
                if index == CIRCLE / 2 {
                    let more = members.len() - CIRCLE;
                    rows.push((format!("… {more} more …"), String::new()));
                }
                continue;
            }
            let piece = format!("{name} ── {word} ──> ");
            let place = self.places.nearest(at);
            let path = self.sources.file(place.file).path.display();
            let place = format!("{path}:{}", place.line);
            let width = piece.chars().count().max(place.chars().count() + 2);
            // A long way goes on in the next row.
            if rows.last().is_some_and(|(names, _)| {
                !names.is_empty() && names.chars().count() + width > DRAWN
            }) {
                rows.push((String::new(), String::new()));
            }
            if let Some((names, places)) = rows.last_mut() {
                names.push_str(&format!("{piece:width$}"));
                places.push_str(&format!("{place:width$}"));
            }
        }
        if let Some((names, _)) = rows.last_mut() {
            names.push_str(&members[0].0);
        }
        let mut diagnostic =
            Diagnostic::error(Code::DependencyCycle, message, self.key(&members[0].1, ""));
        diagnostic.drawing = rows
            .into_iter()
            .flat_map(|(names, places)| [names, places])
            .map(|line| line.trim_end().to_owned())
            .collect();
        diagnostic.help = match members.len() {
            1 => None,
            2 => Some("taking away either of the two ends the cycle".to_owned()),
            3 => Some("taking away any one of the three ends the cycle".to_owned()),
            more => Some(format!("taking away any one of the {more} ends the cycle")),
        };
        diagnostic
    }

    fn node(&self, path: &KeyPath) -> Option<&Node> {
        path.keys()
            .iter()
            .try_fold(self.tree, |node, key| node.get(key))
    }

    fn value(&self, at: &KeyPath, label: impl Into<String>) -> Annotation {
        self.places.value(at, label)
    }

    fn key(&self, at: &KeyPath, label: impl Into<String>) -> Annotation {
        self.places.key(at, label)
    }
}

/// Returns the path of the service, task or other thing that a place belongs to.
fn owner(at: &KeyPath) -> KeyPath {
    let depth = if at.keys().first().is_some_and(|key| key == "dags") {
        4
    } else {
        2
    };
    KeyPath::new(at.keys().iter().take(depth).cloned())
}

/// Returns the verb between who refers and what is referred to.
fn does(kind: &str, at: &KeyPath) -> &'static str {
    let has = |key: &str| at.keys().iter().any(|other| other == key);
    match kind {
        "service" if has("depends_on") => "depends on",
        "service" if has("needs") => "needs",
        "service" if has("exec") => "runs in",
        "service" if has("network_mode") => "shares the network of",
        "service" => "names",
        "network" if has("http") => "goes through",
        "network" => "is attached to",
        "volume" if has("policy") => "protects",
        "volume" => "mounts",
        "task" => "comes after",
        _ => "uses",
    }
}
