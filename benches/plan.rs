//! Times the planner alone on stacks of 1000 and 5000 services, in turn in one run, and prints the times and their ratio as Markdown.
//!
//!     cargo bench --bench plan [-- ROUNDS]
//!
//! A stack is N services on two networks, each with an image, variables, a port of its own, a limit, a health check, a volume and two
//! services that it depends on. Planned are the first apply, an apply where all is as it should be, one where every service
//! changed, and the way down. Reading the file and observing the engine are not part of it. It exits 1 where a limit below is passed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and prints it"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stackgen::compose;
use stackgen::engine::Engine;
use stackgen::engine::fake::FakeEngine;
use stackgen::model::{
    ContainerStatus, FileRole, Health, ImageReference, Observed, Resolved, SourceFile, Sources,
    Stack,
};
use stackgen::plan::{Action, DownOptions, Plan, PlanOptions, diff, down};
use stackgen::stackfile;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many volumes, and images, the services share: a file may hold 100 000 values.
const VOLUMES: usize = 10;
const SMALL: usize = 1000;
const LARGE: usize = 5000;
/// How much longer the large one may take: it has five times as many services.
const GROWTH: f64 = 6.0;
/// How long the median plan of the large one may take.
const LIMIT: Duration = Duration::from_millis(50);

fn text(size: usize, level: &str) -> String {
    let mut text = "[stack]\nname = \"bench\"\n[networks.front]\n[networks.back]\n".to_owned();
    text.push_str(
        r#"[defaults.service]
networks = ["front", "back"]
mem_limit = "1g"
healthcheck = { test = "true" }
environment = { DB_PASSWORD = "secret" }
"#,
    );
    for volume in 0..VOLUMES {
        text.push_str(&format!("[volumes.d{volume}]\n"));
    }
    for index in 0..size {
        let before = [index / 2, index / 3].map(|other| format!("s{other:04}"));
        let mut after = before.map(|other| format!("{other} = \"healthy\""));
        after.sort();
        let after = match index {
            0 | 1 => String::new(),
            2..4 => after[0].clone(),
            _ => after.join(", "),
        };
        text.push_str(&format!(
            r#"[services.s{index:04}]
image = "base:{version}"
environment = {{ LOG_LEVEL = "{level}" }}
ports = ["{port}:80"]
volumes = ["d{version}:/data"]
depends_on = {{ {after} }}
"#,
            version = index % VOLUMES,
            port = 10_000 + index,
        ));
    }
    text
}

fn stack(text: &str) -> Stack<Resolved> {
    let sources = Sources {
        folder: PathBuf::from("/srv/bench"),
        files: vec![SourceFile {
            path: PathBuf::from("stack.toml"),
            role: FileRole::Main,
            text: Some(text.into()),
        }],
        environment: BTreeMap::new(),
    };
    let reading = stackfile::read(&sources, &stackfile::Selection::default());
    let diagnostics = reading.diagnostics;
    reading
        .resolved
        .unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn options() -> PlanOptions {
    PlanOptions {
        salt: "salt".to_owned(),
        ..PlanOptions::default()
    }
}

/// Returns what an engine shows before and after a first apply.
async fn before_and_after(stack: &Stack<Resolved>) -> (Observed, Observed) {
    let engine = FakeEngine::new();
    for version in 0..VOLUMES {
        let image = ImageReference::parse(&format!("base:{version}")).unwrap();
        engine.add_plain_image(&image, &format!("sha256:{version}"));
    }
    let scope = compose::scope(stack);
    let before = engine.observe(&scope).await.unwrap();
    for step in &diff(stack, &before, &options()).steps {
        // Starting is only a state here, and the fake looks through all containers for it.
        let is_start = matches!(step.action, Action::StartContainer { .. });
        if step.action.mutates() && !is_start {
            engine.perform(&step.action).await.unwrap();
        }
    }
    let mut after = engine.observe(&scope).await.unwrap();
    for container in &mut after.containers {
        container.state.status = ContainerStatus::Running;
        container.state.health = Some(Health::Healthy);
    }
    (before, after)
}

/// What is planned, of one size.
struct Case {
    stack: Stack<Resolved>,
    changed: Stack<Resolved>,
    before: Observed,
    after: Observed,
}

impl Case {
    fn new(size: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        let stack = stack(&text(size, "info"));
        let (before, after) = runtime.block_on(before_and_after(&stack));
        Self {
            changed: self::stack(&text(size, "debug")),
            stack,
            before,
            after,
        }
    }

    fn plan(&self, kind: &str) -> Plan {
        match kind {
            "first apply" => diff(&self.stack, &self.before, &options()),
            "nothing to do" => diff(&self.stack, &self.after, &options()),
            "every service changed" => diff(&self.changed, &self.after, &options()),
            _ => down(&self.stack, &self.after, &DownOptions::default()),
        }
    }
}

const KINDS: [&str; 4] = [
    "first apply",
    "nothing to do",
    "every service changed",
    "down",
];

/// Makes sure that what is timed is what it says.
fn check(kind: &str, size: usize, plan: &Plan) {
    let changes = match kind {
        // With the volumes and two networks.
        "first apply" => size + VOLUMES + 2,
        "nothing to do" => 0,
        "every service changed" => size,
        _ => size + 2,
    };
    assert_eq!(plan.change_count(), changes, "{kind} of {size}");
    assert_eq!(plan.blockers().count(), 0, "{kind} of {size}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() -> ExitCode {
    let rounds = std::env::args().skip(1).find_map(|it| it.parse().ok());
    let rounds: usize = rounds.unwrap_or(15);
    let cases = [SMALL, LARGE].map(|size| (size, Case::new(size)));
    let mut is_good = true;
    println!("| plan | {SMALL} services | {LARGE} services | ratio | steps |");
    println!("|---|---|---|---|---|");
    for kind in KINDS {
        let mut times = [Vec::new(), Vec::new()];
        let mut steps = 0;
        for _ in 0..rounds {
            for ((size, case), times) in cases.iter().zip(&mut times) {
                let start = Instant::now();
                let plan = case.plan(kind);
                times.push(start.elapsed());
                check(kind, *size, &plan);
                steps = plan.steps.len();
            }
        }
        let [small, large] = times.map(median);
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        println!(
            "| {kind} | {:.1} ms | {:.1} ms | {ratio:.1} | {steps} |",
            small.as_secs_f64() * 1e3,
            large.as_secs_f64() * 1e3
        );
        is_good &= ratio <= GROWTH && large <= LIMIT;
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        println!("\nA limit is passed: {LIMIT:?}, or {GROWTH} times as long.");
        ExitCode::FAILURE
    }
}
