//! The driver, and the export.

use std::ops::Deref;
use std::sync::OnceLock;

use messaging::{Connect, Database, DatabaseError, Dialect, Messaging, Value, migrate};
use spin_sdk::pg::{Connection, DbValue, Error, ParameterValue, PgError, QueryError};
use spin_sdk::variables;

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    messaging::bindings::export!(Component with_types_in messaging::bindings);
}

type Component = Messaging<Spin>;

/// A connection from the host's pool.
struct Spin(Connection);

impl Connect for Spin {
    type Database = Self;
    type Handle = Handle;

    async fn connect() -> Result<Handle, String> {
        let url = variables::get("database_url").await.unwrap_or_default();
        if url.is_empty() {
            return Err("database_url is not set".to_owned());
        }
        // The cause may repeat the URL, which has a password.
        let opened = Connection::open(url.as_str()).await;
        let connection = opened.map_err(|error| cause_of(&error).replace(&url, "database_url"))?;
        let spin = Spin(connection);
        static MIGRATED: OnceLock<()> = OnceLock::new();
        if MIGRATED.get().is_none() {
            migrate(&spin).await.map_err(|error| match error {
                DatabaseError::RolledBack(cause) | DatabaseError::Failed(cause) => cause,
            })?;
            MIGRATED.get_or_init(|| ());
        }
        Ok(Handle(spin))
    }
}

/// A connection for one call.
struct Handle(Spin);

impl Deref for Handle {
    type Target = Spin;

    fn deref(&self) -> &Spin {
        &self.0
    }
}

impl Database for Spin {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn execute(
        &self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<String>, DatabaseError> {
        let parameters = parameters.into_iter().map(|value| match value {
            Value::Null => ParameterValue::DbNull,
            Value::Integer(value) => ParameterValue::Int64(value),
            Value::Text(value) => ParameterValue::Str(value),
        });
        let result = self
            .0
            .query(statement, parameters.collect::<Vec<_>>())
            .await;
        let (_, rows, end) = result.map_err(failed)?.into_inner();
        let rows = rows.collect().await;
        end.await.map_err(|error| failed(Error::PgError(error)))?;
        let texts = rows
            .into_iter()
            .filter_map(|row| match row.into_iter().next() {
                Some(DbValue::Str(text)) => Some(text),
                _ => None,
            });
        Ok(texts.collect())
    }
}

fn failed(error: Error) -> DatabaseError {
    match &error {
        // Serialization failure, deadlock.
        Error::PgError(PgError::QueryFailed(QueryError::DbError(details)))
            if matches!(details.code.as_str(), "40001" | "40P01") =>
        {
            DatabaseError::RolledBack(cause_of(&error))
        }
        _ => DatabaseError::Failed(cause_of(&error)),
    }
}

/// What may be logged: not the details of the server, which can contain values.
fn cause_of(error: &Error) -> String {
    match error {
        Error::Decode(cause) => cause.clone(),
        Error::PgError(error) => match error {
            PgError::QueryFailed(QueryError::DbError(details)) => {
                format!("{} ({})", details.message, details.code)
            }
            PgError::ConnectionFailed(cause)
            | PgError::BadParameter(cause)
            | PgError::ValueConversionFailed(cause)
            | PgError::Other(cause)
            | PgError::QueryFailed(QueryError::Text(cause)) => cause.clone(),
        },
    }
}
