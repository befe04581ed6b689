//! A common interface to both databases.

use std::fmt::Debug;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use spin_sdk::{pg, sqlite};

use crate::parameter::{self, Parameter};

pub(crate) enum Connection {
    /// With a second connection for the synchronous function, which the SDK has no name for.
    Sqlite(sqlite::Connection, sqlite::wit::sqlite::Connection),
    Postgres(pg::Connection, String),
}

/// The part of a result that is read.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Read {
    #[default]
    All,
    /// Only how many rows there are.
    Count,
    /// The first row; the others are left unread, and the end too.
    First,
}

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}

impl Connection {
    pub(crate) async fn sqlite(database: &str) -> Result<Self, String> {
        let connection = sqlite::Connection::open(database).await.map_err(text)?;
        let other = sqlite::wit::sqlite::Connection::open(database).map_err(text)?;
        Ok(Self::Sqlite(connection, other))
    }

    pub(crate) async fn postgres(address: String, root: Option<String>) -> Result<Self, String> {
        let connection = match root {
            None => pg::Connection::open(address.clone()).await,
            Some(root) => {
                let ca_root = Some(pg::Certificate::Text(root));
                let options = pg::OpenOptions { ca_root };
                pg::Connection::open_with_options(&address, options).await
            }
        };
        Ok(Self::Postgres(connection.map_err(text)?, address))
    }

    pub(crate) async fn query(
        &self,
        sql: String,
        parameters: Vec<Parameter>,
        read: Read,
    ) -> Result<Json, String> {
        match self {
            Self::Sqlite(connection, _) => {
                let parameters = parameter::sqlite(parameters)?;
                let mut result = connection.execute(sql, parameters).await.map_err(text)?;
                let columns = json!(result.columns());
                let mut rows = Rows::new(read);
                while let Some(row) = result.next().await {
                    if !rows.add(&row.values) {
                        return Ok(rows.finish(columns));
                    }
                }
                result.result().await.map_err(text)?;
                Ok(rows.finish(columns))
            }
            Self::Postgres(connection, _) => {
                let parameters = parameter::postgres(parameters)?;
                let mut result = connection.query(sql, parameters).await.map_err(text)?;
                let columns = result.columns().iter();
                let columns =
                    columns.map(|column| format!("{} {:?}", column.name, column.data_type));
                let columns = json!(columns.collect::<Vec<_>>());
                let mut rows = Rows::new(read);
                while let Some(row) = result.rows().next().await {
                    if !rows.add(&row) {
                        return Ok(rows.finish(columns));
                    }
                }
                result.result().await.map_err(text)?;
                Ok(rows.finish(columns))
            }
        }
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(
        &self,
        sql: String,
        parameters: Vec<Parameter>,
    ) -> Result<u64, String> {
        match self {
            Self::Sqlite(connection, _) => {
                let parameters = parameter::sqlite(parameters)?;
                let result = connection.execute(sql, parameters).await.map_err(text)?;
                result.result().await.map_err(text)?;
                Ok(connection.changes().await)
            }
            Self::Postgres(connection, _) => {
                let parameters = parameter::postgres(parameters)?;
                connection.execute(sql, parameters).await.map_err(text)
            }
        }
    }

    pub(crate) fn query_synchronously(
        &self,
        sql: &str,
        parameters: Vec<Parameter>,
    ) -> Result<Json, String> {
        match self {
            Self::Sqlite(_, connection) => {
                let parameters = parameter::sqlite(parameters)?;
                let result = connection.execute(sql, &parameters).map_err(text)?;
                let mut rows = Rows::new(Read::All);
                for row in result.rows {
                    rows.add(&row.values);
                }
                Ok(rows.finish(json!(result.columns)))
            }
            Self::Postgres(_, address) => {
                let parameters = parameter::postgres(parameters)?;
                let connection = pg::wit::postgres::Connection::open(address).map_err(text)?;
                let result = connection.query(sql, &parameters).map_err(text)?;
                let mut rows = Rows::new(Read::All);
                for row in result.rows {
                    rows.add(&row);
                }
                Ok(rows.finish(json!(result.columns.len())))
            }
        }
    }

    pub(crate) async fn last_insert(&self) -> Result<i64, String> {
        match self {
            Self::Sqlite(connection, _) => Ok(connection.last_insert_rowid().await),
            Self::Postgres(..) => Err("PostgreSQL has no row ids".to_owned()),
        }
    }
}

/// The rows that were read.
struct Rows {
    read: Read,
    count: usize,
    values: Vec<Vec<String>>,
}

impl Rows {
    fn new(read: Read) -> Self {
        Self {
            read,
            count: 0,
            values: Vec::new(),
        }
    }

    /// Returns whether to continue.
    fn add<T: Debug>(&mut self, row: &[T]) -> bool {
        self.count += 1;
        if !matches!(self.read, Read::Count) {
            self.values.push(row.iter().map(text).collect());
        }
        !matches!(self.read, Read::First)
    }

    fn finish(self, columns: Json) -> Json {
        json!({ "columns": columns, "count": self.count, "rows": self.values })
    }
}
