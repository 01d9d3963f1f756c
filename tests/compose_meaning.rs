//! `${…}` and env files mean what they mean to `docker compose config`, of both generations.

#![expect(
    clippy::disallowed_methods,
    reason = "tests write files of their own and run programs"
)]

mod support;

#[path = "support/peers.rs"]
mod peers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use peers::peers;
use serde_json::Value;
use stackgen::model::{FileRole, ServiceName, SourceFile, Sources};
use stackgen::render::{RenderRequest, render};
use stackgen::stackfile::{Reading, Selection, read};

/// What `${…}` sees in all tests here.
const VARIABLES: [(&str, &str); 7] = [
    ("SET", "value"),
    ("EMPTY", ""),
    ("SPACE", "a b"),
    ("QUOTE", "it's \"so\""),
    ("DOLLAR", "a$b"),
    ("BRACE", "a}b"),
    ("_under1", "u"),
];

fn config(peer: &Path, file: &Path, format: &str) -> Output {
    Command::new(peer)
        .arg("-f")
        .arg(file)
        .args(["config", "--format", format])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/root")
        .envs(VARIABLES)
        .current_dir(file.parent().expect("a file is in a folder"))
        .output()
        .expect("the peer runs")
}

/// Returns the environment of each service of a compose file, by service, as Compose reads it.
fn composed(peer: &Path, file: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    environments(&config(peer, file, "json"))
}

fn environments(output: &Output) -> BTreeMap<String, BTreeMap<String, String>> {
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    let json: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let services = json["services"].as_object().expect("there are services");
    let environment = |service: &Value| {
        let entries = service["environment"].as_object().into_iter().flatten();
        entries
            .map(|(name, value)| {
                let value = value.as_str().unwrap_or("(null)");
                (name.clone(), value.replace("$$", "$"))
            })
            .collect()
    };
    services
        .iter()
        .map(|(name, service)| (name.clone(), environment(service)))
        .collect()
}

fn reading(toml: &str, env_files: &[(String, &str)]) -> Reading {
    read(&sources(toml, env_files), &Selection::default())
}

fn sources(toml: &str, env_files: &[(String, &str)]) -> Sources {
    let file = |path: &str, role: FileRole, text: &str| SourceFile {
        path: PathBuf::from(path),
        role,
        text: Some(text.into()),
    };
    let mut files = vec![file("stack.toml", FileRole::Main, toml)];
    let more = env_files.iter();
    files.extend(more.map(|(path, text)| file(path, FileRole::ServiceEnv, text)));
    Sources {
        folder: PathBuf::from("/srv/shop"),
        files,
        environment: VARIABLES
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn told(reading: &Reading) -> String {
    let told = reading.diagnostics.iter();
    told.map(|it| it.message.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

fn resolved(reading: &Reading, service: &str) -> BTreeMap<String, String> {
    let name = ServiceName::new(service).expect("the name is valid");
    let stack = reading.resolved.as_ref();
    let stack = stack.unwrap_or_else(|| panic!("{}", told(reading)));
    let service = stack.service(&name).expect("the service is there");
    let environment = service.container.environment.iter();
    environment
        .map(|(name, value)| {
            let value = value.clone().unwrap_or_else(|| "(null)".to_owned());
            (name.clone(), value)
        })
        .collect()
}

fn rendered(reading: &Reading) -> String {
    let stack = reading.template.as_ref();
    let stack = stack.unwrap_or_else(|| panic!("{}", told(reading)));
    let request = RenderRequest {
        source: "stack.toml".to_owned(),
        digest: "0".to_owned(),
        env_files: Vec::new(),
        output: "generated".into(),
        templates: BTreeMap::new(),
    };
    let files = render(&Arc::new(stack.clone()), &request).expect("what is read can be rendered");
    let mut files = files.into_iter();
    let file = files.find(|file| file.path.ends_with("docker-compose.yml"));
    file.expect("there is a compose file").text
}

/// Expressions that have a value with [`VARIABLES`].
const EXPRESSIONS: [&str; 90] = [
    "$SET",
    "${SET}",
    "${_under1}$_under1",
    "a${SET}b",
    "a$SET-b",
    "$SET$SET",
    "${SET}${SET}",
    "${NONE:-d}",
    "${NONE-d}",
    "${EMPTY:-d}",
    "${EMPTY-d}",
    "${SET:-d}",
    "${SET-d}",
    "${SET:?m}",
    "${SET?m}",
    "${EMPTY?m}",
    "${SET:+x}",
    "${SET+x}",
    "${EMPTY:+x}",
    "${EMPTY+x}",
    "${NONE:+x}",
    "${NONE+x}",
    "${NONE:-}",
    "${NONE-}",
    "${SET:+}",
    "${NONE:-${SET}}",
    "${NONE:-a${SET}b}",
    "${NONE:-${OTHER:-${SET}}}",
    "${NONE:-${OTHER:-deep}}",
    "${NONE-${EMPTY-d}}",
    "${SET:+${SPACE}}",
    "${SET:+a${NONE:-b}c}",
    "${NONE:-${SET}${SPACE}}",
    "${NONE:-$SET}",
    "${NONE:-$$SET}",
    "${NONE:-$${SET}}",
    "$$",
    "$$$$",
    "$$SET",
    "$${SET}",
    "$$$SET",
    "a$$b",
    "$1",
    "$1a",
    "$ x",
    "a $",
    "100%$",
    "$-",
    "${NONE:-{\"a\": 1}}",
    "${NONE:-{\"a\": {\"b\": 2}}}",
    "${NONE:-it's}",
    "${NONE:-\"q\"}",
    "${NONE:-häß 🦀}",
    "${NONE:-a:b}",
    "${NONE:-a:-b}",
    "${NONE:-?}",
    "${NONE:--}",
    "${NONE:-a-b:c?d+e}",
    "${NONE:- d }",
    "${NONE:-/a/b:/c}",
    "${QUOTE}",
    "${DOLLAR}",
    "${BRACE}",
    "é${SET}é",
    "a}b{c",
    "${NONE:-a}b}",
    "${NONE:-{}}",
    "${SET}}",
    "{${SET}}",
    "${NONE:-$1}",
    "${NONE:-$}",
    "${NONE:-a$$}",
    "${NONE:-a\tb}",
    "$SET.x",
    "$é",
    "${NONE:-{{.Name}}}",
    "{{.Names}}",
    "$(ls)",
    "$$(ls)",
    "${NONE:-${EMPTY:-${SET:+${SPACE}}}}",
    "\\${SET}",
    "'${SET}'",
    "\"$SET\"",
    "$$$",
    "$$$$$SET",
    "$${SET}${SET}",
    "${NONE:-}${SET}",
    "${NONE:-:}",
    "${NONE--}",
    "${NONE-:-x}",
];

/// Expressions that Compose refuses with [`VARIABLES`].
const REFUSED: [&str; 22] = [
    "${NONE:-a\nb}",
    "${SET:1:2}",
    "${SET#a}",
    "${SET/a/b}",
    "${#SET}",
    "${EMPTY:?}",
    "${SET",
    "${",
    "${}",
    "${SET!}",
    "${SET:=d}",
    "${SET=d}",
    "${1}",
    "${-x}",
    "${SET:}",
    "${a b}",
    "${NONE:?m}",
    "${NONE?m}",
    "${EMPTY:?m}",
    "${NONE:?}",
    "${NONE:-${OTHER:?m}}",
    "${é}",
];

fn json(text: &str) -> String {
    Value::from(text).to_string()
}

/// Returns a folder of one test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("compose-meaning")
        .join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("it can be written");
}

#[test]
fn variables_have_the_values_that_compose_gives_them() {
    if support::is_left_out("variables_have_the_values_that_compose_gives_them") {
        return;
    }
    let folder = folder("variables");
    let mut yaml = "services:\n  a:\n    image: x\n    environment:\n".to_owned();
    let mut toml = "[services.a]\nimage = \"x\"\n[services.a.environment]\n".to_owned();
    for (at, expression) in EXPRESSIONS.iter().enumerate() {
        yaml.push_str(&format!("      E{at}: {}\n", json(expression)));
        toml.push_str(&format!("E{at} = {}\n", json(expression)));
    }
    write(&folder.join("original.yml"), &yaml);
    let reading = reading(&toml, &[]);
    let ours = resolved(&reading, "a");
    write(&folder.join("rendered.yml"), &rendered(&reading));
    for peer in peers() {
        for file in ["original.yml", "rendered.yml"] {
            let theirs = &composed(&peer, &folder.join(file))["a"];
            for (at, expression) in EXPRESSIONS.iter().enumerate() {
                let name = format!("E{at}");
                let at = format!("{expression} in {file} by {}", peer.display());
                assert_eq!(ours[&name], theirs[&name], "{at}");
            }
        }
    }
}

#[test]
fn what_compose_refuses_in_a_variable_is_refused() {
    if support::is_left_out("what_compose_refuses_in_a_variable_is_refused") {
        return;
    }
    let folder = folder("refused");
    for expression in REFUSED {
        let value = json(expression);
        let reading = reading(
            &format!("[services.a]\nimage = \"x\"\nenvironment.E = {value}\n"),
            &[],
        );
        assert!(reading.resolved.is_none(), "{expression} is taken");
        let file = folder.join("a.yml");
        write(
            &file,
            &format!("services: {{a: {{image: x, environment: {{E: {value}}}}}}}\n"),
        );
        for peer in peers() {
            let is_taken = config(&peer, &file, "json").status.success();
            assert!(!is_taken, "{} takes {expression}", peer.display());
        }
    }
}

/// What is a mistake here and empty to Compose: a variable without default that is unset, or set to nothing.
#[test]
fn a_rendered_variable_without_default_is_refused_by_compose_as_well() {
    if support::is_left_out("a_rendered_variable_without_default_is_refused_by_compose_as_well") {
        return;
    }
    let folder = folder("demanding");
    for expression in ["$NONE", "${NONE}", "${EMPTY}", "a${NONE:-${OTHER}}"] {
        let value = json(expression);
        let toml = format!("[services.a]\nimage = \"x\"\nenvironment.E = {value}\n");
        let reading = reading(&toml, &[]);
        assert!(reading.resolved.is_none(), "{expression} is taken");
        let file = folder.join("a.yml");
        write(&file, &rendered(&reading));
        for peer in peers() {
            let output = config(&peer, &file, "json");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let is_named = said.contains("required variable") && said.contains("in .env");
            assert!(!output.status.success() && is_named, "{expression}: {said}");
        }
    }
}

/// Env files that Compose reads.
const ENV_FILES: [&str; 93] = [
    "A=b",
    "A=b\n",
    "A=b\r\nB=c\r\n",
    "\u{feff}A=b",
    "A = b",
    " A=b",
    "\tA=b",
    "A= b ",
    "A=b # c",
    "A=b #c",
    "A=b#c",
    "A=#c",
    "A= # c",
    "# c\nA=b\n# d",
    "\n\nA=b\n\n",
    "A='b # c'",
    "A=\"b # c\"",
    "A='b' # c",
    "A=\"b\" # c",
    "A='$SET ${SET}'",
    "A=\"$SET ${SET}\"",
    "A=$SET-${SET}",
    "A=${NONE:-d}",
    "A=${NONE}",
    "A=\"${NONE}x\"",
    "A=${EMPTY:-d}",
    "A=b\nB=$A\nC=${A}c",
    "A=b\nA=c",
    "SET=own\nB=$SET",
    "A=\"b\\nc\"",
    "A='b\\nc'",
    "A=b\\nc",
    "A=\"b\\tc\\rd\"",
    "A=\"b\\\"c\"",
    "A=\"b\\\\c\"",
    "A=\"b\\$SET\"",
    "A=b\\$SET",
    "A=$$SET",
    "A=\"$$SET\"",
    "A=\"b\nc\"\nD=e",
    "A='b\nc'\nD=e",
    "export A=b",
    "export A='b c'",
    "A: b",
    "A:b",
    "A=",
    "A=\"\"",
    "A=''",
    "A=http://h:1/?a=b&c=d",
    "A.b-c=d",
    "A={\"a\": \"b\"}",
    "SET\nA=b",
    "1A=b",
    "A=b 'c'",
    "A=b\rB=c",
    "A='b\\'c'",
    "A=\"${NONE:-it's}\"",
    "A=${SET:+x}",
    "A=${SET:?m}",
    "A=\u{a0}b",
    "A=b\u{a0}# c",
    "A=b\t# c",
    "é=1",
    "A==b",
    "A = 'b'",
    "A=\"\\x\"",
    "A='$$SET'",
    "A=\"\\$$SET\"",
    "A=$",
    "A=a$",
    "A=$1",
    "exportA=b",
    "A='a\nb=c'",
    "A=${NONE:-a#b}",
    "A=${NONE:-a b}",
    "A=b\n \nB=d",
    "A='a\"b'",
    "A=\\\"b\\\"",
    "A=C:\\x\\n",
    "A=b\r\n\r\nC='d'\r\n",
    "A=\"x\r\ny\"\r\n",
    "A='\\\\'",
    "A[0]=b",
    "A=\"\\a\\b\\f\\v\"",
    "A=\"b\\'c\"",
    "A=${SET}#x",
    "A=b # \"c",
    "A=\"\\\\$SET\"",
    "A\n",
    "A=b\\",
    "A:\n",
    "A= \nB=c",
    "A='x'#c",
];

#[test]
fn env_files_are_read_as_compose_reads_them() {
    if support::is_left_out("env_files_are_read_as_compose_reads_them") {
        return;
    }
    let folder = folder("env-files");
    let (mut yaml, mut toml) = ("services:\n".to_owned(), String::new());
    let mut files = Vec::new();
    for (at, text) in ENV_FILES.iter().enumerate() {
        let name = format!("e{at}.env");
        write(&folder.join(&name), text);
        yaml.push_str(&format!("  s{at}: {{image: x, env_file: {name}}}\n"));
        toml.push_str(&format!(
            "[services.s{at}]\nimage = \"x\"\nenv_file = \"{name}\"\n"
        ));
        files.push((name, *text));
    }
    write(&folder.join("a.yml"), &yaml);
    let reading = reading(&toml, &files);
    for peer in peers() {
        let theirs = composed(&peer, &folder.join("a.yml"));
        for (at, text) in ENV_FILES.iter().enumerate() {
            let service = format!("s{at}");
            let ours = resolved(&reading, &service);
            assert_eq!(ours, theirs[&service], "{text:?} by {}", peer.display());
        }
    }
}

/// Env files that Compose refuses.
const BAD_ENV_FILES: [&str; 8] = [
    "A='b",
    "A=\"b",
    "A B=c",
    "A=${NONE:?m}",
    "A=${SET",
    "A=${",
    "A=${NONE:-a #b}",
    "A=\"${SET!}\"",
];

#[test]
fn env_files_that_compose_refuses_are_refused() {
    if support::is_left_out("env_files_that_compose_refuses_are_refused") {
        return;
    }
    let folder = folder("bad-env-files");
    write(
        &folder.join("a.yml"),
        "services: {a: {image: x, env_file: a.env}}\n",
    );
    for text in BAD_ENV_FILES {
        let toml = "[services.a]\nimage = \"x\"\nenv_file = \"a.env\"\n";
        let reading = reading(toml, &[("a.env".to_owned(), text)]);
        assert!(reading.resolved.is_none(), "{text:?} is taken");
        write(&folder.join("a.env"), text);
        for peer in peers() {
            let is_taken = config(&peer, &folder.join("a.yml"), "json")
                .status
                .success();
            assert!(!is_taken, "{} takes {text:?}", peer.display());
        }
    }
}

/// A constant is a default in the rendered file; one that cannot be is rendered as it is.
#[test]
fn constants_keep_their_value_in_the_rendered_file() {
    if support::is_left_out("constants_keep_their_value_in_the_rendered_file") {
        return;
    }
    let folder = folder("constants");
    let constants = [
        "plain",
        "",
        "a}b",
        "a{b",
        "{a}",
        "a\nb",
        "$$x",
        "it's \"so\"",
        "a:-b",
        "}{",
        "é 🦀",
        " a ",
    ];
    let mut toml = "[vars]\n".to_owned();
    let mut environment = "[services.a]\nimage = \"x\"\n[services.a.environment]\n".to_owned();
    for (at, constant) in constants.iter().enumerate() {
        toml.push_str(&format!("C{at} = {}\n", json(constant)));
        for (form, text) in ["${C}", "a${C}b", "${C:-d}", "${C-d}", "${C:+x}", "$C"]
            .iter()
            .enumerate()
        {
            let text = text.replace('C', &format!("C{at}"));
            environment.push_str(&format!("E{at}_{form} = {}\n", json(&text)));
        }
    }
    let reading = reading(&format!("{toml}{environment}"), &[]);
    let ours = resolved(&reading, "a");
    write(&folder.join("a.yml"), &rendered(&reading));
    for peer in peers() {
        assert_eq!(
            ours,
            composed(&peer, &folder.join("a.yml"))["a"],
            "{}",
            peer.display()
        );
    }
}

#[test]
fn extension_keys_reach_compose_from_every_table_that_may_have_them() {
    if support::is_left_out("extension_keys_reach_compose_from_every_table_that_may_have_them") {
        return;
    }
    let toml = r#"
        x-top = 1
        [services.a]
        image = "x"
        x-a = 1
        healthcheck = { test = ["CMD", "a"], x-health = 1 }
        ports = [{ target = 80, x-port = 1 }]
        logging = { driver = "json-file", x-logging = 1 }
        depends_on.b = { condition = "started", x-depends = 1 }
        secrets = [{ source = "s", x-use-secret = 1 }]
        configs = [{ source = "c", x-use-config = 1 }]
        networks.n = { x-endpoint = 1 }
        build = { context = ".", x-build = 1 }
        deploy = { x-deploy = 1, resources = { x-resources = 1, limits = { x-limits = 1 } } }
        volumes = [
          { type = "tmpfs", target = "/t", tmpfs = { x-tmpfs = 1 }, x-mount = 1 },
          { type = "bind", source = "/a", target = "/b", bind = { x-bind = 1 } },
          { type = "volume", source = "v", target = "/v", volume = { x-volume = 1 } },
          { type = "volume", source = "o", target = "/o" },
        ]
        [services.b]
        image = "x"
        networks = ["m"]
        [secrets]
        s = { file = "./s", x-secret = 1 }
        [configs]
        c = { file = "./c", x-config = 1 }
        [volumes]
        v = { x-of-volume = 1 }
        o = { external = true, x-external-volume = 1 }
        [networks]
        n = { ipam = { x-ipam = 1 }, x-network = 1 }
        m = { external = true, x-external-network = 1 }
    "#;
    let mut expected = Vec::new();
    let words = toml.split(|c: char| !(c.is_alphanumeric() || c == '-'));
    expected.extend(
        words
            .filter(|word| word.starts_with("x-"))
            .map(str::to_owned),
    );
    expected.sort();
    let folder = folder("extension-keys");
    write(&folder.join("a.yml"), &rendered(&reading(toml, &[])));
    for peer in peers() {
        // As YAML: Compose prints no extension keys of its own tables as JSON.
        let output = config(&peer, &folder.join("a.yml"), "yaml");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{complaint}");
        let yaml = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = yaml.lines().map(|line| line.trim_start_matches([' ', '-']));
        let keys = lines.filter_map(|line| line.split_once(':').map(|(key, _)| key));
        let keys = keys.filter(|key| key.starts_with("x-"));
        let mut found: Vec<String> = keys.map(str::to_owned).collect();
        found.sort();
        assert_eq!(found, expected, "{}", peer.display());
    }
}

/// What is absent, empty and nothing, and the binds that say or do not say whether a missing path is made.
const NOTHINGS: &str = r#"name: nothings
services:
  absent: {image: x}
  nothing: {image: x, command: null, entrypoint: null, networks: {}, depends_on: {}}
  lists: {image: x, command: [], entrypoint: [], environment: [], labels: [], ports: [], volumes: [], depends_on: [], networks: [], env_file: [], dns: [], tmpfs: []}
  texts: {image: x, command: "", entrypoint: "", hostname: "", user: "", tty: false, init: false, read_only: false, privileged: false}
  tables: {image: x, environment: {}, healthcheck: {}, labels: {}, depends_on: {}, networks: {}, logging: {}, ulimits: {}, sysctls: {}, deploy: {}}
  values: {image: x, environment: {A: , B: "", C: null}, labels: {A: , B: ""}, init: true, healthcheck: {test: []}}
  pairs: {image: x, environment: [A, "B=", "C=c"], labels: ["A", "B="], healthcheck: {test: ["NONE"]}}
  unwell: {image: x, healthcheck: {disable: true, interval: 5s}}
  well: {image: x, healthcheck: {test: NONE, disable: false}}
  build: {image: x, build: {context: ., args: {A: , B: ""}}}
  short: {image: x, volumes: ["/tmp:/t", "vol:/v", "/anonymous"]}
  no-bind: {image: x, volumes: [{type: bind, source: /tmp, target: /t}]}
  empty-bind: {image: x, volumes: [{type: bind, source: /tmp, target: /t, bind: {}}]}
  false-bind: {image: x, volumes: [{type: bind, source: /tmp, target: /t, bind: {create_host_path: false}}]}
  true-bind: {image: x, volumes: [{type: bind, source: /tmp, target: /t, bind: {create_host_path: true}}]}
  other-bind: {image: x, volumes: [{type: bind, source: /tmp, target: /t, bind: {propagation: rslave}}]}
  mounts: {image: x, volumes: [{type: volume, source: vol, target: /v, volume: {}}, {type: tmpfs, target: /t, tmpfs: {}}, {type: tmpfs, target: /u}]}
  devices: {image: x, volumes: ["local:/a", "other:/b", "unsaid:/c", "option:/d"]}
volumes:
  vol:
  local: {driver: local, driver_opts: {type: none, o: bind, device: ./data}}
  other: {driver: other, driver_opts: {o: bind, device: ./data}}
  unsaid: {driver_opts: {type: none, o: bind, device: ./data}}
  option: {driver: local, driver_opts: {type: none, o: "bind,ro", device: ./data}}
networks: {default: {}}
"#;

#[test]
fn absent_empty_and_nothing_come_back_as_they_were() {
    if support::is_left_out("absent_empty_and_nothing_come_back_as_they_were") {
        return;
    }
    let folder = folder("nothings");
    write(&folder.join("docker-compose.yml"), NOTHINGS);
    for arguments in [&["import", "docker-compose.yml"][..], &["render"]] {
        let ran = Command::new(env!("CARGO_BIN_EXE_stackgen"))
            .args(arguments)
            .current_dir(&folder)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{arguments:?}: {said}");
    }
    for peer in peers() {
        let output = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/config_diff.py"))
            .args(["docker-compose.yml", "generated/docker-compose.yml"])
            .args(["--b-directory", "generated", "--compose"])
            .arg(&peer)
            .current_dir(&folder)
            .output()
            .expect("python3 can be run");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, "0 differences\n", "{}: {complaints}", peer.display());
    }
}

#[test]
fn env_files_see_each_other_in_the_order_of_compose() {
    if support::is_left_out("env_files_see_each_other_in_the_order_of_compose") {
        return;
    }
    const FILES: [(&str, FileRole, &str); 6] = [
        (
            "one.env",
            FileRole::StackEnv,
            "A=1\nB=$A-b\nSET=own\nC=$SET\nD=${NONE:-d}\nE='$A'\nF=$LATER\nLATER=l\nG=\nH=${G:-h}${G-x}\nI=a$$b\nEMPTY=file\n",
        ),
        (
            "two.env",
            FileRole::StackEnv,
            "A=2\nJ=$A\nK=${B}\nL=$LATER\n",
        ),
        (
            "s1.env",
            FileRole::ServiceEnv,
            "X=1\nY=$X\nP=$A\nSET=own\nV=1\nU=$V\n",
        ),
        (
            "s2.env",
            FileRole::ServiceEnv,
            "X=2\nZ=$Y-$X\nQ=${Y:-none}\nW=$OWN\nV=2\nT=$V$U\n",
        ),
        (
            "raw.env",
            FileRole::ServiceEnv,
            "R='$X' # c\nS=\"q\"\nT=a=b\nA\n",
        ),
        ("2.env", FileRole::ServiceEnv, "IN=2\n"),
    ];
    let folder = folder("several-env-files");
    let names = "A B C D E F G H I J K L SET LATER EMPTY".split(' ');
    let entries = names.map(|name| format!("E_{name}: '${{{name}-unset}}'"));
    let yaml = format!(
        "services:\n  a: {{image: x, environment: {{{}}}}}\n  \
         b: {{image: x, env_file: [s1.env, s2.env, {{path: gone.env, required: false}}], environment: {{OWN: own, X: over}}}}\n  \
         c: {{image: x, env_file: [{{path: raw.env, format: raw}}]}}\n  \
         d: {{image: x, env_file: ['${{A}}.env'], environment: [A, SET, 'B=']}}\n",
        entries.collect::<Vec<_>>().join(", ")
    );
    write(&folder.join("docker-compose.yml"), &yaml);
    for (path, _, text) in FILES {
        write(&folder.join(path), text);
    }
    let import = Command::new(env!("CARGO_BIN_EXE_stackgen"))
        .args(["import", "docker-compose.yml", "--stdout"])
        .current_dir(&folder)
        .output()
        .expect("it runs");
    let toml = String::from_utf8(import.stdout).expect("it is text");
    let mut sources = sources(&toml, &[]);
    let file = |(path, role, text): (&str, FileRole, &str)| SourceFile {
        path: PathBuf::from(path),
        role,
        text: Some(text.into()),
    };
    sources.files.extend(FILES.map(file));
    let reading = read(&sources, &Selection::default());
    for peer in peers() {
        let output = Command::new(&peer)
            .args([
                "--env-file",
                "one.env",
                "--env-file",
                "two.env",
                "config",
                "--format",
                "json",
            ])
            .env_clear()
            .envs(VARIABLES)
            .current_dir(&folder)
            .output()
            .expect("the peer runs");
        let theirs = environments(&output);
        for service in ["a", "b", "c", "d"] {
            assert_eq!(
                resolved(&reading, service),
                theirs[service],
                "{service} by {}",
                peer.display()
            );
        }
    }
}
