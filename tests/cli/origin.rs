//! `stackgen explain PATH`.

use crate::command::Folder;

const STACK: &str = "[stack]\nname = \"s\"\n[vars]\nTAG = \"1\"\n[mixins.base]\ninit = true\n\
environment = { LEVEL = \"info\", TOKEN = \"hunter2\" }\n[services.web]\nimage = \"busybox:${TAG}\"\nmixins = [\"base\"]\n\
environment = { LEVEL = \"debug\" }\n";

fn folder() -> Folder {
    let folder = Folder::new(STACK);
    folder.write(".env", "TAG=1.36\n");
    folder
}

#[test]
fn a_value_is_drawn_with_its_layers() {
    let ran = folder().run(&["explain", "services.web.environment.LEVEL"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.stdout,
        "services.web.environment.LEVEL = \"debug\"\n\n  set by        services.web    \"debug\"    stack.toml:11\n  overridden    mixin base      \"info\"     stack.toml:7\n"
    );
    let ran = folder().run(&["explain", "services.web.image"]);
    let expected = "services.web.image = \"busybox:1.36\"\n\n  set by    services.web    \"busybox:${TAG}\"    stack.toml:9\n\n\
                    VARIABLE  VALUE   FROM      WHERE\nTAG       \"1.36\"  env file  .env:1, over stack.toml:4\n";
    assert_eq!(ran.stdout, expected);
}

#[test]
fn a_table_lists_its_keys_and_spells_no_secret() {
    let ran = folder().run(&["explain", "services.web.environment"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout
            .contains("LEVEL  \"debug\"  services.web  stack.toml:11\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("TOKEN  ***      mixin base    stack.toml:7\n"),
        "{}",
        ran.stdout
    );
    let ran = folder().run(&["explain", "services"]);
    assert!(ran.stdout.contains("web  {…}"), "{}", ran.stdout);
}

#[test]
fn an_explanation_as_json_has_its_documented_shape() {
    let ran = folder().run(&["explain", "services.web.environment.LEVEL", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let expected = serde_json::json!({
        "path": "services.web.environment.LEVEL",
        "outcome": "value",
        "value": "\"debug\"",
        "layers": [
            {"layer": "services.web", "overlay": null, "act": "sets", "value": "\"debug\"", "in_effect": true,
             "file": "stack.toml", "line": 11, "column": 17},
            {"layer": "mixin base", "overlay": null, "act": "sets", "value": "\"info\"", "in_effect": false,
             "file": "stack.toml", "line": 7, "column": 17},
        ],
        "variables": [],
        "keys": [],
    });
    assert_eq!(json, expected);
}

#[test]
fn what_cannot_be_explained_has_an_exit_code_and_a_hint() {
    let ran = folder().run(&["explain", "services.web.imge"]);
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(
        ran.stderr.contains("did you mean services.web.image?"),
        "{}",
        ran.stderr
    );
    let ran = Folder::new("a = ").run(&["explain", "services.web"]);
    assert_eq!(ran.code, 65, "{ran:?}");
}
