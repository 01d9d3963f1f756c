//! Which runs are due, and which are at work.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};

use crate::dag::{Fire, RunCause, RunEvent, Timetable};
use crate::model::{DagName, Resolved, Runner, Schedule, Stack};
use crate::store::{Journal, StoreError};

/// The longest sleep: a clock that was set, or a machine that slept, is noticed after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The DAGs that run by a schedule.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    dags: BTreeMap<DagName, Scheduled>,
    open: BTreeMap<DagName, usize>,
}

#[derive(Debug)]
struct Scheduled {
    schedule: Schedule,
    anchor: Timestamp,
    timetable: Timetable,
    last: Option<Timestamp>,
    most_open: usize,
}

impl Schedules {
    /// Takes over the schedules of a stack. What is known of a DAG whose schedule stays the same stays too.
    pub(super) fn follow(
        &mut self,
        stack: &Stack<Resolved>,
        journal: &Journal,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut before = std::mem::take(&mut self.dags);
        for (name, dag) in stack.dags() {
            if dag.runner != Runner::Stackgen {
                continue;
            }
            let known = before
                .remove(name)
                .filter(|known| known.schedule == dag.schedule);
            let anchor = known.as_ref().map_or(now, |known| known.anchor);
            // The checks of the stack have refused zones and dates that are none; a DAG without a timetable runs when asked.
            let Ok(Some(timetable)) = Timetable::new(dag, anchor) else {
                continue;
            };
            let last = match &known {
                Some(known) => known.last,
                None => last_fire(name, journal)?,
            };
            let scheduled = Scheduled {
                schedule: dag.schedule.clone(),
                anchor,
                timetable,
                last,
                most_open: usize::try_from(dag.max_active_runs.max(1)).unwrap_or(usize::MAX),
            };
            self.dags.insert(name.clone(), scheduled);
        }
        Ok(())
    }

    /// Returns how many DAGs run by a schedule.
    pub(super) fn count(&self) -> usize {
        self.dags.len()
    }

    /// Returns the runs that are to begin at `now`, and counts them as open.
    pub(super) fn begin_due(&mut self, now: Timestamp) -> Vec<(DagName, Fire)> {
        let mut due = Vec::new();
        for (name, dag) in &mut self.dags {
            let open = self.open.entry(name.clone()).or_default();
            let free = dag.most_open.saturating_sub(*open);
            for fire in dag.timetable.due(dag.last, now, free) {
                dag.last = Some(fire.at);
                *open += 1;
                due.push((name.clone(), fire));
            }
        }
        due
    }

    /// Counts a run that was found open.
    pub(super) fn resumed(&mut self, dag: &DagName) {
        *self.open.entry(dag.clone()).or_default() += 1;
    }

    /// Notes that a run ended.
    pub(super) fn ended(&mut self, dag: &DagName) {
        if let Some(open) = self.open.get_mut(dag) {
            *open = open.saturating_sub(1);
        }
    }

    /// Returns how long to sleep until something may be due. A DAG with as many open runs as it may have waits for one of them to end.
    pub(super) fn sleep(&self, now: Timestamp) -> Duration {
        let next = self
            .dags
            .iter()
            .filter(|(name, dag)| {
                self.open
                    .get(*name)
                    .is_none_or(|open| *open < dag.most_open)
            })
            .filter_map(|(_, dag)| {
                let after = dag
                    .last
                    .and_then(|last| last.checked_add(1.nanosecond()).ok());
                dag.timetable
                    .next(after.map_or(now, |after| after.max(now)))
            })
            .min();
        let wait = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok());
        wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
    }
}

/// Returns the latest fire for which the journal has a run.
fn last_fire(dag: &DagName, journal: &Journal) -> Result<Option<Timestamp>, StoreError> {
    let runs = journal.runs(Some(dag), usize::MAX)?;
    let Some(run) = runs
        .into_iter()
        .find(|run| run.cause == RunCause::Scheduled)
    else {
        return Ok(None);
    };
    let events = journal.events(dag, &run.run_id)?;
    Ok(match events.first() {
        Some(RunEvent::Started(header)) => Some(header.data_interval_end),
        _ => None,
    })
}
