//! Mail about an account. Letters are written and sent after the answer, which therefore takes as
//! long for an address that somebody has as for one that nobody has.

use contracts::{
    accounts::recovery::{self, Letter},
    mail::sender::{self, Message, Template},
};
use http_edge::{ApiError, Context};
use spin_sdk::wasip3::wit_bindgen::spawn;
use url::Url;

/// Where a link in a mail leads.
struct Link {
    /// Of this server. None if only the client's word says where it is: whoever names another host
    /// in a request would have the token sent there.
    origin: Option<String>,
    /// Where the browser goes on from here.
    callback: Option<String>,
}

impl Link {
    fn new(context: &Context, callback: Option<&str>) -> Self {
        Self {
            origin: trusted_origin(context),
            callback: callback.map(str::to_owned),
        }
    }
}

/// Sends a letter with which to confirm an address, if there is an account that waits for it.
pub fn send_verification(context: &Context, email: String, callback: Option<&str>) {
    let link = Link::new(context, callback);
    let log = context.log.background();
    spawn(async move {
        let sent = async {
            let letter = recovery::request_verification(email).await;
            let Some(letter) = letter.map_err(error_mapping::accounts)? else {
                return Ok(());
            };
            let url = link.verification(&letter.token);
            send(Template::VerifyEmail, letter, url).await
        };
        if let Err(error) = sent.await {
            log.failed(&error);
        }
    });
}

/// Sends a letter with which to set a new password, if there is such an account.
pub fn send_reset(context: &Context, email: String, callback: Option<&str>) {
    let link = Link::new(context, callback);
    let log = context.log.background();
    spawn(async move {
        let sent = async {
            let letter = recovery::request_reset(email).await;
            let Some(letter) = letter.map_err(error_mapping::accounts)? else {
                return Ok(());
            };
            let url = link.reset(&letter.token);
            send(Template::ResetPassword, letter, url).await
        };
        if let Err(error) = sent.await {
            log.failed(&error);
        }
    });
}

/// Tells the owner of an address that somebody wanted to register with it.
pub(crate) fn tell_of_attempt(context: &Context, email: String) {
    tell(context, Template::AlreadyRegistered, email, None);
}

/// Tells the owner of an account that its password was changed.
pub fn tell_of_change(context: &Context, email: String, name: Option<String>) {
    tell(context, Template::PasswordChanged, email, name);
}

fn tell(context: &Context, template: Template, to: String, name: Option<String>) {
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

async fn send(template: Template, letter: Letter, url: Option<String>) -> Result<(), ApiError> {
    sender::send(Message {
        template,
        to: letter.to,
        name: letter.name,
        url,
        token: Some(letter.token),
        expires_at: Some(letter.expires_at),
    })
    .await
    .map_err(error_mapping::mail)
}

impl Link {
    fn verification(&self, token: &str) -> Option<String> {
        let mut url = self.begin(&["verify-email"])?;
        url.query_pairs_mut().append_pair("token", token);
        if let Some(callback) = &self.callback {
            url.query_pairs_mut().append_pair("callbackURL", callback);
        }
        Some(url.into())
    }

    /// None too if there is no page to go on to; the reader then has the token only.
    fn reset(&self, token: &str) -> Option<String> {
        let callback = self.callback.as_deref()?;
        let mut url = self.begin(&["reset-password", token])?;
        url.query_pairs_mut().append_pair("callbackURL", callback);
        Some(url.into())
    }

    fn begin(&self, path: &[&str]) -> Option<Url> {
        let mut url = Url::parse(self.origin.as_deref()?).ok()?;
        url.path_segments_mut()
            .ok()?
            .extend(["api", "auth"])
            .extend(path);
        Some(url)
    }
}

/// Whether a link in a letter may end at pages of that origin.
pub fn may_lead_to(context: &Context, origin: &str) -> bool {
    context.is_named_origin(origin) || trusted_origin(context).as_deref() == Some(origin)
}

/// `public_url`; or the host that the request was sent to if that is this machine, which leads no
/// reader astray.
fn trusted_origin(context: &Context) -> Option<String> {
    if context.settings.public_origin.is_some() {
        return context.settings.public_origin.clone();
    }
    context
        .own_origin(access::is_https(context))
        .filter(|origin| is_loopback(origin))
}

fn is_loopback(origin: &str) -> bool {
    match Url::parse(origin).ok().as_ref().and_then(Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_escape_what_they_carry() {
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
    fn no_link_leads_to_a_host_that_only_the_client_names() {
        for (origin, good) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.1:3000", true),
            ("http://[::1]:3000", true),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("https://evil.example", false),
        ] {
            assert_eq!(is_loopback(origin), good, "{origin}");
        }
        let link = Link {
            origin: None,
            callback: Some("/".into()),
        };
        assert_eq!(link.verification("t"), None);
        assert_eq!(link.reset("t"), None);
    }
}
