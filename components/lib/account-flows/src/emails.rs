//! Emails about an account. They are sent after the response, whose time therefore does not show
//! whether an address has an account.

use contracts::{
    accounts::recovery::{self, EmailToken},
    mail::sender::{self, Message, Template},
};
use http_edge::{ApiError, Context, is_loopback_origin};
use spin_sdk::wasip3::wit_bindgen::spawn;
use url::Url;

/// The link of an email.
struct Link {
    /// This server's origin. None if only the request names it: an attacker could then have the
    /// token sent to another host.
    origin: Option<String>,
    /// The page to which this server redirects the browser.
    callback: Option<String>,
}

impl Link {
    fn new(context: &Context, callback: Option<&str>) -> Self {
        Self {
            origin: trusted_origin(context),
            callback: callback.map(str::to_owned),
        }
    }

    fn verification(&self, token: &str) -> Option<String> {
        let mut url = self.url(&["verify-email"])?;
        url.query_pairs_mut().append_pair("token", token);
        if let Some(callback) = &self.callback {
            url.query_pairs_mut().append_pair("callbackURL", callback);
        }
        Some(url.into())
    }

    /// None without a callback: the recipient then gets only the token.
    fn reset(&self, token: &str) -> Option<String> {
        let callback = self.callback.as_deref()?;
        let mut url = self.url(&["reset-password", token])?;
        url.query_pairs_mut().append_pair("callbackURL", callback);
        Some(url.into())
    }

    fn url(&self, path: &[&str]) -> Option<Url> {
        let mut url = Url::parse(self.origin.as_deref()?).ok()?;
        url.path_segments_mut()
            .ok()?
            .extend(["api", "auth"])
            .extend(path);
        Some(url)
    }
}

/// Sends an email to confirm an address, if an account waits for its confirmation.
pub fn send_verification(context: &Context, email: String, callback: Option<&str>) {
    let link = Link::new(context, callback);
    let log = context.log.background();
    spawn(async move {
        let result = async {
            let token = recovery::request_verification(email).await;
            let Some(token) = token.map_err(error_mapping::accounts)? else {
                return Ok(());
            };
            let url = link.verification(&token.token);
            send_token(Template::VerifyEmail, token, url).await
        };
        if let Err(error) = result.await {
            log.failed(&error);
        }
    });
}

/// Sends the token of `request-email-change` to the new address.
pub fn send_email_change(context: &Context, token: EmailToken) {
    let link = Link::new(context, None);
    let log = context.log.background();
    spawn(async move {
        let url = link.verification(&token.token);
        if let Err(error) = send_token(Template::VerifyEmail, token, url).await {
            log.failed(&error);
        }
    });
}

/// Sends an email to set a new password, if the address has an account.
pub fn send_password_reset(context: &Context, email: String, callback: Option<&str>) {
    let link = Link::new(context, callback);
    let log = context.log.background();
    spawn(async move {
        let result = async {
            let token = recovery::request_reset(email).await;
            let Some(token) = token.map_err(error_mapping::accounts)? else {
                return Ok(());
            };
            let url = link.reset(&token.token);
            send_token(Template::ResetPassword, token, url).await
        };
        if let Err(error) = result.await {
            log.failed(&error);
        }
    });
}

/// Notifies the owner of an address of an attempt to register with it.
pub(crate) fn send_already_registered(context: &Context, email: String) {
    send_notice(context, Template::AlreadyRegistered, email, None);
}

/// Tells the owner of an account that its password was changed.
pub fn send_password_changed(context: &Context, email: String, name: Option<String>) {
    send_notice(context, Template::PasswordChanged, email, name);
}

fn send_notice(context: &Context, template: Template, to: String, name: Option<String>) {
    let log = context.log.background();
    spawn(async move {
        if !sender::is_configured().await {
            return;
        }
        let message = Message {
            template,
            to,
            name,
            url: None,
            token: None,
            expires_at: None,
        };
        if let Err(error) = sender::send(message).await {
            log.failed(&error_mapping::mail(error));
        }
    });
}

async fn send_token(
    template: Template,
    token: EmailToken,
    url: Option<String>,
) -> Result<(), ApiError> {
    sender::send(Message {
        template,
        to: token.to,
        name: token.name,
        url,
        token: Some(token.token),
        expires_at: Some(token.expires_at),
    })
    .await
    .map_err(error_mapping::mail)
}

/// Whether a link in an email may lead to pages of `origin`. On a loopback address without
/// `cors_origins`, any loopback origin is allowed: it is on the recipient's own machine.
pub fn is_allowed_link_target(context: &Context, origin: &str) -> bool {
    let own = trusted_origin(context);
    let both_loopback = !context.settings.origins_configured
        && own.as_deref().is_some_and(is_loopback_origin)
        && is_loopback_origin(origin);
    context.is_named_origin(origin) || own.as_deref() == Some(origin) || both_loopback
}

/// The origin of `public_url`. Without it, the request's host if that is a loopback address, which
/// leads to the recipient's own machine and so discloses nothing.
fn trusted_origin(context: &Context) -> Option<String> {
    if context.settings.public_origin.is_some() {
        return context.settings.public_origin.clone();
    }
    context
        .own_origin(access::is_https(context))
        .filter(|origin| is_loopback_origin(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_with_special_characters_is_escaped() {
        let link = Link {
            origin: Some("https://api.example".into()),
            callback: Some("https://app.example/reset?a=1&b=2".into()),
        };
        assert_eq!(
            link.verification("a.b").as_deref(),
            Some(
                "https://api.example/api/auth/verify-email?token=a.b\
                 &callbackURL=https%3A%2F%2Fapp.example%2Freset%3Fa%3D1%26b%3D2"
            )
        );
        assert!(
            link.reset("a/../b")
                .is_some_and(|url| url.contains("/reset-password/a%2F..%2Fb?"))
        );
    }

    #[test]
    fn link_without_trusted_origin_is_none() {
        let link = Link {
            origin: None,
            callback: Some("/".into()),
        };
        assert_eq!(link.verification("t"), None);
        assert_eq!(link.reset("t"), None);
    }
}
