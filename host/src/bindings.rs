//! Rust traits generated from `wit/`, which the host implements.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "generated"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "goldfish:host/platform",
        imports: {
            "spin:postgres/postgres": async | trappable,
            "spin:sqlite/sqlite": async | trappable,
            "wasi:keyvalue/store": async | trappable,
            "wasi:keyvalue/atomics": async | trappable,
            "wasi:keyvalue/batch": async | trappable,
            default: trappable,
        },
        // Resources by the modules that import nothing from here.
        with: {
            "spin:key-value/key-value.store": crate::key_value::Store,
            "spin:postgres/postgres.connection": crate::postgres::connection::Client,
            "spin:postgres/postgres.connection-builder": crate::postgres::connection::ConnectionBuilder,
            "spin:redis/redis.connection": redis::aio::MultiplexedConnection,
            "spin:sqlite/sqlite.connection": crate::sqlite::connection::Connection,
            "wasi:keyvalue/store.bucket": crate::key_value::Bucket,
            "wasi:keyvalue/atomics.cas": crate::key_value::Cas,
        },
    });
}

pub(crate) use generated::{fermyon, spin, wasi};
