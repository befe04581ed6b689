//! The export.

use std::time::Duration;

use spin_sdk::variables;
use sql::Connect;
use sql_spin::{Postgres, PostgresHandle};
use streams::{MIGRATIONS, Platform, Streams};

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    streams::bindings::export!(Component with_types_in streams::bindings);
}

type Component = Streams<Spin>;

struct Spin;

impl Connect for Spin {
    type Database = Postgres;
    type Handle = PostgresHandle;

    async fn connect() -> Result<Self::Handle, String> {
        Postgres::connect(&MIGRATIONS).await
    }
}

impl Platform for Spin {
    async fn variable(name: &str) -> Option<String> {
        variables::get(name).await.ok()
    }

    async fn sleep(time: Duration) {
        spin_sdk::time::sleep(time).await;
    }
}
