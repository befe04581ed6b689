//! The tables and triggers. Each migration is applied once, as a whole.

use crate::database::{Database, DatabaseError, Dialect};

/// One migration. Its number is its place in [`MIGRATIONS`], from 1 on; it never changes once released.
struct Migration {
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: [Migration; 3] = [
    Migration {
        sqlite: include_str!("../migrations/0001_tables.sql"),
        postgres: include_str!("../migrations/0001_tables.sql"),
    },
    Migration {
        sqlite: include_str!("../migrations/0002_triggers.sqlite.sql"),
        postgres: include_str!("../migrations/0002_triggers.postgres.sql"),
    },
    Migration {
        sqlite: include_str!("../migrations/0003_search.sqlite.sql"),
        postgres: include_str!("../migrations/0003_search.postgres.sql"),
    },
];

/// What separates the statements of a migration.
const SEPARATOR: &str = "\n----\n";

/// The version of a database without tables.
const NO_VERSION: i64 = 0;

/// Brings the database to the current version. Instances that start at the same time wait for each other. On
/// SQLite the connection must be used by nobody else meanwhile: it is in a transaction.
///
/// # Errors
/// If a migration fails. Nothing of it is applied then.
pub async fn migrate<D: Database>(database: &D) -> Result<(), DatabaseError> {
    migrate_to(database, MIGRATIONS.len()).await
}

/// Brings the database to a version that is not the current one, for tests.
pub(crate) async fn migrate_to<D: Database>(
    database: &D,
    version: usize,
) -> Result<(), DatabaseError> {
    // The usual case: nothing to do, found out by one read.
    let applied = match version_of(database).await {
        Ok(applied) => applied,
        Err(_) => {
            database
                .execute(
                    "CREATE TABLE IF NOT EXISTS messaging_migrations (version BIGINT PRIMARY KEY)",
                    Vec::new(),
                )
                .await
                .or_else(created_by_another)?;
            NO_VERSION
        }
    };
    let migrations = MIGRATIONS.iter().zip(1_i64..).take(version);
    for (migration, number) in migrations.filter(|(_, number)| *number > applied) {
        match database.dialect() {
            Dialect::Sqlite => on_sqlite(database, migration.sqlite, number).await?,
            Dialect::Postgres => on_postgres(database, migration.postgres, number).await?,
        }
    }
    Ok(())
}

/// Two `CREATE TABLE IF NOT EXISTS` at once may fail on PostgreSQL, for the one that comes second.
fn created_by_another(error: DatabaseError) -> Result<Vec<String>, DatabaseError> {
    match error {
        DatabaseError::Failed(cause)
            if cause.contains("messaging_migrations") || cause.contains("pg_type") =>
        {
            Ok(Vec::new())
        }
        other => Err(other),
    }
}

async fn version_of<D: Database>(database: &D) -> Result<i64, DatabaseError> {
    let statement = "SELECT CAST(coalesce(max(version), 0) AS TEXT) FROM messaging_migrations";
    let rows = database.execute(statement, Vec::new()).await?;
    let version = rows.first().and_then(|version| version.parse().ok());
    version.ok_or_else(|| {
        DatabaseError::Failed("the version of the database is not a number".to_owned())
    })
}

/// In a transaction, which ends with the connection if this is not run to its end.
async fn on_sqlite<D: Database>(
    database: &D,
    migration: &str,
    number: i64,
) -> Result<(), DatabaseError> {
    let execute = |statement: String| async move { database.execute(&statement, Vec::new()).await };
    execute("BEGIN IMMEDIATE".to_owned()).await?;
    let applied = async {
        // Another instance may have been faster.
        if version_of(database).await? < number {
            for statement in migration.split(SEPARATOR) {
                execute(statement.to_owned()).await?;
            }
            execute(format!(
                "INSERT INTO messaging_migrations (version) VALUES ({number})"
            ))
            .await?;
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
    database: &D,
    migration: &str,
    number: i64,
) -> Result<(), DatabaseError> {
    let statements: String = migration
        .split(SEPARATOR)
        .map(|statement| format!("{};\n", for_postgres(statement)))
        .collect();
    // The lock lasts until the end of the statement; its number stands for nothing.
    let block = format!(
        "DO $migration$ BEGIN
           PERFORM pg_advisory_xact_lock(7162532016);
           IF EXISTS (SELECT 1 FROM messaging_migrations WHERE version >= {number}) THEN RETURN; END IF;
           {statements}
           INSERT INTO messaging_migrations (version) VALUES ({number});
         END $migration$"
    );
    database.execute(&block, Vec::new()).await.map(drop)
}

/// A table of SQLite as one of PostgreSQL.
fn for_postgres(statement: &str) -> String {
    let key = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
    statement
        .trim_end()
        .replace("INTEGER PRIMARY KEY AUTOINCREMENT", key)
        .replace("INTEGER PRIMARY KEY", key)
        .replace("INTEGER", "BIGINT")
        .replace(") STRICT, WITHOUT ROWID", ")")
        .replace(") STRICT", ")")
}
