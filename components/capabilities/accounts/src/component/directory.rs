//! `directory`.

use super::Component;
use crate::bindings::exports::goldfish::accounts::directory::{Guest, Page, Statistics};
use crate::types::{Account, Error};

fn missing() -> Error {
    Error::Unavailable("not here yet".to_owned())
}

impl Guest for Component {
    async fn list_accounts(
        _search: Option<String>,
        _cursor: Option<String>,
        _limit: u32,
    ) -> Result<Page, Error> {
        Err(missing())
    }

    async fn find_by_email(_email: String) -> Result<Account, Error> {
        Err(missing())
    }

    async fn get_statistics() -> Result<Statistics, Error> {
        Err(missing())
    }
}
