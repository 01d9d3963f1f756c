//! Keys of everything that runs in a container of its own: services and `docker` tasks.

use super::files::{ENV_FILE, FILE, MOUNT};
use super::grammar;
use super::health::HEALTHCHECK;
use super::table::key;
use super::{Field, Kind, Shape, Table};

use Shape::{
    Array, Command, Cpus, Duration, Either, Fixed, Flag, Grammar, Hosts, List, Loose, Map, Name,
    Names, Number, Pairs, Range, Section, Size, Text,
};

/// What is said about the container itself.
pub(in crate::stackfile) static CONTAINER: &[Field] = &[
    key("image", Grammar(&grammar::IMAGE), "The image that the container is made from: `[host[:port]/]name[:tag][@digest]`. A service needs this or `build`."),
    key("command", Command, "Replaces the image's CMD. A text is split into words as a shell does, but no shell runs it; an empty list clears the image's own.")
        .like(&["[\"serve\", \"--port\", \"80\"]", "\"serve --port 80\""]),
    key("entrypoint", Command, "Replaces the image's ENTRYPOINT, and with it the image's CMD. An empty list clears it.")
        .like(&["[\"/usr/bin/tini\", \"--\"]", "\"/usr/bin/tini --\""]),
    key("env_file", List(&Either(&[Text, Shape::Table(&ENV_FILE)])), "Files with `NAME=value` lines for the environment; later files go before earlier ones, and `environment` before all of them.")
        .like(&["\"web.env\"", "[\"web.env\", { path = \"local.env\", required = false }]"]),
    key("environment", Names(&Loose), "Environment variables. A name without a value, in a list or as `{ null = true }`, is taken from the environment of stackgen, or left out where nobody sets it.")
        .like(&["{ LOG_LEVEL = \"info\" }", "[\"LOG_LEVEL=info\", \"HOME\"]"]),
    key("hostname", Text, "The host name inside the container; the engine's default is the container's short id."),
    key("domainname", Text, "The domain name inside the container."),
    key("user", Text, "The user, and after a colon the group, that the process runs as; the default is the image's.")
        .like(&["\"1000:1000\""]),
    key("working_dir", Text, "The directory that the process starts in; the default is the image's.")
        .like(&["\"/app\""]),
    key("stop_signal", Text, "The signal that asks the process to end; the default is the image's, else SIGTERM.")
        .like(&["\"SIGINT\""]),
    key("stop_grace_period", Duration, "How long the process may take to end before it is killed.").or("\"10s\""),
    key("tty", Flag, "Gives the container a terminal.").or("false"),
    key("stdin_open", Flag, "Keeps standard input open.").or("false"),
    key("expose", List(&Loose), "Ports that other containers may reach, without publishing them at the host. Only a note: on a network every port can be reached.")
        .like(&["[\"3000\", \"8000-8010\"]"]),
    key("ports", Array(&Either(&[Grammar(&grammar::PORT), Shape::Table(&PORT)])), "Ports published at the host: `[[address:]published:]target[/protocol]`, or a table each. Without an address they are open to every network of the host.")
        .like(&["[\"8080:80\", \"127.0.0.1:5432:5432\"]", "[{ target = 80, published = \"8080\" }]"]),
    key("healthcheck", Shape::Table(&HEALTHCHECK), "How to find out whether the container is healthy; lays itself over the image's own check."),
    key("labels", Pairs(&Loose), "Labels of the container."),
    key("annotations", Pairs(&Loose), "Annotations for the runtime of the container. Takes an engine with API 1.43."),
    key("volumes", Array(&Either(&[Grammar(&grammar::MOUNT), Shape::Table(&MOUNT)])), "What is mounted into the container: `[source:]target[:options]`, or a table each. A source that begins with `.`, `/` or `~` is a path of the host, another one a volume.")
        .like(&["[\"data:/var/lib/data\", \"./config:/etc/app:ro\"]", "[{ type = \"volume\", source = \"data\", target = \"/var/lib/data\" }]"]),
    key("tmpfs", List(&Text), "Directories kept in memory, each with options after a colon.")
        .like(&["[\"/run\", \"/tmp:size=64m\"]", "\"/run\""]),
    key("configs", List(&Either(&[Name(Kind::Config), Shape::Table(&FILE)])), "Entries of `[configs]` that are mounted as files; by default at `/NAME`.")
        .like(&["[\"settings\"]", "[{ source = \"settings\", target = \"/etc/app.toml\", mode = \"0444\" }]"]),
    key("secrets", List(&Either(&[Name(Kind::Secret), Shape::Table(&FILE)])), "Entries of `[secrets]` that are mounted as files; by default at `/run/secrets/NAME`.")
        .like(&["[\"password\"]", "[{ source = \"password\", target = \"db_password\", mode = \"0400\" }]"]),
    key("sockets", List(&Name(Kind::Socket)), "Entries of `[sockets]` that the container gets; each entry says who may have it."),
    key("networks", Either(&[Array(&Name(Kind::Network)), Section(Kind::Network, &Shape::Table(&ENDPOINT))]), "Networks that the container is attached to; the default is the network `default`. Not together with `network_mode`.")
        .like(&["[\"back\"]", "{ back = { aliases = [\"api\"] } }"]),
    key("network_mode", Text, "Another way to the network: `host`, `none`, `service:NAME` or `container:NAME`. Not together with `networks`.")
        .like(&["\"host\"", "\"service:web\""]),
    key("dns", List(&Text), "Name servers; the default is the engine's.")
        .like(&["[\"1.1.1.1\", \"8.8.8.8\"]", "\"1.1.1.1\""]),
    key("dns_search", List(&Text), "Domains in which short names are looked up.")
        .like(&["[\"example.org\"]", "\"example.org\""]),
    key("dns_opt", List(&Text), "Options of the resolver, as in resolv.conf.").like(&["[\"use-vc\", \"ndots:2\"]"]),
    key("extra_hosts", Hosts, "Lines for the container's /etc/hosts: a name and its address, or several."),
    key("restart", Grammar(&grammar::RESTART), "When the engine starts the container again: `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:TIMES`.").or("\"no\""),
    key("cap_add", List(&Text), "Capabilities of the kernel that are added to the engine's own set.").like(&["[\"NET_ADMIN\"]"]),
    key("cap_drop", List(&Text), "Capabilities of the kernel that are taken away.").like(&["[\"ALL\"]"]),
    key("group_add", List(&Loose), "Groups that the process is in beside its own, by name or number.").like(&["[\"mail\", 998]"]),
    key("security_opt", List(&Text), "Options of the security modules: labels, seccomp and AppArmor profiles.").like(&["[\"no-new-privileges:true\"]"]),
    key("sysctls", Pairs(&Loose), "Kernel parameters of the container's own namespaces.")
        .like(&["{ \"net.core.somaxconn\" = 1024 }", "[\"net.core.somaxconn=1024\"]"]),
    key("ulimits", Map(&Either(&[Number, Shape::Table(&ULIMIT)])), "Limits of the process: one number, or a soft and a hard one; -1 is without limit.")
        .like(&["{ nofile = { soft = 20000, hard = 40000 }, nproc = 65535 }"]),
    key("devices", List(&Either(&[Text, Shape::Table(&DEVICE)])), "Devices of the host: `source[:target[:permissions]]`, or a table each.")
        .like(&["[\"/dev/ttyUSB0:/dev/ttyUSB0:rw\"]", "[{ source = \"/dev/ttyUSB0\", permissions = \"rw\" }]"]),
    key("logging", Shape::Table(&LOGGING), "Where the engine puts what the container prints; the default is the daemon's."),
    key("shm_size", Size, "The size of /dev/shm; the engine's default is 64 MiB.").like(&["\"256m\""]),
    key("oom_score_adj", Number, "How readily the kernel kills the container when memory runs out, from -1000 to 1000.").or("0"),
    key("oom_kill_disable", Flag, "Keeps the kernel from killing the container when memory runs out.").or("false"),
    key("privileged", Flag, "Gives the container all capabilities and devices of the host.").or("false"),
    key("read_only", Flag, "Makes the container's root filesystem read-only.").or("false"),
    key("init", Flag, "Runs a small init as the first process, which forwards signals and reaps children. Absent: as the daemon is configured."),
    key("ipc", Text, "The IPC namespace: `shareable`, `private`, `host`, `service:NAME` or `container:NAME`.").like(&["\"shareable\""]),
    key("pid", Text, "The process namespace: `host`, `service:NAME` or `container:NAME`; the default is one of its own.").like(&["\"host\""]),
    key("uts", Text, "The namespace of the host name: `host`, or one of its own.").like(&["\"host\""]),
    key("userns_mode", Text, "The user namespace: `host`, or the daemon's.").like(&["\"host\""]),
    key("cgroup", Text, "The cgroup namespace: `host` or `private`; the default is the daemon's.").like(&["\"private\""]),
    key("cgroup_parent", Text, "The cgroup below which the container's own is made.").like(&["\"batch.slice\""]),
    key("runtime", Text, "The OCI runtime; the default is the daemon's.").like(&["\"runc\""]),
    key("platform", Text, "The platform of the image, such as `linux/amd64`; the default is the engine's.").like(&["\"linux/amd64\""]),
    key("mac_address", Text, "The MAC address; on a network, say it there.").like(&["\"02:42:ac:11:65:43\""]),
    key("storage_opt", Map(&Loose), "Options of the storage driver.").like(&["{ size = \"10G\" }"]),
    key("pull_policy", Text, "When the image is pulled: `missing` (the default, also `if_not_present`), `always`, `never`, `build`, `daily`, `weekly` or `every_TIME`.")
        .like(&["\"always\"", "\"every_12h\""]),
    key("cpus", Cpus, "How many CPUs the container may use, as a number such as 0.5. Without it there is no limit."),
    key("cpu_shares", Number, "The container's weight where CPUs are scarce; the kernel's default is 1024.").like(&["512"]),
    key("cpu_quota", Number, "Microseconds of CPU in each `cpu_period`.").like(&["50000"]),
    key("cpu_period", Number, "The period of the CPU scheduler in microseconds; the kernel's default is 100000.").like(&["100000"]),
    key("cpuset", Text, "The CPUs that the container may run on.").like(&["\"0-2,4\""]),
    key("mem_limit", Size, "The most memory that the container may use. Without it there is no limit."),
    key("mem_reservation", Size, "Memory that the container keeps when the host is short of it; less than `mem_limit`."),
    key("memswap_limit", Size, "Memory and swap together; -1 is without limit, and the default twice `mem_limit`.").like(&["\"1g\"", "-1"]),
    key("mem_swappiness", Number, "How readily the kernel swaps the container's memory out, from 0 to 100.").like(&["60"]),
    key("pids_limit", Number, "How many processes there may be; -1 is without limit.").like(&["200"]),
];

/// A published port.
pub static PORT: Table = Table::new(
    "port",
    "a port",
    "A published port in its long form.",
    &[&[
        key("target", Range(1, 65535), "The port inside the container.").required().like(&["80"]),
        key("published", Loose, "The port at the host, or a range such as `8000-8009` from which one is taken. Without it the engine chooses one.").like(&["\"8080\""]),
        key("host_ip", Text, "The address of the host at which it is published; the default is all of them.").like(&["\"127.0.0.1\""]),
        key("protocol", Shape::Word(&["tcp", "udp", "sctp"]), "The protocol.").or("\"tcp\""),
        key("name", Text, "A name for people."),
        key("app_protocol", Text, "The protocol spoken on it, for people and tools.").like(&["\"http\""]),
        key("mode", Text, "In a Swarm, `host` for each node's own port or `ingress` for the balanced one. Without meaning on one host.").like(&["\"ingress\""]),
    ]],
);

/// A network of a container.
pub static ENDPOINT: Table = Table::new(
    "endpoint",
    "a network of a service",
    "How a container is attached to a network.",
    &[
        &[
            key(
                "aliases",
                List(&Text),
                "Names by which other containers of the network find it, beside the service's own.",
            )
            .like(&["[\"api\", \"api.internal\"]"]),
            key(
                "ipv4_address",
                Text,
                "A fixed address; the network's `ipam` needs a subnet that holds it.",
            )
            .like(&["\"172.28.0.10\""]),
            key(
                "ipv6_address",
                Text,
                "A fixed IPv6 address; the network's `ipam` needs a subnet that holds it.",
            )
            .like(&["\"2001:db8::10\""]),
            key(
                "priority",
                Fixed(&Number),
                "The network with the highest priority is connected first.",
            )
            .or("0"),
            key(
                "mac_address",
                Text,
                "The MAC address on this network. Takes an engine with API 1.44.",
            )
            .like(&["\"02:42:ac:11:65:43\""]),
        ],
        ENDPOINT_CARRIED,
    ],
);

/// Those of a network of a service that only some engines know, in the order in which compose-go writes them.
pub(in crate::stackfile) static ENDPOINT_CARRIED: &[Field] = &[
    key(
        "gw_priority",
        Fixed(&Number),
        "The network with the highest one has the default gateway. Takes an engine with API 1.48.",
    )
    .or("0"),
    key(
        "interface_name",
        Text,
        "The name of the interface inside the container. Takes an engine with API 1.49.",
    )
    .like(&["\"eth1\""]),
    key("link_local_ips", List(&Loose), "Link-local addresses.").like(&["[\"169.254.34.68\"]"]),
    key(
        "driver_opts",
        Map(&Loose),
        "Options of the network's driver for this attachment.",
    ),
];

/// A soft and a hard limit.
pub static ULIMIT: Table = Table::new(
    "ulimit",
    "a ulimit",
    "A soft and a hard limit; one number stands for both.",
    &[&[
        key(
            "soft",
            Number,
            "The limit that the process meets, and may raise up to the hard one.",
        )
        .required()
        .like(&["20000"]),
        key("hard", Number, "The limit that only root may raise.")
            .required()
            .like(&["40000"]),
    ]],
);

/// A device of the host.
pub static DEVICE: Table = Table::new(
    "device",
    "a device",
    "A device of the host in its long form.",
    &[&[
        key(
            "source",
            Fixed(&Text),
            "The path at the host, or the CDI name.",
        )
        .required()
        .like(&["\"/dev/ttyUSB0\""]),
        key(
            "target",
            Fixed(&Text),
            "The path inside the container; the default is `source`.",
        )
        .like(&["\"/dev/ttyUSB0\""]),
        key(
            "permissions",
            Fixed(&Text),
            "What the container may do with it: `r`ead, `w`rite, `m`knod.",
        )
        .or("\"rwm\""),
    ]],
);

/// Where the engine puts what a container prints.
pub static LOGGING: Table = Table::new(
    "logging",
    "logging",
    "Where the engine puts what a container prints.",
    &[&[
        key("driver", Text, "The logging driver, such as `json-file`, `local`, `journald` or `none`; the default is the daemon's.").like(&["\"json-file\""]),
        key("options", Map(&Loose), "Options of the driver.").like(&["{ max-size = \"10m\", max-file = 3 }"]),
    ]],
);
