//! What people do to containers behind our back: each is seen by field, put right by the gentlest verdict, and nothing else is touched.

use std::collections::BTreeMap;

use crate::applies::{converge, diff_knowing, perform};
use crate::stack_text::stack;
use crate::support::{BUSYBOX, docker};
use crate::world::World;
use jiff::Timestamp;
use stackgen::compose::{self, labels};
use stackgen::engine::Engine;
use stackgen::model::{ContainerId, Resolved, Stack};
use stackgen::plan::{self, Marks, Plan, Resource, TextOptions, Verdict};

/// What of the container that was changed by hand has to outlive the repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlives {
    /// The container and its processes.
    Process,
    /// The container.
    Container,
    /// Nothing: there is another one.
    Nothing,
}

/// One thing done by hand, and what has to come of it.
struct Drift {
    /// Commands for docker; `{…}` is a name of the project.
    by_hand: &'static [&'static str],
    verdict: Verdict,
    fields: &'static [&'static str],
    outlives: Outlives,
}

const fn drift(
    by_hand: &'static [&'static str],
    verdict: Verdict,
    fields: &'static [&'static str],
    outlives: Outlives,
) -> Drift {
    Drift {
        by_hand,
        verdict,
        fields,
        outlives,
    }
}

use Outlives::{Container, Nothing, Process};

const DRIFTS: [Drift; 13] = [
    drift(
        &["update --memory 48m --memory-swap 96m {web-1}"],
        Verdict::Update,
        &["mem_limit"],
        Process,
    ),
    drift(
        &["update --restart always {web-1}"],
        Verdict::Update,
        &["restart"],
        Process,
    ),
    drift(
        &["update --cpus 0.25 --pids-limit 77 {web-1}"],
        Verdict::Update,
        &["cpus", "pids_limit"],
        Process,
    ),
    drift(
        &["network connect {/extra} {web-1}"],
        Verdict::Update,
        &["networks.extra"],
        Process,
    ),
    drift(
        &["network disconnect {/back} {web-1}"],
        Verdict::Update,
        &["networks.back"],
        Process,
    ),
    drift(
        &["network disconnect {/front} {web-1}"],
        Verdict::Update,
        &["networks.front"],
        Process,
    ),
    // It is attached as before, and cannot be reached by its alias any more.
    drift(
        &[
            "network disconnect {/back} {web-1}",
            "network connect {/back} {web-1}",
        ],
        Verdict::Update,
        &["networks.back"],
        Process,
    ),
    drift(&["stop {web-1}"], Verdict::Start, &["state"], Container),
    drift(&["kill {web-1}"], Verdict::Start, &["state"], Container),
    drift(&["pause {web-1}"], Verdict::Start, &["state"], Process),
    drift(
        &["rename {web-1} {/elsewhere}"],
        Verdict::Update,
        &["container_name"],
        Process,
    ),
    drift(&["rm -f {web-1}"], Verdict::Create, &[], Nothing),
    drift(
        &["tag {image:2} {image:1}"],
        Verdict::Recreate,
        &[],
        Nothing,
    ),
];

/// Every container of a project by service: its id, its start, and its process.
pub(crate) type Lives = BTreeMap<String, (ContainerId, Option<Timestamp>, String)>;

pub(crate) async fn lives(world: &World, stack: &Stack<Resolved>) -> Lives {
    let observed = world.engine.observe(&compose::scope(stack)).await.unwrap();
    let life = |it: &stackgen::model::ObservedContainer| {
        let pid = docker(&["inspect", "-f", "{{.State.Pid}}", it.id.as_str()]).stdout;
        let pid = String::from_utf8_lossy(&pid).trim().to_owned();
        (it.id.clone(), it.state.started_at, pid)
    };
    let containers = observed.containers.iter();
    containers
        .map(|it| (it.config.labels[labels::SERVICE].clone(), life(it)))
        .collect()
}

/// Returns the change of a service's first container.
pub(crate) fn change_of<'a>(plan: &'a Plan, service: &str) -> &'a plan::Change {
    let is_it = |it: &&plan::Change| matches!(&it.resource, Resource::Service(name, 1) if name.as_str() == service);
    plan.changes.iter().find(is_it).unwrap()
}

/// Plans, holds the plan against what is expected of `service`, performs it, and makes sure of all that was not to be touched.
pub(crate) async fn repaired(
    world: &World,
    stack: &Stack<Resolved>,
    before: &Lives,
    service: &str,
    expected: (Verdict, &[&str], Outlives),
    marks: &mut Marks,
) -> String {
    let (verdict, fields, outlives) = expected;
    let plan = diff_knowing(world, stack, marks).await;
    let text = plan::text(&plan, &TextOptions::default());
    let change = change_of(&plan, service);
    assert_eq!(change.verdict, verdict, "{text}");
    let shown: Vec<String> = change.fields.iter().map(|it| it.path.to_string()).collect();
    if !fields.is_empty() {
        assert_eq!(shown, fields, "{text}");
    }
    assert_eq!(plan.change_count(), 1, "{text}");
    let report = perform(world, &plan).await;
    assert!(report.is_success(), "{text}\n{report:#?}");
    let known = plan.steps.iter().flat_map(|step| step.marks.clone());
    marks.extend(known.map(|it| ((it.container, it.subject), it.digest)));
    let again = diff_knowing(world, stack, marks).await;
    assert!(again.is_empty(), "{text}\n{again:#?}");
    let after = lives(world, stack).await;
    for (name, life) in before.iter().filter(|(name, _)| *name != service) {
        assert_eq!(after[name], *life, "{name} was touched: {text}");
    }
    let (old, new) = (&before[service], &after[service]);
    match outlives {
        Outlives::Process => assert_eq!(old, new, "{text}"),
        Outlives::Container => assert_eq!((&old.0, true), (&new.0, old.2 != new.2), "{text}"),
        Outlives::Nothing => assert_ne!(old.0, new.0, "{text}"),
    }
    text
}

/// Two images of one content and two ids; removed with the test.
struct Images(Vec<String>);

impl Images {
    fn new(world: &World) -> Self {
        let container = world.project.of("seed");
        let made = docker(&["create", "--name", &container, BUSYBOX]);
        assert!(made.status.success());
        let tags = ["1", "2"].map(|tag| format!("{}:{tag}", world.project.name));
        for tag in &tags {
            let label = format!("LABEL tag={tag}");
            let commit = docker(&["commit", "-c", &label, &container, tag]);
            assert!(commit.status.success());
        }
        docker(&["rm", &container]);
        Self(tags.into())
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        for tag in &self.0 {
            docker(&["rmi", "-f", tag]);
        }
    }
}

/// Puts the project's names into a text: `{web-1}` is a container, `{image:1}` an image, `{/front}` a network.
fn of_project(world: &World, text: &str) -> String {
    let name = &world.project.name;
    text.replace("{image:", &format!("{{{name}:"))
        .replace("{/", &format!("{{{name}_"))
        .replace("{web-1}", &format!("{{{}}}", world.project.of("web-1")))
        .replace(['{', '}'], "")
}

#[tokio::test]
async fn what_was_done_by_hand_is_put_right_and_nothing_else_is_touched() {
    let Some(world) = World::new("drift") else {
        return;
    };
    let _images = Images::new(&world);
    let text = format!(
        r#"
[stack]
name = "{name}"
[defaults.service]
image = "{BUSYBOX}"
pull_policy = "never"
init = true
command = ["sleep", "600"]
[services.db]
[services.web]
image = "{name}:1"
mem_limit = "32m"
cpus = 0.5
pids_limit = 50
depends_on = ["db"]
networks = {{ front = {{}}, back = {{ aliases = ["shop"] }} }}
[services.user]
depends_on = ["web"]
networks = ["extra"]
[networks.front]
[networks.back]
[networks.extra]
"#,
        name = world.project.name
    );
    let stack = stack(&text);
    converge(&world, &stack).await;
    let mut marks = Marks::new();
    for drift in DRIFTS {
        let before = lives(&world, &stack).await;
        for command in drift.by_hand {
            let command = of_project(&world, command);
            let words: Vec<&str> = command.split(' ').collect();
            let output = docker(&words);
            assert!(output.status.success(), "{command}: {output:?}");
        }
        let expected = (drift.verdict, drift.fields, drift.outlives);
        let text = repaired(&world, &stack, &before, "web", expected, &mut marks).await;
        let is_by_hand = !matches!(drift.verdict, Verdict::Create | Verdict::Start)
            && !drift.fields.is_empty()
            && drift.fields != ["container_name"];
        assert_eq!(text.contains("changed by hand"), is_by_hand, "{text}");
    }
}

#[tokio::test]
async fn a_limit_that_was_edited_is_set_while_the_process_runs() {
    let Some(world) = World::new("limit") else {
        return;
    };
    let text = format!(
        r#"
[stack]
name = "{}"
[defaults.service]
image = "{BUSYBOX}"
pull_policy = "never"
init = true
command = ["sleep", "600"]
[services.db]
[services.web]
mem_limit = "32m"
"#,
        world.project.name
    );
    converge(&world, &stack(&text)).await;
    let mut marks = Marks::new();
    // The last is what the container was made with.
    for limit in ["48m", "16m", "32m"] {
        let changed = stack(&text.replace("32m", limit));
        let before = lives(&world, &changed).await;
        let expected = (Verdict::Update, &["mem_limit"][..], Process);
        let text = repaired(&world, &changed, &before, "web", expected, &mut marks).await;
        assert!(!text.contains("by hand"), "{text}");
    }
}
