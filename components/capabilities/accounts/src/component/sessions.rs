//! The interface `sessions`.

use super::{Component, accounts};
use crate::bindings::exports::goldfish::accounts::sessions::Guest;
use crate::sessions;
use crate::types::{Client, Error, Session, SessionTokens};

impl Guest for Component {
    async fn create_guest(client: Client) -> Result<SessionTokens, Error> {
        sessions::create_guest(&accounts().await?, &client)
    }

    async fn sign_in(
        email: String,
        password: String,
        client: Client,
    ) -> Result<SessionTokens, Error> {
        sessions::sign_in(&accounts().await?, &email, &password, &client).await
    }

    async fn refresh(refresh_token: String, client: Client) -> Result<SessionTokens, Error> {
        sessions::refresh(&accounts().await?, &refresh_token, &client).await
    }

    async fn list_sessions(user: String) -> Result<Vec<Session>, Error> {
        sessions::list_sessions(&accounts().await?, &user).await
    }

    async fn get_session(user: String, id: String) -> Result<Session, Error> {
        sessions::get_session(&accounts().await?, &user, &id).await
    }

    async fn revoke_session(user: String, id: String) -> Result<(), Error> {
        sessions::revoke_session(&accounts().await?, &user, &id).await
    }

    async fn revoke_sessions(user: String, except: Option<String>) -> Result<u32, Error> {
        sessions::revoke_sessions(&accounts().await?, &user, except.as_deref()).await
    }
}
