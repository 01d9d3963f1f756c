//! Looking at everything at once.

use crate::support::BUSYBOX;
use crate::world::{World, words};
use stackgen::engine::Engine;
use stackgen::engine::docker::DockerEngine;
use stackgen::model::{ImageReference, ObservedSocket, SocketName};

#[tokio::test]
async fn a_look_at_everything_takes_few_requests() {
    let Some(world) = World::new("observe") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let network = world.network("net", None).await;
    for name in ["a", "b", "c"] {
        world.create(&world.spec(name)).await;
    }
    let mut foreign = world.spec("foreign");
    foreign.config.labels.clear();
    world.create(&foreign).await;
    let socket = SocketName::new("a").unwrap();
    let gone = ImageReference::parse("stackgen-test/nothing:1").unwrap();
    let mut scope = world.scope();
    scope.images.insert(gone.clone());
    scope.networks.insert("bridge".to_owned());
    scope.container_names = ["a", "foreign", "nobody"]
        .map(|name| world.project.of(name))
        .into();
    scope.sockets.insert(socket.clone(), path);
    let engine = DockerEngine::connect(None).unwrap();
    let observed = engine.observe(&scope).await.unwrap();
    let names: Vec<&str> = observed
        .containers
        .iter()
        .map(|seen| seen.name.as_str())
        .collect();
    let expected = ["a", "b", "c", "foreign"].map(|name| world.project.of(name));
    assert_eq!(names, expected);
    let networks: Vec<&str> = observed
        .networks
        .iter()
        .map(|seen| seen.name.as_str())
        .collect();
    assert_eq!(networks, ["bridge", network.as_str()]);
    assert_eq!(observed.images[&gone], None);
    let busybox = observed.images[&ImageReference::parse(BUSYBOX).unwrap()]
        .as_ref()
        .unwrap();
    assert_eq!(
        busybox.defaults.command.as_deref(),
        Some(words(&["sh"]).as_slice())
    );
    assert_eq!(busybox.id, observed.containers[0].image_id);
    assert!(matches!(
        observed.sockets[&socket],
        ObservedSocket::Present { .. }
    ));
    assert_eq!(observed.unknown, []);
    // The version once; two lists of containers, one of networks and one of volumes; one inspect for each container, network and image.
    assert_eq!(engine.requests(), 1 + 2 + 1 + 1 + (4 + 2 + 2));
    engine.observe(&scope).await.unwrap();
    assert_eq!(engine.requests(), 13 + 12);
}

#[tokio::test]
async fn containers_are_found_by_all_their_labels() {
    let Some(world) = World::new("find") else {
        return;
    };
    for (name, color) in [("a", "red"), ("b", "red"), ("c", "blue")] {
        let mut spec = world.spec(name);
        spec.config
            .labels
            .insert("color".to_owned(), color.to_owned());
        world.create(&spec).await;
    }
    let mut labels = world.labels();
    labels.insert("color".to_owned(), "red".to_owned());
    let found = world.engine.find(&labels).await.unwrap();
    let names: Vec<&str> = found.iter().map(|seen| seen.name.as_str()).collect();
    assert_eq!(names, ["a", "b"].map(|name| world.project.of(name)));
}
