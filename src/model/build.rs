//! What is asked of a builder: the specification that a build carries.

use std::collections::BTreeMap;

use super::{ImageReference, SecretText, ServiceName};

/// Who builds images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Builder {
    /// The engine itself, which every Docker has and which knows the plain Dockerfile only.
    #[default]
    Engine,
    /// BuildKit, through the docker command's plug-in buildx.
    Buildx,
}

/// An image to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSpec {
    /// The service that it is for.
    pub service: ServiceName,
    /// What it is called.
    pub image: ImageReference,
    /// Who builds it.
    pub builder: Builder,
    /// Further names.
    pub tags: Vec<String>,
    /// An absolute folder of the host, or an address.
    pub context: String,
    /// The Dockerfile, relative to the context; `None`: `Dockerfile`.
    pub dockerfile: Option<String>,
    /// The text of the Dockerfile, in place of a file.
    pub dockerfile_inline: Option<String>,
    /// Build arguments; `None` as value: that of this process's environment. They may well be secrets.
    pub args: BTreeMap<String, Option<SecretText>>,
    /// The stage that is built.
    pub target: Option<String>,
    /// Labels of the image, Compose's among them.
    pub labels: BTreeMap<String, String>,
    /// Where layers are looked for.
    pub cache_from: Vec<String>,
    /// Where layers are put.
    pub cache_to: Vec<String>,
    /// Builds every layer anew.
    pub no_cache: bool,
    /// Asks the registry for newer base images.
    pub pull: bool,
    /// The network of RUN commands.
    pub network: Option<String>,
    /// Bytes of /dev/shm.
    pub shm_size: Option<i64>,
    /// Lines of /etc/hosts, as `name:address`.
    pub extra_hosts: Vec<String>,
    /// Soft and hard limits by name.
    pub ulimits: BTreeMap<String, (i64, i64)>,
    /// The platforms that are built for; empty: the engine's.
    pub platforms: Vec<String>,
    /// Secrets by the id that the Dockerfile knows them by.
    pub secrets: BTreeMap<String, BuildSecret>,
    /// SSH agents and keys: a name, and a path where it is not the agent.
    pub ssh: Vec<String>,
    /// Further contexts by name.
    pub contexts: BTreeMap<String, String>,
    /// Privileges that the build may use.
    pub entitlements: Vec<String>,
    /// Whether a provenance attestation is added, or which.
    pub provenance: Option<String>,
    /// Whether a bill of materials is added, or which.
    pub sbom: Option<String>,
}

/// Where a secret of a build comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildSecret {
    /// A file of the host.
    File(String),
    /// The text itself.
    Text(SecretText),
}
