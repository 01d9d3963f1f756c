//! The kinds of mistakes and lints: a word each, what it means, and how much it counts.

use std::fmt;

use crate::model::LintLevel;

use super::suggest::nearest;

/// A section for each code: why it matters, and an example of wrong and right.
const EXPLANATIONS: &str = include_str!("explanations.md");

/// The beginning of the page that explains every code.
const PAGE_HEAD: &str = "# Diagnostics and lints

What `stackgen check` may say, by code; `stackgen explain CODE` prints the same. A mistake is an error: nothing is done before it is
put right (exit code 65). A lint is about what is allowed and seldom meant; only `check` shows lints. `[policy.lints]` sets how much
each counts:

```toml
[policy.lints]
privileged     = \"off\"     # not looked for
unpinned-image = \"warn\"    # shown
plain-secret   = \"fail\"    # shown as an error; `check` exits 1, `apply` exits 3 and `watch` keeps what runs
```

This page is written by a test from the table of codes: `STACKGEN_BLESS=1 cargo nextest run --test diagnostics`.
";

macro_rules! codes {
    (
        mistakes { $(#[doc = $mistake_line:literal] $mistake:ident = $mistake_name:literal,)* }
        lints { $(#[doc = $lint_line:literal] $lint:ident = $lint_name:literal, $level:ident;)* }
    ) => {
        /// What kind of mistake a diagnostic is about; a word that `[policy.lints]` and `stackgen explain` take.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $mistake_line] $mistake,)*
            $(#[doc = $lint_line] $lint,)*
        }

        impl Code {
            /// Every code: mistakes first, then lints.
            pub const ALL: &'static [Self] = &[$(Self::$mistake,)* $(Self::$lint,)*];

            /// Returns the word.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$mistake => $mistake_name,)*
                    $(Self::$lint => $lint_name,)*
                }
            }

            /// Returns one line on what it is about.
            pub fn line(self) -> &'static str {
                match self {
                    $(Self::$mistake => $mistake_line,)*
                    $(Self::$lint => $lint_line,)*
                }
                .trim()
            }

            /// Returns how much a lint counts where `[policy.lints]` does not say; `None` for a mistake, which always forbids going on.
            pub fn default_level(self) -> Option<LintLevel> {
                match self {
                    $(Self::$mistake => None,)*
                    $(Self::$lint => Some(LintLevel::$level),)*
                }
            }
        }
    };
}

codes! {
    mistakes {
        /// The text is not TOML.
        NotToml = "not-toml",
        /// A file or text is larger, deeper or longer than any stack needs.
        TooLarge = "too-large",
        /// A table has a key that means nothing there.
        UnknownKey = "unknown-key",
        /// A value is of the wrong type.
        WrongType = "wrong-type",
        /// Something of the Compose Specification that stackgen cannot do yet.
        NotSupported = "not-supported",
        /// A key that has to be there is not.
        MissingKey = "missing-key",
        /// Keys that exclude each other stand side by side.
        ConflictingKeys = "conflicting-keys",
        /// A value is not one of those allowed.
        BadValue = "bad-value",
        /// A name breaks the rules of names.
        BadName = "bad-name",
        /// One name is defined twice.
        DuplicateName = "duplicate-name",
        /// A `${…}` is not well-formed.
        BadVariable = "bad-variable",
        /// A template of `[render]` is missing, or cannot be rendered.
        BadTemplate = "bad-template",
        /// A variable has neither a value nor a default.
        UnsetVariable = "unset-variable",
        /// A line of an env file is none.
        BadEnvFile = "bad-env-file",
        /// An env file is not there.
        MissingEnvFile = "missing-env-file",
        /// An included file is not there.
        MissingInclude = "missing-include",
        /// A schedule is no cron expression.
        BadCron = "bad-cron",
        /// A value is no duration.
        BadDuration = "bad-duration",
        /// A value is no size.
        BadSize = "bad-size",
        /// A value is no image reference.
        BadImage = "bad-image",
        /// A value is no port.
        BadPort = "bad-port",
        /// A value is no mount.
        BadMount = "bad-mount",
        /// A value is no time zone.
        BadTimezone = "bad-timezone",
        /// A value is no date.
        BadDate = "bad-date",
        /// A service is named that does not exist.
        UnknownService = "unknown-service",
        /// A network is named that does not exist.
        UnknownNetwork = "unknown-network",
        /// A volume is named that does not exist.
        UnknownVolume = "unknown-volume",
        /// A config is named that does not exist.
        UnknownConfig = "unknown-config",
        /// A secret is named that does not exist.
        UnknownSecret = "unknown-secret",
        /// A socket is named that does not exist.
        UnknownSocket = "unknown-socket",
        /// A mixin is named that does not exist.
        UnknownMixin = "unknown-mixin",
        /// A task is named that does not exist.
        UnknownTask = "unknown-task",
        /// `--overlay` names an overlay that does not exist.
        UnknownOverlay = "unknown-overlay",
        /// `[policy.lints]` names a lint that does not exist.
        UnknownLint = "unknown-lint",
        /// Services or tasks wait for each other.
        DependencyCycle = "dependency-cycle",
        /// One host port is published twice.
        PortTakenTwice = "port-taken-twice",
        /// One container name is used twice.
        ContainerNameTakenTwice = "container-name-taken-twice",
        /// A fixed container name is meant for more than one container.
        ContainerNameWithScale = "container-name-with-scale",
        /// A service or docker task has no image.
        NoImage = "no-image",
        /// A service asks for a socket that it may not have.
        SocketNotGranted = "socket-not-granted",
        /// The mode of a socket has rights for everybody.
        WorldAccess = "world-access",
        /// Something waits for health where the check is switched off.
        NoHealthcheck = "no-healthcheck",
        /// The stack needs a newer stackgen.
        RequiredVersion = "required-version",
    }
    lints {
        /// `:ro` on a socket, which protects nothing.
        SocketReadOnly = "socket-read-only", Warn;
        /// A `$NAME` in a text for a shell, which stackgen would fill in.
        UnescapedDollar = "unescaped-dollar", Warn;
        /// `{ remove = […] }` of something that is not there.
        NothingToRemove = "nothing-to-remove", Warn;
        /// A top-level `x-…` table, YAML's way to share.
        ExtensionTable = "extension-table", Warn;
        /// An image without a tag or with `latest`, which changes under the same name.
        UnpinnedImage = "unpinned-image", Warn;
        /// A port that is published on every address of the machine.
        OpenPort = "open-port", Off;
        /// The port of a database, cache or queue that is published on every address of the machine.
        OpenDatabasePort = "open-database-port", Warn;
        /// A container with all rights on the machine.
        Privileged = "privileged", Warn;
        /// A container that shares the network, the processes or another namespace of the machine.
        HostNamespace = "host-namespace", Warn;
        /// A mount of `/`, `/etc`, `/var/run` or another folder that is the machine itself.
        HostMount = "host-mount", Warn;
        /// The socket of a container engine, mounted by hand.
        SocketMount = "socket-mount", Warn;
        /// A password, token or key that stands in the file as it is.
        PlainSecret = "plain-secret", Warn;
        /// A service that others wait for as healthy, and that has no health check.
        MissingHealthcheck = "missing-healthcheck", Warn;
        /// A health check that makes those who wait for it slow to start.
        SlowStart = "slow-start", Warn;
        /// A service that depends on one which its profile switches off.
        InactiveDependency = "inactive-dependency", Warn;
        /// A volume that no container mounts.
        UnusedVolume = "unused-volume", Warn;
        /// A network that nothing is attached to.
        UnusedNetwork = "unused-network", Warn;
        /// A config that no container has.
        UnusedConfig = "unused-config", Warn;
        /// A secret that no container has.
        UnusedSecret = "unused-secret", Warn;
        /// A socket that no service asks for.
        UnusedSocket = "unused-socket", Warn;
        /// A mixin that no service uses.
        UnusedMixin = "unused-mixin", Warn;
        /// A constant of `[vars]` that nothing names.
        UnusedVariable = "unused-variable", Warn;
        /// A volume whose name is one letter, as drives of Windows have.
        OneLetterVolume = "one-letter-volume", Warn;
        /// A variable that holds a relative path, which docker compose takes from another folder.
        RelativeVariable = "relative-variable", Warn;
    }
}

impl Code {
    /// Returns the code that bears a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Returns the code whose name was probably meant.
    pub fn nearest(name: &str) -> Option<Self> {
        nearest(name, Self::ALL.iter().map(|code| code.name())).and_then(Self::from_name)
    }

    /// Returns whether `[policy.lints]` can set how much it counts.
    pub fn is_lint(self) -> bool {
        self.default_level().is_some()
    }

    /// Returns what it means, why it matters, and an example of wrong and right, as Markdown.
    pub fn explanation(self) -> &'static str {
        let start = format!("## {}\n", self.name());
        let section = EXPLANATIONS.split_once(&start).map(|(_, rest)| rest);
        let end = |text: &'static str| text.find("\n## ").unwrap_or(text.len());
        section
            .map(|text| text[..end(text)].trim())
            .unwrap_or_default()
    }

    /// Returns the page that explains every code, as Markdown: `docs/diagnostics.md`.
    pub fn page() -> String {
        let mut page = PAGE_HEAD.to_owned();
        for (title, is_lint) in [("Mistakes", false), ("Lints", true)] {
            page.push_str(&format!("\n## {title}\n\n"));
            page.push_str(match is_lint {
                false => "| code | what |\n|---|---|\n",
                true => "| code | default | what |\n|---|---|---|\n",
            });
            for code in Self::ALL.iter().filter(|code| code.is_lint() == is_lint) {
                let level = code.default_level();
                let level = level.map_or_else(String::new, |level| format!(" {level} |"));
                page.push_str(&format!("| [{code}](#{code}) |{level} {} |\n", code.line()));
            }
        }
        page.push_str("\n## Explanations\n");
        for code in Self::ALL {
            let (explanation, how) = (code.explanation(), code.how_to_set());
            page.push_str(&format!(
                "\n### {code}\n\n{}\n\n{explanation}\n",
                code.line()
            ));
            if code.is_lint() {
                page.push_str(&format!("\n{how}\n"));
            }
        }
        page
    }

    /// Returns how its level is set, in a sentence.
    pub fn how_to_set(self) -> String {
        let name = self.name();
        match self.default_level() {
            None => "It is an error; `[policy.lints]` does not change that.".to_owned(),
            Some(level) => format!(
                "Default: {level}. Set it with `[policy.lints]` and `{name} = \"off\"`, `\"warn\"` or `\"fail\"`."
            ),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_word_of_its_own_and_an_explanation() {
        for code in Code::ALL {
            assert_eq!(Code::from_name(code.name()), Some(*code));
            let lines = code.explanation().lines().count();
            assert!(lines >= 2, "{code} has no explanation");
            assert!(!code.line().is_empty());
        }
        assert_eq!(Code::from_name("no-such-code"), None);
    }

    #[test]
    fn no_explanation_is_without_a_code() {
        let sections: Vec<&str> = EXPLANATIONS
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        let names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(sections, names);
    }

    #[test]
    fn explanations_fit_a_terminal() {
        for line in EXPLANATIONS.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}
