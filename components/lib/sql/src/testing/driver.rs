//! Drivers of both databases that block, and yield before each statement so that tests can interleave them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::path::PathBuf;
use std::task::Poll;

use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::{Database, DatabaseError, Dialect, RawRow, Value};

/// A statement and its parameters.
pub type Statement = (String, Vec<Value>);

pub struct Driver {
    connection: Connection,
    /// Whether statements are interleaved with those of other operations.
    pub yields: Cell<bool>,
    /// Every statement, if set.
    pub recorded: RefCell<Option<Vec<Statement>>>,
}

enum Connection {
    /// The one that created the file deletes it.
    Sqlite(rusqlite::Connection, PathBuf, bool),
    Postgres {
        client: tokio_postgres::Client,
        runtime: tokio::runtime::Runtime,
        address: String,
    },
}

impl Driver {
    fn of(connection: Connection) -> Self {
        Self {
            connection,
            yields: Cell::new(false),
            recorded: RefCell::new(None),
        }
    }

    /// An empty database in a file.
    pub fn sqlite() -> Self {
        let name = format!("goldfish-{}.db", ids::new_uuid());
        Self::open_sqlite(std::env::temp_dir().join(name), true)
    }

    /// An empty file, without the settings of a connection.
    pub fn sqlite_as_it_is() -> Self {
        let name = format!("goldfish-{}.db", ids::new_uuid());
        let path = std::env::temp_dir().join(name);
        let connection = rusqlite::Connection::open(&path).unwrap();
        Self::of(Connection::Sqlite(connection, path, true))
    }

    fn open_sqlite(path: PathBuf, is_first: bool) -> Self {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let driver = Self::of(Connection::Sqlite(connection, path, is_first));
        let sleep = async |time| std::thread::sleep(time);
        futures::executor::block_on(crate::set_up_sqlite(&driver, sleep)).unwrap();
        driver
    }

    /// An empty schema. None if PostgreSQL is not installed.
    pub fn postgres() -> Option<Self> {
        let server = super::server::url()?;
        let schema = format!("test_{}", ids::new_uuid().replace('-', ""));
        let driver = Self::open_postgres(server.to_owned());
        let create = format!("CREATE SCHEMA {schema}");
        futures::executor::block_on(driver.execute(&create, Vec::new())).unwrap();
        let address = format!("{server}?options=-csearch_path%3D{schema}");
        Some(Self::open_postgres(address))
    }

    fn open_postgres(address: String) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (client, connection) = runtime
            .block_on(tokio_postgres::connect(&address, tokio_postgres::NoTls))
            .unwrap();
        runtime.spawn(connection);
        Self::of(Connection::Postgres {
            client,
            runtime,
            address,
        })
    }

    /// Another connection to the same database.
    pub fn another(&self) -> Self {
        self.opener()()
    }

    /// Opens another connection, on any thread.
    pub fn opener(&self) -> Box<dyn Fn() -> Self + Send> {
        match &self.connection {
            Connection::Sqlite(_, path, _) => {
                let path = path.clone();
                Box::new(move || Self::open_sqlite(path.clone(), false))
            }
            Connection::Postgres { address, .. } => {
                let address = address.clone();
                Box::new(move || Self::open_postgres(address.clone()))
            }
        }
    }

    /// The plan of a statement, one step per line.
    pub fn plan(&self, (statement, parameters): &Statement) -> Vec<String> {
        match &self.connection {
            Connection::Sqlite(connection, ..) => {
                let query = format!("EXPLAIN QUERY PLAN {statement}");
                let mut statement = connection.prepare(&query).unwrap();
                for (index, parameter) in parameters.iter().enumerate() {
                    let parameter = sqlite_value(parameter);
                    statement.raw_bind_parameter(index + 1, parameter).unwrap();
                }
                let mut rows = statement.raw_query();
                let mut steps = Vec::new();
                while let Some(row) = rows.next().unwrap() {
                    steps.push(row.get(3).unwrap());
                }
                steps
            }
            Connection::Postgres { .. } => {
                // Tables of a few rows are read from end to end, and sorted, otherwise.
                self.texts("SET enable_seqscan = off", &[]).unwrap();
                self.texts("SET enable_sort = off", &[]).unwrap();
                self.texts(&format!("EXPLAIN {statement}"), parameters)
                    .unwrap()
            }
        }
    }

    /// The first column of the rows that a query has, as text.
    pub fn texts(&self, query: &str, parameters: &[Value]) -> Result<Vec<String>, DatabaseError> {
        let rows = self.rows(query, parameters)?;
        Ok(rows.into_iter().map(|row| row.text).collect())
    }

    fn rows(&self, query: &str, parameters: &[Value]) -> Result<Vec<RawRow>, DatabaseError> {
        match &self.connection {
            Connection::Sqlite(connection, ..) => sqlite_rows(connection, query, parameters),
            Connection::Postgres {
                client, runtime, ..
            } => {
                let references: Vec<&(dyn ToSql + Sync)> = parameters
                    .iter()
                    .map(|value| value as &(dyn ToSql + Sync))
                    .collect();
                let rows = runtime
                    .block_on(client.query(query, &references))
                    .map_err(|error| {
                        let text = format!("{error:?}");
                        match error.code().map(tokio_postgres::error::SqlState::code) {
                            Some("40001" | "40P01" | "23503") => DatabaseError::RolledBack(text),
                            _ => DatabaseError::Failed(text),
                        }
                    })?;
                let rows = rows.iter().filter_map(|row| {
                    Some(RawRow {
                        text: row.try_get(0).ok()?,
                        bytes: row.try_get(1).unwrap_or_default(),
                    })
                });
                Ok(rows.collect())
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Connection::Sqlite(_, path, true) = &self.connection {
            for end in ["", "-wal", "-shm"] {
                let mut file = path.clone().into_os_string();
                file.push(end);
                let _ = std::fs::remove_file(file);
            }
        }
    }
}

fn sqlite_value(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(value) => (*value).into(),
        Value::Text(value) => value.clone().into(),
        Value::Bytes(value) => value.clone().into(),
    }
}

fn sqlite_rows(
    connection: &rusqlite::Connection,
    query: &str,
    parameters: &[Value],
) -> Result<Vec<RawRow>, DatabaseError> {
    let failed = |error: rusqlite::Error| crate::sqlite_failure(format!("{error}: {query}"));
    let mut statement = connection.prepare_cached(query).map_err(failed)?;
    let parameters = parameters.iter().map(sqlite_value);
    let mut rows = statement
        .query(rusqlite::params_from_iter(parameters))
        .map_err(failed)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let value: rusqlite::types::Value = row.get(0).map_err(failed)?;
        if let rusqlite::types::Value::Text(text) = value {
            let bytes = row.get(1).unwrap_or_default();
            found.push(RawRow { text, bytes });
        }
    }
    Ok(found)
}

impl Database for Driver {
    fn dialect(&self) -> Dialect {
        match self.connection {
            Connection::Sqlite(..) => Dialect::Sqlite,
            Connection::Postgres { .. } => Dialect::Postgres,
        }
    }

    async fn execute(
        &self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<RawRow>, DatabaseError> {
        if self.yields.get() {
            let mut is_first = true;
            poll_fn(|_| {
                if std::mem::take(&mut is_first) {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            })
            .await;
        }
        if let Some(recorded) = self.recorded.borrow_mut().as_mut() {
            recorded.push((statement.to_owned(), parameters.clone()));
        }
        self.rows(statement, &parameters)
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(value) => value.to_sql_checked(kind, out),
            Self::Text(value) => value.to_sql_checked(kind, out),
            Self::Bytes(value) => value.to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
