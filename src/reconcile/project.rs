//! One stack as it was read: its sources, its two forms, and what is wrong with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::engine::sockets::observe_socket;
use crate::load::{LoadError, Request, load, templates};
use crate::model::{FileRole, KeyPath, LintLevel, Resolved, Sources, Stack, Template, UserFile};
use crate::plan::Resource;
use crate::render::{
    Generated, RenderError, RenderRequest, host_facts, render, render_user_files, template_data,
};
use crate::stackfile::{
    Annotation, Code, Concern, Diagnostic, Places, Reading, Selection, Severity, check,
    fill_env_file_paths, read,
};
use crate::store::{self, Change, Difference, StoreError};

use super::ReconcileError;

/// A stack as it was read, with every mistake that it has.
#[derive(Debug, Clone)]
pub struct Project {
    /// Everything that was read.
    pub sources: Sources,
    /// The project's own templates, by file name.
    pub templates: std::collections::BTreeMap<String, String>,
    /// The stack with its `${…}` kept; `None` where the file has an error.
    pub template: Option<Arc<Stack<Template>>>,
    /// The stack with its variables filled in; `None` where there is any error.
    pub resolved: Option<Arc<Stack<Resolved>>>,
    /// Every mistake.
    pub diagnostics: Vec<Diagnostic>,
    /// Where each value came from.
    pub places: Places,
    /// The entries of `[render.files]`.
    pub files: Vec<UserFile>,
}

/// A stack that cannot be used: it has mistakes, which the project holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stack.toml has mistakes")]
pub struct HasMistakes;

/// Reads every file that decides what a stack is.
///
/// # Errors
/// [`LoadError`] where a file cannot be read.
pub(super) fn load_sources(request: &Request, selection: &Selection) -> Result<Sources, LoadError> {
    load(request, &|sources, paths| {
        fill_env_file_paths(sources, selection, paths)
    })
}

impl Project {
    /// Loads and reads a stack. Mistakes in it are no error here.
    ///
    /// # Errors
    /// [`LoadError`] where a file cannot be read.
    pub fn open(request: &Request, selection: &Selection) -> Result<Self, LoadError> {
        let sources = load_sources(request, selection)?;
        let templates = templates(&sources);
        Ok(Self::new(sources, templates, selection))
    }

    /// Loads a stack without reading it.
    ///
    /// # Errors
    /// [`LoadError`] where a file cannot be read.
    pub fn sources(request: &Request, selection: &Selection) -> Result<Sources, LoadError> {
        load_sources(request, selection)
    }

    /// Reads a stack from what was loaded.
    pub fn new(
        sources: Sources,
        templates: std::collections::BTreeMap<String, String>,
        selection: &Selection,
    ) -> Self {
        let reading = read(&sources, selection);
        Self::of(sources, templates, reading)
    }

    /// Loads a stack as [`Self::open`] does, and looks for everything that can be said of it: lints, and mistakes in overlays that are not
    /// selected.
    ///
    /// # Errors
    /// [`LoadError`] where a file cannot be read.
    pub fn check(request: &Request, selection: &Selection) -> Result<Self, LoadError> {
        let sources = load_sources(request, selection)?;
        let templates = templates(&sources);
        let reading = check(&sources, selection);
        Ok(Self::of(sources, templates, reading))
    }

    fn of(
        sources: Sources,
        templates: std::collections::BTreeMap<String, String>,
        reading: Reading,
    ) -> Self {
        Self {
            sources,
            templates,
            template: reading.template.map(Arc::new),
            resolved: reading.resolved.map(Arc::new),
            diagnostics: reading.diagnostics,
            places: reading.places,
            files: reading.files,
        }
    }

    /// Leaves its memory to the end of the process, which takes it back at once and not piece by piece: for commands that end here.
    pub fn leave_to_the_system(self) {
        std::mem::forget(self);
    }

    /// Returns the stack with its `${…}` kept.
    ///
    /// # Errors
    /// Where the file has a mistake.
    pub fn template(&self) -> Result<&Stack<Template>, HasMistakes> {
        self.template.as_deref().ok_or(HasMistakes)
    }

    /// Returns the stack with its variables filled in.
    ///
    /// # Errors
    /// Where the file or a value has a mistake.
    pub fn resolved(&self) -> Result<&Arc<Stack<Resolved>>, HasMistakes> {
        self.resolved.as_ref().ok_or(HasMistakes)
    }

    /// Returns the folder of the rendered files, relative to the stack's folder.
    pub fn output(&self) -> PathBuf {
        let compose_file = self
            .template
            .as_ref()
            .map(|stack| stack.parts().compose_file.clone());
        compose_file
            .as_deref()
            .and_then(Path::parent)
            .and_then(|folder| folder.strip_prefix(&self.sources.folder).ok())
            .map_or_else(|| PathBuf::from("generated"), Path::to_owned)
    }

    /// Returns the diagnostics that a command minds: those of values only where it needs them.
    pub fn diagnostics_for(&self, concern: Concern) -> Vec<Diagnostic> {
        self.diagnostics
            .iter()
            .filter(|diagnostic| concern == Concern::Values || diagnostic.concern == Concern::File)
            .cloned()
            .collect()
    }

    /// Returns whether there is an error among the diagnostics that a command minds.
    pub fn has_errors(&self, concern: Concern) -> bool {
        self.diagnostics_for(concern)
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Returns what lints found that `[policy.lints]` sets to fail: nothing may be applied while there is any.
    pub fn failed_lints(&self, selection: &Selection) -> Vec<Diagnostic> {
        let has_any = self.template().is_ok_and(|stack| {
            let lints = &stack.parts().policy.lints;
            lints.values().any(|level| *level == LintLevel::Fail)
        });
        if !has_any {
            return Vec::new();
        }
        let mut found = check(&self.sources, selection).diagnostics;
        found.retain(|diagnostic| diagnostic.is_error() && diagnostic.code.is_lint());
        found
    }

    /// Returns a digest of everything that rendered files depend on: the stack's files and templates, and nothing of this machine.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let files = self
            .sources
            .files
            .iter()
            .filter(|file| matches!(file.role, FileRole::Main | FileRole::Include))
            .map(|file| {
                (
                    file.path.display().to_string(),
                    file.text.as_deref().unwrap_or_default(),
                )
            });
        let templates = self
            .templates
            .iter()
            .map(|(name, text)| (format!("templates/{name}"), text.as_str()));
        for (name, text) in files.chain(templates) {
            // Lengths go in front, so that no two different sets of files run together to the same bytes.
            hash.update(format!("{} {} ", name.len(), text.len()));
            hash.update(name.as_bytes());
            hash.update(text.as_bytes());
        }
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn render_request(&self) -> RenderRequest {
        RenderRequest {
            source: self.name_of_file(),
            digest: self.digest(),
            env_files: self.env_files_for_compose(),
            output: self.output(),
            templates: self.templates.clone(),
        }
    }

    /// Returns what templates of `[render.files]` see.
    ///
    /// # Errors
    /// Where the file has a mistake.
    pub fn template_data(&self) -> Result<serde_json::Value, HasMistakes> {
        Ok(template_data(self.template()?, &self.render_request()))
    }

    /// Renders with the project's own templates, if it has any, and adds what is wrong with them to the diagnostics.
    pub fn check_templates(&mut self) {
        if self.templates.is_empty() || self.template.is_none() {
            return;
        }
        if let Err(error) = self.rendered() {
            self.diagnostics.extend(self.template_mistake(&error));
        }
    }

    /// Returns an error of a template as a diagnostic with its place; `None` for other errors, and for a built-in template.
    pub fn template_mistake(&self, error: &ReconcileError) -> Option<Diagnostic> {
        let ReconcileError::Render(RenderError::Template {
            template,
            line,
            message,
            help,
            ..
        }) = error
        else {
            return None;
        };
        let mut templates = self.sources.with_role(FileRole::Template);
        let (file, source) =
            templates.find(|(_, file)| file.path.file_name() == Some(template.as_ref()))?;
        let text = source.text.as_deref().unwrap_or_default();
        let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
        let start: usize = lines.map(str::len).sum();
        let at = text.get(start..).and_then(|rest| rest.lines().next());
        let at = at.unwrap_or_default();
        let indent = at.len() - at.trim_start().len();
        let place = Annotation {
            file,
            span: start + indent..start + at.trim_end().len().max(indent),
            label: String::new(),
        };
        let mut told = Diagnostic::error(Code::BadTemplate, message, place);
        told.help.clone_from(help);
        Some(told)
    }

    /// Renders the stack's files, with what is seen of this host's sockets.
    ///
    /// # Errors
    /// [`ReconcileError::Render`] for a template at fault, [`ReconcileError::Mistakes`] for a stack that has any.
    pub fn rendered(&self) -> Result<Vec<Generated>, ReconcileError> {
        let stack = self.template.as_ref().ok_or(HasMistakes)?;
        let request = self.render_request();
        let mut files = render(stack, &request)?;
        files.extend(render_user_files(stack, &request, &self.files)?);
        let observed = stack
            .sockets()
            .iter()
            .map(|(name, socket)| (name.clone(), observe_socket(&socket.path)))
            .collect();
        files.extend(host_facts(stack, &request.output, &observed));
        Ok(files)
    }

    /// Writes rendered files, and removes those of an earlier render that are no more among them.
    ///
    /// # Errors
    /// As [`store::write_all`].
    pub fn write(&self, files: &[Generated]) -> Result<Vec<(PathBuf, Change)>, StoreError> {
        store::write_all(&self.sources.folder, &self.output(), files)
    }

    /// Compares rendered files with those on disk.
    ///
    /// # Errors
    /// As [`store::compare_all`].
    pub fn compare(&self, files: &[Generated]) -> Result<Vec<Difference>, StoreError> {
        store::compare_all(&self.sources.folder, &self.output(), files)
    }

    /// Returns the env files that the rendered file's header names. The default one counts only beside a committed example of it: docker
    /// compose refuses a file that is not there, and what is rendered may not depend on whether it happens to be.
    fn env_files_for_compose(&self) -> Vec<String> {
        let has_example = self
            .sources
            .with_role(FileRole::EnvExample)
            .next()
            .is_some();
        self.sources
            .with_role(FileRole::StackEnv)
            .map(|(_, file)| file.path.display().to_string())
            .filter(|path| path != ".env" || has_example)
            .collect()
    }

    /// Returns where a field of a resource is set, such as `stack.toml:12`.
    pub fn place(&self, resource: &Resource, field: &KeyPath) -> Option<String> {
        let table = match resource {
            Resource::Service(name, _) => crate::key_path!["services", name],
            Resource::Network(name) => crate::key_path!["networks", name],
            Resource::Volume(name) => crate::key_path!["volumes", name],
            Resource::Socket(name) => crate::key_path!["sockets", name],
            Resource::Image(_) | Resource::Orphan(..) => return None,
        };
        let path = KeyPath::new(table.keys().iter().chain(field.keys()).cloned());
        let place = self.places.find(&path)?;
        let file = self.sources.file(place.file).path.display();
        Some(format!("{file}:{}", place.line))
    }

    /// Returns the main file's name as it is shown.
    pub fn name_of_file(&self) -> String {
        self.sources.main().path.display().to_string()
    }
}
