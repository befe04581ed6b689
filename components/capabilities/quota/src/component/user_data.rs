//! `user-data`.

use journal::{Spin, Store as _};

use super::Quota;
use crate::bindings::exports::goldfish::quota::credits::{Error, Guest as Credits};
use crate::bindings::exports::goldfish::quota::user_data::Guest;

impl Guest for Quota {
    async fn erase(user: String) -> Result<(), String> {
        <Self as Credits>::forget(user).await.map_err(cause)
    }

    async fn check() -> Result<(), String> {
        let store = Spin::open_default().await;
        let store = store.map_err(|error| error.to_string())?;
        let found = store.get("quota:check").await;
        found.map(drop).map_err(|error| error.to_string())
    }
}

fn cause(error: Error) -> String {
    match error {
        Error::Unavailable(cause) => cause,
        other => format!("{other:?}"),
    }
}
