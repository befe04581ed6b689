//! Statements, whose failures are errors of the contract.

use crate::types::Error;

pub(crate) use sql::{Database, Dialect, Frequent, Parameters, Row, Value};

impl From<sql::Unavailable> for Error {
    fn from(sql::Unavailable(cause): sql::Unavailable) -> Self {
        Self::Unavailable(format!("messaging: {cause}"))
    }
}

/// Executes a statement whose column is an array in JSON.
pub(crate) async fn rows<D: Database>(
    database: &D,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Vec<Row>, Error> {
    Ok(sql::rows(database, statement, parameters).await?)
}

/// Executes a statement for its first row.
pub(crate) async fn first_row<D: Database>(
    database: &D,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Option<Row>, Error> {
    Ok(sql::first_row(database, statement, parameters).await?)
}

/// The error for a value that no version of this library has stored.
pub(crate) fn malformed() -> Error {
    sql::malformed().into()
}
