//! What tests against a real engine share: whether they may be left out, the image they use, and the removal of what they made.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "each test binary uses its own part of this; tests may look at the environment and print"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The image of all tests against an engine.
pub(crate) const BUSYBOX: &str = "busybox:1.36";

/// Returns whether tests against an engine are left out on purpose, and says so. Without that wish they fail where there is no engine.
pub(crate) fn is_left_out(test: &str) -> bool {
    let is_wished = std::env::var_os("STACKGEN_TEST_NO_DOCKER").is_some_and(|value| value == "1");
    if is_wished {
        println!("{test}: left out, since STACKGEN_TEST_NO_DOCKER=1");
    }
    is_wished
}

/// Returns the path of a disk, for limits of block I/O; `None` on a machine without one.
pub(crate) fn block_device() -> Option<String> {
    let disks = std::fs::read_dir("/sys/block").ok()?.flatten();
    let names = disks.map(|disk| format!("/dev/{}", disk.file_name().to_string_lossy()));
    let mut names: Vec<String> = names
        .filter(|path| !path.starts_with("/dev/loop") && std::path::Path::new(path).exists())
        .collect();
    names.sort();
    names.into_iter().next()
}

/// Runs the docker command.
pub(crate) fn docker(arguments: &[&str]) -> Output {
    Command::new("docker")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("these tests need the docker command")
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

/// Makes sure of [`BUSYBOX`]: present, else pulled, else made from this machine's static busybox.
///
/// # Panics
/// Where none of that works, with the command to run.
pub(crate) fn ensure_busybox() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let version = docker(&["version", "--format", "{{.Server.Version}}"]);
        assert!(
            version.status.success(),
            "no engine answers: run `sudo systemctl start docker`, or set STACKGEN_TEST_NO_DOCKER=1 to leave these tests out\n{}",
            String::from_utf8_lossy(&version.stderr)
        );
        let is_here = docker(&["image", "inspect", BUSYBOX]).status.success();
        if is_here || docker(&["pull", "-q", BUSYBOX]).status.success() || import_busybox() {
            return;
        }
        panic!(
            "no {BUSYBOX} and no registry: run `sudo apt-get install busybox-static` and these tests again"
        );
    });
}

/// Imports an image with nothing but busybox; false where this machine has no static one.
fn import_busybox() -> bool {
    const SCRIPT: &str = r#"
        set -eu
        if ldd /bin/busybox >/dev/null 2>&1; then exit 1; fi
        root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
        mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/root" "$root/var"
        chmod 1777 "$root/tmp"
        cp /bin/busybox "$root/bin/"
        for name in $(/bin/busybox --list); do
            [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
        done
        echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
        echo 'root:x:0:' > "$root/etc/group"
        tar -C "$root" --numeric-owner --owner=0 --group=0 -c . |
            docker import -c 'CMD ["sh"]' -c 'ENV PATH=/bin' - "$1" >/dev/null
    "#;
    let mut shell = Command::new("sh")
        .args(["-s", BUSYBOX])
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut input = shell.stdin.take().expect("it was asked for");
    input.write_all(SCRIPT.as_bytes()).expect("the shell reads");
    drop(input);
    shell.wait().is_ok_and(|status| status.success())
}

/// A project name of one test's own. Everything with its label or its name at the beginning is removed when it goes, also on a panic.
pub(crate) struct Project {
    /// The name.
    pub(crate) name: String,
}

impl Project {
    /// Makes up a name that begins with `prefix`.
    pub(crate) fn new(prefix: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let nanos = std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |time| time.subsec_nanos());
        Self {
            name: format!("{prefix}-{}-{number}-{nanos:x}", std::process::id()),
        }
    }

    /// Returns a name within the project.
    pub(crate) fn of(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    fn remove(&self, list: &[&str], remove: &[&str]) {
        let filter = format!("name={}", self.name);
        let label = format!("label=com.docker.compose.project={}", self.name);
        let mut found = Vec::new();
        for filter in [&filter, &label] {
            let output = docker(&[list, &["--filter", filter]].concat());
            found.extend(lines(&output));
        }
        found.sort();
        found.dedup();
        for id in found {
            docker(&[remove, &[id.as_str()]].concat());
        }
    }
}

impl Project {
    /// Removes everything of the project.
    pub(crate) fn clear(&self) {
        self.remove(&["ps", "-aq"], &["rm", "-f", "-v"]);
        self.remove(&["network", "ls", "-q"], &["network", "rm"]);
        self.remove(&["volume", "ls", "-q"], &["volume", "rm"]);
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.clear();
    }
}
