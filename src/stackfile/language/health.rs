//! Health checks.

use super::table::key;
use super::{Shape, Table};

use Shape::{Duration, Fixed, Flag, Range};

/// A health check.
pub static HEALTHCHECK: Table = Table::new(
    "healthcheck",
    "a healthcheck",
    "How to find out whether a container is healthy. What is absent is the image's, else the engine's default.",
    &[&[
        key("test", Shape::Test(&["CMD", "CMD-SHELL", "NONE"]), "The command whose exit code 0 means healthy: a list that begins with `CMD` or `CMD-SHELL`, or a text for the container's shell. `[\"NONE\"]` switches the image's check off.")
            .like(&["[\"CMD\", \"pg_isready\"]", "\"curl -f http://localhost/ || exit 1\""]),
        key("interval", Duration, "The time between two tests.").or("\"30s\""),
        key("timeout", Duration, "How long a test may take.").or("\"30s\""),
        key("retries", Range(0, u32::MAX as i64), "How many tests have to fail in a row for the container to be unhealthy.").or("3"),
        key("start_period", Duration, "The time after the start in which failures do not count.").or("\"0s\""),
        key("start_interval", Duration, "The time between two tests during `start_period`. Takes an engine with API 1.44.").or("\"5s\""),
        key("disable", Fixed(&Flag), "Switches the image's check off.").or("false"),
    ]],
)
.example(
    "[services.database.healthcheck]\ntest         = [\"CMD\", \"pg_isready\", \"-U\", \"app\"]\ninterval     = \"5s\"\nretries      = 10\nstart_period = \"30s\"\n",
);
