//! The databases of Spin behind [`sql::Database`].
//!
//! May import `spin:sqlite`, `spin:postgres` and variables. A component has the imports of what it uses.

mod postgres;
mod sqlite;

pub use postgres::{Postgres, PostgresHandle};
pub use sqlite::Sqlite;
