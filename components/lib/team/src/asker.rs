//! Who asks, and that they are known as a user to others.

use contracts::{
    identity::types::{Principal, Scope, User, UserKind},
    messaging::{
        profiles::{self, MessagesOfDeleted},
        types::Actor,
    },
    quota::limits::Action,
};
use http_edge::{ApiError, Context};

/// Longest id of a user, in bytes.
const MAX_USER_ID: usize = 128;

/// The user who asks. Repairs their profile: it is written when they sign up and in, but the server
/// may have stopped in between, and users of identity providers sign in elsewhere. Guests have one
/// only once they join a channel; see [`joining_user`].
///
/// # Errors
/// Those of [`access::require_user`]; 503 if the profile cannot be written.
pub async fn user(context: &mut Context) -> Result<Principal, ApiError> {
    let principal = access::require_user(context).await?;
    if principal.user.kind != UserKind::Guest {
        ensure_profile(context, &principal.user).await?;
    }
    Ok(principal)
}

/// The user who asks, to create or join a channel; the request counts as joining. A guest gets a
/// profile.
///
/// # Errors
/// Those of [`user`]; 429.
pub async fn joining_user(context: &mut Context) -> Result<Principal, ApiError> {
    limited_user(context, Action::Join).await
}

/// The user who asks, to post a message; the request counts as posting.
///
/// # Errors
/// Those of [`user`]; 429.
pub async fn posting_user(context: &mut Context) -> Result<Principal, ApiError> {
    limited_user(context, Action::Message).await
}

async fn limited_user(context: &mut Context, action: Action) -> Result<Principal, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Write)?;
    access::admit(context, action, &principal.user.id).await?;
    if principal.user.kind != UserKind::Guest || action == Action::Join {
        ensure_profile(context, &principal.user).await?;
    }
    Ok(principal)
}

/// Who asks: the operator, if the request has `X-Admin-Key`, or else a user.
///
/// # Errors
/// Those of [`user`]; 401 for a wrong key.
pub async fn actor(context: &mut Context) -> Result<Actor, ApiError> {
    if operator::is_operator(context).await? {
        return Ok(Actor::Operator);
    }
    let principal = user(context).await?;
    Ok(Actor::User(principal.user.id))
}

/// The id of a user in the path's `:name`.
///
/// # Errors
/// 404 for what can be no id.
pub fn user_id(context: &Context, name: &str) -> Result<String, ApiError> {
    context.param(name, MAX_USER_ID, "User")
}

/// Creates the user's profile if there is none, unless the user was deleted while this request was under
/// way: then the profile must not come back. The credential is proved again after it was created, and
/// deleting a user deletes the profile once more after its credentials, so that one of them sees the other.
///
/// # Errors
/// 401 if the user was deleted; 503.
pub async fn ensure_profile(context: &mut Context, user: &User) -> Result<(), ApiError> {
    let name = public_name(user).to_owned();
    let created = profiles::ensure(user.id.clone(), name, None)
        .await
        .map_err(error_mapping::messaging)?;
    if !created {
        return Ok(());
    }
    if let Err(error) = access::authenticate(context).await {
        profiles::delete(user.id.clone(), MessagesOfDeleted::Keep)
            .await
            .map_err(error_mapping::messaging)?;
        return Err(error);
    }
    Ok(())
}

/// The name that others see of a user who has not chosen one. Not the email address, which only the
/// user sees.
fn public_name(user: &User) -> &str {
    match (user.name.as_deref(), user.kind) {
        (Some(name), _) if !name.trim().is_empty() => name,
        (_, UserKind::Guest) => "Guest",
        _ => "User",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_name_is_never_the_email_address() {
        let user = |kind, name: Option<&str>| User {
            id: "user_1".into(),
            kind,
            email: Some("ada@example.com".into()),
            name: name.map(str::to_owned),
        };
        for (kind, name, shown) in [
            (UserKind::Registered, Some("Ada"), "Ada"),
            (UserKind::Registered, Some(" "), "User"),
            (UserKind::External, None, "User"),
            (UserKind::Guest, None, "Guest"),
        ] {
            assert_eq!(public_name(&user(kind, name)), shown);
        }
    }
}
