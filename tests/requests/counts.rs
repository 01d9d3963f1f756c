//! How much is asked: a bare client that knew everything beforehand would need a create and a start for each container.

use std::collections::BTreeMap;

use crate::request_log::Request;
use crate::scene::{Scene, changes, shapes};

/// The shape of a data platform: what is waited for to be healthy, a job that is waited for, and what waits for all of them. Nine containers,
/// one image, two networks, two volumes, and one container on both networks.
const PLATFORM: &str = r#"
[stack]
name = "NAME"

[defaults.service]
image = "busybox:1.36"
init = true
command = ["sleep", "600"]
networks = ["back"]

[mixins.checked.healthcheck]
test = ["CMD", "true"]
interval = "1s"

[mixins.after-setup]
depends_on = { database = "healthy", queue = "healthy", setup = "completed" }

[services.database]
mixins = ["checked"]
volumes = ["rows:/data"]
[services.queue]
mixins = ["checked"]
[services.search]
mixins = ["checked"]
volumes = ["index:/data"]
[services.setup]
depends_on = { database = "healthy", queue = "healthy" }
command = ["sleep", "0.3"]
[services.web]
mixins = ["checked", "after-setup"]
networks = ["back", "front"]
[services.scheduler]
mixins = ["checked", "after-setup"]
[services.worker]
mixins = ["after-setup"]
scale = 2
[services.view]
depends_on = { search = "healthy" }

[networks.back]
[networks.front]
[volumes.rows]
[volumes.index]
"#;
const CONTAINERS: usize = 9;
const IMAGES: usize = 1;
const NETWORKS: usize = 2;
const VOLUMES: usize = 2;
const EXTRA_CONNECTS: usize = 1;

/// Many services and nothing that they wait for.
fn flat(count: usize) -> String {
    let mut text = "[stack]\nname = \"NAME\"\n[networks.net]\n".to_owned();
    for number in 0..count {
        text.push_str(&format!(
            "[services.s{number:03}]\nimage = \"busybox:1.36\"\ninit = true\ncommand = [\"sleep\", \"600\"]\nnetworks = [\"net\"]\n"
        ));
    }
    text
}

#[test]
fn a_fresh_platform_takes_little_more_than_a_create_and_a_start_each() {
    let Some(scene) = Scene::new("fresh", PLATFORM) else {
        return;
    };
    let sent = scene.stackgen(&["apply", "-y"]);
    let most = 2 * CONTAINERS + 12 + IMAGES + NETWORKS + VOLUMES + EXTRA_CONNECTS;
    assert!(
        sent.len() <= most,
        "{} of {most}: {:#?}",
        sent.len(),
        shapes(&sent)
    );
    let counted = shapes(&sent);
    assert_eq!(counted["POST /containers/create"], CONTAINERS);
    assert_eq!(counted["POST /containers/{}/start"], CONTAINERS);
    nobody_polls(&sent);
    scene.nothing_foreign_was_touched();
}

#[test]
fn what_waits_for_nobody_takes_as_little() {
    let Some(scene) = Scene::new("flat", &flat(16)) else {
        return;
    };
    let sent = scene.stackgen(&["apply", "-y"]);
    assert!(sent.len() <= 2 * 16 + 12 + 1 + 1, "{:#?}", shapes(&sent));
    nobody_polls(&sent);
    // A change of one service: seven calls replace it, whatever the size of the stack.
    scene.write(
        "stack.toml",
        &flat(16).replacen("init = true", "init = true\nenvironment.A = \"1\"", 1),
    );
    let sent = scene.stackgen(&["apply", "-y"]);
    assert!(sent.len() <= 6 + 16 + 1 + 7 + 4, "{:#?}", shapes(&sent));
    let replaced = changes(&sent);
    assert_eq!(replaced.len(), 6, "{replaced:#?}");
    // Killed at once, so that one call ends and removes each.
    let sent = scene.stackgen(&["down", "-y", "-t", "0"]);
    assert!(sent.len() <= 6 + 16 + 1 + 16 + 1, "{:#?}", shapes(&sent));
    scene.nothing_foreign_was_touched();
}

#[test]
fn where_nothing_is_to_be_done_every_container_is_looked_at_once_and_nothing_started() {
    let Some(scene) = Scene::new("noop", PLATFORM) else {
        return;
    };
    scene.stackgen(&["apply", "-y"]);
    for words in [&["apply", "-y"][..], &["plan", "--exit-code"]] {
        let sent = scene.stackgen(words);
        let most = 6 + CONTAINERS + IMAGES;
        assert!(
            sent.len() <= most,
            "{} of {most}: {:#?}",
            sent.len(),
            shapes(&sent)
        );
        assert_eq!(shapes(&sent)["GET /containers/{}/json"], CONTAINERS);
        let mut seen: Vec<&str> = inspects(&sent).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), CONTAINERS, "each of them");
        // The finished setup among them.
        assert_eq!(changes(&sent), Vec::<String>::new());
    }
}

fn inspects(sent: &[Request]) -> impl Iterator<Item = &str> {
    let looks = sent
        .iter()
        .filter(|it| it.shape() == "GET /containers/{}/json");
    looks.map(|it| it.path.as_str())
}

/// Fails where one thing is asked again and again.
fn nobody_polls(sent: &[Request]) {
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for request in sent.iter().filter(|request| !request.mutates()) {
        *asked
            .entry(format!(
                "{} {}?{}",
                request.method, request.path, request.query
            ))
            .or_default() += 1;
    }
    asked.retain(|_, times| *times > 2);
    assert!(asked.is_empty(), "{asked:#?}");
}
