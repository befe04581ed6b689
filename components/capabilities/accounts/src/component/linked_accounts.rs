//! `linked-accounts`.

use super::Component;
use crate::bindings::exports::goldfish::accounts::linked_accounts::{
    Flow, Guest, LinkError, Profile,
};
use crate::types::{Account, Client, Error, SignedIn};

fn missing() -> Error {
    Error::Unavailable("not here yet".to_owned())
}

impl Guest for Component {
    async fn begin_flow(_flow: Flow) -> Result<String, Error> {
        Err(missing())
    }

    async fn open_flow(_sealed: String) -> Result<Flow, Error> {
        Err(missing())
    }

    async fn sign_in_with(
        _profile: Profile,
        _sealed_flow: String,
        _client: Client,
    ) -> Result<(SignedIn, bool), LinkError> {
        Err(LinkError::Other(missing()))
    }

    async fn link(
        _user: String,
        _profile: Profile,
        _sealed_flow: String,
    ) -> Result<Account, LinkError> {
        Err(LinkError::Other(missing()))
    }

    async fn unlink(_user: String, _provider: String) -> Result<Account, Error> {
        Err(missing())
    }
}
