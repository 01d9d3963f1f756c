//! Whole plans performed at a real engine, and what the next plan says.

use crate::stack_text::stack;
use crate::support::{BUSYBOX, docker};
use crate::world::World;
use stackgen::compose;
use stackgen::engine::Engine;
use stackgen::exec::{self, ApplyOptions, ApplyReport, Stop};
use stackgen::model::{Resolved, Stack};
use stackgen::plan::{self, DownOptions, Marks, Plan, PlanOptions};
use std::sync::Arc;

pub(crate) fn options() -> PlanOptions {
    PlanOptions {
        salt: "salt".to_owned(),
        ..PlanOptions::default()
    }
}

pub(crate) async fn diff(world: &World, stack: &Stack<Resolved>) -> Plan {
    let observed = world.engine.observe(&compose::scope(stack)).await.unwrap();
    plan::diff(stack, &observed, &options())
}

/// Plans with what is known from steps that were done.
pub(crate) async fn diff_knowing(world: &World, stack: &Stack<Resolved>, marks: &Marks) -> Plan {
    let observed = world.engine.observe(&compose::scope(stack)).await.unwrap();
    let options = PlanOptions {
        marks: marks.clone(),
        ..options()
    };
    plan::diff(stack, &observed, &options)
}

pub(crate) async fn perform(world: &World, plan: &Plan) -> ApplyReport {
    let (progress, mut events) = tokio::sync::mpsc::channel(64);
    let read = async { while events.recv().await.is_some() {} };
    let engine: Arc<dyn Engine> = Arc::new(world.engine.clone());
    let options = ApplyOptions::default();
    let stop = Stop::default();
    tokio::join!(exec::apply(engine, plan, &options, progress, &stop), read).0
}

/// Applies, and makes sure that nothing is left to do.
pub(crate) async fn converge(world: &World, stack: &Stack<Resolved>) {
    let report = perform(world, &diff(world, stack).await).await;
    assert!(report.is_success(), "{report:#?}");
    let again = diff(world, stack).await;
    assert!(again.is_empty(), "{again:#?}");
}

/// An image that declares a volume; removed with the test.
struct Image(String);

impl Image {
    fn with_volume(world: &World) -> Self {
        let (name, container) = (
            format!("{}:1", world.project.name),
            world.project.of("seed"),
        );
        assert!(
            docker(&["create", "--name", &container, BUSYBOX])
                .status
                .success()
        );
        let commit = ["commit", "-c", "VOLUME /data", &container, &name];
        assert!(docker(&commit).status.success());
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        docker(&["rmi", "-f", &self.0]);
    }
}

#[tokio::test]
async fn what_is_in_a_volume_without_a_name_outlives_its_container() {
    let Some(world) = World::new("anonymous") else {
        return;
    };
    let image = Image::with_volume(&world);
    let text = format!(
        r#"
[stack]
name = "{}"
[services.cache]
image = "{}"
pull_policy = "never"
init = true
command = ["sleep", "600"]
volumes = ["/scratch"]
environment = {{ ROUND = "1" }}
"#,
        world.project.name, image.0
    );
    converge(&world, &stack(&text)).await;
    let name = world.project.of("cache-1");
    let write = "echo kept > /data/a; echo kept > /scratch/b";
    assert!(docker(&["exec", &name, "sh", "-c", write]).status.success());
    let id = |name: &str| docker(&["inspect", "-f", "{{.Id}}", name]).stdout;
    let first = id(&name);
    for round in ["2", "3"] {
        let changed = text.replace("\"1\"", &format!("{round:?}"));
        converge(&world, &stack(&changed)).await;
    }
    assert_ne!(first, id(&name));
    let read = docker(&["exec", &name, "cat", "/data/a", "/scratch/b"]);
    assert_eq!(String::from_utf8_lossy(&read.stdout), "kept\nkept\n");
    // They are of no project by their labels: the stack's end has to find them by its containers.
    let format = "{{range .Mounts}}{{.Name}} {{end}}";
    let mounted = docker(&["inspect", "-f", format, &name]).stdout;
    let mounted = String::from_utf8_lossy(&mounted).into_owned();
    let stack = stack(&text);
    let observed = world.engine.observe(&compose::scope(&stack)).await.unwrap();
    let down = DownOptions {
        volumes: true,
        ..DownOptions::default()
    };
    let report = perform(&world, &plan::down(&stack, &observed, &down)).await;
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(mounted.split_whitespace().count(), 2);
    for volume in mounted.split_whitespace() {
        assert!(!docker(&["volume", "inspect", volume]).status.success());
    }
}
