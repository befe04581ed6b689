//! Creating accounts.

use contracts::{
    accounts::{
        registration::{self, RegistrationRequest, RegistrationResult},
        types::{Error, GuestSession, SessionTokens},
    },
    identity::types::{AuthError, Proof, UserKind},
};
use http_edge::{ApiError, Context};

use crate::emails;

/// The guest that the request's credentials prove, who may become an account. Invalid credentials
/// count as none, so that they do not prevent signing up or in.
pub async fn authenticated_guest(context: &mut Context) -> Result<Option<GuestSession>, ApiError> {
    match access::try_authenticate(context).await? {
        Ok(principal) => Ok(match (principal.user.kind, principal.proof) {
            (UserKind::Guest, Proof::Session(session)) => Some(GuestSession {
                user: principal.user.id,
                session,
            }),
            _ => None,
        }),
        // To continue would lose the guest's data.
        Err(error @ AuthError::Unavailable(_)) => Err(error_mapping::identity(error)),
        Err(AuthError::Missing | AuthError::Invalid | AuthError::Expired) => Ok(None),
    }
}

/// Creates an account, from the authenticated guest if there is one. None if the owner of the
/// address must confirm it first or already has an account; only an email to the address says
/// which. `callback` is the page that the email's link leads to.
pub async fn register(
    context: &mut Context,
    request: RegistrationRequest,
    callback: Option<&str>,
) -> Result<Result<Option<SessionTokens>, Error>, ApiError> {
    let guest = authenticated_guest(context).await?;
    let email = request.email.trim().to_owned();
    let client = access::client(context);
    let result = match registration::register(request, guest, client).await {
        Ok(result) => result,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(match result {
        RegistrationResult::SignedIn(tokens) => {
            context.log.user(&tokens.account.id);
            Some(tokens)
        }
        RegistrationResult::VerificationPending(_) => {
            emails::send_verification(context, email, callback);
            None
        }
        RegistrationResult::AlreadyRegistered => {
            emails::send_already_registered(context, email);
            None
        }
    }))
}
