//! `spin:postgres`.

use std::ops::Deref;
use std::sync::OnceLock;

use spin_sdk::pg::{Connection, DbValue, Error, ParameterValue, PgError, QueryError};
use spin_sdk::variables;
use sql::{Database, DatabaseError, Dialect, Migrations, RawRow, Value};

/// A connection from the host's pool to the database in the variable `database_url`.
pub struct Postgres(Connection);

impl Postgres {
    /// A connection for one call, to a database with these migrations; a component has one list of them.
    ///
    /// # Errors
    /// A cause for the log, without the password of the database.
    pub async fn connect(migrations: &Migrations) -> Result<PostgresHandle, String> {
        let url = variables::get("database_url").await.unwrap_or_default();
        if url.is_empty() {
            return Err("database_url is not set".to_owned());
        }
        // The cause may repeat the URL, which has a password.
        let opened = Connection::open(url.as_str()).await;
        let connection = opened.map_err(|error| cause_of(&error).replace(&url, "database_url"))?;
        let database = Self(connection);
        static MIGRATED: OnceLock<()> = OnceLock::new();
        if MIGRATED.get().is_none() {
            migrations
                .apply(&database)
                .await
                .map_err(|error| match error {
                    DatabaseError::RolledBack(cause) | DatabaseError::Failed(cause) => cause,
                })?;
            MIGRATED.get_or_init(|| ());
        }
        Ok(PostgresHandle(database))
    }
}

/// A connection for one call.
pub struct PostgresHandle(Postgres);

impl Deref for PostgresHandle {
    type Target = Postgres;

    fn deref(&self) -> &Postgres {
        &self.0
    }
}

impl Database for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn execute(
        &self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<RawRow>, DatabaseError> {
        let parameters = parameters.into_iter().map(|value| match value {
            Value::Null => ParameterValue::DbNull,
            Value::Integer(value) => ParameterValue::Int64(value),
            Value::Text(value) => ParameterValue::Str(value),
            Value::Bytes(value) => ParameterValue::Binary(value),
        });
        let result = self
            .0
            .query(statement, parameters.collect::<Vec<_>>())
            .await;
        let (_, rows, end) = result.map_err(failed)?.into_inner();
        let rows = rows.collect().await;
        end.await.map_err(|error| failed(Error::PgError(error)))?;
        let rows = rows.into_iter().filter_map(|row| {
            let mut columns = row.into_iter();
            let Some(DbValue::Str(text)) = columns.next() else {
                return None;
            };
            let bytes = match columns.next() {
                Some(DbValue::Binary(bytes)) => bytes,
                _ => Vec::new(),
            };
            Some(RawRow { text, bytes })
        });
        Ok(rows.collect())
    }
}

fn failed(error: Error) -> DatabaseError {
    match &error {
        // Serialization failure, deadlock, and a row that a foreign key needs was deleted meanwhile: the statement
        // that is repeated does not find it.
        Error::PgError(PgError::QueryFailed(QueryError::DbError(details)))
            if matches!(details.code.as_str(), "40001" | "40P01" | "23503") =>
        {
            DatabaseError::RolledBack(cause_of(&error))
        }
        _ => DatabaseError::Failed(cause_of(&error)),
    }
}

/// The text for the log, without the details of the server, which can contain values.
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
