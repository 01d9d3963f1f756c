//! Decodes health checks.

use crate::model::{Form, Healthcheck};

use super::super::Code;
use super::super::language;
use super::super::tree::Node;
use super::{At, Decoder, Reader};

impl<'a, F: Form> Decoder<'a, F> {
    pub(super) fn healthcheck(&mut self, node: &Node, path: &At<'_>) -> Option<Healthcheck<F>> {
        let mut reader = Reader::open(self, node, path, &language::HEALTHCHECK)?;
        let healthcheck = Healthcheck {
            test: reader.with("test", Decoder::health_test),
            interval: reader.duration("interval"),
            timeout: reader.duration("timeout"),
            retries: reader.with("retries", |decoder, node, path| {
                decoder.value(node, path, Decoder::known_u32)
            }),
            start_period: reader.duration("start_period"),
            start_interval: reader.duration("start_interval"),
            disable: reader.flag("disable").unwrap_or(false),
            more: reader.carry(&[]),
        };
        reader.finish();
        Some(healthcheck)
    }

    /// Decodes a test: a list that says how it is run, or a text for the shell.
    fn health_test(&mut self, node: &Node, path: &At<'_>) -> Option<Vec<F::Value<String>>> {
        let Some(items) = node.list() else {
            let shell = F::literal("CMD-SHELL".to_owned());
            return self.text(node, path).map(|text| vec![shell, text]);
        };
        let test = self.texts(node, path)?;
        let first = test.first().map(|word| F::known(word).map(String::as_str));
        match first {
            None | Some(Some("CMD" | "CMD-SHELL" | "NONE")) => Some(test),
            Some(_) if items.len() != test.len() => None,
            Some(_) => {
                let message = format!("{path} has to begin with CMD, CMD-SHELL or NONE");
                let help = "test = [\"CMD\", \"pg_isready\"]".to_owned();
                self.bad_value(Code::BadValue, &items[0], message, "", Some(help));
                None
            }
        }
    }
}
