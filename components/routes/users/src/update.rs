//! Changing a user.

use contracts::{
    accounts::{
        recovery,
        registration::{self, FieldUpdate},
    },
    identity::types::{Principal, Scope, UserKind},
    mail::sender,
    messaging::profiles,
};
use http_edge::{ApiError, Context, Response};
use realtime_events::set_presence;

use crate::{private::Asker, requests::UpdateUser};

/// Changes the caller's profile. The account is the truth for the name and the picture; others see the
/// profile, which is written first since it can be refused.
pub(crate) async fn update_user(context: &mut Context) -> Result<Response, ApiError> {
    let principal = team::user(context).await?;
    let id = team::user_id(context, "id")?;
    if id != principal.user.id {
        return Err(refuse(id).await);
    }
    // A guest who has not joined anything has no profile yet.
    team::ensure_profile(context, &principal.user).await?;
    let mut request: UpdateUser = context.json().await?;
    request.validate()?;
    completion::check_texts(request.texts()).await?;
    let new_address = match request.email.take() {
        Some(email) => NewAddress::check(context, &principal, email).await?,
        None => None,
    };
    let changes = request.changes();
    let user = profiles::update(id.clone(), changes)
        .await
        .map_err(error_mapping::messaging)?;
    if let Some(presence) = request.presence {
        set_presence(context, id.clone(), presence).await?;
    }
    if principal.user.kind == UserKind::Registered {
        update_account(id, request).await?;
    }
    if let Some(new_address) = new_address {
        new_address
            .apply(context, principal.user.id.clone())
            .await?;
    }
    Asker::User(principal.user).respond_with(&user).await
}

/// The error of a request to change another user.
async fn refuse(id: String) -> ApiError {
    match profiles::get(id).await {
        Ok(_) => ApiError::Forbidden("You can change only your own profile."),
        Err(error) => error_mapping::messaging(error),
    }
}

async fn update_account(id: String, request: UpdateUser) -> Result<(), ApiError> {
    let name = request.name.map_or(FieldUpdate::Keep, FieldUpdate::Set);
    let image = match request.image {
        None => FieldUpdate::Keep,
        Some(None) => FieldUpdate::Clear,
        Some(Some(url)) => FieldUpdate::Set(url),
    };
    registration::update_account(id, name, image)
        .await
        .map_err(error_mapping::accounts)?;
    Ok(())
}

/// An email address that the account can have.
enum NewAddress {
    /// Becomes that of the account when its owner presents the token that is sent to it.
    Unconfirmed(recovery::EmailToken),
    /// Becomes that of the account at once: this server sends no mail.
    Immediate(String),
}

impl NewAddress {
    /// Checks a new address before anything is changed. None if it is the account's own. 403 unless the
    /// user signed in a short time ago, because the owner of the address can set a new password.
    async fn check(
        context: &mut Context,
        principal: &Principal,
        email: String,
    ) -> Result<Option<Self>, ApiError> {
        let id = principal.user.id.clone();
        match principal.user.kind {
            UserKind::Registered => {}
            UserKind::Guest => {
                return Err(ApiError::invalid(
                    "email",
                    "Register to set an email address.",
                ));
            }
            UserKind::External => {
                let message = "Your identity provider manages your email address.";
                return Err(ApiError::invalid("email", message));
            }
        }
        let account = registration::get_account(id.clone())
            .await
            .map_err(error_mapping::accounts)?;
        let current = account.email.unwrap_or_default();
        if current.to_lowercase() == email.trim().to_lowercase() {
            return Ok(None);
        }
        access::require_scope(principal, Scope::Admin)?;
        if !account_flows::has_fresh_session(principal).await? {
            return Err(ApiError::Forbidden(
                "To change the email address, sign in again.",
            ));
        }
        access::admit_email(context, &email).await?;
        let token = recovery::request_email_change(id, email.clone())
            .await
            .map_err(error_mapping::accounts)?;
        Ok(Some(if sender::is_configured().await {
            Self::Unconfirmed(token)
        } else {
            Self::Immediate(email)
        }))
    }

    async fn apply(self, context: &Context, user: String) -> Result<(), ApiError> {
        match self {
            Self::Unconfirmed(token) => account_flows::send_email_change(context, token),
            Self::Immediate(email) => {
                recovery::change_email(user, email)
                    .await
                    .map_err(error_mapping::accounts)?;
            }
        }
        Ok(())
    }
}
