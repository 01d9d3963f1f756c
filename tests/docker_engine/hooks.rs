//! Commands after a start and before a stop, and what follows what is replaced, at a real engine.

use std::path::Path;

use crate::applies::{converge, diff, perform};
use crate::drift::lives;
use crate::stack_text::stack;
use crate::support::{BUSYBOX, docker};
use crate::world::World;
use stackgen::compose;
use stackgen::engine::Engine;
use stackgen::exec::StepOutcome;
use stackgen::plan::{self, DownOptions};

fn text(world: &World, folder: &Path) -> String {
    format!(
        r#"
[stack]
name = "{name}"
[defaults.service]
image = "{BUSYBOX}"
pull_policy = "never"
init = true
command = ["sleep", "600"]
[services.db]
environment = {{ ROUND = "1" }}
volumes = ["{folder}:/log"]
post_start = [
  {{ command = ["sh", "-c", "echo started $ROUND by $WHO as $(id -u) in $(pwd) >> /log/a"], environment = {{ WHO = "me" }}, user = "7:7", working_dir = "/tmp" }},
  {{ command = "sh -c 'echo then >> /log/a'" }},
]
pre_stop = [{{ command = ["sh", "-c", "echo stopping $ROUND >> /log/a"] }}]
[services.web]
depends_on.db = {{ on_replace = "restart" }}
[services.other]
depends_on = ["db"]
"#,
        name = world.project.name,
        folder = folder.display(),
    )
}

#[tokio::test]
async fn commands_run_in_order_and_also_when_a_container_is_replaced() {
    let Some(world) = World::new("hooks") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    assert!(docker(&["version"]).status.success());
    let log = folder.path().join("a");
    // Its writers are several users.
    std::fs::write(&log, "").unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(&log, everybody).unwrap();
    let first = text(&world, folder.path());
    converge(&world, &stack(&first)).await;
    let read = || std::fs::read_to_string(&log).unwrap();
    let begun = "started 1 by me as 7 in /tmp\nthen\n";
    assert_eq!(read(), begun);
    let before = lives(&world, &stack(&first)).await;
    let second = first.replace("ROUND = \"1\"", "ROUND = \"2\"");
    converge(&world, &stack(&second)).await;
    let again = format!("{begun}stopping 1\nstarted 2 by me as 7 in /tmp\nthen\n");
    assert_eq!(read(), again);
    // One follows what was replaced in the same container, and one runs on.
    let after = lives(&world, &stack(&second)).await;
    assert_ne!(before["db"].0, after["db"].0);
    assert_eq!(before["web"].0, after["web"].0);
    assert!(after["web"].1 > after["db"].1, "{after:?}");
    assert_eq!(before["other"], after["other"]);
    let stack = stack(&second);
    let observed = world.engine.observe(&compose::scope(&stack)).await.unwrap();
    let plan = plan::down(&stack, &observed, &DownOptions::default());
    assert!(perform(&world, &plan).await.is_success());
    assert_eq!(read(), format!("{again}stopping 2\n"));
}

#[tokio::test]
async fn a_command_that_fails_fails_the_apply_and_shows_what_it_said() {
    let Some(world) = World::new("hooks-fail") else {
        return;
    };
    let text = format!(
        r#"
[stack]
name = "{}"
[services.db]
image = "{BUSYBOX}"
pull_policy = "never"
init = true
command = ["sleep", "600"]
post_start = [{{ command = ["sh", "-c", "echo no such table >&2; exit 3"] }}]
"#,
        world.project.name
    );
    let broken = stack(&text);
    let report = perform(&world, &diff(&world, &broken).await).await;
    let told = report.outcomes.iter().find_map(|outcome| match outcome {
        StepOutcome::Failed { message, details } => Some(format!("{message}: {details:?}")),
        _ => None,
    });
    let told = told.unwrap();
    assert!(told.contains("ended with code 3"), "{told}");
    assert!(told.contains("output: no such table"), "{told}");
    let again = diff(&world, &broken).await;
    assert!(again.has_changes(), "it passes for what is as it should be");
    converge(&world, &stack(&text.replace("exit 3", "exit 0"))).await;
}
