//! What a plan was made from, for a plan that is kept and applied later.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use serde_json::Value;

use crate::model::{
    ContentSource, FileRole, is_secret_name, mask_secret_words, mask_url_passwords,
};
use crate::plan::{
    self, Basis, Fingerprint, PlanOptions, SavedPlan, Target, object_fingerprints,
    plan_fingerprint, salted,
};
use crate::stackfile::{Selection, named_variables};

use super::{HasMistakes, Planned, Project, Session};

/// More of a config or secret is not read to tell whether it is another one.
const CONTENT_BYTES: u64 = 64 * 1024 * 1024;

/// Returns a plan as it is kept.
///
/// # Errors
/// [`HasMistakes`] for a stack that has any.
pub fn saved_plan(
    project: &Project,
    session: &Session,
    selection: &Selection,
    options: &PlanOptions,
    planned: &Planned,
) -> Result<SavedPlan, HasMistakes> {
    Ok(SavedPlan {
        made: Timestamp::now(),
        target: Target {
            file: project.sources.absolute(&project.sources.main().path),
            project: selection.project.as_ref().map(ToString::to_string),
            overlays: selection.overlays.clone(),
            profiles: selection.profiles.iter().map(ToString::to_string).collect(),
        },
        options: options.clone(),
        basis: basis(project, session, planned),
        model: model(project)?,
    })
}

/// Returns everything that a plan was made from, in digests.
fn basis(project: &Project, session: &Session, planned: &Planned) -> Basis {
    let salt = session.state.salt();
    let environment = &project.sources.environment;
    let variables = named_variables(&project.sources).into_iter();
    let variables = variables.filter_map(|name| {
        let value = environment.get(name)?;
        Some((name.to_owned(), salted(salt, value)))
    });
    let engine = &planned.observed.engine;
    let (major, minor) = engine.api;
    Basis {
        stackgen: env!("CARGO_PKG_VERSION").to_owned(),
        salt: salted(salt, "salt"),
        engine: format!(
            "{}, {}, API {major}.{minor}",
            engine.address, engine.version
        ),
        compose: session.compose.version().to_owned(),
        files: files(project, session),
        variables: variables.collect(),
        objects: object_fingerprints(&planned.observed, salt),
        snapshot: planned.plan.fingerprint.clone(),
        plan: plan_fingerprint(&planned.plan, salt),
    }
}

/// Returns digests of every file that was read, and of the configs and secrets that are files.
fn files(project: &Project, session: &Session) -> BTreeMap<String, Fingerprint> {
    let salt = session.state.salt();
    let read = project.sources.files.iter();
    let read = read.filter(|file| file.role != FileRole::EnvExample);
    let mut files: BTreeMap<String, Fingerprint> = read
        .filter_map(|file| {
            let text = file.text.as_deref()?;
            Some((file.path.display().to_string(), salted(salt, text)))
        })
        .collect();
    let parts = session.stack.parts();
    let contents = parts.configs.values().map(|it| &it.source);
    let contents = contents.chain(parts.secrets.values().map(|it| &it.source));
    for content in contents {
        if let ContentSource::File(path) = content
            && let Some(bytes) = bytes_of(Path::new(path))
        {
            files.insert(path.clone(), salted(salt, bytes));
        }
    }
    files
}

/// Returns the bytes of a regular file; `None` for what is none or cannot be read, which the engine tells about.
fn bytes_of(path: &Path) -> Option<Vec<u8>> {
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(CONTENT_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns the stack with its `${…}` kept. What is a secret although it stands in stack.toml is masked: the file may be sent to someone.
fn model(project: &Project) -> Result<Value, HasMistakes> {
    let sensitive = &project.template()?.parts().policy.sensitive;
    let mut globs = GlobSetBuilder::new();
    for glob in sensitive.iter().filter_map(|it| Glob::new(it).ok()) {
        globs.add(glob);
    }
    let globs = globs.build().unwrap_or_else(|_| GlobSet::empty());
    let mut model = project.template_data()?;
    mask(&mut model, &mut Vec::new(), &globs);
    Ok(model)
}

/// Masks what is a secret by its name, by the policy or by where it stands.
fn mask(value: &mut Value, path: &mut Vec<String>, sensitive: &GlobSet) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                path.push(key.clone());
                mask(value, path, sensitive);
                path.pop();
            }
        }
        Value::Array(items) => {
            for item in items {
                mask(item, path, sensitive);
            }
        }
        Value::String(_) | Value::Number(_) if is_secret(path, sensitive) => {
            *value = Value::String("***".to_owned());
        }
        Value::String(text) => *text = mask_secret_words(&mask_url_passwords(text)),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn is_secret(path: &[String], sensitive: &GlobSet) -> bool {
    let is_content = path.first().is_some_and(|it| it == "secrets")
        && path.last().is_some_and(|it| it == "content");
    // The names of tables themselves say nothing of what stands in them.
    let by_name = path.len() > 3 && path.last().is_some_and(|name| is_secret_name(name));
    let written: Vec<&str> = path
        .iter()
        .map(String::as_str)
        .filter(|key| *key != "compose")
        .collect();
    is_content || by_name || sensitive.is_match(written.join("."))
}

/// Returns what is not as it was when a plan was saved; nothing where the plan of today is exactly that plan.
pub fn moved(
    saved: &SavedPlan,
    project: &Project,
    session: &Session,
    planned: &Planned,
) -> Vec<plan::Moved> {
    plan::moved(&saved.basis, &basis(project, session, planned))
}
