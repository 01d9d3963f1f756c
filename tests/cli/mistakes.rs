//! Twelve kinds of bad files: every mistake with its place, exit code 65, nothing touched.

use crate::bad_files::{BAD, HEAD};
use crate::command::{Folder, GOOD};

fn touches_nothing(folder: &Folder, what: &str) {
    let before = folder.paths();
    for command in [&["apply", "-y"][..], &["plan"], &["status"], &["watch"]] {
        let ran = folder.run(command);
        assert_eq!(ran.code, 65, "{what}: {command:?}: {}", ran.stderr);
    }
    assert_eq!(folder.paths(), before, "{what}");
}

#[test]
fn every_mistake_is_told_with_its_place_and_nothing_is_touched() {
    for bad in &BAD {
        let folder = Folder::new(&format!("{HEAD}{}", bad.text));
        let ran = folder.run(&["check", "--format", "short"]);
        assert_eq!(ran.code, 65, "{}: {}{}", bad.what, ran.stdout, ran.stderr);
        for mistake in bad.mistakes {
            assert!(
                ran.stdout.contains(mistake),
                "{}: {mistake} in {}",
                bad.what,
                ran.stdout
            );
        }
        touches_nothing(&folder, bad.what);
    }
}

#[test]
fn a_file_that_is_not_toml_is_told_with_its_place() {
    let folder = Folder::new("[stack]\nname = \"bad\"\n[services.web\nimage = 1\n");
    let ran = folder.run(&["check", "--format", "short"]).ends(65);
    assert!(ran.stdout.contains("stack.toml:3:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("error[not-toml]"), "{}", ran.stdout);
    touches_nothing(&folder, "not TOML");
}

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new(&GOOD.replace(
        "name = \"good\"",
        "name = \"good\"\ninclude = [\"gone.toml\"]",
    ));
    let ran = folder.run(&["check"]).ends(65);
    let told = ran.stdout + &ran.stderr;
    assert!(told.contains("gone.toml"), "{told}");
    touches_nothing(&folder, "missing include");
    let folder = Folder::new(&format!(
        "{HEAD}[services.a]\nimage = \"a\"\nenv_file = \"gone.env\"\n"
    ));
    let ran = folder.run(&["check", "--format", "short"]).ends(65);
    assert!(
        ran.stdout.contains("5:12: error[missing-env-file]"),
        "{}",
        ran.stdout
    );
    touches_nothing(&folder, "missing env file");
}

#[test]
fn mistakes_as_json_have_the_documented_fields() {
    let folder = Folder::new(&format!("{HEAD}{}", BAD[0].text));
    let ran = folder.run(&["check", "--json"]).ends(65);
    let json = ran.json();
    let first = &json[0];
    assert_eq!(first["code"], "unknown-key");
    assert_eq!(first["severity"], "error");
    assert_eq!(first["file"], "stack.toml");
    assert_eq!((&first["line"], &first["column"]), (&5.into(), &1.into()));
    assert!(
        first["message"]
            .as_str()
            .is_some_and(|text| text.contains("restrat"))
    );
    assert!(
        first["help"]
            .as_str()
            .is_some_and(|text| text.contains("restart"))
    );
}

#[test]
fn unset_variables_do_not_keep_anyone_from_rendering() {
    let unset = BAD
        .iter()
        .find(|bad| bad.what == "unset variable")
        .expect("it is there");
    let folder = Folder::new(&format!("{HEAD}{}", unset.text));
    folder.run(&["render"]).ends(0);
    folder.run(&["graph"]).ends(0);
    folder.run(&["dag", "list"]).ends(0);
    let set = Folder::new(&format!("{HEAD}{}", unset.text))
        .set("NOWHERE", "1")
        .set("NEITHER", "2");
    set.run(&["check"]).ends(0);
}

#[test]
fn a_missing_include_is_told_with_its_place_and_beside_other_mistakes() {
    let folder = Folder::new(
        "[stack]\nname = \"bad\"\ninclude = [\"nope.toml\", \"none/*.toml\"]\n[services.a]\nimage = \"a\"\nrestrat = \"no\"\n",
    );
    let ran = folder.run(&["check", "--format", "short"]).ends(65);
    let told: Vec<&str> = ran.stdout.lines().chain(ran.stderr.lines()).collect();
    assert!(
        told.iter()
            .any(|line| line.starts_with("stack.toml:3:12: error[missing-include]")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with("stack.toml:6:1: error[unknown-key]")),
        "{told:?}"
    );
}

#[test]
fn a_profile_that_no_service_has_is_warned_of() {
    let folder = Folder::new(&format!(
        "{GOOD}\n[services.shell]\nimage = \"a\"\nprofiles = [\"debug\"]\n"
    ));
    let ran = folder.run(&["graph", "--profile", "debgu"]).ends(0);
    assert!(
        ran.stderr.contains("no profile \"debgu\""),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("did you mean debug?"), "{}", ran.stderr);
    let ran = folder.run(&["graph", "--profile", "debug"]).ends(0);
    assert_eq!(ran.stderr, "");
}
