//! Passwords that stand in the file itself.

use crate::key_path;
use crate::model::{
    ContentSource, Form, KeyPath, TaskKind, Template, Templated, is_secret_name, mask_url_passwords,
};

use super::super::Code;
use super::super::tree::{Node, Value};
use super::Linting;

/// Last words of names that tell something about a secret and are none.
const ABOUT: [&str; 22] = [
    "AGE",
    "ALGORITHM",
    "COUNT",
    "DIR",
    "ENABLED",
    "EXPIRES",
    "EXPIRY",
    "HEADER",
    "HOST",
    "ID",
    "LENGTH",
    "LIFETIME",
    "MAX",
    "MIN",
    "NAME",
    "POLICY",
    "PREFIX",
    "TIMEOUT",
    "TTL",
    "TYPE",
    "URL",
    "USER",
];

/// Words that are no secret under any name.
const PLAIN: [&str; 10] = [
    "true", "false", "yes", "no", "on", "off", "none", "null", "enabled", "disabled",
];

/// Tells secrets that stand in the file as they are: in environments, in `[vars]` and as `content` of `[secrets]`.
pub(super) fn plain<F: Form>(linting: &mut Linting<'_, F>) {
    for (at, value) in literals(linting) {
        let Some(name) = at.last().map(str::to_owned) else {
            continue;
        };
        if is_secret(&name, &value) {
            let message = format!("{at} is a secret in plain text");
            let help = match at.keys() {
                [top, _] if top == "vars" => {
                    format!(
                        "a line {name}=… in .env, which stays out of version control, in its place"
                    )
                }
                _ => format!(
                    "{name} = \"${{{name}}}\", and the value in .env, which stays out of version control"
                ),
            };
            linting.value(Code::PlainSecret, &at, message, "", &help);
        } else if has_url_password(&value) {
            let message = format!("{at} has a password in plain text");
            let help =
                "${NAME} in its place, and the value in .env, which stays out of version control";
            linting.value(Code::PlainSecret, &at, message, "", help);
        }
    }
    for name in secret_contents(linting) {
        let at = key_path!["secrets", name, "content"];
        let message = format!("{at} is a secret in plain text");
        let help =
            "environment = \"NAME\", and the value in .env, which stays out of version control";
        linting.value(Code::PlainSecret, &at, message, "", help);
    }
}

/// Returns the values of an environment that hold no variable and look like secrets, and every such value of `[vars]`.
fn literals<F: Form>(linting: &Linting<'_, F>) -> Vec<(KeyPath, String)> {
    let mut found = Vec::new();
    type Environment = indexmap::IndexMap<String, Option<Templated<String>>>;
    let mut add = |path: &dyn Fn() -> KeyPath, environment: &Environment| {
        for (name, value) in environment {
            if let Some(text) = value.as_ref().and_then(Templated::literal)
                && (is_secret(name, text) || has_url_password(text))
            {
                found.push((path().join("environment").join(name), text.clone()));
            }
        }
    };
    for (path, options) in linting.template.containers() {
        add(&|| path.key_path(), &options.environment);
    }
    for (dag, definition) in linting.template.dags() {
        for (task, definition) in &definition.tasks {
            if let TaskKind::Exec(exec) = &definition.kind {
                let path = || key_path!["dags", dag, "tasks", task, "exec"];
                add(&path, &exec.environment);
            }
        }
    }
    let vars = linting.tree.get("vars").and_then(Node::table);
    for (name, node) in vars.into_iter().flatten() {
        if let Value::Text(text) = &node.value
            && !text.raw.contains('$')
        {
            found.push((key_path!["vars", name], text.raw.to_string()));
        }
    }
    found
}

fn secret_contents<F: Form>(linting: &Linting<'_, F>) -> Vec<String> {
    let secrets = &linting.template.parts().secrets;
    secrets
        .iter()
        .filter(|(_, secret)| match &secret.source {
            ContentSource::Content(text) => {
                <Template as Form>::known(text).is_some_and(|text| !text.is_empty())
            }
            ContentSource::File(_)
            | ContentSource::Environment { .. }
            | ContentSource::External
            | ContentSource::Driver => false,
        })
        .map(|(name, _)| name.to_string())
        .collect()
}

/// Returns whether a value is a secret by its name and looks like one. Paths, switches and small numbers do not.
fn is_secret(name: &str, value: &str) -> bool {
    if !is_secret_name(name) {
        return false;
    }
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    let is_named = words.iter().any(|word| {
            ["PASS", "SECRET", "TOKEN", "CREDENTIAL"]
                .iter()
                .any(|part| word.contains(part))
        } || last.ends_with("KEY") && !words.iter().any(|word| word == "PUBLIC"));
    let is_path = value.starts_with(['/', '.', '~']);
    let is_small = value.len() < 4 && value.chars().all(|c| c.is_ascii_digit());
    let lower = value.to_lowercase();
    is_named
        && !ABOUT.contains(&last)
        && !value.trim().is_empty()
        && !is_path
        && !is_small
        && !value.contains("://")
        && !PLAIN.contains(&lower.as_str())
}

/// Returns whether a value is a URL with a password in it. Text around a URL is a program that makes one.
fn has_url_password(value: &str) -> bool {
    value.contains("://")
        && !value.contains(char::is_whitespace)
        && mask_url_passwords(value) != value
}

/// Returns the words of a name in capitals: parted by signs, and where a capital follows a small letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_small) {
            words.push(String::new());
        }
        was_small = c.is_lowercase();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_uppercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_name_and_its_looks() {
        for (name, value) in [
            ("POSTGRES_PASSWORD", "airflow"),
            ("SECRET_KEY", "temporary_key"),
            ("apiToken", "abcdef"),
            ("AWS_SECRET_ACCESS_KEY", "x/y+z"),
            ("DB_PASS", "123456"),
            ("AIRFLOW__CORE__FERNET_KEY", "x="),
        ] {
            assert!(is_secret(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("POSTGRES_PASSWORD_FILE", "/run/secrets/password"),
            ("TLS_KEY", "/certs/tls.key"),
            ("ALLOW_EMPTY_PASSWORD", "yes"),
            ("PASSWORD_MIN", "8"),
            ("TOKEN_TTL", "3600s"),
            ("KEYCLOAK_REALM", "main"),
            ("PUBLIC_KEY", "ssh-ed25519 AAAA"),
            ("SECRET_KEY", ""),
            ("TOKEN_ENDPOINT", "https://login/token"),
            ("MONKEY_BUSINESS", "much"),
        ] {
            assert!(!is_secret(name, value), "{name}={value}");
        }
    }
}
