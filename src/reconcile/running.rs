//! Looking at a project that no stack.toml describes yet.

use crate::compose::import::running_scope;
use crate::engine::{Engine, EngineError};
use crate::model::{Observed, ProjectName, Scope};

/// Looks at a project and at everything that its containers use; `None` where it has no containers.
///
/// # Errors
/// Where nothing could be seen.
pub async fn observe_running(
    engine: &dyn Engine,
    project: &ProjectName,
) -> Result<Option<Observed>, EngineError> {
    let first = engine.observe(&running_scope(project, &[])).await?;
    if first.containers.is_empty() && first.unknown.is_empty() {
        return Ok(None);
    }
    let scope: Scope = running_scope(project, &first.containers);
    engine.observe(&scope).await.map(Some)
}
