//! Where an application keeps its SQL tables, so that one test runs on each database.
//!
//! ```ignore
//! #[tokio::test]
//! async fn joining_twice_is_one_membership() {
//!     for app in App::on_each_database("joining_twice_is_one_membership").await {
//!         let user = app.client().user().await;
//!         …
//!     }
//! }
//! ```
//!
//! Tests of a route take the application, and `on_each_database!(a_test, another_test)` makes two tests of
//! each. The applications are shared by all tests, as [`App::shared`] is. A test
//! with variables of its own, or with several instances on one database, builds them:
//!
//! ```ignore
//! for database in Database::each("name_of_the_test").await {
//!     let builder = App::with_defaults().variable("…", "…").database(&database);
//!     let app = builder.clone().start().await;
//!     let other = builder.state_of(&app).start().await;
//!     …
//! }
//! ```
//!
//! On a machine without PostgreSQL the test runs on SQLite and says that the rest was skipped; with
//! `CI=true` it fails.

use tokio::sync::OnceCell;

use super::{App, Postgres, skip_or_fail};

/// A database for an application.
pub(crate) enum Database {
    /// A file in the state folder of the application.
    Sqlite,
    Postgres(Box<Postgres>),
}

impl Database {
    /// New databases of each kind.
    pub(crate) async fn each(test: &str) -> Vec<Self> {
        let mut databases = vec![Self::Sqlite];
        match Postgres::new().await {
            Ok(postgres) => databases.push(Self::Postgres(Box::new(postgres))),
            Err(missing) => skip_or_fail(&format!("{test} on PostgreSQL"), &missing),
        }
        databases
    }
}

impl App {
    /// The shared application on SQLite, and one on PostgreSQL.
    pub(crate) async fn on_each_database(test: &str) -> Vec<&'static Self> {
        let mut apps = vec![Self::shared().await];
        apps.extend(Self::shared_on_postgres(test).await);
        apps
    }

    /// The shared application on PostgreSQL; none where that is not installed.
    pub(crate) async fn shared_on_postgres(test: &str) -> Option<&'static Self> {
        match shared_on_postgres().await {
            Ok((app, _)) => Some(app),
            Err(missing) => {
                skip_or_fail(&format!("{test} on PostgreSQL"), &missing);
                None
            }
        }
    }
}

/// Makes two tests of each of these functions: with the shared application on SQLite, and on PostgreSQL.
macro_rules! on_each_database {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {$(
            #[tokio::test]
            async fn $test() {
                super::$test($crate::harness::App::shared().await).await;
            }
        )+}

        mod on_postgres {$(
            #[tokio::test]
            async fn $test() {
                let app = $crate::harness::App::shared_on_postgres(stringify!($test)).await;
                if let Some(app) = app {
                    super::$test(app).await;
                }
            }
        )+}
    };
}
pub(crate) use on_each_database;

async fn shared_on_postgres() -> Result<&'static (App, Database), String> {
    static SHARED: OnceCell<(App, Database)> = OnceCell::const_new();
    let start = || async {
        let database = Database::Postgres(Box::new(Postgres::new().await?));
        let app = App::with_defaults().admin().database(&database);
        Ok((app.start().await, database))
    };
    SHARED.get_or_try_init(start).await
}
