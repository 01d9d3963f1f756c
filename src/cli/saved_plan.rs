//! Saved plans on the command line: `plan --out FILE` and `apply FILE`.

use std::path::{Path, PathBuf};

use crate::plan::{PlanOptions, SavedPlan};
use crate::reconcile::{Planned, Project, Session, moved, saved_plan};
use crate::stackfile::Concern;
use crate::store::{is_plan, read_plan, write_plan};

use super::context::Context;
use super::{ExitCode, Failure};

/// How many things that moved are named.
const NAMED: usize = 20;

/// Saves a plan.
pub(crate) fn save(
    context: &Context,
    project: &Project,
    session: &Session,
    options: &PlanOptions,
    planned: &Planned,
    path: &Path,
) -> Result<(), Failure> {
    let selection = context.selection(Concern::Values)?;
    let saved = saved_plan(project, session, &selection, options, planned)?;
    write_plan(path, &saved)?;
    Ok(())
}

/// Returns the saved plan that the words behind `apply` name, if they name one: a single word that is a path, or a file here that holds a
/// plan.
pub(crate) fn named(context: &Context, words: &[String]) -> Option<PathBuf> {
    let [word] = words else {
        return None;
    };
    let path = context.directory.join(word);
    let is_one = word.contains('/') || path.is_file() && is_plan(&path).unwrap_or_default();
    is_one.then_some(path)
}

/// Reads a saved plan.
pub(crate) fn read(path: &Path) -> Result<SavedPlan, Failure> {
    read_plan(path).map_err(|error| {
        let failure = Failure::from(error);
        Failure {
            code: ExitCode::Invalid,
            ..failure
        }
        .hint("make a new one with: stackgen plan --out FILE")
    })
}

impl Context {
    /// Returns the context of the stack that a saved plan is of.
    pub(crate) fn of(&self, saved: &SavedPlan) -> Result<Self, Failure> {
        let global = &self.global;
        let is_said = global.file.is_some()
            || global.project.is_some()
            || !global.overlay.is_empty()
            || !global.profile.is_empty();
        if is_said {
            return Err(decided());
        }
        let mut context = self.clone();
        context.global.file = Some(saved.target.file.clone());
        context.global.project.clone_from(&saved.target.project);
        context.global.overlay.clone_from(&saved.target.overlays);
        context.global.profile.clone_from(&saved.target.profiles);
        Ok(context)
    }
}

/// Returns the failure of somebody who wants another plan than the one that was saved.
pub(crate) fn decided() -> Failure {
    Failure::new(
        ExitCode::Usage,
        "a saved plan says itself which stack, services and options it is for",
    )
    .hint("with a plan go only -y, --destroy, --parallel, -H, -q, -v and --color")
}

/// Refuses a saved plan that is not the plan of today, and names what moved.
pub(crate) fn refuse_stale(
    context: &Context,
    path: &Path,
    saved: &SavedPlan,
    (project, session): (&Project, &Session),
    planned: &Planned,
) -> Result<(), Failure> {
    let moved = moved(saved, project, session, planned);
    if moved.is_empty() {
        return Ok(());
    }
    for it in moved.iter().take(NAMED) {
        context.ui.loud(format!("  {it}"));
    }
    if let Some(more) = moved.len().checked_sub(NAMED).filter(|more| *more > 0) {
        context.ui.loud(format!("  and {more} more"));
    }
    let message = format!(
        "{} was made at {} and is stale; nothing was changed",
        path.display(),
        saved.made.strftime("%Y-%m-%d %H:%M:%S UTC")
    );
    Err(Failure::new(ExitCode::Refused, message).hint(format!(
        "look at a new one: stackgen plan --out {}",
        path.display()
    )))
}
