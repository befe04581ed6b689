//! `linked-accounts`.

use super::{Component, accounts};
use crate::bindings::exports::goldfish::accounts::linked_accounts::{self as contract, Guest};
use crate::types::{Account, Client, Error, GuestSession, SessionTokens};
use crate::{flows, linked, linking};

impl Guest for Component {
    async fn seal_flow(flow: contract::Flow) -> Result<String, Error> {
        let flow = flows::Flow {
            provider: flow.provider,
            state: flow.state,
            code_verifier: flow.code_verifier,
            callback_url: flow.callback_url,
            error_url: flow.error_url,
            new_user_url: flow.new_user_url,
            link_to: flow.link_to,
            guest: flow.guest.map(|guest| flows::Guest {
                user: guest.user,
                session: guest.session,
            }),
        };
        flows::seal(&accounts().await?, &flow)
    }

    async fn open_flow(sealed: String) -> Result<contract::Flow, Error> {
        let flow = flows::open(&accounts().await?, &sealed)?.data;
        Ok(contract::Flow {
            provider: flow.provider,
            state: flow.state,
            code_verifier: flow.code_verifier,
            callback_url: flow.callback_url,
            error_url: flow.error_url,
            new_user_url: flow.new_user_url,
            link_to: flow.link_to,
            guest: flow.guest.map(|guest| GuestSession {
                user: guest.user,
                session: guest.session,
            }),
        })
    }

    async fn sign_in_with_profile(
        profile: contract::Profile,
        sealed_flow: String,
        client: Client,
    ) -> Result<(SessionTokens, bool), contract::LinkError> {
        let accounts = accounts().await.map_err(contract::LinkError::Other)?;
        linked::sign_in_with_profile(&accounts, of_contract(profile), &sealed_flow, &client)
            .await
            .map_err(to_contract)
    }

    async fn link(
        user: String,
        profile: contract::Profile,
        sealed_flow: String,
    ) -> Result<Account, contract::LinkError> {
        let accounts = accounts().await.map_err(contract::LinkError::Other)?;
        linking::link(&accounts, &user, of_contract(profile), &sealed_flow)
            .await
            .map_err(to_contract)
    }

    async fn unlink(user: String, provider: String) -> Result<Account, Error> {
        linking::unlink(&accounts().await?, &user, &provider).await
    }
}

fn of_contract(profile: contract::Profile) -> linked::Profile {
    linked::Profile {
        provider: profile.provider,
        subject: profile.subject,
        email: profile.email,
        email_verified: profile.email_verified,
        name: profile.name,
        image: profile.image,
    }
}

fn to_contract(error: linked::LinkError) -> contract::LinkError {
    match error {
        linked::LinkError::AccountNotLinked => contract::LinkError::AccountNotLinked,
        linked::LinkError::EmailMissing => contract::LinkError::EmailMissing,
        linked::LinkError::LinkedElsewhere => contract::LinkError::LinkedElsewhere,
        linked::LinkError::Replayed => contract::LinkError::Replayed,
        linked::LinkError::Other(error) => contract::LinkError::Other(error),
    }
}
