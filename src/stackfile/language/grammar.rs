//! Texts with a grammar of their own, as regular expressions that every dialect reads alike. What an expression cannot say (a date that
//! never comes, the names of time zones) the decoder checks.

/// A text with a grammar of its own.
#[derive(Debug)]
pub struct Grammar {
    /// What the text is, such as `cron expression`.
    pub what: &'static str,
    /// A regular expression that it matches as a whole, without `^` and `$`.
    pub pattern: &'static str,
    /// Whether a whole number does as well.
    pub takes_number: bool,
    /// Texts that fit it.
    pub examples: &'static [&'static str],
}

impl Grammar {
    const fn new(
        what: &'static str,
        pattern: &'static str,
        examples: &'static [&'static str],
    ) -> Self {
        Self {
            what,
            pattern,
            takes_number: false,
            examples,
        }
    }
}

/// `[host[:port]/]path[:tag][@digest]`, as the distribution project defines it.
pub(super) static IMAGE: Grammar = Grammar::new(
    "image reference",
    "(([A-Za-z0-9.:\\[\\]-]*[.:][A-Za-z0-9.:\\[\\]-]*|localhost)/)?\
     [a-z0-9]([a-z0-9_.-]*[a-z0-9])?(/[a-z0-9]([a-z0-9_.-]*[a-z0-9])?)*\
     (:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[^:@]+:[0-9a-fA-F]{32,})?",
    &["postgres:16"],
);

/// A restart policy.
pub(super) static RESTART: Grammar = Grammar::new(
    "restart policy",
    "no|always|unless-stopped|on-failure(:[0-9]+)?",
    &["unless-stopped", "on-failure:3"],
);

macro_rules! address {
    () => {
        "((([0-9.]+|\\[[0-9A-Fa-f:.]+\\])?:)?([0-9]{1,5}(-[0-9]{1,5})?)?:)?"
    };
}

/// `[[address:]published:]target[/protocol]`.
pub(super) static PORT: Grammar = Grammar {
    what: "port",
    pattern: concat!(
        address!(),
        "[0-9]{1,5}(-[0-9]{1,5})?(/([Tt][Cc][Pp]|[Uu][Dd][Pp]|[Ss][Cc][Tt][Pp]))?"
    ),
    takes_number: true,
    examples: &["8080:80", "127.0.0.1:5432:5432", "53:53/udp"],
};

/// `[source:]target[:options]`.
pub(super) static MOUNT: Grammar = Grammar::new(
    "mount",
    "/[^:]*|[^:]+:/[^:]*(:[^:]*)?",
    &["data:/var/lib/data", "./config:/etc/app:ro"],
);

/// `volume:NAME`.
pub(super) static VOLUME_REFERENCE: Grammar = Grammar::new(
    "reference of a volume",
    "volume:[A-Za-z0-9._-]+",
    &["volume:data"],
);

/// Bytes, or a number and a unit; every unit is binary.
pub(super) const SIZE: &str = "-1|\\s*([0-9]+\\.?[0-9]*|\\.[0-9]+)\\s*[kmgtpKMGTP]?[iI]?[bB]?\\s*";

/// Go's durations, with `d` and `w`.
pub(super) const DURATION: &str = "0|(([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|µs|ms|s|m|h|d|w))+";

/// A file mode.
pub(super) const MODE: &str = "(0o)?0*[0-7]{1,4}";

/// A date, or a date and time. An offset is refused by the decoder; `Z` is let through, because some readers of TOML add it.
pub(super) const DATE: &str =
    "[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?)?Z?";

/// Makes the pattern of one field of a cron expression out of its values and what else may stand in its lists.
macro_rules! cron_field {
    ($value:expr, $else:expr) => {
        concat!(
            "((\\*|",
            $value,
            ")(-(",
            $value,
            "))?(/0*[1-9][0-9]*)?",
            $else,
            ")",
            "(,((\\*|",
            $value,
            ")(-(",
            $value,
            "))?(/0*[1-9][0-9]*)?",
            $else,
            "))*"
        )
    };
}

macro_rules! weekday {
    () => {
        "0*[0-7]|[Ss][Uu][Nn]|[Mm][Oo][Nn]|[Tt][Uu][Ee]|[Ww][Ee][Dd]|[Tt][Hh][Uu]|[Ff][Rr][Ii]|[Ss][Aa][Tt]"
    };
}

macro_rules! month {
    () => {
        "0*([1-9]|1[0-2])|[Jj][Aa][Nn]|[Ff][Ee][Bb]|[Mm][Aa][Rr]|[Aa][Pp][Rr]|[Mm][Aa][Yy]|[Jj][Uu][Nn]|[Jj][Uu][Ll]|[Aa][Uu][Gg]|\
         [Ss][Ee][Pp]|[Oo][Cc][Tt]|[Nn][Oo][Vv]|[Dd][Ee][Cc]"
    };
}

macro_rules! preset {
    () => {
        "@([Hh][Oo][Uu][Rr][Ll][Yy]|\
         [Dd][Aa][Ii][Ll][Yy]|\
         [Mm][Ii][Dd][Nn][Ii][Gg][Hh][Tt]|\
         [Ww][Ee][Ee][Kk][Ll][Yy]|\
         [Mm][Oo][Nn][Tt][Hh][Ll][Yy]|\
         [Qq][Uu][Aa][Rr][Tt][Ee][Rr][Ll][Yy]|\
         [Yy][Ee][Aa][Rr][Ll][Yy]|\
         [Aa][Nn][Nn][Uu][Aa][Ll][Ll][Yy])"
    };
}

/// Five fields or a preset, as croniter reads them.
pub(super) static CRON: Grammar = Grammar::new(
    "cron expression",
    concat!(
        "\\s*(",
        preset!(),
        "|",
        cron_field!("0*[1-5]?[0-9]", ""),
        "\\s+",
        cron_field!("0*(1?[0-9]|2[0-3])", ""),
        "\\s+",
        cron_field!("0*([1-9]|[12][0-9]|3[01])", "|\\?|[lL]"),
        "\\s+",
        cron_field!(month!(), ""),
        "\\s+",
        cron_field!(
            weekday!(),
            concat!("|\\?|(", weekday!(), ")#[1-5]|[lL](", weekday!(), ")")
        ),
        ")\\s*"
    ),
    &["0 6 * * *", "@daily"],
);

/// An IANA time zone.
pub(super) static TIMEZONE: Grammar = Grammar::new(
    "time zone",
    "[A-Za-z][A-Za-z0-9_+/-]*",
    &["Europe/Paris", "UTC"],
);
