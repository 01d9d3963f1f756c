//! Files that change behind a container's back: each is seen by its field, and comes to the process by the gentlest way there is.

use std::path::{Path, PathBuf};

use crate::applies::converge;
use crate::drift::{Outlives, lives, repaired};
use crate::stack_text::stack;
use crate::support::{BUSYBOX, docker};
use crate::world::World;
use stackgen::plan::{Marks, Verdict};

/// A folder with files, and a stack that mounts them and copies others in.
struct Files {
    world: World,
    folder: tempfile::TempDir,
    text: String,
    marks: Marks,
}

/// Counts its signals, and keeps what it reads at its start.
const PROCESS: &str = "cat /etc/app.conf /mlflow.ini /etc/inline.conf > /tmp/read; trap 'cat /etc/app.conf > /tmp/reloaded' HUP; while :; do sleep 0.1; done";

impl Files {
    async fn new(test: &str) -> Option<Self> {
        let world = World::new(test)?;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["app.conf", "mlflow.ini", "token"] {
            std::fs::write(path(name), format!("{name} one\n")).unwrap();
        }
        let text = format!(
            r#"
[stack]
name = "{name}"
[defaults.service]
image = "{BUSYBOX}"
pull_policy = "never"
init = true
stop_grace_period = "1s"
[services.db]
command = ["sleep", "600"]
[services.web]
command = ["sh", "-c", {PROCESS:?}]
volumes = ["{folder}/app.conf:/etc/app.conf:ro", "{folder}:/etc/whole"]
configs = ["mlflow.ini", {{ source = "inline", target = "/etc/inline.conf" }}]
secrets = ["token"]
[services.other]
command = ["sleep", "600"]
[configs."mlflow.ini"]
file = "{folder}/mlflow.ini"
[configs.inline]
content = "inline one"
[secrets.token]
file = "{folder}/token"
"#,
            name = world.project.name,
            folder = folder.path().display(),
        );
        converge(&world, &stack(&text)).await;
        Some(Self {
            world,
            folder,
            text,
            marks: Marks::new(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn repaired(&mut self, expected: (Verdict, &[&str], Outlives)) -> String {
        let stack = stack(&self.text);
        let before = lives(&self.world, &stack).await;
        repaired(
            &self.world,
            &stack,
            &before,
            "web",
            expected,
            &mut self.marks,
        )
        .await
    }

    /// Applies a change of a file and looks whether it came to the process.
    async fn edited(
        &mut self,
        edit: impl FnOnce(&Path),
        name: &str,
        expected: (Verdict, &[&str], Outlives),
    ) -> String {
        let before = lives(&self.world, &stack(&self.text)).await;
        edit(&self.path(name));
        let stack = stack(&self.text);
        repaired(
            &self.world,
            &stack,
            &before,
            "web",
            expected,
            &mut self.marks,
        )
        .await
    }

    fn inside(&self, path: &str) -> String {
        let output = docker(&["exec", &self.world.project.of("web-1"), "cat", path]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until the process has written something.
    async fn until(&self, path: &str, part: &str) {
        for _ in 0..100 {
            if self.inside(path).contains(part) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{path} never held {part}: {}", self.inside(path));
    }
}

fn write(text: &'static str) -> impl FnOnce(&Path) {
    move |path| std::fs::write(path, text).unwrap()
}

/// As an editor saves.
fn rename(text: &'static str) -> impl FnOnce(&Path) {
    move |path| {
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, path).unwrap();
    }
}

use Outlives::{Container, Process};

#[tokio::test]
async fn an_edited_file_restarts_its_container_and_nothing_else() {
    let Some(mut files) = Files::new("files-edited").await else {
        return;
    };
    let restart = |field: &'static [&'static str]| (Verdict::Restart, field, Container);
    let app = &["volumes.\"/etc/app.conf\""];
    let text = files
        .edited(write("app two"), "app.conf", restart(app))
        .await;
    assert!(
        text.contains("app.conf changed") && text.contains("update.reload"),
        "{text}"
    );
    files.until("/tmp/read", "app two").await;
    let text = files
        .edited(rename("app three"), "app.conf", restart(app))
        .await;
    assert!(text.contains("replaced"), "{text}");
    files.until("/tmp/read", "app three").await;
    for (edit, seen) in [("ini two", "ini two"), ("ini three", "ini three")] {
        let ini = &["configs.\"mlflow.ini\""];
        match seen {
            "ini two" => files.edited(write(edit), "mlflow.ini", restart(ini)).await,
            _ => files.edited(rename(edit), "mlflow.ini", restart(ini)).await,
        };
        files.until("/tmp/read", seen).await;
    }
    let secret = restart(&["secrets.token"]);
    let text = files.edited(write("s3cret"), "token", secret).await;
    assert!(
        text.contains("differs (secret)") && !text.contains("s3cret"),
        "{text}"
    );
    // Two at once.
    write("app four")(&files.path("app.conf"));
    let both = restart(&["volumes.\"/etc/app.conf\"", "configs.\"mlflow.ini\""]);
    files.edited(write("ini four"), "mlflow.ini", both).await;
    files.until("/tmp/read", "app four").await;
}

#[tokio::test]
async fn a_content_that_is_copied_in_is_copied_anew() {
    let Some(mut files) = Files::new("files-copied").await else {
        return;
    };
    for (old, new) in [("inline one", "inline two"), ("inline two", "inline one")] {
        files.text = files.text.replace(old, new);
        let text = files
            .repaired((Verdict::Restart, &["configs.inline"], Container))
            .await;
        assert!(text.contains("content changed"), "{text}");
        files.until("/tmp/read", new).await;
    }
}

#[tokio::test]
async fn a_declared_reload_spares_the_restart_unless_the_file_was_replaced() {
    let update =
        "[services.web.update]\nreload = { signal = \"SIGHUP\", files = [\"/etc/app.conf\"] }";
    let Some(mut files) = Files::new("files-reload").await else {
        return;
    };
    files.text.push_str(update);
    let reload = (Verdict::Reload, &["volumes.\"/etc/app.conf\""][..], Process);
    let restart = (
        Verdict::Restart,
        &["volumes.\"/etc/app.conf\""][..],
        Container,
    );
    let text = files.edited(write("app two"), "app.conf", reload).await;
    assert!(text.contains("SIGHUP"), "{text}");
    files.until("/tmp/reloaded", "app two").await;
    files.edited(write("app three"), "app.conf", reload).await;
    files.until("/tmp/reloaded", "app three").await;
    files.edited(rename("app four"), "app.conf", restart).await;
    // The next one is seen again by what is mounted now.
    files.edited(write("app five"), "app.conf", reload).await;
    files.until("/tmp/reloaded", "app five").await;
    let other = (Verdict::Restart, &["configs.\"mlflow.ini\""][..], Container);
    files.edited(write("ini two"), "mlflow.ini", other).await;
    files.text = files.text.replace(
        "{ signal = \"SIGHUP\", files = [\"/etc/app.conf\"] }",
        "[\"sh\", \"-c\", \"cp /etc/app.conf /tmp/by-command\"]",
    );
    let text = files.edited(write("app six"), "app.conf", reload).await;
    assert!(text.contains("by-command"), "{text}");
    assert_eq!(files.inside("/tmp/by-command"), "app six");
}

#[tokio::test]
async fn what_the_process_has_read_is_no_drift_whatever_was_done_to_the_file() {
    let Some(files) = Files::new("files-same").await else {
        return;
    };
    let stack = stack(&files.text);
    let plans_nothing = async |what: &str| {
        let plan = crate::applies::diff_knowing(&files.world, &stack, &files.marks).await;
        assert!(plan.is_empty(), "{what}: {plan:#?}");
    };
    let same = std::fs::read(files.path("app.conf")).unwrap();
    std::fs::write(files.path("app.conf"), &same).unwrap();
    plans_nothing("written again").await;
    let beside = files.path("beside");
    std::fs::write(&beside, &same).unwrap();
    std::fs::rename(beside, files.path("app.conf")).unwrap();
    plans_nothing("replaced by the same").await;
    std::fs::write(files.path("app.conf"), "met by a restart").unwrap();
    assert!(
        docker(&["restart", "-t", "1", &files.world.project.of("web-1")])
            .status
            .success()
    );
    plans_nothing("read since").await;
}
