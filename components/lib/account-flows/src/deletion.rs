//! Deleting a user.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contracts::{
    accounts::{registration, sessions, types::Error},
    identity::types::{Principal, Proof, UserKind},
};
use http_edge::{ApiError, Context};

/// Age of a session up to which it may delete the account without the password.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a deletion is confirmed by the owner of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// By the password, a recent session, or an API key with the scope `admin`.
    Confirmed,
    /// The password is wrong.
    WrongPassword,
    /// The session is too old. The request needs the password or a new sign-in.
    SessionTooOld,
}

/// Erases all data of a user. Idempotent. The account is deleted after the data, so that the user
/// can repeat an interrupted deletion.
pub async fn erase_user(user: &str) -> Result<(), ApiError> {
    user_data::erase(user)
        .await
        .map_err(|failure| ApiError::storage_unavailable(failure.message()))
}

/// Erases the authenticated user and signs out, if the deletion is confirmed.
pub async fn delete_own_account(
    context: &mut Context,
    principal: &Principal,
    password: Option<String>,
) -> Result<Confirmation, ApiError> {
    let confirmation = confirm_deletion(context, principal, password).await?;
    if confirmation == Confirmation::Confirmed {
        erase_own_account(context, principal).await?;
    }
    Ok(confirmation)
}

/// Erases the authenticated user and signs out. The deletion must have been confirmed.
pub async fn erase_own_account(
    context: &mut Context,
    principal: &Principal,
) -> Result<(), ApiError> {
    erase_user(&principal.user.id).await?;
    if let Proof::Workos(_) | Proof::Clerk(_) = principal.proof {
        access::sign_out_external_session(context).await?;
    }
    access::cookies::clear_sessions(context);
    Ok(())
}

/// Whether the owner of the account confirms its deletion.
pub async fn confirm_deletion(
    context: &mut Context,
    principal: &Principal,
    password: Option<String>,
) -> Result<Confirmation, ApiError> {
    let user = &principal.user;
    if user.kind != UserKind::Registered {
        return Ok(Confirmation::Confirmed);
    }
    if let Some(password) = password {
        access::admit_password(context, user.email.as_deref().unwrap_or(&user.id)).await?;
        return match registration::confirm_password(user.id.clone(), password).await {
            Ok(()) => Ok(Confirmation::Confirmed),
            Err(Error::WrongCredentials | Error::Invalid(_)) => Ok(Confirmation::WrongPassword),
            Err(other) => Err(error_mapping::accounts(other)),
        };
    }
    Ok(if has_fresh_session(principal).await? {
        Confirmation::Confirmed
    } else {
        Confirmation::SessionTooOld
    })
}

/// Whether the user signed in less than a day ago, or uses an API key with the scope `admin`, which the
/// caller has required.
pub async fn has_fresh_session(principal: &Principal) -> Result<bool, ApiError> {
    let Proof::Session(session) = &principal.proof else {
        return Ok(true);
    };
    let session = sessions::get_session(principal.user.id.clone(), session.clone())
        .await
        .map_err(error_mapping::accounts)?;
    Ok(is_fresh(session.created_at))
}

fn is_fresh(created_at: u64) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::from_millis(created_at)) < FRESH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_fresh_after_a_day_is_false() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ago =
            |seconds: u64| u64::try_from((now - Duration::from_secs(seconds)).as_millis()).unwrap();
        assert!(is_fresh(ago(0)));
        assert!(is_fresh(ago(86_000)));
        assert!(!is_fresh(ago(86_500)));
    }
}
