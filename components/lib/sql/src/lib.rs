//! SQL in two dialects: one text of each statement for SQLite and PostgreSQL, and migrations.
//!
//! May not import anything of the platform: `sql-spin` has the drivers, which implement [`Database`].

mod database;
mod migrations;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;

pub use database::{
    Connect, Database, DatabaseError, Dialect, Frequent, Parameters, RawRow, Row, Unavailable,
    Value, first_row, malformed, rows,
};
pub use migrations::{Migration, Migrations};
pub use sqlite::{set_up_sqlite, sqlite_failure};
