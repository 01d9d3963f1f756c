//! The journal's own types, so that a change of the domain types cannot change what is on disk unnoticed.
//!
//! Old reader, new data: a format number that is not known is refused ([`super::StoreError::NewerFormat`]). New reader, old data: every
//! format down to 1 is read; a field that a later format adds gets a default here.
//!
//! Format 1: the first.
//!
//! Format 2 adds `retry_requested`, after which a run that ended goes on and ends again. Old reader, new data: refused, since to it a run
//! has one end. New reader, old data: the records of format 1 mean the same; opening the journal moves it to format 2 in place, by
//! exchanging the index that allows one end for a trigger that allows nothing between an end and a `retry_requested`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dag::{Failure, Outcome, RunCause, RunEnd, RunEvent, RunHeader, TaskShape};
use crate::model::{DagName, RunId, TaskName, TriggerRule};

/// One event as it is on disk, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Record {
    Started(HeaderRecord),
    AttemptStarted {
        task: String,
        attempt: u32,
        at: Timestamp,
    },
    AttemptFinished {
        task: String,
        attempt: u32,
        outcome: OutcomeRecord,
        at: Timestamp,
    },
    RetryDue {
        task: String,
        at: Timestamp,
    },
    CancelRequested {
        at: Timestamp,
    },
    RetryRequested {
        task: String,
        at: Timestamp,
    },
    Finished {
        state: EndRecord,
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HeaderRecord {
    run_id: String,
    dag: String,
    cause: CauseRecord,
    at: Timestamp,
    logical_date: Timestamp,
    data_interval_end: Timestamp,
    params: serde_json::Value,
    tasks: Vec<ShapeRecord>,
    max_active_tasks: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ShapeRecord {
    name: String,
    after: Vec<String>,
    trigger_rule: String,
    retries: u32,
    retry_delay_ms: u64,
    retry_exponential_backoff: bool,
    max_retry_delay_ms: Option<u64>,
    priority_weight: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CauseRecord {
    Manual,
    Scheduled,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum OutcomeRecord {
    Success,
    Skipped,
    Failed {
        exit_code: Option<i64>,
        message: String,
    },
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EndRecord {
    Success,
    Failed,
    Cancelled,
}

/// The columns by which the database itself refuses a second record of a kind.
pub(super) struct Columns<'a> {
    pub(super) kind: &'static str,
    pub(super) task: Option<&'a str>,
    pub(super) attempt: Option<u32>,
}

impl Record {
    pub(super) fn columns(&self) -> Columns<'_> {
        let (kind, task, attempt) = match self {
            Self::Started(_) => ("started", None, None),
            Self::AttemptStarted { task, attempt, .. } => {
                ("attempt_started", Some(task), Some(*attempt))
            }
            Self::AttemptFinished { task, attempt, .. } => {
                ("attempt_finished", Some(task), Some(*attempt))
            }
            Self::RetryDue { task, .. } => ("retry_due", Some(task), None),
            Self::CancelRequested { .. } => ("cancel_requested", None, None),
            Self::RetryRequested { task, .. } => ("retry_requested", Some(task), None),
            Self::Finished { .. } => ("finished", None, None),
        };
        Columns {
            kind,
            task: task.map(String::as_str),
            attempt,
        }
    }
}

impl From<&RunEvent> for Record {
    fn from(event: &RunEvent) -> Self {
        match event {
            RunEvent::Started(header) => Self::Started(header.into()),
            RunEvent::AttemptStarted { task, attempt, at } => Self::AttemptStarted {
                task: task.to_string(),
                attempt: *attempt,
                at: *at,
            },
            RunEvent::AttemptFinished {
                task,
                attempt,
                outcome,
                at,
            } => Self::AttemptFinished {
                task: task.to_string(),
                attempt: *attempt,
                outcome: outcome.into(),
                at: *at,
            },
            RunEvent::RetryDue { task, at } => Self::RetryDue {
                task: task.to_string(),
                at: *at,
            },
            RunEvent::CancelRequested { at } => Self::CancelRequested { at: *at },
            RunEvent::RetryRequested { task, at } => Self::RetryRequested {
                task: task.to_string(),
                at: *at,
            },
            RunEvent::Finished { state, at } => Self::Finished {
                state: (*state).into(),
                at: *at,
            },
        }
    }
}

impl TryFrom<Record> for RunEvent {
    type Error = String;

    fn try_from(record: Record) -> Result<Self, String> {
        Ok(match record {
            Record::Started(header) => Self::Started(header.try_into()?),
            Record::AttemptStarted { task, attempt, at } => Self::AttemptStarted {
                task: task_name(task)?,
                attempt,
                at,
            },
            Record::AttemptFinished {
                task,
                attempt,
                outcome,
                at,
            } => Self::AttemptFinished {
                task: task_name(task)?,
                attempt,
                outcome: outcome.into(),
                at,
            },
            Record::RetryDue { task, at } => Self::RetryDue {
                task: task_name(task)?,
                at,
            },
            Record::CancelRequested { at } => Self::CancelRequested { at },
            Record::RetryRequested { task, at } => Self::RetryRequested {
                task: task_name(task)?,
                at,
            },
            Record::Finished { state, at } => Self::Finished {
                state: state.into(),
                at,
            },
        })
    }
}

fn task_name(name: String) -> Result<TaskName, String> {
    TaskName::new(name).map_err(|error| error.to_string())
}

impl From<&RunHeader> for HeaderRecord {
    fn from(header: &RunHeader) -> Self {
        Self {
            run_id: header.run_id.to_string(),
            dag: header.dag.to_string(),
            cause: header.cause.into(),
            at: header.at,
            logical_date: header.logical_date,
            data_interval_end: header.data_interval_end,
            params: header.params.clone(),
            tasks: header.tasks.iter().map(Into::into).collect(),
            max_active_tasks: header.max_active_tasks,
        }
    }
}

impl TryFrom<HeaderRecord> for RunHeader {
    type Error = String;

    fn try_from(record: HeaderRecord) -> Result<Self, String> {
        Ok(Self {
            run_id: RunId::new(record.run_id).map_err(|error| error.to_string())?,
            dag: DagName::new(record.dag).map_err(|error| error.to_string())?,
            cause: record.cause.into(),
            at: record.at,
            logical_date: record.logical_date,
            data_interval_end: record.data_interval_end,
            params: record.params,
            tasks: record
                .tasks
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            max_active_tasks: record.max_active_tasks,
        })
    }
}

impl From<&TaskShape> for ShapeRecord {
    fn from(shape: &TaskShape) -> Self {
        Self {
            name: shape.name.to_string(),
            after: shape.after.iter().map(ToString::to_string).collect(),
            trigger_rule: shape.trigger_rule.name().to_owned(),
            retries: shape.retries,
            retry_delay_ms: milliseconds(shape.retry_delay),
            retry_exponential_backoff: shape.retry_exponential_backoff,
            max_retry_delay_ms: shape.max_retry_delay.map(milliseconds),
            priority_weight: shape.priority_weight,
        }
    }
}

impl TryFrom<ShapeRecord> for TaskShape {
    type Error = String;

    fn try_from(record: ShapeRecord) -> Result<Self, String> {
        let (trigger_rule, _) = TriggerRule::ALL
            .into_iter()
            .find(|(_, name)| *name == record.trigger_rule)
            .ok_or_else(|| format!("{} is no trigger rule", record.trigger_rule))?;
        Ok(Self {
            name: task_name(record.name)?,
            after: record
                .after
                .into_iter()
                .map(task_name)
                .collect::<Result<_, _>>()?,
            trigger_rule,
            retries: record.retries,
            retry_delay: Duration::from_millis(record.retry_delay_ms),
            retry_exponential_backoff: record.retry_exponential_backoff,
            max_retry_delay: record.max_retry_delay_ms.map(Duration::from_millis),
            priority_weight: record.priority_weight,
        })
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<RunCause> for CauseRecord {
    fn from(cause: RunCause) -> Self {
        match cause {
            RunCause::Manual => Self::Manual,
            RunCause::Scheduled => Self::Scheduled,
        }
    }
}

impl From<CauseRecord> for RunCause {
    fn from(record: CauseRecord) -> Self {
        match record {
            CauseRecord::Manual => Self::Manual,
            CauseRecord::Scheduled => Self::Scheduled,
        }
    }
}

impl From<&Outcome> for OutcomeRecord {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Success => Self::Success,
            Outcome::Skipped => Self::Skipped,
            Outcome::Failed(failure) => Self::Failed {
                exit_code: failure.exit_code,
                message: failure.message.clone(),
            },
            Outcome::Cancelled => Self::Cancelled,
        }
    }
}

impl From<OutcomeRecord> for Outcome {
    fn from(record: OutcomeRecord) -> Self {
        match record {
            OutcomeRecord::Success => Self::Success,
            OutcomeRecord::Skipped => Self::Skipped,
            OutcomeRecord::Failed { exit_code, message } => {
                Self::Failed(Failure { exit_code, message })
            }
            OutcomeRecord::Cancelled => Self::Cancelled,
        }
    }
}

impl From<RunEnd> for EndRecord {
    fn from(end: RunEnd) -> Self {
        match end {
            RunEnd::Success => Self::Success,
            RunEnd::Failed => Self::Failed,
            RunEnd::Cancelled => Self::Cancelled,
        }
    }
}

impl From<EndRecord> for RunEnd {
    fn from(record: EndRecord) -> Self {
        match record {
            EndRecord::Success => Self::Success,
            EndRecord::Failed => Self::Failed,
            EndRecord::Cancelled => Self::Cancelled,
        }
    }
}
