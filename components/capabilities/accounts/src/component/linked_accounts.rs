//! The interface `linked-accounts`.

use super::{Component, accounts};
use crate::bindings::exports::goldfish::accounts::linked_accounts::{self as contract, Guest};
use crate::oauth::{self, Profile};
use crate::types::{Account, Client, Error, GuestSession, SessionTokens};
use crate::{oauth_flow, oauth_linking, oauth_sign_in};

impl Guest for Component {
    async fn seal_flow(flow: contract::Flow) -> Result<String, Error> {
        let flow = oauth_flow::Flow {
            provider: flow.provider,
            state: flow.state,
            code_verifier: flow.code_verifier,
            callback_url: flow.callback_url,
            error_url: flow.error_url,
            new_user_url: flow.new_user_url,
            link_to: flow.link_to,
            guest: flow.guest.map(|guest| oauth_flow::Guest {
                user: guest.user,
                session: guest.session,
            }),
        };
        oauth_flow::seal(&accounts().await?, &flow)
    }

    async fn open_flow(sealed: String) -> Result<contract::Flow, Error> {
        let flow = oauth_flow::open(&accounts().await?, &sealed)?.data;
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
        oauth_sign_in::sign_in_with_profile(
            &accounts,
            from_contract(profile),
            &sealed_flow,
            &client,
        )
        .await
        .map_err(to_contract)
    }

    async fn link(
        user: String,
        profile: contract::Profile,
        sealed_flow: String,
    ) -> Result<Account, contract::LinkError> {
        let accounts = accounts().await.map_err(contract::LinkError::Other)?;
        oauth_linking::link(&accounts, &user, from_contract(profile), &sealed_flow)
            .await
            .map_err(to_contract)
    }

    async fn unlink(user: String, provider: String) -> Result<Account, Error> {
        oauth_linking::unlink(&accounts().await?, &user, &provider).await
    }
}

fn from_contract(profile: contract::Profile) -> Profile {
    Profile {
        provider: profile.provider,
        subject: profile.subject,
        email: profile.email,
        email_verified: profile.email_verified,
        name: profile.name,
        image: profile.image,
    }
}

fn to_contract(error: oauth::LinkError) -> contract::LinkError {
    match error {
        oauth::LinkError::AccountNotLinked => contract::LinkError::AccountNotLinked,
        oauth::LinkError::EmailMissing => contract::LinkError::EmailMissing,
        oauth::LinkError::LinkedElsewhere => contract::LinkError::LinkedElsewhere,
        oauth::LinkError::Replayed => contract::LinkError::Replayed,
        oauth::LinkError::Other(error) => contract::LinkError::Other(error),
    }
}
