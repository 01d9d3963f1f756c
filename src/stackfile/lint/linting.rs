//! Asks every lint about one stack.

use crate::model::{
    ContainerOptions, ContainerPath, Form, KeyPath, Sources, Stack, Template, TemplateText,
};

use super::super::tree::Node;
use super::super::variables::{Origin, Variables};
use super::super::{Annotation, Code, Diagnostic, Places};
use super::{Levels, exposure, health, host, image, relative, secret, unused};

/// What lints look at, and what they found.
pub(in super::super) struct Linting<'a, F: Form> {
    pub(in super::super) sources: &'a Sources,
    /// The stack with its variables filled in, or kept where they have no values.
    pub(in super::super) stack: &'a Stack<F>,
    /// The stack as it is written: what is known here stands in the file.
    pub(in super::super) template: &'a Stack<Template>,
    /// The merged tree.
    pub(in super::super) tree: &'a Node,
    pub(in super::super) variables: &'a Variables<'a>,
    pub(in super::super) places: &'a Places,
    pub(in super::super) levels: &'a Levels,
    pub(in super::super) told: Vec<Diagnostic>,
}

type Lint<'a, F> = fn(&mut Linting<'a, F>);

impl<'a, F: Form> Linting<'a, F> {
    /// Returns what every lint that is switched on has to say.
    pub(in super::super) fn run(mut self) -> Vec<Diagnostic> {
        let lints: [(Code, Lint<'a, F>); 21] = [
            (Code::UnpinnedImage, image::unpinned),
            (Code::OpenPort, exposure::open_port),
            (Code::OpenDatabasePort, exposure::open_database_port),
            (Code::Privileged, host::privileged),
            (Code::HostNamespace, host::namespace),
            (Code::HostMount, host::mount),
            (Code::SocketMount, host::socket_mount),
            (Code::SocketReadOnly, host::socket_read_only),
            (Code::PlainSecret, secret::plain),
            (Code::MissingHealthcheck, health::missing),
            (Code::SlowStart, health::slow_start),
            (Code::InactiveDependency, health::inactive_dependency),
            (Code::UnusedVolume, unused::volumes),
            (Code::UnusedNetwork, unused::networks),
            (Code::UnusedConfig, unused::configs),
            (Code::UnusedSecret, unused::secrets),
            (Code::UnusedSocket, unused::sockets),
            (Code::UnusedMixin, unused::mixins),
            (Code::UnusedVariable, unused::variables),
            (Code::OneLetterVolume, host::one_letter_volume),
            (Code::RelativeVariable, relative::variables),
        ];
        for (code, lint) in lints {
            if self.levels.is_on(code) {
                lint(&mut self);
            }
        }
        self.told
    }

    /// Returns the options of every container, with their paths.
    pub(super) fn containers(
        &self,
    ) -> impl Iterator<Item = (ContainerPath<'a>, &'a ContainerOptions<F>)> + use<'a, F> {
        let stack: &'a Stack<F> = self.stack;
        stack.containers()
    }

    /// Tells something about the value at `at`.
    pub(super) fn value(
        &mut self,
        code: Code,
        at: &KeyPath,
        message: String,
        label: &str,
        help: &str,
    ) {
        let told = Diagnostic::warning(code, message, self.places.value(at, label));
        self.told.push(self.with_origins(told, at).with_help(help));
    }

    /// Tells something about the key at `at`.
    pub(super) fn key(
        &mut self,
        code: Code,
        at: &KeyPath,
        message: String,
        label: &str,
        help: &str,
    ) {
        let told = Diagnostic::warning(code, message, self.places.key(at, label));
        self.told.push(told.with_help(help));
    }

    /// Adds a place to what was told last.
    pub(super) fn also(&mut self, annotation: Annotation) {
        if let Some(last) = self.told.last_mut() {
            last.secondary.push(annotation);
        }
    }

    /// Adds where the variables in a value were set.
    fn with_origins(&self, mut told: Diagnostic, at: &KeyPath) -> Diagnostic {
        let node = at
            .keys()
            .iter()
            .try_fold(self.tree, |node, key| node.child(key));
        let text = node
            .and_then(Node::raw_text)
            .and_then(|raw| TemplateText::parse(raw).ok());
        for name in text.iter().flat_map(TemplateText::variables) {
            if let Some(Origin::EnvFile(site) | Origin::Constant(site)) =
                self.variables.origin(name)
            {
                told.secondary.push(site.label("set here"));
            }
        }
        told
    }
}
