//! What a service hangs on without saying so in `depends_on`.

use crate::model::{Attachment, Resolved, Service, ServiceName, Stack};

use super::rare;

/// Returns the services whose namespaces or mounts a service shares: where one of their containers is replaced, its own have to be too.
pub fn shared_services(stack: &Stack<Resolved>, name: &ServiceName) -> Vec<ServiceName> {
    let Some(service) = stack.service(name) else {
        return Vec::new();
    };
    let mut shared = namespace_services(stack, service);
    for other in rare::volume_services(stack, service) {
        if !shared.contains(&other) {
            shared.push(other);
        }
    }
    shared
}

/// Returns every service that has to be started before, beyond `depends_on`, each with whether Compose restarts the dependant when it
/// restarts the other: it does for links and namespaces.
pub fn implied_dependencies(
    stack: &Stack<Resolved>,
    service: &Service<Resolved>,
) -> Vec<(ServiceName, bool)> {
    let restarting =
        rare::linked_services(stack, service).chain(namespace_services(stack, service));
    let restarting = restarting.map(|name| (name, true));
    let others = rare::volume_services(stack, service).map(|name| (name, false));
    let mut found: Vec<(ServiceName, bool)> = Vec::new();
    for (name, restart) in restarting.chain(others) {
        let is_new = found.iter().all(|(known, _)| *known != name);
        if is_new && !service.depends_on.contains_key(&name) {
            found.push((name, restart));
        }
    }
    found
}

/// Returns the services whose namespaces a service joins by `service:X`.
fn namespace_services(stack: &Stack<Resolved>, service: &Service<Resolved>) -> Vec<ServiceName> {
    let container = &service.container;
    let network = match &container.attachment {
        Attachment::Mode(mode) => Some(mode),
        Attachment::Networks(_) => None,
    };
    [network, container.ipc.as_ref(), container.pid.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|mode| mode.strip_prefix("service:"))
        .filter_map(|name| stack.services().get_key_value(name))
        .map(|(name, _)| name.clone())
        .collect()
}
