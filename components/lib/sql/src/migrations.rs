//! Migrations: numbered changes of the tables, each applied once and as a whole.

use crate::database::{Database, DatabaseError, Dialect};

/// One migration: statements separated by a line of four hyphens.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL. Types of SQLite's tables are translated, so it may be the same text.
    pub postgres: &'static str,
}

/// The migrations of one library.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// The table with the versions that are applied.
    pub table: &'static str,
    /// The number of the advisory lock of PostgreSQL that instances take. Unique in the application.
    pub lock: i64,
    /// The number of a migration is its place in the list, from 1 on. It never changes once released.
    pub list: &'static [Migration],
}

/// The separator of the statements of a migration.
const SEPARATOR: &str = "\n----\n";

/// The version of a database without tables.
const NO_VERSION: i64 = 0;

impl Migrations {
    /// Brings the database to the current version. Instances that start at the same time wait for each
    /// other. On SQLite there must be no other user of the connection meanwhile: it is in a transaction.
    ///
    /// # Errors
    /// If a migration fails. Nothing of it is applied then.
    pub async fn apply<D: Database>(&self, database: &D) -> Result<(), DatabaseError> {
        self.apply_to(database, self.list.len()).await
    }

    /// Brings the database to a version that may be an earlier one, for tests.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub async fn apply_to<D: Database>(
        &self,
        database: &D,
        version: usize,
    ) -> Result<(), DatabaseError> {
        // The usual case: nothing to do, found out by one read.
        let applied = match self.version_of(database).await {
            Ok(applied) => applied,
            Err(_) => {
                self.create_table(database).await?;
                NO_VERSION
            }
        };
        let migrations = self.list.iter().zip(1_i64..).take(version);
        for (migration, number) in migrations.filter(|(_, number)| *number > applied) {
            match database.dialect() {
                Dialect::Sqlite => self.on_sqlite(database, migration, number).await?,
                Dialect::Postgres => self.on_postgres(database, migration, number).await?,
            }
        }
        Ok(())
    }

    async fn create_table<D: Database>(&self, database: &D) -> Result<(), DatabaseError> {
        let table = self.table;
        let statement = format!("CREATE TABLE IF NOT EXISTS {table} (version BIGINT PRIMARY KEY)");
        match database.execute(&statement, Vec::new()).await {
            // Two of these at once may fail on PostgreSQL, for the one that comes second.
            Err(DatabaseError::Failed(cause))
                if cause.contains(table) || cause.contains("pg_type") =>
            {
                Ok(())
            }
            result => result.map(drop),
        }
    }

    async fn version_of<D: Database>(&self, database: &D) -> Result<i64, DatabaseError> {
        let table = self.table;
        let statement = format!("SELECT CAST(coalesce(max(version), 0) AS TEXT) FROM {table}");
        let rows = database.execute(&statement, Vec::new()).await?;
        let version = rows.first().and_then(|row| row.text.parse().ok());
        version.ok_or_else(|| {
            DatabaseError::Failed("the version of the database is not a number".to_owned())
        })
    }

    /// In a transaction, which ends with the connection if this is not run to its end.
    async fn on_sqlite<D: Database>(
        &self,
        database: &D,
        migration: &Migration,
        number: i64,
    ) -> Result<(), DatabaseError> {
        let table = self.table;
        let execute =
            |statement: String| async move { database.execute(&statement, Vec::new()).await };
        execute("BEGIN IMMEDIATE".to_owned()).await?;
        let applied = async {
            // Another instance may have been faster.
            if self.version_of(database).await? < number {
                for statement in migration.sqlite.split(SEPARATOR) {
                    execute(statement.to_owned()).await?;
                }
                execute(format!("INSERT INTO {table} (version) VALUES ({number})")).await?;
            }
            execute("COMMIT".to_owned()).await
        };
        match applied.await {
            Ok(_) => Ok(()),
            Err(error) => {
                execute("ROLLBACK".to_owned()).await?;
                Err(error)
            }
        }
    }

    /// As one statement, which is a transaction.
    async fn on_postgres<D: Database>(
        &self,
        database: &D,
        migration: &Migration,
        number: i64,
    ) -> Result<(), DatabaseError> {
        let (table, lock) = (self.table, self.lock);
        let statements: String = migration
            .postgres
            .split(SEPARATOR)
            .map(|statement| format!("{};\n", for_postgres(statement)))
            .collect();
        // The lock is held until the end of the statement.
        let block = format!(
            "DO $migration$ BEGIN
               PERFORM pg_advisory_xact_lock({lock});
               IF EXISTS (SELECT 1 FROM {table} WHERE version >= {number}) THEN RETURN; END IF;
               {statements}
               INSERT INTO {table} (version) VALUES ({number});
             END $migration$"
        );
        database.execute(&block, Vec::new()).await.map(drop)
    }
}

/// A table of SQLite as one of PostgreSQL.
fn for_postgres(statement: &str) -> String {
    let key = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
    statement
        .trim_end()
        .replace("INTEGER PRIMARY KEY AUTOINCREMENT", key)
        .replace("INTEGER PRIMARY KEY", key)
        .replace("INTEGER", "BIGINT")
        .replace(" BLOB", " BYTEA")
        .replace(") STRICT, WITHOUT ROWID", ")")
        .replace(") STRICT", ")")
}
