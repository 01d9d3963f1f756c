//! Asking before something is interrupted or lost.

use crate::plan::{Plan, Verdict};

use super::{ExitCode, Failure, Ui};

/// Makes sure that the user agrees to what a plan interrupts and destroys. `destroy` names what may be lost, as `volume:NAME`.
///
/// # Errors
/// With exit code 3 where consent is missing.
pub(crate) fn ask(ui: &Ui, plan: &Plan, yes: bool, destroy: &[String]) -> Result<(), Failure> {
    for name in unconsented(plan, destroy) {
        let question = format!("The data of {name} is lost. Type {name} to agree:");
        match ui.ask(&question) {
            Some(answer) if answer == name => {}
            Some(_) => return Err(refused("that is not its name; nothing was done")),
            None => {
                return Err(refused(format!(
                    "the data of {name} would be lost, and nobody can be asked; nothing was done"
                ))
                .hint(format!("agree beforehand with --destroy {name}")));
            }
        }
    }
    let count = interrupted(plan);
    if yes || count == 0 {
        return Ok(());
    }
    let things = if count == 1 {
        "1 thing is"
    } else {
        "several things are"
    };
    match ui.ask(&format!("{things} interrupted or removed. Go on? [y/N]")) {
        Some(answer) if matches!(answer.as_str(), "y" | "Y" | "yes") => Ok(()),
        Some(_) => Err(refused("nothing was done")),
        None => Err(refused(
            "what runs would be interrupted, and nobody can be asked; nothing was done",
        )
        .hint("agree beforehand with -y")),
    }
}

fn refused(message: impl Into<String>) -> Failure {
    Failure::new(ExitCode::Refused, message)
}

/// Returns what would lose data without anybody having agreed.
pub(crate) fn unconsented(plan: &Plan, destroy: &[String]) -> Vec<String> {
    plan.changes
        .iter()
        .filter(|change| change.loses_data)
        .map(|change| change.resource.to_string())
        .filter(|name| !destroy.contains(name))
        .collect()
}

/// Returns how many resources are away for a while, or for good.
pub(crate) fn interrupted(plan: &Plan) -> usize {
    plan.changes
        .iter()
        .filter(|change| match change.verdict {
            Verdict::Restart | Verdict::Recreate | Verdict::Remove => true,
            Verdict::Nothing
            | Verdict::Unknown
            | Verdict::Create
            | Verdict::Update
            | Verdict::Reload
            | Verdict::Start => false,
        })
        .count()
}
