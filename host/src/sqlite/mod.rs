//! SQL databases of `spin:sqlite`, as Spin's in-process implementation: a file, and for each `open` a
//! connection of its own, which is made when the first statement runs.

pub(crate) mod connection;

use std::sync::PoisonError;

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{Value as Stored, ValueRef};
use rusqlite::{Row, params_from_iter};
use tokio::sync::{mpsc, oneshot};

use crate::bindings::spin::sqlite::sqlite::{Error, QueryResult, RowResult, Value};
use crate::rows::{BUFFERED_ROWS, MAX_BUFFERED_BYTES, Rows};
use connection::Lazy;

pub(crate) use connection::Connection;

/// A statement whose rows are read while it runs. As in Spin, a statement that is not valid has no
/// columns and no rows, and its error comes at the end.
pub(crate) struct Streamed {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Rows<RowResult>,
    pub(crate) end: oneshot::Receiver<Result<(), Error>>,
}

impl Connection {
    /// Runs a statement and returns all rows.
    pub(crate) async fn execute(
        &self,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<QueryResult, Error> {
        self.run(move |connection| {
            let mut rows = Vec::new();
            let mut columns = Vec::new();
            let mut size = size_of::<QueryResult>();
            query(
                connection,
                &statement,
                parameters,
                |names| columns = names,
                |row| {
                    size += memory_size(&row);
                    check_size(size)?;
                    rows.push(row);
                    Ok(())
                },
            )?;
            Ok(QueryResult { columns, rows })
        })
        .await
    }

    /// Starts a statement, and returns when its columns are known. It runs to its end, or until the
    /// reader of its rows is dropped.
    pub(crate) async fn stream(
        &self,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<Streamed, Error> {
        let (to_columns, columns) = oneshot::channel();
        let (to_rows, rows) = mpsc::channel(BUFFERED_ROWS);
        let (to_end, end) = oneshot::channel();
        let lazy = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let mut to_columns = Some(to_columns);
            let mut send_columns = |columns| {
                if let Some(to_columns) = to_columns.take() {
                    let _ = to_columns.send(columns);
                }
            };
            let result = lazy.with(|connection| {
                // A failure to open the file is an error of the call itself.
                Ok(query(
                    connection,
                    &statement,
                    parameters,
                    |names| send_columns(Ok(names)),
                    |row| {
                        check_size(memory_size(&row))?;
                        let sent = to_rows.blocking_send(row);
                        sent.map_err(|_| Error::Io("the rows are no longer read".to_owned()))
                    },
                ))
            });
            match result {
                Ok(result) => {
                    send_columns(Ok(Vec::new()));
                    let _ = to_end.send(result);
                }
                Err(error) => send_columns(Err(error)),
            }
        });
        Ok(Streamed {
            columns: columns.await.unwrap_or_else(|_| Err(ended()))?,
            rows: Rows::new(rows),
            end,
        })
    }

    /// Rows that the last `INSERT`, `UPDATE` or `DELETE` of this connection changed.
    pub(crate) async fn changes(&self) -> Result<u64, Error> {
        self.run(|connection| Ok(connection.changes())).await
    }

    /// The row id of the last `INSERT` of this connection, 0 if there was none.
    pub(crate) async fn last_insert_rowid(&self) -> Result<i64, Error> {
        self.run(|connection| Ok(connection.last_insert_rowid()))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let lazy = self.0.clone();
        // A statement may wait for a lock for as long as the connection's busy timeout.
        let done = tokio::task::spawn_blocking(move || lazy.with(work)).await;
        done.unwrap_or_else(|_| Err(ended()))
    }
}

impl Lazy {
    fn with<T>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match opened.take() {
            Some(connection) => connection,
            None => self.connect().map_err(io)?,
        };
        work(opened.insert(connection))
    }

    fn connect(&self) -> rusqlite::Result<rusqlite::Connection> {
        let connection = rusqlite::Connection::open(&self.file)?;
        // Otherwise a component could read any file that is a database, as that of the key-value
        // store. In-memory and temporary databases have no file. A file that is named by an expression
        // or a parameter cannot be checked here. Spin allows it too.
        connection.authorizer(Some(|context: AuthContext<'_>| match context.action {
            AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => {
                Authorization::Deny
            }
            AuthAction::Unknown {
                code: rusqlite::ffi::SQLITE_ATTACH,
                ..
            } => Authorization::Deny,
            _ => Authorization::Allow,
        }));
        Ok(connection)
    }
}

/// Runs a statement: `columns` is called once, then `each` for every row until it fails.
fn query(
    connection: &rusqlite::Connection,
    statement: &str,
    parameters: Vec<Value>,
    columns: impl FnOnce(Vec<String>),
    mut each: impl FnMut(RowResult) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(statement).map_err(io)?;
    let names = statement.column_names();
    columns(names.into_iter().map(str::to_owned).collect());
    let count = statement.column_count();
    let parameters = parameters.into_iter().map(to_stored);
    let mut rows = statement.query(params_from_iter(parameters)).map_err(io)?;
    while let Some(row) = rows.next().map_err(io)? {
        each(to_row(row, count)?)?;
    }
    Ok(())
}

fn to_stored(value: Value) -> Stored {
    match value {
        Value::Integer(number) => Stored::Integer(number),
        Value::Real(number) => Stored::Real(number),
        Value::Text(text) => Stored::Text(text),
        Value::Blob(bytes) => Stored::Blob(bytes),
        Value::Null => Stored::Null,
    }
}

fn to_row(row: &Row<'_>, columns: usize) -> Result<RowResult, Error> {
    let values = (0..columns).map(|index| {
        Ok(match row.get_ref(index).map_err(io)? {
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(error) => return Err(Error::Io(error.to_string())),
            },
            ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
            ValueRef::Null => Value::Null,
        })
    });
    Ok(RowResult {
        values: values.collect::<Result<_, Error>>()?,
    })
}

/// Bytes that a row takes in the host, as Spin counts them.
fn memory_size(row: &RowResult) -> usize {
    let sizes = row.values.iter().map(|value| {
        let content = match value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            Value::Integer(_) | Value::Real(_) | Value::Null => 0,
        };
        size_of::<Value>() + content
    });
    sizes.sum()
}

fn check_size(size: usize) -> Result<(), Error> {
    if size <= MAX_BUFFERED_BYTES {
        return Ok(());
    }
    Err(Error::Io(format!(
        "query result exceeds limit of {MAX_BUFFERED_BYTES} bytes"
    )))
}

fn io(error: rusqlite::Error) -> Error {
    Error::Io(error.to_string())
}

/// The thread of a statement ended without a result.
fn ended() -> Error {
    Error::Io("the statement was ended".to_owned())
}
