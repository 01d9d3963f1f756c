//! Ports of this machine that a plan needs and something else holds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};

use crate::key_path;
use crate::model::{ContainerStatus, KeyPath, ObservedContainer, Protocol, ServiceName};
use crate::plan::{Resource, Verdict};

use super::{Planned, Session};

/// A port that a service of a plan publishes and that is not free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPort {
    /// The service.
    pub service: ServiceName,
    /// The port on the host.
    pub port: u16,
    /// The container that holds it; `None`: a process of this machine that the engine does not know.
    pub holder: Option<String>,
    /// Where the stack publishes it.
    pub place: KeyPath,
}

/// Returns the ports that a plan needs and something else holds, so that it is said before anything is changed. A hint and no
/// reservation: whoever takes one a moment later is found by the engine. Nothing is known of the ports of an engine elsewhere.
pub async fn taken_ports(session: &Session, planned: &Planned) -> Vec<TakenPort> {
    let is_local = session.engine.facts().await.is_ok_and(|it| it.is_local);
    if !is_local {
        return Vec::new();
    }
    // What the stack itself holds is given up when its turn comes.
    let own: BTreeSet<u16> = ports_of(&planned.observed.containers).collect();
    let mut taken: Vec<TakenPort> = wanted(session, planned)
        .filter(|(_, port, ..)| !own.contains(port))
        .filter(|(_, port, address, protocol, _)| is_taken(address, *port, *protocol))
        .map(|(service, port, _, _, place)| TakenPort {
            service,
            port,
            holder: None,
            place,
        })
        .collect();
    if !taken.is_empty()
        && let Ok(all) = session.engine.find(&BTreeMap::new()).await
    {
        for port in &mut taken {
            let holds = |container: &&ObservedContainer| {
                ports_of(std::slice::from_ref(*container)).any(|it| it == port.port)
            };
            port.holder = all.iter().find(holds).map(|it| it.name.clone());
        }
    }
    taken
}

type Wanted = (ServiceName, u16, String, Protocol, KeyPath);

/// Returns the single ports of the services that the plan starts. Of a range the engine takes what is free.
fn wanted<'a>(session: &'a Session, planned: &'a Planned) -> impl Iterator<Item = Wanted> + 'a {
    let started = planned.plan.changes.iter().filter_map(|change| {
        let starts = matches!(
            change.verdict,
            Verdict::Create | Verdict::Start | Verdict::Recreate
        );
        match &change.resource {
            Resource::Service(name, _) if starts => Some(name),
            _ => None,
        }
    });
    started
        .filter_map(|name| Some((name, session.stack.service(name)?)))
        .flat_map(|(name, service)| {
            service
                .container
                .ports
                .iter()
                .enumerate()
                .filter_map(move |(index, port)| {
                    let number = port.published.as_ref()?.parse().ok().filter(|it| *it > 0)?;
                    let address = port.host_ip.clone().unwrap_or_default();
                    let place = key_path!["services", name, "ports", index];
                    Some((name.clone(), number, address, port.protocol, place))
                })
        })
}

fn ports_of(containers: &[ObservedContainer]) -> impl Iterator<Item = u16> + '_ {
    containers
        .iter()
        .filter(|container| container.state.status != ContainerStatus::Created)
        .flat_map(|container| &container.bound_ports)
        .filter_map(|port| port.published.parse().ok())
}

/// Returns whether something listens there. What may not be tried, such as a port below 1024, is left to the engine.
fn is_taken(address: &str, port: u16, protocol: Protocol) -> bool {
    let address = if address.is_empty() {
        "0.0.0.0"
    } else {
        address.trim_matches(['[', ']'])
    };
    let tried = match protocol {
        Protocol::Tcp => TcpListener::bind((address, port)).map(drop),
        Protocol::Udp => UdpSocket::bind((address, port)).map(drop),
        Protocol::Sctp => return false,
    };
    tried.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_while_someone_listens_on_any_address() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        assert!(is_taken("", port, Protocol::Tcp));
        assert!(is_taken("127.0.0.1", port, Protocol::Tcp));
        assert!(!is_taken("", port, Protocol::Udp));
        drop(holder);
        assert!(!is_taken("", port, Protocol::Tcp));
    }
}
