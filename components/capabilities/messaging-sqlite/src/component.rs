//! The driver, and the export.

use std::sync::OnceLock;

use messaging::{
    Connect, Database, DatabaseError, Dialect, Messaging, Value, migrate, set_up_sqlite,
};
use spin_sdk::sqlite::{Connection, Error, Value as Sqlite};

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    messaging::bindings::export!(Component with_types_in messaging::bindings);
}

type Component = Messaging<Spin>;

/// The database `default` of the host.
struct Spin(Connection);

impl Connect for Spin {
    type Database = Self;
    type Handle = &'static Self;

    /// One connection for the instance: every statement is a transaction of its own, so that requests can share it.
    async fn connect() -> Result<&'static Self, String> {
        static CONNECTED: OnceLock<Spin> = OnceLock::new();
        if let Some(connected) = CONNECTED.get() {
            return Ok(connected);
        }
        // Nobody else uses this connection while the migrations are in a transaction.
        let connected = open().await.map_err(|error| match error {
            DatabaseError::RolledBack(cause) | DatabaseError::Failed(cause) => cause,
        })?;
        Ok(CONNECTED.get_or_init(|| connected))
    }
}

async fn open() -> Result<Spin, DatabaseError> {
    let connection = Connection::open_default().await.map_err(failed)?;
    let spin = Spin(connection);
    set_up_sqlite(&spin, spin_sdk::time::sleep).await?;
    migrate(&spin).await?;
    Ok(spin)
}

impl Database for Spin {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn execute(
        &self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<String>, DatabaseError> {
        let parameters = parameters.into_iter().map(|value| match value {
            Value::Null => Sqlite::Null,
            Value::Integer(value) => Sqlite::Integer(value),
            Value::Text(value) => Sqlite::Text(value),
        });
        let result = self
            .0
            .execute(statement, parameters)
            .await
            .map_err(failed)?;
        let rows = result.collect().await.map_err(failed)?;
        let texts = rows
            .into_iter()
            .filter_map(|row| match row.values.into_iter().next() {
                Some(Sqlite::Text(text)) => Some(text),
                _ => None,
            });
        Ok(texts.collect())
    }
}

fn failed(error: Error) -> DatabaseError {
    DatabaseError::Failed(match error {
        Error::Io(cause) => cause,
        other => format!("{other:?}"),
    })
}
