//! The daemon's runs of DAGs.

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};

use std::sync::Arc;

use crate::dag::{Fire, RunCause};
use crate::exec::{RunError, RunProgress, RunReport, RunRequest, Stop, run_dag};
use crate::model::{DagName, RunId, with_causes};
use crate::reconcile::end_name;

use super::Happening;
use super::owner::{Daemon, RUN_GRACE};

/// How a run ended.
pub(super) type Ended = Result<RunReport, RunError>;

impl Daemon {
    /// Begins the runs that are due.
    pub(super) fn begin_due_runs(&mut self) {
        for (dag, fire) in self.schedules.begin_due(Timestamp::now()) {
            self.start_run(dag, Some(fire), None);
        }
    }

    /// Begins a run that is due, or goes on with one that was found open.
    pub(super) fn start_run(&mut self, dag: DagName, fire: Option<Fire>, resume: Option<RunId>) {
        let now = Timestamp::now();
        let session = &self.session;
        let request = RunRequest {
            cause: RunCause::Scheduled,
            logical_date: fire.map_or(now, |fire| fire.logical_date),
            data_interval_end: fire.map_or(now, |fire| fire.at),
            new: resume.is_none(),
            resume,
            compose: session.compose,
            ..RunRequest::manual(
                Some(Arc::clone(&session.engine)),
                Arc::clone(&session.stack),
                dag.clone(),
                self.journal.clone(),
                session.state.clone(),
                now,
            )
        };
        let (tell, stop) = (self.tell.clone(), self.stop_runs.clone());
        let name = dag.clone();
        let run = self.runs.spawn(async move {
            let due = fire.map(|fire| fire.at);
            let (sender, progress) = mpsc::channel(256);
            let work = run_dag(request, sender, &stop);
            tokio::join!(work, forward(name, due, progress, tell)).0
        });
        self.open.insert(run.id(), dag);
    }

    /// Tells how a run ended.
    pub(super) async fn on_run_ended(&mut self, ended: Result<(Id, Ended), JoinError>) {
        let (id, ended) = match ended {
            Ok((id, report)) => (id, Ok(report)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some(dag) = self.open.remove(&id) else {
            return;
        };
        self.schedules.ended(&dag);
        let happening = match ended {
            Ok(Ok(report)) => {
                let end = report.run.end();
                let ended = end.map_or_else(Timestamp::now, |(_, at)| at);
                let took = ended.duration_since(report.run.header().at);
                Happening::RunEnded {
                    run_id: report.run.run_id().clone(),
                    state: end_name(end.map(|(end, _)| end)),
                    took: took.try_into().unwrap_or_default(),
                    dag,
                }
            }
            // Somebody else goes on with it; that is as good.
            Ok(Err(RunError::AtWork { .. })) => return,
            Ok(Err(error)) => Happening::RunFailed {
                why: with_causes(&error),
                dag,
            },
            // A panic ends one run, not the loop; the run stays open in the journal.
            Err(error) => Happening::RunFailed {
                why: format!("internal: {error}"),
                dag,
            },
        };
        self.say(happening).await;
    }

    /// Waits for the runs that are open: to their end at first, for a while once they are cancelled, then no longer.
    pub(super) async fn end(mut self, stop: &Stop) {
        if !self.runs.is_empty() {
            let mut runs: Vec<DagName> = self.open.values().cloned().collect();
            runs.sort();
            self.say(Happening::Stopping { runs }).await;
        }
        while !self.runs.is_empty() {
            tokio::select! {
                Some(ended) = self.runs.join_next_with_id() => self.on_run_ended(ended).await,
                () = stop.now.cancelled() => break,
            }
        }
        self.stop_runs.gently.cancel();
        if !self.wait_for_runs().await {
            self.stop_runs.now.cancel();
            self.wait_for_runs().await;
        }
        // What is still there stays open in the journal and is gone on with next time.
        self.runs = JoinSet::new();
        self.say(Happening::Stopped).await;
    }

    async fn wait_for_runs(&mut self) -> bool {
        let deadline = tokio::time::sleep(RUN_GRACE);
        tokio::pin!(deadline);
        while !self.runs.is_empty() {
            tokio::select! {
                Some(ended) = self.runs.join_next_with_id() => self.on_run_ended(ended).await,
                () = &mut deadline => return false,
            }
        }
        true
    }
}

async fn forward(
    dag: DagName,
    due: Option<Timestamp>,
    mut progress: mpsc::Receiver<RunProgress>,
    tell: mpsc::Sender<Happening>,
) {
    while let Some(progress) = progress.recv().await {
        let dag = dag.clone();
        // Where nobody listens any more, the run goes on.
        tell.send(Happening::Run { dag, due, progress }).await.ok();
    }
}
