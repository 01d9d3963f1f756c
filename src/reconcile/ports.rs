//! Ports of this machine that a plan needs and something else holds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};

use crate::key_path;
use crate::model::{
    ContainerId, ContainerStatus, KeyPath, ObservedContainer, Protocol, ServiceName,
};
use crate::plan::{Action, ContainerRef, Plan, Resource, Verdict};

use super::holder::{Process, listener};
use super::{Planned, Session};

/// A port that a service of a plan publishes and that is not free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPort {
    /// The service.
    pub service: ServiceName,
    /// The port on the host.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Who holds it.
    pub holder: Holder,
    /// Where the stack publishes it.
    pub place: KeyPath,
}

/// Who holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A container, by its name.
    Container(String),
    /// A process of this machine.
    Process(Process),
    /// A process that the system does not let us see.
    Unknown,
}

/// Returns the ports that a plan needs and something else holds. A hint and no reservation: whoever takes one a moment later is found by
/// the engine. What a container holds that the plan stops is free by the time it is needed.
pub(super) async fn taken_ports(session: &Session, planned: &Planned) -> Vec<TakenPort> {
    let given_up = given_up(planned);
    let mut taken: Vec<TakenPort> = wanted(session, planned)
        .filter(|wanted| !given_up.contains(&(wanted.port, wanted.protocol)))
        .filter(|wanted| is_taken(&wanted.address, wanted.port, wanted.protocol))
        .map(|wanted| TakenPort {
            service: wanted.service,
            port: wanted.port,
            protocol: wanted.protocol,
            holder: Holder::Unknown,
            place: wanted.place,
        })
        .collect();
    if taken.is_empty() {
        return taken;
    }
    let all = session.engine.find(&BTreeMap::new()).await;
    let all = all.unwrap_or_else(|_| planned.observed.containers.clone());
    for port in &mut taken {
        let holds =
            |it: &&ObservedContainer| ports_of(it).any(|held| held == (port.port, port.protocol));
        port.holder = match all.iter().find(holds) {
            Some(container) => Holder::Container(container.name.clone()),
            None => listener(port.port, port.protocol).map_or(Holder::Unknown, Holder::Process),
        };
    }
    taken
}

struct Wanted {
    service: ServiceName,
    port: u16,
    address: String,
    protocol: Protocol,
    place: KeyPath,
}

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
            let ports = service.container.ports.iter().enumerate();
            ports.filter_map(move |(index, port)| {
                Some(Wanted {
                    service: name.clone(),
                    port: port.published.as_ref()?.parse().ok().filter(|it| *it > 0)?,
                    address: port.host_ip.clone().unwrap_or_default(),
                    protocol: port.protocol,
                    place: key_path!["services", name, "ports", index],
                })
            })
        })
}

/// Returns the ports of the containers that a plan stops, starts anew or removes.
fn given_up(planned: &Planned) -> BTreeSet<(u16, Protocol)> {
    let touched = touched(&planned.plan);
    let containers = planned.observed.containers.iter();
    let containers = containers.filter(|it| touched.contains(&it.id));
    containers.flat_map(ports_of).collect()
}

fn touched(plan: &Plan) -> BTreeSet<&ContainerId> {
    let containers = plan.steps.iter().filter_map(|step| match &step.action {
        Action::StopContainer { container, .. }
        | Action::RemoveContainer { container, .. }
        | Action::RestartContainer { container, .. }
        | Action::StartContainer { container }
        | Action::UnpauseContainer { container } => Some(container),
        _ => None,
    });
    containers
        .filter_map(|container| match container {
            ContainerRef::Id(id) => Some(id),
            ContainerRef::Name(_) => None,
        })
        .collect()
}

fn ports_of(container: &ObservedContainer) -> impl Iterator<Item = (u16, Protocol)> + '_ {
    let is_up = !matches!(
        container.state.status,
        ContainerStatus::Created | ContainerStatus::Exited | ContainerStatus::Dead
    );
    let ports = container.bound_ports.iter().filter(move |_| is_up);
    ports.filter_map(|port| Some((port.published.parse().ok()?, port.protocol)))
}

/// Returns whether something listens there. What may not be tried, such as a port below 1024, is left to the engine.
fn is_taken(address: &str, port: u16, protocol: Protocol) -> bool {
    // The engine listens by both kinds of address where none is said.
    let addresses = match address.trim_matches(['[', ']']) {
        "" => &["0.0.0.0", "::"][..],
        address => &[address],
    };
    addresses.iter().any(|address| {
        let tried = match protocol {
            Protocol::Tcp => TcpListener::bind((*address, port)).map(drop),
            Protocol::Udp => UdpSocket::bind((*address, port)).map(drop),
            Protocol::Sctp => return false,
        };
        tried.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_while_someone_listens_on_any_address_and_that_one_is_named() {
        for address in ["127.0.0.1", "0.0.0.0"] {
            let holder = TcpListener::bind((address, 0)).unwrap();
            let port = holder.local_addr().unwrap().port();
            assert!(is_taken("", port, Protocol::Tcp));
            assert!(is_taken("127.0.0.1", port, Protocol::Tcp));
            assert!(!is_taken("", port, Protocol::Udp));
            let process = listener(port, Protocol::Tcp).unwrap();
            assert_eq!(process.pid, std::process::id());
            assert_eq!(listener(port, Protocol::Udp), None);
            drop(holder);
            assert!(!is_taken("", port, Protocol::Tcp));
        }
        let holder = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let port = holder.local_addr().unwrap().port();
        assert!(is_taken("", port, Protocol::Udp));
        let process = listener(port, Protocol::Udp).unwrap();
        assert_eq!(process.pid, std::process::id());
    }
}
