//! Networks, volumes, configs, secrets and host sockets.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::{Attributes, Form, SecretText, ServiceName};

/// A network of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network<F: Form> {
    /// Its name at the engine; default `PROJECT_KEY`.
    pub name: Option<F::Value<String>>,
    /// Whether it exists already and is never made or removed.
    pub external: F::Value<bool>,
    /// The driver; absent: the engine's default, `bridge`.
    pub driver: Option<F::Value<String>>,
    /// Options of the driver.
    pub driver_opts: IndexMap<String, F::Value<String>>,
    /// Whether it has no way out.
    pub internal: F::Value<bool>,
    /// Whether containers outside of the stack may attach (Swarm).
    pub attachable: F::Value<bool>,
    /// Whether it has IPv6.
    pub enable_ipv6: Option<F::Value<bool>>,
    /// Labels.
    pub labels: IndexMap<String, F::Value<String>>,
    /// Address ranges.
    pub ipam: Ipam<F>,
    /// More attributes, which only newer engines know.
    pub more: Attributes<F>,
}

impl<F: Form> Default for Network<F> {
    fn default() -> Self {
        Self {
            name: None,
            external: F::literal(false),
            driver: None,
            driver_opts: IndexMap::new(),
            internal: F::literal(false),
            attachable: F::literal(false),
            enable_ipv6: None,
            labels: IndexMap::new(),
            ipam: Ipam::default(),
            more: Attributes::<F>::new(),
        }
    }
}

/// How a network gives out addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipam<F: Form> {
    /// The driver; absent: `default`.
    pub driver: Option<F::Value<String>>,
    /// Address ranges; empty: the engine chooses.
    pub config: Vec<IpamPool<F>>,
    /// More attributes: `options`, which Compose reads and leaves out.
    pub more: Attributes<F>,
}

impl<F: Form> Default for Ipam<F> {
    fn default() -> Self {
        Self {
            driver: None,
            config: Vec::new(),
            more: Attributes::<F>::new(),
        }
    }
}

/// One address range of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpamPool<F: Form> {
    /// The subnet, such as `172.28.0.0/16`.
    pub subnet: Option<F::Value<String>>,
    /// The part of it that containers get addresses from.
    pub ip_range: Option<F::Value<String>>,
    /// The gateway.
    pub gateway: Option<F::Value<String>>,
    /// More attributes: `aux_addresses`.
    pub more: Attributes<F>,
}

/// A volume of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume<F: Form> {
    /// Its name at the engine; default `PROJECT_KEY`.
    pub name: Option<F::Value<String>>,
    /// Whether it exists already and is never made or removed.
    pub external: F::Value<bool>,
    /// The driver; absent: `local`.
    pub driver: Option<F::Value<String>>,
    /// Options of the driver.
    pub driver_opts: IndexMap<String, F::Value<String>>,
    /// Labels.
    pub labels: IndexMap<String, F::Value<String>>,
    /// Extension keys.
    pub more: Attributes<F>,
}

impl<F: Form> Default for Volume<F> {
    fn default() -> Self {
        Self {
            name: None,
            external: F::literal(false),
            driver: None,
            driver_opts: IndexMap::new(),
            labels: IndexMap::new(),
            more: Attributes::<F>::new(),
        }
    }
}

impl<F: Form> Volume<F> {
    /// Returns whether its `device` is a path of the host that is taken from the file's folder: Compose does so where the driver `local`
    /// is named and `o` is `bind`.
    pub fn is_bind(&self) -> bool {
        let is = |value: Option<&F::Value<String>>, text: &str| {
            value.and_then(F::known).is_some_and(|known| known == text)
        };
        is(self.driver.as_ref(), "local") && is(self.driver_opts.get("o"), "bind")
    }
}

/// A config or a secret: content that containers see as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent<F: Form> {
    /// Where the content comes from.
    pub source: ContentSource<F>,
    /// Whether it exists at the engine already, whatever `source` says.
    pub external: F::Value<bool>,
    /// Its name at the engine, which only Swarm uses.
    pub name: Option<F::Value<String>>,
    /// Labels.
    pub labels: IndexMap<String, F::Value<String>>,
    /// More attributes, which only Swarm knows: `driver`, `driver_opts`, `template_driver`.
    pub more: Attributes<F>,
}

/// Where the content of a config or secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentSource<F: Form> {
    /// A file of the host, bind-mounted read-only. As written in the template form, absolute in the resolved form.
    File(F::Value<String>),
    /// Text in stack.toml.
    Content(F::Value<String>),
    /// A variable of the environment or an env file. The value is known in the resolved form only.
    Environment {
        /// The variable's name.
        variable: String,
        /// Its value.
        value: F::Value<SecretText>,
    },
    /// It names none: it exists at the engine already (Swarm).
    External,
    /// A driver makes it (Swarm); `driver` is among the content's further attributes.
    Driver,
}

/// A socket of the host, the permissions it needs and who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Its path on the host.
    pub path: PathBuf,
    /// Its path inside a container; default: the same.
    pub target: Option<PathBuf>,
    /// How services get access.
    pub grant: Grant,
    /// The mode that the socket has to have on the host; absent: it is left as it is.
    pub mode: Option<u32>,
    /// The owner it has to have, a name or a number.
    pub owner: Option<String>,
    /// The group it has to have, a name or a number.
    pub group: Option<String>,
    /// Whether a mode with rights for everybody is meant.
    pub allow_world_access: bool,
    /// Whether it is fine when it is not there; there is no mount then.
    pub optional: bool,
    /// The only services that may ask for it; empty: any.
    pub services: Vec<ServiceName>,
}

/// How a service gets at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grant {
    /// The mount, and the socket's group as a supplementary group of the container.
    Group,
    /// The mount alone.
    #[default]
    Mount,
}
