//! Decodes services.

use indexmap::IndexMap;

use crate::model::{
    Attribute, Attributes, Condition, Dependency, Form, Lifecycle, OnReplace, ProfileName, Reload,
    ReloadHow, Rerun, Service, ServiceName,
};

use super::super::language;
use super::super::tree::{Node, Value};
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader, deploy};

/// The words for conditions, stackgen's and Compose's.
pub(super) const CONDITIONS: [(&str, Condition); 6] = [
    ("started", Condition::Started),
    ("healthy", Condition::Healthy),
    ("completed", Condition::Completed),
    ("service_started", Condition::Started),
    ("service_healthy", Condition::Healthy),
    ("service_completed_successfully", Condition::Completed),
];

/// The words for what becomes of a dependant.
const ON_REPLACE: [(&str, OnReplace); 3] = [
    ("nothing", OnReplace::Nothing),
    ("restart", OnReplace::Restart),
    ("recreate", OnReplace::Recreate),
];

impl<'a, F: Form> Decoder<'a, F> {
    pub(super) fn service(&mut self, node: &Node, path: &At<'_>) -> Option<Service<F>> {
        let mut reader = Reader::open(self, node, path, &language::SERVICE)?;
        let service = reader.service();
        reader.finish();
        Some(service)
    }

    fn dependencies(
        &mut self,
        node: &Node,
        path: &At<'_>,
    ) -> Option<IndexMap<ServiceName, Dependency<F>>> {
        let Some(table) = node.table() else {
            if node.list().is_some_and(<[Node]>::is_empty) {
                return Some(IndexMap::new());
            }
            self.wrong_type(
                node,
                path,
                "a table like { postgres = \"healthy\" }, or a list of names",
            );
            return None;
        };
        let mut dependencies = IndexMap::with_capacity(table.len());
        for (key, inner) in table {
            let name = self.key_name(key, inner, ServiceName::new);
            let dependency = self.dependency(inner, &path.join(key));
            if let Some((name, dependency)) = name.zip(dependency) {
                dependencies.insert(name, dependency);
            }
        }
        Some(dependencies)
    }

    fn update(&mut self, node: &Node, path: &At<'_>) -> Option<Box<Reload<F>>> {
        let mut reader = Reader::open(self, node, path, &language::SERVICE_UPDATE)?;
        let reload = reader.with("reload", Decoder::reload);
        reader.finish();
        reload.map(Box::new)
    }

    fn reload(&mut self, node: &Node, path: &At<'_>) -> Option<Reload<F>> {
        if node.list().is_some() {
            let (command, user) = (self.words(node, path)?, None);
            return self.reload_of(node, path, ReloadHow::Command { command, user });
        }
        if node.table().is_none() {
            let signal = self.signal(node, path)?;
            return self.reload_of(node, path, ReloadHow::Signal(signal));
        }
        let mut reader = Reader::open(self, node, path, &language::RELOAD)?;
        let signal = reader.with("signal", Decoder::signal);
        let command = reader.with("command", Decoder::words);
        let user = reader.text("user");
        let files = reader.texts("files");
        reader.exclusive(&["signal", "command"]);
        reader.finish();
        let how = match (signal, command) {
            (Some(signal), _) => ReloadHow::Signal(signal),
            (None, Some(command)) => ReloadHow::Command { command, user },
            (None, None) => {
                let is_told = node.get("signal").or(node.get("command")).is_some();
                if !is_told {
                    self.wrong_type(node, path, "a table with a signal or a command");
                }
                return None;
            }
        };
        let reload = self.reload_of(node, path, how)?;
        Some(Reload { files, ..reload })
    }

    fn signal(&mut self, node: &Node, path: &At<'_>) -> Option<String> {
        self.word(node, path, language::SIGNALS)?;
        self.known_text(node, path)
    }

    /// Makes a reload for all files, unless its command is empty.
    fn reload_of(&mut self, node: &Node, path: &At<'_>, how: ReloadHow<F>) -> Option<Reload<F>> {
        if let ReloadHow::Command { command, .. } = &how
            && F::known(command).is_some_and(Vec::is_empty)
        {
            self.wrong_type(node, path, "a command with at least one word");
            return None;
        }
        Some(Reload {
            how,
            files: Vec::new(),
        })
    }

    fn dependency(&mut self, node: &Node, path: &At<'_>) -> Option<Dependency<F>> {
        let mut dependency = Dependency {
            condition: Condition::Started,
            on_replace: OnReplace::Nothing,
            required: true,
            more: Attributes::<F>::new(),
        };
        if node.table().is_none() {
            dependency.condition = self.choice(node, path, &CONDITIONS)?;
            return Some(dependency);
        }
        let mut reader = Reader::open(self, node, path, &language::DEPENDENCY)?;
        // A list of names became a table of empty tables.
        if let Some(condition) = reader.choice("condition", &CONDITIONS) {
            dependency.condition = condition;
        }
        if reader.flag("restart") == Some(true) {
            dependency.on_replace = OnReplace::Restart;
        }
        if let Some(chosen) = reader.choice("on_replace", &ON_REPLACE) {
            dependency.on_replace = chosen;
        }
        reader.exclusive(&["restart", "on_replace"]);
        dependency.required = reader.flag("required").unwrap_or(true);
        dependency.more = reader.carry(&[]);
        reader.finish();
        Some(dependency)
    }
}

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    pub(super) fn service(&mut self) -> Service<F> {
        let mut container = self.container();
        let container_name = self.text("container_name");
        let depends_on = self
            .with("depends_on", Decoder::dependencies)
            .unwrap_or_default();
        let profiles = self.names("profiles", ProfileName::new);
        let scale = self.count("scale");
        let mut more = self.carry(language::CARRIED);
        if let Some(Attribute::Table(build)) = more.get_mut("build")
            && !build.contains_key("context")
        {
            // Compose's default is the folder of its own file, which is another one than stack.toml's.
            let folder = self.decoder.host_path(".");
            build.shift_insert(0, "context".to_owned(), Attribute::Path(F::literal(folder)));
        }
        if let Some(Attribute::Table(build)) = more.get_mut("build") {
            self.build_args(build);
        }
        if self.decoder.is_resolving {
            self.merge_label_files(&more, &mut container.labels);
        }
        self.extends();
        let replicas = deploy::settle(&mut container, more.get("deploy"));
        for (key, other) in deploy::quarrels(&container, scale, more.get("deploy")) {
            self.quarrel(key, other);
        }
        let lifecycle = self.lifecycle();
        let reload = self.with("update", Decoder::update);
        // `mixins` are merged in by now.
        let _ = self.known_texts("mixins");
        Service {
            container,
            container_name,
            depends_on,
            profiles,
            scale: scale.or(replicas).unwrap_or(1),
            lifecycle,
            reload,
            more,
        }
    }

    /// Gives build arguments without a value that of the environment, in the resolved form; one that is not set there stays without.
    fn build_args(&self, build: &mut Attributes<F>) {
        if !self.decoder.is_resolving {
            return;
        }
        if let Some(Attribute::Map(args)) = build.get_mut("args") {
            for (name, value) in args.iter_mut().filter(|(_, it)| **it == Attribute::Null) {
                let set = self.decoder.variables.lookup(name);
                *value = set.map_or(Attribute::Null, |it| Attribute::Text(F::literal(it)));
            }
        }
    }

    fn lifecycle(&mut self) -> Lifecycle {
        let is_oneshot = self.flag("oneshot");
        let choices = [("changed", Rerun::OnChange), ("always", Rerun::Always)];
        let rerun = self.choice("rerun", &choices);
        match (is_oneshot, rerun) {
            (Some(true), rerun) => Lifecycle::OneShot(rerun.unwrap_or_default()),
            (None, Some(rerun)) => Lifecycle::OneShot(rerun),
            _ => Lifecycle::Daemon,
        }
    }

    /// Compose refuses an attribute that says something else than its twin in `deploy`.
    fn quarrel(&mut self, key: &'static str, other: &str) {
        let Some(node) = self.node(key) else {
            return;
        };
        let message = format!("{}: {key} and {other} have to say the same", self.path);
        let help = format!("keep one of them; where {other} is, {key} can go");
        let told = Diagnostic::error(Code::ConflictingKeys, message, node.key.label(""));
        self.decoder.tell(told.with_help(help));
    }

    /// `extends` is YAML's way to share.
    fn extends(&mut self) {
        let Some(node) = self.node.get("extends") else {
            return;
        };
        let message = format!(
            "{}: extends is YAML's way to share; stack.toml has mixins",
            self.path
        );
        let help = language::SERVICE.instead_of("extends");
        let told = Diagnostic::error(Code::NotSupported, message, node.key.label(""));
        self.decoder.tell(told.with_help(help));
    }
}

/// Makes one-shots of services that someone waits for as completed, unless they say that they are none.
pub(super) fn imply_oneshots<F: Form>(
    services: &mut IndexMap<ServiceName, Service<F>>,
    awaited: &[ServiceName],
    tree: Option<&Node>,
    told: &mut Vec<Diagnostic>,
) {
    for name in awaited {
        let said = tree
            .and_then(|tree| tree.get(name.as_str()))
            .and_then(|node| node.get("oneshot"));
        if let Some(node) = said
            && node.value == Value::Bool(false)
        {
            let message = format!("services.{name} never ends, and a service waits for its end");
            told.push(
                Diagnostic::error(Code::ConflictingKeys, message, node.at.label(""))
                    .with_help("oneshot = true, or wait for it as \"healthy\" or \"started\""),
            );
            continue;
        }
        if let Some(service) = services.get_mut(name)
            && service.lifecycle == Lifecycle::Daemon
        {
            service.lifecycle = Lifecycle::OneShot(Rerun::default());
        }
    }
}
