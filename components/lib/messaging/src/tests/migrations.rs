//! Migrations.

use futures::executor::block_on;

use super::{World, on_both, page, user};
use crate::bindings::exports::goldfish::messaging::messages::SearchScope;
use sql::Database;
use sql::testing::Driver;

on_both! {
    async fn migrate_again_changes_nothing(world: &World) {
        let versions = "SELECT CAST(version AS TEXT) FROM messaging_migrations ORDER BY version";
        let before = world.driver.texts(versions, &[]).unwrap();
        assert_eq!(before, ["1", "2", "3", "4", "5", "6", "7"]);
        world.channel("u1", &["u2"], false).await;
        crate::MIGRATIONS.apply(&world.driver).await.unwrap();
        assert_eq!(world.driver.texts(versions, &[]).unwrap(), before);
        assert!(world.session().get_user("u2").await.is_ok());
    }
}

/// From each version before, filled with what it can hold.
fn from_each_version(driver: &dyn Fn() -> Driver) {
    let insert = [
        "INSERT INTO users (id, name, name_handle, profile_id, created_at, updated_at, profile_updated_at)
         VALUES ('u1', 'Ana', 'ana', 'p', 1, 1, 1)",
        "INSERT INTO channels (id, name, is_private, category, owner_id, created_at, updated_at, member_count,
           admin_count)
         VALUES ('00000000-0000-4000-8000-000000000001', 'Plans', 0, 'General', 'u1', 1, 1, 1, 1)",
        "INSERT INTO members (id, channel_id, user_id, rank, joined_at)
         SELECT 'm', id, owner_id, 4, 1 FROM channels WHERE 1 = 1 ON CONFLICT DO NOTHING",
        "INSERT INTO threads (id, channel_id, name, created_at, updated_at, last_number)
         SELECT '00000000-0000-4000-8000-000000000002', id, 'x', 1, 1, 1 FROM channels",
        "INSERT INTO messages (id, thread_id, channel_id, number, sender_id, client_id, content, created_at)
         SELECT '00000000-0000-4000-8000-000000000003', id, channel_id, 1, 'u1', 'c', 'goldfish', 1 FROM threads",
    ];
    for version in 1..7 {
        let driver = driver();
        block_on(crate::MIGRATIONS.apply_to(&driver, version)).unwrap();
        for statement in insert {
            block_on(driver.execute(statement, Vec::new())).unwrap();
        }
        let world = World::new(driver);
        block_on(async {
            let anywhere = SearchScope {
                channel_id: None,
                thread_id: None,
            };
            let messages = world
                .session()
                .search("u1", "gold", &anywhere, &page(5))
                .await
                .unwrap();
            assert_eq!(messages.items.len(), 1, "from version {version}");
            world.post("u1", &messages.items[0].thread_id, "more").await;
            let users = world
                .session()
                .list_users(Some("ana"), &page(5))
                .await
                .unwrap();
            assert_eq!(users.items.len(), 1, "from version {version}");
            let channel = world.session().list_joined("u1", &page(5)).await.unwrap();
            world
                .session()
                .delete_channel(&user("u1"), &channel.items[0].channel.id)
                .await
                .unwrap();
        });
    }
}

#[test]
fn migrate_keeps_the_data_of_each_earlier_version_on_sqlite() {
    from_each_version(&Driver::sqlite);
}

#[test]
fn migrate_keeps_the_data_of_each_earlier_version_on_postgres() {
    if Driver::postgres().is_some() {
        from_each_version(&|| Driver::postgres().unwrap());
    }
}

/// Eight instances that start at the same time, on an empty database.
fn at_once(driver: &Driver) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let open = driver.opener();
            scope.spawn(move || block_on(crate::MIGRATIONS.apply(&open())).unwrap());
        }
    });
    let versions = driver.texts(
        "SELECT CAST(count(*) AS TEXT) FROM messaging_migrations",
        &[],
    );
    assert_eq!(versions.unwrap(), ["7"]);
}

#[test]
fn migrate_at_once_applies_each_migration_once_on_sqlite() {
    for _ in 0..5 {
        // Without the settings of a connection, which stay in the file.
        at_once(&Driver::sqlite_as_it_is());
    }
}

#[test]
fn migrate_at_once_applies_each_migration_once_on_postgres() {
    if let Some(driver) = Driver::postgres() {
        at_once(&driver);
    }
}

/// Connections that have just been opened use the tables while another component creates its own in the same file.
#[test]
fn statements_while_another_component_creates_tables_succeed_on_sqlite() {
    let statement = "INSERT INTO threads (id, channel_id, name, created_at, updated_at)
      SELECT c.id, c.id, '', 0, 0 FROM channels c WHERE c.id = '' RETURNING '[]'";
    for _ in 0..40 {
        let driver = Driver::sqlite();
        block_on(crate::MIGRATIONS.apply(&driver)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                let open = driver.opener();
                scope.spawn(move || {
                    let database = open();
                    block_on(crate::MIGRATIONS.apply(&database)).unwrap();
                    for _ in 0..5 {
                        let inserted = block_on(sql::rows(&database, statement, Vec::new()));
                        assert!(inserted.unwrap().is_empty());
                    }
                });
            }
            let open = driver.opener();
            scope.spawn(move || {
                let database = open();
                for n in 0..8 {
                    let create = format!("CREATE TABLE other_{n} (a INTEGER) STRICT");
                    block_on(database.execute(&create, Vec::new())).unwrap();
                }
            });
        });
    }
}
