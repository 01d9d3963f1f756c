//! The durable record of every run: append-only events in an embedded SQLite database.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};

use crate::dag::{RunCause, RunEnd, RunEvent};
use crate::model::{DagName, RunId};

use super::record::Record;
use super::{StateDir, StoreError};

/// The format of the database; see `record` for what a change of it means.
const FORMAT: i64 = 2;

/// Who made a journal, or moved it to another format.
const WRITTEN_BY: &str = concat!("stackgen ", env!("CARGO_PKG_VERSION"));

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The database refuses by itself what may never be: an event that is changed or removed, a second event of one number, a second start
/// or end of one try, a second end of one run.
const SCHEMA: &str = "
CREATE TABLE header (format INTEGER NOT NULL, written_by TEXT NOT NULL) STRICT;
CREATE TABLE event (
  dag TEXT NOT NULL, run TEXT NOT NULL, sequence INTEGER NOT NULL,
  kind TEXT NOT NULL, task TEXT, attempt INTEGER, body TEXT NOT NULL,
  PRIMARY KEY (dag, run, sequence)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX one_start_and_end_an_attempt ON event (dag, run, task, attempt, kind) WHERE attempt IS NOT NULL;
CREATE UNIQUE INDEX one_start_and_end_a_run ON event (dag, run, kind) WHERE kind IN ('started', 'finished');
CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_are_not_removed BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE run (
  dag TEXT NOT NULL, run TEXT NOT NULL, cause TEXT NOT NULL, logical_date TEXT NOT NULL,
  started_us INTEGER NOT NULL, ended_us INTEGER, state TEXT,
  PRIMARY KEY (dag, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_start ON run (started_us);
";

/// From format 1 to 2: a run that has ended may go on, and nothing else may come after its end.
const TO_2: &str = "
DROP INDEX one_start_and_end_a_run;
CREATE UNIQUE INDEX one_start_a_run ON event (dag, run, kind) WHERE kind = 'started';
CREATE TRIGGER only_a_retry_follows_an_end BEFORE INSERT ON event
WHEN (NEW.kind = 'retry_requested') <>
  coalesce((SELECT state IS NOT NULL FROM run WHERE dag = NEW.dag AND run = NEW.run), 0)
BEGIN SELECT RAISE(ABORT, 'a run ends once, and goes on by a retry alone'); END;
";

/// The journal of all runs of one stack. Cheap to clone; one writer at a time. The calls block for about as long as one write to disk
/// takes: asynchronous code calls them on a thread for blocking work.
#[derive(Debug, Clone)]
pub struct Journal {
    connection: Arc<Mutex<Connection>>,
    path: PathBuf,
}

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Its DAG.
    pub dag: DagName,
    /// The run.
    pub run_id: RunId,
    /// Why it began.
    pub cause: RunCause,
    /// What it is for.
    pub logical_date: Timestamp,
    /// When it began.
    pub started: Timestamp,
    /// How and when it ended; `None`: it is open, at work or interrupted.
    pub end: Option<(RunEnd, Timestamp)>,
}

impl Journal {
    /// Opens the journal of a stack and makes it where it is missing.
    ///
    /// # Errors
    /// [`StoreError::Journal`]; [`StoreError::NewerFormat`] where a newer stackgen made it.
    pub fn open(state: &StateDir) -> Result<Self, StoreError> {
        let path = state.database();
        let fail = |what| {
            let path = path.clone();
            move |source| StoreError::Journal { what, path, source }
        };
        let mut connection = Connection::open(&path).map_err(fail("open"))?;
        connection
            .busy_timeout(BUSY_TIMEOUT)
            .and_then(|()| connection.pragma_update(None, "journal_mode", "WAL"))
            .and_then(|()| connection.pragma_update(None, "synchronous", "FULL"))
            .map_err(fail("open"))?;
        let found = prepare(&mut connection).map_err(fail("prepare"))?;
        if found > FORMAT {
            return Err(StoreError::NewerFormat {
                path,
                found,
                known: FORMAT,
            });
        }
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            path,
        })
    }

    /// Writes the event of a run that follows its first `known` events. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`StoreError::Overtaken`] where the run has other events than the caller knows; [`StoreError::Twice`] for a second start or
    /// end of the same try or run.
    pub fn append(
        &self,
        dag: &DagName,
        run: &RunId,
        known: u64,
        event: &RunEvent,
    ) -> Result<(), StoreError> {
        self.write(dag, run, Some(known), event)
    }

    /// Asks for the end of a run, whoever is at work on it, behind all its events. Nothing happens to a run that has ended.
    ///
    /// # Errors
    /// [`StoreError::Journal`].
    pub fn request_cancel(
        &self,
        dag: &DagName,
        run: &RunId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(dag, run, None, &RunEvent::CancelRequested { at })
    }

    /// Returns the events of a run in order; empty where there is no such run.
    ///
    /// # Errors
    /// [`StoreError::Journal`]; [`StoreError::BadRecord`].
    pub fn events(&self, dag: &DagName, run: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        self.events_after(dag, run, 0)
    }

    /// Returns the events of a run that follow its first `known` ones.
    ///
    /// # Errors
    /// As [`Journal::events`].
    pub fn events_after(
        &self,
        dag: &DagName,
        run: &RunId,
        known: u64,
    ) -> Result<Vec<RunEvent>, StoreError> {
        let bodies = self.bodies(dag, run, known).map_err(self.fail("read"))?;
        bodies
            .into_iter()
            .map(|(sequence, body)| {
                let bad = |why: String| StoreError::BadRecord {
                    dag: dag.clone(),
                    run: run.clone(),
                    sequence,
                    why,
                };
                serde_json::from_str::<Record>(&body)
                    .map_err(|error| bad(error.to_string()))
                    .and_then(|record| RunEvent::try_from(record).map_err(bad))
            })
            .collect()
    }

    /// Returns the latest runs, of one DAG or of all, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Journal`].
    pub fn runs(&self, dag: Option<&DagName>, limit: usize) -> Result<Vec<RunSummary>, StoreError> {
        self.summaries(
            "WHERE ?1 IS NULL OR dag = ?1 ORDER BY started_us DESC, run DESC LIMIT ?2",
            dag,
            limit,
        )
    }

    /// Returns the runs that have not ended, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Journal`].
    pub fn open_runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.summaries(
            "WHERE state IS NULL AND ?1 IS NULL ORDER BY started_us, run LIMIT ?2",
            None,
            usize::MAX,
        )
    }

    /// Returns one run.
    ///
    /// # Errors
    /// [`StoreError::Journal`].
    pub fn run(&self, dag: &DagName, run: &RunId) -> Result<Option<RunSummary>, StoreError> {
        let runs = self.runs(Some(dag), usize::MAX)?;
        Ok(runs.into_iter().find(|summary| summary.run_id == *run))
    }

    fn write(
        &self,
        dag: &DagName,
        run: &RunId,
        known: Option<u64>,
        event: &RunEvent,
    ) -> Result<(), StoreError> {
        let record = Record::from(event);
        let body = serde_json::to_string(&record).map_err(|error| StoreError::BadRecord {
            dag: dag.clone(),
            run: run.clone(),
            sequence: known.unwrap_or(0),
            why: error.to_string(),
        })?;
        let mut connection = self.connection();
        // Immediate: the number of the last event cannot change between its reading and the write.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(self.fail("write"))?;
        let last = last_sequence(&transaction, dag, run).map_err(self.fail("write"))?;
        let is_over = is_finished(&transaction, dag, run).map_err(self.fail("write"))?;
        match known {
            None if is_over || last == 0 => return Ok(()),
            Some(known) if known != last => {
                return Err(StoreError::Overtaken {
                    dag: dag.clone(),
                    run: run.clone(),
                });
            }
            _ => {}
        }
        insert(&transaction, dag, run, last + 1, &record, &body)
            .and_then(|()| summarize(&transaction, dag, run, event))
            .map_err(|source| match source.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => StoreError::Twice {
                    dag: dag.clone(),
                    run: run.clone(),
                    sequence: last + 1,
                },
                _ => self.fail("write")(source),
            })?;
        transaction.commit().map_err(self.fail("write"))
    }

    fn bodies(
        &self,
        dag: &DagName,
        run: &RunId,
        known: u64,
    ) -> rusqlite::Result<Vec<(u64, String)>> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT sequence, body FROM event WHERE dag = ?1 AND run = ?2 AND sequence > ?3 ORDER BY sequence",
        )?;
        let rows = statement
            .query_map(params![dag.as_str(), run.as_str(), as_i64(known)], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
            })?;
        rows.collect()
    }

    fn summaries(
        &self,
        condition: &str,
        dag: Option<&DagName>,
        limit: usize,
    ) -> Result<Vec<RunSummary>, StoreError> {
        let read = || -> rusqlite::Result<Vec<SummaryRow>> {
            let connection = self.connection();
            let mut statement = connection.prepare_cached(&format!(
                "SELECT dag, run, cause, logical_date, started_us, ended_us, state FROM run {condition}"
            ))?;
            let limit = as_i64(limit as u64);
            let rows = statement.query_map(params![dag.map(DagName::as_str), limit], |row| {
                Ok(SummaryRow {
                    dag: row.get(0)?,
                    run: row.get(1)?,
                    cause: row.get(2)?,
                    logical_date: row.get(3)?,
                    started_us: row.get(4)?,
                    ended_us: row.get(5)?,
                    state: row.get(6)?,
                })
            })?;
            rows.collect()
        };
        let rows = read().map_err(self.fail("read"))?;
        Ok(rows.into_iter().filter_map(SummaryRow::summary).collect())
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic while it was held left a transaction that SQLite rolled back: the connection is as good as new.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
        let path = self.path.clone();
        move |source| StoreError::Journal {
            what,
            path: path.clone(),
            source,
        }
    }
}

/// Makes the tables where there are none, and returns the format.
fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let is_new: bool = transaction.query_row(
        "SELECT count(*) = 0 FROM sqlite_schema WHERE name = 'header'",
        [],
        |row| row.get(0),
    )?;
    if is_new {
        transaction.execute_batch(SCHEMA)?;
        transaction.execute(
            "INSERT INTO header (format, written_by) VALUES (?1, ?2)",
            params![1, WRITTEN_BY],
        )?;
    }
    let format = |transaction: &Transaction<'_>| {
        transaction.query_row("SELECT max(format) FROM header", [], |row| row.get(0))
    };
    if format(&transaction)? == 1 {
        transaction.execute_batch(TO_2)?;
        transaction.execute(
            "INSERT INTO header (format, written_by) VALUES (?1, ?2)",
            params![2, WRITTEN_BY],
        )?;
    }
    let format = format(&transaction)?;
    transaction.commit()?;
    Ok(format)
}

fn last_sequence(
    transaction: &Transaction<'_>,
    dag: &DagName,
    run: &RunId,
) -> rusqlite::Result<u64> {
    transaction
        .prepare_cached("SELECT coalesce(max(sequence), 0) FROM event WHERE dag = ?1 AND run = ?2")?
        .query_row(params![dag.as_str(), run.as_str()], |row| {
            row.get::<_, i64>(0)
        })
        .map(i64::unsigned_abs)
}

fn is_finished(
    transaction: &Transaction<'_>,
    dag: &DagName,
    run: &RunId,
) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT state IS NOT NULL FROM run WHERE dag = ?1 AND run = ?2")?
        .query_row(params![dag.as_str(), run.as_str()], |row| row.get(0))
        .optional()
        .map(|state| state.unwrap_or(false))
}

fn insert(
    transaction: &Transaction<'_>,
    dag: &DagName,
    run: &RunId,
    sequence: u64,
    record: &Record,
    body: &str,
) -> rusqlite::Result<()> {
    let columns = record.columns();
    transaction
        .prepare_cached(
            "INSERT INTO event (dag, run, sequence, kind, task, attempt, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            dag.as_str(),
            run.as_str(),
            as_i64(sequence),
            columns.kind,
            columns.task,
            columns.attempt,
            body
        ])
        .map(drop)
}

/// Keeps the table of runs in step with the events, within the same transaction.
fn summarize(
    transaction: &Transaction<'_>,
    dag: &DagName,
    run: &RunId,
    event: &RunEvent,
) -> rusqlite::Result<()> {
    match event {
        RunEvent::Started(header) => transaction.execute(
            "INSERT INTO run (dag, run, cause, logical_date, started_us) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                dag.as_str(),
                run.as_str(),
                cause_name(header.cause),
                header.logical_date.to_string(),
                header.at.as_microsecond()
            ],
        ),
        RunEvent::Finished { state, at } => transaction.execute(
            "UPDATE run SET state = ?3, ended_us = ?4 WHERE dag = ?1 AND run = ?2",
            params![dag.as_str(), run.as_str(), end_name(*state), at.as_microsecond()],
        ),
        RunEvent::RetryRequested { .. } => transaction.execute(
            "UPDATE run SET state = NULL, ended_us = NULL WHERE dag = ?1 AND run = ?2",
            params![dag.as_str(), run.as_str()],
        ),
        RunEvent::AttemptStarted { .. }
        | RunEvent::AttemptFinished { .. }
        | RunEvent::RetryDue { .. }
        | RunEvent::CancelRequested { .. } => return Ok(()),
    }
    .map(drop)
}

struct SummaryRow {
    dag: String,
    run: String,
    cause: String,
    logical_date: String,
    started_us: i64,
    ended_us: Option<i64>,
    state: Option<String>,
}

impl SummaryRow {
    /// Returns the row as a summary; a row that nothing of ours wrote is left out.
    fn summary(self) -> Option<RunSummary> {
        let state = match self.state.as_deref() {
            Some("success") => Some(RunEnd::Success),
            Some("failed") => Some(RunEnd::Failed),
            Some("cancelled") => Some(RunEnd::Cancelled),
            _ => None,
        };
        let ended = self
            .ended_us
            .and_then(|at| Timestamp::from_microsecond(at).ok());
        Some(RunSummary {
            dag: DagName::new(self.dag).ok()?,
            run_id: RunId::new(self.run).ok()?,
            cause: if self.cause == cause_name(RunCause::Scheduled) {
                RunCause::Scheduled
            } else {
                RunCause::Manual
            },
            logical_date: self.logical_date.parse().ok()?,
            started: Timestamp::from_microsecond(self.started_us).ok()?,
            end: state.zip(ended),
        })
    }
}

fn cause_name(cause: RunCause) -> &'static str {
    match cause {
        RunCause::Manual => "manual",
        RunCause::Scheduled => "scheduled",
    }
}

fn end_name(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Success => "success",
        RunEnd::Failed => "failed",
        RunEnd::Cancelled => "cancelled",
    }
}

/// SQLite's integers are signed; no run has that many events.
fn as_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
