//! Decodes mounts.

use crate::model::{Attribute, Attributes, Form, Mount, MountSource, clean_path};

use super::super::language;
use super::super::tree::Node;
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader, split_outside_braces};

const HELP: &str = "a mount is \"./data:/data:ro\", \"volume:/data\" or { type = \"bind\", source = \"./data\", target = \"/data\" }";

#[derive(Clone, Copy)]
enum Kind {
    Bind,
    Volume,
    Tmpfs,
    Other(&'static str),
}

impl Kind {
    /// Returns its name, which is also the key of its options.
    fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Other(name) => name,
        }
    }
}

const KINDS: [(&str, Kind); 6] = [
    ("bind", Kind::Bind),
    ("volume", Kind::Volume),
    ("tmpfs", Kind::Tmpfs),
    ("image", Kind::Other("image")),
    ("cluster", Kind::Other("cluster")),
    ("npipe", Kind::Other("npipe")),
];

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    pub(super) fn mounts(&mut self) -> Vec<F::Value<Mount<F>>> {
        self.with("volumes", |decoder, node, path| {
            let Some(items) = node.list() else {
                decoder.wrong_type(node, path, "a list");
                return None;
            };
            let mut mounts = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let at = path.join(index);
                if let Some(template) = decoder.variable_in(item) {
                    mounts.extend(F::raw(template.clone()));
                } else if item.table().is_some() {
                    mounts.extend(decoder.long_mount(item, &at).map(F::literal));
                } else {
                    mounts.extend(decoder.short_mount(item, &at).map(F::literal));
                }
            }
            Some(mounts)
        })
        .unwrap_or_default()
    }
}

impl<'a, F: Form> Decoder<'a, F> {
    fn short_mount(&mut self, node: &Node, path: &At<'_>) -> Option<Mount<F>> {
        let text = self.known_text(node, path)?;
        let parts = split_outside_braces(&text, ':');
        let (source, target, options) = match parts.as_slice() {
            [target] => (None, *target, ""),
            [source, target] => (Some(*source), *target, ""),
            [source, target, options] => (Some(*source), *target, *options),
            _ => ("".into(), "", ""),
        };
        if target.is_empty() || source == Some("") {
            let message = format!("{path}: {text:?} is no mount");
            self.bad_value(Code::BadMount, node, message, "", Some(HELP.to_owned()));
            return None;
        }
        if !target.starts_with('/') {
            let message = format!("{path}: {target:?} is no absolute path inside the container");
            self.bad_value(Code::BadMount, node, message, "", Some(HELP.to_owned()));
            return None;
        }
        let options: Vec<&str> = options.split(',').collect();
        let selinux = options.iter().find(|option| matches!(**option, "z" | "Z"));
        let propagation = options.iter().find(|option| {
            matches!(
                **option,
                "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave"
            )
        });
        let literal = |option: Option<&&str>| option.map(|option| F::literal((*option).to_owned()));
        let mut more = Attributes::<F>::new();
        let source = match source {
            Some(path) if path.starts_with(['.', '/', '~']) => MountSource::Bind {
                path: F::literal(self.mount_path(path)),
                create_host_path: Some(true),
                propagation: literal(propagation),
                selinux: literal(selinux),
            },
            source => {
                // Compose keeps what only a bind has, in a `bind` beside the volume's own options.
                let bind = [
                    ("selinux", literal(selinux)),
                    ("propagation", literal(propagation)),
                ];
                let bind = bind
                    .into_iter()
                    .filter_map(|(key, value)| Some((key.to_owned(), Attribute::Text(value?))));
                let bind: Attributes<F> = bind.collect();
                if !bind.is_empty() {
                    more.insert("bind".to_owned(), Attribute::Table(bind));
                }
                MountSource::Volume {
                    volume: source.map(|volume| F::literal(volume.to_owned())),
                    nocopy: options.contains(&"nocopy"),
                    subpath: None,
                }
            }
        };
        Some(Mount {
            target: F::literal(clean_target(target)),
            read_only: F::literal(options.contains(&"ro")),
            source,
            options: Attributes::<F>::new(),
            more,
        })
    }

    fn long_mount(&mut self, node: &Node, path: &At<'_>) -> Option<Mount<F>> {
        let mut reader = Reader::open(self, node, path, &language::MOUNT)?;
        let kind = reader.choice("type", &KINDS);
        let target = reader.text("target").map(|target| match F::known(&target) {
            Some(known) => F::literal(clean_target(known)),
            None => target,
        });
        let source = reader.text("source");
        let read_only = reader
            .bool("read_only")
            .unwrap_or_else(|| F::literal(false));
        let bind = reader.node("bind");
        let volume = reader.node("volume");
        let tmpfs = reader.node("tmpfs");
        let image = reader.node("image");
        let mut more = reader.carry(language::MOUNT_CARRIED);
        let kind = match kind {
            Some(kind) => kind,
            None if node.get("type").is_some() => return None,
            None => Kind::Volume,
        };
        reader.finish();
        let mut missing = |what: &str| {
            let message = format!("{path} has no {what}");
            self.tell(
                Diagnostic::error(Code::MissingKey, message, node.at.label("")).with_help(HELP),
            );
        };
        if node.get("target").is_none() {
            missing("target");
        }
        if matches!(kind, Kind::Bind) && node.get("source").is_none() {
            missing("source");
        }
        let parts = [
            ("bind", bind, &language::BIND),
            ("volume", volume, &language::VOLUME_MOUNT),
            ("tmpfs", tmpfs, &language::TMPFS_MOUNT),
            ("image", image, &language::IMAGE_MOUNT),
        ];
        for (key, node, table) in parts {
            if key != kind.name()
                && let Some(node) = node
                && let Some(part) = self.other_part(node, &path.join(key), table)
            {
                more.insert(key.to_owned(), part);
            }
        }
        let mut options = Attributes::<F>::new();
        let source = match kind {
            Kind::Bind => self.bind(source?, bind, &path.join("bind"), &mut options)?,
            Kind::Volume => {
                self.volume_mount(source, volume, &path.join("volume"), &mut options)?
            }
            Kind::Tmpfs => self.tmpfs(tmpfs, &path.join("tmpfs"), &mut options)?,
            Kind::Other(kind) => {
                if kind == "image"
                    && let Some(node) = image
                {
                    let at = path.join("image");
                    let mut reader = Reader::open(self, node, &at, &language::IMAGE_MOUNT)?;
                    options = reader.carry(language::IMAGE_MOUNT_CARRIED);
                    reader.finish();
                }
                let kind = kind.to_owned();
                MountSource::Other { kind, source }
            }
        };
        Some(Mount {
            target: target?,
            read_only,
            source,
            options,
            more,
        })
    }

    /// Returns what a bind shows. An absolute path stays as it is written, as Compose leaves and hashes it.
    fn mount_path(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => path.to_owned(),
            false => self.host_path(path),
        }
    }

    /// Decodes options of another kind of mount, which mean nothing here and which Compose keeps.
    fn other_part(
        &mut self,
        node: &Node,
        path: &At<'_>,
        table: &'static language::Table,
    ) -> Option<Attribute<F>> {
        let mut part = self.table_attribute(node, path, table)?;
        if let Attribute::Table(members) = &mut part
            && let Some(mode) = members.get_mut("mode")
            && let Attribute::Mode(number) = *mode
        {
            // In a mount it is a number, elsewhere text.
            *mode = Attribute::Number(F::literal(i64::from(number)));
        }
        Some(part)
    }

    fn bind(
        &mut self,
        source: F::Value<String>,
        node: Option<&Node>,
        path: &At<'_>,
        options: &mut Attributes<F>,
    ) -> Option<MountSource<F>> {
        let source = match F::known(&source) {
            Some(known) => F::literal(self.mount_path(known)),
            None => source,
        };
        let mut bind = (Some(true), None, None);
        if let Some(node) = node {
            let mut reader = Reader::open(self, node, path, &language::BIND)?;
            bind.0 = reader.flag("create_host_path");
            bind.1 = reader.text("propagation");
            bind.2 = reader.text("selinux");
            *options = reader.carry(language::BIND_CARRIED);
            reader.finish();
        }
        Some(MountSource::Bind {
            path: source,
            create_host_path: bind.0,
            propagation: bind.1,
            selinux: bind.2,
        })
    }

    fn volume_mount(
        &mut self,
        source: Option<F::Value<String>>,
        node: Option<&Node>,
        path: &At<'_>,
        options: &mut Attributes<F>,
    ) -> Option<MountSource<F>> {
        let (mut nocopy, mut subpath) = (false, None);
        if let Some(node) = node {
            let mut reader = Reader::open(self, node, path, &language::VOLUME_MOUNT)?;
            nocopy = reader.flag("nocopy").unwrap_or(false);
            subpath = reader.text("subpath");
            *options = reader.carry(language::VOLUME_MOUNT_CARRIED);
            reader.finish();
        }
        Some(MountSource::Volume {
            volume: source,
            nocopy,
            subpath,
        })
    }

    fn tmpfs(
        &mut self,
        node: Option<&Node>,
        path: &At<'_>,
        options: &mut Attributes<F>,
    ) -> Option<MountSource<F>> {
        let (mut size, mut mode) = (None, None);
        if let Some(node) = node {
            let mut reader = Reader::open(self, node, path, &language::TMPFS_MOUNT)?;
            size = reader.bytes("size");
            mode = reader.with("mode", Decoder::known_mode);
            *options = reader.carry(&[]);
            reader.finish();
        }
        Some(MountSource::Tmpfs { size, mode })
    }
}

/// Takes doubled and trailing slashes off a path inside, as Compose does.
fn clean_target(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    clean_path(path)
}
