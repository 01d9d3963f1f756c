//! The status of a stack as a table, and as JSON.

use jiff::{Timestamp, Zoned};

use crate::model::{ContainerStatus, ObservedContainer};
use crate::plan::Shown;
use crate::reconcile::{DagStatus, Mark, ServiceStatus, StateWord, Status};

use super::table::{columns, cut, visible_width};
use super::ui::{ERROR, FAINT, GOOD, STRONG, WARNING, styled};

/// What else is known of a service that is broken: the last line that it printed, by its name.
pub(crate) type LastWords = std::collections::BTreeMap<String, String>;

/// Draws the table at `now`; `width` is that of the terminal, `None`: nothing is cut.
pub(crate) fn text(
    status: &Status,
    dags: &[DagStatus],
    words: &LastWords,
    now: &Zoned,
    width: Option<usize>,
) -> String {
    let mut rows: Vec<&ServiceStatus> = status.services.iter().collect();
    rows.sort_by_key(|row| match row.mark {
        Mark::Broken => 0,
        Mark::Drifted | Mark::Unknown => 1,
        Mark::Fine => 2,
    });
    let is_marked =
        rows.iter().any(|row| row.mark != Mark::Fine) || dags.iter().any(DagStatus::has_failed);
    let mut text = headline(status, width) + "\n\n";
    let room = width.map(|width| width.saturating_sub(if is_marked { 2 } else { 0 }));
    let table = fitting(service_rows(&rows, now.timestamp()), room);
    push_table(&mut text, &table, is_marked, width, |index| {
        let row = rows[index];
        (row.mark, notes(row, words))
    });
    if !dags.is_empty() {
        text.push('\n');
        let table = columns(&dag_rows(dags, now));
        push_table(&mut text, &table, is_marked, width, |index| {
            dag_notes(&dags[index])
        });
    }
    if status.differing() > 0 {
        text.push('\n');
        if !status.other_changes.is_empty() {
            text.push_str(&format!(
                "Also differs: {}\n",
                status.other_changes.join(", ")
            ));
        }
    }
    text
}

/// The columns that a narrow terminal loses, in this order: PORTS, IMAGE.
const DISPENSABLE: [usize; 2] = [5, 4];

/// Returns the table with as many of its columns as there is room for.
fn fitting(mut rows: Vec<[String; 7]>, room: Option<usize>) -> String {
    let is_too_wide = |table: &str| {
        let widest = table.lines().map(visible_width).max().unwrap_or_default();
        room.is_some_and(|room| widest > room)
    };
    let mut table = columns(&rows);
    for column in DISPENSABLE {
        if !is_too_wide(&table) {
            break;
        }
        for row in &mut rows {
            row[column].clear();
        }
        table = columns(&rows);
    }
    table
}

fn headline(status: &Status, width: Option<usize>) -> String {
    let (up, wanted) = status.up();
    let differing = status.differing();
    let sync = if differing == 0 {
        styled(GOOD, "in sync")
    } else {
        styled(WARNING, format!("{differing} not as stack.toml says"))
    };
    let (version, address) = (
        short_version(&status.engine.version),
        &status.engine.address,
    );
    let line = format!(
        "{}   {up} of {wanted} services up   {sync}   docker {version}",
        styled(STRONG, &status.project),
    );
    let whole = format!("{line} at {address}");
    match width {
        Some(width) if visible_width(&whole) > width => line,
        _ => whole,
    }
}

/// Returns the first two numbers of a version, such as `20.10` of `20.10.24+dfsg1`.
fn short_version(version: &str) -> &str {
    let second_dot = version.match_indices('.').nth(1);
    second_dot.map_or(version, |(at, _)| &version[..at])
}

/// Appends a table: marks in front where there is any, notes below the rows that have some.
fn push_table(
    text: &mut String,
    table: &str,
    is_marked: bool,
    width: Option<usize>,
    about: impl Fn(usize) -> (Mark, Vec<String>),
) {
    let fit = |line: &str| width.map_or_else(|| line.to_owned(), |width| cut(line, width));
    for (index, line) in table.lines().enumerate() {
        let (mark, notes) = match index {
            0 => (Mark::Fine, Vec::new()),
            _ => about(index - 1),
        };
        let sign = match mark {
            Mark::Broken => styled(ERROR, "!"),
            Mark::Drifted => styled(WARNING, "~"),
            Mark::Unknown => styled(WARNING, "?"),
            Mark::Fine => " ".to_owned(),
        };
        let line = if is_marked {
            format!("{sign} {line}")
        } else {
            line.to_owned()
        };
        text.push_str(fit(&line).trim_end());
        text.push('\n');
        for note in notes {
            text.push_str(&fit(&format!("      {note}")));
            text.push('\n');
        }
    }
}

fn service_rows(rows: &[&ServiceStatus], now: Timestamp) -> Vec<[String; 7]> {
    let head = ["SERVICE", "STATE", "HEALTH", "UP", "IMAGE", "PORTS", ""];
    let mut table = vec![head.map(|title| styled(FAINT, title))];
    table[0][6] = String::new();
    table.extend(rows.iter().map(|row| {
        let note = match row.state {
            StateWord::Off if !row.profiles.is_empty() => {
                format!("profile {}", row.profiles.join(", "))
            }
            _ => String::new(),
        };
        let count = row.running();
        let state = match row.state {
            StateWord::Running if row.desired != 1 || count != 1 => format!("running {count}"),
            state => state.name().to_owned(),
        };
        let up = row.since().map_or("-".to_owned(), |since| age(since, now));
        [
            row.name.to_string(),
            state,
            colored(&row.health_word()),
            if row.state == StateWord::Off {
                "-".to_owned()
            } else {
                up
            },
            row.image.clone(),
            row.ports.join(","),
            note,
        ]
    }));
    table
}

fn colored(health: &str) -> String {
    match health {
        "healthy" | "exit 0" => styled(GOOD, health),
        "starting" => styled(WARNING, health),
        "-" => health.to_owned(),
        _ => styled(ERROR, health),
    }
}

/// Returns why a row is marked, in at most three lines.
fn notes(row: &ServiceStatus, words: &LastWords) -> Vec<String> {
    let mut notes = Vec::new();
    let container: Option<&ObservedContainer> = row.containers.last();
    match row.state {
        _ if row.mark == Mark::Fine => return notes,
        StateWord::Restarts => {
            let count = container.map_or(0, |container| container.state.restart_count);
            notes.push(format!("restarted {count} times; last words:"));
        }
        StateWord::Missing => notes.push("there is no container of it".to_owned()),
        StateWord::Failed | StateWord::Stopped => {
            if let Some(container) = container {
                notes.extend(why_stopped(container));
            }
        }
        StateWord::Paused => notes.push("it is frozen".to_owned()),
        StateWord::Unknown => notes.push("it could not be looked at".to_owned()),
        StateWord::Running | StateWord::Starting | StateWord::Done | StateWord::Off => {}
    }
    if row.health_word() == "unhealthy"
        && let Some(probe) = container.and_then(|container| container.state.health_log.last())
    {
        notes.push(format!(
            "probe failed: {}",
            probe.trim().lines().next().unwrap_or_default()
        ));
    }
    if row.mark == Mark::Broken
        && let Some(line) = words.get(row.name.as_str())
    {
        notes.push(line.clone());
        notes.push(format!("→ stackgen logs {}", row.name));
    }
    let shown = |value: &Option<Shown>| {
        value
            .as_ref()
            .map_or("(none)".to_owned(), ToString::to_string)
    };
    let drift = row
        .drift
        .iter()
        .map(|field| match (&field.old, &field.new) {
            (Some(Shown::Secret), Some(Shown::Secret)) => format!("{} differs", field.path),
            (old, new) => format!("{} is {}, should be {}", field.path, shown(old), shown(new)),
        });
    notes.extend(drift);
    if notes.len() > 3 {
        let more = notes.len() - 2;
        notes.truncate(2);
        notes.push(format!("and {more} more: stackgen plan"));
    }
    notes
}

/// Returns why a container does not run, where the columns do not say it.
fn why_stopped(container: &ObservedContainer) -> Option<String> {
    let state = &container.state;
    if !state.error.is_empty() {
        return Some(state.error.clone());
    }
    (state.status == ContainerStatus::Created).then(|| "created and never started".to_owned())
}

fn dag_rows(dags: &[DagStatus], now: &Zoned) -> Vec<[String; 5]> {
    let head = ["DAG", "LAST RUN", "", "TOOK", "NEXT"].map(|title| match title {
        "" => String::new(),
        title => styled(FAINT, title),
    });
    let mut table = vec![head];
    table.extend(dags.iter().map(|dag| {
        let last = dag.last.as_ref();
        let state = last.map_or("-".to_owned(), |run| run.state.to_owned());
        let took = last.and_then(|run| Some(run.ended?.duration_since(run.started)));
        let next = dag.next.map(|next| {
            let zone = jiff::tz::TimeZone::get(&dag.timezone).unwrap_or(jiff::tz::TimeZone::UTC);
            format!(
                "{} {}",
                day_and_time(next, &now.with_time_zone(zone)),
                dag.timezone
            )
        });
        [
            dag.name.to_string(),
            state,
            last.map_or_else(String::new, |run| day_and_time(run.started, now)),
            took.map_or("-".to_owned(), |took| span(took.as_secs())),
            next.unwrap_or_else(|| "when asked".to_owned()),
        ]
    }));
    table
}

fn dag_notes(dag: &DagStatus) -> (Mark, Vec<String>) {
    if !dag.has_failed() {
        return (Mark::Fine, Vec::new());
    }
    let failed = dag.last.iter().flat_map(|run| &run.failed_tasks);
    let notes = failed
        .take(2)
        .flat_map(|(task, tries)| {
            let tries = if *tries == 1 {
                "1 try".to_owned()
            } else {
                format!("{tries} tries")
            };
            [
                format!("{task} failed after {tries}"),
                format!("→ stackgen dag logs {} {task}", dag.name),
            ]
        })
        .collect();
    (Mark::Broken, notes)
}

/// Returns a time as `today 06:00`, `tomorrow 06:00`, `yesterday 06:00` or with its date, in the zone of `now`.
pub(crate) fn day_and_time(time: Timestamp, now: &Zoned) -> String {
    let time = time.to_zoned(now.time_zone().clone());
    let days = now
        .date()
        .until(time.date())
        .map_or(i32::MAX, |span| span.get_days());
    let clock = time.strftime("%H:%M");
    match days {
        0 => format!("today {clock}"),
        1 => format!("tomorrow {clock}"),
        -1 => format!("yesterday {clock}"),
        _ => format!("{} {clock}", time.strftime("%Y-%m-%d")),
    }
}

/// Returns the time since `since` in its largest unit: `4 s`, `8 min`, `2 h`, `3 d`.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Returns a number of seconds as `1m 12s`.
pub(crate) fn span(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Returns the status in the shape of `status --json`.
pub(crate) fn json(status: &Status, dags: &[DagStatus]) -> serde_json::Value {
    let services: Vec<_> = status.services.iter().map(service_json).collect();
    let dags: Vec<_> = dags.iter().map(dag_json).collect();
    serde_json::json!({
        "project": status.project,
        "in_sync": status.differing() == 0,
        "services": services,
        "dags": dags,
    })
}

fn service_json(row: &ServiceStatus) -> serde_json::Value {
    let containers: Vec<_> = row
        .containers
        .iter()
        .map(|container| {
            let state = format!("{:?}", container.state.status).to_lowercase();
            serde_json::json!({"name": container.name, "id": container.id.as_str(), "state": state})
        })
        .collect();
    let drift: Vec<_> = row
        .drift
        .iter()
        .map(|field| field.path.to_string())
        .collect();
    serde_json::json!({
        "name": row.name.as_str(),
        "state": row.state.name(),
        "desired": row.desired,
        "running": row.running(),
        "health": row.health_word(),
        "since": row.since().map(|since| since.to_string()),
        "image": row.image,
        "ports": row.ports,
        "drift": drift,
        "containers": containers,
    })
}

fn dag_json(dag: &DagStatus) -> serde_json::Value {
    let last = dag.last.as_ref().map(|run| {
        serde_json::json!({
            "run_id": run.run_id.as_str(),
            "state": run.state,
            "start": run.started.to_string(),
            "end": run.ended.map(|ended| ended.to_string()),
        })
    });
    serde_json::json!({
        "dag": dag.name.as_str(),
        "last_run": last,
        "next": dag.next.map(|next| next.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_loses_the_ports_and_then_the_image() {
        let row = |cells: [&str; 7]| cells.map(str::to_owned);
        let rows = vec![
            row(["SERVICE", "STATE", "HEALTH", "UP", "IMAGE", "PORTS", ""]),
            row(["web", "running", "-", "4 s", "shop/web:1.2", "8080", ""]),
        ];
        let heads = |room: Option<usize>| {
            let table = fitting(rows.clone(), room);
            table.lines().next().unwrap_or_default().to_owned()
        };
        let whole = "SERVICE  STATE    HEALTH  UP   IMAGE         PORTS";
        assert_eq!(heads(None), whole);
        assert_eq!(heads(Some(whole.len())), whole);
        assert_eq!(
            heads(Some(whole.len() - 1)),
            "SERVICE  STATE    HEALTH  UP   IMAGE"
        );
        assert_eq!(heads(Some(40)), "SERVICE  STATE    HEALTH  UP");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let now: Zoned = "2026-03-02T12:00:00[UTC]".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            day_and_time(at("2026-03-02T06:00:00Z"), &now),
            "today 06:00"
        );
        assert_eq!(
            day_and_time(at("2026-03-03T06:00:00Z"), &now),
            "tomorrow 06:00"
        );
        assert_eq!(
            day_and_time(at("2026-03-01T23:59:00Z"), &now),
            "yesterday 23:59"
        );
        assert_eq!(
            day_and_time(at("2026-04-01T06:00:00Z"), &now),
            "2026-04-01 06:00"
        );
        assert_eq!(age(at("2026-03-02T11:58:00Z"), now.timestamp()), "2 min");
        assert_eq!(span(72), "1m 12s");
    }
}
