//! Names and ids, each a type of its own, so that a service is never passed where a network is meant.

use std::fmt;

/// A text that breaks the character rules of the name it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind}: {rule}")]
pub struct InvalidName {
    /// What the text was meant to be, such as `service name`.
    pub kind: &'static str,
    /// The text as it was given.
    pub text: String,
    /// The rule it breaks, as an instruction.
    pub rule: &'static str,
}

const KEY_RULE: &str = "use letters, digits, '.', '_' and '-'";
const PROJECT_RULE: &str =
    "use lower-case letters, digits, '_' and '-', and begin with a letter or digit";

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn is_project(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    starts_well
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}

fn is_not_empty(text: &str) -> bool {
    !text.is_empty()
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $check:ident, $rule:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes `text` if it follows the rules of this name.
            ///
            /// # Errors
            /// [`InvalidName`] with the rule that `text` breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                if $check(&text) { Ok(Self(text)) } else { Err(InvalidName { kind: $kind, text, rule: $rule }) }
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// The Compose project name: the prefix of every object of the stack at the engine.
    ProjectName, "project name", is_project, PROJECT_RULE;
    /// The key of a service under `[services]`.
    ServiceName, "service name", is_key, KEY_RULE;
    /// The key of a network under `[networks]`; its name at the engine may differ.
    NetworkName, "network name", is_key, KEY_RULE;
    /// The key of a volume under `[volumes]`; its name at the engine may differ.
    VolumeName, "volume name", is_key, KEY_RULE;
    /// The key of a config under `[configs]`.
    ConfigName, "config name", is_key, KEY_RULE;
    /// The key of a secret under `[secrets]`.
    SecretName, "secret name", is_key, KEY_RULE;
    /// The key of a host socket under `[sockets]`.
    SocketName, "socket name", is_key, KEY_RULE;
    /// The name of a profile that a service belongs to.
    ProfileName, "profile name", is_key, KEY_RULE;
    /// The key of a DAG under `[dags]`; also Airflow's `dag_id`.
    DagName, "DAG name", is_key, KEY_RULE;
    /// The key of a task under `[dags.X.tasks]`; also Airflow's `task_id`.
    TaskName, "task name", is_key, KEY_RULE;
    /// Identifies one run of a DAG, such as `manual__2026-03-02T09:14:07Z`, in Airflow's form.
    RunId, "run id", is_not_empty, "it must not be empty";
    /// The engine's id of a container: 64 hexadecimal digits at Docker.
    ContainerId, "container id", is_not_empty, "it must not be empty";
    /// The engine's id of a network.
    NetworkId, "network id", is_not_empty, "it must not be empty";
    /// The engine's id of an image, such as `sha256:…`.
    ImageId, "image id", is_not_empty, "it must not be empty";
}

impl ContainerId {
    /// Returns the first twelve characters, as Docker prints ids.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl ImageId {
    /// Returns the first twelve digits, as Docker prints ids.
    pub fn short(&self) -> &str {
        let digits = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        digits.get(..12).unwrap_or(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_compose_rules() {
        assert!(ServiceName::new("mlflow_service.v2").is_ok());
        assert!(ServiceName::new("a b").is_err());
        assert!(ProjectName::new("data-platform").is_ok());
        assert!(ProjectName::new("Data").is_err());
        assert!(ProjectName::new("-data").is_err());
        assert!(ProjectName::new("").is_err());
    }
}
