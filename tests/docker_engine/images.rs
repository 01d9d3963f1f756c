//! Images at a real engine: tags that move, and builds.

use crate::applies::{converge, diff, perform};
use crate::peers;
use crate::stack_text::stack;
use crate::support::{BUSYBOX, Project, docker, ensure_busybox, is_left_out};
use crate::world::World;
use stackgen::exec::StepOutcome;
use stackgen::plan::Verdict;

/// Images that a test made; removed with it.
pub(crate) struct Images(pub(crate) Vec<String>);

impl Images {
    /// Makes another image than busybox and returns its name.
    fn commit(&mut self, world: &World, tag: &str) -> String {
        let seed = world.project.of(&format!("seed-{tag}"));
        let name = format!("{}:{tag}", world.project.name);
        assert!(
            docker(&["create", "--name", &seed, BUSYBOX])
                .status
                .success()
        );
        let change = format!("ENV ROUND={tag}");
        assert!(
            docker(&["commit", "-c", &change, &seed, &name])
                .status
                .success()
        );
        assert!(docker(&["rm", &seed]).status.success());
        self.0.push(name.clone());
        name
    }

    fn tag(&mut self, from: &str, to: &str) {
        assert!(docker(&["tag", from, to]).status.success());
        self.0.push(to.to_owned());
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        for name in &self.0 {
            docker(&["rmi", "-f", name]);
        }
    }
}

pub(crate) fn id_of(what: &str) -> String {
    let output = docker(&["inspect", "-f", "{{.Id}}", what]);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn a_tag_that_was_moved_is_shown_by_field_and_replaces_its_containers_alone() {
    let Some(world) = World::new("retag") else {
        return;
    };
    let mut images = Images(Vec::new());
    let (one, two) = (images.commit(&world, "one"), images.commit(&world, "two"));
    let current = format!("{}:current", world.project.name);
    images.tag(&one, &current);
    let text = format!(
        r#"
[stack]
name = "{}"
[defaults.service]
init = true
pull_policy = "never"
command = ["sleep", "600"]
[services.web]
image = "{current}"
[services.other]
image = "{one}"
"#,
        world.project.name
    );
    let shop = stack(&text);
    converge(&world, &shop).await;
    let (web, other) = (world.project.of("web-1"), world.project.of("other-1"));
    let before = (id_of(&web), id_of(&other));
    images.tag(&two, &current);
    let plan = diff(&world, &shop).await;
    assert_eq!(plan.change_count(), 1, "{plan:#?}");
    let changes = plan.changes.iter();
    let mut changes = changes.filter(|change| change.verdict == Verdict::Recreate);
    let change = changes.next().unwrap();
    assert_eq!(change.resource.to_string(), "service:web:1");
    let short = |image: &str| id_of(image)["sha256:".len()..][..12].to_owned();
    let shown: Vec<String> = change
        .fields
        .iter()
        .map(|field| {
            let side = |side: &Option<stackgen::plan::Shown>| side.as_ref().unwrap().to_string();
            format!("{} {} → {}", field.path, side(&field.old), side(&field.new))
        })
        .collect();
    let expected = format!(
        "image {current} ({}) → {current} ({})",
        short(&one),
        short(&two)
    );
    assert_eq!(shown, [expected]);
    let report = perform(&world, &plan).await;
    assert!(report.is_success(), "{report:#?}");
    assert!(diff(&world, &shop).await.is_empty());
    assert_ne!(id_of(&web), before.0);
    assert_eq!(id_of(&other), before.1);
    let format = "{{.Image}}";
    let runs = docker(&["inspect", "-f", format, &web]).stdout;
    assert_eq!(String::from_utf8_lossy(&runs).trim(), id_of(&two));
}

pub(crate) fn docker_text(arguments: &[&str]) -> String {
    let output = docker(arguments);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Returns a call of stackgen in a folder.
pub(crate) fn stackgen_in(folder: &std::path::Path, words: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stackgen"));
    command.args(words).current_dir(folder);
    command
}

/// Returns the exit code of a command, and all that it said.
pub(crate) fn ended(mut command: std::process::Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Runs stackgen in a folder, and returns its exit code and all that it said.
pub(crate) fn run_in(folder: &std::path::Path, words: &[&str]) -> (Option<i32>, String) {
    ended(stackgen_in(folder, words))
}

/// Returns a folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const DOCKERFILE: &str = "
FROM busybox:1.36 AS base
ARG WORDS=none
COPY . /app/
RUN echo \"$WORDS\" > /words && test -e /app/kept && test ! -e /app/secret.txt
FROM base AS broken
RUN echo looking for it && false
";

fn built_text(world: &World, context: &tempfile::TempDir, target: &str) -> String {
    format!(
        r#"
[stack]
name = "{}"
[services.web]
init = true
command = ["sleep", "600"]
build = {{ context = "{}", target = "{target}", args = {{ WORDS = "from the stack" }}, labels = {{ a = "b" }} }}
"#,
        world.project.name,
        context.path().display()
    )
}

#[tokio::test]
async fn a_missing_image_is_built_by_the_engine_before_its_container_is_made() {
    let Some(world) = World::new("build") else {
        return;
    };
    let context = folder(&[
        ("Dockerfile", DOCKERFILE),
        (".dockerignore", "*.txt\n"),
        ("kept", "1"),
        ("secret.txt", "2"),
    ]);
    let image = world.project.of("web");
    let _images = Images(vec![image.clone()]);
    let shop = stack(&built_text(&world, &context, "base"));
    converge(&world, &shop).await;
    let web = world.project.of("web-1");
    assert_eq!(
        docker_text(&["exec", &web, "cat", "/words"]),
        "from the stack"
    );
    assert_eq!(
        docker_text(&["inspect", "-f", "{{.Config.Image}}", &web]),
        image
    );
    let labels = docker_text(&["inspect", "-f", "{{json .Config.Labels}}", &image]);
    let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
    assert_eq!(labels["a"], "b");
    assert_eq!(labels["com.docker.compose.project"], world.project.name);
    assert_eq!(labels["com.docker.compose.service"], "web");
    assert_eq!(labels["com.docker.compose.image.builder"], "classic");
    let format = r#"{{index .Config.Labels "com.docker.compose.image"}}"#;
    assert_eq!(docker_text(&["inspect", "-f", format, &web]), id_of(&image));
}

#[tokio::test]
async fn a_build_that_fails_shows_all_of_its_words_and_nothing_is_touched() {
    let Some(world) = World::new("build-fails") else {
        return;
    };
    let context = folder(&[("Dockerfile", DOCKERFILE), ("kept", "1")]);
    let shop = stack(&built_text(&world, &context, "broken"));
    let plan = diff(&world, &shop).await;
    let report = perform(&world, &plan).await;
    let failed = report.outcomes.iter().find_map(|outcome| match outcome {
        StepOutcome::Failed { message, details } => Some((message.clone(), details.join("\n"))),
        _ => None,
    });
    let (message, details) = failed.unwrap();
    assert!(message.contains("could not be built"), "{message}");
    assert!(message.contains("returned a non-zero code: 1"), "{message}");
    assert!(details.contains("FROM busybox:1.36 AS base"), "{details}");
    assert!(details.contains("\nlooking for it\n"), "{details}");
    let all = ["network", "ls", "-q", "--filter"];
    let filter = format!("label=com.docker.compose.project={}", world.project.name);
    assert_eq!(docker_text(&[&all[..], &[&filter]].concat()), "");
    assert_eq!(docker_text(&["ps", "-aq", "--filter", &filter]), "");
}

/// Returns a folder of Docker's settings with buildx among the plug-ins.
fn docker_config() -> tempfile::TempDir {
    let config = tempfile::tempdir().unwrap();
    let plugins = config.path().join("cli-plugins");
    std::fs::create_dir(&plugins).unwrap();
    std::os::unix::fs::symlink(peers::buildx(), plugins.join("docker-buildx")).unwrap();
    config
}

#[test]
fn buildx_gets_everything_and_secrets_by_no_way_that_others_see() {
    if is_left_out("buildx") {
        return;
    }
    ensure_busybox();
    let project = Project::new("docker-test");
    let folder = folder(&[(
        "Dockerfile.base",
        "FROM busybox:1.36\nRUN echo base > /base\n",
    )]);
    let text = format!(
        r#"
[stack]
name = "{}"
[services.base]
build = {{ context = ".", dockerfile = "Dockerfile.base" }}
command = ["cat", "/base"]
oneshot = true
[services.web]
init = true
command = ["sleep", "600"]
[services.web.build]
context = "."
args = {{ WORDS_TOKEN = "hush-arg" }}
secrets = ["token"]
dockerfile_inline = '''
FROM busybox:1.36
ARG WORDS_TOKEN
RUN --mount=type=secret,id=token test "$$(cat /run/secrets/token)" = hush-secret && echo "$$WORDS_TOKEN" > /words
'''
[secrets.token]
environment = "SECRET_OF_BUILD"
"#,
        project.name
    );
    std::fs::write(folder.path().join("stack.toml"), text).unwrap();
    let _images = Images(vec![project.of("web"), project.of("base")]);
    let config = docker_config();
    let run = |words: &[&str]| {
        let mut command = stackgen_in(folder.path(), words);
        command
            .env("DOCKER_CONFIG", config.path())
            .env("SECRET_OF_BUILD", "hush-secret");
        ended(command)
    };
    let (code, said) = run(&["apply", "-y", "-v"]);
    assert_eq!(code, Some(0), "{said}");
    // With -v the builder is heard.
    assert!(said.contains("RUN --mount=type=secret"), "{said}");
    assert!(!said.contains("hush-"), "{said}");
    let web = project.of("web-1");
    assert_eq!(docker_text(&["exec", &web, "cat", "/words"]), "hush-arg");
    let label = |name: &str| {
        let format = format!(r#"{{{{index .Config.Labels "com.docker.compose.{name}"}}}}"#);
        docker_text(&["inspect", "-f", &format, &project.of("web")])
    };
    assert_eq!(
        (label("service"), label("image.builder")),
        ("web".into(), String::new())
    );
    let (code, said) = run(&["plan", "--exit-code"]);
    assert_eq!(code, Some(0), "{said}");
    // Built anew, with a failure whose words are shown without -v too.
    let broken = folder.path().join("Dockerfile.base");
    std::fs::write(broken, "FROM busybox:1.36\nRUN echo looking; false\n").unwrap();
    let (code, said) = run(&["build", "base"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("looking") && said.contains("exit code: 1"),
        "{said}"
    );
    // What is built here is in no registry, and locked by its id.
    let (code, said) = run(&["lock"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("{}-web is locked by its id", project.name)),
        "{said}"
    );
    assert_eq!(run(&["lock", "--check"]).0, Some(0));
    assert_eq!(run(&["plan", "--locked", "--exit-code"]).0, Some(0));
    let (code, said) = run(&["down", "-y"]);
    assert_eq!(code, Some(0), "{said}");
}
