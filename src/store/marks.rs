//! What is known of containers beyond their labels, which cannot be changed: a table of its own beside the journal. Losing it makes
//! stackgen reload or restart a container once more, and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use crate::model::ContainerId;
use crate::plan::{Mark, Marks};

use super::{StateDir, StoreError};

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Whoever knows the table not leaves it alone, and whoever knows it makes it where it is missing: no format of the journal's changes.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS mark (
  container TEXT NOT NULL, subject TEXT NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (container, subject)
) STRICT, WITHOUT ROWID;
";

/// Returns everything that is known; nothing where nothing was ever kept.
///
/// # Errors
/// [`StoreError::Journal`].
pub fn read_marks(state: &StateDir) -> Result<Marks, StoreError> {
    let path = state.database();
    if !path.exists() {
        return Ok(Marks::new());
    }
    let read = || -> rusqlite::Result<Marks> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let is_there: bool = connection.query_row(
            "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'mark'",
            [],
            |row| row.get(0),
        )?;
        if !is_there {
            return Ok(Marks::new());
        }
        let mut statement = connection.prepare("SELECT container, subject, digest FROM mark")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
        })?;
        let mut marks = Marks::new();
        for row in rows {
            let (container, subject, digest) = row?;
            // Nothing but a container's id was ever written.
            if let Ok(container) = ContainerId::new(container) {
                marks.insert((container, subject), digest);
            }
        }
        Ok(marks)
    };
    read().map_err(|source| StoreError::Journal {
        what: "read",
        path: path.clone(),
        source,
    })
}

/// Keeps marks, over older ones of the same subject, and forgets those of containers that are not `there` any more.
///
/// # Errors
/// [`StoreError::Journal`].
pub fn keep_marks(
    state: &StateDir,
    marks: &[Mark],
    there: &BTreeSet<ContainerId>,
) -> Result<(), StoreError> {
    let path = state.database();
    let keep = || -> rusqlite::Result<()> {
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        let known: Vec<String> = transaction
            .prepare("SELECT DISTINCT container FROM mark")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for container in known {
            if !there.iter().any(|it| it.as_str() == container) {
                transaction.execute("DELETE FROM mark WHERE container = ?1", [container])?;
            }
        }
        for mark in marks {
            transaction.execute(
                "INSERT OR REPLACE INTO mark (container, subject, digest) VALUES (?1, ?2, ?3)",
                params![mark.container.as_str(), mark.subject, mark.digest],
            )?;
        }
        transaction.commit()
    };
    keep().map_err(|source| StoreError::Journal {
        what: "write",
        path: path.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Journal;

    #[test]
    fn marks_outlive_the_process_and_go_with_their_container() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        assert_eq!(read_marks(&state).unwrap(), Marks::new());
        let id = |text: &str| ContainerId::new(text).unwrap();
        let mark = |container: &str, digest: &str| Mark {
            container: id(container),
            subject: "file:/a".to_owned(),
            digest: digest.to_owned(),
        };
        let key = |container: &str| (id(container), "file:/a".to_owned());
        let both = [id("one"), id("two")].into();
        keep_marks(&state, &[mark("one", "1"), mark("two", "2")], &both).unwrap();
        // The journal is at home in the same file, whoever made it.
        Journal::open(&state).unwrap();
        keep_marks(&state, &[mark("one", "3")], &both).unwrap();
        let marks = read_marks(&state).unwrap();
        let expected = [(key("one"), "3".to_owned()), (key("two"), "2".to_owned())];
        assert_eq!(marks, expected.into());
        keep_marks(&state, &[], &[id("two")].into()).unwrap();
        assert_eq!(read_marks(&state).unwrap().len(), 1);
    }
}
