//! `stackgen import`: compose files become stack.toml.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::context::Context;
use crate::cli::ui::{WARNING, styled};
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::compose::import::{ImportRequest, Imported, import};
use crate::load::compose_file;
use crate::model::with_causes;
use crate::model::{FileRole, KeyPath, SourceFile, Sources};
use crate::render::Generated;
use crate::stackfile::{self, Code, Selection};
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
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print it instead of writing ./stack.toml.
    #[arg(long)]
    pub stdout: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    if !args.stdout {
        refuse_to_overwrite(context)?;
    }
    let text = imported(context, &args.files)?;
    if args.stdout {
        context.ui.bytes(text.as_bytes())?;
        return Ok(ExitCode::Done);
    }
    write(context, &text)?;
    context.ui.words("look at it, then run: stackgen check");
    Ok(ExitCode::Done)
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
    let imported = import(&request, &mut read)
        .map_err(|error| Failure::new(ExitCode::Invalid, with_causes(&error)))?;
    let left_out = left_out(context, &imported);
    for warning in imported.warnings_with(&left_out) {
        let word = styled(WARNING, "warning:");
        context.ui.words(format!("{word} {warning}"));
    }
    Ok(imported.write(&left_out).text)
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
        let written = imported.write(&left_out);
        let sources = Sources {
            folder: context.directory.clone(),
            files: vec![SourceFile {
                path: PathBuf::from(STACK_FILE),
                role: FileRole::Main,
                text: Some(Arc::from(written.text.as_str())),
            }],
            environment: context.environment.clone(),
        };
        let before = left_out.len();
        for diagnostic in stackfile::read(&sources, &Selection::default()).diagnostics {
            let reason = match diagnostic.code {
                Code::NotSupported => "stackgen cannot do this yet".to_owned(),
                Code::UnknownKey | Code::UnknownService => diagnostic.message.clone(),
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
