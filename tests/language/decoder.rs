//! The decoder and the language know the same keys. (In these builds the decoder also asserts that it asks for no key that its table
//! lacks, and for every one that it has.)

use stackgen::stackfile::Code;

use crate::walk::{Example, examples, paths, strangers, told};

#[test]
fn every_table_of_the_language_is_read_as_that_table() {
    for (table, Example { toml, .. }) in strangers() {
        // The default args of a DAG are read as those of its tasks.
        let what = match table.name {
            "default_args" => "a task",
            _ => table.what,
        };
        let expected = format!("{what} has no key `zzz`");
        let told = told(&toml);
        let is_told = told
            .iter()
            .any(|it| it.code == Code::UnknownKey && it.message == expected);
        assert!(is_told, "{expected}:\n{toml}{told:?}");
    }
}

/// What an example of one key may lack: the things that it names, and a context in which it makes sense.
const TOLERATED: [Code; 17] = [
    Code::BadTemplate,
    Code::UnknownService,
    Code::UnknownNetwork,
    Code::UnknownVolume,
    Code::UnknownConfig,
    Code::UnknownSecret,
    Code::UnknownSocket,
    Code::UnknownMixin,
    Code::UnknownTask,
    Code::MissingEnvFile,
    Code::NoImage,
    Code::NoHealthcheck,
    Code::SocketNotGranted,
    Code::DependencyCycle,
    Code::ConflictingKeys,
    Code::NotSupported,
    Code::ContainerNameWithScale,
];

#[test]
fn every_form_of_every_key_is_taken() {
    let examples = examples();
    assert!(examples.len() > 400, "{}", examples.len());
    let mut wrong = Vec::new();
    for Example { what, toml } in examples {
        let told = told(&toml);
        let mistakes = told
            .iter()
            .filter(|it| it.is_error() && !TOLERATED.contains(&it.code));
        wrong.extend(mistakes.map(|it| format!("{what}: {}\n{toml}", it.message)));
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_example_of_a_table_is_taken() {
    for (table, _) in paths() {
        let told = told(table.example);
        let mistakes = told.iter().filter(|it| {
            it.is_error() && it.code != Code::UnsetVariable && !TOLERATED.contains(&it.code)
        });
        let mistakes: Vec<&str> = mistakes.map(|it| it.message.as_str()).collect();
        assert!(mistakes.is_empty(), "{}: {mistakes:?}", table.name);
    }
}

#[test]
fn a_reload_is_one_signal_or_one_command_and_a_dependant_does_one_thing() {
    let stack = |lines: &str| format!("[services.web]\nimage = \"busybox:1.36\"\n{lines}\n");
    for (lines, code) in [
        ("update.reload = \"SIGHUP\"", None),
        ("update.reload = [\"nginx\", \"-s\", \"reload\"]", None),
        (
            "update.reload = { command = \"reload it\", user = \"root\" }",
            None,
        ),
        ("update.reload = \"SIGHOP\"", Some("SIGHUP")),
        ("update.reload = []", Some("at least one word")),
        (
            "update.reload = { files = [\"/etc/app\"] }",
            Some("a signal or a command"),
        ),
        (
            "update.reload = { signal = \"SIGHUP\", command = [\"a\"] }",
            Some("can have one"),
        ),
        (
            "depends_on.db = { on_replace = \"restarted\" }\n[services.db]\nimage = \"busybox:1.36\"",
            Some("restart"),
        ),
        (
            "depends_on.db = { restart = true, on_replace = \"recreate\" }\n[services.db]\nimage = \"busybox:1.36\"",
            Some("can have one"),
        ),
    ] {
        let told = told(&stack(lines));
        let said: Vec<String> = told
            .iter()
            .map(|it| format!("{} {:?}", it.message, it.help))
            .collect();
        match code {
            None => assert!(said.is_empty(), "{lines}: {said:?}"),
            Some(part) => assert!(said.iter().any(|it| it.contains(part)), "{lines}: {said:?}"),
        }
    }
}
