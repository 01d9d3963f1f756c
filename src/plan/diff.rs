//! The difference between desired and observed, as a plan.

use crate::model::{ImageReference, Observed, Resolved, ServiceName, Stack};

use super::planner::Planner;
use super::{Plan, PlanOptions};

/// Returns what to do so that the engine has what `stack` asks for.
///
/// An image with `pull_policy = "always"` is pulled when a container of it is made, and not otherwise: a plan right after an apply is
/// empty. `required = false` of a dependency counts only where the other service is not part of the plan.
pub fn diff(stack: &Stack<Resolved>, observed: &Observed, options: &PlanOptions) -> Plan {
    let mut planner = Planner::new(stack, observed, options);
    planner.plan_networks();
    planner.plan_volumes();
    planner.plan_sockets();
    let slots = planner.survey();
    let images: Vec<(ServiceName, ImageReference)> = slots
        .iter()
        .filter(|slot| slot.creates())
        .map(|slot| (slot.service.clone(), slot.spec.config.image.clone()))
        .collect();
    planner.plan_locked();
    planner.plan_images(&images);
    planner.plan_orphan_containers();
    planner.carry_out(&slots);
    planner.plan_orphan_objects();
    planner.note_the_rest();
    planner.note_tasks(&slots);
    planner.note_strangers();
    planner.wait_for_the_unwell(&slots);
    planner.finish()
}
