//! The trait of drivers, and the dialects of SQL.

use std::ops::Deref;
use std::sync::OnceLock;

use serde_json::Value as Json;

/// How often a statement is repeated that the database gave up in favour of another one.
const REPEATS_MAX: usize = 5;

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL, in place of any other value.
    Null,
    /// An integer of 64 bits.
    Integer(i64),
    /// Text without U+0000, which PostgreSQL cannot store.
    Text(String),
    /// Any bytes.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Why a statement failed. The texts are for the log; they have no parameters in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseError {
    /// It was rolled back in favour of another statement, and can be repeated: after a deadlock, or because a row that
    /// it refers to was deleted meanwhile.
    RolledBack(String),
    /// Anything else.
    Failed(String),
}

/// The database cannot be used now. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl From<DatabaseError> for Unavailable {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::RolledBack(cause) | DatabaseError::Failed(cause) => Self(cause),
        }
    }
}

/// A row as a driver returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawRow {
    /// The first column.
    pub text: String,
    /// The second column, if the statement has one: bytes, which would be longer and slower as JSON.
    pub bytes: Vec<u8>,
}

/// A connection. Concurrent calls are allowed.
#[allow(
    async_fn_in_trait,
    reason = "components have one thread; nothing needs the futures to be Send"
)]
pub trait Database {
    /// The dialect that the database understands.
    fn dialect(&self) -> Dialect;

    /// Executes one statement in a transaction of its own. Its result has one column of text, and at most one of
    /// bytes after it. The rows are read to the end; those whose first column is not a text are left out.
    async fn execute(
        &self,
        statement: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<RawRow>, DatabaseError>;
}

/// How a component comes by its database.
pub trait Connect: 'static {
    /// The driver.
    type Database: Database;
    /// A handle on a connection.
    type Handle: Deref<Target = Self::Database>;

    /// A connection to a database that has all migrations. The error is a cause for the log.
    fn connect() -> impl Future<Output = Result<Self::Handle, String>>;
}

/// The dialect of SQL of a database. The statements are written once, with these names for the differences:
///
/// | | SQLite | PostgreSQL |
/// |---|---|---|
/// | `$1` | `?1` | `$1` |
/// | `JSON_OF(a, b)`: an array of values | `json_array` | `json_build_array` |
/// | `JSON_ALL(a)`: an array of rows | `json_group_array` | `json_agg` |
/// | `NESTED(a)`: JSON out of a subquery | `json` | |
/// | `GREATEST(a, b)` | `max` | `GREATEST` |
/// | `LEAST(a, b)` | `min` | `LEAST` |
/// | `CLOCK_MS()`: the time in milliseconds | `unixepoch` | `statement_timestamp` |
/// | `CAST(a AS BLOB)`: bytes | | `BYTEA` |
/// | `/*+ FOR UPDATE */` | a comment | the text |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.44 or newer.
    Sqlite,
    /// PostgreSQL 13 or newer.
    Postgres,
}

impl Dialect {
    /// A statement as this database understands it.
    pub fn render(self, statement: &str) -> String {
        match self {
            Self::Sqlite => statement
                .replace('$', "?")
                .replace("JSON_OF(", "json_array(")
                .replace("JSON_ALL(", "json_group_array(")
                .replace("NESTED(", "json(")
                .replace("GREATEST(", "max(")
                .replace("LEAST(", "min(")
                .replace("CLOCK_MS()", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
            Self::Postgres => statement
                .replace("JSON_OF(", "json_build_array(")
                .replace("JSON_ALL(", "json_agg(")
                .replace("NESTED(", "(")
                .replace(
                    "CLOCK_MS()",
                    "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)",
                )
                .replace(" AS BLOB)", " AS BYTEA)")
                .replace("/*+", "")
                .replace("*/", ""),
        }
    }
}

/// The parameters of a statement that is put together.
#[derive(Clone, Debug, Default)]
pub struct Parameters(pub Vec<Value>);

impl Parameters {
    /// Adds a parameter, and gives its name in the statement.
    pub fn add(&mut self, value: impl Into<Value>) -> String {
        self.0.push(value.into());
        format!("${}", self.0.len())
    }
}

/// Executes a statement whose column is an array in JSON. One that the database rolled back is repeated.
///
/// # Errors
/// If it fails.
pub async fn rows<D: Database>(
    database: &D,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Vec<Row>, Unavailable> {
    let statement = database.dialect().render(statement);
    rows_of(database, &statement, parameters).await
}

async fn rows_of<D: Database>(
    database: &D,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Vec<Row>, Unavailable> {
    let mut repeats = 0;
    loop {
        match database.execute(statement, parameters.clone()).await {
            Ok(rows) => return rows.into_iter().map(Row::parse).collect(),
            Err(DatabaseError::RolledBack(_)) if repeats < REPEATS_MAX => repeats += 1,
            Err(DatabaseError::RolledBack(cause) | DatabaseError::Failed(cause)) => {
                return Err(Unavailable(cause));
            }
        }
    }
}

/// A statement that is executed so often that it is put together only once.
#[derive(Debug)]
pub struct Frequent {
    make: fn() -> String,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Frequent {
    /// A statement that `make` puts together.
    pub const fn new(make: fn() -> String) -> Self {
        Self {
            make,
            sqlite: OnceLock::new(),
            postgres: OnceLock::new(),
        }
    }

    /// Executes it for its first row.
    ///
    /// # Errors
    /// If it fails.
    pub async fn first_row<D: Database>(
        &self,
        database: &D,
        parameters: Vec<Value>,
    ) -> Result<Option<Row>, Unavailable> {
        let rows = self.rows(database, parameters).await?;
        Ok(rows.into_iter().next())
    }

    /// Executes it for its rows.
    ///
    /// # Errors
    /// If it fails.
    pub async fn rows<D: Database>(
        &self,
        database: &D,
        parameters: Vec<Value>,
    ) -> Result<Vec<Row>, Unavailable> {
        let dialect = database.dialect();
        let rendered = match dialect {
            Dialect::Sqlite => &self.sqlite,
            Dialect::Postgres => &self.postgres,
        };
        let statement = rendered.get_or_init(|| dialect.render(&(self.make)()));
        rows_of(database, statement, parameters).await
    }
}

/// Executes a statement for its first row.
///
/// # Errors
/// If it fails.
pub async fn first_row<D: Database>(
    database: &D,
    statement: &str,
    parameters: Vec<Value>,
) -> Result<Option<Row>, Unavailable> {
    Ok(rows(database, statement, parameters)
        .await?
        .into_iter()
        .next())
}

/// The values of a row, in the order in which they are taken.
#[derive(Debug)]
pub struct Row {
    values: std::vec::IntoIter<Json>,
    bytes: Vec<u8>,
}

impl Row {
    fn parse(row: RawRow) -> Result<Self, Unavailable> {
        let values = serde_json::from_str(&row.text).map_err(|_| malformed())?;
        Ok(Self::new(values, row.bytes))
    }

    fn new(values: Vec<Json>, bytes: Vec<u8>) -> Self {
        Self {
            values: values.into_iter(),
            bytes,
        }
    }

    fn next(&mut self) -> Result<Json, Unavailable> {
        self.values.next().ok_or_else(malformed)
    }

    /// The bytes of the second column.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The next value, a text or NULL.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn optional_text(&mut self) -> Result<Option<String>, Unavailable> {
        match self.next()? {
            Json::Null => Ok(None),
            Json::String(text) => Ok(Some(text)),
            _ => Err(malformed()),
        }
    }

    /// The next value, a text.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn text(&mut self) -> Result<String, Unavailable> {
        self.optional_text()?.ok_or_else(malformed)
    }

    /// The next value, an integer, a boolean or NULL.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn optional_integer(&mut self) -> Result<Option<i64>, Unavailable> {
        match self.next()? {
            Json::Null => Ok(None),
            // PostgreSQL has a type for it, SQLite the integers 0 and 1.
            Json::Bool(value) => Ok(Some(value.into())),
            Json::Number(number) => number.as_i64().map(Some).ok_or_else(malformed),
            _ => Err(malformed()),
        }
    }

    /// The next value, an integer or a boolean.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn integer(&mut self) -> Result<i64, Unavailable> {
        self.optional_integer()?.ok_or_else(malformed)
    }

    /// The next value, an integer that is not negative, or NULL.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn optional_unsigned(&mut self) -> Result<Option<u64>, Unavailable> {
        let value = self.optional_integer()?;
        value
            .map(u64::try_from)
            .transpose()
            .map_err(|_| malformed())
    }

    /// The next value, an integer that is not negative.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn unsigned(&mut self) -> Result<u64, Unavailable> {
        self.optional_unsigned()?.ok_or_else(malformed)
    }

    /// The next value, an integer that means true unless it is 0.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn flag(&mut self) -> Result<bool, Unavailable> {
        Ok(self.integer()? != 0)
    }

    /// An array inside the row. None means NULL.
    ///
    /// # Errors
    /// If the value is of another type.
    pub fn optional_row(&mut self) -> Result<Option<Self>, Unavailable> {
        match self.next()? {
            Json::Null => Ok(None),
            Json::Array(values) => Ok(Some(Self::new(values, Vec::new()))),
            _ => Err(malformed()),
        }
    }

    /// The arrays in the rest of the row.
    ///
    /// # Errors
    /// If a value is of another type.
    pub fn into_rows(self) -> Result<Vec<Self>, Unavailable> {
        self.values
            .map(|value| match value {
                Json::Array(values) => Ok(Self::new(values, Vec::new())),
                _ => Err(malformed()),
            })
            .collect()
    }
}

/// The error for a value that no version of this library has stored.
pub fn malformed() -> Unavailable {
    Unavailable("the database contains an unexpected value".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn render_translates_what_differs_between_the_dialects() {
        let statement = "SELECT JSON_OF($1, NESTED(a), GREATEST(b, 0)), CAST(c AS BLOB) FROM t /*+ FOR SHARE */";
        assert_eq!(
            Dialect::Sqlite.render(statement),
            "SELECT json_array(?1, json(a), max(b, 0)), CAST(c AS BLOB) FROM t /*+ FOR SHARE */"
        );
        assert_eq!(
            Dialect::Postgres.render(statement),
            "SELECT json_build_array($1, (a), GREATEST(b, 0)), CAST(c AS BYTEA) FROM t  FOR SHARE "
        );
    }

    fn parsed(text: &str) -> Result<Row, Unavailable> {
        Row::parse(RawRow {
            text: text.to_owned(),
            bytes: Vec::new(),
        })
    }

    #[test]
    fn row_with_values_of_other_types_is_an_error_and_not_a_panic() {
        for text in ["", "{}", "[", "null"] {
            assert!(parsed(text).is_err(), "{text}");
        }
        let mut row = parsed(r#"[1.5, "text", -1, null]"#).unwrap();
        assert!(row.integer().is_err());
        assert!(row.unsigned().is_err());
        assert!(row.unsigned().is_err());
        assert!(row.text().is_err());
        assert!(row.flag().is_err());
    }
}
