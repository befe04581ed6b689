//! `api-keys`.

use super::Component;
use crate::bindings::exports::goldfish::accounts::api_keys::{ApiKey, Guest, KeyRequest, Owner};
use crate::types::Error;

fn missing() -> Error {
    Error::Unavailable("not here yet".to_owned())
}

impl Guest for Component {
    async fn create_key(_owner: Owner, _request: KeyRequest) -> Result<(ApiKey, String), Error> {
        Err(missing())
    }

    async fn list_keys(_user: String) -> Result<Vec<ApiKey>, Error> {
        Err(missing())
    }

    async fn revoke_key(_user: String, _id: String) -> Result<(), Error> {
        Err(missing())
    }

    async fn revoke_keys(_user: String) -> Result<u32, Error> {
        Err(missing())
    }
}
