//! The interface `recovery`.

use super::{Component, accounts};
use crate::account::SessionsToEnd;
use crate::bindings::exports::goldfish::accounts::recovery::{EmailToken, Guest};
use crate::recovery;
use crate::types::{Account, Client, Error, SessionTokens};

impl Guest for Component {
    async fn change_password(
        user: String,
        current: String,
        new_password: String,
        session: String,
        revoke_others: bool,
    ) -> Result<Account, Error> {
        let sessions_to_end = match revoke_others {
            true => SessionsToEnd::AllExcept(session),
            false => SessionsToEnd::None,
        };
        let accounts = accounts().await?;
        recovery::change_password(&accounts, &user, &current, &new_password, sessions_to_end).await
    }

    async fn request_reset(email: String) -> Result<Option<EmailToken>, Error> {
        recovery::request_reset(&accounts().await?, &email).await
    }

    async fn check_reset(token: String) -> Result<(), Error> {
        recovery::check_reset(&accounts().await?, &token).await
    }

    async fn reset_password(token: String, new_password: String) -> Result<Account, Error> {
        recovery::reset_password(&accounts().await?, &token, &new_password).await
    }

    async fn request_verification(email: String) -> Result<Option<EmailToken>, Error> {
        recovery::request_verification(&accounts().await?, &email).await
    }

    async fn request_email_change(user: String, email: String) -> Result<EmailToken, Error> {
        recovery::request_email_change(&accounts().await?, &user, &email).await
    }

    async fn change_email(user: String, email: String) -> Result<Account, Error> {
        recovery::change_email(&accounts().await?, &user, &email).await
    }

    async fn verify_email(
        token: String,
        client: Client,
    ) -> Result<(Account, Option<SessionTokens>), Error> {
        recovery::verify_email(&accounts().await?, &token, &client).await
    }
}
