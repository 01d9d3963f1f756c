//! The part of the kitchen sink, which has every attribute of the Compose Specification, that an engine of API 1.41 accepts.

use crate::equality::Case;
use crate::support::{block_device, is_left_out};
use stackgen::compose::ComposeGeneration;
use std::path::Path;

/// What is taken out, each with the reason.
const OUT: [(&str, &str); 30] = [
    ("services.all.annotations", "API 1.43"),
    ("services.all.healthcheck.start_interval", "API 1.44"),
    ("services.all.networks.front.gw_priority", "API 1.48"),
    ("services.all.networks.front.interface_name", "API 1.49"),
    ("services.all.networks.front.ipv6_address", "needs IPv6"),
    ("networks.front.enable_ipv6", "needs IPv6"),
    ("services.all.cpu_rt_period", "a kernel with real time"),
    ("services.all.cpu_rt_runtime", "a kernel with real time"),
    ("services.all.gpus", "the devices"),
    (
        "services.swarm.deploy.resources.reservations.devices",
        "the devices",
    ),
    ("services.all.models", "Docker's model runner"),
    ("services.all.use_api_socket", "credentials"),
    ("services.all.storage_opt", "another storage driver"),
    ("services.all.privileged", "all rights on the host"),
    ("services.all.read_only", "a secret is copied in"),
    ("services.all.uts", "has a host name of its own"),
    ("services.all.pull_refresh_after", "nothing is pulled here"),
    ("services.built", "builds"),
    ("services.inline", "builds"),
    ("services.plugged", "no container"),
    ("networks.front.name", "one for every test"),
    ("networks.ext", "not there"),
    ("networks.extold", "not there"),
    ("volumes.data.name", "one for every test"),
    ("volumes.extv", "not there"),
    ("volumes.extvold", "not there"),
    ("configs.c_content.template_driver", "Swarm"),
    ("configs.c_ext", "Swarm"),
    ("secrets.s_drv", "Swarm"),
    ("models", "Docker's model runner"),
];

/// What is put in the place of values that mean nothing, so that the container can run.
const INSTEAD: &str = r#"
[services.all]
command = ["sleep 600"]
blkio_config = { weight = 300, device_read_bps = [{ path = "DISK", rate = "12mb" }], device_read_iops = [{ path = "DISK", rate = 120 }], device_write_bps = [{ path = "DISK", rate = "1024k" }], device_write_iops = [{ path = "DISK", rate = 30 }] }
cgroup_parent = "/stackgen-kitchen"
container_name = "NAME-all"
depends_on = { dep = { condition = "service_started", restart = true, required = false } }
group_add = [44]
mem_limit = "1g"
ports = ["80", { name = "web", target = 81, host_ip = "127.0.0.1", protocol = "udp", mode = "host", app_protocol = "http" }]
post_start = [{ command = "echo hi", user = "root", working_dir = "/", environment = { A = "1" } }]
tmpfs = ["/t:size=1m"]
ulimits = { nproc = 100, nofile = { soft = 1000, hard = 2000 } }
volumes = ["./here:/there:ro", { type = "bind", source = "./b", target = "/b", read_only = true, consistency = "cached", bind = { create_host_path = false, propagation = "rprivate", recursive = "enabled", selinux = "z" } }, { type = "volume", source = "data", target = "/data", volume = { nocopy = true, labels = { k = "v" } } }, { type = "tmpfs", target = "/tm", tmpfs = { size = "1m", mode = "0o755" } }]

[services.dep]
networks = ["front"]
command = ["sleep", "600"]

[services.swarm]
command = ["sleep", "600"]
[services.flat]
command = ["sleep", "600"]
[services.other]
command = ["sleep", "600"]
[services.base]
command = ["sleep", "600"]
[services.inc1]
command = ["sleep", "600"]
[services.inc2]
command = ["sleep", "600"]
"#;

fn take_out(table: &mut toml::Table, path: &str) {
    let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = table;
    for key in above.split('.').filter(|key| !key.is_empty()) {
        at = at[key].as_table_mut().unwrap();
    }
    // What is no longer in the kitchen sink needs no exception any more.
    assert!(at.remove(last).is_some(), "{path} is not there");
}

fn lay_over(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(over)) if is_section(&key) => {
                lay_over(inner, over);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Tables of tables are laid over each other; values of attributes are replaced whole.
fn is_section(key: &str) -> bool {
    [
        "services", "all", "dep", "swarm", "flat", "other", "base", "inc1", "inc2",
    ]
    .contains(&key)
}

#[tokio::test]
async fn what_the_engine_accepts_of_the_kitchen_sink_leaves_nothing_to_do() {
    if is_left_out("kitchen_sink") {
        return;
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let text = std::fs::read_to_string(corpus.join("kitchen-sink.toml")).unwrap();
    let mut table: toml::Table = text.parse().unwrap();
    for (path, _) in OUT {
        take_out(&mut table, path);
    }
    lay_over(&mut table, INSTEAD.parse().unwrap());
    table["stack"]["name"] = "NAME".into();
    let disk = block_device().unwrap_or_else(|| "/dev/null".to_owned());
    let text = table.to_string().replace("bb:1", "busybox:1.36");
    let case = Case::of(&text.replace("DISK", &disk), "kitchen");
    for file in ["empty.env", "labels.label"] {
        std::fs::copy(corpus.join(file), case.folder().join(file)).unwrap();
    }
    std::fs::create_dir(case.folder().join("b")).unwrap();
    case.apply(ComposeGeneration::V5).await;
}
