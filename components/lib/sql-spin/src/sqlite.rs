//! `spin:sqlite`.

use std::sync::OnceLock;

use spin_sdk::sqlite::{Connection, Error, Value as Parameter};
use sql::{
    Database, DatabaseError, Dialect, Migrations, RawRow, Value, set_up_sqlite, sqlite_failure,
};

/// The database `default` of the host.
pub struct Sqlite(Connection);

impl Sqlite {
    /// The connection of this instance, to a database with these migrations; a component has one list of
    /// them. Every statement is a transaction of its own, so that requests can share the connection.
    ///
    /// # Errors
    /// A cause for the log.
    pub async fn connect(migrations: &Migrations) -> Result<&'static Self, String> {
        static CONNECTED: OnceLock<Sqlite> = OnceLock::new();
        if let Some(connected) = CONNECTED.get() {
            return Ok(connected);
        }
        // Nobody else uses this connection while the migrations are in a transaction.
        let connected = Self::open(migrations).await.map_err(|error| match error {
            DatabaseError::RolledBack(cause) | DatabaseError::Failed(cause) => cause,
        })?;
        Ok(CONNECTED.get_or_init(|| connected))
    }

    async fn open(migrations: &Migrations) -> Result<Self, DatabaseError> {
        let connection = Connection::open_default().await.map_err(failed)?;
        let database = Self(connection);
        set_up_sqlite(&database, spin_sdk::time::sleep).await?;
        migrations.apply(&database).await?;
        Ok(database)
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn execute(
        &self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<RawRow>, DatabaseError> {
        let parameters = parameters.into_iter().map(|value| match value {
            Value::Null => Parameter::Null,
            Value::Integer(value) => Parameter::Integer(value),
            Value::Text(value) => Parameter::Text(value),
            Value::Bytes(value) => Parameter::Blob(value),
        });
        let result = self
            .0
            .execute(statement, parameters)
            .await
            .map_err(failed)?;
        let rows = result.collect().await.map_err(failed)?;
        let rows = rows.into_iter().filter_map(|row| {
            let mut columns = row.values.into_iter();
            let Some(Parameter::Text(text)) = columns.next() else {
                return None;
            };
            let bytes = match columns.next() {
                Some(Parameter::Blob(bytes)) => bytes,
                _ => Vec::new(),
            };
            Some(RawRow { text, bytes })
        });
        Ok(rows.collect())
    }
}

fn failed(error: Error) -> DatabaseError {
    let cause = match error {
        Error::Io(cause) => cause,
        other => format!("{other:?}"),
    };
    sqlite_failure(cause)
}
