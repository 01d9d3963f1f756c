//! Decodes the options of a container, as services and `docker` tasks have them.

use indexmap::IndexMap;

use crate::model::{
    Attributes, ConfigName, ContainerOptions, EnvFile, FileReference, FileRole, Form, InvalidName,
    Limits, Logging, SecretName, SocketName, Ulimit, Words,
};

use super::super::env_file;
use super::super::language;
use super::super::tree::{Node, Value};
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader};

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    /// Decodes everything that is said about the container itself.
    pub(super) fn container(&mut self) -> ContainerOptions<F> {
        let mut options = ContainerOptions {
            image: self.with("image", |decoder, node, path| {
                decoder.value(node, path, Decoder::known_image)
            }),
            command: self.with("command", Decoder::words),
            entrypoint: self.with("entrypoint", Decoder::words),
            env_file: self
                .with("env_file", Decoder::env_files)
                .unwrap_or_default(),
            environment: self.environment("environment"),
            hostname: self.text("hostname"),
            domainname: self.text("domainname"),
            user: self.text("user"),
            working_dir: self.text("working_dir"),
            stop_signal: self.text("stop_signal"),
            stop_grace_period: self.duration("stop_grace_period"),
            tty: self.bool("tty"),
            stdin_open: self.bool("stdin_open"),
            expose: self.loose_texts("expose"),
            ports: self.ports(),
            healthcheck: self.with("healthcheck", Decoder::healthcheck).map(Box::new),
            labels: self.map("labels"),
            annotations: self.map("annotations"),
            volumes: self.mounts(),
            tmpfs: self.texts("tmpfs"),
            configs: self.files("configs", ConfigName::new),
            secrets: self.files("secrets", SecretName::new),
            sockets: self.names("sockets", SocketName::new),
            attachment: self.attachment(),
            limits: Some(self.limits())
                .filter(|limits| *limits != Limits::default())
                .map(Box::new),
            ..ContainerOptions::default()
        };
        self.host_options(&mut options);
        if self.decoder.is_resolving {
            let env_file = std::mem::take(&mut options.env_file);
            self.merge_env_files(&env_file, &mut options.environment);
            options.env_file = env_file;
            options.seccomp_profile = self.seccomp_profile(&options.security_opt);
        }
        options
    }

    /// Decodes what concerns the engine and the host.
    fn host_options(&mut self, options: &mut ContainerOptions<F>) {
        options.dns = self.texts("dns");
        options.dns_search = self.texts("dns_search");
        options.dns_opt = self.texts("dns_opt");
        options.extra_hosts = self
            .with("extra_hosts", Decoder::extra_hosts)
            .unwrap_or_default();
        options.restart = self.with("restart", |decoder, node, path| {
            decoder.value(node, path, Decoder::known_restart)
        });
        options.cap_add = self.texts("cap_add");
        options.cap_drop = self.texts("cap_drop");
        options.group_add = self.loose_texts("group_add");
        options.security_opt = self.texts("security_opt");
        options.sysctls = self.map("sysctls");
        options.ulimits = self.with("ulimits", Decoder::ulimits).unwrap_or_default();
        options.devices = self.with("devices", Decoder::devices).unwrap_or_default();
        options.logging = self.with("logging", Decoder::logging).map(Box::new);
        options.shm_size = self.bytes("shm_size");
        options.oom_score_adj = self.integer("oom_score_adj");
        options.oom_kill_disable = self.bool("oom_kill_disable");
        options.privileged = self.bool("privileged");
        options.read_only = self.bool("read_only");
        options.init = self.bool("init");
        options.ipc = self.text("ipc");
        options.pid = self.text("pid");
        options.uts = self.text("uts");
        options.userns_mode = self.text("userns_mode");
        options.cgroup = self.text("cgroup");
        options.cgroup_parent = self.text("cgroup_parent");
        options.runtime = self.text("runtime");
        options.platform = self.text("platform");
        options.mac_address = self.text("mac_address");
        options.storage_opt = self.map("storage_opt");
        options.pull_policy = self.text("pull_policy");
    }

    fn limits(&mut self) -> Limits<F> {
        Limits {
            cpus: self.with("cpus", |decoder, node, path| {
                decoder.value(node, path, Decoder::known_cpus)
            }),
            cpu_shares: self.integer("cpu_shares"),
            cpu_quota: self.integer("cpu_quota"),
            cpu_period: self.integer("cpu_period"),
            cpuset: self.text("cpuset"),
            memory: self.bytes("mem_limit"),
            memory_reservation: self.bytes("mem_reservation"),
            memory_swap: self.bytes("memswap_limit"),
            memory_swappiness: self.integer("mem_swappiness"),
            pids: self.integer("pids_limit"),
        }
    }

    fn loose_texts(&mut self, key: &'static str) -> Vec<F::Value<String>> {
        self.with(key, Decoder::loose_texts).unwrap_or_default()
    }

    /// Decodes variables; a bare name takes its value from the environment, in the resolved form at once.
    pub(super) fn environment(
        &mut self,
        key: &'static str,
    ) -> IndexMap<String, Option<F::Value<String>>> {
        let Some(node) = self.node(key) else {
            return IndexMap::new();
        };
        let path = self.at(key);
        let Some(table) = node.table() else {
            self.decoder.no_pairs(node, &path);
            return IndexMap::new();
        };
        let mut environment = IndexMap::with_capacity(table.len());
        for (name, inner) in table {
            let value = match &inner.value {
                Value::Null if self.decoder.is_resolving => {
                    Some(self.decoder.variables.lookup(name).map(F::literal))
                }
                Value::Null => Some(None),
                _ => self.decoder.loose_text(inner, &path.join(name)).map(Some),
            };
            if let Some(value) = value {
                environment.insert(name.clone(), value);
            }
        }
        environment
    }

    /// Puts the variables of env files below those of `environment`.
    fn merge_env_files(
        &mut self,
        files: &[EnvFile<F>],
        environment: &mut IndexMap<String, Option<F::Value<String>>>,
    ) {
        let mut merged: IndexMap<String, Option<String>> = IndexMap::new();
        for (index, file) in files.iter().enumerate() {
            let Some(path) = F::known(&file.path) else {
                continue;
            };
            match self.env_file_text(path) {
                Some((id, text)) if !self.decoder.takes_env_file(id, text) => {}
                Some((id, text)) => {
                    let (entries, mistakes) = match file.format {
                        Some(_) => (env_file::parse_raw(text), Vec::new()),
                        None => env_file::parse(text),
                    };
                    for mistake in mistakes {
                        self.decoder.tell(mistake.tell(id));
                    }
                    for entry in entries {
                        let inner = |name: &str| match environment.get(name) {
                            Some(Some(value)) => F::known(value).cloned(),
                            _ => merged.get(name).cloned().flatten(),
                        };
                        let length = |name: &str| inner(name).map_or(0, |value| value.len());
                        if !self.decoder.takes_env_value(id, &entry, &length) {
                            break;
                        }
                        match self.decoder.variables.entry_value_within(&entry, &inner) {
                            Ok(value) => {
                                merged.insert(entry.name, value);
                            }
                            Err(mistake) => self.decoder.tell(mistake.tell(id)),
                        }
                    }
                }
                None if file.required => self.missing_env_file(index, path),
                None => {}
            }
        }
        for (name, value) in merged {
            // A bare name that nobody sets is left out, as Compose does.
            if let Some(value) = value
                && !environment.contains_key(&name)
            {
                environment.insert(name, Some(F::literal(value)));
            }
        }
    }

    fn env_file_text(&self, path: &str) -> Option<(crate::model::FileId, &'a str)> {
        let sources = self.decoder.sources;
        let wanted = sources.absolute(std::path::Path::new(path));
        sources
            .with_role(FileRole::ServiceEnv)
            .find(|(_, file)| sources.absolute(&file.path) == wanted)
            .and_then(|(id, file)| Some((id, file.text.as_deref()?)))
    }

    fn missing_env_file(&mut self, index: usize, path: &str) {
        let Some(node) = self.node("env_file") else {
            return;
        };
        let site = match node.list() {
            Some(items) => items.get(index).map_or(&node.at, |item| &item.at),
            None => &node.at,
        };
        let message = format!("{}: {path} does not exist", self.at("env_file"));
        let help = format!("make it, or write {{ path = {path:?}, required = false }}");
        self.decoder.tell(
            Diagnostic::error(Code::MissingEnvFile, message, site.label(""))
                .with_help(help)
                .about_values(),
        );
    }

    fn files<N: Clone + std::fmt::Debug + PartialEq + Eq>(
        &mut self,
        key: &'static str,
        new: fn(String) -> Result<N, InvalidName>,
    ) -> Vec<FileReference<N, F>> {
        self.with(key, |decoder, node, path| {
            let mut files = Vec::new();
            for (index, item) in decoder.items(node, path).iter().enumerate() {
                files.extend(decoder.file(item, &path.join(index), new));
            }
            Some(files)
        })
        .unwrap_or_default()
    }
}

impl<'a, F: Form> Decoder<'a, F> {
    /// Decodes a command line: a list of words, or a text that is split as a shell would.
    pub(super) fn words(&mut self, node: &Node, path: &At<'_>) -> Option<Words<F>> {
        self.value(node, path, |decoder, node, path| {
            if let Some(items) = node.list() {
                let mut words = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    words.extend(decoder.text(item, &path.join(index)));
                }
                return Some(words);
            }
            if !matches!(node.value, Value::Text(_)) {
                decoder.wrong_type(node, path, "text or a list of texts");
                return None;
            }
            let text = decoder.known_text(node, path)?;
            match split_words(&text) {
                Some(words) => Some(words.into_iter().map(F::literal).collect()),
                None => {
                    let message = format!("{path}: a quote is never closed");
                    let help = "a list needs no quotes: [\"sh\", \"-c\", \"…\"]".to_owned();
                    decoder.bad_value(Code::BadValue, node, message, "", Some(help));
                    None
                }
            }
        })
    }

    fn env_files(&mut self, node: &Node, path: &At<'_>) -> Option<Vec<EnvFile<F>>> {
        let mut files = Vec::new();
        for (index, item) in self.items(node, path).iter().enumerate() {
            let at = path.join(index);
            if item.table().is_none() {
                files.extend(self.text(item, &at).map(|path| EnvFile {
                    path,
                    required: true,
                    format: None,
                }));
                continue;
            }
            let mut reader = Reader::open(self, item, &at, &language::ENV_FILE)?;
            let path = reader.text("path");
            let required = reader.flag("required").unwrap_or(true);
            let format = reader
                .choice("format", &[("raw", "raw")])
                .map(str::to_owned);
            reader.finish();
            files.extend(path.map(|path| EnvFile {
                path,
                required,
                format,
            }));
        }
        Some(files)
    }

    fn file<N: Clone + std::fmt::Debug + PartialEq + Eq>(
        &mut self,
        node: &Node,
        path: &At<'_>,
        new: fn(String) -> Result<N, InvalidName>,
    ) -> Option<FileReference<N, F>> {
        if node.table().is_none() {
            let text = self.known_text(node, path)?;
            return Some(FileReference {
                source: self.name(node, text, new)?,
                target: None,
                uid: None,
                gid: None,
                mode: None,
                more: Attributes::<F>::new(),
            });
        }
        let mut reader = Reader::open(self, node, path, &language::FILE)?;
        let source = reader.with("source", |decoder, node, path| {
            let text = decoder.known_text(node, path)?;
            decoder.name(node, text, new)
        });
        let target = reader.text("target");
        let uid = reader.with("uid", Decoder::loose_text);
        let gid = reader.with("gid", Decoder::loose_text);
        let mode = reader.with("mode", Decoder::known_mode);
        let more = reader.carry(&[]);
        reader.finish();
        if source.is_none() && node.get("source").is_none() {
            let message = format!("{path} does not say which source it is");
            self.tell(Diagnostic::error(
                Code::MissingKey,
                message,
                node.at.label(""),
            ));
        }
        Some(FileReference {
            source: source?,
            target,
            uid,
            gid,
            mode,
            more,
        })
    }

    /// Decodes host entries, which become `name=address`.
    pub(super) fn extra_hosts(
        &mut self,
        node: &Node,
        path: &At<'_>,
    ) -> Option<Vec<F::Value<String>>> {
        let Some(table) = node.table() else {
            return self.texts(node, path).map(|hosts| {
                hosts
                    .into_iter()
                    .map(|host| match F::known(&host) {
                        Some(text) if !text.contains('=') => F::literal(text.replacen(':', "=", 1)),
                        _ => host,
                    })
                    .collect()
            });
        };
        let mut hosts = Vec::new();
        for (name, inner) in table {
            let at = path.join(name);
            for address in self.items(inner, &at) {
                let text = self.text(address, &at);
                hosts.extend(text.and_then(|text| match F::known(&text) {
                    Some(text) => Some(F::literal(format!("{name}={text}"))),
                    None => F::raw(self.variable_in(address)?.after(&format!("{name}="))),
                }));
            }
        }
        Some(hosts)
    }

    fn ulimits(&mut self, node: &Node, path: &At<'_>) -> Option<IndexMap<String, Ulimit<F>>> {
        let Some(table) = node.table() else {
            self.wrong_type(node, path, "a table");
            return None;
        };
        let mut ulimits = IndexMap::new();
        for (name, inner) in table {
            let at = path.join(name);
            let both = if inner.table().is_some() {
                let mut reader = Reader::open(self, inner, &at, &language::ULIMIT)?;
                let (soft, hard) = (reader.integer("soft"), reader.integer("hard"));
                reader.finish();
                soft.zip(hard)
            } else {
                self.value(inner, &at, Self::known_integer)
                    .map(|limit| (limit.clone(), limit))
            };
            if let Some((soft, hard)) = both {
                ulimits.insert(name.clone(), Ulimit { soft, hard });
            }
        }
        Some(ulimits)
    }

    fn devices(&mut self, node: &Node, path: &At<'_>) -> Option<Vec<F::Value<String>>> {
        let mut devices = Vec::new();
        for (index, item) in self.items(node, path).iter().enumerate() {
            let at = path.join(index);
            if item.table().is_none() {
                devices.extend(self.text(item, &at));
                continue;
            }
            let mut reader = Reader::open(self, item, &at, &language::DEVICE)?;
            let source = reader.with("source", Decoder::device_part);
            let target = reader.with("target", Decoder::device_part);
            let permissions = reader
                .with("permissions", Decoder::device_part)
                .unwrap_or_else(|| "rwm".to_owned());
            reader.no_extensions();
            reader.finish();
            if let Some(source) = source {
                let target = target.unwrap_or_else(|| source.clone());
                devices.push(F::literal(format!("{source}:{target}:{permissions}")));
            }
        }
        Some(devices)
    }

    /// A device is written with colons between its parts, as the engine is told of it.
    fn device_part(&mut self, node: &Node, path: &At<'_>) -> Option<String> {
        let text = self.known_text(node, path)?;
        if text.contains(':') {
            let message = format!("{path} cannot have a colon");
            let help =
                "it parts source, target and permissions; link a device to a path without one"
                    .to_owned();
            self.bad_value(Code::BadValue, node, message, "", Some(help));
            return None;
        }
        Some(text)
    }

    fn logging(&mut self, node: &Node, path: &At<'_>) -> Option<Logging<F>> {
        let mut reader = Reader::open(self, node, path, &language::LOGGING)?;
        let logging = Logging {
            driver: reader.text("driver"),
            options: reader.map("options"),
            more: reader.carry(&[]),
        };
        reader.finish();
        Some(logging)
    }
}

/// Splits a command as Compose does: by blanks outside of quotes; an unquoted `|`, `;`, `&`, `<` or `>` ends it. `None` where a quote
/// stays open.
fn split_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('|' | ';' | '&' | '<' | '>', None) => break,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_split_as_in_compose() {
        for (text, words) in [
            ("a  b\nc", Some(vec!["a", "b", "c"])),
            ("a 'b c' \"d e\"f", Some(vec!["a", "b c", "d ef"])),
            ("a '' b", Some(vec!["a", "", "b"])),
            (r"a\ b", Some(vec!["a b"])),
            ("echo a | grep b", Some(vec!["echo", "a"])),
            ("echo '|' #x", Some(vec!["echo", "|", "#x"])),
            ("", Some(vec![])),
            ("a 'b", None),
        ] {
            let words = words.map(|words| words.into_iter().map(str::to_owned).collect());
            assert_eq!(split_words(text), words, "{text}");
        }
    }
}
