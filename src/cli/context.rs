//! What every command starts from: the writer, the global flags and the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::docker::DockerEngine;
use crate::load::Request;
use crate::model::{InvalidName, ProfileName, ProjectName, ServiceName};
use crate::reconcile::{Project, Session, compose_generation};
use crate::render::Generated;
use crate::stackfile::{Concern, Diagnostic, Selection};
use crate::store::StateDir;

use super::diagnostics::{DrawOptions, draw};
use super::ui::{WARNING, styled};
use super::{ExitCode, Failure, Global, Ui};

/// What a command has at hand.
#[derive(Clone)]
pub(crate) struct Context {
    /// The writer.
    pub(crate) ui: Ui,
    /// The flags that hold for every command.
    pub(crate) global: Global,
    /// The environment of the process.
    pub(crate) environment: BTreeMap<String, String>,
    /// Where the process was started.
    pub(crate) directory: PathBuf,
}

impl Context {
    /// Returns which stack is meant.
    pub(crate) fn request(&self) -> Request {
        Request {
            file: self.global.file.clone(),
            directory: self.directory.clone(),
            environment: self.environment.clone(),
        }
    }

    /// Returns what of the stack is meant, for a command that minds `concern`.
    pub(crate) fn selection(&self, concern: Concern) -> Result<Selection, Failure> {
        let project = self.global.project.clone().map(ProjectName::new);
        let profiles = self.global.profile.iter().map(ProfileName::new);
        Ok(Selection {
            project: project.transpose().map_err(usage)?,
            overlays: self.global.overlay.clone(),
            profiles: profiles.collect::<Result<_, _>>().map_err(usage)?,
            concern,
        })
    }

    /// Loads and reads the stack, whatever is wrong with it.
    pub(crate) fn project(&self, concern: Concern) -> Result<Project, Failure> {
        Ok(Project::open(&self.request(), &self.selection(concern)?)?)
    }

    /// Loads the stack, shows what is wrong with it, and fails where a command that minds `concern` cannot go on.
    pub(crate) fn checked(&self, concern: Concern) -> Result<Project, Failure> {
        let project = self.project(concern)?;
        self.show_diagnostics(&project, concern);
        self.show_unknown_profiles(&project);
        if project.has_errors(concern) {
            return Err(Failure::silent(ExitCode::Invalid));
        }
        Ok(project)
    }

    /// Warns of a `--profile` that no service has. COMPOSE_PROFILES is not minded: it is often meant for several stacks.
    fn show_unknown_profiles(&self, project: &Project) {
        let Ok(stack) = project.template() else {
            return;
        };
        let known: BTreeSet<&str> = stack
            .services()
            .values()
            .flat_map(|service| &service.profiles)
            .map(ProfileName::as_str)
            .collect();
        for name in &self.global.profile {
            if name == "*" || known.contains(name.as_str()) {
                continue;
            }
            let said = unknown("profile", name, known.iter().copied());
            self.ui.words(format!(
                "{} {}; --profile {name} switches nothing on",
                styled(WARNING, "warning:"),
                said.message
            ));
            for hint in said.hints {
                self.ui.words(format!("  help: {hint}"));
            }
        }
    }

    /// Renders a stack's files; a mistake in a template of the project's own is shown with its place.
    pub(crate) fn rendered(&self, project: &Project) -> Result<Vec<Generated>, Failure> {
        project.rendered().map_err(|error| {
            let Some(mistake) = project.template_mistake(&error) else {
                return error.into();
            };
            self.ui.loud(self.drawn(&[mistake], project));
            Failure::silent(ExitCode::Invalid)
        })
    }

    /// Shows the diagnostics that a command minds, on stderr.
    pub(crate) fn show_diagnostics(&self, project: &Project, concern: Concern) {
        let diagnostics = project.diagnostics_for(concern);
        if diagnostics.is_empty() {
            return;
        }
        let text = self.drawn(&diagnostics, project);
        if project.has_errors(concern) {
            self.ui.loud(text);
        } else {
            self.ui.words(text);
        }
    }

    fn drawn(&self, diagnostics: &[Diagnostic], project: &Project) -> String {
        let options = DrawOptions {
            color: self.ui.has_color_for_words(),
            ..DrawOptions::default()
        };
        draw(diagnostics, &project.sources, &options)
    }

    /// Returns the engine that is meant. Nothing is sent yet.
    pub(crate) fn engine(&self) -> Result<Arc<dyn Engine>, Failure> {
        let engine = DockerEngine::connect(self.global.host.as_deref())?;
        Ok(Arc::new(engine))
    }

    /// Shows the lints that `[policy.lints]` sets to fail, and refuses to go on where there is any.
    pub(crate) fn refuse_failed_lints(&self, project: &Project) -> Result<(), Failure> {
        let failed = project.failed_lints(&self.selection(Concern::Values)?);
        if failed.is_empty() {
            return Ok(());
        }
        self.ui.loud(self.drawn(&failed, project));
        Err(Failure::silent(ExitCode::Refused))
    }

    /// Loads a stack without mistakes and meets its engine.
    pub(crate) async fn session(&self) -> Result<(Project, Session), Failure> {
        self.session_of(self.checked(Concern::Values)?).await
    }

    /// Meets the engine of a stack.
    pub(crate) async fn session_of(&self, project: Project) -> Result<(Project, Session), Failure> {
        let engine = self.engine()?;
        // Asked before anything is written: without an engine nothing is to be touched.
        engine.facts().await?;
        let state = StateDir::open(&project.sources.folder)?;
        let compose = compose_generation(&project.sources.environment, &state);
        let session = Session::new(&project, engine, state, compose)?;
        Ok((project, session))
    }

    /// Returns the services that were named, all of which have to be in the stack.
    pub(crate) fn services(
        &self,
        session: &Session,
        names: &[String],
    ) -> Result<Vec<ServiceName>, Failure> {
        names
            .iter()
            .map(|text| {
                let name = ServiceName::new(text).map_err(usage)?;
                match session.stack.service(&name) {
                    Some(_) => Ok(name),
                    None => Err(unknown(
                        "service",
                        text,
                        session.stack.services().keys().map(ServiceName::as_str),
                    )),
                }
            })
            .collect()
    }
}

/// Returns the failure of a name on the command line that breaks the rules of names.
pub(crate) fn usage(error: InvalidName) -> Failure {
    Failure::new(ExitCode::Usage, error.to_string())
}

/// Returns the failure of a name on the command line that nothing bears.
pub(crate) fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<&str> = known.collect();
    let failure = Failure::new(ExitCode::Usage, format!("there is no {kind} {name:?}"));
    let near = known
        .iter()
        .map(|other| (strsim::damerau_levenshtein(other, name), *other))
        .filter(|(distance, other)| *distance <= 2 || other.contains(name))
        .min();
    match near {
        Some((_, near)) => failure.hint(format!("did you mean {near}?")),
        None if known.is_empty() => failure.hint(format!("stack.toml has no {kind}")),
        None => failure.hint(format!("there are: {}", known.join(", "))),
    }
}
