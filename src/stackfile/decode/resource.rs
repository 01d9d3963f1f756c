//! Decodes networks, volumes, configs, secrets and sockets.

use std::path::PathBuf;

use crate::model::{
    ContentSource, FileContent, Form, Grant, Ipam, IpamPool, Network, SecretText, ServiceName,
    Socket, Unset, Volume,
};

use super::super::fill::unset_variable;
use super::super::language;
use super::super::tree::{Node, Value};
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader};

/// A name at the engine, where one is written.
type Name<F> = Option<<F as Form>::Value<String>>;

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    /// Decodes `external`, and the name at the engine; `external = { name = "X" }` is the form of old.
    fn external(&mut self) -> (Option<F::Value<bool>>, Name<F>) {
        let name = self.text("name");
        let is_table = self
            .node("external")
            .is_some_and(|node| node.table().is_some());
        if !is_table {
            return (self.bool("external"), name);
        }
        let old = self.with("external", |decoder, node, path| {
            let mut reader = Reader::open(decoder, node, path, &language::EXTERNAL)?;
            let name = reader.text("name");
            reader.finish();
            name
        });
        (Some(F::literal(true)), name.or(old))
    }

    /// Returns a truth value; absent is false.
    fn bool_or_false(&mut self, key: &'static str) -> F::Value<bool> {
        self.bool(key).unwrap_or_else(|| F::literal(false))
    }
}

/// Returns whether a key, or a slip of it, has a value that is not null.
fn says_anything(node: &Node, key: &str) -> bool {
    node.has_like(&[key]) && node.get(key).is_none_or(|inner| inner.value != Value::Null)
}

impl<'a, F: Form> Decoder<'a, F> {
    pub(super) fn network(&mut self, node: &Node, path: &At<'_>) -> Option<Network<F>> {
        if node.value == Value::Null {
            return Some(Network::default());
        }
        let mut reader = Reader::open(self, node, path, &language::NETWORK)?;
        let (external, name) = reader.external();
        let network = Network {
            name,
            external: external.unwrap_or_else(|| F::literal(false)),
            driver: reader.text("driver"),
            driver_opts: reader.map("driver_opts"),
            internal: reader.bool_or_false("internal"),
            attachable: reader.bool_or_false("attachable"),
            enable_ipv6: reader.bool("enable_ipv6"),
            labels: reader.map("labels"),
            ipam: reader.with("ipam", Decoder::ipam).unwrap_or_default(),
            more: reader.carry(language::NETWORK_CARRIED),
        };
        reader.finish();
        Some(network)
    }

    fn ipam(&mut self, node: &Node, path: &At<'_>) -> Option<Ipam<F>> {
        let mut reader = Reader::open(self, node, path, &language::IPAM)?;
        let driver = reader.text("driver");
        let config = reader
            .with("config", |decoder, node, path| {
                let mut pools = Vec::new();
                for (index, item) in decoder.items(node, path).iter().enumerate() {
                    let at = path.join(index);
                    let mut reader = Reader::open(decoder, item, &at, &language::POOL)?;
                    pools.push(IpamPool {
                        subnet: reader.text("subnet"),
                        ip_range: reader.text("ip_range"),
                        gateway: reader.text("gateway"),
                        more: reader.carry(language::POOL_CARRIED),
                    });
                    reader.finish();
                }
                Some(pools)
            })
            .unwrap_or_default();
        let more = reader.carry(language::IPAM_CARRIED);
        reader.finish();
        Some(Ipam {
            driver,
            config,
            more,
        })
    }

    pub(super) fn volume(&mut self, node: &Node, path: &At<'_>) -> Option<Volume<F>> {
        if node.value == Value::Null {
            return Some(Volume::default());
        }
        let mut reader = Reader::open(self, node, path, &language::VOLUME)?;
        let (external, name) = reader.external();
        let mut volume = Volume {
            name,
            external: external.unwrap_or_else(|| F::literal(false)),
            driver: reader.text("driver"),
            driver_opts: reader.map("driver_opts"),
            labels: reader.map("labels"),
            more: reader.carry(&[]),
        };
        reader.finish();
        if volume.is_bind()
            && let Some(device) = volume.driver_opts.get_mut("device")
            && let Some(path) = F::known(device)
        {
            *device = F::literal(self.host_path(path));
        }
        Some(volume)
    }

    /// Decodes a config or a secret, as the language says of either.
    pub(super) fn content(
        &mut self,
        node: &Node,
        path: &At<'_>,
        language: &'static language::Table,
    ) -> Option<FileContent<F>> {
        let mut reader = Reader::open(self, node, path, language)?;
        reader.exclusive(&["file", "content", "environment"]);
        let file = reader.text("file");
        let content = reader.text("content");
        let variable = reader.word("environment");
        let (external, name) = reader.external();
        let labels = reader.map("labels");
        let more = reader.carry(language::CONTENT_CARRIED);
        reader.finish();
        let sources = ["file", "content", "environment", "driver"];
        let is_told = external.is_none() && says_anything(node, "external");
        let external = external.unwrap_or_else(|| F::literal(false));
        let is_nowhere = F::known(&external) == Some(&false);
        if is_nowhere && !is_told && !node.has_like(&sources) {
            let message = format!("{path} does not say where its content comes from");
            self.tell(
                Diagnostic::error(Code::MissingKey, message, node.at.label("")).with_help(
                    "one of file = \"PATH\", content = \"TEXT\", environment = \"NAME\"",
                ),
            );
        }
        let source = match (file, content, variable) {
            _ if self.is_resolving && F::known(&external) == Some(&true) => ContentSource::External,
            (Some(file), _, _) => ContentSource::File(match F::known(&file) {
                Some(path) => F::literal(self.host_path(path)),
                None => file,
            }),
            (_, Some(content), _) => ContentSource::Content(content),
            (_, _, Some(variable)) => self.content_of_variable(node, variable)?,
            _ if !is_nowhere => ContentSource::External,
            _ if more.contains_key("driver") => ContentSource::Driver,
            _ => return None,
        };
        Some(FileContent {
            source,
            external,
            name,
            labels,
            more,
        })
    }

    fn content_of_variable(&mut self, node: &Node, variable: String) -> Option<ContentSource<F>> {
        let value = if self.is_resolving {
            match self.variables.lookup(&variable) {
                Some(value) => SecretText::new(value),
                None => {
                    self.unset_content(node, &variable);
                    return None;
                }
            }
        } else {
            SecretText::default()
        };
        Some(ContentSource::Environment {
            variable,
            value: F::literal(value),
        })
    }

    fn unset_content(&mut self, node: &Node, variable: &str) {
        let Some(named) = node.get("environment") else {
            return;
        };
        let unset = Unset {
            name: variable.to_owned(),
            span: 0..variable.len(),
            message: String::new(),
            is_empty: false,
        };
        let site = self.part_of(named, 0..variable.len());
        let files: Vec<String> = self
            .sources
            .with_role(crate::model::FileRole::StackEnv)
            .map(|(_, file)| file.path.display().to_string())
            .collect();
        let label = format!("not in {}, [vars] or the environment", files.join(", "));
        let told = unset_variable(self.sources, self.variables, &unset, site.label(label));
        self.tell(told);
    }

    pub(super) fn socket(&mut self, node: &Node, path: &At<'_>) -> Option<Socket> {
        let mut reader = Reader::open(self, node, path, &language::SOCKET)?;
        let socket_path = reader.word("path");
        let target = reader.word("target");
        let grants = [("group", Grant::Group), ("mount", Grant::Mount)];
        let grant = reader.choice("grant", &grants).unwrap_or_default();
        let mode = reader.with("mode", Decoder::known_mode);
        let owner = reader.with("owner", Decoder::name_or_number);
        let group = reader.with("group", Decoder::name_or_number);
        let allow_world_access = reader.flag("allow_world_access").unwrap_or(false);
        let optional = reader.flag("optional").unwrap_or(false);
        let services = reader.names("services", ServiceName::new);
        reader.finish();
        if !node.has_like(&["path"]) {
            let message = format!("{path} has no path");
            self.tell(
                Diagnostic::error(Code::MissingKey, message, node.key.label(""))
                    .with_help("path = \"/var/run/docker.sock\""),
            );
        }
        let socket_path = PathBuf::from(socket_path?);
        if !socket_path.is_absolute() {
            let message = format!("{path}.path has to be absolute");
            let at = node.get("path").unwrap_or(node);
            self.bad_value(Code::BadValue, at, message, "", None);
            return None;
        }
        Some(Socket {
            path: socket_path,
            target: target.map(PathBuf::from),
            grant,
            mode,
            owner,
            group,
            allow_world_access,
            optional,
            services,
        })
    }

    fn name_or_number(&mut self, node: &Node, path: &At<'_>) -> Option<String> {
        match &node.value {
            Value::Integer { value, .. } => Some(value.to_string()),
            _ => self.known_text(node, path),
        }
    }
}
