//! Images before a plan: which are pulled, and when that was done last.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::compose::{PullPolicy, pull_policy};
use crate::exec::{ApplyReport, StepOutcome};
use crate::plan::{self, Action, BuildWhich, BuildWish, Plan, PlanOptions, PullWhich, Refresh};

use super::{Planned, ReconcileError, Session};

/// The note in the state folder that says when images were pulled last: a pull that brings nothing new leaves no trace at the engine.
const PULLED: &str = "pulled.json";

impl Session {
    /// Returns which images an apply brings before it plans, by the policies of the services; `None` where no policy asks for that.
    pub fn refresh_by_policy(&self) -> Option<Refresh> {
        let asks = self.stack.active_services().any(|(_, service)| {
            matches!(
                pull_policy(service),
                Some(PullPolicy::Always | PullPolicy::Every(_) | PullPolicy::Build)
            )
        });
        asks.then(|| Refresh {
            pull: PullWhich::ByPolicy {
                now: Timestamp::now(),
                pulled: self.pulled(),
            },
            build: BuildWhich::ByPolicy,
            wish: BuildWish::default(),
        })
    }

    /// Plans to bring images and nothing else.
    ///
    /// # Errors
    /// Where nothing could be seen.
    pub async fn plan_refresh(
        &self,
        options: &PlanOptions,
        which: &Refresh,
    ) -> Result<Planned, ReconcileError> {
        let observed = self.observe().await?;
        let options = self.options(options);
        let plan = plan::refresh(&self.stack, &observed, &options, which);
        Ok(Planned { observed, plan })
    }

    /// Remembers what was pulled just now.
    pub fn remember_pulls(&self, plan: &Plan, report: &ApplyReport) {
        let mut pulled = self.pulled();
        let before = pulled.clone();
        let now = Timestamp::now();
        for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
            if let (Action::PullImage { image, .. }, StepOutcome::Done) = (&step.action, outcome) {
                pulled.insert(image.to_string(), now);
            }
        }
        if pulled != before
            && let Ok(text) = serde_json::to_string(&pulled)
        {
            self.state.keep_note(PULLED, &text);
        }
    }

    fn pulled(&self) -> BTreeMap<String, Timestamp> {
        // A note that cannot be read only costs a pull.
        self.state
            .note(PULLED)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }
}
