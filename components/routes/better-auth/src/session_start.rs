//! The additions of every successful sign-in to its response.

use access::cookies::{self, Lifetime};
use contracts::accounts::types::SessionTokens;
use http_edge::Context;

use crate::view::{TokenAndUser, UserView};

/// The response header from which Better Auth's clients read a bearer token.
const TOKEN_HEADER: &str = "set-auth-token";

/// Sets the session cookie, and the bearer token for clients without cookies. Others see the user from
/// now on.
pub(crate) async fn start_session(
    context: &mut Context,
    tokens: &SessionTokens,
    lifetime: Lifetime,
) {
    context.log.user(&tokens.account.id);
    account_flows::ensure_profile(context, &tokens.account).await;
    cookies::set_session(context, &tokens.cookie, lifetime);
    context.set_header(TOKEN_HEADER, tokens.bearer_token.clone());
}

/// The lifetime of the session cookie for the request field `rememberMe`.
pub(crate) fn lifetime(remember_me: Option<bool>) -> Lifetime {
    if remember_me == Some(false) {
        Lifetime::BrowserSession
    } else {
        Lifetime::Seconds(cookies::SESSION_SECONDS)
    }
}

pub(crate) fn token_and_user(tokens: &SessionTokens) -> TokenAndUser {
    TokenAndUser {
        token: Some(tokens.bearer_token.clone()),
        user: UserView::from(&tokens.account),
    }
}
