//! `directory`.

use super::{Component, accounts};
use crate::bindings::exports::goldfish::accounts::directory::{Guest, Page, Statistics};
use crate::directory;
use crate::types::{Account, Error};

impl Guest for Component {
    async fn list_accounts(
        search: Option<String>,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<Page, Error> {
        let (search, cursor) = (search.as_deref(), cursor.as_deref());
        let page = directory::list(&accounts().await?, search, cursor, limit).await?;
        Ok(Page {
            accounts: page.accounts,
            next: page.next,
        })
    }

    async fn find_by_email(email: String) -> Result<Account, Error> {
        directory::find_by_email(&accounts().await?, &email).await
    }

    async fn get_statistics() -> Result<Statistics, Error> {
        let found = directory::statistics(accounts().await?.platform()).await?;
        Ok(Statistics {
            accounts: found.accounts,
            registered_ever: found.registered_ever,
            deleted_ever: found.deleted_ever,
        })
    }
}
