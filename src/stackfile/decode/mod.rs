//! Decodes the merged tree into the types of the model, and collects every mistake on the way.
//!
//! One decoder serves both forms: in the template form a text may still hold variables, in the resolved form they are filled in.

mod at;
mod container;
mod dag;
mod deploy;
mod health;
mod mount;
mod network;
mod port;
mod reader;
mod render;
mod resource;
mod scalar;
mod service;
mod service_file;
mod shape;
mod stack;
mod task;

use std::marker::PhantomData;
use std::path::Path;

use crate::model::{
    ENV_VALUES, FILLED_BYTES, FileId, Form, GROWN_BYTES, PORTS, Sources, TemplateText, clean_path,
    is_secret_name, mask_url_passwords,
};

use super::diagnostic::MISTAKES;
use super::env_file::EnvEntry;
use super::fill::Mode;
use super::text_position::within_string;
use super::tree::{Node, Site, Value};
use super::variables::{Variables, too_long};
use super::{Annotation, Code, Diagnostic};

pub(super) use at::At;
pub(super) use reader::{Reader, unknown_key};
pub(super) use render::user_files;
pub(super) use stack::{SERVICE_ONLY, decode_stack};

/// Decodes one form of the stack.
pub(super) struct Decoder<'a, F: Form> {
    pub(super) sources: &'a Sources,
    pub(super) variables: &'a Variables<'a>,
    /// Whether values of this machine are wanted: absolute paths, env files, values of secrets.
    pub(super) is_resolving: bool,
    pub(super) told: Vec<Diagnostic>,
    /// How many lines the env files of services had so far, each counted for every service that names it.
    env_lines: usize,
    /// How many bytes their values have.
    env_bytes: usize,
    /// How many ports the ranges of services may still make.
    ports_left: usize,
    form: PhantomData<F>,
}

impl<'a, F: Form> Decoder<'a, F> {
    pub(super) fn new(
        sources: &'a Sources,
        variables: &'a Variables<'a>,
        is_resolving: bool,
    ) -> Self {
        Self {
            sources,
            variables,
            is_resolving,
            told: Vec::new(),
            env_lines: 0,
            env_bytes: 0,
            ports_left: PORTS,
            form: PhantomData,
        }
    }

    /// Returns which form is decoded.
    pub(super) fn mode(&self) -> Mode {
        match self.is_resolving {
            true => Mode::Resolve,
            false => Mode::Keep,
        }
    }

    /// Returns whether more mistakes would not be told.
    pub(super) fn is_full(&self) -> bool {
        self.told.len() >= MISTAKES
    }

    pub(super) fn tell(&mut self, diagnostic: Diagnostic) {
        if self.told.len() < MISTAKES {
            self.told.push(diagnostic);
        }
    }

    /// Returns whether one more env file of a service may be read; that all of them are too much is told once.
    fn takes_env_file(&mut self, file: FileId, text: &str) -> bool {
        let was_bounded = self.env_lines <= 2 * ENV_VALUES;
        self.env_lines = self.env_lines.saturating_add(text.lines().count());
        let is_bounded = self.env_lines <= 2 * ENV_VALUES;
        if was_bounded && !is_bounded {
            let most = 2 * ENV_VALUES;
            let message = format!(
                "the env files of all services hold more than {most} lines, each counted for every service that names it"
            );
            let at = Site::new(file, 0..0).label("");
            self.tell(Diagnostic::error(Code::TooLarge, message, at));
        }
        is_bounded
    }

    /// Returns whether the value of an entry of an env file may be made; that they grow too long is told once.
    fn takes_env_value(
        &mut self,
        file: FileId,
        entry: &EnvEntry,
        earlier: &dyn Fn(&str) -> usize,
    ) -> bool {
        let size = self.variables.entry_size(entry, earlier);
        let was_bounded = self.env_bytes <= GROWN_BYTES;
        self.env_bytes = self.env_bytes.saturating_add(size);
        let is_bounded = size <= FILLED_BYTES && self.env_bytes <= GROWN_BYTES;
        if was_bounded && !is_bounded {
            let site = Site::new(file, entry.span.clone());
            self.tell(too_long(&entry.name, site));
        }
        is_bounded
    }

    /// Tells that a value is of the wrong type, unless a mistake made it so that was told already.
    pub(super) fn wrong_type(&mut self, node: &Node, path: &At<'_>, expected: &str) {
        if node.is_poison(self.mode()) {
            return;
        }
        if node
            .raw_text()
            .is_some_and(|_| self.variable_in(node).is_some())
        {
            let message = format!("{path} cannot depend on a variable");
            let label = format!("{expected} stands here as it is");
            self.tell(Diagnostic::error(
                Code::WrongType,
                message,
                node.at.label(label),
            ));
            return;
        }
        let message = format!("{path} has to be {expected}");
        self.tell(Diagnostic::error(
            Code::WrongType,
            message,
            node.at.label(node.kind()),
        ));
    }

    /// Returns the template of a text that still holds variables.
    pub(super) fn variable_in<'n>(&self, node: &'n Node) -> Option<&'n TemplateText> {
        match &node.value {
            Value::Text(text) => match text.state(self.mode()) {
                Some(super::tree::TextState::Template(template)) => Some(template),
                _ => None,
            },
            _ => None,
        }
    }

    /// Tells a mistake in a value that depends on the value's text, and where variables in it were set.
    pub(super) fn bad_value(
        &mut self,
        code: Code,
        node: &Node,
        message: String,
        label: &str,
        help: Option<String>,
    ) {
        let names: Vec<String> = node
            .raw_text()
            .and_then(|raw| TemplateText::parse(raw).ok())
            .map(|text| text.variables().into_iter().map(str::to_owned).collect())
            .unwrap_or_default();
        let value = match &node.value {
            Value::Text(text) => text.known(self.mode()).unwrap_or_default(),
            _ => "",
        };
        let mut message = mask_url_passwords(&message);
        let label = if names.iter().any(|name| is_secret_name(name)) && !value.is_empty() {
            message = message.replace(&format!("{value:?}"), "***");
            "***".to_owned()
        } else if names.is_empty() || value.is_empty() {
            label.to_owned()
        } else {
            mask_url_passwords(&format!("{value:?}"))
        };
        let mut diagnostic = Diagnostic::error(code, message, node.at.label(label));
        diagnostic.help = help;
        for name in names {
            if let Some(annotation) = self.where_set(&name) {
                diagnostic.secondary.push(annotation);
            }
        }
        self.tell(diagnostic);
    }

    fn where_set(&self, name: &str) -> Option<Annotation> {
        use super::variables::Origin;
        match self.variables.origin(name)? {
            Origin::Environment => None,
            Origin::Constant(site) => Some(site.label("set here")),
            Origin::EnvFile(site) => {
                let label = match self.variables.constant_site(name) {
                    Some(over) => {
                        let path = self.sources.file(over.file()).path.display();
                        let (line, _) =
                            super::line_and_column(self.sources, over.file(), over.span().start);
                        format!("set here, over {path}:{line}")
                    }
                    None => "set here".to_owned(),
                };
                Some(site.label(label))
            }
        }
    }

    /// Returns the bytes of the file that a part of a text came from; the whole text where variables were filled in.
    pub(super) fn part_of(&self, node: &Node, part: std::ops::Range<usize>) -> Site {
        let Value::Text(text) = &node.value else {
            return node.at;
        };
        if text.known(self.mode()) != Some(&*text.raw) {
            return node.at;
        }
        let source = self
            .sources
            .file(node.at.file())
            .text
            .as_deref()
            .unwrap_or_default();
        let part = part.start + text.offset as usize..part.end + text.offset as usize;
        Site::new(node.at.file(), within_string(source, &node.at.span(), part))
    }

    /// Returns a path of the host: as written in the template form, absolute in the resolved form.
    pub(super) fn host_path(&self, path: &str) -> String {
        if !self.is_resolving {
            return path.to_owned();
        }
        let home = self.sources.environment.get("HOME");
        let expanded = match (path.strip_prefix('~'), home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                format!("{home}{rest}")
            }
            _ => path.to_owned(),
        };
        let absolute = self.sources.absolute(Path::new(&expanded));
        clean_path(&absolute.to_string_lossy())
    }
}

/// Splits a text at a sign that does not stand within `${…}`, nor within the brackets of an IPv6 address.
pub(super) fn split_outside_braces(text: &str, sign: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            c if c == sign && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
