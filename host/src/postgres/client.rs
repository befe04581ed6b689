//! Statements on one connection.

use std::pin::Pin;

use futures::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::RowStream;

use super::connection::Client;
use super::{parameters, values};
use crate::bindings::spin::postgres::postgres::{
    Column, DbError, DbValue, Error, ParameterValue, QueryError, RowSet,
};
use crate::rows::{BUFFERED_ROWS, MAX_BUFFERED_BYTES, Rows};

/// A query whose rows are read while it runs. As in Spin, a query without rows has no columns.
pub(crate) struct Streamed {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Rows<Vec<DbValue>>,
    pub(crate) end: oneshot::Receiver<Result<(), Error>>,
}

impl Client {
    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(
        &self,
        statement: &str,
        values: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        let parameters = parameters::all(values)
            .map_err(|error| Error::ValueConversionFailed(format!("{error:#}")))?;
        let changed = self.0.execute_raw(statement, parameters).await;
        changed.map_err(query_failed)
    }

    /// Runs a query and returns all rows.
    pub(crate) async fn query(
        &self,
        statement: &str,
        values: Vec<ParameterValue>,
    ) -> Result<RowSet, Error> {
        let mut rows = self.start(statement, values).await?;
        let mut result = RowSet {
            columns: Vec::new(),
            rows: Vec::new(),
        };
        let mut size = size_of::<RowSet>();
        while let Some(row) = rows.next().await {
            let row = row.map_err(query_failed)?;
            if result.rows.is_empty() {
                result.columns = values::columns(&row);
            }
            let row = values::row(&row).map_err(conversion_failed)?;
            size += values::memory_size(&row);
            check_size(size)?;
            result.rows.push(row);
        }
        Ok(result)
    }

    /// Starts a query, and returns when its first row is there.
    pub(crate) async fn stream(
        &self,
        statement: &str,
        values: Vec<ParameterValue>,
    ) -> Result<Streamed, Error> {
        let mut results = self.start(statement, values).await?;
        let (to_columns, columns) = oneshot::channel();
        let (to_rows, rows) = mpsc::channel(BUFFERED_ROWS);
        let (to_end, end) = oneshot::channel();
        tokio::spawn(async move {
            let mut to_columns = Some(to_columns);
            let result = loop {
                let row = tokio::select! {
                    biased;
                    () = to_rows.closed() => break Ok(()),
                    row = results.next() => row,
                };
                let Some(row) = row else { break Ok(()) };
                let row = match row {
                    Ok(row) => row,
                    Err(error) => break Err(query_failed(error)),
                };
                if let Some(to_columns) = to_columns.take() {
                    let _ = to_columns.send(values::columns(&row));
                }
                let row = values::row(&row).map_err(conversion_failed);
                let checked = row.and_then(|row| {
                    check_size(values::memory_size(&row))?;
                    Ok(row)
                });
                match checked {
                    // Nobody reads the rows any more if this fails.
                    Ok(row) => drop(to_rows.send(row).await),
                    Err(error) => break Err(error),
                }
            };
            drop(to_columns);
            let _ = to_end.send(result);
        });
        Ok(Streamed {
            columns: columns.await.unwrap_or_default(),
            rows: Rows::new(rows),
            end,
        })
    }

    async fn start(
        &self,
        statement: &str,
        values: Vec<ParameterValue>,
    ) -> Result<Pin<Box<RowStream>>, Error> {
        let parameters =
            parameters::all(values).map_err(|error| Error::BadParameter(format!("{error:#}")))?;
        let rows = self.0.query_raw(statement, parameters).await;
        Ok(Box::pin(rows.map_err(query_failed)?))
    }
}

fn check_size(size: usize) -> Result<(), Error> {
    if size <= MAX_BUFFERED_BYTES {
        return Ok(());
    }
    let message = format!("query result exceeds limit of {MAX_BUFFERED_BYTES} bytes");
    Err(Error::QueryFailed(QueryError::Text(message)))
}

fn conversion_failed(error: anyhow::Error) -> Error {
    Error::QueryFailed(QueryError::Text(format!("{error:#}")))
}

fn query_failed(error: tokio_postgres::Error) -> Error {
    let as_text = format!("{error:?}");
    let Some(db) = error.as_db_error() else {
        return Error::QueryFailed(QueryError::Text(as_text));
    };
    let line = db.line().map(|line| line.to_string());
    let extras = [
        ("column", db.column()),
        ("constraint", db.constraint()),
        ("routine", db.routine()),
        ("hint", db.hint()),
        ("table", db.table()),
        ("datatype", db.datatype()),
        ("schema", db.schema()),
        ("file", db.file()),
        ("line", line.as_deref()),
        ("where_", db.where_()),
    ];
    let extras = extras
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    Error::QueryFailed(QueryError::DbError(DbError {
        severity: db.severity().to_owned(),
        code: db.code().code().to_owned(),
        message: db.message().to_owned(),
        detail: db.detail().map(str::to_owned),
        extras: extras.collect(),
        as_text,
    }))
}
