//! `sessions`.

use super::Component;
use crate::bindings::exports::goldfish::accounts::sessions::Guest;
use crate::types::{Client, Error, Session, SignedIn};

fn missing() -> Error {
    Error::Unavailable("not here yet".to_owned())
}

impl Guest for Component {
    async fn create_guest(_client: Client) -> Result<SignedIn, Error> {
        Err(missing())
    }

    async fn sign_in(
        _email: String,
        _password: String,
        _client: Client,
    ) -> Result<SignedIn, Error> {
        Err(missing())
    }

    async fn refresh(_refresh_token: String, _client: Client) -> Result<SignedIn, Error> {
        Err(missing())
    }

    async fn list_sessions(_user: String) -> Result<Vec<Session>, Error> {
        Err(missing())
    }

    async fn get_session(_user: String, _id: String) -> Result<Session, Error> {
        Err(missing())
    }

    async fn revoke_session(_user: String, _id: String) -> Result<(), Error> {
        Err(missing())
    }

    async fn revoke_sessions(_user: String, _except: Option<String>) -> Result<u32, Error> {
        Err(missing())
    }
}
