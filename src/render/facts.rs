//! Facts of this host that the compose file needs and must not hold: `generated/.env`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::model::{Form, Grant, ObservedSocket, Socket, SocketName, Stack};

use super::Generated;

/// Returns the variable that holds the group of a socket.
pub(super) fn gid_variable(socket: &SocketName) -> String {
    format!("STACKGEN_SOCKET_{}_GID", upper(socket))
}

/// Returns the variable that holds the path of an optional socket.
pub(super) fn path_variable(socket: &SocketName) -> String {
    format!("STACKGEN_SOCKET_{}_PATH", upper(socket))
}

fn upper(socket: &SocketName) -> String {
    socket
        .as_str()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}

/// Returns whether the compose file needs facts of the host.
pub(super) fn has_facts<F: Form>(stack: &Stack<F>) -> bool {
    sockets_with_facts(stack).next().is_some()
}

fn sockets_with_facts<F: Form>(stack: &Stack<F>) -> impl Iterator<Item = (&SocketName, &Socket)> {
    let is_granted = |name: &SocketName| {
        let mut services = stack.services().values();
        services.any(|service| service.container.sockets.contains(name))
    };
    stack.sockets().iter().filter(move |(name, socket)| {
        is_granted(name) && (socket.optional || socket.grant == Grant::Group)
    })
}

/// Returns the env file with what was seen of the sockets, so that the compose file itself is the same on every host: `None` where no
/// service is granted a socket.
pub fn host_facts<F: Form>(
    stack: &Stack<F>,
    output: &Path,
    sockets: &BTreeMap<SocketName, ObservedSocket>,
) -> Option<Generated> {
    if !has_facts(stack) {
        return None;
    }
    let mut text = "# Facts of this host, seen by stackgen. Not for version control.\n".to_owned();
    for (name, socket) in sockets_with_facts(stack) {
        let Some(ObservedSocket::Present { gid, .. }) = sockets.get(name) else {
            continue;
        };
        if socket.grant == Grant::Group {
            text.push_str(&format!("{}={gid}\n", gid_variable(name)));
        }
        if socket.optional {
            let path = socket.path.to_string_lossy();
            // In single quotes an env file takes everything literally; a quote itself cannot stand there.
            text.push_str(&format!(
                "{}='{}'\n",
                path_variable(name),
                path.replace('\'', "\\'")
            ));
        }
    }
    Some(Generated {
        path: output.join(".env"),
        text,
        is_host_fact: true,
    })
}
