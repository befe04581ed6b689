//! `recovery`.

use super::Component;
use crate::bindings::exports::goldfish::accounts::recovery::{Guest, Letter};
use crate::types::{Account, Client, Error, SignedIn};

fn missing() -> Error {
    Error::Unavailable("not here yet".to_owned())
}

impl Guest for Component {
    async fn change_password(
        _user: String,
        _current: String,
        _new_password: String,
        _session: String,
        _revoke_others: bool,
    ) -> Result<Account, Error> {
        Err(missing())
    }

    async fn request_reset(_email: String) -> Result<Option<Letter>, Error> {
        Err(missing())
    }

    async fn check_reset(_token: String) -> Result<(), Error> {
        Err(missing())
    }

    async fn reset_password(_token: String, _new_password: String) -> Result<Account, Error> {
        Err(missing())
    }

    async fn request_verification(_email: String) -> Result<Option<Letter>, Error> {
        Err(missing())
    }

    async fn verify_email(
        _token: String,
        _client: Client,
    ) -> Result<(Account, Option<SignedIn>), Error> {
        Err(missing())
    }
}
