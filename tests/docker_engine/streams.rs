//! Output, commands and events.

use crate::world::{PROJECT, World, collect, words};
use futures_util::StreamExt;
use stackgen::engine::{Engine, EngineError, EngineEvent, EventSubject, LogOptions, Performed};
use stackgen::model::{Health, HealthSpec};
use std::time::Duration;

#[tokio::test]
async fn commands_return_output_and_exit_code() {
    let Some(world) = World::new("exec") else {
        return;
    };
    let container = world.create(&world.spec("exec")).await;
    world.start(&container).await;
    let script = "echo $GREETING; pwd; echo oops >&2; exit 7";
    let (out, error, code) = world.run(&container, &["sh", "-c", script]).await;
    assert_eq!((out.as_str(), error.as_str()), ("hello\n/tmp\n", "oops\n"));
    assert_eq!(code, Some(7));
    let missing = world.engine.exec_state("0123456789").await.unwrap_err();
    assert!(matches!(missing, EngineError::NotFound { .. }), "{missing}");
}

#[tokio::test]
async fn logs_are_followed_to_the_end_and_cut_where_asked() {
    let Some(world) = World::new("logs") else {
        return;
    };
    let mut spec = world.spec("logs");
    let script = "for i in 1 2 3; do echo out $i; done; sleep 1; echo last >&2";
    spec.config.command = Some(words(&["sh", "-c", script]));
    let container = world.create(&spec).await;
    world.start(&container).await;
    let follow = LogOptions {
        follow: true,
        timestamps: true,
        ..LogOptions::default()
    };
    let logs = world.engine.logs(&container, &follow).await.unwrap();
    let (out, error) = collect(logs).await;
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(error.ends_with("last\n"), "{error}");
    let second = out.lines().nth(1).unwrap().split(' ').next().unwrap();
    let since = LogOptions {
        since: Some(second.parse().unwrap()),
        ..LogOptions::default()
    };
    let tail = LogOptions {
        tail: Some(2),
        ..LogOptions::default()
    };
    for (options, expected) in [(since, "out 3\n"), (tail, "out 3\n")] {
        let logs = world.engine.logs(&container, &options).await.unwrap();
        let (out, error) = collect(logs).await;
        assert_eq!(
            (out.as_str(), error.as_str()),
            (expected, "last\n"),
            "{options:?}"
        );
    }
}

#[tokio::test]
async fn health_and_events_are_told_and_probes_are_not() {
    let Some(world) = World::new("events") else {
        return;
    };
    let mut events = world.engine.events().await.unwrap();
    let mut spec = world.spec("well");
    spec.config.health = Some(HealthSpec {
        test: words(&["CMD-SHELL", "echo fine"]),
        interval: Some(Duration::from_millis(200)),
        ..HealthSpec::default()
    });
    let container = world.create(&spec).await;
    assert_eq!(world.start(&container).await, Performed::Done);
    let seen = world
        .until(&container, |seen| {
            seen.state.health == Some(Health::Healthy)
        })
        .await;
    assert_eq!(
        seen.state.health_log.last().map(String::as_str),
        Some("fine")
    );
    let network = world.network("net", None).await;
    assert_eq!(world.stop(&container, None).await, Performed::Done);
    let mut actions = Vec::new();
    let (mut has_network, mut is_dead) = (false, false);
    while !(has_network && is_dead) {
        let next = tokio::time::timeout(Duration::from_secs(20), events.next()).await;
        let event: EngineEvent = next.expect("no more events came").unwrap().unwrap();
        match event.subject {
            EventSubject::Container { name, labels, .. } if name == spec.name => {
                assert_eq!(labels.get(PROJECT), Some(&world.project.name));
                is_dead |= event.action == "die";
                actions.push(event.action);
            }
            EventSubject::Network(name) if name == network => has_network = true,
            _ => {}
        }
    }
    for wanted in ["create", "start", "health_status", "die"] {
        assert!(
            actions.iter().any(|action| action == wanted),
            "{wanted}: {actions:?}"
        );
    }
    assert!(
        !actions.iter().any(|action| action.starts_with("exec_")),
        "{actions:?}"
    );
}
