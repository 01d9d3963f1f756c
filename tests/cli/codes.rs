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
