//! `registration`.

use super::Component;
use crate::bindings::exports::goldfish::accounts::registration::{Application, Guest, Outcome};
use crate::types::{Account, Client, Error};

fn missing() -> Error {
    Error::Unavailable("not here yet".to_owned())
}

impl Guest for Component {
    async fn register(
        _application: Application,
        _guest: Option<(String, String)>,
        _client: Client,
    ) -> Result<Outcome, Error> {
        Err(missing())
    }

    async fn get_account(_user: String) -> Result<Account, Error> {
        Err(missing())
    }

    async fn update_account(
        _user: String,
        _name: Option<String>,
        _image: Option<String>,
    ) -> Result<Account, Error> {
        Err(missing())
    }

    async fn confirm_password(_user: String, _password: String) -> Result<(), Error> {
        Err(missing())
    }

    async fn delete_account(_user: String) -> Result<(), Error> {
        Err(missing())
    }
}
