//! The exit codes that need no engine.

use crate::command::{Folder, GOOD};

#[test]
fn a_wrong_command_line_is_64_and_help_is_0() {
    let folder = Folder::new(GOOD);
    folder.run(&["aplly"]).ends(64);
    folder.run(&["apply", "--no-such-flag"]).ends(64);
    folder.run(&[]).ends(64);
    folder.run(&["-p", "Not A Name", "check"]).ends(64);
    folder.run(&["graph", "--dag", "locl"]).ends(64);
    let help = folder.run(&["--help"]).ends(0);
    assert!(help.stdout.contains("apply"), "{}", help.stdout);
    folder.run(&["--version"]).ends(0);
}

#[test]
fn no_stack_file_is_65_and_says_what_to_do() {
    let folder = Folder::empty();
    for command in [
        &["check"][..],
        &["apply", "-y"],
        &["watch"],
        &["dag", "list"],
    ] {
        let ran = folder.run(command).ends(65);
        assert!(ran.stderr.contains("no stack.toml"), "{}", ran.stderr);
        assert!(ran.stderr.contains("-f FILE"), "{}", ran.stderr);
    }
    let ran = folder.run(&["-f", "elsewhere.toml", "check"]).ends(65);
    assert!(ran.stderr.contains("elsewhere.toml"), "{}", ran.stderr);
}

#[test]
fn no_engine_is_69_with_a_hint_and_nothing_is_touched() {
    let folder = Folder::new(GOOD);
    let commands: [&[&str]; 7] = [
        &["plan"],
        &["apply", "-y"],
        &["down"],
        &["status"],
        &["logs"],
        &["watch"],
        &["exec", "web", "true"],
    ];
    let before = folder.paths();
    for command in commands {
        let ran = folder.run(command).ends(69);
        assert!(ran.stderr.contains("no-such.sock"), "{}", ran.stderr);
        assert!(ran.stderr.contains("help:"), "{}", ran.stderr);
    }
    assert_eq!(folder.paths(), before);
}

#[test]
fn the_stack_file_is_found_in_a_parent_folder() {
    let folder = Folder::new(GOOD);
    folder.write("deep/er/file", "");
    let output = folder
        .command(&["check"])
        .current_dir(folder.path().join("deep/er"))
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new(GOOD);
    let mut child = folder
        .command(&["render", "--stdout"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(!words.contains("panick"), "{words}");
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let folder = Folder::new(GOOD);
    assert!(!folder.run(&["graph"]).stdout.contains('\u{1b}'));
    let asked = folder.run(&["graph", "--color", "always"]);
    assert!(asked.stdout.contains('\u{1b}'));
}

#[test]
fn a_lint_that_is_set_to_fail_makes_check_1() {
    let text = r#"
[stack]
name = "lints"
[services.web]
image = "busybox:1.36"
volumes = ["/var/run/docker.sock:/var/run/docker.sock:ro"]
"#;
    let folder = Folder::new(text);
    let warned = folder.run(&["check", "--format", "short"]).ends(0);
    assert!(
        warned.stdout.contains("warning[socket-read-only]"),
        "{}",
        warned.stdout
    );
    folder.write(
        "stack.toml",
        &format!("{text}\n[policy]\nlints.socket-read-only = \"fail\"\n"),
    );
    folder.run(&["check"]).ends(1);
}
