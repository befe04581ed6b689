//! `user-data`.

use journal::{Spin, Store as _};

use super::{Component, accounts};
use crate::bindings::exports::goldfish::accounts::user_data::Guest;
use crate::registration;
use crate::types::Error;

impl Guest for Component {
    async fn erase(user: String) -> Result<(), String> {
        let accounts = accounts().await.map_err(cause)?;
        let erased = registration::delete_account(&accounts, &user).await;
        erased.map_err(cause)
    }

    async fn check() -> Result<(), String> {
        let store = Spin::open_default().await;
        let store = store.map_err(|error| error.to_string())?;
        let found = store.get("accounts:check").await;
        found.map(drop).map_err(|error| error.to_string())
    }
}

fn cause(error: Error) -> String {
    match error {
        Error::Unavailable(cause) => cause,
        other => format!("{other:?}"),
    }
}
