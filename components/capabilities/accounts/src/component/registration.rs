//! The interface `registration`.

use super::{Component, accounts};
use crate::bindings::exports::goldfish::accounts::registration::{
    FieldUpdate, Guest, RegistrationRequest, RegistrationResult,
};
use crate::registration;
use crate::types::{Account, Client, Error, GuestSession};

impl Guest for Component {
    async fn register(
        request: RegistrationRequest,
        guest: Option<GuestSession>,
        client: Client,
    ) -> Result<RegistrationResult, Error> {
        registration::register(&accounts().await?, &request, guest, &client).await
    }

    async fn get_account(user: String) -> Result<Account, Error> {
        registration::get_account(&accounts().await?, &user).await
    }

    async fn update_account(
        user: String,
        name: FieldUpdate,
        image: FieldUpdate,
    ) -> Result<Account, Error> {
        registration::update_account(&accounts().await?, &user, &name, &image).await
    }

    async fn confirm_password(user: String, password: String) -> Result<(), Error> {
        registration::confirm_password(&accounts().await?, &user, &password).await
    }
}
