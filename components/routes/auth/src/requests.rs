//! Request bodies. Unknown fields are ignored, as the systems do whose routes these are.

use contracts::accounts::registration::RegistrationRequest;
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Register {
    email: String,
    password: String,
    name: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Login {
    pub(crate) email: String,
    pub(crate) password: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refresh {
    pub(crate) refresh_token: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Logout {
    pub(crate) refresh_token: Option<String>,
}

#[derive(Default, Deserialize)]
pub(crate) struct DeleteUser {
    pub(crate) password: Option<String>,
}

impl From<Register> for RegistrationRequest {
    fn from(register: Register) -> Self {
        Self {
            email: register.email,
            password: register.password,
            name: register.name,
            image: None,
        }
    }
}
