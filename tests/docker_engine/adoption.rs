//! Projects that docker compose started from the rendered file: they are taken over as they are.

use std::collections::BTreeMap;
use std::process::Command;

use crate::binary::folder;
use crate::peers::peers;
use crate::support::{Project, docker, ensure_busybox, is_left_out};

/// Returns the ids of a project's containers by name, with when they were started.
fn containers(project: &str) -> BTreeMap<String, String> {
    let label = format!("label=com.docker.compose.project={project}");
    let list = docker(&["ps", "-aq", "--no-trunc", "--filter", &label]).stdout;
    let list = String::from_utf8_lossy(&list).into_owned();
    let mut inspect = vec!["inspect", "-f", "{{.Name}} {{.Id}} {{.State.StartedAt}}"];
    inspect.extend(list.split_whitespace());
    let seen = docker(&inspect).stdout;
    String::from_utf8_lossy(&seen)
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect()
}

#[test]
fn what_either_generation_of_compose_started_is_taken_over_with_an_empty_plan() {
    if is_left_out("adoption") {
        return;
    }
    ensure_busybox();
    for peer in peers() {
        let project = Project::new("adopted");
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let folder = folder().set("API_PORT", &port);
        let example = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/quickstart/stack.toml"
        );
        let text = std::fs::read_to_string(example).unwrap();
        let name = format!("name = \"{}\"", project.name);
        folder.write("stack.toml", &text.replace("name = \"quickstart\"", &name));
        folder.run(&["render"]).ends(0);
        let up = Command::new(&peer)
            .args(["-f", "generated/docker-compose.yml", "up", "-d", "--wait"])
            .current_dir(folder.path())
            .env("API_PORT", &port)
            .output()
            .unwrap();
        let before = containers(&project.name);
        assert!(!before.is_empty(), "{up:?}");

        // Compose knows no tasks: a volume that only they use is all that is to be made.
        let plan = folder.run(&["plan", "--json"]).ends(0).json();
        let steps = plan["steps"].as_array().unwrap().iter();
        let changed: Vec<String> = steps
            .filter(|step| step["verdict"] != "nothing")
            .map(|step| format!("{} {}", step["verdict"], step["resource"]))
            .collect();
        assert_eq!(
            changed,
            ["\"create\" \"volume:inbox\""],
            "{}",
            peer.display()
        );
        let services = folder.read("stack.toml");
        let services = services.split("[dags").next().unwrap();
        folder.write("services.toml", services);
        let ran = folder
            .run(&["-f", "services.toml", "plan", "--exit-code"])
            .ends(0);
        let first = ran.stdout.lines().next().unwrap_or_default();
        assert!(first.ends_with("all as stack.toml says"), "{}", ran.stdout);

        folder.run(&["apply", "-y"]).ends(0);
        assert_eq!(containers(&project.name), before, "{}", peer.display());
        folder.run(&["plan", "--exit-code"]).ends(0);
        folder.run(&["down", "-t", "0"]).ends(0);
        assert!(containers(&project.name).is_empty());
    }
}
