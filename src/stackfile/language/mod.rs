//! The language of stack.toml, said once: every table, its keys, what may stand in each, and what it means.
//!
//! The decoder takes its known keys from here, [`schema`] makes the JSON Schema of it, and docs/reference.md and
//! docs/compose-attributes.md are written from it, so that none of them can say something else than the others. [`ROOT`] is where
//! a walk begins.

mod build;
mod container;
mod dag;
mod deploy;
mod files;
mod grammar;
mod health;
mod network;
mod sample;
mod schema;
mod service;
mod shape;
mod stack;
mod table;

pub use build::{BLKIO, BLKIO_RATE, BLKIO_WEIGHT, BUILD, BUILD_SECRET, DEVELOP, WATCH};
pub use container::{DEVICE, ENDPOINT, LOGGING, PORT, ULIMIT};
pub use dag::{BASH_TASK, DAG, DEFAULT_ARGS, DOCKER_TASK, EXEC_TASK, HTTP_TASK, TASK};
pub use deploy::{DEPLOY, DEVICE_REQUEST};
pub use files::{BIND, ENV_FILE, FILE, IMAGE_MOUNT, MOUNT, TMPFS_MOUNT, VOLUME_MOUNT};
pub use grammar::Grammar;
pub use health::HEALTHCHECK;
pub use network::{CONFIG, EXTERNAL, IPAM, MODEL, NETWORK, POOL, SECRET, SOCKET, VOLUME};
pub use sample::{samples, samples_of};
pub use schema::schema;
pub use service::{DEPENDENCY, RELOAD, SERVICE, SERVICE_UPDATE};
pub use shape::{Kind, Shape};
pub use stack::{DEFAULTS, OVERLAY, POLICY, RENDER, ROOT, STACK, USER_FILE};
pub use table::{Field, Table};

pub(super) use container::ENDPOINT_CARRIED;
pub(super) use files::{BIND_CARRIED, IMAGE_MOUNT_CARRIED, MOUNT_CARRIED, VOLUME_MOUNT_CARRIED};
pub(super) use network::{CONTENT_CARRIED, IPAM_CARRIED, NETWORK_CARRIED, POOL_CARRIED};
pub(super) use service::{CARRIED, SIGNALS};
pub(super) use stack::CARRIED_SECTIONS;
