//! The labels that Compose and stackgen put on objects.

/// Compose: the project; on containers, networks and volumes.
pub const PROJECT: &str = "com.docker.compose.project";
/// Compose: the service's key.
pub const SERVICE: &str = "com.docker.compose.service";
/// Compose: the container's number within its service, from 1.
pub const CONTAINER_NUMBER: &str = "com.docker.compose.container-number";
/// Compose: `False`, or `True` for the container of `docker compose run`.
pub const ONEOFF: &str = "com.docker.compose.oneoff";
/// Compose: the hash of the definition.
pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Compose: the id of the image. The engine puts it in when it makes the container.
pub const IMAGE: &str = "com.docker.compose.image";
/// Compose: `service:condition:restart`, separated by commas.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// Compose: the folder of the compose file.
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// Compose: the compose files, separated by commas.
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// Compose: its version.
pub const VERSION: &str = "com.docker.compose.version";
/// Compose: `classic` on an image that BuildKit has not built.
pub const IMAGE_BUILDER: &str = "com.docker.compose.image.builder";
/// Compose: the key of a network.
pub const NETWORK: &str = "com.docker.compose.network";
/// Compose: the key of a volume.
pub const VOLUME: &str = "com.docker.compose.volume";

/// Salted digests of the files that were copied into a container, as [`FileDigests`](super::FileDigests) writes them.
pub const FILES: &str = "stackgen.files";
/// Salted digests and inodes of the files that were mounted when a container was made.
pub const MOUNTS: &str = "stackgen.mounts";
/// Which of the fields that a daemon has defaults for the stack set when a container was made, separated by commas; the others are the
/// daemon's.
pub const EXPLICIT: &str = "stackgen.explicit";
/// The project that a task's container belongs to. Compose's label would make a service of it.
pub const TASK_PROJECT: &str = "stackgen.project";
/// The DAG of a task's container.
pub const DAG: &str = "stackgen.dag";
/// The run of a task's container.
pub const RUN: &str = "stackgen.run";
/// The task of a task's container.
pub const TASK: &str = "stackgen.task";
/// The attempt of a task's container, from 1.
pub const ATTEMPT: &str = "stackgen.attempt";
