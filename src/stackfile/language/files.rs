//! What is put into a container: mounts, configs, secrets and env files.

use super::table::key;
use super::{Field, Shape, Table};

use Shape::{Fixed, Flag, Loose, Mode, Pairs, Size, Text, Word};

/// An env file.
pub static ENV_FILE: Table = Table::new(
    "env_file",
    "an entry of env_file",
    "An env file in its long form.",
    &[&[
        key("path", Text, "The file, relative to stack.toml's folder.").required().like(&["\"local.env\""]),
        key("required", Fixed(&Flag), "Whether it is a mistake if the file is not there.").or("true"),
        key("format", Fixed(&Word(&["raw"])), "`raw` takes each value as it is, without quotes and variables. Absent: Compose's own rules.").like(&["\"raw\""]),
    ]],
);

/// A config or secret of a service.
pub static FILE: Table = Table::new(
    "file",
    "a config or secret of a service",
    "A config or secret of a container in its long form.",
    &[&[
        key("source", Fixed(&Text), "Its name under `[configs]` or `[secrets]`.").required().like(&["\"credentials\""]),
        key("target", Text, "Where it is mounted: for configs `/NAME` by default, for secrets `/run/secrets/NAME`; a relative one stands in `/run/secrets`.").like(&["\"/etc/app.toml\""]),
        key("uid", Loose, "The number of the user that owns the file.").or("\"0\""),
        key("gid", Loose, "The number of the group that owns the file.").or("\"0\""),
        key("mode", Mode, "The file's mode, as text or in octal.").or("\"0444\""),
    ]],
);

/// A mount.
pub static MOUNT: Table = Table::new(
    "mount",
    "a mount",
    "A mount in its long form.",
    &[
        &[
            key("type", Fixed(&Word(&["bind", "volume", "tmpfs", "image", "cluster", "npipe"])), "What is mounted: a path of the host, a volume, memory, the files of an image, a cluster volume or a named pipe.").or("\"volume\""),
            key("target", Text, "The absolute path inside the container.").required().like(&["\"/var/lib/data\""]),
            key("source", Text, "The path of the host, the volume or the image. A volume without a source has no name.").like(&["\"data\""]),
            key("read_only", Flag, "Whether the container can only read it.").or("false"),
            key("bind", Shape::Table(&BIND), "Options of a bind. An empty table means that a missing path is not made, as in Compose."),
            key("volume", Shape::Table(&VOLUME_MOUNT), "Options of a volume."),
            key("tmpfs", Shape::Table(&TMPFS_MOUNT), "Options of memory."),
            key("image", Shape::Table(&IMAGE_MOUNT), "Options of an image."),
        ],
        MOUNT_CARRIED,
    ],
)
.example("[[services.web.volumes]]\ntype      = \"bind\"\nsource    = \"./config\"\ntarget    = \"/etc/app\"\nread_only = true\nbind      = { create_host_path = false }\n");

/// Those of a mount, whatever it mounts.
pub(in crate::stackfile) static MOUNT_CARRIED: &[Field] = &[key(
    "consistency",
    Text,
    "How strictly host and container agree, on engines that are not on Linux.",
)
.like(&["\"cached\""])];

/// Options of a bind.
pub static BIND: Table = Table::new(
    "bind",
    "bind",
    "Options of a mounted path of the host.",
    &[
        &[
            key("create_host_path", Fixed(&Flag), "Whether a missing path is made, as a folder. It is where `bind` is absent, and is not where `bind` is there without it.").or("false"),
            key("propagation", Text, "How mounts below it spread: `rprivate`, `private`, `rshared`, `shared`, `rslave` or `slave`.").or("\"rprivate\""),
            key("selinux", Text, "Relabels it for SELinux: `z` shared, `Z` private.").like(&["\"z\""]),
        ],
        BIND_CARRIED,
    ],
);

/// Those of a bind that only some engines know.
pub(in crate::stackfile) static BIND_CARRIED: &[Field] = &[key(
    "recursive",
    Text,
    "Whether what is mounted below the path comes along: `enabled`, `disabled`, `writable` or `readonly`.",
)
.like(&["\"readonly\""])];

/// Options of a mounted volume.
pub static VOLUME_MOUNT: Table = Table::new(
    "volume_mount",
    "volume",
    "Options of a mounted volume.",
    &[
        &[
            key(
                "nocopy",
                Fixed(&Flag),
                "Whether a new volume stays empty instead of taking what the image has there.",
            )
            .or("false"),
            key(
                "subpath",
                Text,
                "The folder of the volume that is mounted. Takes an engine with API 1.45.",
            )
            .like(&["\"uploads\""]),
        ],
        VOLUME_MOUNT_CARRIED,
    ],
);

/// Those of a mounted volume that only some engines know.
pub(in crate::stackfile) static VOLUME_MOUNT_CARRIED: &[Field] = &[key(
    "labels",
    Pairs(&Loose),
    "Labels for a volume without a name.",
)];

/// Options of a mount in memory.
pub static TMPFS_MOUNT: Table = Table::new(
    "tmpfs_mount",
    "tmpfs",
    "Options of a mount that is kept in memory.",
    &[&[
        key(
            "size",
            Size,
            "Its size; the kernel's default is half of the host's memory.",
        )
        .like(&["\"64m\""]),
        key("mode", Mode, "The mode of its root folder.").or("\"1777\""),
    ]],
);

/// Options of a mounted image.
pub static IMAGE_MOUNT: Table = Table::new(
    "image_mount",
    "image",
    "Options of a mounted image. Takes an engine with API 1.48.",
    &[IMAGE_MOUNT_CARRIED],
);

/// Those of a mounted image.
pub(in crate::stackfile) static IMAGE_MOUNT_CARRIED: &[Field] =
    &[key("subpath", Text, "The folder of the image that is mounted.").like(&["\"share\""])];
