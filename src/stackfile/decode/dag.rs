//! Decodes DAGs.

use indexmap::IndexMap;

use crate::model::{Cron, Dag, Form, Runner, Schedule, TaskName};

use super::super::language;
use super::super::suggest::nearest;
use super::super::tree::{Node, Value};
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader};

/// Airflow's default for runs, and for tasks of a run.
const ACTIVE: u32 = 16;

impl<'a, F: Form> Decoder<'a, F> {
    pub(super) fn dag(&mut self, node: &Node, path: &At<'_>) -> Option<Dag<F>> {
        let mut reader = Reader::open(self, node, path, &language::DAG)?;
        let description = reader.word("description");
        let schedule = reader.schedule();
        let timezone = reader.with("timezone", Decoder::timezone);
        let start_date = reader.with("start_date", Decoder::date);
        let end_date = reader.with("end_date", Decoder::date);
        let runners = [("stackgen", Runner::Stackgen), ("airflow", Runner::Airflow)];
        let dag = Dag {
            description,
            schedule,
            timezone: timezone.unwrap_or_else(|| "UTC".to_owned()),
            start_date,
            end_date,
            catchup: reader.flag("catchup").unwrap_or(false),
            max_active_runs: reader.count("max_active_runs").unwrap_or(ACTIVE),
            max_active_tasks: reader.count("max_active_tasks").unwrap_or(ACTIVE),
            runner: reader.choice("runner", &runners).unwrap_or_default(),
            tags: reader.known_texts("tags"),
            params: reader
                .with("params", Decoder::json_object)
                .unwrap_or_default(),
            tasks: reader.with("tasks", Decoder::tasks).unwrap_or_default(),
        };
        // The default args are merged into the tasks by now.
        let _ = reader.node("default_args");
        reader.finish();
        Some(dag)
    }

    fn tasks(
        &mut self,
        node: &Node,
        path: &At<'_>,
    ) -> Option<IndexMap<TaskName, crate::model::Task<F>>> {
        let Some(table) = node.table() else {
            self.wrong_type(node, path, "a table");
            return None;
        };
        let mut tasks = IndexMap::new();
        for (key, inner) in table {
            let name = self.key_name(key, inner, TaskName::new);
            let task = self.task(inner, &path.join(key));
            tasks.extend(name.zip(task));
        }
        Some(tasks)
    }

    fn cron(&mut self, node: &Node, path: &At<'_>) -> Option<Cron> {
        let text = self.known_text(node, path)?;
        match Cron::parse(&text) {
            Ok(cron) => Some(cron),
            Err(error) => {
                let site = self.part_of(node, error.span);
                let mut diagnostic =
                    Diagnostic::error(Code::BadCron, error.message, site.label(error.label));
                diagnostic.help = error.help;
                self.tell(diagnostic);
                None
            }
        }
    }

    fn timezone(&mut self, node: &Node, path: &At<'_>) -> Option<String> {
        let text = self.known_text(node, path)?;
        if jiff::tz::TimeZone::get(&text).is_ok() {
            return Some(text);
        }
        let known: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.to_string())
            .collect();
        let help = match nearest(&text, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "an IANA name such as Europe/Paris, or UTC".to_owned(),
        };
        let message = format!("{path}: {text:?} is no time zone");
        self.bad_value(Code::BadTimezone, node, message, "", Some(help));
        None
    }

    /// Decodes a moment: a date or local date and time of TOML, or the same as text.
    fn date(&mut self, node: &Node, path: &At<'_>) -> Option<jiff::civil::DateTime> {
        let text = match &node.value {
            Value::Date(date) => date.to_string(),
            Value::Text(_) => self.known_text(node, path)?,
            _ => {
                self.wrong_type(node, path, "a date");
                return None;
            }
        };
        let has_offset = matches!(&node.value, Value::Date(date) if date.offset.is_some());
        let parsed = text.parse::<jiff::civil::DateTime>().or_else(|_| {
            text.parse::<jiff::civil::Date>()
                .map(|date| date.at(0, 0, 0, 0))
        });
        match parsed {
            Ok(moment) if !has_offset => Some(moment),
            _ => {
                let message = format!("{path}: {text} is no local date");
                let help =
                    "as in 2024-01-31 or 2024-01-31T06:00:00; timezone says where".to_owned();
                self.bad_value(Code::BadDate, node, message, "", Some(help));
                None
            }
        }
    }
}

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    fn schedule(&mut self) -> Schedule {
        self.exclusive(&["schedule", "every"]);
        let cron = self.with("schedule", Decoder::cron);
        let every = self.with("every", |decoder, node, path| {
            let every = decoder.known_duration(node, path)?;
            if every.is_zero() {
                let message = format!("{path} has to be longer than nothing");
                decoder.bad_value(Code::BadDuration, node, message, "", None);
                return None;
            }
            Some(every)
        });
        match (cron, every) {
            (Some(cron), _) => Schedule::Cron(cron),
            (None, Some(every)) => Schedule::Every(every),
            (None, None) => Schedule::Manual,
        }
    }

    pub(super) fn known_texts(&mut self, key: &'static str) -> Vec<String> {
        self.with(key, |decoder, node, path| {
            let mut texts = Vec::new();
            for (index, item) in decoder.items(node, path).iter().enumerate() {
                texts.extend(decoder.known_text(item, &path.join(index)));
            }
            Some(texts)
        })
        .unwrap_or_default()
    }
}
