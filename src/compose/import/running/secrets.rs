//! Secrets of containers: in stack.toml stand variables in their place.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::{Found, is_switch, secrets_in};
use super::container::Source;
use super::value::escaped;
use crate::compose::import::item::Item;
use crate::model::{is_secret_name, url_passwords};

/// A secret shorter than this is not looked for in texts that do not say that it is one: too much would look like it.
const SHORTEST: usize = 6;

/// Which variable stands for which secret.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Variables by what they stand for.
    variables: BTreeMap<String, String>,
    /// Those of them that are not set yet.
    unset: BTreeSet<String>,
    taken: BTreeSet<String>,
    /// Texts that stand in the file anyway.
    open: BTreeSet<String>,
}

impl Secrets {
    /// Finds the secrets of all services and names them: after a variable that has this value already, else after the name that a
    /// service has for it, with the service's in front where another one means another value by it.
    pub(super) fn gather(sources: &[Source<'_>], set: &BTreeMap<String, String>) -> Self {
        let mut secrets = Self {
            taken: set.keys().cloned().collect(),
            ..Self::default()
        };
        let mut found: Vec<(String, String, String)> = Vec::new();
        for source in sources {
            secrets.open.insert(source.name.to_string());
            for (name, value) in source.own_environment() {
                let Some(value) = value else { continue };
                match is_secret(name, value) {
                    true => {
                        found.push((name.to_owned(), value.to_owned(), source.name.to_string()))
                    }
                    false => {
                        secrets.open.insert(value.to_owned());
                    }
                }
            }
        }
        for source in sources {
            let mut add = |name: String, value: &str| {
                found.push((name, value.to_owned(), source.name.to_string()));
            };
            for (name, value) in source.own_environment() {
                for span in value.map(url_passwords).unwrap_or_default() {
                    add(format!("{name}_PASSWORD"), &value.unwrap_or_default()[span]);
                }
            }
            for (name, value) in source.own_labels() {
                if is_secret(name, value) {
                    let last = name.rsplit('.').next().unwrap_or(name);
                    add(last.to_owned(), value);
                }
            }
            for words in source.command_lines() {
                for (word, found) in words.iter().zip(secrets_in(&words)) {
                    for Found { span, name } in found {
                        add(
                            name.unwrap_or_else(|| "URL_PASSWORD".to_owned()),
                            &word[span],
                        );
                    }
                }
            }
        }
        secrets.name_all(&found, set);
        secrets
    }

    fn name_all(&mut self, found: &[(String, String, String)], set: &BTreeMap<String, String>) {
        let mut values: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (name, value, _) in found {
            values.entry(variable(name)).or_default().insert(value);
        }
        for (name, value, service) in found {
            if self.variables.contains_key(value) {
                continue;
            }
            let name = variable(name);
            let has_value = |(_, other): &(&String, &String)| *other == value;
            let known = set
                .get_key_value(&name)
                .filter(has_value)
                .or_else(|| set.iter().find(has_value));
            let chosen = match known {
                Some((known, _)) => known.clone(),
                None => {
                    let is_shared = values.get(&name).is_some_and(|values| values.len() > 1);
                    let free = self.free(&name, &variable(service), is_shared);
                    self.unset.insert(free.clone());
                    free
                }
            };
            self.taken.insert(chosen.clone());
            self.variables.insert(value.clone(), chosen);
        }
    }

    fn free(&self, name: &str, service: &str, is_shared: bool) -> String {
        let long = format!("{service}_{name}");
        let short = (!is_shared).then(|| name.to_owned());
        let numbered = (2..).map(|number| format!("{long}_{number}"));
        short
            .into_iter()
            .chain([long.clone()])
            .chain(numbered)
            .find(|name| !self.taken.contains(name))
            .unwrap_or(long)
    }

    /// Returns every variable that stands for a secret.
    pub(super) fn all(&self) -> BTreeSet<&str> {
        self.variables.values().map(String::as_str).collect()
    }

    /// Returns those of them that nothing sets yet.
    pub(super) fn unset(&self) -> &BTreeSet<String> {
        &self.unset
    }

    /// Returns the value of a key or variable, as it may stand in the file.
    pub(super) fn entry(&self, name: &str, value: &str) -> Item {
        let whole = self.variables.get(value).filter(|_| is_secret(name, value));
        super::value::written(match whole {
            Some(variable) => format!("${{{variable}}}"),
            None => self.with_spans(value, url_passwords(value)),
        })
    }

    /// Returns the words of a command line, as they may stand in the file.
    pub(super) fn words(&self, words: &[String]) -> Vec<Item> {
        let spans = secrets_in(words);
        words
            .iter()
            .zip(spans)
            .map(|(word, found)| {
                let spans = found.into_iter().map(|found| found.span).collect();
                super::value::written(self.with_spans(word, spans))
            })
            .collect()
    }

    fn with_spans(&self, text: &str, spans: Vec<std::ops::Range<usize>>) -> String {
        let mut out = String::new();
        let mut done = 0;
        for span in spans {
            let Some(variable) = self.variables.get(&text[span.clone()]) else {
                continue;
            };
            out.push_str(&self.without_known(&text[done..span.start]));
            out.push_str(&format!("${{{variable}}}"));
            done = span.end;
        }
        out.push_str(&self.without_known(&text[done..]));
        out
    }

    /// Returns a text with the known secrets in it replaced.
    fn without_known(&self, text: &str) -> String {
        let known = self
            .variables
            .iter()
            .filter(|(value, _)| value.len() >= SHORTEST && !self.open.contains(*value))
            .filter_map(|(value, name)| Some((text.find(value.as_str())?, value, name)))
            .max_by_key(|(_, value, _)| value.len());
        match known {
            Some((at, value, name)) => format!(
                "{}${{{name}}}{}",
                self.without_known(&text[..at]),
                self.without_known(&text[at + value.len()..])
            ),
            None => escaped(text),
        }
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    is_secret_name(name) && !value.is_empty() && !is_switch(value)
}

/// Returns a name that `${…}` can hold.
fn variable(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let kept = upper.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    match kept.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{kept}"),
        false => kept,
    }
}
