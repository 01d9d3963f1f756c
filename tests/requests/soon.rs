//! How soon a dependent is started once it may be: from the engine's event to the request, both as they pass the log.

use std::time::{Duration, Instant};

use crate::request_log::{Event, Request};
use crate::scene::Scene;

/// Pairs of a service and the one that waits for it, some for its health and some for its end. The checks come at different moments.
fn pairs() -> String {
    let mut text = "[stack]\nname = \"NAME\"\n[defaults.service]\nimage = \"busybox:1.36\"\ninit = true\ncommand = [\"sleep\", \"600\"]\n".to_owned();
    for number in 0..6_u32 {
        let (first, condition) = if number.is_multiple_of(2) {
            let interval = 700 + 100 * number;
            let check = format!(
                "healthcheck = {{ test = [\"CMD\", \"true\"], interval = \"{interval}ms\" }}\n"
            );
            (check, "healthy")
        } else {
            (
                format!("command = [\"sleep\", \"0.{}\"]\n", 3 + number),
                "completed",
            )
        };
        text.push_str(&format!("[services.first{number}]\n{first}"));
        text.push_str(&format!(
            "[services.second{number}]\ndepends_on = {{ first{number} = \"{condition}\" }}\n"
        ));
    }
    text
}

#[test]
fn a_dependent_is_started_within_20_ms_of_the_event_that_it_waits_for() {
    let Some(scene) = Scene::new("soon", &pairs()) else {
        return;
    };
    let mut waits = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let sent = scene.stackgen(&["apply", "-y", "--no-wait"]);
        let events = scene.log.events();
        let fresh: Vec<&Event> = events.iter().filter(|it| it.at > began).collect();
        waits.extend((0..6).map(|number| wait(&scene, number, &sent, &fresh)));
        scene.stackgen(&["down", "-y", "-t", "0"]);
    }
    waits.sort_unstable();
    let median = waits[waits.len() / 2];
    println!("from the event to the start: median {median:?} of {waits:?}");
    assert!(median <= Duration::from_millis(20), "{waits:?}");
}

/// Returns the time from the event of one pair to the start of the second.
fn wait(scene: &Scene, number: usize, sent: &[Request], events: &[&Event]) -> Duration {
    let name = |kind: &str| scene.project.of(&format!("{kind}{number}-1"));
    let (first, second) = (name("first"), name("second"));
    let action = if number.is_multiple_of(2) {
        "health_status: healthy"
    } else {
        "die"
    };
    let event = events
        .iter()
        .find(|it| it.name == first && it.action == action);
    let event = event.unwrap_or_else(|| panic!("no {action} of {first}: {events:#?}"));
    let created = sent
        .iter()
        .find(|it| it.word("name").as_deref() == Some(second.as_str()));
    let id = created
        .and_then(|it| it.made.clone())
        .expect("it was created");
    let start = sent.iter().find(|it| {
        let object = it.object().unwrap_or_default();
        it.path.ends_with("/start") && (object == second || object == id)
    });
    let start = start.expect("it was started");
    assert!(start.at >= event.at, "{second} was started before its time");
    start.at - event.at
}
