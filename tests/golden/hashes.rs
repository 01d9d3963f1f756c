//! Config-hashes as both generations of Compose wrote them for the recorded compose file, in /srv/render-golden.

use std::collections::BTreeMap;

use stackgen::compose::{
    ComposeGeneration, Host, container_spec, labels, network_spec, volume_spec,
};
use stackgen::model::*;

use crate::stacks;

fn stack() -> Stack<Resolved> {
    Stack::new(stacks::platform::<Resolved>("render-golden", true)).unwrap()
}

fn service_hashes(compose: ComposeGeneration) -> BTreeMap<String, String> {
    let stack = stack();
    let socket = ObservedSocket::Present {
        mode: 0o660,
        uid: 0,
        gid: 105,
        owners: Vec::new(),
        groups: Vec::new(),
    };
    let sockets = [
        (SocketName::new("docker").unwrap(), socket),
        (SocketName::new("db-host").unwrap(), ObservedSocket::Missing),
    ]
    .into();
    let host = Host {
        sockets: &sockets,
        compose,
        salt: "salt",
    };
    let hash = |name: &ServiceName| {
        container_spec(&stack, name, 1, &host).config.labels[labels::CONFIG_HASH].clone()
    };
    stack
        .services()
        .keys()
        .map(|name| (name.to_string(), hash(name)))
        .collect()
}

fn recorded(everything: &str) -> BTreeMap<String, String> {
    [
        (
            "api",
            "aae48109ea13f8e081accc69185eee613147de022d1103dede427ebe3a879412",
        ),
        (
            "database",
            "694b3bae0672774b47c509e78e0d6b4165ee07e8bb5fd296bd9c4a14fbaaaf53",
        ),
        (
            "setup",
            "8c69d691dbc366c0cf4982c3a159370803e3c563066271375e747e1ee53a7306",
        ),
        ("everything", everything),
    ]
    .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
    .into()
}

#[test]
fn services_hash_as_compose_2_40_hashes_them() {
    let everything = "0fff8bec0364606e859f3c47f59a0b3ba4b46f9ed8e998ccd21275d6fb3fc069";
    assert_eq!(service_hashes(ComposeGeneration::V2), recorded(everything));
}

#[test]
fn services_hash_as_compose_5_6_hashes_them() {
    let everything = "7a6b3bf2e8a402d5b603a60b26d57560592b7b4d83d7fa8588d19c9300153049";
    assert_eq!(service_hashes(ComposeGeneration::V5), recorded(everything));
}

#[test]
fn networks_and_volumes_hash_as_compose_hashes_them() {
    let stack = stack();
    for (name, hash) in [
        (
            "back",
            "c31bc6434fcd437398faac731e25f8add132072233c6f5ae39562b881adfad38",
        ),
        (
            "front",
            "613a07a9f77f72af4dc54ef31ba2b0adf9678f7deaa079f429d9ec9d0a968935",
        ),
    ] {
        let spec = network_spec(
            &stack,
            &NetworkName::new(name).unwrap(),
            ComposeGeneration::V5,
        );
        assert_eq!(spec.labels[labels::CONFIG_HASH], hash, "{name}");
        assert_eq!(spec.name, format!("render-golden_{name}"));
    }
    for (name, hash) in [
        (
            "rows",
            "5e813569aac0183477f7cd89810c963ccba33f781cdd3aa09ab27c2a31222a45",
        ),
        (
            "inbox",
            "b1af89f1b9a9acecf11a51fd45ad2122885f705112023eb209c706ec91f78904",
        ),
    ] {
        let spec = volume_spec(
            &stack,
            &VolumeName::new(name).unwrap(),
            ComposeGeneration::V5,
        );
        assert_eq!(spec.labels[labels::CONFIG_HASH], hash, "{name}");
    }
}
