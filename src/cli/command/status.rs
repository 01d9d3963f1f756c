//! `stackgen status`: desired and running in one table.

use jiff::Zoned;

use crate::cli::context::Context;
use crate::cli::status_view::{self, LastWords};
use crate::cli::{CommandResult, ExitCode};
use crate::plan::PlanOptions;
use crate::reconcile::{DagStatus, Mark, Session, Status, dag_status, status};
use crate::store::Journal;

/// Shows desired and running, health, drift and the last runs, what is wrong first.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Exit 2 unless every row is as it should be.
    #[arg(long)]
    pub exit_code: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (_, session) = context.session().await?;
    let now = Zoned::now();
    let planned = session.plan(&PlanOptions::default()).await?;
    let status = status(&session.stack, &planned.observed, &planned.plan);
    let journal = Journal::open(&session.state)?;
    let dags = dag_status(&session.stack, &journal, now.timestamp())?;
    if args.json {
        context
            .ui
            .data(status_view::json(&status, &dags).to_string())?;
    } else {
        let words = last_words(&session, &status).await;
        let width = context.ui.width();
        context
            .ui
            .data(status_view::text(&status, &dags, &words, &now, width))?;
        if status.differing() > 0 {
            context.ui.words("Put it right with: stackgen apply");
        }
    }
    let is_well = status.differing() == 0 && !dags.iter().any(DagStatus::has_failed);
    if args.exit_code && !is_well {
        return Ok(ExitCode::Differs);
    }
    Ok(ExitCode::Done)
}

/// Returns the last line that each broken service printed.
async fn last_words(session: &Session, status: &Status) -> LastWords {
    let mut words = LastWords::new();
    for row in status
        .services
        .iter()
        .filter(|row| row.mark == Mark::Broken)
    {
        let Some(container) = row.containers.last() else {
            continue;
        };
        let lines = session.last_lines(container, 1).await;
        if let Some(line) = lines.last() {
            words.insert(row.name.to_string(), line.clone());
        }
    }
    words
}
