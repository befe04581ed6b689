//! The tables and triggers. Each migration is applied once, as a whole.

use sql::{Migration, Migrations};

/// The number of a migration is its place in the list, from 1 on; it never changes once released.
pub const MIGRATIONS: Migrations = Migrations {
    table: "messaging_migrations",
    lock: 7_162_532_016,
    list: &[
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
        Migration {
            sqlite: include_str!("../migrations/0004_attachments.sqlite.sql"),
            postgres: include_str!("../migrations/0004_attachments.postgres.sql"),
        },
        Migration {
            sqlite: include_str!("../migrations/0005_events.sql"),
            postgres: include_str!("../migrations/0005_events.sql"),
        },
        Migration {
            sqlite: include_str!("../migrations/0006_event_triggers.sqlite.sql"),
            postgres: include_str!("../migrations/0006_event_triggers.postgres.sql"),
        },
        Migration {
            sqlite: include_str!("../migrations/0007_channel_counts.sql"),
            postgres: include_str!("../migrations/0007_channel_counts.sql"),
        },
    ],
};
