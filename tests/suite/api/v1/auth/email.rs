//! Forgotten passwords and unconfirmed addresses: the emails that are sent through the operator's webhook,
//! and what can be done with them.

use serde_json::{Value, json};
use upstream::{Mailbox, ServiceFailure};

use crate::harness::{App, Browser, Builder, ORIGIN, PASSWORD, credentials, new_email};

const OTHER_PASSWORD: &str = "Granite-flute-19-harbour";
const SECRET: &str = "whsec_bWFya2VyLW1haWwtc2VjcmV0";

async fn with_mail() -> (Mailbox, Builder) {
    let mailbox = Mailbox::start().await.unwrap();
    let app = App::with_defaults()
        .variable("mail_webhook_url", mailbox.webhook_url())
        .variable("mail_webhook_secret", SECRET);
    (mailbox, app)
}

fn token_of(message: &Value) -> String {
    message["token"].as_str().expect("a token").to_owned()
}

fn reset(token: &str, password: &str) -> Value {
    json!({ "token": token, "newPassword": password })
}

#[tokio::test]
async fn password_reset_sets_a_new_password() {
    let (mailbox, app) = with_mail().await;
    let app = app.start().await;
    let client = app.client();
    let user = client.user().await;
    let body = json!({ "email": user.email, "redirectTo": format!("{ORIGIN}/reset") });
    let response = client.post("/api/auth/request-password-reset", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let message = mailbox.message(&user.email, "reset-password").await;
    let token = token_of(&message);
    assert!(
        message["url"]
            .as_str()
            .is_some_and(|url| url.contains(&token)),
        "{message}"
    );
    assert!(
        !response.text().contains(&token),
        "the token is in the email only"
    );
    let call = &mailbox.messages_to(&user.email)[0];
    assert!(Mailbox::is_signed(call, SECRET), "{call:?}");

    // The link leads to the frontend's page, with the token.
    let link = message["url"].as_str().unwrap();
    let path = link.split_once(&app.address().to_string()).unwrap().1;
    let response = client.get(path).await;
    assert_eq!(response.status, 302, "{response:?}");
    let location = response.header("location").unwrap();
    assert!(
        location.starts_with(&format!("{ORIGIN}/reset?")),
        "{location}"
    );

    let weak = client
        .post("/api/auth/reset-password", reset(&token, "password"))
        .await;
    assert_eq!(weak.status, 400, "{weak:?}");
    let response = client
        .post("/api/auth/reset-password", reset(&token, OTHER_PASSWORD))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(user.status().await, 401, "all sessions end");
    assert_eq!(client.log_in(&user.email, PASSWORD).await.status, 401);
    assert_eq!(client.log_in(&user.email, OTHER_PASSWORD).await.status, 200);
    let again = client
        .post("/api/auth/reset-password", reset(&token, PASSWORD))
        .await;
    assert_eq!(again.status, 400, "a token is used once: {again:?}");
    mailbox.message(&user.email, "password-changed").await;
}

#[tokio::test]
async fn password_reset_request_does_not_reveal_accounts() {
    let (mailbox, app) = with_mail().await;
    let app = app.start().await;
    let client = app.client();
    let user = client.user().await;
    let nobody = new_email();
    let ask = async |email: &str| {
        let response = client
            .post(
                "/api/auth/request-password-reset",
                json!({ "email": email }),
            )
            .await;
        (response.status, response.text().to_owned())
    };
    assert_eq!(ask(&user.email).await, ask(&nobody).await);
    mailbox.message(&user.email, "reset-password").await;
    assert!(mailbox.messages_to(&nobody).is_empty());
}

#[tokio::test]
async fn email_tokens_are_valid_for_their_purpose_only() {
    let (mailbox, app) = with_mail().await;
    let app = app.start().await;
    let client = app.client();
    let (user, other) = (client.user().await, client.user().await);
    let body = json!({ "email": user.email });
    client.post("/api/auth/request-password-reset", body).await;
    let token = token_of(&mailbox.message(&user.email, "reset-password").await);
    assert_eq!(
        client.bearer(&token).get("/api/v1/auth/me").await.status,
        401
    );
    assert_eq!(client.refresh(&token).await.status, 401);
    let response = client
        .get(&format!("/api/auth/verify-email?token={token}"))
        .await;
    assert!(response.status >= 300, "{response:?}");
    let cut = &token[..token.len() - 2];
    for wrong in ["", "x", cut, &user.token, &user.refresh_token, &user.cookie] {
        let response = client
            .post("/api/auth/reset-password", reset(wrong, OTHER_PASSWORD))
            .await;
        assert_eq!(response.status, 400, "{wrong}: {response:?}");
    }
    assert_eq!(client.log_in(&user.email, PASSWORD).await.status, 200);
    assert_eq!(other.status().await, 200);
    // A new password invalidates earlier emails.
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let response = user.post("/api/auth/change-password", change).await;
    assert_eq!(response.status, 200, "{response:?}");
    let late = client
        .post("/api/auth/reset-password", reset(&token, PASSWORD))
        .await;
    assert_eq!(late.status, 400, "{late:?}");
}

#[tokio::test]
async fn password_reset_without_a_mail_webhook_is_refused() {
    let client = App::shared().await.client();
    let user = client.user().await;
    let response = client
        .post(
            "/api/auth/request-password-reset",
            json!({ "email": user.email }),
        )
        .await;
    assert!((400..500).contains(&response.status), "{response:?}");
}

#[tokio::test]
async fn required_verification_blocks_sign_in_until_verified() {
    let (mailbox, app) = with_mail().await;
    let app = app.variable("email_verification", "required").start().await;
    let client = app.client();
    let email = new_email();
    let response = client.register(&email).await;
    assert_eq!(response.status, 202, "{response:?}");
    assert!(response.set_cookies().is_empty(), "{response:?}");
    let login = client.log_in(&email, PASSWORD).await;
    login.is_error(403, "FORBIDDEN");
    // Only who knows the password learns that there is such an account.
    let wrong = client.log_in(&email, "wrong").await;
    wrong.is_error(401, "UNAUTHORIZED");
    let message = mailbox.message(&email, "verify-email").await;
    let token = token_of(&message);

    let browser = Browser::new(&client);
    let path = format!("/api/auth/verify-email?token={token}&callbackURL=/welcome");
    let response = browser.get(&path).await;
    assert_eq!(response.status, 302, "{response:?}");
    assert_eq!(client.log_in(&email, PASSWORD).await.status, 200);
    let twice = Browser::new(&client);
    twice.get(&path).await;
    let again = twice.get("/api/auth/get-session").await;
    assert_eq!(
        again.json(),
        Value::Null,
        "a link signs in once at most: {again:?}"
    );
}

#[tokio::test]
async fn registration_of_a_taken_email_looks_like_any_other() {
    let (mailbox, app) = with_mail().await;
    let app = app.variable("email_verification", "required").start().await;
    let client = app.client();
    let email = new_email();
    let first = client.register(&email).await;
    let token = token_of(&mailbox.message(&email, "verify-email").await);
    client
        .get(&format!("/api/auth/verify-email?token={token}"))
        .await;
    let body = credentials(&email, OTHER_PASSWORD);
    let second = client.post("/api/v1/auth/register", body).await;
    assert_eq!((first.status, first.text()), (second.status, second.text()));
    mailbox.message(&email, "already-registered").await;
    assert_eq!(client.log_in(&email, OTHER_PASSWORD).await.status, 401);
    assert_eq!(client.log_in(&email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_failing_mail_webhook_is_retried() {
    let (mailbox, app) = with_mail().await;
    let app = app.start().await;
    let client = app.client();
    let user = client.user().await;
    mailbox.fail("/mail", 1, ServiceFailure::Status(503));
    let body = json!({ "email": user.email });
    let response = client
        .post("/api/auth/request-password-reset", body.clone())
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    mailbox
        .wait("a second attempt", |calls| (calls.len() >= 2).then_some(()))
        .await;
    mailbox.fail("/mail", usize::MAX, ServiceFailure::Cut);
    let response = client.post("/api/auth/request-password-reset", body).await;
    assert_eq!(
        response.status, 200,
        "the response does not reveal whether there is an account"
    );
}

#[tokio::test]
async fn email_links_redirect_to_trusted_origins_only() {
    let (mailbox, app) = with_mail().await;
    let app = app.start().await;
    let client = app.client();
    let user = client.user().await;
    let body = json!({ "email": user.email, "redirectTo": "https://evil.example/reset" });
    let response = client.post("/api/auth/request-password-reset", body).await;
    assert_eq!(response.status, 403, "{response:?}");
    // A host that only the request names does not get into an email either.
    let body = json!({ "email": user.email, "redirectTo": format!("{ORIGIN}/reset") });
    let response = client
        .with("x-forwarded-host", "evil.example")
        .post("/api/auth/request-password-reset", body)
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let message = mailbox.message(&user.email, "reset-password").await;
    assert!(!message.to_string().contains("evil.example"), "{message}");
}
