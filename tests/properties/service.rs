//! Services: a container, and everything that Compose lets one say about it.

use crate::container::{CONTAINER, LIMITS, extra_hosts, ulimits};
use crate::maker::*;
use crate::tree::Tree;

/// Keys of a service that concern nothing else in the stack.
const OWN: &[Field] = &[
    ("container_name", |m| {
        Tree::Text(format!("own-name-{}", m.serial()))
    }),
    ("profiles", |m| {
        m.list(2, |m| m.word(&["debug", "yes", "1.0", "a-b"]))
    }),
    ("attach", flag),
    ("develop", develop),
    ("blkio_config", blkio),
    ("cpu_count", number),
    ("cpu_percent", |m| Tree::Whole(m.dice.within(1, 100) as i64)),
    ("cpu_rt_period", number),
    ("cpu_rt_runtime", number),
    ("credential_spec", |m| {
        m.table(60, &[("config", text), ("file", text), ("registry", text)])
    }),
    ("device_cgroup_rules", texts),
    ("external_links", texts),
    ("gpus", gpus),
    ("isolation", text),
    ("label_file", |m| {
        if m.dice.percent(50) {
            Tree::text("some.labels")
        } else {
            Tree::List(vec![Tree::text("./some.labels")])
        }
    }),
    ("pull_refresh_after", text),
    ("use_api_socket", fixed_flag),
    ("post_start", |m| m.list(2, hook)),
    ("pre_stop", |m| m.list(2, hook)),
    ("x-own", anything),
    ("oneshot", |_| Tree::Flag(true)),
    ("rerun", |m| m.word(&["changed", "always"])),
];

/// Makes a service; what it waits for comes before it.
pub fn service(m: &mut Maker) -> Tree {
    let mut service = Tree::Table(Vec::new());
    let is_built = m.dice.percent(12);
    if is_built {
        service.put("build", build(m));
    }
    if !is_built || m.dice.percent(30) {
        service.put("image", image(m));
    }
    let chance = m.dice.one(&[&4, &8, &14]);
    for (key, value) in m.table(*chance, CONTAINER).entries() {
        // The platform has to be among those that are built for.
        if key != "platform" || !is_built {
            service.put(key, value.clone());
        }
    }
    for (key, value) in m.table(*chance, OWN).entries() {
        service.put(key, value.clone());
    }
    attachment(m, &mut service);
    replicas(m, &mut service);
    others(m, &mut service);
    if !m.models.is_empty() && m.dice.percent(50) {
        let models = service_models(m);
        service.put("models", models);
    }
    if m.dice.percent(3) {
        service.put("provider", provider(m));
    }
    service
}

fn provider(m: &mut Maker) -> Tree {
    let mut provider = Tree::table([("type", text(m))]);
    if m.dice.percent(60) {
        let value = |m: &mut Maker| {
            if m.dice.percent(30) {
                texts(m)
            } else {
                text(m)
            }
        };
        let options = m.map(|dice| dice.one(&["a", "size", "yes"]).to_owned(), value);
        provider.put("options", options);
    }
    provider
}

fn attachment(m: &mut Maker, service: &mut Tree) {
    let names = m.networks.clone();
    if m.dice.percent(12) {
        let mode = m.word(&["host", "none", "bridge"]);
        service.put("network_mode", mode);
    } else if !names.is_empty() && m.dice.percent(60) {
        let first = m.name_of(&names);
        if m.dice.percent(40) {
            service.put("networks", Tree::List(vec![Tree::Text(first)]));
            return;
        }
        let mut entries = vec![(first.clone(), endpoint(m))];
        for name in names.iter().filter(|name| **name != first) {
            entries.push((name.clone(), endpoint(m)));
        }
        service.put("networks", Tree::Table(entries));
    }
}

fn endpoint(m: &mut Maker) -> Tree {
    m.table(
        25,
        &[
            ("aliases", texts),
            ("ipv4_address", |m| {
                word_or_text(m, &["10.0.0.7", "${WORD}"])
            }),
            ("ipv6_address", |m| word_or_text(m, &["fd00::7"])),
            ("priority", fixed_number),
            ("mac_address", text),
            ("gw_priority", fixed_number),
            ("interface_name", text),
            ("link_local_ips", texts),
            ("driver_opts", options),
        ],
    )
}

/// Adds how many containers there are, and limits, each in one of the places where they can be said.
fn replicas(m: &mut Maker, service: &mut Tree) {
    let is_named = service.get("container_name").is_some();
    if m.dice.percent(15) {
        let mut deploy = deploy(m);
        if let Tree::Table(entries) = &mut deploy
            && is_named
        {
            entries.retain(|(key, _)| key != "replicas");
        }
        service.put("deploy", deploy);
        return;
    }
    for (key, value) in m.table(8, LIMITS).entries() {
        service.put(key, value.clone());
    }
    if !is_named && m.dice.percent(8) {
        service.put("scale", Tree::Whole(m.dice.within(0, 3) as i64));
    }
}

/// Adds what refers to the services before this one.
fn others(m: &mut Maker, service: &mut Tree) {
    let names = m.services.clone();
    if names.is_empty() {
        return;
    }
    if m.dice.percent(30) {
        let other = m.name_of(&names);
        service.put("depends_on", dependencies(m, &other));
    }
    if m.dice.percent(5) {
        let other = m.name_of(&names);
        service.put(
            "links",
            Tree::List(vec![Tree::Text(format!("{other}:alias"))]),
        );
    }
    if m.dice.percent(5) {
        let other = m.name_of(&names);
        let from = m.dice.one(&["", ":ro", ":rw"]);
        service.put(
            "volumes_from",
            Tree::List(vec![Tree::Text(format!("{other}{from}"))]),
        );
    }
}

fn dependencies(m: &mut Maker, other: &str) -> Tree {
    let conditions = ["service_started", "service_completed_successfully"];
    match m.dice.below(3) {
        0 => Tree::List(vec![Tree::text(other)]),
        1 => Tree::table([(other, m.word(&["started", "completed"]))]),
        _ => {
            let mut dependency = Tree::table([("condition", m.word(&conditions))]);
            let more: &[Field] = &[("restart", fixed_flag), ("required", fixed_flag)];
            for (key, value) in m.table(50, more).entries() {
                dependency.put(key, value.clone());
            }
            Tree::table([(other, dependency)])
        }
    }
}

fn service_models(m: &mut Maker) -> Tree {
    let names = m.models.clone();
    let name = m.name_of(&names);
    if m.dice.percent(40) {
        return Tree::List(vec![Tree::Text(name)]);
    }
    let options = m.table(
        60,
        &[
            ("endpoint_var", word_or_strange),
            ("model_var", word_or_strange),
        ],
    );
    Tree::Table(vec![(name, options)])
}

fn build(m: &mut Maker) -> Tree {
    if m.dice.percent(20) {
        return context(m);
    }
    let mut build = m.table(
        18,
        &[
            ("context", context),
            ("entitlements", texts),
            ("args", names),
            ("provenance", |m| {
                if m.dice.percent(50) {
                    Tree::Flag(true)
                } else {
                    word_or_strange(m)
                }
            }),
            ("sbom", |m| {
                if m.dice.percent(50) {
                    Tree::Flag(false)
                } else {
                    word_or_strange(m)
                }
            }),
            ("ssh", |m| Tree::List(vec![m.word(&["default"])])),
            ("labels", pairs),
            ("cache_from", texts),
            ("cache_to", texts),
            ("no_cache", flag),
            ("additional_contexts", |m| {
                m.map(|dice| dice.one(&["r", "yes", "a.b"]).to_owned(), context)
            }),
            ("pull", flag),
            ("extra_hosts", extra_hosts),
            ("isolation", text),
            ("network", text),
            ("target", text),
            ("shm_size", size),
            ("tags", texts),
            ("ulimits", ulimits),
            ("platforms", |m| {
                m.list(2, |m| word_or_text(m, &["linux/amd64", "linux/arm64"]))
            }),
            ("privileged", flag),
        ],
    );
    match m.dice.below(4) {
        0 => build.put(
            "dockerfile",
            if m.dice.percent(50) {
                m.word(&["Dockerfile.x", "./a b/Dockerfile", "../yes"])
            } else {
                word_or_strange(m)
            },
        ),
        1 => build.put("dockerfile_inline", text(m)),
        _ => {}
    }
    if !m.secrets.is_empty() && m.dice.percent(50) {
        let source = Tree::Text(m.name_of(&m.secrets.clone()));
        let secret = if m.dice.percent(40) {
            source
        } else {
            let mut secret = Tree::table([("source", source)]);
            let more: &[Field] = &[
                ("target", word_or_strange),
                ("uid", word_or_strange),
                ("gid", word_or_strange),
                ("mode", mode),
            ];
            for (key, value) in m.table(50, more).entries() {
                secret.put(key, value.clone());
            }
            secret
        };
        build.put("secrets", Tree::List(vec![secret]));
    }
    build
}

fn context(m: &mut Maker) -> Tree {
    m.word(&[
        ".",
        "./api",
        "../x y",
        "/srv/a",
        "https://example.org/a.git#main",
        "docker-image://busybox",
        "./${WORD}",
    ])
}

fn develop(m: &mut Maker) -> Tree {
    let rule = |m: &mut Maker| {
        let mut rule = Tree::table([
            ("path", m.word(&["./src", "/srv/x", "../a b"])),
            (
                "action",
                m.word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
            ),
            ("target", text(m)),
        ]);
        let more: &[Field] = &[
            ("exec", hook),
            ("include", text_or_texts),
            ("ignore", text_or_texts),
            ("initial_sync", fixed_flag),
        ];
        for (key, value) in m.table(40, more).entries() {
            rule.put(key, value.clone());
        }
        rule
    };
    Tree::table([("watch", m.list(2, rule))])
}

fn hook(m: &mut Maker) -> Tree {
    let mut hook = Tree::table([("command", command(m))]);
    let more: &[Field] = &[
        ("user", text),
        ("privileged", flag),
        ("working_dir", text),
        ("environment", names),
    ];
    for (key, value) in m.table(40, more).entries() {
        hook.put(key, value.clone());
    }
    hook
}

fn blkio(m: &mut Maker) -> Tree {
    fn rates(m: &mut Maker) -> Tree {
        m.list(2, |m| Tree::table([("path", text(m)), ("rate", size(m))]))
    }
    m.table(
        40,
        &[
            ("weight", fixed_number),
            ("weight_device", |m| {
                m.list(2, |m| {
                    Tree::table([("path", text(m)), ("weight", fixed_number(m))])
                })
            }),
            ("device_read_bps", rates),
            ("device_read_iops", rates),
            ("device_write_bps", rates),
            ("device_write_iops", rates),
        ],
    )
}

fn gpus(m: &mut Maker) -> Tree {
    if m.dice.percent(25) {
        Tree::text("all")
    } else {
        m.list(2, device_request)
    }
}

fn device_request(m: &mut Maker) -> Tree {
    let mut request = Tree::table([("capabilities", texts(m))]);
    match m.dice.below(4) {
        0 => request.put("count", Tree::text("all")),
        1 => request.put("count", Tree::Whole(m.dice.within(1, 4) as i64)),
        2 => request.put("device_ids", texts(m)),
        _ => {}
    }
    for (key, value) in m.table(40, &[("driver", text), ("options", map)]).entries() {
        request.put(key, value.clone());
    }
    request
}

fn deploy(m: &mut Maker) -> Tree {
    m.table(
        35,
        &[
            ("mode", |m| word_or_text(m, &["replicated", "global"])),
            ("replicas", |m| Tree::Whole(m.dice.within(0, 3) as i64)),
            ("labels", pairs),
            ("update_config", update),
            ("rollback_config", update),
            ("resources", resources),
            ("restart_policy", |m| {
                m.table(
                    50,
                    &[
                        ("condition", |m| m.word(&["none", "on-failure", "any"])),
                        ("delay", duration),
                        ("max_attempts", number),
                        ("window", duration),
                    ],
                )
            }),
            ("placement", |m| {
                m.table(
                    60,
                    &[
                        ("constraints", texts),
                        ("preferences", |m| {
                            m.list(2, |m| Tree::table([("spread", text(m))]))
                        }),
                        ("max_replicas_per_node", number),
                    ],
                )
            }),
            ("endpoint_mode", text),
        ],
    )
}

fn update(m: &mut Maker) -> Tree {
    m.table(
        40,
        &[
            ("parallelism", number),
            ("delay", duration),
            ("failure_action", text),
            ("monitor", duration),
            ("max_failure_ratio", real),
            ("order", |m| m.word(&["start-first", "stop-first"])),
        ],
    )
}

fn resources(m: &mut Maker) -> Tree {
    m.table(
        60,
        &[
            ("limits", |m| {
                m.table(
                    60,
                    &[("cpus", cpus), ("memory", size_as_text), ("pids", number)],
                )
            }),
            ("reservations", |m| {
                m.table(
                    50,
                    &[
                        ("cpus", cpus),
                        ("memory", size_as_text),
                        ("devices", |m| m.list(2, device_request)),
                        ("generic_resources", |m| {
                            m.list(2, |m| {
                                let spec = Tree::table([("kind", text(m)), ("value", number(m))]);
                                Tree::table([("discrete_resource_spec", spec)])
                            })
                        }),
                    ],
                )
            }),
        ],
    )
}
