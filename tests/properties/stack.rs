//! Whole stacks.

use crate::dag::dag;
use crate::dice::Dice;
use crate::maker::*;
use crate::service::service;
use crate::texts;
use crate::tree::Tree;

/// Makes a stack of the seed.
pub fn stack(seed: u64) -> Tree {
    let mut maker = Maker::new(seed);
    let m = &mut maker;
    let mut root = Tree::table([
        ("stack", head(m)),
        ("vars", Tree::table([("FIXED", fixed_text(m))])),
    ]);
    let networks = section(m, 3, network);
    m.networks = names_of(&networks);
    let volumes = section(m, 2, volume);
    m.volumes = names_of(&volumes);
    let configs = section(m, 2, config);
    m.configs = names_of(&configs);
    let secrets = section(m, 2, secret);
    m.secrets = names_of(&secrets);
    let sockets = section(m, 2, socket);
    m.sockets = names_of(&sockets);
    let models = if m.dice.percent(15) {
        section(m, 1, model)
    } else {
        Tree::Table(Vec::new())
    };
    m.models = names_of(&models);
    let mut services = Tree::Table(Vec::new());
    for _ in 0..m.dice.within(1, 3) {
        let name = texts::name(&mut m.dice);
        if services.get(&name).is_none() {
            services.put(&name, service(m));
            m.services.push(name);
        }
    }
    let sections = [
        ("networks", networks),
        ("volumes", volumes),
        ("configs", configs),
        ("secrets", secrets),
        ("sockets", sockets),
        ("models", models),
        ("services", services),
    ];
    for (name, section) in sections {
        root.put(name, section);
    }
    if m.dice.percent(35) {
        let dags = section(m, 1, dag);
        root.put("dags", dags);
    }
    if m.dice.percent(10) {
        let policy = policy(m);
        root.put("policy", policy);
    }
    if m.dice.percent(10) {
        root.put("x-own", anything(m));
    }
    root
}

/// Makes a stack with any text in the place of some scalars, of whatever kind they are.
pub fn stack_with_any_text(seed: u64) -> Tree {
    let mut tree = stack(seed);
    for service in tree
        .get_mut("services")
        .into_iter()
        .flat_map(Tree::values_mut)
    {
        // Whether a model is there is left to Compose, and import leaves out what is not.
        service.remove("models");
    }
    let dice = &mut Dice::new(!seed);
    let mut scalars = tree.scalars_mut();
    for _ in 0..dice.within(1, 2) {
        let place = dice.below(scalars.len());
        *scalars[place] = Tree::Text(if dice.percent(50) {
            texts::strange(dice)
        } else {
            texts::written(dice)
        });
    }
    tree
}

fn names_of(section: &Tree) -> Vec<String> {
    section
        .entries()
        .iter()
        .map(|(name, _)| name.clone())
        .collect()
}

/// Makes a table of named things, at most so many.
fn section(m: &mut Maker, most: usize, make: fn(&mut Maker) -> Tree) -> Tree {
    let mut section = Tree::Table(Vec::new());
    for _ in 0..m.dice.within(0, most) {
        let name = texts::name(&mut m.dice);
        if section.get(&name).is_none() {
            section.put(&name, make(m));
        }
    }
    section
}

fn head(m: &mut Maker) -> Tree {
    let name = m.word(&[
        "shop",
        "017",
        "1e3",
        "no",
        "null",
        "0x1f",
        "a-b_c",
        "2024-01-01",
    ]);
    let mut head = Tree::table([("name", name)]);
    let more: &[Field] = &[
        ("description", fixed_text),
        ("compat", |m| m.word(&["gentle", "strict"])),
        ("engine", |m| m.word(&["docker"])),
        ("env_files", |_| Tree::List(vec![Tree::text(".env")])),
        ("include", |_| Tree::List(Vec::new())),
        ("required_version", |m| m.word(&["0.1", ">=0.0.1"])),
    ];
    for (key, value) in m.table(20, more).entries() {
        head.put(key, value.clone());
    }
    head
}

/// Makes what is elsewhere already: by its name there, or by its key.
fn external(m: &mut Maker) -> Tree {
    match m.dice.below(3) {
        0 => Tree::table([("external", Tree::Flag(true))]),
        1 => Tree::table([("external", Tree::Flag(true)), ("name", text(m))]),
        _ => Tree::table([("external", Tree::table([("name", text(m))]))]),
    }
}

fn network(m: &mut Maker) -> Tree {
    if m.dice.percent(15) {
        return external(m);
    }
    m.table(
        20,
        &[
            ("name", text),
            ("driver", text),
            ("driver_opts", options),
            ("internal", fixed_flag),
            ("attachable", fixed_flag),
            ("enable_ipv4", flag),
            ("enable_ipv6", fixed_flag),
            ("labels", pairs),
            ("ipam", ipam),
            ("x-own", anything),
        ],
    )
}

fn ipam(m: &mut Maker) -> Tree {
    let pool = |m: &mut Maker| {
        m.table(
            70,
            &[
                ("subnet", |m| {
                    word_or_text(m, &["10.9.0.0/24", "fd00::/64", "10.8.0.0/${UNSET:-24}"])
                }),
                ("ip_range", |m| word_or_text(m, &["10.9.0.0/28"])),
                ("gateway", |m| {
                    word_or_text(m, &["10.9.0.1", "${UNSET-10.9.0.1}"])
                }),
                ("aux_addresses", |m| {
                    m.map(
                        |dice| dice.one(&["h", "yes", "a.b"]).to_owned(),
                        |m| word_or_text(m, &["10.9.0.9"]),
                    )
                }),
            ],
        )
    };
    let mut ipam = m.table(50, &[("driver", text), ("options", map)]);
    if m.dice.percent(70) {
        ipam.put("config", m.list(2, pool));
    }
    ipam
}

fn volume(m: &mut Maker) -> Tree {
    if m.dice.percent(15) {
        return external(m);
    }
    if m.dice.percent(12) {
        let options = Tree::table([
            ("type", Tree::text("none")),
            ("o", Tree::text("bind")),
            ("device", path(m)),
        ]);
        return Tree::table([("driver", Tree::text("local")), ("driver_opts", options)]);
    }
    m.table(
        20,
        &[
            ("name", text),
            ("driver", text),
            ("driver_opts", options),
            ("labels", pairs),
            ("x-own", anything),
        ],
    )
}

const CONTENT: &[Field] = &[
    ("name", text),
    ("labels", pairs),
    ("template_driver", text),
    ("x-own", anything),
];

fn config(m: &mut Maker) -> Tree {
    content(m, true)
}

fn secret(m: &mut Maker) -> Tree {
    content(m, false)
}

fn content(m: &mut Maker, is_config: bool) -> Tree {
    if m.dice.percent(12) {
        return external(m);
    }
    let mut content = m.table(15, CONTENT);
    match m.dice.below(3) {
        0 if is_config => content.put("content", text(m)),
        1 => content.put("environment", m.word(&["WORD", "ODD", "EMPTY"])),
        _ => content.put("file", path(m)),
    }
    if !is_config && content.get("file").is_some() && m.dice.percent(15) {
        content.put("driver", text(m));
        content.put("driver_opts", options(m));
    }
    content
}

fn socket(m: &mut Maker) -> Tree {
    let mut socket = Tree::table([(
        "path",
        m.word(&["/var/run/docker.sock", "/run/a b#.sock", "/run/$$x.sock"]),
    )]);
    let more: &[Field] = &[
        ("target", |m| Tree::Text(target(m))),
        ("grant", |m| m.word(&["group", "mount"])),
        ("mode", |_| Tree::Mode(0o660)),
        ("owner", |m| {
            if m.dice.percent(50) {
                Tree::Whole(0)
            } else {
                fixed_text(m)
            }
        }),
        ("group", |m| {
            if m.dice.percent(50) {
                Tree::Whole(999)
            } else {
                fixed_text(m)
            }
        }),
        ("allow_world_access", fixed_flag),
        ("optional", fixed_flag),
        ("services", |_| Tree::List(Vec::new())),
    ];
    for (key, value) in m.table(30, more).entries() {
        socket.put(key, value.clone());
    }
    socket
}

fn model(m: &mut Maker) -> Tree {
    let mut model = Tree::table([("model", word_or_text(m, &["ai/x"]))]);
    let more: &[Field] = &[
        ("name", text),
        ("context_size", |m| {
            Tree::Whole(m.dice.within(1, 9000) as i64)
        }),
        ("runtime_flags", texts),
    ];
    for (key, value) in m.table(50, more).entries() {
        model.put(key, value.clone());
    }
    model
}

fn policy(m: &mut Maker) -> Tree {
    let mut policy = m.table(
        50,
        &[
            ("lints", |m| {
                Tree::table([("privileged", m.word(&["off", "warn", "fail"]))])
            }),
            ("sensitive", |m| m.list(2, fixed_text)),
            ("ignore", |m| {
                m.list(2, |m| {
                    word_or_fixed_text(m, &["services.web.cpuset", "services.*.labels"])
                })
            }),
        ],
    );
    if !m.volumes.is_empty() {
        let name = m.name_of(&m.volumes.clone());
        policy.put(
            "prevent_destroy",
            Tree::List(vec![Tree::Text(format!("volume:{name}"))]),
        );
    }
    policy
}
