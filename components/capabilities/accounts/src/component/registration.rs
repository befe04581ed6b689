//! `registration`.

use super::{Component, accounts};
use crate::bindings::exports::goldfish::accounts::registration::{
    Application, Change, Guest, Outcome,
};
use crate::registration;
use crate::types::{Account, Client, Error};

impl Guest for Component {
    async fn register(
        application: Application,
        guest: Option<(String, String)>,
        client: Client,
    ) -> Result<Outcome, Error> {
        registration::register(&accounts().await?, &application, guest, &client).await
    }

    async fn get_account(user: String) -> Result<Account, Error> {
        registration::get_account(&accounts().await?, &user).await
    }

    async fn update_account(user: String, name: Change, image: Change) -> Result<Account, Error> {
        registration::update_account(&accounts().await?, &user, &name, &image).await
    }

    async fn confirm_password(user: String, password: String) -> Result<(), Error> {
        registration::confirm_password(&accounts().await?, &user, &password).await
    }

    async fn delete_account(user: String) -> Result<(), Error> {
        registration::delete_account(&accounts().await?, &user).await
    }
}
