//! Showing a run while it is at work: redrawn in place on a terminal, one line for each thing elsewhere.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;

use crate::dag::{RunEvent, RunState};
use crate::exec::RunProgress;
use crate::store::StateDir;

use super::Ui;
use super::dag_view::{Details, Look, event_json, line, picture, summary};

/// How often the picture is drawn anew, so that its times go on.
const REDRAW: Duration = Duration::from_millis(250);

/// Shows what `progress` tells until it ends. Pictures and lines are words, JSON is data.
pub(crate) async fn follow(
    ui: &Ui,
    json: bool,
    state_dir: &StateDir,
    mut progress: mpsc::Receiver<RunProgress>,
) {
    let look = look(ui);
    let is_live = ui.is_live() && !json;
    let mut run: Option<RunState> = None;
    let mut details = Details::default();
    let mut drawn = 0;
    let mut redraw = tokio::time::interval(REDRAW);
    redraw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let event = tokio::select! {
            event = progress.recv() => match event {
                Some(event) => event,
                None => break,
            },
            _ = redraw.tick(), if is_live => {
                if let Some(run) = &run {
                    drawn = draw(ui, &picture(run, &details, Timestamp::now(), &look), drawn);
                }
                continue;
            }
        };
        take(&mut run, &mut details, &event);
        if json {
            if let Some(json) = event_json(&event) {
                ui.data(json.to_string()).ok();
            }
        } else if let RunProgress::Resumed { dag, run_id, last } = &event {
            let ago = Timestamp::now().duration_since(*last).as_secs().max(0);
            ui.words(format!(
                "{dag} has an unfinished run, {run_id} (stopped {ago} s ago): going on with it.\nA new one: --new. Give it up: stackgen dag cancel {dag}\n"
            ));
        } else if !is_live && let Some(line) = line(run.as_ref(), &event, &look) {
            ui.words(line);
        }
    }
    let Some(run) = run.filter(|run| run.end().is_some() && !json) else {
        return;
    };
    let log = |task: &_, attempt| state_dir.log_path(run.dag(), run.run_id(), task, attempt);
    let text = summary(&run, &details, Timestamp::now(), &look, &log);
    if is_live {
        draw(ui, &text, drawn);
    } else {
        ui.words(format!("\n{text}"));
    }
}

/// Takes in what was told: the run is the fold of its events here too.
fn take(run: &mut Option<RunState>, details: &mut Details, progress: &RunProgress) {
    match progress {
        RunProgress::Happened {
            event: RunEvent::Started(header),
            ..
        } => *run = RunState::begin(header.clone()).ok().map(|(run, _)| run),
        RunProgress::Happened { event, is_past } => {
            if let Some(run) = run {
                // One that was missed leaves the picture behind, not the run.
                run.step(event).ok();
            }
            if let RunEvent::AttemptFinished { task, .. } = event
                && *is_past
            {
                details.earlier.push(task.clone());
            }
        }
        RunProgress::Doing {
            task,
            what,
            is_found,
            ..
        } => {
            let what = if *is_found {
                format!("{what} found, waiting")
            } else {
                what.clone()
            };
            details.newest.insert(task.clone(), what);
        }
        RunProgress::Waiting { task, what } => {
            details
                .newest
                .insert(task.clone(), format!("waits for {what}"));
        }
        RunProgress::Line { task, line } => {
            details.newest.insert(task.clone(), line.clone());
        }
        RunProgress::Resumed { .. } | RunProgress::Starting { .. } => {}
    }
}

/// Draws over the lines that were drawn before, and returns how many there are now.
fn draw(ui: &Ui, text: &str, drawn: usize) -> usize {
    let up = match drawn {
        0 => String::new(),
        lines => format!("\u{1b}[{lines}A\u{1b}[J"),
    };
    ui.words(format!("{up}{text}"));
    text.lines().count()
}

/// Returns how runs are written here.
pub(crate) fn look(ui: &Ui) -> Look {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    Look {
        width: ui.width().unwrap_or(100),
        unicode: locale.is_none_or(|locale| locale.to_ascii_lowercase().contains("utf")),
        zone: TimeZone::system(),
    }
}
