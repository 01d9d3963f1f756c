//! Mistakes as values: what is wrong, where, and what to write instead.

use std::fmt;
use std::ops::Range;

use crate::model::FileId;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of mistake a diagnostic is about; a word that `[policy.lints]` and `stackgen explain` take.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the word.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The text is not TOML.
    NotToml = "not-toml",
    /// A table has a key that means nothing there.
    UnknownKey = "unknown-key",
    /// A value of the wrong type.
    WrongType = "wrong-type",
    /// Something of the Compose Specification that stackgen cannot do yet.
    NotSupported = "not-supported",
    /// A key that has to be there is not.
    MissingKey = "missing-key",
    /// Keys that exclude each other.
    ConflictingKeys = "conflicting-keys",
    /// A value that is not one of those allowed.
    BadValue = "bad-value",
    /// A name that breaks the rules of names.
    BadName = "bad-name",
    /// One name defined twice.
    DuplicateName = "duplicate-name",
    /// A `${…}` that is not well-formed.
    BadVariable = "bad-variable",
    /// A variable without value and default.
    UnsetVariable = "unset-variable",
    /// A line of an env file that is none.
    BadEnvFile = "bad-env-file",
    /// An env file that is not there.
    MissingEnvFile = "missing-env-file",
    /// An included file that is not there.
    MissingInclude = "missing-include",
    /// Not a cron expression.
    BadCron = "bad-cron",
    /// Not a duration.
    BadDuration = "bad-duration",
    /// Not a size.
    BadSize = "bad-size",
    /// Not an image reference.
    BadImage = "bad-image",
    /// Not a port.
    BadPort = "bad-port",
    /// Not a mount.
    BadMount = "bad-mount",
    /// Not a time zone.
    BadTimezone = "bad-timezone",
    /// Not a date.
    BadDate = "bad-date",
    /// No such service.
    UnknownService = "unknown-service",
    /// No such network.
    UnknownNetwork = "unknown-network",
    /// No such volume.
    UnknownVolume = "unknown-volume",
    /// No such config.
    UnknownConfig = "unknown-config",
    /// No such secret.
    UnknownSecret = "unknown-secret",
    /// No such socket.
    UnknownSocket = "unknown-socket",
    /// No such mixin.
    UnknownMixin = "unknown-mixin",
    /// No such task.
    UnknownTask = "unknown-task",
    /// No such profile.
    UnknownProfile = "unknown-profile",
    /// No such overlay.
    UnknownOverlay = "unknown-overlay",
    /// Services or tasks that wait for each other.
    DependencyCycle = "dependency-cycle",
    /// One host port published twice.
    PortTakenTwice = "port-taken-twice",
    /// One container name used twice.
    ContainerNameTakenTwice = "container-name-taken-twice",
    /// A fixed container name for more than one container.
    ContainerNameWithScale = "container-name-with-scale",
    /// A service or docker task without an image.
    NoImage = "no-image",
    /// A socket that a service may not have.
    SocketNotGranted = "socket-not-granted",
    /// A socket mode with rights for everybody.
    WorldAccess = "world-access",
    /// Waiting for health where the check is switched off.
    NoHealthcheck = "no-healthcheck",
    /// A needed version that this stackgen has not.
    RequiredVersion = "required-version",
    /// `:ro` on a socket, which protects nothing.
    SocketReadOnly = "socket-read-only",
    /// `$NAME` in a text for a shell, which stackgen would fill in.
    UnescapedDollar = "unescaped-dollar",
    /// `{ remove = […] }` of something that is not there.
    NothingToRemove = "nothing-to-remove",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether a diagnostic forbids going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is done.
    Error,
    /// It is shown, and work goes on.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What a diagnostic is about: the file alone, or the values of variables too.
///
/// Commands that need no values (`render`, `graph`, `schema`) pass over those of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concern {
    /// It is wrong whatever the variables are.
    File,
    /// It is wrong with today's values.
    Values,
}

/// A place with a word on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Annotation {
    /// The file.
    pub file: FileId,
    /// The bytes in it.
    pub span: Range<usize>,
    /// What is there; empty where the message says it already.
    pub label: String,
}

/// One mistake: what is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of mistake.
    pub code: Code,
    /// Whether it forbids going on.
    pub severity: Severity,
    /// What is wrong, in the user's terms, with the path of the thing.
    pub message: String,
    /// Where it is wrong.
    pub primary: Annotation,
    /// Places that explain it.
    pub secondary: Vec<Annotation>,
    /// A picture of it that stands in the place of the source lines, such as a cycle as a path.
    pub drawing: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// What to type.
    pub help: Option<String>,
    /// Whether the file is wrong or the values.
    pub concern: Concern,
}

impl Diagnostic {
    /// Returns an error about the file.
    pub fn error(code: Code, message: impl Into<String>, primary: Annotation) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary,
            secondary: Vec::new(),
            drawing: Vec::new(),
            notes: Vec::new(),
            help: None,
            concern: Concern::File,
        }
    }

    /// Returns a warning about the file.
    pub fn warning(code: Code, message: impl Into<String>, primary: Annotation) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message, primary)
        }
    }

    /// Adds what to type.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a place that explains it.
    #[must_use]
    pub fn with_secondary(mut self, annotation: Annotation) -> Self {
        self.secondary.push(annotation);
        self
    }

    /// Makes it one about today's values.
    #[must_use]
    pub fn about_values(mut self) -> Self {
        self.concern = Concern::Values;
        self
    }

    /// Returns whether it forbids going on.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Returns what diagnostics are sorted by: the file, the place in it, the code.
    pub(super) fn sort_key(&self) -> (FileId, usize, usize, Code) {
        let at = &self.primary;
        (at.file, at.span.start, at.span.end, self.code)
    }
}
