//! The interface `directory`.

use spin_sdk::key_value::{self, Store};
use spin_sdk::wit_bindgen::StreamResult;

use super::{Component, accounts};
use crate::bindings::exports::goldfish::accounts::directory::{
    AccountPage, Guest, KeyCounts, Statistics,
};
use crate::directory;
use crate::key_count::KeyCounter;
use crate::types::{Account, Error};

/// Keys that are read from the host at once.
const BATCH: usize = 1_024;

impl Guest for Component {
    async fn list_accounts(
        search: Option<String>,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<AccountPage, Error> {
        let (search, cursor) = (search.as_deref(), cursor.as_deref());
        let page = directory::list(&accounts().await?, search, cursor, limit).await?;
        Ok(AccountPage {
            accounts: page.accounts,
            next: page.next,
        })
    }

    async fn find_by_email(email: String) -> Result<Account, Error> {
        directory::find_by_email(&accounts().await?, &email).await
    }

    async fn get_statistics() -> Result<Statistics, Error> {
        let statistics = directory::statistics(accounts().await?.platform()).await?;
        Ok(Statistics {
            accounts: statistics.accounts,
            registered_ever: statistics.registered_ever,
            deleted_ever: statistics.deleted_ever,
        })
    }

    async fn count_keys() -> Result<KeyCounts, Error> {
        let failed = |error: key_value::Error| Error::Unavailable(error.to_string());
        let store = Store::open_default().await.map_err(failed)?;
        let (mut keys, end) = store.get_keys().await.into_inner();
        let mut counter = KeyCounter::new();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let (result, read) = keys.read(batch).await;
            batch = read;
            if !batch.drain(..).all(|key| counter.add(&key)) {
                return Ok(counter.finish());
            }
            if result == StreamResult::Dropped {
                break;
            }
        }
        // Whether the list ended with an error.
        end.await.map_err(failed)?;
        Ok(counter.finish())
    }
}
