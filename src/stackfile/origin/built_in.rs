//! What holds where no layer says anything.

use crate::model::KeyPath;

/// Defaults by path; `*` is any name. Whose default it is stands behind it where it is not stackgen's own.
const DEFAULTS: [(&str, &str); 26] = [
    ("stack.name", "the name of the folder"),
    ("stack.env_files", "[\".env\"]"),
    ("stack.engine", "\"docker\""),
    ("stack.compat", "\"gentle\""),
    ("services.*.scale", "1"),
    ("services.*.restart", "\"no\" (the engine's)"),
    ("services.*.pull_policy", "\"missing\""),
    ("services.*.stop_grace_period", "\"10s\" (the engine's)"),
    ("services.*.networks", "{ default = {} }"),
    (
        "services.*.healthcheck.interval",
        "the image's, else \"30s\" (the engine's)",
    ),
    (
        "services.*.healthcheck.timeout",
        "the image's, else \"30s\" (the engine's)",
    ),
    (
        "services.*.healthcheck.retries",
        "the image's, else 3 (the engine's)",
    ),
    (
        "services.*.healthcheck.start_period",
        "the image's, else \"0s\" (the engine's)",
    ),
    ("services.*.logging.driver", "the engine's"),
    ("services.*.rerun", "\"changed\""),
    ("networks.*.driver", "\"bridge\" (the engine's)"),
    ("volumes.*.driver", "\"local\" (the engine's)"),
    ("networks.*.internal", "false"),
    ("networks.*.attachable", "false"),
    ("dags.*.tasks.*.owner", "\"airflow\""),
    ("dags.*.tasks.*.retries", "0"),
    ("dags.*.tasks.*.retry_delay", "\"5m\""),
    ("dags.*.tasks.*.retry_exponential_backoff", "false"),
    ("dags.*.tasks.*.trigger_rule", "\"all_success\""),
    ("dags.*.tasks.*.priority_weight", "1"),
    ("dags.*.tasks.*.execution_timeout", "none"),
];

/// Returns the default of a path whose named things are there.
pub(super) fn built_in(
    path: &KeyPath,
    is_there: impl Fn(&[String]) -> bool,
) -> Option<&'static str> {
    let keys = path.keys();
    let (_, default) = DEFAULTS.iter().find(|(pattern, _)| {
        let wanted: Vec<&str> = pattern.split('.').collect();
        let mut pairs = wanted.iter().zip(keys);
        let named = wanted
            .iter()
            .rposition(|key| *key == "*")
            .map_or(0, |at| at + 1);
        wanted.len() == keys.len()
            && pairs.all(|(wanted, key)| *wanted == "*" || wanted == key)
            && is_there(&keys[..named])
    })?;
    Some(default)
}
