//! `stackgen apply`: what runs becomes what stack.toml says.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::cli::context::{Context, usage};
use crate::cli::failure::no_image_hint;
use crate::cli::interrupt::Interrupt;
use crate::cli::plan_args::PlanArgs;
use crate::cli::ui::{ERROR, styled};
use crate::cli::{CommandResult, ExitCode, Failure, apply_view, consent, obstacles, saved_plan};
use crate::exec::{ApplyOptions, ApplyReport, StepOutcome};
use crate::model::{ContainerStatus, VolumeName};
use crate::plan::{Action, Plan, PlanOptions, SavedPlan};
use crate::reconcile::{Project, Session, preflight};
use crate::stackfile::Concern;
use crate::store::Change;

use super::images::{ImageArgs, before_plan, read_lock};
use super::plan::plan_text;
use super::render::left_over;

/// Renders, shows the plan, asks where something is interrupted or lost, performs it and waits until every service is well.
///
/// With a plan that `stackgen plan --out FILE` saved, exactly that plan is performed: it is made again, and refused where anything has moved.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A saved plan (one with a slash in it, or a file here that is one); or only these services and what they depend on; default: all.
    #[arg(value_name = "PLANFILE | SERVICE")]
    pub services: Vec<String>,
    /// Do not ask. Data loss takes `--destroy` all the same.
    #[arg(short, long)]
    pub yes: bool,
    /// What the plan is made for.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Agree to the loss of this volume's data; one by one.
    #[arg(long, value_name = "volume:NAME")]
    pub destroy: Vec<String>,
    /// Which images are brought.
    #[command(flatten)]
    pub images: ImageArgs,
    /// Work on at most so many things at once.
    #[arg(long, value_name = "N")]
    pub parallel: Option<usize>,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let Some(path) = saved_plan::named(context, &args.services) else {
        return apply(context, args, None).await;
    };
    if args.plan.is_any_given() || args.images.is_any_given() {
        return Err(saved_plan::decided());
    }
    let saved = saved_plan::read(&path)?;
    let name = PathBuf::from(&args.services[0]);
    apply(&context.of(&saved)?, args, Some((&name, &saved))).await
}

/// Applies what stack.toml says, or a plan of it that was saved.
async fn apply(
    context: &Context,
    args: &Args,
    saved: Option<(&Path, &SavedPlan)>,
) -> CommandResult {
    let project = context.checked(Concern::Values)?;
    context.refuse_failed_lints(&project)?;
    let (project, session) = context.session_of(project).await?;
    let options = match saved {
        Some((_, saved)) => saved.options.clone(),
        None => args
            .plan
            .options(context.services(&session, &args.services)?),
    };
    let mut options = PlanOptions {
        destroy: destroyed(args)?,
        ..options
    };
    read_lock(&project, &mut options)?;
    let _lock = session.lock().await?;
    let planned = match saved {
        // What it was made from is the same, so that what is rendered is too.
        Some((path, saved)) => {
            let planned = session.plan(&options).await?;
            let of = (&project, &session);
            saved_plan::refuse_stale(context, path, saved, of, &planned)?;
            write_rendered(context, &project)?;
            planned
        }
        None => {
            write_rendered(context, &project)?;
            before_plan(context, &session, &mut options, &args.images).await?;
            session.plan(&options).await?
        }
    };
    let text = plan_text(context, &project, &planned.plan);
    if !context.ui.is_quiet() {
        context.ui.data(text)?;
    }
    let mut in_the_way = obstacles::at_the_engine(&planned.plan);
    let found = preflight(&session, &planned).await;
    in_the_way.extend(obstacles::on_this_machine(&project, &found));
    obstacles::refuse(in_the_way, "changed")?;
    if planned.plan.is_empty() {
        return Ok(ExitCode::Done);
    }
    consent::ask(&context.ui, &planned.plan, args.yes, &args.destroy)?;
    let waits = options.wait;
    let options = ApplyOptions {
        parallel: args.parallel.unwrap_or(ApplyOptions::default().parallel),
        cores: std::thread::available_parallelism().map_or(2, usize::from),
    };
    let (report, took) = perform(context, &session, &planned.plan, &options).await?;
    if report.is_success() && waits {
        let fallen = fallen(&session, &planned.plan).await?;
        if !fallen.is_empty() {
            for line in fallen {
                context.ui.loud(line);
            }
            return Ok(ExitCode::Failed);
        }
    }
    finish(context, &planned.plan, &report, took)
}

/// Says which of the services that were started did not stay up.
async fn fallen(session: &Session, plan: &Plan) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for fallen in session.fallen(plan).await? {
        let (service, state) = (&fallen.service, &fallen.container.state);
        // While it runs once more the engine tells no exit code.
        let how = if state.status == ContainerStatus::Running {
            String::new()
        } else {
            format!(": exited with code {}", state.exit_code)
        };
        lines.push(format!(
            "{} {service} did not stay up{how}",
            styled(ERROR, "failed:"),
        ));
        lines.extend(
            fallen
                .output
                .iter()
                .map(|line| format!("    output: {line}")),
        );
        if fallen.has_ended() && state.exit_code == 0 {
            lines.push(format!(
                "    help: oneshot = true in [services.{service}] if it is meant to end"
            ));
        }
        lines.push(format!("    → stackgen logs {service}"));
    }
    Ok(lines)
}

/// Writes the generated files and says which of them are others now.
fn write_rendered(context: &Context, project: &Project) -> Result<(), Failure> {
    for (path, change) in project.write(&context.rendered(project)?)? {
        let path = path.display();
        match change {
            Change::Written => context.ui.words(format!("Rendered {path}")),
            Change::AsItWas => {}
            Change::Removed => context.ui.words(format!("Removed {path}")),
            Change::LeftOver => context.ui.words(left_over(&path.to_string())),
        }
    }
    Ok(())
}

/// Returns the volumes that may be lost.
fn destroyed(args: &Args) -> Result<Vec<VolumeName>, Failure> {
    args.destroy
        .iter()
        .map(|text| {
            let name = text.strip_prefix("volume:").ok_or_else(|| {
                let message = format!("--destroy takes volume:NAME, and not {text:?}");
                Failure::new(ExitCode::Usage, message)
            })?;
            VolumeName::new(name).map_err(usage)
        })
        .collect()
}

/// Performs a plan and shows how it goes; returns what became of it, and how long it took.
pub(crate) async fn perform(
    context: &Context,
    session: &Session,
    plan: &Plan,
    options: &ApplyOptions,
) -> Result<(ApplyReport, Duration), Failure> {
    let interrupt = Interrupt::listen(
        &context.ui,
        [
            "Stopping: what is at work is finished, nothing new is begun. Ctrl-C again puts back what is unfinished.",
            "Stopping now: what is unfinished is put back.",
        ],
    )?;
    let began = Instant::now();
    let (sender, progress) = mpsc::channel(256);
    let work = session.apply(plan, options, sender, &interrupt.stop);
    let (report, ()) = tokio::join!(work, apply_view::show(&context.ui, plan, progress));
    Ok((report, began.elapsed()))
}

/// Says what became of a plan.
pub(crate) fn finish(
    context: &Context,
    plan: &Plan,
    report: &ApplyReport,
    took: Duration,
) -> CommandResult {
    let took = took.as_secs_f64();
    if report.is_success() {
        let count = plan.change_count();
        let things = if count == 1 { "change" } else { "changes" };
        context
            .ui
            .words(format!("Done: {count} {things} in {took:.1} s."));
        return Ok(ExitCode::Done);
    }
    for line in failure_lines(plan, report) {
        context.ui.loud(line);
    }
    if report.stopped {
        context.ui.loud("Interrupted. Go on with: stackgen apply");
        return Ok(ExitCode::Interrupted);
    }
    context
        .ui
        .loud("Not done. What is done stays; after putting it right, go on with: stackgen apply");
    Ok(ExitCode::Failed)
}

/// Returns what failed and why, what was done, and what was taken back.
pub(crate) fn failure_lines(plan: &Plan, report: &ApplyReport) -> Vec<String> {
    let mut lines = Vec::new();
    for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
        let StepOutcome::Failed { message, details } = outcome else {
            continue;
        };
        let resource = resource_of(plan, step.change);
        // A wait names what it waited for, and a check says the same each time: nothing is said twice.
        let names_it = message.starts_with(&format!("{resource} "));
        let subject = if names_it {
            String::new()
        } else {
            format!("{resource}: ")
        };
        lines.push(format!("{} {subject}{message}", styled(ERROR, "failed:")));
        let mut details = details.clone();
        // A builder's words stand as they are.
        if !matches!(step.action, Action::BuildImage(_)) {
            details.dedup();
        }
        lines.extend(details.iter().map(|detail| format!("    {detail}")));
        if let Action::PullImage { image, .. } = &step.action {
            lines.push(format!("    help: {}", no_image_hint(image.as_str())));
        }
    }
    let waiting = never_started(plan, report);
    if !waiting.is_empty() {
        lines.push(format!("not started: {}", waiting.join(", ")));
    }
    for (change, failures) in &report.undone {
        let resource = resource_of(plan, *change);
        lines.push(format!("rolled back: {resource}"));
        lines.extend(
            failures
                .iter()
                .map(|failure| format!("    could not: {failure}")),
        );
    }
    let done = |outcome: &StepOutcome| *outcome == StepOutcome::Done;
    let count = report
        .outcomes
        .iter()
        .filter(|outcome| done(outcome))
        .count();
    lines.push(format!("{count} of {} steps were done.", plan.steps.len()));
    lines
}

/// Returns the services that were to be started and were not reached.
fn never_started(plan: &Plan, report: &ApplyReport) -> Vec<String> {
    let mut names: Vec<String> = plan
        .steps
        .iter()
        .zip(&report.outcomes)
        .filter(|(step, outcome)| {
            matches!(step.action, Action::StartContainer { .. })
                && **outcome == StepOutcome::NotStarted
        })
        .map(|(step, _)| resource_of(plan, step.change))
        .collect();
    names.dedup();
    names
}

fn resource_of(plan: &Plan, change: usize) -> String {
    let change = plan.changes.get(change);
    change.map_or_else(String::new, |change| apply_view::name_of(&change.resource))
}
