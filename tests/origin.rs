//! What `explain_path` says of a value is what reading does with it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stackgen::load::{Request, load};
use stackgen::model::{FileRole, KeyPath, SourceFile, Sources};
use stackgen::stackfile::{
    Explanation, Outcome, Selection, Unexplained, explain_path, line_and_column, read,
};

const STACK: &str = r#"[stack]
name = "s"
include = ["more.toml"]

[vars]
TAG = "1"
IMAGE = "busybox:${TAG}"

[defaults.service]
environment = ["LEVEL=info", "API_TOKEN=hunter2"]
cap_add = ["A"]
init = true
networks = ["back"]

[mixins.one]
environment = { LEVEL = "debug", LATER = "one" }
cap_add = { append = ["B"] }
init = { reset = true }

[services.web]
image = "${IMAGE}"
mixins = ["one", "two"]
env_file = ["web.env"]
environment = { LATER = { reset = true }, LEVEL = "own" }
cap_add = { remove = ["A"] }
hostname = "${HOST:-box}"

[networks.back]

[overlays.prod.services.web]
environment.LEVEL = "warn"
network_mode = "host"
[overlays.prod.networks.back]
internal = true

[dags.d]
schedule = "@daily"
[dags.d.default_args]
retries = 2
start_date = 2026-01-01
[dags.d.tasks.t]
docker = { image = "x", mixins = ["one"] }
retries = 3
[dags.d.tasks.u]
bash = "true"
"#;

const MORE: &str =
    "[mixins.two]\nenvironment = { LEVEL = \"two\" }\nlabels = { \"a.b\" = \"c\" }\n";

fn sources() -> Sources {
    let file = |path: &str, role: FileRole, text: &str| SourceFile {
        path: PathBuf::from(path),
        role,
        text: Some(text.into()),
    };
    Sources {
        folder: PathBuf::from("/srv/shop"),
        files: vec![
            file("stack.toml", FileRole::Main, STACK),
            file("more.toml", FileRole::Include, MORE),
            file(".env", FileRole::StackEnv, "# tags\nTAG=2\n"),
            file("web.env", FileRole::ServiceEnv, "LEVEL=file\nONLY=file\n"),
        ],
        environment: BTreeMap::from([("TAG".to_owned(), "3".to_owned())]),
    }
}

fn selection(overlays: &[&str]) -> Selection {
    Selection {
        overlays: overlays.iter().map(|it| (*it).to_owned()).collect(),
        ..Selection::default()
    }
}

fn explained(path: &str, overlays: &[&str]) -> Explanation {
    let path = KeyPath::parse(path);
    explain_path(&sources(), &selection(overlays), &path)
        .unwrap_or_else(|it| panic!("{path}: {it:?}"))
}

/// Returns what is said in lines, the highest layer first: act, layer, value, place; a star where it is in effect.
fn said(explanation: &Explanation) -> Vec<String> {
    let sources = sources();
    let layers = explanation.layers.iter().rev();
    layers
        .map(|it| {
            let star = if it.is_in_effect { "*" } else { "" };
            let overlay = it
                .overlay
                .as_ref()
                .map(|it| format!("{it}:"))
                .unwrap_or_default();
            let place = it.place.as_ref().map_or(String::new(), |place| {
                format!(
                    " {}:{}",
                    sources.file(place.file).path.display(),
                    place.line
                )
            });
            format!(
                "{star}{} {overlay}{} {}{place}",
                it.act.name(),
                it.layer,
                it.value
            )
        })
        .collect()
}

#[test]
fn every_layer_that_speaks_of_a_value_is_named_with_its_line() {
    let level = explained("services.web.environment.LEVEL", &["prod"]);
    assert_eq!(level.outcome, Outcome::Value("\"warn\"".to_owned()));
    assert_eq!(
        said(&level),
        [
            "*sets prod:services.web \"warn\" stack.toml:31",
            "sets services.web \"own\" stack.toml:24",
            "sets mixin two \"two\" more.toml:2",
            "sets mixin one \"debug\" stack.toml:16",
            "sets defaults.service \"info\" stack.toml:10",
            "sets env file \"file\" web.env:1",
        ]
    );
    let only = explained("services.web.environment.ONLY", &[]);
    assert_eq!(only.outcome, Outcome::Value("\"file\"".to_owned()));
    assert_eq!(said(&only), ["*sets env file \"file\" web.env:2"]);
}

#[test]
fn operations_are_layers_too() {
    let caps = explained("services.web.cap_add", &[]);
    assert_eq!(caps.outcome, Outcome::Value("[\"B\"]".to_owned()));
    assert_eq!(
        said(&caps),
        [
            "*removes services.web [\"A\"] stack.toml:25",
            "*appends mixin one [\"B\"] stack.toml:17",
            "*sets defaults.service [\"A\"] stack.toml:11",
        ]
    );
    let init = explained("services.web.init", &[]);
    assert_eq!(init.outcome, Outcome::Nothing);
    assert_eq!(
        said(&init),
        [
            "*drops mixin one { reset = true } stack.toml:18",
            "sets defaults.service true stack.toml:12",
        ]
    );
    let later = explained("services.web.environment.LATER", &[]);
    assert_eq!(later.outcome, Outcome::Nothing);
    let networks = explained("services.web.networks", &["prod"]);
    assert_eq!(networks.outcome, Outcome::Nothing);
    assert_eq!(
        said(&networks)[0],
        "*drops prod:services.web \"host\" stack.toml:32"
    );
}

#[test]
fn variables_are_followed_to_where_they_are_set() {
    let image = explained("services.web.image", &[]);
    assert_eq!(image.outcome, Outcome::Value("\"busybox:3\"".to_owned()));
    let variables: Vec<String> = image
        .variables
        .iter()
        .map(|it| {
            let over: Vec<_> = it
                .over
                .iter()
                .map(|(source, place)| format!("{}:{}", source.name(), place.line))
                .collect();
            let value = it.value.as_deref().unwrap_or_default();
            format!("{} {value} {} {over:?}", it.name, it.source.name())
        })
        .collect();
    assert_eq!(
        variables,
        [
            "IMAGE \"busybox:3\" vars []",
            "TAG \"3\" environment [\"env file:2\", \"vars:6\"]",
        ]
    );
    let host = explained("services.web.hostname", &[]);
    assert_eq!(host.outcome, Outcome::Value("\"box\"".to_owned()));
    assert_eq!(host.variables[0].source.name(), "default");
    let tag = explained("vars.TAG", &[]);
    assert_eq!(tag.outcome, Outcome::Value("\"3\"".to_owned()));
    assert_eq!(
        said(&tag),
        [
            "*sets environment \"3\"",
            "sets env file \"2\" .env:2",
            "sets vars \"1\" stack.toml:6",
        ]
    );
}

#[test]
fn networks_tasks_and_tables_have_layers_of_their_own() {
    let internal = explained("networks.back.internal", &["prod"]);
    assert_eq!(
        said(&internal),
        ["*sets prod:networks.back true stack.toml:34"]
    );
    let retries = explained("dags.d.tasks.t.retries", &[]);
    assert_eq!(
        said(&retries),
        [
            "*sets dags.d.tasks.t 3 stack.toml:43",
            "sets dags.d.default_args 2 stack.toml:39",
        ]
    );
    let caps = explained("dags.d.tasks.t.docker.cap_add", &[]);
    assert_eq!(said(&caps), ["*appends mixin one [\"B\"] stack.toml:17"]);
    let start = explained("dags.d.start_date", &[]);
    assert_eq!(
        said(&start),
        ["*sets dags.d.default_args 2026-01-01 stack.toml:40"]
    );
    for (path, default) in [
        ("dags.d.tasks.u.execution_timeout", "none"),
        ("dags.d.tasks.u.trigger_rule", "\"all_success\""),
        ("services.web.scale", "1"),
        ("services.web.healthcheck.retries", "3"),
        ("services.web.user", "what the image or the engine has"),
        ("stack.env_files", "[\".env\"]"),
    ] {
        let outcome = explained(path, &[]).outcome;
        assert_eq!(outcome, Outcome::Default(default.to_owned()), "{path}");
    }
    let label = explained("services.web.labels.a.b", &[]);
    assert_eq!(label.path.keys().len(), 4);
    assert_eq!(said(&label), ["*sets mixin two \"c\" more.toml:3"]);
    let web = explained("services.web", &[]);
    assert_eq!(web.outcome, Outcome::Table);
    let keys: Vec<String> = web
        .keys
        .iter()
        .map(|it| format!("{} {}", it.key, it.layer))
        .collect();
    assert!(
        keys.contains(&"cap_add services.web".to_owned()),
        "{keys:?}"
    );
    assert!(keys.contains(&"labels mixin two".to_owned()), "{keys:?}");
    assert!(
        keys.contains(&"networks defaults.service".to_owned()),
        "{keys:?}"
    );
}

#[test]
fn secrets_are_not_spelled() {
    let token = explained("services.web.environment.API_TOKEN", &[]);
    assert_eq!(token.outcome, Outcome::Value("***".to_owned()));
    let everything = format!("{token:?} {:?}", explained("services.web.environment", &[]));
    assert!(!everything.contains("hunter2"), "{everything}");
}

#[test]
fn what_there_is_not_is_told_with_what_is_near() {
    for (path, near) in [
        ("services.wbe.image", Some("services.web")),
        ("services.web.imgae", Some("services.web.image")),
        (
            "services.web.environment.LEVLE",
            Some("services.web.environment.LEVEL"),
        ),
        ("servces.web", Some("services")),
        (
            "services.web.healthcheck.intervall",
            Some("services.web.healthcheck.interval"),
        ),
        ("services.gone.scale", None),
        ("zzz.y", None),
    ] {
        let found = explain_path(&sources(), &selection(&[]), &KeyPath::parse(path));
        let Err(Unexplained::Unknown { nearest, .. }) = found else {
            panic!("{path}: {found:?}");
        };
        assert_eq!(nearest.map(|it| it.to_string()).as_deref(), near, "{path}");
    }
    let mut broken = sources();
    broken.files[0].text = Some("a = ".into());
    let found = explain_path(&broken, &selection(&[]), &KeyPath::parse("services.web"));
    assert!(matches!(found, Err(Unexplained::Mistakes(_))), "{found:?}");
}

/// Two ways to the same answer: the layers looked at one by one, and the place that the merged value kept.
#[test]
fn the_highest_layer_is_where_the_value_in_effect_stands() {
    let request = Request {
        file: Some(PathBuf::from("stack.toml")),
        directory: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        environment: BTreeMap::new(),
    };
    let reference = load(&request, &|_, _| Vec::new()).expect("it is there");
    let mut paths = 0;
    for (sources, selection) in [
        (reference, selection(&[])),
        (sources(), selection(&[])),
        (sources(), selection(&["prod"])),
    ] {
        let reading = read(&sources, &selection);
        let mut open = vec![
            KeyPath::new(["services"]),
            KeyPath::new(["dags"]),
            KeyPath::new(["networks"]),
        ];
        while let Some(path) = open.pop() {
            let explanation = explain_path(&sources, &selection, &path).expect("it is there");
            open.extend(explanation.keys.iter().map(|it| path.join(&it.key)));
            let is_list_that_grew = explanation
                .layers
                .iter()
                .any(|it| it.act.name() == "appends");
            if explanation.outcome == Outcome::Table || is_list_that_grew {
                continue;
            }
            let top = explanation
                .layers
                .iter()
                .rfind(|it| it.is_in_effect && it.act.name() == "sets");
            let said = top
                .and_then(|it| it.place.as_ref())
                .map(|it| (it.file, it.line));
            let place = reading.places.find(&path).expect("it has a place");
            let line = line_and_column(&sources, place.file, place.key.start).0;
            assert_eq!(said, Some((place.file, line)), "{path}");
            paths += 1;
        }
    }
    assert!(paths > 200, "{paths}");
}
