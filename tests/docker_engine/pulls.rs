//! Pulls from a registry of the test's own: progress, digests, the lock and tags that move, all at a real engine.

use crate::images::{Images, docker_text, ended, id_of, run_in, stackgen_in};
use crate::registry::Registry;
use crate::support::{Project, docker, ensure_busybox, is_left_out};
use stackgen::engine::docker::DockerEngine;
use stackgen::engine::{ActionProgress, Engine};
use stackgen::model::ImageReference;
use stackgen::plan::Action;

/// Puts busybox with a variable of its own into a registry, and returns its digest.
fn put(registry: &Registry, project: &Project, tag: &str, round: &str) -> String {
    let seed = project.of(&format!("seed-{round}"));
    let name = format!("{}:{round}", project.of("seed"));
    let change = format!("ENV ROUND={round}");
    for words in [
        vec![
            "run",
            "--name",
            &seed,
            "busybox:1.36",
            "sh",
            "-c",
            "echo made here > /made",
        ],
        vec!["commit", "-c", &change, &seed, &name],
    ] {
        assert!(docker(&words).status.success(), "{words:?}");
    }
    let saved = docker(&["save", &name]).stdout;
    assert!(docker(&["rm", &seed]).status.success());
    assert!(docker(&["rmi", &name]).status.success());
    registry.put("team/app", tag, &saved)
}

#[tokio::test]
async fn a_real_pull_tells_its_layers_and_bytes() {
    if is_left_out("registry pull") {
        return;
    }
    ensure_busybox();
    let (project, registry) = (Project::new("docker-test"), Registry::new());
    put(&registry, &project, "1", "one");
    let name = format!("{}:1", registry.name("team/app"));
    let _images = Images(vec![name.clone()]);
    let pull = Action::PullImage {
        image: ImageReference::parse(&name).unwrap(),
        platform: None,
    };
    let engine = DockerEngine::connect(None).unwrap();
    let (progress, mut told) = tokio::sync::mpsc::channel(1024);
    engine.perform_telling(&pull, &progress).await.unwrap();
    drop(progress);
    let mut last = None;
    while let Some(ActionProgress::Pull(pull)) = told.recv().await {
        last = Some(pull);
    }
    let last = last.unwrap();
    assert!(last.layers >= 1, "{last:?}");
    assert_eq!(last.layers_done, last.layers, "{last:?}");
    assert_eq!(last.bytes_done, last.bytes, "{last:?}");
    // A tag that is not there names the image.
    let image = ImageReference::parse(&format!("{}:none", registry.name("team/app"))).unwrap();
    let gone = Action::PullImage {
        image,
        platform: None,
    };
    let error = engine.perform(&gone).await.unwrap_err().to_string();
    assert!(error.contains(":none is not here"), "{error}");
}

#[test]
fn a_lock_holds_what_runs_while_its_tag_moves_on() {
    if is_left_out("registry lock") {
        return;
    }
    ensure_busybox();
    let (project, registry) = (Project::new("docker-test"), Registry::new());
    let one = put(&registry, &project, "current", "one");
    let name = format!("{}:current", registry.name("team/app"));
    let text = format!(
        r#"
[stack]
name = "{}"
[services.app]
image = "{name}"
init = true
command = ["sleep", "600"]
"#,
        project.name
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.toml"), text).unwrap();
    let run = |words: &[&str]| run_in(folder.path(), words);
    let done = |words: &[&str]| {
        let (code, said) = run(words);
        assert_eq!(code, Some(0), "{words:?}: {said}");
        said
    };
    let refused = |words: &[&str], code: i32, part: &str| {
        let (ended, said) = run(words);
        assert_eq!(ended, Some(code), "{words:?}: {said}");
        assert!(said.contains(part), "{words:?}: {said}");
    };
    let container = project.of("app-1");
    let round = || docker_text(&["exec", &container, "sh", "-c", "echo $ROUND"]);
    let _images = Images(vec![
        name.clone(),
        format!("{}@{one}", registry.name("team/app")),
    ]);
    refused(&["apply", "-y", "--locked"], 3, "there is no stack.lock");
    // Nothing is here: the registry says what the tag stands for.
    done(&["lock"]);
    let lock = std::fs::read_to_string(folder.path().join("stack.lock")).unwrap();
    assert!(lock.contains(&one), "{lock}");
    done(&["apply", "-y", "--locked"]);
    assert_eq!(round(), "one");
    let (first, image) = (id_of(&container), id_of(&name));
    done(&["plan", "--exit-code"]);
    done(&["plan", "--exit-code", "--locked"]);

    // The tag moves. A pull brings the new image, an apply by the lock takes the tag back and touches nothing that runs.
    let two = put(&registry, &project, "current", "two");
    done(&["lock", "--check"]);
    done(&["pull"]);
    let said = done(&["plan"]);
    let short = |digest: &str| digest["sha256:".len()..][..12].to_owned();
    let moved = format!("is locked as {}, and {} is here", short(&one), short(&two));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&moved), "{said}");
    assert!(said.contains("-/+ service app: recreate"), "{said}");
    refused(&["lock", "--check"], 2, "differs");
    done(&["apply", "-y", "--locked"]);
    assert_eq!((id_of(&container), id_of(&name)), (first.clone(), image));

    // Without the lock the new one comes, and the old one is gone: the lock pulls it by its digest.
    done(&["apply", "-y", "--pull", "always"]);
    assert_eq!(round(), "two");
    let pinned = format!("{}@{one}", registry.name("team/app"));
    assert!(docker(&["rmi", "-f", &pinned]).status.success());
    let said = done(&["apply", "-y", "--locked"]);
    assert!(
        said.contains(&format!("To pull   {}", registry.name("team/app"))),
        "{said}"
    );
    assert_eq!(round(), "one");
    let format = "{{.Config.Image}}";
    assert_eq!(docker_text(&["inspect", "-f", format, &container]), name);
    let asked = registry.asked(&format!("manifests/{one}"));
    assert!(asked > 0, "the digest was never asked for");
    done(&["plan", "--exit-code", "--locked"]);
    done(&["lock", "--update"]);
    let lock = std::fs::read_to_string(folder.path().join("stack.lock")).unwrap();
    assert!(lock.contains(&two), "{lock}");
    done(&["down", "-y"]);
}

/// `Basic`, and `me:hush` in base 64.
const ME: &str = "Basic bWU6aHVzaA==";

#[test]
fn credentials_of_dockers_settings_and_helpers_get_at_a_registry() {
    if is_left_out("registry credentials") {
        return;
    }
    ensure_busybox();
    let (project, registry) = (Project::new("docker-test"), Registry::that_wants(Some(ME)));
    put(&registry, &project, "1", "one");
    let name = format!("{}:1", registry.name("team/app"));
    let _images = Images(vec![name.clone()]);
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[stack]\nname = \"{}\"\n[services.app]\nimage = \"{name}\"\n",
        project.name
    );
    std::fs::write(folder.path().join("stack.toml"), text).unwrap();
    let host = registry.name("");
    let host = host.trim_end_matches('/');
    let helper = folder.path().join("docker-credential-test");
    let script = "#!/bin/sh\nread server\necho \"{\\\"Username\\\": \\\"me\\\", \\\"Secret\\\": \\\"hush\\\"}\"\n";
    std::fs::write(&helper, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&helper, mode).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", folder.path().display());
    let pull = |config: serde_json::Value| {
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let mut command = stackgen_in(folder.path(), &["pull"]);
        command
            .env("DOCKER_CONFIG", folder.path())
            .env("PATH", &path);
        ended(command)
    };
    let (code, said) = pull(serde_json::json!({}));
    assert_eq!(code, Some(1), "{said}");
    let help = format!("`docker login {host}` if the registry asks for it");
    assert!(said.contains(&help), "{said}");
    let stored = serde_json::json!({"auths": {host: {"auth": "bWU6aHVzaA=="}}});
    let helped = serde_json::json!({"credHelpers": {host: "test"}});
    for config in [stored, helped] {
        let (code, said) = pull(config);
        assert_eq!(code, Some(0), "{said}");
        assert!(!said.contains("hush"), "{said}");
        assert!(docker(&["rmi", "-f", &name]).status.success());
    }
}
