//! The compose file.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::model::{
    ContentSource, Dependency, FileContent, IpamPool, Network, Service, Stack, Template, Templated,
    Volume,
};
use crate::render::RenderRequest;
use crate::render::facts::has_facts;
use crate::render::json::{deferred, view};
use crate::render::template_text::{Rebase, text};

use super::container::container;
use super::map::MapBuilder;

/// Returns what `docker-compose.yml.j2` sees, as JSON.
pub(in crate::render) fn compose_view(stack: &Stack<Template>, request: &RenderRequest) -> Value {
    let rebase = Rebase::new(&request.output);
    let services = named(stack.services().iter(), |service| {
        service_view(stack, service, &rebase)
    });
    let mut view = view_without_services(stack, request);
    view["services"] = Value::Object(services);
    view
}

/// Returns what `docker-compose.yml.j2` sees, with services that are made one by one as the template comes to them.
pub(in crate::render) fn deferred_compose_view(
    stack: &Arc<Stack<Template>>,
    request: &RenderRequest,
) -> minijinja::Value {
    let rebase = Arc::new(Rebase::new(&request.output));
    let services = stack.services().keys().map(|name| {
        let (stack, rebase, key) = (Arc::clone(stack), Arc::clone(&rebase), name.clone());
        let make = move || match stack.service(&key) {
            Some(service) => service_view(&stack, service, &rebase),
            None => Value::Null,
        };
        (minijinja::Value::from(name.as_str()), deferred(make))
    });
    let services: IndexMap<minijinja::Value, minijinja::Value> = services.collect();
    let services = minijinja::Value::from_object(services);
    view(
        view_without_services(stack, request),
        [("services", services)],
    )
}

fn view_without_services(stack: &Stack<Template>, request: &RenderRequest) -> Value {
    let rebase = Rebase::new(&request.output);
    let parts = stack.parts();
    let networks = parts
        .networks
        .iter()
        .filter(|(name, network)| name.as_str() != "default" || **network != Network::default());
    let mut more = MapBuilder::default();
    more.attributes(&parts.more, &rebase);
    json!({
        "source": request.source,
        "digest": request.digest,
        "command": command(stack, request),
        "name": stack.name().as_str(),
        "description": parts.description,
        "services": null,
        "networks": named(networks, |network| network_view(network, &rebase)),
        "volumes": named(parts.volumes.iter(), |volume| volume_view(volume, &rebase)),
        "configs": named(parts.configs.iter(), |content| file_content(content, &rebase)),
        "more": more.finish(),
        "secrets": named(parts.secrets.iter(), |content| file_content(content, &rebase)),
    })
}

fn named<'a, N: std::fmt::Display + 'a, T: 'a>(
    items: impl Iterator<Item = (&'a N, &'a T)>,
    view: impl Fn(&T) -> Value,
) -> Map<String, Value> {
    items
        .map(|(name, item)| (name.to_string(), view(item)))
        .collect()
}

/// Returns the command that runs Compose on the rendered file, from the stack's folder.
pub(in crate::render) fn command(stack: &Stack<Template>, request: &RenderRequest) -> String {
    let output = request.output.to_string_lossy();
    let mut words = vec!["docker compose".to_owned()];
    words.extend(
        request
            .env_files
            .iter()
            .map(|file| format!("--env-file {}", shell_words::quote(file))),
    );
    if has_facts(stack) {
        let file = format!("{output}/.env");
        words.push(format!("--env-file {}", shell_words::quote(&file)));
    }
    let file = format!("{output}/docker-compose.yml");
    words.push(format!("-f {}", shell_words::quote(&file)));
    words.join(" ")
}

fn service_view(stack: &Stack<Template>, service: &Service<Template>, rebase: &Rebase) -> Value {
    let mut map = MapBuilder::default();
    map.list(
        "profiles",
        service.profiles.iter().map(|name| json!(name.as_str())),
    );
    map.text("container_name", &service.container_name);
    let replicas = service.more.get("deploy");
    let has_replicas = replicas.is_some_and(|deploy| deploy.get(&["replicas"]).is_some());
    if service.scale != 1 && !has_replicas {
        map.put("scale", service.scale);
    }
    container(&mut map, stack, &service.container, rebase);
    if !service.depends_on.is_empty() {
        let entries = service.depends_on.iter();
        let entries = entries.map(|(name, it)| (name.to_string(), dependency(it, rebase)));
        map.put("depends_on", Value::Object(entries.collect()));
    }
    map.attributes(&service.more, rebase);
    map.finish()
}

fn dependency(dependency: &Dependency<Template>, rebase: &Rebase) -> Value {
    let mut entry = MapBuilder::default();
    entry.put("condition", dependency.condition.compose_name());
    if dependency.on_replace.restarts() {
        entry.put("restart", true);
    }
    if !dependency.required {
        entry.put("required", false);
    }
    entry.attributes(&dependency.more, rebase);
    entry.finish()
}

fn network_view(network: &Network<Template>, rebase: &Rebase) -> Value {
    let mut map = MapBuilder::default();
    map.text("name", &network.name);
    map.flag("external", &network.external);
    if network.external == Templated::Literal(true) {
        map.extensions(&network.more, rebase);
        return map.finish();
    }
    map.text("driver", &network.driver);
    map.text_map("driver_opts", &network.driver_opts);
    map.flag("internal", &network.internal);
    map.flag("attachable", &network.attachable);
    map.typed("enable_ipv6", &network.enable_ipv6, |flag| json!(flag));
    map.text_map("labels", &network.labels);
    let mut ipam = MapBuilder::default();
    ipam.text("driver", &network.ipam.driver);
    let pools = network.ipam.config.iter();
    ipam.list("config", pools.map(|item| pool(item, rebase)));
    ipam.attributes(&network.ipam.more, rebase);
    map.map("ipam", ipam);
    map.attributes(&network.more, rebase);
    map.finish()
}

fn pool(pool: &IpamPool<Template>, rebase: &Rebase) -> Value {
    let mut entry = MapBuilder::default();
    entry.text("subnet", &pool.subnet);
    entry.text("ip_range", &pool.ip_range);
    entry.text("gateway", &pool.gateway);
    entry.attributes(&pool.more, rebase);
    entry.finish()
}

fn volume_view(volume: &Volume<Template>, rebase: &Rebase) -> Value {
    let mut map = MapBuilder::default();
    map.text("name", &volume.name);
    map.flag("external", &volume.external);
    if volume.external == Templated::Literal(true) {
        map.extensions(&volume.more, rebase);
        return map.finish();
    }
    map.text("driver", &volume.driver);
    let mut options = MapBuilder::default();
    for (key, value) in &volume.driver_opts {
        // A folder of the host in the guise of a volume.
        match key.as_str() == "device" && volume.is_bind() {
            true => options.put(key, rebase.path(value)),
            false => options.put(key, text(value)),
        }
    }
    map.map("driver_opts", options);
    map.text_map("labels", &volume.labels);
    map.attributes(&volume.more, rebase);
    map.finish()
}

fn file_content(content: &FileContent<Template>, rebase: &Rebase) -> Value {
    let mut map = MapBuilder::default();
    map.text("name", &content.name);
    match &content.source {
        ContentSource::File(path) => map.put("file", rebase.path(path)),
        ContentSource::Content(content) => map.put("content", text(content)),
        ContentSource::Environment { variable, .. } => map.put("environment", variable.as_str()),
        ContentSource::External | ContentSource::Driver => {}
    }
    map.flag("external", &content.external);
    map.text_map("labels", &content.labels);
    map.attributes(&content.more, rebase);
    map.finish()
}
