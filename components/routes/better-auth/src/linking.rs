//! Linked identities of the current account.

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
    social::{SocialSignIn, provider_of, start_flow},
    view::{RedirectView, Status},
};

/// Better Auth's name for email and password.
const CREDENTIAL: &str = "credential";

/// One way to sign in to an account. Better Auth calls this an account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignInMethod<'a> {
    /// The provider's name: a user has one identity per provider.
    id: &'a str,
    provider_id: &'a str,
    /// The provider's id of the user.
    account_id: &'a str,
    user_id: &'a str,
    scopes: [&'static str; 0],
    created_at: String,
    updated_at: String,
}

/// New clients send `accountId`, older ones `providerId`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unlink {
    provider_id: Option<String>,
    account_id: Option<String>,
}

pub(crate) async fn list_accounts(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_account_access(context).await?.user;
    let account = match registration::get_account(user.id).await {
        Ok(account) => account,
        Err(Error::NotFound) => return Ok(Response::json(&[(); 0])),
        Err(other) => return Err(errors::accounts(other)),
    };
    Ok(Response::json(&sign_in_methods(&account)))
}

fn sign_in_methods(account: &Account) -> Vec<SignInMethod<'_>> {
    let password = account.has_password.then_some((CREDENTIAL, &account.id));
    let identities = account.identities.iter();
    let identities = identities.map(|identity| (identity.provider.as_str(), &identity.subject));
    password
        .into_iter()
        .chain(identities)
        .map(|(provider, subject)| SignInMethod {
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
    errors::require_trusted_origin(context)?;
    let principal = access::require_account_access(context).await?;
    let request: SocialSignIn = context.json().await?;
    if request.id_token.is_some() {
        return Err(ID_TOKEN_NOT_SUPPORTED);
    }
    let has_account = principal.user.kind == UserKind::Registered;
    if !has_account || !matches!(principal.proof, Proof::Session(_)) {
        return Err(ApiError::Forbidden(
            "This requires a session of a registered account.",
        ));
    }
    let url = start_flow(
        context,
        &request.provider,
        request.urls,
        Some(principal.user.id),
    )
    .await?;
    Ok(Response::json(&RedirectView {
        url,
        redirect: !request.disable_redirect,
    }))
}

pub(crate) async fn unlink_account(context: &mut Context) -> Result<Response, ApiError> {
    errors::require_trusted_origin(context)?;
    let user = access::require_account_access(context).await?.user;
    let unlink: Unlink = context.json().await?;
    let provider = unlink.provider_id.or(unlink.account_id);
    let provider = provider.ok_or_else(|| ApiError::invalid("providerId", "is missing"))?;
    if provider_of(&provider).is_none() {
        return Err(match registration::get_account(user.id).await {
            Ok(account) if sign_in_methods(&account).len() == 1 => FAILED_TO_UNLINK_LAST_ACCOUNT,
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
