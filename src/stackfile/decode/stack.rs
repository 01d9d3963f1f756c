//! Decodes the whole: every top-level table, into the parts of a stack.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;

use indexmap::IndexMap;

use crate::model::{
    Attachment, Compat, Condition, ConfigName, Dag, DagName, Form, InvalidName, KeyPath, LintLevel,
    NetworkName, Policy, ProjectName, SecretName, Service, ServiceName, SocketName, StackParts,
    TaskKind, VolumeName,
};

use super::super::language;
use super::super::reading::Selection;
use super::super::suggest::nearest;
use super::super::tree::Node;
use super::super::{Code, Diagnostic};
use super::service::imply_oneshots;
use super::{At, Decoder, Reader};

/// Keys of a service that a task's container has no use for.
pub(in super::super) const SERVICE_ONLY: [&str; 12] = [
    "attach",
    "build",
    "container_name",
    "depends_on",
    "profiles",
    "scale",
    "deploy",
    "develop",
    "oneshot",
    "provider",
    "pull_refresh_after",
    "rerun",
];

/// Decodes one form of the stack; `None` where even its name is missing.
pub(in super::super) fn decode_stack<F: Form>(
    decoder: &mut Decoder<'_, F>,
    root: &Node,
    selection: &Selection,
) -> Option<StackParts<F>> {
    let top = At::TOP;
    let mut reader = Reader::open(decoder, root, &top, &language::ROOT)?;
    let stack = reader.head(selection);
    let vars = reader.map("vars");
    let mut services = reader.section("services", ServiceName::new, Decoder::service);
    let mut networks = reader.section("networks", NetworkName::new, Decoder::network);
    let volumes = reader.section("volumes", VolumeName::new, Decoder::volume);
    let configs = reader.section("configs", ConfigName::new, |decoder, node, path| {
        decoder.content(node, path, &language::CONFIG)
    });
    let secrets = reader.section("secrets", SecretName::new, |decoder, node, path| {
        decoder.content(node, path, &language::SECRET)
    });
    let sockets = reader.section("sockets", SocketName::new, Decoder::socket);
    let mut dags = reader.section("dags", DagName::new, Decoder::dag);
    let policy = reader.with("policy", Decoder::policy).unwrap_or_default();
    // Laid into the services by now, or of no concern to the stack itself.
    for key in ["mixins", "render"] {
        let _ = reader.node(key);
    }
    reader.with("defaults", |decoder, node, path| {
        decoder.keys_of(node, path, &language::DEFAULTS)
    });
    reader.section(
        "overlays",
        Ok::<String, InvalidName>,
        |decoder, node, path| decoder.keys_of(node, path, &language::OVERLAY),
    );
    let more = reader.carry(language::CARRIED_SECTIONS);
    reader.finish_top();
    attach_to_default(&mut services, &mut dags, &mut networks);
    let awaited = awaited(&services, &dags);
    imply_oneshots(
        &mut services,
        &awaited,
        root.get("services"),
        &mut decoder.told,
    );
    let folder = decoder.sources.folder.clone();
    let (name, description, compat) = stack?;
    let mut profiles = selection.profiles.clone();
    if let Some(more) = decoder.variables.outside("COMPOSE_PROFILES") {
        let names = more
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        profiles.extend(names.filter_map(|name| crate::model::ProfileName::new(name).ok()));
    }
    Some(StackParts {
        name,
        description,
        compose_file: folder.join("generated/docker-compose.yml"),
        folder,
        services,
        networks,
        volumes,
        configs,
        secrets,
        sockets,
        dags,
        policy,
        compat,
        profiles,
        vars,
        more,
    })
}

/// Attaches to the network `default` what names no network, and declares it where something uses it.
fn attach_to_default<F: Form>(
    services: &mut IndexMap<ServiceName, Service<F>>,
    dags: &mut IndexMap<DagName, Dag<F>>,
    networks: &mut IndexMap<NetworkName, crate::model::Network<F>>,
) {
    let Ok(default) = NetworkName::new("default") else {
        return;
    };
    for service in services.values_mut() {
        if let Attachment::Networks(attached) = &mut service.container.attachment {
            if attached.is_empty() {
                attached.insert(default.clone(), crate::model::Endpoint::default());
            }
            if attached.contains_key(&default) && !networks.contains_key(&default) {
                networks.insert(default.clone(), crate::model::Network::default());
            }
        }
    }
    // A task joins it only where services are, so that no network is made for nothing.
    if !networks.contains_key(&default) {
        return;
    }
    for task in dags.values_mut().flat_map(|dag| dag.tasks.values_mut()) {
        if let TaskKind::Docker(options) = &mut task.kind
            && let Attachment::Networks(attached) = &mut options.attachment
            && attached.is_empty()
        {
            attached.insert(default.clone(), crate::model::Endpoint::default());
        }
    }
}

/// Returns the services that something waits for as completed.
fn awaited<F: Form>(
    services: &IndexMap<ServiceName, Service<F>>,
    dags: &IndexMap<DagName, Dag<F>>,
) -> Vec<ServiceName> {
    let by_services = services
        .values()
        .flat_map(|service| &service.depends_on)
        .filter(|(_, dependency)| dependency.condition == Condition::Completed)
        .map(|(name, _)| name.clone());
    let by_tasks = dags
        .values()
        .flat_map(|dag| dag.tasks.values())
        .flat_map(|task| &task.needs)
        .filter(|(_, condition)| **condition == Condition::Completed)
        .map(|(name, _)| name.clone());
    by_services.chain(by_tasks).collect()
}

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    /// Decodes `[stack]`.
    fn head(&mut self, selection: &Selection) -> Option<(ProjectName, Option<String>, Compat)> {
        let folder_name = self.decoder.sources.folder.file_name();
        let from_folder = project_name(&folder_name.unwrap_or_default().to_string_lossy());
        let Some(node) = self.node("stack") else {
            let name = selection.project.clone().or(from_folder);
            return name.map(|name| (name, None, Compat::default()));
        };
        let path = self.at("stack");
        let mut reader = Reader::open(self.decoder, node, &path, &language::STACK)?;
        let name = reader.with("name", |decoder, node, path| {
            let text = decoder.known_text(node, path)?;
            decoder.name(node, text, ProjectName::new)
        });
        let description = reader.word("description");
        let compats = [("gentle", Compat::Gentle), ("strict", Compat::Strict)];
        let compat = reader.choice("compat", &compats).unwrap_or_default();
        let _ = reader.choice("engine", &[("docker", ())]);
        let _ = reader.known_texts("include");
        let _ = reader.known_texts("env_files");
        reader.required_version();
        reader.finish();
        let has_name = node.get("name").is_some();
        let name = match selection.project.clone().or(name) {
            Some(name) => Some(name),
            // A name that is none was told; another stands in for it, so that the rest is checked all the same.
            None if has_name => from_folder.or_else(|| ProjectName::new("stack").ok()),
            None => from_folder,
        };
        name.map(|name| (name, description, compat))
    }

    fn required_version(&mut self) {
        let wanted = self.word("required_version");
        let (Some(wanted), Some(node)) = (wanted, self.node.get("required_version")) else {
            return;
        };
        let own = env!("CARGO_PKG_VERSION");
        let numbers = |text: &str| -> Vec<u64> {
            text.trim_start_matches(['>', '=', '^', '~', ' ', 'v'])
                .split('.')
                .map_while(|part| part.parse().ok())
                .collect()
        };
        if numbers(&wanted) > numbers(own) {
            let message = format!("this stack needs stackgen {wanted}");
            let label = format!("this is stackgen {own}");
            self.decoder.tell(Diagnostic::error(
                Code::RequiredVersion,
                message,
                node.at.label(label),
            ));
        }
    }

    /// Decodes a table of named things.
    fn section<N: Eq + Hash + Debug, T>(
        &mut self,
        key: &'static str,
        new: fn(String) -> Result<N, InvalidName>,
        mut decode: impl FnMut(&mut Decoder<'a, F>, &Node, &At<'_>) -> Option<T>,
    ) -> IndexMap<N, T> {
        self.with(key, |decoder, node, path| {
            let Some(table) = node.table() else {
                decoder.wrong_type(node, path, "a table of tables");
                return None;
            };
            let mut section = IndexMap::with_capacity(table.len());
            for (key, inner) in table {
                let name = decoder.key_name(key, inner, new);
                let thing = decode(decoder, inner, &path.join(key));
                section.extend(name.zip(thing));
            }
            Some(section)
        })
        .unwrap_or_default()
    }

    /// Tells unknown top-level tables; habits of YAML by name.
    fn finish_top(self) {
        let Some(table) = self.node.table() else {
            return;
        };
        for (key, node) in table {
            if let Some(rest) = key.strip_prefix("x-") {
                // It is carried into the compose file, where nothing reads it.
                let message = format!("{key} is YAML's way to share; stack.toml has mixins");
                let help = format!("[mixins.{rest}], and mixins = [{rest:?}] in the services");
                self.decoder.tell(
                    Diagnostic::warning(Code::ExtensionTable, message, node.key.label(""))
                        .with_help(help),
                );
            }
        }
        for (key, help) in language::ROOT.elsewhere {
            let Some(node) = table.get(*key) else {
                continue;
            };
            let message = format!("stack.toml has no key `{key}`");
            self.decoder.tell(
                Diagnostic::error(Code::UnknownKey, message, node.key.label("")).with_help(*help),
            );
        }
        self.finish();
    }
}

impl<'a, F: Form> Decoder<'a, F> {
    fn policy(&mut self, node: &Node, path: &At<'_>) -> Option<Policy> {
        let mut reader = Reader::open(self, node, path, &language::POLICY)?;
        let mut policy = Policy {
            sensitive: reader.known_texts("sensitive"),
            ..Policy::default()
        };
        for text in reader.known_texts("ignore") {
            policy.ignore.push(KeyPath::parse(&text));
        }
        policy.prevent_destroy = reader
            .with("prevent_destroy", Decoder::volume_references)
            .unwrap_or_default();
        policy.lints = reader.with("lints", Decoder::lints).unwrap_or_default();
        reader.finish();
        Some(policy)
    }

    fn lints(&mut self, node: &Node, path: &At<'_>) -> Option<BTreeMap<String, LintLevel>> {
        let levels = [LintLevel::Off, LintLevel::Warn, LintLevel::Fail];
        let levels = levels.map(|level| (level.name(), level));
        let Some(table) = node.table() else {
            self.wrong_type(node, path, "a table");
            return None;
        };
        let mut lints = BTreeMap::new();
        for (key, inner) in table {
            let level = self.choice(inner, &path.join(key), &levels);
            match Code::from_name(key) {
                Some(code) if code.is_lint() => {
                    lints.extend(level.map(|level| (key.clone(), level)))
                }
                Some(_) => {
                    let message = format!("{key} is an error, and {path} cannot change that");
                    let told = Diagnostic::error(Code::UnknownLint, message, inner.key.label(""));
                    self.tell(
                        told.with_help("take the line out; `stackgen explain` lists the lints"),
                    );
                }
                None => {
                    let message = format!("there is no lint `{key}`");
                    let told = Diagnostic::error(Code::UnknownLint, message, inner.key.label(""));
                    let lints = Code::ALL.iter().filter(|code| code.is_lint());
                    self.tell(match nearest(key, lints.map(|code| code.name())) {
                        Some(near) => told.with_help(format!("did you mean {near}?")),
                        None => told.with_help("`stackgen explain` lists them"),
                    });
                }
            }
        }
        Some(lints)
    }

    /// Tells the unknown keys of a table that is read elsewhere.
    fn keys_of(
        &mut self,
        node: &Node,
        path: &At<'_>,
        language: &'static language::Table,
    ) -> Option<()> {
        let mut reader = Reader::open(self, node, path, language)?;
        for field in language.fields() {
            let _ = reader.node(field.key);
        }
        reader.finish();
        Some(())
    }

    fn volume_references(&mut self, node: &Node, path: &At<'_>) -> Option<Vec<VolumeName>> {
        let mut volumes = Vec::new();
        for (index, item) in self.items(node, path).iter().enumerate() {
            let Some(text) = self.known_text(item, &path.join(index)) else {
                continue;
            };
            match text.strip_prefix("volume:") {
                Some(name) => volumes.extend(self.name(item, name.to_owned(), VolumeName::new)),
                None => {
                    let message = format!("{text:?} names no volume");
                    let help = format!("write \"volume:{text}\"");
                    self.bad_value(Code::BadValue, item, message, "", Some(help));
                }
            }
        }
        Some(volumes)
    }
}

/// Makes a project name of a folder's, as Compose does.
fn project_name(folder: &str) -> Option<ProjectName> {
    let kept: String = folder
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    ProjectName::new(kept.trim_start_matches(['_', '-'])).ok()
}
