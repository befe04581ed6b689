//! Forgetting a user.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contracts::{
    accounts::{registration, sessions, types::Error},
    conversations::library,
    identity::types::{Principal, Proof, UserKind},
    quota::credits,
    response_cache::cache,
};
use http_edge::{ApiError, Context};

/// How old a session may be to end the account without the password.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a request to end the account shows well enough that its owner makes it: a session may
/// have been left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It does.
    Given,
    /// The password is wrong.
    WrongPassword,
    /// The session is old: the password is needed, or a new sign-in.
    Stale,
}

/// Erases all that is kept of a user. May be repeated, by the user too if it breaks off before the
/// account is gone, which is why that is not first; what requests under way wrote meanwhile is
/// erased after it.
pub async fn erase(user: &str) -> Result<(), ApiError> {
    erase_content(user).await?;
    registration::delete_account(user.to_owned())
        .await
        .map_err(error_mapping::accounts)?;
    erase_content(user).await
}

async fn erase_content(user: &str) -> Result<(), ApiError> {
    library::clear(user.to_owned())
        .await
        .map_err(|error| error_mapping::conversations(error, "id"))?;
    cache::erase(user.to_owned())
        .await
        .map_err(error_mapping::response_cache)?;
    credits::erase(user.to_owned())
        .await
        .map_err(error_mapping::credits)
}

/// Erases the account of the user that is asking, and signs it out.
pub async fn withdraw(
    context: &mut Context,
    principal: &Principal,
    password: Option<String>,
) -> Result<Consent, ApiError> {
    let consent = consent(context, principal, password).await?;
    if consent != Consent::Given {
        return Ok(consent);
    }
    erase(&principal.user.id).await?;
    if let Proof::Workos(_) | Proof::Clerk(_) = principal.proof {
        access::sign_out_externally(context).await?;
    }
    access::cookies::forget_sessions(context);
    Ok(Consent::Given)
}

async fn consent(
    context: &mut Context,
    principal: &Principal,
    password: Option<String>,
) -> Result<Consent, ApiError> {
    let user = &principal.user;
    if user.kind != UserKind::Registered {
        return Ok(Consent::Given);
    }
    if let Some(password) = password {
        access::admit_password(context, user.email.as_deref().unwrap_or(&user.id)).await?;
        return match registration::confirm_password(user.id.clone(), password).await {
            Ok(()) => Ok(Consent::Given),
            Err(Error::WrongCredentials | Error::Invalid(_)) => Ok(Consent::WrongPassword),
            Err(other) => Err(error_mapping::accounts(other)),
        };
    }
    let Proof::Session(session) = &principal.proof else {
        // An API key that was given the scope `admin` has been given this.
        return Ok(Consent::Given);
    };
    let session = sessions::get_session(user.id.clone(), session.clone())
        .await
        .map_err(error_mapping::accounts)?;
    Ok(if is_fresh(session.created_at) {
        Consent::Given
    } else {
        Consent::Stale
    })
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
    fn sessions_are_fresh_for_a_day() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ago =
            |seconds: u64| u64::try_from((now - Duration::from_secs(seconds)).as_millis()).unwrap();
        assert!(is_fresh(ago(0)));
        assert!(is_fresh(ago(86_000)));
        assert!(!is_fresh(ago(86_500)));
    }
}
