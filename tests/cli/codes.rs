//! What codes mean: `explain`, and `[policy.lints]`.

use crate::command::Folder;

#[test]
fn explain_says_what_a_code_means_without_a_stack() {
    let folder = Folder::empty();
    let ran = folder.run(&["explain", "unescaped-dollar"]).ends(0);
    assert!(ran.stdout.starts_with("unescaped-dollar\n"), "{ran:?}");
    assert!(
        ran.stdout
            .contains("\nRight:\n\n    [services.web]\n    image ")
    );
    assert!(ran.stdout.contains("Default: warn."), "{ran:?}");
    let ran = folder.run(&["explain", "no-image"]).ends(0);
    assert!(ran.stdout.contains("It is an error"), "{ran:?}");
}

#[test]
fn explain_lists_the_codes_and_proposes_the_nearest() {
    let folder = Folder::empty();
    let ran = folder.run(&["explain"]).ends(0);
    assert!(ran.stdout.lines().count() > 40, "{ran:?}");
    let ran = folder.run(&["explain", "unknown-kye"]).ends(64);
    assert!(ran.stderr.contains("did you mean unknown-key?"), "{ran:?}");
}

const RISKY: &str = r#"
[stack]
name = "risky"
[services.web]
image = "busybox:1.36"
privileged = true
"#;

#[test]
fn lints_are_shown_by_check_alone_and_as_json_too() {
    let folder = Folder::new(&format!(
        "{RISKY}pid = \"host\"\n[policy]\nlints.privileged = \"fail\"\n"
    ));
    let json = folder.run(&["check", "--json"]).ends(1).json();
    let found: Vec<(&str, &str)> = json
        .as_array()
        .expect("a list")
        .iter()
        .map(|told| {
            let text = |key: &str| told[key].as_str().expect("text");
            (text("code"), text("severity"))
        })
        .collect();
    assert_eq!(
        found,
        [("privileged", "error"), ("host-namespace", "warning")]
    );
    let ran = folder.run(&["render"]).ends(0);
    assert!(!ran.stderr.contains("host-namespace"), "{ran:?}");
}

#[test]
fn a_lint_counts_as_policy_says() {
    let with =
        |level: &str| Folder::new(&format!("{RISKY}[policy.lints]\nprivileged = {level:?}\n"));
    let ran = with("off").run(&["check"]).ends(0);
    assert_eq!(ran.stdout, "", "{ran:?}");
    let ran = with("warn").run(&["check", "--format", "short"]).ends(0);
    let line =
        "stack.toml:6:14: warning[privileged]: services.web has all rights on this machine\n";
    assert_eq!(ran.stdout, line);
    let ran = with("fail").run(&["check", "--format", "short"]).ends(1);
    assert_eq!(ran.stdout, line.replace("warning", "error"));
}

#[test]
fn a_lint_that_is_set_to_fail_refuses_an_apply_before_anything_is_touched() {
    let folder = Folder::new(&format!("{RISKY}[policy.lints]\nprivileged = \"fail\"\n"));
    let before = folder.paths();
    let ran = folder.run(&["apply", "-y"]).ends(3);
    assert!(ran.stderr.contains("error[privileged]"), "{ran:?}");
    assert_eq!(folder.paths(), before);
    // Without the policy it is the engine that is missing.
    Folder::new(RISKY).run(&["apply", "-y"]).ends(69);
}

#[test]
fn an_overlay_that_is_not_selected_is_checked_and_stops_nothing_else() {
    let text = format!("{RISKY}[overlays.production.services.web]\nrestrat = \"always\"\n");
    let folder = Folder::new(&text);
    let ran = folder.run(&["check", "--format", "short"]).ends(65);
    assert!(ran.stdout.contains(":8:1: error[unknown-key]"), "{ran:?}");
    folder.run(&["render"]).ends(0);
    let ran = folder.run(&["render", "--overlay", "prod"]).ends(65);
    assert!(
        ran.stderr.contains("did you mean --overlay production?"),
        "{ran:?}"
    );
}
