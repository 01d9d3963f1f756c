//! What is said about a container, by services and `docker` tasks alike.

use crate::maker::*;
use crate::tree::Tree;

/// Every key of a container but `networks`, `network_mode` and the limits that `deploy` has too.
pub const CONTAINER: &[Field] = &[
    ("command", command),
    ("entrypoint", command),
    ("env_file", env_files),
    ("environment", names),
    ("hostname", text),
    ("domainname", text),
    ("user", text),
    ("working_dir", text),
    ("stop_signal", text),
    ("stop_grace_period", duration),
    ("tty", flag),
    ("stdin_open", flag),
    ("expose", expose),
    ("ports", ports),
    ("healthcheck", healthcheck),
    ("labels", pairs),
    ("annotations", pairs),
    ("volumes", mounts),
    ("tmpfs", tmpfs),
    ("configs", |m| references(m, |m| m.configs.clone())),
    ("secrets", |m| references(m, |m| m.secrets.clone())),
    ("sockets", |m| granted(m)),
    ("dns", text_or_texts),
    ("dns_search", text_or_texts),
    ("dns_opt", texts),
    ("extra_hosts", extra_hosts),
    ("restart", restart),
    ("cap_add", texts),
    ("cap_drop", texts),
    ("group_add", groups),
    ("security_opt", texts),
    ("sysctls", pairs),
    ("ulimits", ulimits),
    ("devices", devices),
    ("logging", logging),
    ("shm_size", size),
    ("oom_score_adj", number),
    ("oom_kill_disable", flag),
    ("privileged", flag),
    ("read_only", flag),
    ("init", flag),
    ("ipc", text),
    ("pid", text),
    ("uts", text),
    ("userns_mode", text),
    ("cgroup", |m| m.word(&["host", "private"])),
    ("cgroup_parent", text),
    ("runtime", text),
    ("platform", |m| m.word(&["linux/amd64", "linux/arm64/v8"])),
    ("mac_address", text),
    ("storage_opt", options),
    ("pull_policy", |m| {
        m.word(&[
            "always",
            "never",
            "missing",
            "if_not_present",
            "build",
            "daily",
            "weekly",
            "every_12h",
        ])
    }),
    ("cpu_shares", number),
    ("cpu_quota", number),
    ("cpu_period", number),
    ("cpuset", text),
    ("memswap_limit", size),
    ("mem_swappiness", number),
];

/// The limits that `deploy.resources` has too: with it, both would have to say the same.
pub const LIMITS: &[Field] = &[
    ("cpus", cpus),
    ("mem_limit", size),
    ("mem_reservation", size),
    ("pids_limit", number),
];

fn env_files(m: &mut Maker) -> Tree {
    let one = |m: &mut Maker| match m.dice.below(4) {
        0 => m.word(&["first.env", "./first.env"]),
        1 => Tree::table([("path", Tree::text("second.env"))]),
        2 => Tree::table([
            ("path", Tree::text("./odd name#.env")),
            ("format", Tree::text("raw")),
        ]),
        _ => {
            let mut missing = path(m);
            if missing == Tree::text(".") {
                // A folder is there.
                missing = Tree::text("./missing");
            }
            Tree::table([("path", missing), ("required", Tree::Flag(false))])
        }
    };
    if m.dice.percent(20) {
        return Tree::text("first.env");
    }
    m.list(3, one)
}

fn expose(m: &mut Maker) -> Tree {
    m.list(3, |m| match m.dice.below(3) {
        0 => Tree::Whole(m.dice.within(1, 60_000) as i64),
        _ => m.word(&["3000", "8000-8010", "53/udp", "1/tcp"]),
    })
}

fn ports(m: &mut Maker) -> Tree {
    m.list(3, |m| {
        let published = 10_000 + m.serial() as i64 * 5;
        let inside = m.dice.within(1, 60_000);
        match m.dice.below(8) {
            0 => Tree::Whole(inside as i64),
            1 => Tree::Text(format!("{published}:{inside}")),
            2 => Tree::Text(format!("127.0.0.1:{published}:{inside}/udp")),
            3 => Tree::Text(format!("[::1]:{published}:{inside}")),
            4 => Tree::Text(format!(
                "{published}-{}:{inside}-{}",
                published + 2,
                inside + 2
            )),
            5 => Tree::Text(format!("${{UNSET:-{published}}}:{inside}")),
            _ => long_port(m, published, inside),
        }
    })
}

fn long_port(m: &mut Maker, published: i64, inside: usize) -> Tree {
    let mut port = Tree::table([("target", Tree::Whole(inside as i64))]);
    match m.dice.below(4) {
        0 => port.put("published", Tree::Whole(published)),
        1 => port.put(
            "published",
            Tree::Text(format!("{published}-{}", published + 3)),
        ),
        2 => port.put("published", Tree::Text(published.to_string())),
        _ => {}
    }
    let more: &[Field] = &[
        ("host_ip", |m| m.word(&["127.0.0.1", "::1", "0.0.0.0"])),
        ("protocol", |m| m.word(&["tcp", "udp", "sctp"])),
        ("name", text),
        ("app_protocol", text),
        ("mode", |m| word_or_text(m, &["host", "ingress"])),
    ];
    for (key, value) in m.table(40, more).entries() {
        port.put(key, value.clone());
    }
    port
}

fn healthcheck(m: &mut Maker) -> Tree {
    m.table(
        50,
        &[
            ("test", |m| match m.dice.below(3) {
                0 => text(m),
                1 => Tree::List(vec![Tree::text("CMD-SHELL"), text(m)]),
                _ => Tree::List(vec![Tree::text("CMD"), text(m), text(m)]),
            }),
            ("interval", duration),
            ("timeout", duration),
            ("retries", number),
            ("start_period", duration),
            ("start_interval", duration),
            ("disable", fixed_flag),
        ],
    )
}

fn mounts(m: &mut Maker) -> Tree {
    m.list(3, |m| {
        if m.dice.percent(50) {
            short_mount(m)
        } else {
            long_mount(m)
        }
    })
}

fn short_mount(m: &mut Maker) -> Tree {
    let target = target(m);
    let volume = (!m.volumes.is_empty()).then(|| m.name_of(&m.volumes.clone()));
    match (m.dice.below(4), volume) {
        (0, _) => Tree::Text(target),
        // A name of one letter is taken for a drive by Compose.
        (1, Some(volume)) if volume.len() > 1 => {
            let options = m.dice.one(&["", ":ro", ":nocopy", ":rw"]);
            Tree::Text(format!("{volume}:{target}{options}"))
        }
        (2, _) => Tree::Text(format!("${{UNSET:-./some}}:{target}")),
        _ => {
            let source = m.dice.one(&[
                "./data",
                "../x y",
                "/etc/a#b",
                "~/h",
                "./yes",
                "./é",
                ".",
                "./${WORD}",
                "/$$x",
            ]);
            let options = m.dice.one(&["", ":ro", ":z", ":ro,Z", ":rslave", ":rw"]);
            Tree::Text(format!("{source}:{target}{options}"))
        }
    }
}

fn long_mount(m: &mut Maker) -> Tree {
    let kind = m
        .dice
        .one(&["bind", "volume", "tmpfs", "image", "cluster", "npipe"]);
    let kind = if kind == "volume" && m.volumes.is_empty() {
        "bind"
    } else {
        kind
    };
    long_mount_of(m, kind)
}

/// A mount in the kinds that a task's container can have.
pub fn plain_mounts(m: &mut Maker) -> Tree {
    m.list(3, |m| {
        let kind = m.dice.one(&["short", "bind", "tmpfs"]);
        if kind == "short" {
            return short_mount(m);
        }
        let mut mount = long_mount_of(m, kind);
        if let Tree::Table(entries) = &mut mount {
            entries.retain(|(key, _)| key != "consistency");
            if let Some((_, Tree::Table(bind))) = entries.iter_mut().find(|(key, _)| key == "bind")
            {
                bind.retain(|(key, _)| key != "recursive");
            }
        }
        mount
    })
}

fn long_mount_of(m: &mut Maker, kind: &str) -> Tree {
    let mut mount = Tree::table([("type", Tree::text(kind))]);
    match kind {
        "bind" => mount.put("source", path(m)),
        "volume" => {
            let volume = m.name_of(&m.volumes.clone());
            mount.put("source", Tree::Text(volume));
        }
        "image" => mount.put("source", Tree::text("busybox:1.36")),
        "cluster" | "npipe" => mount.put("source", text(m)),
        _ => {}
    }
    mount.put("target", Tree::Text(target(m)));
    for (key, value) in m
        .table(30, &[("read_only", flag), ("consistency", text)])
        .entries()
    {
        mount.put(key, value.clone());
    }
    let options: &[Field] = match kind {
        "bind" => &[
            ("create_host_path", fixed_flag),
            ("propagation", word_or_strange),
            ("selinux", |m| m.word(&["z", "Z"])),
            ("recursive", |m| {
                m.word(&["enabled", "disabled", "writable", "readonly"])
            }),
        ],
        "volume" => &[
            ("nocopy", fixed_flag),
            ("subpath", word_or_strange),
            ("labels", strange_pairs),
        ],
        "tmpfs" => &[("size", size), ("mode", mode)],
        "image" => &[("subpath", word_or_strange)],
        _ => &[],
    };
    if m.dice.percent(60) && !options.is_empty() {
        let mut options = m.table(50, options);
        if kind == "bind" && options.get("create_host_path").is_none() {
            // Left out, it is false to one generation of Compose, and true to the next.
            options.put("create_host_path", fixed_flag(m));
        }
        mount.put(kind, options);
    }
    mount
}

fn tmpfs(m: &mut Maker) -> Tree {
    let one = |m: &mut Maker| {
        let options = m.dice.one(&["", ":size=64m", ":mode=1777,size=1m"]);
        let number = m.serial();
        Tree::Text(format!("/t{number}{options}"))
    };
    if m.dice.percent(30) {
        one(m)
    } else {
        m.list(2, one)
    }
}

fn references(m: &mut Maker, names: fn(&Maker) -> Vec<String>) -> Tree {
    let names = names(m);
    if names.is_empty() {
        return Tree::List(Vec::new());
    }
    let source = Tree::Text(m.name_of(&names));
    if m.dice.percent(30) {
        return Tree::List(vec![source]);
    }
    let mut reference = Tree::table([("source", source)]);
    let more: &[Field] = &[
        ("target", |m| Tree::Text(target(m))),
        ("uid", |m| word_or_text(m, &["0", "1000", "${SEVEN}"])),
        ("gid", |m| word_or_text(m, &["0", "1000"])),
        ("mode", mode),
    ];
    for (key, value) in m.table(50, more).entries() {
        reference.put(key, value.clone());
    }
    Tree::List(vec![reference])
}

fn granted(m: &mut Maker) -> Tree {
    let names = m.sockets.clone();
    if names.is_empty() {
        return Tree::List(Vec::new());
    }
    Tree::List(vec![Tree::Text(m.name_of(&names))])
}

pub fn extra_hosts(m: &mut Maker) -> Tree {
    match m.dice.below(3) {
        0 => m.map(
            |dice| dice.one(&["h1", "yes", "1.0", "a.b"]).to_owned(),
            |m| m.word(&["10.0.0.1", "::1", "host-gateway"]),
        ),
        1 => Tree::table([(
            "h2",
            Tree::List(vec![Tree::text("10.0.0.1"), Tree::text("::1")]),
        )]),
        _ => m.list(3, |m| {
            m.word(&[
                "h1=10.0.0.1",
                "h2:10.0.0.2",
                "h3=::1",
                "no=host-gateway",
                "h4=${WORD}",
            ])
        }),
    }
}

fn restart(m: &mut Maker) -> Tree {
    m.word(&[
        "no",
        "always",
        "unless-stopped",
        "on-failure",
        "on-failure:3",
    ])
}

fn groups(m: &mut Maker) -> Tree {
    m.list(3, |m| {
        if m.dice.percent(30) {
            Tree::Whole(m.dice.below(999) as i64)
        } else {
            text(m)
        }
    })
}

pub fn ulimits(m: &mut Maker) -> Tree {
    m.map(
        |dice| dice.one(&["nofile", "nproc", "core"]).to_owned(),
        |m| {
            if m.dice.percent(50) {
                return number(m);
            }
            Tree::table([
                ("soft", Tree::Whole(10)),
                ("hard", Tree::Whole(m.dice.within(10, 20) as i64)),
            ])
        },
    )
}

fn devices(m: &mut Maker) -> Tree {
    m.list(2, |m| match m.dice.below(4) {
        0 => m.word(&[
            "/dev/null",
            "/dev/zero:/dev/z",
            "/dev/full:/dev/f:r",
            "/dev/${WORD}:/dev/w",
        ]),
        _ => {
            let source = match word_or_fixed_text(m, &["/dev/null"]) {
                Tree::Text(text) if text.is_empty() => Tree::text("/dev/null"),
                Tree::Text(text) => Tree::Text(text.replace(':', "_")),
                other => other,
            };
            let mut device = Tree::table([("source", source)]);
            device.put("target", Tree::Text(format!("/dev/x{}", m.serial())));
            // Left out, Compose sends none to the engine, and stackgen what Docker's own command takes for it.
            device.put("permissions", m.word(&["r", "rw", "rwm"]));
            device
        }
    })
}

fn logging(m: &mut Maker) -> Tree {
    m.table(70, &[("driver", text), ("options", options)])
}
