//! Planted markers come out nowhere but where they belong.

use serde_json::{Value, json};
use upstream::{Failure, Fault, GitHub, GitHubUser, Mailbox, Script, ServiceFailure, Upstream};

use crate::harness::{
    ADMIN_KEY, ANTHROPIC_KEY, App, Browser, OPENAI_KEY, PASSWORD, Response, eventually,
};

const MARKERS: [&str; 10] = [
    "marker-message",
    "marker-reply",
    "marker-system",
    "marker-title",
    "marker-cookie",
    "marker-bearer",
    "marker-query",
    "marker-path",
    "marker-field",
    "marker-prompt",
];

/// All secrets of a run: the markers, keys, and the guest's tokens.
struct Secrets(Vec<String>);

impl Secrets {
    #[track_caller]
    fn absent_from(&self, what: &str, text: &str) {
        for secret in &self.0 {
            assert!(!text.contains(secret), "{secret} is in {what}: {text}");
        }
    }

    #[track_caller]
    fn absent_from_response(&self, response: &Response) {
        self.absent_from("a response's body", response.text());
        self.absent_from("a response's headers", &format!("{:?}", response.headers));
    }
}

#[tokio::test]
async fn content_and_credentials_are_in_no_log_error_or_header() {
    let upstream = Upstream::start(Script::new(["marker-reply"]))
        .await
        .unwrap();
    let app = App::with_defaults()
        .openai(&upstream)
        .anthropic(&upstream)
        .variable("jwt_secret", "marker-secret-of-thirty-two-bytes-or-more")
        .start()
        .await;
    let guest = app.client().guest().await;
    let mut secrets: Vec<String> = MARKERS.iter().map(|marker| (*marker).to_owned()).collect();
    secrets.extend([OPENAI_KEY, ANTHROPIC_KEY, "marker-secret"].map(str::to_owned));
    // A JWT's head is the same for everybody, its signature is not.
    for token in [&guest.token, &guest.refresh_token] {
        secrets.push(token.rsplit('.').next().unwrap().to_owned());
    }
    secrets.push(guest.id.clone());
    let secrets = Secrets(secrets);

    // Good ones.
    let body = json!({
        "message": "marker-message", "system": "marker-system", "model": "gpt-4o",
    });
    let chat = guest.with("cookie", "theme=marker-cookie").chat(body).await;
    secrets.absent_from("the headers of a chat", &format!("{:?}", chat.headers));
    let last_request = chat.header("x-request-id").unwrap().to_owned();
    let id = chat.header("x-conversation-id").unwrap().to_owned();
    chat.events().await;
    let path = format!("/api/conversations/{id}");
    guest.patch(&path, json!({ "title": "marker-title" })).await;
    guest
        .put(
            "/api/preferences",
            json!({ "systemPrompt": "marker-prompt" }),
        )
        .await;
    let response = guest
        .undescribed()
        .get("/api/conversations?q=marker-query")
        .await;
    secrets.absent_from("headers", &format!("{:?}", response.headers));

    // And bad ones, which must not quote what they refuse.
    let client = app.client();
    let json_guest = guest.with("content-type", "application/json");
    let mut refused = vec![
        client
            .bearer("marker-bearer")
            .get("/api/conversations")
            .await,
        client
            .bearer("marker.marker-bearer.marker")
            .get("/api/conversations")
            .await,
        client
            .with("cookie", "goldfish-session=marker-cookie")
            .get("/api/history")
            .await,
        client
            .with("cookie", "wos-session=marker-cookie")
            .get("/api/history")
            .await,
        client.get("/marker-path?marker-query").await,
        guest.get("/api/conversations/marker-path").await,
        guest
            .post(
                "/api/chat",
                json!({ "message": "x", "model": "marker-field" }),
            )
            .await,
        guest
            .post("/api/chat", json!({ "message": ["marker-message"] }))
            .await,
        guest
            .post(
                "/api/chat",
                json!({ "message": "x", "temperature": "marker-field" }),
            )
            .await,
        guest
            .post(
                "/api/chat",
                json!({ "message": "x", "maxTokens": "marker-field" }),
            )
            .await,
        guest
            .put("/api/preferences", json!({ "theme": "marker-field" }))
            .await,
        json_guest
            .send("POST", "/api/chat", Some(b"marker-message".to_vec()))
            .await,
        json_guest
            .send("POST", "/api/chat", Some(b"\"marker-message\"".to_vec()))
            .await,
        json_guest
            .send(
                "POST",
                "/api/chat",
                Some(b"{\"message\":\"marker-message".to_vec()),
            )
            .await,
        client
            .post(
                "/api/v1/auth/refresh",
                json!({ "refreshToken": "marker-bearer" }),
            )
            .await,
    ];
    for failure in [
        Failure::BadKey,
        Failure::InvalidRequest,
        Failure::ContentFiltered,
    ] {
        for model in ["gpt-4o", "claude-3-haiku"] {
            upstream.set(Script::refuse(failure.clone()));
            refused.push(
                guest
                    .post("/api/chat", json!({ "message": "x", "model": model }))
                    .await,
            );
        }
    }
    // The provider's own words are shown, without what it quotes of the request.
    let body = format!("{{\"error\":{{\"message\":\"No: marker-message {OPENAI_KEY}\"}}}}");
    upstream.set(Script::new(["a"]).fault(Fault::Raw(418, "application/json".to_owned(), body)));
    refused.push(
        guest
            .post(
                "/api/chat",
                json!({ "message": "marker-message", "model": "gpt-4o" }),
            )
            .await,
    );
    for response in &refused {
        assert!(response.status >= 400, "{response:?}");
        secrets.absent_from_response(response);
    }
    for fault in [Fault::ErrorAfter(1), Fault::CutAfter(1), Fault::Garbage] {
        upstream.set(Script::new(["fine ", "b"]).fault(fault));
        let chat = guest
            .chat(json!({ "message": "marker-message", "model": "gpt-4o" }))
            .await;
        // The conversation's title is the message's own beginning; an error must not quote it.
        for event in chat.events().await {
            if event.name() == "error" {
                secrets.absent_from("an error event", &event.json().to_string());
            }
        }
    }

    // The log has a line for each of them, and none of the markers.
    let last = refused
        .last()
        .unwrap()
        .header("x-request-id")
        .unwrap()
        .to_owned();
    eventually("the log lines", || async {
        let logs = app.logs();
        (logs.contains(&last_request) && logs.contains(&last)).then_some(())
    })
    .await;
    secrets.absent_from("the log", &app.logs());
}

#[tokio::test]
async fn each_request_is_logged_as_one_json_line() {
    let upstream = Upstream::start(Script::new(["a", "b"])).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    let guest = app.client().guest().await;
    let chat = guest.with("x-request-id", "log-test-1");
    chat.chat(json!({ "message": "Hi", "model": "gpt-4o" }))
        .await
        .events()
        .await;
    let path = "/api/conversations/6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001?a=b";
    guest.with("x-request-id", "log-test-2").get(path).await;

    let line = |id: &'static str| {
        let app = &app;
        eventually("the log line", move || async move {
            let logs = app.logs();
            // Spin prefixes nothing to a component's stderr, but be lenient to what leads a line.
            let line = logs.lines().find(|line| line.contains(id))?;
            let start = line.find('{')?;
            serde_json::from_str::<Value>(&line[start..]).ok()
        })
    };
    let chat = line("log-test-1").await;
    assert_eq!(chat["requestId"], "log-test-1");
    assert_eq!(chat["route"], "/api/chat");
    assert_eq!(chat["method"], "POST");
    assert_eq!(chat["status"], 200);
    assert!(chat["durationMs"].is_number(), "{chat}");
    assert!(
        chat["userHash"]
            .as_str()
            .is_some_and(|hash| hash.len() >= 8),
        "{chat}"
    );
    assert_eq!(chat["model"], "gpt-4o");
    assert_eq!(chat["promptTokens"], 10);
    assert_eq!(chat["completionTokens"], 2);
    let missed = line("log-test-2").await;
    assert_eq!(
        missed["route"], "/api/conversations/:id",
        "the template, not the path"
    );
    assert_eq!(missed["status"], 404);
    assert_eq!(missed["code"], "NOT_FOUND");
    assert_eq!(missed["userHash"], chat["userHash"], "one user, one hash");
    assert_eq!(
        app.logs().matches("log-test-1").count(),
        1,
        "one line a request"
    );
}

#[tokio::test]
async fn account_secrets_are_not_logged() {
    let mailbox = Mailbox::start().await.unwrap();
    let github = GitHub::start("client", "marker-github-secret")
        .await
        .unwrap();
    github.sign_in(GitHubUser::new(7, "grace", "marker-social@example.com"));
    let app = App::with_defaults()
        .admin()
        .variable("mail_webhook_url", mailbox.webhook_url())
        .variable("mail_webhook_secret", "marker-webhook-secret")
        .variable("github_client_id", "client")
        .variable("github_client_secret", "marker-github-secret")
        .variable("github_base_url", github.base_url())
        .variable("github_api_url", github.api_url())
        .start()
        .await;
    let client = app.client();
    let mut secrets: Vec<String> = [
        "marker-github-secret",
        "marker-webhook-secret",
        "marker-address",
        "marker-social",
        "marker-name",
        "marker-agent",
        "marker-wrong",
        "marker-state",
        "marker-code",
        "marker-new",
        ADMIN_KEY,
        PASSWORD,
    ]
    .map(str::to_owned)
    .into();

    // Good ones.
    let email = "marker-address@example.com";
    let browser = Browser::new(&client.with("user-agent", "marker-agent"));
    let body = json!({ "email": email, "password": PASSWORD, "name": "marker-name" });
    let response = browser.post("/api/auth/sign-up/email", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let mut tokens = vec![response.json()["token"].as_str().unwrap().to_owned()];
    tokens.push(browser.cookie("goldfish-session").unwrap());
    let user = client.log_in(email, PASSWORD).await.json();
    tokens.push(user["token"].as_str().unwrap().to_owned());
    tokens.push(user["refreshToken"].as_str().unwrap().to_owned());
    let signed_in = client.bearer(&tokens[2]);
    let key = signed_in.new_key(json!({ "name": "marker-name" })).await;
    secrets.push(key.secret.clone());
    client.bearer(&key.secret).say("Hi").await;
    client.refresh(&tokens[3]).await;
    let reset = json!({ "email": email });
    client.post("/api/auth/request-password-reset", reset).await;
    let message = mailbox.message(email, "reset-password").await;
    tokens.push(message["token"].as_str().unwrap().to_owned());
    let page = client
        .get(&format!(
            "/api/auth/reset-password/{}?callbackURL=/reset",
            tokens[4]
        ))
        .await;
    assert_eq!(page.status, 302, "{page:?}");
    let other = Browser::new(&client);
    let body = json!({ "provider": "github", "callbackURL": "/" });
    let url = other.post("/api/auth/sign-in/social", body).await.json();
    tokens.push(other.cookie_with_prefix("goldfish-oauth-").unwrap().1);
    let back = github.consent(url["url"].as_str().unwrap());
    let path = back.split_once(&app.address().to_string()).unwrap().1;
    assert_eq!(other.get(path).await.status, 302);
    let query = path.split_once('?').unwrap().1;
    secrets.extend(
        query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap().1.to_owned()),
    );
    let users = client
        .admin()
        .get("/api/admin/users?search=marker-address")
        .await;
    assert_eq!(users.json()["users"].as_array().unwrap().len(), 1);

    // And bad ones.
    github.fail("access_token", usize::MAX, ServiceFailure::Status(500));
    let failing = Browser::new(&client);
    let body = json!({ "provider": "github", "callbackURL": "/" });
    let url = failing.post("/api/auth/sign-in/social", body).await.json();
    let back = github.consent(url["url"].as_str().unwrap());
    failing
        .get(back.split_once(&app.address().to_string()).unwrap().1)
        .await;
    mailbox.fail("/mail", usize::MAX, ServiceFailure::Status(500));
    let reset = json!({ "email": email });
    client.post("/api/auth/request-password-reset", reset).await;
    let wrong_admin = client.with("x-admin-key", "marker-wrong-key");
    let refused = [
        client.log_in(email, "marker-wrong").await,
        client
            .log_in("marker-address-2@example.com", "marker-wrong")
            .await,
        client.register(email).await,
        client
            .post(
                "/register",
                json!({ "email": "marker-address", "password": "marker-wrong" }),
            )
            .await,
        client
            .post(
                "/login",
                json!({ "email": ["marker-address"], "password": "marker-wrong" }),
            )
            .await,
        client.refresh("marker-wrong").await,
        client.bearer("gf_marker-wrong").get("/api/models").await,
        client
            .with("x-api-key", "marker-wrong")
            .get("/api/models")
            .await,
        client
            .with("cookie", "__session=marker-wrong")
            .get("/api/models")
            .await,
        wrong_admin
            .get("/api/admin/users?search=marker-address")
            .await,
        client
            .post(
                "/api/auth/reset-password",
                json!({ "token": "marker-wrong", "newPassword": "marker-new-password" }),
            )
            .await,
        signed_in
            .post(
                "/api/auth/change-password",
                json!({ "currentPassword": "marker-wrong", "newPassword": "marker-new-password" }),
            )
            .await,
        signed_in
            .post("/api-keys/revoke/marker-wrong", json!({}))
            .await,
        signed_in
            .post(
                "/api-keys/create",
                json!({ "name": "a", "scopes": ["marker-wrong"] }),
            )
            .await,
        client.get("/api/auth/sign-in/marker-wrong").await,
    ];
    let ends = [
        client
            .get("/api/auth/callback/github?code=marker-code&state=marker-state")
            .await,
        client
            .get("/api/auth/verify-email?token=marker-wrong")
            .await,
    ];
    // A JWT's head is the same for everybody, its signature is not.
    secrets.extend(
        tokens
            .iter()
            .map(|token| token.rsplit('.').next().unwrap().to_owned()),
    );
    let secrets = Secrets(secrets);
    for response in &refused {
        assert!(response.status >= 400, "{response:?}");
        secrets.absent_from_response(response);
    }
    for response in &ends {
        secrets.absent_from("a redirect", &format!("{:?}", response.headers));
    }
    let last = ends
        .last()
        .unwrap()
        .header("x-request-id")
        .unwrap()
        .to_owned();
    eventually("the log lines", || async {
        app.logs().contains(&last).then_some(())
    })
    .await;
    secrets.absent_from("the log", &app.logs());
}
