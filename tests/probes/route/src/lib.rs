//! A route for tests that calls a probe capability, which reports what it can access.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "all calls are in the component")
)]

use http_edge::{ApiError, Context, Response};
use serde::{Deserialize, Serialize};

use bindings::goldfish::probe::reader;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        world: "client",
        path: "../wit",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

http_edge::routes! {
    ANY "/..." => probe,
}

/// One of these is given.
#[derive(Debug, Default, Deserialize)]
struct Query {
    variable: Option<String>,
    url: Option<String>,
    postgres: Option<String>,
    /// The SQLite database, if it is there.
    sqlite: Option<String>,
}

#[derive(Serialize)]
struct Found {
    value: Option<String>,
    error: Option<String>,
}

async fn probe(context: &mut Context) -> Result<Response, ApiError> {
    let query: Query = context.query()?;
    let result = if let Some(name) = query.variable {
        reader::variable(name).await
    } else if let Some(url) = query.url {
        reader::fetch(url).await.map(|status| status.to_string())
    } else if let Some(address) = query.postgres {
        reader::postgres(address).await.map(|()| String::new())
    } else if query.sqlite.is_some() {
        reader::sqlite().await.map(|()| String::new())
    } else {
        reader::store().await.map(|()| String::new())
    };
    let (value, error) = match result {
        Ok(value) => (Some(value), None),
        Err(error) => (None, Some(error)),
    };
    Ok(Response::json(&Found { value, error }))
}
