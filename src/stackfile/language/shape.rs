//! What may stand in the place of a key.

use super::super::Code;
use super::{Grammar, Table};

/// What may stand in the place of a key. Unless it is within [`Shape::Fixed`], a text with `${…}` does as well as a number, a truth
/// value, a size and the like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text.
    Text,
    /// Text, or a number or truth value that becomes text.
    Loose,
    /// A path of the host; a text that is no path (`docker-image://…`) stays as it is.
    Path,
    /// True or false.
    Flag,
    /// A whole number.
    Number,
    /// A whole number from the first to the second, these included.
    Range(i64, i64),
    /// A number.
    Real,
    /// A number of CPUs.
    Cpus,
    /// A size: bytes, or text with a unit.
    Size,
    /// A duration: text with a unit.
    Duration,
    /// A file mode: text in octal, or an octal number.
    Mode,
    /// A whole number, or `all`, which is -1.
    Count,
    /// A date, or a date and time, without an offset.
    Date,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text with a grammar of its own.
    Grammar(&'static Grammar),
    /// The name of something.
    Name(Kind),
    /// What cannot depend on a variable.
    Fixed(&'static Shape),
    /// A command line: a list of words, or a text that is split.
    Command,
    /// A list that begins with one of these words, or a text for the shell.
    Test(&'static [&'static str]),
    /// `name=address`, as a list or a table.
    Hosts,
    /// A list; where a text may be an item, one text is a list of one.
    List(&'static Shape),
    /// A list, and nothing else.
    Array(&'static Shape),
    /// A table with keys of the user's.
    Map(&'static Shape),
    /// As [`Shape::Map`]; a list of `KEY=value` will do. A key without a value has an empty one.
    Pairs(&'static Shape),
    /// As [`Shape::Pairs`], where a key without a value is nothing: a variable taken from the environment, an entry without options.
    Names(&'static Shape),
    /// A table whose keys are names.
    Section(Kind, &'static Shape),
    /// A table with these keys.
    Table(&'static Table),
    /// A table with these keys, or a value for the first of them.
    Short(&'static Table),
    /// A list of tables with these keys, or the word `all`.
    Devices(&'static Table),
    /// The first of these that fits.
    Either(&'static [Shape]),
    /// What is merged over other layers: any key in it may hold `{ append = … }`, `{ remove = … }`, `{ reset = true }` or
    /// `{ null = true }`, and nothing is required, since a layer below may have it.
    Layered(&'static Shape),
    /// Anything, as it is.
    Any,
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The project.
    Project,
    /// A service.
    Service,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// A config.
    Config,
    /// A secret.
    Secret,
    /// A model.
    Model,
    /// A host socket.
    Socket,
    /// A profile.
    Profile,
    /// A mixin.
    Mixin,
    /// An overlay.
    Overlay,
    /// A DAG.
    Dag,
    /// A task.
    Task,
    /// A lint.
    Lint,
}

impl Kind {
    /// Returns a regular expression of the names there may be; none where any text will do.
    pub fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Project => Some("^[a-z0-9][a-z0-9_-]*$"),
            Self::Mixin | Self::Overlay | Self::Model => None,
            _ => Some("^[A-Za-z0-9._-]+$"),
        }
    }

    /// Returns every name there is, with what it means; none where names are the user's.
    pub fn all(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Lint => {
                let lints = Code::ALL.iter().filter(|code| code.is_lint());
                lints.map(|code| (code.name(), code.line())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns whether an entry of that name may be nothing, as `data:` under Compose's `volumes`.
    pub fn may_be_null(self) -> bool {
        matches!(self, Self::Network | Self::Volume)
    }

    /// Returns a name as examples have it.
    pub fn example(self) -> &'static str {
        match self {
            Self::Project => "shop",
            Self::Service => "web",
            Self::Network => "back",
            Self::Volume => "data",
            Self::Config => "settings",
            Self::Secret => "password",
            Self::Model => "llm",
            Self::Socket => "docker",
            Self::Profile => "debug",
            Self::Mixin => "base",
            Self::Overlay => "production",
            Self::Dag => "pipeline",
            Self::Task => "load",
            Self::Lint => "socket-read-only",
        }
    }

    /// Returns what it is called.
    pub fn what(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Service => "service",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Config => "config",
            Self::Secret => "secret",
            Self::Model => "model",
            Self::Socket => "socket",
            Self::Profile => "profile",
            Self::Mixin => "mixin",
            Self::Overlay => "overlay",
            Self::Dag => "DAG",
            Self::Task => "task",
            Self::Lint => "lint",
        }
    }
}
