//! Ports that the whole network can reach.

use crate::model::{Form, KeyPath, Port};

use super::super::Code;
use super::Linting;

/// Ports where databases, caches and queues listen, many of them without asking for a password.
const DATABASES: [(u16, &str); 24] = [
    (1433, "SQL Server"),
    (1521, "Oracle"),
    (2181, "ZooKeeper"),
    (2375, "Docker"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (4222, "NATS"),
    (5432, "PostgreSQL"),
    (5672, "RabbitMQ"),
    (5984, "CouchDB"),
    (6333, "Qdrant"),
    (6379, "Redis"),
    (7687, "Neo4j"),
    (8086, "InfluxDB"),
    (8123, "ClickHouse"),
    (8529, "ArangoDB"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (11211, "Memcached"),
    (19530, "Milvus"),
    (26257, "CockroachDB"),
    (27017, "MongoDB"),
];

/// Tells ports that are published on every address of the host, but for those that [`open_database_port`] tells.
pub(super) fn open_port<F: Form>(linting: &mut Linting<'_, F>) {
    let databases = linting.levels.is_on(Code::OpenDatabasePort);
    for (at, target, port) in open(linting) {
        if databases && database(target).is_some() {
            continue;
        }
        let message = format!(
            "{} publishes {target} on every address of this machine",
            owner(&at)
        );
        let help = bound(&port);
        linting.value(Code::OpenPort, &at, message, "", &help);
    }
}

/// Tells ports of databases that are published on every address of the host.
pub(super) fn open_database_port<F: Form>(linting: &mut Linting<'_, F>) {
    for (at, target, port) in open(linting) {
        let Some(name) = database(target) else {
            continue;
        };
        let owner = owner(&at);
        let message = format!(
            "{owner} publishes {target}, a port of {name}, on every address of this machine"
        );
        let help = format!("{}; services of this stack reach it without", bound(&port));
        let label = "past most firewalls";
        linting.value(Code::OpenDatabasePort, &at, message, label, &help);
    }
}

/// Returns where ports are published on every address, the port inside, and the port as a text that stands for itself.
fn open<F: Form>(linting: &Linting<'_, F>) -> Vec<(KeyPath, u16, String)> {
    let mut found = Vec::new();
    for (path, options) in linting.containers() {
        for (index, port) in options.ports.iter().enumerate() {
            let Some(port) = F::known(port) else { continue };
            let Some(target) = F::known(&port.target).copied() else {
                continue;
            };
            if is_open(port) {
                let published = port.published.as_ref().and_then(F::known);
                let published = published.map_or("", String::as_str);
                let text = format!("127.0.0.1:{published}:{target}");
                found.push((path.join("ports").join(index), target, text));
            }
        }
    }
    found
}

fn is_open<F: Form>(port: &Port<F>) -> bool {
    match &port.host_ip {
        None => true,
        Some(address) => F::known(address)
            .is_some_and(|address| matches!(address.as_str(), "" | "0.0.0.0" | "::" | "[::]")),
    }
}

fn database(target: u16) -> Option<&'static str> {
    let found = DATABASES.iter().find(|(port, _)| *port == target);
    found.map(|(_, name)| *name)
}

fn bound(port: &str) -> String {
    format!("\"{port}\" keeps it to this machine")
}

fn owner(at: &KeyPath) -> KeyPath {
    at.parent().parent()
}
