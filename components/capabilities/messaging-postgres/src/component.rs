//! The export.

use messaging::{MIGRATIONS, Messaging};
use sql::Connect;
use sql_spin::{Postgres, PostgresHandle};

mod export {
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]
    use super::Component;
    messaging::bindings::export!(Component with_types_in messaging::bindings);
}

type Component = Messaging<Spin>;

struct Spin;

impl Connect for Spin {
    type Database = Postgres;
    type Handle = PostgresHandle;

    async fn connect() -> Result<Self::Handle, String> {
        Postgres::connect(&MIGRATIONS).await
    }
}
