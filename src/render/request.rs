//! What is asked of this room, and what it gives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{Stack, Template, UserFile};

use super::RenderError;
use super::json::view;
use super::template_set::TemplateSet;
use super::view::{airflow_view, deferred_compose_view, tasks_view, user_views};

/// What the rendered files say about where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderRequest {
    /// The source's name, such as `stack.toml`.
    pub source: String,
    /// The digest of everything that was read.
    pub digest: String,
    /// The stack's env files that exist, relative to the stack's folder.
    pub env_files: Vec<String>,
    /// Where the files go, relative to the stack's folder: `generated`.
    pub output: PathBuf,
    /// The project's own templates by file name; they win over the built-in ones.
    pub templates: BTreeMap<String, String>,
}

/// A file that was rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Its path, relative to the stack's folder.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Whether it holds facts of this host, so that a comparison leaves it out and version control ignores it.
    pub is_host_fact: bool,
}

/// Renders a stack: the compose file, and for each DAG an Airflow file and a JSON file, sorted by path.
///
/// # Errors
/// [`RenderError::Template`] with name and line of the template at fault.
pub fn render(
    stack: &Arc<Stack<Template>>,
    request: &RenderRequest,
) -> Result<Vec<Generated>, RenderError> {
    let mut templates = TemplateSet::new(request)?;
    let generated = |path: PathBuf, text: String| Generated {
        path: request.output.join(path),
        text,
        is_host_fact: false,
    };
    let compose = deferred_compose_view(stack, request);
    let mut files = vec![generated(
        "docker-compose.yml".into(),
        templates.render("docker-compose.yml.j2", compose)?,
    )];
    for (name, dag) in stack.dags() {
        let airflow = airflow_view(stack, name, dag, request);
        let tasks = view(tasks_view(stack, name, dag, request), []);
        files.push(generated(
            format!("dags/{name}.py").into(),
            templates.render("airflow_dag.py.j2", airflow)?,
        ));
        files.push(generated(
            format!("tasks/{name}.json").into(),
            templates.render("tasks.json.j2", tasks)?,
        ));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Renders the files of `[render.files]`, sorted by path.
///
/// # Errors
/// [`RenderError::Template`] with name and line of the template at fault.
pub fn render_user_files(
    stack: &Stack<Template>,
    request: &RenderRequest,
    entries: &[UserFile],
) -> Result<Vec<Generated>, RenderError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let mut templates = TemplateSet::new(request)?;
    let mut files = Vec::new();
    for (template, path, view) in user_views(stack, request, entries) {
        files.push(Generated {
            path: request.output.join(path),
            text: templates.render(template, view)?,
            is_host_fact: false,
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
