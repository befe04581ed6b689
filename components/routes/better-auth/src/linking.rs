//! The ways in to one's own account.

use contracts::{
    accounts::{
        linked_accounts, registration,
        types::{Account, Error},
    },
    identity::types::{Proof, UserKind},
};
use http_edge::{ApiError, Context, Response, rfc3339};
use serde::{Deserialize, Serialize};

use crate::{
    errors::{self, ACCOUNT_NOT_FOUND, FAILED_TO_UNLINK_LAST_ACCOUNT, ID_TOKEN_NOT_SUPPORTED},
    social::{Begin, depart},
    view::{Destination, Status},
};

/// Better Auth's name for email and password.
const CREDENTIAL: &str = "credential";

/// Better Auth's "account" is one way in to what we call an account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WayIn<'a> {
    /// A user has one of each provider, whose name therefore is the id.
    id: &'a str,
    provider_id: &'a str,
    /// The provider's own id of the user.
    account_id: &'a str,
    user_id: &'a str,
    scopes: [&'static str; 0],
    created_at: String,
    updated_at: String,
}

/// The newest client names the account, older ones the provider.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unlink {
    provider_id: Option<String>,
    account_id: Option<String>,
}

pub(crate) async fn list_accounts(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::account_holder(context).await?.user;
    let account = match registration::get_account(user.id).await {
        Ok(account) => account,
        Err(Error::NotFound) => return Ok(Response::json(&[(); 0])),
        Err(other) => return Err(errors::accounts(other)),
    };
    Ok(Response::json(&ways_in(&account)))
}

fn ways_in(account: &Account) -> Vec<WayIn<'_>> {
    let password = account.has_password.then_some((CREDENTIAL, &account.id));
    let identities = account.identities.iter();
    let identities = identities.map(|identity| (identity.provider.as_str(), &identity.subject));
    password
        .into_iter()
        .chain(identities)
        .map(|(provider, subject)| WayIn {
            id: provider,
            provider_id: provider,
            account_id: subject,
            user_id: &account.id,
            scopes: [],
            created_at: rfc3339(account.created_at),
            updated_at: rfc3339(account.updated_at),
        })
        .collect()
}

pub(crate) async fn link_social(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let principal = access::account_holder(context).await?;
    let begin: Begin = context.json().await?;
    if begin.id_token.is_some() {
        return Err(ID_TOKEN_NOT_SUPPORTED);
    }
    let has_account = principal.user.kind == UserKind::Registered;
    if !has_account || !matches!(principal.proof, Proof::Session(_)) {
        return Err(ApiError::Forbidden(
            "This requires a session of a registered account.",
        ));
    }
    let url = depart(
        context,
        &begin.provider,
        begin.ends,
        Some(principal.user.id),
    )
    .await?;
    Ok(Response::json(&Destination {
        url,
        redirect: !begin.disable_redirect,
    }))
}

pub(crate) async fn unlink_account(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_own_site(context)?;
    let user = access::account_holder(context).await?.user;
    let unlink: Unlink = context.json().await?;
    let provider = unlink.provider_id.or(unlink.account_id);
    let provider = provider.ok_or_else(|| ApiError::invalid("providerId", "is missing"))?;
    if crate::social::provider_of(&provider).is_none() {
        return Err(match registration::get_account(user.id).await {
            Ok(account) if ways_in(&account).len() == 1 => FAILED_TO_UNLINK_LAST_ACCOUNT,
            Ok(_) | Err(Error::NotFound) => ACCOUNT_NOT_FOUND,
            Err(other) => errors::accounts(other),
        });
    }
    linked_accounts::unlink(user.id, provider)
        .await
        .map_err(|error| match error {
            Error::NotFound => ACCOUNT_NOT_FOUND,
            Error::TooMany(_) => FAILED_TO_UNLINK_LAST_ACCOUNT,
            other => errors::accounts(other),
        })?;
    Ok(Response::json(&Status::DONE))
}
