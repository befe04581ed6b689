//! Registration and sign-in with an email address and a password.

use contracts::accounts::{sessions, types::SessionTokens};
use http_edge::{ApiError, Context};

use crate::requests::{Login, Register};

/// Registers an account. None if the owner of the address must confirm it first.
pub(crate) async fn register(context: &mut Context) -> Result<Option<SessionTokens>, ApiError> {
    access::require_trusted_origin(context)?;
    let register: Register = context.json().await?;
    access::admit_address(context).await?;
    account_flows::register(context, register.into(), None)
        .await?
        .map_err(error_mapping::accounts)
}

/// Signs in.
pub(crate) async fn sign_in(context: &mut Context) -> Result<SessionTokens, ApiError> {
    access::require_trusted_origin(context)?;
    let login: Login = context.json().await?;
    access::admit_address(context).await?;
    access::admit_password(context, &login.email).await?;
    let client = access::client(context);
    let tokens = sessions::sign_in(login.email, login.password, client)
        .await
        .map_err(error_mapping::accounts)?;
    context.log.user(&tokens.account.id);
    Ok(tokens)
}
