//! The checks that make parts a stack.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::Hash;

use indexmap::IndexMap;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;

use crate::key_path;

use super::{
    Attachment, Condition, ContainerOptions, Dag, Form, Healthcheck, KeyPath, Mount, MountSource,
    Port, Problem, ProblemKind, Service, ServiceName, Stack, StackParts, TaskKind,
};

/// Up to how many problems the names are kept that an unknown one may have been meant for.
const SUGGESTED: usize = 100;

impl<F: Form> Stack<F> {
    /// Checks the parts against each other and puts them together.
    ///
    /// # Errors
    /// Every [`Problem`] there is, in the order of the file.
    pub fn new(parts: StackParts<F>) -> Result<Self, Vec<Problem>> {
        let stack = Self::from_checked(parts);
        let mut checks = Checks {
            stack: &stack,
            problems: Vec::new(),
        };
        checks.services();
        checks.dags();
        checks.sockets();
        checks.policy();
        checks.ports();
        checks.container_names();
        checks.service_cycles();
        let problems = checks.problems;
        if problems.is_empty() {
            Ok(stack)
        } else {
            Err(problems)
        }
    }
}

struct Checks<'a, F: Form> {
    stack: &'a Stack<F>,
    problems: Vec<Problem>,
}

/// An edge of a graph. Where it is written is made out only for the few that are told.
#[derive(Debug, Clone, Copy)]
struct Wait<'a> {
    /// Who waits.
    from: &'a str,
    /// For whom.
    to: &'a str,
    why: Why,
}

/// Why one waits for another.
#[derive(Debug, Clone, Copy)]
enum Why {
    DependsOn(Condition),
    Network,
    /// The item of `after`.
    After(usize),
}

impl Wait<'_> {
    /// Returns who waits, where below `table` it says so, and the word for it.
    fn member(&self, table: &KeyPath) -> (String, KeyPath, String) {
        let own = table.join(self.from);
        let (at, word) = match self.why {
            Why::DependsOn(condition) => {
                (own.join("depends_on").join(self.to), condition.to_string())
            }
            Why::Network => (own.join("network_mode"), "network".to_owned()),
            Why::After(index) => (own.join("after").join(index), "after".to_owned()),
        };
        (self.from.to_owned(), at, word)
    }
}

impl<F: Form> Checks<'_, F> {
    fn tell(&mut self, at: KeyPath, kind: ProblemKind) {
        self.problems.push(Problem { kind, at });
    }

    /// Tells a name that nothing bears.
    fn known<N, T>(
        &mut self,
        kind: &'static str,
        name: &str,
        table: &IndexMap<N, T>,
        at: impl FnOnce() -> KeyPath,
    ) where
        N: Borrow<str> + Hash + Eq,
    {
        if table.contains_key(name) {
            return;
        }
        // So many names for each of many problems would be quadratic.
        let known = match self.problems.len() < SUGGESTED {
            true => table.keys().map(|name| name.borrow().to_owned()).collect(),
            false => Vec::new(),
        };
        let name = name.to_owned();
        self.tell(at(), ProblemKind::Unknown { kind, name, known });
    }

    fn service(&mut self, name: &str, at: impl FnOnce() -> KeyPath) {
        let services = &self.stack.parts().services;
        self.known("service", name, services, at);
    }

    fn services(&mut self) {
        for (name, service) in self.stack.services() {
            let path = key_path!["services", name];
            for (other, dependency) in &service.depends_on {
                if dependency.required {
                    self.service(other.as_str(), || path.join("depends_on").join(other));
                }
                self.health(name, other, dependency.condition, &path);
            }
            self.container(&service.container, &path, Some(name));
            if service.container_name.is_some() && service.scale > 1 {
                self.tell(
                    path.join("container_name"),
                    ProblemKind::ContainerNameWithScale,
                );
            }
        }
    }

    fn health(
        &mut self,
        _name: &ServiceName,
        other: &ServiceName,
        condition: Condition,
        path: &KeyPath,
    ) {
        let check = self
            .stack
            .service(other)
            .and_then(|service| service.container.healthcheck.as_deref());
        if condition == Condition::Healthy && check.is_some_and(is_disabled) {
            let at = path.join("depends_on").join(other);
            let service = other.clone();
            self.tell(at, ProblemKind::WaitsForDisabledCheck { service });
        }
    }

    /// Checks what the container of a service, or of a task where there is none, refers to.
    fn container(
        &mut self,
        options: &ContainerOptions<F>,
        path: &KeyPath,
        service: Option<&ServiceName>,
    ) {
        let parts = self.stack.parts();
        let has_other = service
            .and_then(|name| parts.services.get(name))
            .is_some_and(|it| it.more.contains_key("build") || it.more.contains_key("provider"));
        if options.image.is_none() && !has_other {
            self.tell(path.clone(), ProblemKind::NoImage);
        }
        match &options.attachment {
            Attachment::Networks(networks) => {
                for name in networks.keys() {
                    let names = &parts.networks;
                    self.known("network", name.as_str(), names, || {
                        path.join("networks").join(name)
                    });
                }
            }
            Attachment::Mode(mode) => {
                if let Some(other) = F::known(mode).and_then(|mode| mode.strip_prefix("service:")) {
                    self.service(other, || path.join("network_mode"));
                }
            }
        }
        for (index, mount) in options.volumes.iter().enumerate() {
            if let Some(name) = F::known(mount).and_then(volume_name::<F>) {
                let names = &parts.volumes;
                self.known("volume", name, names, || path.join("volumes").join(index));
            }
        }
        for (index, file) in options.configs.iter().enumerate() {
            let names = &parts.configs;
            self.known("config", file.source.as_str(), names, || {
                path.join("configs").join(index)
            });
        }
        for (index, file) in options.secrets.iter().enumerate() {
            let names = &parts.secrets;
            self.known("secret", file.source.as_str(), names, || {
                path.join("secrets").join(index)
            });
        }
        for (index, name) in options.sockets.iter().enumerate() {
            let at = path.join("sockets").join(index);
            let names = &parts.sockets;
            self.known("socket", name.as_str(), names, || at.clone());
            if let Some(socket) = parts.sockets.get(name)
                && !socket.services.is_empty()
                && service.is_none_or(|service| !socket.services.contains(service))
            {
                let kind = ProblemKind::SocketNotGranted {
                    socket: name.clone(),
                    allowed: socket.services.clone(),
                };
                self.tell(at, kind);
            }
        }
    }

    fn dags(&mut self) {
        for (name, dag) in self.stack.dags() {
            let path = key_path!["dags", name, "tasks"];
            for (task_name, task) in &dag.tasks {
                let path = path.join(task_name);
                for (index, other) in task.after.iter().enumerate() {
                    let names = &dag.tasks;
                    self.known("task", other.as_str(), names, || {
                        path.join("after").join(index)
                    });
                }
                for other in task.needs.keys() {
                    self.service(other.as_str(), || path.join("needs").join(other));
                }
                match &task.kind {
                    TaskKind::Docker(options) => {
                        self.container(options, &path.join("docker"), None);
                    }
                    TaskKind::Exec(exec) => {
                        self.service(exec.service.as_str(), || path.join("exec").join("service"));
                    }
                    TaskKind::Http(http) => {
                        if let Some(network) = &http.network {
                            let names = self.stack.networks();
                            self.known("network", network.as_str(), names, || {
                                path.join("http").join("network")
                            });
                        }
                    }
                    TaskKind::Bash(_) => {}
                }
            }
            self.task_cycles(dag, &path);
        }
    }

    fn sockets(&mut self) {
        for (name, socket) in self.stack.sockets() {
            let path = key_path!["sockets", name];
            for (index, service) in socket.services.iter().enumerate() {
                self.service(service.as_str(), || path.join("services").join(index));
            }
            if let Some(mode) = socket.mode
                && mode & 0o007 != 0
                && !socket.allow_world_access
            {
                self.tell(path.join("mode"), ProblemKind::WorldAccess { mode });
            }
        }
    }

    fn policy(&mut self) {
        let parts = self.stack.parts();
        for (index, volume) in parts.policy.prevent_destroy.iter().enumerate() {
            let names = &parts.volumes;
            self.known("volume", volume.as_str(), names, || {
                key_path!["policy", "prevent_destroy", index]
            });
        }
    }

    /// Finds host ports that two services want which are on at the same time.
    fn ports(&mut self) {
        // By the port: a stack may publish many.
        let mut taken: HashMap<u16, Vec<(Published, ServiceName, KeyPath)>> = HashMap::new();
        for (name, service) in self.stack.active_services() {
            for (index, port) in service.container.ports.iter().enumerate() {
                let at = key_path!["services", name, "ports", index];
                let Some(wanted) = F::known(port).and_then(Published::of::<F>) else {
                    continue;
                };
                let taken = taken.entry(wanted.first).or_default();
                let clash = taken
                    .iter()
                    .find(|(other, _, place)| other.clashes(&wanted) && *place != at);
                if let Some((_, first, place)) = clash {
                    let kind = ProblemKind::PortTakenTwice {
                        port: wanted.to_string(),
                        first: (first.clone(), place.clone()),
                        second: name.clone(),
                    };
                    self.problems.push(Problem { kind, at });
                } else {
                    taken.push((wanted, name.clone(), at));
                }
            }
        }
    }

    fn container_names(&mut self) {
        let mut taken: BTreeMap<String, KeyPath> = BTreeMap::new();
        for (name, service) in self.stack.services() {
            let Some(fixed) = service.container_name.as_ref().and_then(F::known) else {
                continue;
            };
            let at = key_path!["services", name, "container_name"];
            match taken.get(fixed) {
                Some(first) => {
                    let kind = ProblemKind::ContainerNameTakenTwice {
                        name: fixed.clone(),
                        first: first.clone(),
                    };
                    self.tell(at, kind);
                }
                None => {
                    taken.insert(fixed.clone(), at);
                }
            }
        }
    }

    fn service_cycles(&mut self) {
        let mut waits = Vec::new();
        for (name, service) in self.stack.services() {
            waits.extend(service.depends_on.iter().map(|(other, dependency)| Wait {
                from: name.as_str(),
                to: other.as_str(),
                why: Why::DependsOn(dependency.condition),
            }));
            waits.extend(network_wait(name, service));
        }
        let told = cycles("services", &key_path!["services"], &waits);
        self.problems.extend(told);
    }

    fn task_cycles(&mut self, dag: &Dag<F>, path: &KeyPath) {
        let mut waits = Vec::new();
        for (name, task) in &dag.tasks {
            waits.extend(task.after.iter().enumerate().map(|(index, other)| Wait {
                from: name.as_str(),
                to: other.as_str(),
                why: Why::After(index),
            }));
        }
        self.problems.extend(cycles("tasks", path, &waits));
    }
}

/// Returns the problem of every cycle; `table` is where the members are.
fn cycles(kind: &'static str, table: &KeyPath, waits: &[Wait<'_>]) -> Vec<Problem> {
    let cycles = find_cycles(waits).into_iter();
    let told = cycles.filter_map(|edges| {
        let members: Vec<_> = edges
            .iter()
            .map(|edge| waits[*edge].member(table))
            .collect();
        let at = members.first()?.1.clone();
        let kind = ProblemKind::Cycle { kind, members };
        Some(Problem { kind, at })
    });
    told.collect()
}

fn is_disabled<F: Form>(check: &Healthcheck<F>) -> bool {
    let first = check.test.as_ref().and_then(|test| test.first());
    check.disable || first.and_then(F::known).is_some_and(|word| word == "NONE")
}

fn volume_name<F: Form>(mount: &Mount<F>) -> Option<&str> {
    match &mount.source {
        MountSource::Volume { volume, .. } => {
            volume.as_ref().and_then(F::known).map(String::as_str)
        }
        MountSource::Bind { .. } | MountSource::Tmpfs { .. } | MountSource::Other { .. } => None,
    }
}

fn network_wait<'a, F: Form>(name: &'a ServiceName, service: &'a Service<F>) -> Option<Wait<'a>> {
    let Attachment::Mode(mode) = &service.container.attachment else {
        return None;
    };
    let other = F::known(mode)?.strip_prefix("service:")?;
    Some(Wait {
        from: name.as_str(),
        to: other,
        why: Why::Network,
    })
}

/// Returns a shortest cycle of every knot in a graph as its edges, beginning with the member that comes first.
fn find_cycles(waits: &[Wait<'_>]) -> Vec<Vec<usize>> {
    let mut graph = DiGraph::<&str, usize>::new();
    let mut nodes = BTreeMap::new();
    for (index, wait) in waits.iter().enumerate() {
        let from = *nodes
            .entry(wait.from)
            .or_insert_with(|| graph.add_node(wait.from));
        let to = *nodes
            .entry(wait.to)
            .or_insert_with(|| graph.add_node(wait.to));
        graph.add_edge(from, to, index);
    }
    tarjan_scc(&graph)
        .iter()
        .filter_map(|knot| shortest_cycle(&graph, knot))
        .collect()
}

/// Walks from the first member of a knot, breadth first, back to itself.
fn shortest_cycle(graph: &DiGraph<&str, usize>, knot: &[NodeIndex]) -> Option<Vec<usize>> {
    let start = *knot.iter().min()?;
    let members: HashSet<NodeIndex> = knot.iter().copied().collect();
    // By which edge, and from where, each was reached first.
    let mut reached: HashMap<NodeIndex, (usize, NodeIndex)> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        let edges = graph
            .edges(node)
            .map(|edge| (*edge.weight(), edge.target()));
        let mut edges: Vec<_> = edges.collect();
        edges.sort_unstable();
        for (edge, next) in edges {
            if next == start {
                let mut cycle = vec![edge];
                let mut at = node;
                while let Some((edge, before)) = reached.get(&at) {
                    cycle.push(*edge);
                    at = *before;
                }
                cycle.reverse();
                return Some(cycle);
            }
            if members.contains(&next) && !reached.contains_key(&next) {
                reached.insert(next, (edge, node));
                queue.push_back(next);
            }
        }
    }
    None
}

/// A range of ports on an address of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Published {
    address: Option<String>,
    first: u16,
    last: u16,
    protocol: super::Protocol,
}

impl Published {
    /// Returns what a port takes on the host; `None` where the engine chooses, or a variable decides.
    fn of<F: Form>(port: &Port<F>) -> Option<Self> {
        let published = F::known(port.published.as_ref()?)?;
        let (first, last) = published.split_once('-').unwrap_or((published, published));
        let address = match &port.host_ip {
            Some(address) => Some(F::known(address)?.clone()),
            None => None,
        };
        Some(Self {
            address: address.filter(|address| !matches!(address.as_str(), "" | "0.0.0.0" | "::")),
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            protocol: *F::known(&port.protocol)?,
        })
    }

    /// Returns whether both cannot be had. Of a range the engine takes any free one, so it clashes with nothing.
    fn clashes(&self, other: &Self) -> bool {
        let same_address = match (&self.address, &other.address) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        let is_single = self.first == self.last && other.first == other.last;
        same_address && is_single && self.protocol == other.protocol && self.first == other.first
    }
}

impl std::fmt::Display for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(address) = &self.address {
            write!(f, "{address}:")?;
        }
        write!(f, "{}", self.first)?;
        if self.protocol == super::Protocol::Tcp {
            Ok(())
        } else {
            write!(f, "/{}", self.protocol)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(edges: &[(&str, &str)]) -> Vec<Vec<String>> {
        let waits: Vec<Wait<'_>> = edges
            .iter()
            .map(|(from, to)| Wait {
                from,
                to,
                why: Why::Network,
            })
            .collect();
        find_cycles(&waits)
            .into_iter()
            .map(|cycle| {
                cycle
                    .iter()
                    .map(|edge| waits[*edge].from.to_owned())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn every_knot_shows_one_short_cycle() {
        assert_eq!(cycles(&[("a", "b"), ("b", "c")]), Vec::<Vec<String>>::new());
        assert_eq!(cycles(&[("a", "a")]), [["a"]]);
        assert_eq!(
            cycles(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "c")]),
            [["a", "b", "c"]]
        );
        assert_eq!(
            cycles(&[("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]).len(),
            2
        );
    }
}
