//! The first statements of a connection to SQLite.

use std::time::Duration;

use crate::database::{Database, DatabaseError};

/// Readers do not wait for a writer (WAL). A commit is written to the file and not forced to the disk before the next
/// checkpoint: it survives the end of the process at any moment, but not a power failure, after which the last commits
/// may be missing; the database is intact then. Triggers fire each other, but none fires itself.
const PRAGMAS: [&str; 5] = [
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = OFF",
];

/// Changing the mode of a new file does not wait for others who do the same, whatever the timeout is.
const TRIES_MAX: u32 = 100;
const WAIT: Duration = Duration::from_millis(25);

/// Sets a new connection to SQLite up.
///
/// # Errors
/// If the database cannot be opened.
pub async fn set_up_sqlite<D: Database>(
    database: &D,
    sleep: impl AsyncFn(Duration),
) -> Result<(), DatabaseError> {
    for pragma in PRAGMAS {
        let mut tries = 0;
        while let Err(error) = database.execute(pragma, Vec::new()).await {
            tries += 1;
            if tries == TRIES_MAX {
                return Err(error);
            }
            sleep(WAIT).await;
        }
    }
    Ok(())
}

/// A failure of SQLite. Components share the file: while one creates its tables, a connection that another has just
/// opened may not find tables that exist. It finds them when the statement is prepared again.
pub fn sqlite_failure(cause: String) -> DatabaseError {
    match cause.contains("no such table") {
        true => DatabaseError::RolledBack(cause),
        false => DatabaseError::Failed(cause),
    }
}
