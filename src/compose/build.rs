//! How a service's image is built.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Attribute, Attributes, BuildSecret, BuildSpec, Builder, ContentSource, ImageKey,
    ImageReference, Resolved, SecretText, ServiceName, Stack,
};

use super::beyond::Beyond;
use super::{ComposeGeneration, labels};

/// Why a service cannot be built under Compose's name for its image.
pub(super) const NO_IMAGE_NAME: &str =
    "the names of project and service make no image name; name it by image";

/// What only BuildKit can do.
const ONLY_BUILDX: &str = "the engine's own builder cannot do this; install docker's buildx plug-in (the package docker-buildx-plugin or docker-buildx)";

/// Why a further context is refused where BuildKit is part of an old engine.
const NEEDS_NEWER: &str =
    "the BuildKit of this engine knows no further contexts: Docker 23 is the first that does";

/// The API version of Docker 23.
const DOCKER_23: (u32, u32) = (1, 42);

/// Returns a service's image: `image`, else, for one that is built, Compose's `PROJECT-SERVICE`.
pub fn image_of(stack: &Stack<Resolved>, name: &ServiceName) -> Option<ImageReference> {
    let service = stack.service(name)?;
    let built = || {
        let is_built = service.more.contains_key("build");
        is_built.then(|| ImageReference::parse(&format!("{}-{name}", stack.name())).ok())?
    };
    service.container.image.clone().or_else(built)
}

/// Returns every image of a stack that can be locked: those of services, whether they are switched on or not, and of tasks.
pub fn image_keys(stack: &Stack<Resolved>) -> BTreeSet<ImageKey> {
    let services = stack.services().iter().filter_map(|(name, service)| {
        let image = image_of(stack, name)?;
        Some((image, service.container.platform.clone()))
    });
    let all = stack.containers();
    let named = all.filter_map(|(_, it)| Some((it.image.clone()?, it.platform.clone())));
    let keys = services.chain(named);
    keys.filter(|(image, _)| image.digest().is_none()).collect()
}

/// Returns the services that are built, each with its image.
pub fn built_images(
    stack: &Stack<Resolved>,
) -> impl Iterator<Item = (&ServiceName, ImageReference)> {
    let built = stack
        .services()
        .iter()
        .filter(|(_, service)| service.more.contains_key("build"));
    built.filter_map(|(name, _)| Some((name, image_of(stack, name)?)))
}

/// Returns the services whose images another one's build begins with: `additional_contexts` of the form `service:NAME`.
pub fn build_needs(stack: &Stack<Resolved>, name: &ServiceName) -> Vec<ServiceName> {
    let Some(build) = stack.service(name).and_then(|it| it.more.get("build")) else {
        return Vec::new();
    };
    let contexts = Keys::of(build).map("additional_contexts");
    let services = contexts
        .values()
        .flatten()
        .filter_map(|value| ServiceName::new(value.strip_prefix("service:")?).ok());
    services.filter(|it| stack.service(it).is_some()).collect()
}

/// Returns how a service's image is built by `builder` for an engine of this API version; `None` for a service without `build`.
///
/// # Errors
/// What that builder cannot do.
pub fn build_spec(
    stack: &Stack<Resolved>,
    name: &ServiceName,
    builder: Builder,
    api: (u32, u32),
) -> Option<Result<BuildSpec, Vec<Beyond>>> {
    let service = stack.service(name)?;
    let build = Keys::of(service.more.get("build")?);
    let Some(image) = image_of(stack, name) else {
        return Some(Err(vec![beyond("build", NO_IMAGE_NAME)]));
    };
    let mut platforms = build.list("platforms");
    if platforms.is_empty() {
        platforms.extend(service.container.platform.clone());
    }
    let mut labels = plain(build.map("labels"));
    labels.extend(compose_labels(stack, name, builder));
    let contexts = plain(build.map("additional_contexts"));
    let spec = BuildSpec {
        service: name.clone(),
        image,
        builder,
        tags: build.list("tags"),
        context: build.text("context").unwrap_or_default(),
        dockerfile: build.text("dockerfile"),
        dockerfile_inline: build.text("dockerfile_inline"),
        args: build
            .map("args")
            .into_iter()
            .map(|(key, value)| (key, value.map(SecretText::new)))
            .collect(),
        target: build.text("target"),
        labels,
        cache_from: build.list("cache_from"),
        cache_to: build.list("cache_to"),
        no_cache: build.flag("no_cache"),
        pull: build.flag("pull"),
        network: build.text("network"),
        shm_size: build.number("shm_size"),
        extra_hosts: build.list("extra_hosts"),
        ulimits: build.ulimits(),
        platforms,
        secrets: secrets(stack, &build),
        ssh: build.ssh(),
        contexts: contexts
            .into_iter()
            .map(|(key, value)| (key, context(stack, value)))
            .collect(),
        entitlements: entitlements(&build),
        provenance: build.loose("provenance"),
        sbom: build.loose("sbom"),
    };
    let beyond = beyond_builder(&spec, &build, api);
    Some(if beyond.is_empty() {
        Ok(spec)
    } else {
        Err(beyond)
    })
}

fn compose_labels(
    stack: &Stack<Resolved>,
    name: &ServiceName,
    builder: Builder,
) -> Vec<(String, String)> {
    let version = ComposeGeneration::default().version().to_owned();
    let mut all = vec![
        (labels::PROJECT.to_owned(), stack.name().to_string()),
        (labels::SERVICE.to_owned(), name.to_string()),
        (labels::VERSION.to_owned(), version),
    ];
    if builder == Builder::Engine {
        all.push((labels::IMAGE_BUILDER.to_owned(), "classic".to_owned()));
    }
    all
}

/// Returns a further context as the builder takes it: the image of another service by its name.
fn context(stack: &Stack<Resolved>, value: String) -> String {
    let service = value.strip_prefix("service:");
    let service = service.and_then(|name| ServiceName::new(name).ok());
    match service.and_then(|name| image_of(stack, &name)) {
        Some(image) => format!("docker-image://{image}"),
        None => value,
    }
}

/// `privileged` is an entitlement by another name.
fn entitlements(build: &Keys<'_>) -> Vec<String> {
    let mut all = build.list("entitlements");
    let insecure = "security.insecure".to_owned();
    if build.flag("privileged") && !all.contains(&insecure) {
        all.push(insecure);
    }
    all
}

fn secrets(stack: &Stack<Resolved>, build: &Keys<'_>) -> BTreeMap<String, BuildSecret> {
    let Some(Attribute::List(items)) = build.get("secrets") else {
        return BTreeMap::new();
    };
    let each = items.iter().filter_map(|item| {
        let item = Keys::of(item);
        let source = item.text("source")?;
        let content = stack.parts().secrets.get(source.as_str())?;
        let secret = match &content.source {
            ContentSource::File(path) => BuildSecret::File(path.clone()),
            ContentSource::Content(text) => BuildSecret::Text(SecretText::new(text.as_str())),
            ContentSource::Environment { value, .. } => BuildSecret::Text(value.clone()),
            ContentSource::External | ContentSource::Driver => return None,
        };
        Some((item.text("target").unwrap_or(source), secret))
    });
    each.collect()
}

/// Returns what a builder cannot do of what is asked.
fn beyond_builder(spec: &BuildSpec, build: &Keys<'_>, api: (u32, u32)) -> Vec<Beyond> {
    let mut found = Vec::new();
    if build.text("isolation").is_some_and(|it| it != "default") {
        found.push(beyond("build.isolation", "only Windows has isolations"));
    }
    if spec.builder == Builder::Buildx {
        if !spec.contexts.is_empty() && api < DOCKER_23 {
            found.push(beyond("build.additional_contexts", NEEDS_NEWER));
        }
        return found;
    }
    let is_on = |loose: &Option<String>| loose.as_ref().is_some_and(|it| it != "false");
    let asked = [
        ("additional_contexts", !spec.contexts.is_empty()),
        ("cache_to", !spec.cache_to.is_empty()),
        ("entitlements", !build.list("entitlements").is_empty()),
        ("platforms", spec.platforms.len() > 1),
        ("privileged", build.flag("privileged")),
        ("provenance", is_on(&spec.provenance)),
        ("sbom", is_on(&spec.sbom)),
        ("secrets", build.has("secrets")),
        ("ssh", !spec.ssh.is_empty()),
    ];
    let asked = asked.into_iter().filter(|(_, is_asked)| *is_asked);
    found.extend(asked.map(|(key, _)| beyond(&format!("build.{key}"), ONLY_BUILDX)));
    found
}

fn beyond(attribute: &str, why: &'static str) -> Beyond {
    Beyond {
        attribute: attribute.to_owned(),
        why,
    }
}

fn plain(map: BTreeMap<String, Option<String>>) -> BTreeMap<String, String> {
    let all = map.into_iter();
    all.map(|(key, value)| (key, value.unwrap_or_default()))
        .collect()
}

/// The keys of a table that is only carried elsewhere.
struct Keys<'a>(Option<&'a Attributes<Resolved>>);

impl<'a> Keys<'a> {
    fn of(attribute: &'a Attribute<Resolved>) -> Self {
        Self(match attribute {
            Attribute::Table(keys) | Attribute::Map(keys) => Some(keys),
            _ => None,
        })
    }

    fn get(&self, key: &str) -> Option<&'a Attribute<Resolved>> {
        self.0?.get(key)
    }

    fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|it| !it.is_empty())
    }

    fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(word).filter(|it| !it.is_empty())
    }

    fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Attribute::Flag(true)))
    }

    fn number(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Attribute::Number(number) => Some(*number),
            Attribute::Size(size) => Some(size.0),
            _ => None,
        }
    }

    /// A text, or a truth value as text.
    fn loose(&self, key: &str) -> Option<String> {
        self.text(key)
    }

    fn list(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(Attribute::List(items)) => items.iter().filter_map(word).collect(),
            Some(other) => word(other).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn map(&self, key: &str) -> BTreeMap<String, Option<String>> {
        let Some(Attribute::Map(map) | Attribute::Table(map)) = self.get(key) else {
            return BTreeMap::new();
        };
        map.iter()
            .map(|(key, value)| (key.clone(), word(value)))
            .collect()
    }

    /// `default`, `NAME=PATH`.
    fn ssh(&self) -> Vec<String> {
        let pairs = self.map("ssh").into_iter();
        pairs
            .map(|(name, path)| match path.filter(|path| !path.is_empty()) {
                Some(path) => format!("{name}={path}"),
                None => name,
            })
            .collect()
    }

    fn ulimits(&self) -> BTreeMap<String, (i64, i64)> {
        let Some(Attribute::Map(map)) = self.get("ulimits") else {
            return BTreeMap::new();
        };
        let each = map.iter().filter_map(|(name, value)| {
            let both = match value {
                Attribute::Number(number) => (*number, *number),
                table => {
                    let table = Keys::of(table);
                    (table.number("soft")?, table.number("hard")?)
                }
            };
            Some((name.clone(), both))
        });
        each.collect()
    }
}

/// Returns a scalar as text.
fn word(attribute: &Attribute<Resolved>) -> Option<String> {
    match attribute {
        Attribute::Text(text) | Attribute::Path(text) | Attribute::Real(text) => Some(text.clone()),
        Attribute::Flag(flag) => Some(flag.to_string()),
        Attribute::Number(number) => Some(number.to_string()),
        Attribute::Size(size) => Some(size.0.to_string()),
        _ => None,
    }
}
