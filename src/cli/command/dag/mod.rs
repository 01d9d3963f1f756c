//! `stackgen dag`: DAGs and their runs.

mod cancel;
mod list;
mod run;
mod runs;

pub(super) use cancel::cancel_runs;

use crate::cli::context::{Context, unknown};
use crate::cli::{CommandResult, Failure};
use crate::model::{Dag, DagName, Form, Stack};

/// Runs DAGs and looks at their runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with DAGs.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// List the DAGs with schedule and tasks.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Draw one DAG with what its tasks do.
    Show {
        /// The DAG.
        dag: String,
    },
    /// Run a DAG now and wait for its end.
    Run {
        /// The DAG.
        dag: String,
        /// Start a new run even if there is an unfinished one.
        #[arg(long)]
        new: bool,
        /// Refuse (exit 3) instead of starting services that tasks need.
        #[arg(long)]
        no_start: bool,
        /// Print one JSON object a line; the last one is the result.
        #[arg(long)]
        json: bool,
    },
    /// Run a failed task of the last run once more, and what was not run because of it; the others are not run again.
    Retry {
        /// The DAG.
        dag: String,
        /// The task.
        task: String,
        /// A run instead of the last one.
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// Refuse (exit 3) instead of starting services that tasks need.
        #[arg(long)]
        no_start: bool,
        /// Print one JSON object a line; the last one is the result.
        #[arg(long)]
        json: bool,
    },
    /// Stop the runs of a DAG that are open, whoever is at work on them.
    Cancel {
        /// The DAG.
        dag: String,
    },
    /// Show the tasks of the last run.
    Status {
        /// The DAG; default: all.
        dag: Option<String>,
        /// A run instead of the last one.
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what a task printed.
    Logs {
        /// The DAG.
        dag: String,
        /// The task.
        task: String,
        /// Which try, from 1; default: the last one.
        #[arg(long = "try", value_name = "N")]
        attempt: Option<u32>,
        /// A run instead of the last one.
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// Wait for more.
        #[arg(short, long)]
        follow: bool,
    },
    /// Show when a DAG runs next by its schedule.
    Next {
        /// The DAG.
        dag: String,
        /// From this time on, itself included, RFC 3339; default: now.
        #[arg(long, value_name = "TIME")]
        from: Option<jiff::Timestamp>,
        /// How many times to show.
        #[arg(short = 'n', long, value_name = "N", default_value_t = 5)]
        count: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    match &args.command {
        Command::List { json } => list::list(context, *json),
        Command::Show { dag } => list::show(context, dag),
        Command::Run {
            dag,
            new,
            no_start,
            json,
        } => {
            let asked = run::Asked {
                dag,
                new: *new,
                retry: None,
                start_services: !*no_start,
                json: *json,
            };
            run::run(context, &asked).await
        }
        Command::Retry {
            dag,
            task,
            run: id,
            no_start,
            json,
        } => {
            let asked = run::Asked {
                dag,
                new: false,
                retry: Some((task, id.as_deref())),
                start_services: !*no_start,
                json: *json,
            };
            run::run(context, &asked).await
        }
        Command::Cancel { dag } => cancel::cancel(context, dag).await,
        Command::Status { dag, run, json } => {
            runs::status(context, dag.as_deref(), run.as_deref(), *json)
        }
        Command::Logs {
            dag,
            task,
            attempt,
            run,
            follow,
        } => {
            let wanted = runs::Wanted {
                dag,
                task,
                attempt: *attempt,
                run: run.as_deref(),
                follow: *follow,
            };
            runs::logs(context, &wanted).await
        }
        Command::Next {
            dag,
            from,
            count,
            json,
        } => list::next(context, dag, *from, *count, *json),
    }
}

/// Returns a DAG of a stack by the name on the command line.
fn find<'a, F: Form>(
    stack: &'a Stack<F>,
    name: &str,
) -> Result<(&'a DagName, &'a Dag<F>), Failure> {
    let known = || stack.dags().keys().map(DagName::as_str);
    stack
        .dags()
        .get_key_value(name)
        .ok_or_else(|| unknown("DAG", name, known()))
}
