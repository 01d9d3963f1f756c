//! What random stacks found, made small: each of these failed once.

use crate::round_trip::{Failure, check};
use crate::tree::Tree;

fn text(text: &str) -> Tree {
    Tree::text(text)
}

/// A stack with one service, which has this key beside its image.
fn service(key: &str, value: Tree) -> Tree {
    let service = Tree::table([("image", text("busybox")), (key, value)]);
    stack(Tree::table([("web", service)]), "FIXED", "x")
}

fn stack(services: Tree, variable: &str, value: &str) -> Tree {
    Tree::table([
        ("stack", Tree::table([("name", text("shop"))])),
        ("vars", Tree::table([(variable, text(value))])),
        ("services", services),
    ])
}

/// The service, and a DAG with one task of this kind.
fn task(key: &str, value: Tree, more: Tree) -> Tree {
    let mut task = Tree::table([(key, value)]);
    for (key, value) in more.entries() {
        task.put(key, value.clone());
    }
    let mut tree = service("tty", Tree::Flag(true));
    let tasks = Tree::table([("a", task)]);
    let dag = Tree::table([("tasks", tasks)]);
    tree.put("dags", Tree::table([("d", dag)]));
    tree
}

fn survives(tree: &Tree) {
    assert_eq!(check(tree), Ok(()), "{}", tree.to_toml());
}

#[test]
fn a_quoted_merge_key_is_a_key_like_any_other() {
    survives(&service("environment", Tree::table([("<<", text("x"))])));
}

#[test]
fn an_ssh_key_without_a_value_is_imported() {
    let ssh = Tree::table([("ssh", Tree::List(vec![text("default")]))]);
    survives(&service("build", ssh));
}

#[test]
fn an_extension_key_is_imported_as_it_is() {
    let any = Tree::table([("labels", Tree::List(Vec::new())), ("init", text("yes"))]);
    survives(&service("x-own", any));
}

#[test]
fn the_file_of_a_credential_spec_is_no_path_of_the_project() {
    survives(&service(
        "credential_spec",
        Tree::table([("file", text("spec.json"))]),
    ));
}

#[test]
fn a_path_in_a_default_is_imported_from_where_it_is_meant() {
    survives(&service(
        "volumes",
        Tree::List(vec![text("${UNSET:-./data}:/data")]),
    ));
    let secret = Tree::table([("file", text("${UNSET:-./dir}/x"))]);
    let mut tree = service("secrets", Tree::List(vec![text("s")]));
    tree.put("secrets", Tree::table([("s", secret)]));
    survives(&tree);
}

#[test]
fn nothing_is_nothing_in_a_hook_and_in_an_exec_task_too() {
    let environment = Tree::table([("A", Tree::Null)]);
    let hook = Tree::table([("command", text("a")), ("environment", environment.clone())]);
    survives(&service("pre_stop", Tree::List(vec![hook])));
    let exec = Tree::table([
        ("service", text("web")),
        ("command", text("a")),
        ("environment", environment),
    ]);
    survives(&task("exec", exec, Tree::Table(Vec::new())));
}

#[test]
fn a_constant_with_braces_or_lines_renders_as_itself() {
    for constant in ["$${", "a}b", "a\nb", "{{ x }}", "${UNSET:-y}"] {
        let web = Tree::table([
            ("image", text("busybox")),
            ("user", text("u ${C} ${C:-d} ${C?m} ${C:+s}")),
        ]);
        survives(&stack(Tree::table([("web", web)]), "C", constant));
    }
}

#[test]
fn no_exit_code_skips_where_none_was_meant_to() {
    let codes = Tree::table([("skip_on_exit_code", Tree::List(Vec::new()))]);
    survives(&task("bash", text("true"), codes));
}

#[test]
fn a_description_breaks_no_comment() {
    let mut tree = service("tty", Tree::Flag(true));
    tree.get_mut("stack")
        .unwrap()
        .put("description", text("a\u{fffe}b\u{2028}c\nd"));
    survives(&tree);
}

#[test]
fn the_target_of_a_socket_is_a_clean_path() {
    let mut tree = service("sockets", Tree::List(vec![text("s")]));
    let socket = Tree::table([
        ("path", text("/run/s.sock")),
        ("target", text("/run/.//x/")),
    ]);
    tree.put("sockets", Tree::table([("s", socket)]));
    survives(&tree);
}

#[test]
fn a_key_of_a_thousand_letters_is_read_back() {
    let key = "a: ".repeat(400);
    for attribute in ["environment", "labels"] {
        survives(&service(attribute, Tree::table([(&key, text("x"))])));
    }
}

#[test]
fn a_colon_within_the_path_of_a_device_is_told() {
    let device = Tree::table([("source", text("/dev/a:b"))]);
    let told = check(&service("devices", Tree::List(vec![device])));
    assert!(matches!(told, Err(Failure::Read(_))), "{told:?}");
}

#[test]
fn a_name_in_a_list_of_a_hook_depends_on_no_variable() {
    let environment = Tree::List(vec![text("${WORD:+it is}")]);
    let hook = Tree::table([("command", text("a")), ("environment", environment)]);
    let told = check(&service("pre_stop", Tree::List(vec![hook])));
    assert!(matches!(told, Err(Failure::Read(_))), "{told:?}");
}

#[test]
fn a_real_number_in_a_text_is_the_number() {
    for number in ["017", "1e3", "1.50"] {
        survives(&service("cpu_percent", text(number)));
    }
}

#[test]
fn a_path_that_begins_with_a_word_and_has_a_variable_is_rendered_from_where_it_is_meant() {
    let rule = Tree::table([("path", text("src${WORD}")), ("action", text("rebuild"))]);
    let watch = Tree::table([("watch", Tree::List(vec![rule]))]);
    survives(&service("develop", watch));
    let mut tree = service("tty", Tree::Flag(true));
    for (name, path) in [("a", "x${WORD}"), ("b", "${UNSET:-x}/y")] {
        let file = Tree::table([("file", text(path))]);
        tree.put("configs", Tree::table([(name, file)]));
        survives(&tree);
        tree.remove("configs");
    }
}

#[test]
fn the_device_of_a_volume_is_a_path_only_where_compose_takes_it_for_one() {
    for driver in [None, Some("local"), Some("other")] {
        let options = Tree::table([("o", text("bind")), ("device", text("./x"))]);
        let mut volume = Tree::table([("driver_opts", options)]);
        if let Some(driver) = driver {
            volume.put("driver", text(driver));
        }
        let mut tree = service("tty", Tree::Flag(true));
        tree.put("volumes", Tree::table([("v", volume)]));
        survives(&tree);
    }
}

#[test]
fn numbers_that_compose_takes_from_no_variable_are_not_taken_from_one() {
    let variable = || text("${SEVEN}");
    let device = Tree::table([("path", text("/dev/sda")), ("weight", variable())]);
    for (key, value) in [
        ("blkio_config", Tree::table([("weight", variable())])),
        (
            "blkio_config",
            Tree::table([("weight_device", Tree::List(vec![device]))]),
        ),
        (
            "networks",
            Tree::table([("n", Tree::table([("gw_priority", variable())]))]),
        ),
    ] {
        let mut tree = service(key, value);
        tree.put("networks", Tree::table([("n", Tree::Table(Vec::new()))]));
        let told = check(&tree);
        assert!(matches!(told, Err(Failure::Read(_))), "{told:?}");
    }
}
