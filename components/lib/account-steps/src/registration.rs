//! Making accounts.

use contracts::{
    accounts::{
        registration::{self, Application, Outcome},
        types::{Error, SignedIn},
    },
    identity::types::{AuthError, Proof, UserKind},
};
use http_edge::{ApiError, Context};

use crate::letters;

/// The guest whose session the request carries, with the session's id: it can become the account. A
/// credential that is no longer good does not keep anybody from signing up or in.
pub async fn guest_of(context: &mut Context) -> Result<Option<(String, String)>, ApiError> {
    match access::try_authenticate(context).await? {
        Ok(principal) => Ok(match (principal.user.kind, principal.proof) {
            (UserKind::Guest, Proof::Session(session)) => Some((principal.user.id, session)),
            _ => None,
        }),
        // Going on would lose what the guest has.
        Err(error @ AuthError::Unavailable(_)) => Err(error_mapping::identity(error)),
        Err(AuthError::Missing | AuthError::Invalid | AuthError::Expired) => Ok(None),
    }
}

/// Makes an account, out of the guest that is asking if there is one. None if the owner of the
/// address has to confirm it first, or has an account already: which of the two it is, only a letter
/// says. `callback` is where the link of that letter is to end.
pub async fn register(
    context: &mut Context,
    application: Application,
    callback: Option<&str>,
) -> Result<Result<Option<SignedIn>, Error>, ApiError> {
    let guest = guest_of(context).await?;
    let email = application.email.trim().to_owned();
    let client = access::client(context);
    let outcome = match registration::register(application, guest, client).await {
        Ok(outcome) => outcome,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(match outcome {
        Outcome::SignedIn(signed_in) => {
            context.log.user(&signed_in.account.id);
            Some(signed_in)
        }
        Outcome::Pending(_) => {
            letters::send_verification(context, email, callback);
            None
        }
        Outcome::Taken => {
            letters::tell_of_attempt(context, email);
            None
        }
    }))
}
