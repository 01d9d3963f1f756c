//! `stackgen import`: compose files or running containers become stack.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::cli::context::{Context, unknown};
use crate::cli::ui::{WARNING, styled};
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::compose::import::{ImportRequest, Imported, RunningRequest, import, import_running};
use crate::load::{compose_file, env_file};
use crate::model::with_causes;
use crate::model::{FileRole, KeyPath, ProjectName, SourceFile, Sources};
use crate::reconcile::observe_running;
use crate::render::Generated;
use crate::stackfile::{self, Code, Concern, Selection, constants};
use crate::store;

/// The name of what is written.
pub(super) const STACK_FILE: &str = "stack.toml";
/// Leaving something out may uncover more that has to be; it ends well before this.
const ROUNDS: usize = 8;

/// Writes ./stack.toml from compose files: anchors, extends, include and several files are resolved, variables, profiles and env files
/// stay as they are, shared parts become mixins. What stackgen cannot do yet is left as a comment, with a warning.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The compose files, the later over the earlier, as with several -f of docker compose.
    #[arg(required_unless_present = "running", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write it from the containers, networks and volumes of this Compose project. What image, engine and Compose filled in is left
    /// out; secrets become variables for .env.
    #[arg(long, value_name = "PROJECT", conflicts_with = "files")]
    pub running: Option<String>,
    /// Print it instead of writing ./stack.toml.
    #[arg(long)]
    pub stdout: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    if !args.stdout {
        refuse_to_overwrite(context)?;
    }
    let imported = match &args.running {
        Some(project) => running(context, project).await?,
        None => from_files(context, &args.files)?,
    };
    let text = told(context, &imported);
    if args.stdout {
        context.ui.bytes(text.as_bytes())?;
        return Ok(ExitCode::Done);
    }
    write(context, &text)?;
    let next = match args.running {
        Some(_) => "look at it, then run: stackgen check, stackgen plan",
        None => "look at it, then run: stackgen check",
    };
    context.ui.words(next);
    Ok(ExitCode::Done)
}

/// Looks at a project and makes a stack of it.
async fn running(context: &Context, name: &str) -> Result<Imported, Failure> {
    let engine = context.engine()?;
    let project = ProjectName::new(name);
    let observed = match &project {
        Ok(project) => observe_running(engine.as_ref(), project).await?,
        Err(_) => None,
    };
    let (Ok(project), Some(observed)) = (project, observed) else {
        let projects = engine.projects().await?;
        return Err(no_project(name, &projects));
    };
    let folder = std::path::absolute(&context.directory)?;
    let env_file = env_file(&folder)?.unwrap_or_default();
    Ok(import_running(&RunningRequest {
        project: &project,
        observed: &observed,
        folder: &folder,
        variables: &constants(&env_file),
    }))
}

fn no_project(name: &str, projects: &BTreeSet<String>) -> Failure {
    if projects.is_empty() {
        let message = "no Compose project has containers on this engine";
        return Failure::new(ExitCode::Invalid, message)
            .hint("another engine is named by --host or DOCKER_HOST");
    }
    let mut failure = unknown("project", name, projects.iter().map(String::as_str));
    failure.code = ExitCode::Invalid;
    failure
}

/// Shows the warnings of an import, and returns the text of stack.toml.
fn told(context: &Context, imported: &Imported) -> String {
    let left_out = left_out(context, imported);
    let word = styled(WARNING, "warning:");
    for warning in imported.warnings_with(&left_out) {
        context.ui.words(format!("{word} {warning}"));
    }
    let unset: Vec<&str> = imported.unset().iter().map(String::as_str).collect();
    if !unset.is_empty() {
        context.ui.words(format!(
            "{word} secrets are not written to {STACK_FILE}: put their values into .env as {}",
            unset.join(", ")
        ));
    }
    imported.write(&left_out).text
}

/// Fails where there is a stack.toml already.
pub(super) fn refuse_to_overwrite(context: &Context) -> Result<(), Failure> {
    if !context.directory.join(STACK_FILE).exists() {
        return Ok(());
    }
    let message = format!("there is a {STACK_FILE} here, and it stays as it is");
    Err(Failure::new(ExitCode::Refused, message)
        .hint("move it away, or print the new one with: stackgen import FILE --stdout"))
}

pub(super) fn write(context: &Context, text: &str) -> Result<(), Failure> {
    let file = Generated {
        path: PathBuf::from(STACK_FILE),
        text: text.to_owned(),
        is_host_fact: false,
    };
    store::write(&context.directory, &[file])?;
    context.ui.words(format!("written    {STACK_FILE}"));
    Ok(())
}

/// Returns the text of stack.toml for these compose files, and shows the warnings.
pub(super) fn imported(context: &Context, files: &[PathBuf]) -> Result<String, Failure> {
    from_files(context, files).map(|imported| told(context, &imported))
}

fn from_files(context: &Context, files: &[PathBuf]) -> Result<Imported, Failure> {
    let folder = context.directory.file_name();
    let request = ImportRequest {
        files: files.iter().map(|file| relative(context, file)).collect(),
        project: context
            .global
            .project
            .clone()
            .or_else(|| folder.map(|name| name.to_string_lossy().into_owned())),
    };
    let mut read = |path: &Path| {
        compose_file(&context.directory.join(path)).map_err(|error| with_causes(&error))
    };
    import(&request, &mut read)
        .map_err(|error| Failure::new(ExitCode::Invalid, with_causes(&error)))
}

/// Returns a path as seen from the current folder.
fn relative(context: &Context, file: &Path) -> PathBuf {
    file.strip_prefix(&context.directory)
        .map_or_else(|_| file.to_owned(), Path::to_owned)
}

/// Returns what of an import stack.toml cannot say, by asking the reader of stack.toml itself: what it learns is carried at once.
fn left_out(context: &Context, imported: &Imported) -> BTreeMap<KeyPath, String> {
    let mut left_out = BTreeMap::new();
    for _ in 0..ROUNDS {
        let sources = Sources {
            folder: context.directory.clone(),
            files: vec![SourceFile {
                path: PathBuf::from(STACK_FILE),
                role: FileRole::Main,
                text: Some(imported.write(&left_out).text.into()),
            }],
            environment: context.environment.clone(),
        };
        let before = left_out.len();
        let selection = Selection {
            concern: Concern::File,
            ..Selection::default()
        };
        let diagnostics = stackfile::read(&sources, &selection).diagnostics;
        let starts = diagnostics.iter().map(|told| told.primary.span.start);
        let written = imported.write_with(&left_out, &starts.collect());
        for diagnostic in diagnostics {
            let reason = match diagnostic.code {
                Code::NotSupported => "stackgen cannot do this yet".to_owned(),
                Code::UnknownKey | Code::ExtensionTable | Code::UnknownService => {
                    diagnostic.message.clone()
                }
                _ => continue,
            };
            if let Some(path) = written.path_at(diagnostic.primary.span.start) {
                left_out.entry(path.clone()).or_insert(reason);
            }
        }
        if left_out.len() == before {
            break;
        }
    }
    left_out
}
