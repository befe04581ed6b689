//! Common attacks on accounts, each tried. Forged tokens of our own are in `auth`,
//! WorkOS' in `workos`, Clerk's in `clerk` and `clients`, OAuth's in `oauth`, those of emails in `recovery`.

use std::time::Instant;

use futures::future::join_all;
use serde_json::{Value, json};
use upstream::SigningKey;

use crate::harness::{
    App, Browser, Client, ORIGIN, PASSWORD, Response, User, credentials, new_email,
};

/// Every request about an account that a browser's cookie would authenticate.
const CHANGES: [(&str, &str); 16] = [
    ("POST", "/api/v1/auth/logout"),
    ("DELETE", "/api/v1/auth/me"),
    ("POST", "/api-keys/create"),
    ("POST", "/api/auth/sign-out"),
    ("POST", "/api/auth/revoke-session"),
    ("POST", "/api/auth/revoke-sessions"),
    ("POST", "/api/auth/revoke-other-sessions"),
    ("POST", "/api/auth/change-password"),
    ("POST", "/api/auth/update-user"),
    ("POST", "/api/auth/delete-user"),
    ("POST", "/api/auth/link-social"),
    ("POST", "/api/auth/unlink-account"),
    ("DELETE", "/api/clear"),
    ("DELETE", "/api/conversations"),
    ("PUT", "/api/preferences"),
    ("POST", "/api/chat"),
];

/// Every way to begin a session: a page elsewhere must not sign its visitor in to the attacker's.
const SIGN_INS: [&str; 9] = [
    "/register",
    "/login",
    "/api/v1/auth/register",
    "/api/v1/auth/login",
    "/api/v1/auth/guest",
    "/api/v1/auth/refresh",
    "/api/auth/sign-up/email",
    "/api/auth/sign-in/email",
    "/api/auth/sign-in/social",
];

async fn client() -> Client {
    App::shared().await.client()
}

#[tokio::test]
async fn tokens_are_accepted_for_their_purpose_only() {
    let client = client().await;
    let user = client.user().await;
    let response = client
        .post("/login", credentials(&user.email, PASSWORD))
        .await;
    let long = response.json()["token"].as_str().unwrap().to_owned();
    let me = "/api/v1/auth/me";
    let by_cookie = |token: &str| client.with("cookie", &format!("goldfish-session={token}"));
    for token in [&user.token, &long] {
        assert_eq!(client.bearer(token).get(me).await.status, 200);
        assert_eq!(by_cookie(token).get(me).await.status, 401, "as a cookie");
        assert_eq!(client.refresh(token).await.status, 401);
    }
    assert_eq!(by_cookie(&user.cookie).get(me).await.status, 200);
    assert_eq!(client.bearer(&user.cookie).get(me).await.status, 401);
    assert_eq!(client.refresh(&user.cookie).await.status, 401);
    assert_eq!(client.bearer(&user.refresh_token).get(me).await.status, 401);
    assert_eq!(by_cookie(&user.refresh_token).get(me).await.status, 401);
    for token in [&user.token, &user.cookie, &user.refresh_token] {
        assert_eq!(client.with("x-api-key", token).get(me).await.status, 401);
        let cookies = format!("wos-session={token}; __session={token}");
        assert_eq!(client.with("cookie", &cookies).get(me).await.status, 401);
    }
}

#[tokio::test]
async fn tokens_with_another_algorithm_are_401() {
    let client = client().await;
    let user = client.user().await;
    let parts: Vec<_> = user.token.split('.').collect();
    // {"alg":"none"}, {"alg":"None"}, {"alg":"HS512","typ":"JWT"}, {"alg":"HS256","kid":"../../dev/null"}
    for head in [
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJOb25lIn0",
        "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0",
    ] {
        for signature in ["", parts[2]] {
            let forged = format!("{head}.{}.{signature}", parts[1]);
            let response = client.bearer(&forged).get("/api/v1/auth/me").await;
            assert_eq!(response.status, 401, "{forged}");
        }
    }
    // The same claims, signed by an unrelated RSA key.
    let claims = json!({ "sub": user.id, "iss": "goldfish", "exp": 4_102_444_800_u64 });
    let forged = SigningKey::generate().sign(&claims);
    let response = client.bearer(&forged).get("/api/v1/auth/me").await;
    response.is_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn reuse_of_a_refresh_token_ends_the_session() {
    let client = client().await;
    let user = client.user().await;
    let other = client.again(&user).await;
    let mut tokens = vec![user.refresh_token.clone()];
    let mut access = user.token.clone();
    for _ in 0..2 {
        let response = client.refresh(tokens.last().unwrap()).await;
        assert_eq!(response.status, 200, "{response:?}");
        let body = response.json();
        access = body["token"].as_str().unwrap().to_owned();
        tokens.push(body["refreshToken"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        client.bearer(&access).get("/api/v1/auth/me").await.status,
        200
    );
    // The thief comes with the first.
    client
        .refresh(&tokens[0])
        .await
        .is_error(401, "UNAUTHORIZED");
    for token in &tokens {
        assert_eq!(
            client.refresh(token).await.status,
            401,
            "the whole family is gone"
        );
    }
    assert_eq!(
        client.bearer(&access).get("/api/v1/auth/me").await.status,
        401
    );
    assert_eq!(
        user.by_cookie(&client).get("/api/v1/auth/me").await.status,
        401
    );
    assert_eq!(
        other.status().await,
        200,
        "another session is another family"
    );
}

#[tokio::test]
async fn concurrent_refreshes_keep_the_session() {
    let client = client().await;
    let user = client.user().await;
    let responses = join_all((0..2).map(|_| client.refresh(&user.refresh_token))).await;
    for response in responses {
        assert_eq!(response.status, 200, "{response:?}");
        let token = response.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(
            client.bearer(&token).get("/api/v1/auth/me").await.status,
            200
        );
    }
}

#[tokio::test]
async fn a_session_planted_before_sign_in_is_not_used() {
    let client = client().await;
    // The attacker is a guest, keeps everything, and plants the cookie in the victim's browser.
    let planter = Browser::new(&client);
    let response = planter.send("POST", "/api/v1/auth/guest").await.json();
    let text = |field: &str| response[field].as_str().unwrap().to_owned();
    let planted = planter.cookie("goldfish-session").unwrap();
    let attacker = client.bearer(&text("token"));
    let key = attacker.new_key(json!({ "name": "kept" })).await;

    let victim = Browser::new(&client);
    victim.plant("goldfish-session", &planted);
    let response = victim
        .post("/api/v1/auth/register", credentials(&new_email(), PASSWORD))
        .await;
    assert_eq!(response.status, 201, "{response:?}");
    assert_ne!(victim.cookie("goldfish-session").unwrap(), planted);
    assert_eq!(victim.get("/api/v1/auth/me").await.status, 200);
    for (what, client) in [
        ("token", attacker.clone()),
        ("key", client.bearer(&key.secret)),
        (
            "cookie",
            client.with("cookie", &format!("goldfish-session={planted}")),
        ),
    ] {
        let response = client.get("/api/v1/auth/me").await;
        assert_eq!(response.status, 401, "{what}: {response:?}");
    }
    assert_eq!(client.refresh(&text("refreshToken")).await.status, 401);
}

#[tokio::test]
async fn sign_in_creates_a_new_session() {
    let client = client().await;
    let (attacker, victim) = (client.user().await, client.user().await);
    let browser = Browser::new(&client);
    browser.plant("goldfish-session", &attacker.cookie);
    let body = credentials(&victim.email, PASSWORD);
    let response = browser.post("/api/v1/auth/login", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let me = browser.get("/api/v1/auth/me").await.json();
    assert_eq!(me["user"]["id"], victim.id.as_str());
    let me = attacker.get("/api/v1/auth/me").await.json();
    assert_eq!(me["user"]["id"], attacker.id.as_str());
}

#[tokio::test]
async fn cross_site_requests_with_a_cookie_are_refused() {
    let app = App::with_defaults()
        .variable("cors_origins", ORIGIN)
        .start()
        .await;
    let client = app.client();
    let user = client.user().await;
    let by_cookie = user.by_cookie(&client);
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost:3000.evil.example",
        "http://localhost:30000",
    ] {
        let foreign = by_cookie.with("origin", origin);
        for (method, path) in CHANGES {
            let foreign = foreign.with("content-type", "application/json");
            let response = foreign.send(method, path, Some(b"{}".to_vec())).await;
            assert_eq!(
                response.status, 403,
                "{method} {path} from {origin}: {response:?}"
            );
        }
    }
    // A form, which needs no leave of CORS, is a foreign page's as well.
    let form = by_cookie
        .with("origin", "https://evil.example")
        .with("content-type", "application/x-www-form-urlencoded");
    for path in ["/api/auth/sign-out", "/api/auth/delete-user"] {
        let response = form.send("POST", path, Some(b"a=b".to_vec())).await;
        assert_eq!(response.status, 403, "{path}: {response:?}");
    }
    assert_eq!(user.status().await, 200);
    let own = by_cookie.with("origin", ORIGIN);
    assert_eq!(own.post("/api/auth/sign-out", json!({})).await.status, 200);
}

#[tokio::test]
async fn cross_site_sign_in_is_refused() {
    let foreign = client().await.with("origin", "https://evil.example");
    let body = json!({
        "email": new_email(), "password": PASSWORD, "name": "a", "refreshToken": "x",
        "provider": "github",
    });
    for path in SIGN_INS {
        let response = foreign.post(path, body.clone()).await;
        assert_eq!(response.status, 403, "{path}: {response:?}");
        assert!(response.set_cookies().is_empty(), "{path}: {response:?}");
    }
}

#[tokio::test]
async fn trusted_origins_allow_cross_site_requests() {
    let app = App::with_defaults()
        .variable("trusted_origins", "https://app.example.com")
        .start()
        .await;
    let client = app.client();
    let body = json!({ "email": new_email(), "password": PASSWORD, "name": "a" });
    let trusted = client.with("origin", "https://app.example.com");
    let response = trusted.post("/api/auth/sign-up/email", body.clone()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let other = client.with("origin", "https://app.example.com.evil.example");
    assert_eq!(
        other.post("/api/auth/sign-up/email", body).await.status,
        403
    );
}

/// Places that a browser must not be sent to, in the ways people have found to write them.
const ELSEWHERE: [&str; 18] = [
    "https://evil.example",
    "https://evil.example/welcome",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "http://localhost:3000@evil.example",
    "http://localhost:3000.evil.example",
    "http://localhost:30000",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://evil.example#http://localhost:3000",
    "/welcome\r\nSet-Cookie: planted=1",
    " https://evil.example",
];

#[tokio::test]
async fn callback_urls_are_limited_to_trusted_origins() {
    let app = App::with_defaults()
        .variable("github_client_id", "client")
        .variable("github_client_secret", "secret")
        .variable("mail_webhook_url", "http://127.0.0.1:9/")
        .variable(
            "cors_origins",
            "http://localhost:3000,http://localhost:4321",
        )
        .start()
        .await;
    let client = app.client();
    let user = client.user().await;
    let refused = |what: &str, response: &Response| {
        assert!(matches!(response.status, 400 | 403), "{what}: {response:?}");
        assert!(
            response.header("location").is_none(),
            "{what}: {response:?}"
        );
        assert!(
            response
                .header("set-cookie")
                .is_none_or(|line| !line.contains("planted"))
        );
    };
    for place in ELSEWHERE {
        for field in ["callbackURL", "errorCallbackURL", "newUserCallbackURL"] {
            let body = json!({ "provider": "github", field: place });
            let response = client.post("/api/auth/sign-in/social", body.clone()).await;
            refused(&format!("{field} {place:?}"), &response);
            let response = user.post("/api/auth/link-social", body).await;
            refused(&format!("link {field} {place:?}"), &response);
        }
        let encoded: String = place.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            format!("/api/auth/sign-in/github?callbackURL={encoded}"),
            format!("/api/auth/reset-password/token?callbackURL={encoded}"),
            format!("/api/auth/verify-email?token=x&callbackURL={encoded}"),
        ] {
            refused(&path, &client.get(&path).await);
        }
        let body = json!({ "email": user.email, "password": PASSWORD, "callbackURL": place });
        let response = client.post("/api/auth/sign-in/email", body).await;
        refused(&format!("sign-in {place:?}"), &response);
        let body = json!({ "email": user.email, "redirectTo": place });
        let response = client.post("/api/auth/request-password-reset", body).await;
        refused(&format!("reset {place:?}"), &response);
    }
    for place in [
        "/welcome?a=b#c",
        "http://localhost:3000/welcome",
        "http://localhost:4321",
    ] {
        let body = json!({ "provider": "github", "callbackURL": place });
        let response = client.post("/api/auth/sign-in/social", body).await;
        assert_eq!(response.status, 200, "{place}: {response:?}");
    }
    // The parameters of the error page are not rendered as HTML.
    let page = client
        .get("/api/auth/error?error=%3Cscript%3Ealert(1)%3C/script%3E")
        .await;
    assert!(!page.text().contains("<script>"), "{page:?}");
}

#[tokio::test]
async fn sessions_and_keys_of_another_user_cannot_be_revoked() {
    let client = client().await;
    let (owner, thief) = (client.user().await, client.user().await);
    let key = owner.new_key(json!({ "name": "a" })).await;
    let response = thief
        .post(&format!("/api-keys/revoke/{}", key.id), json!({}))
        .await;
    response.is_error(404, "NOT_FOUND");
    assert_eq!(
        client.bearer(&key.secret).get("/api/models").await.status,
        200
    );
    assert_eq!(client.bearer(&key.id).get("/api/models").await.status, 401);

    let sessions = owner.get("/api/auth/list-sessions").await.json();
    let session = sessions[0]["token"].as_str().unwrap();
    let body = json!({ "token": session });
    let theirs = thief.post("/api/auth/revoke-session", body).await;
    let none = json!({ "token": "6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001" });
    let unknown = thief.post("/api/auth/revoke-session", none).await;
    assert_eq!(
        (theirs.status, theirs.text()),
        (unknown.status, unknown.text())
    );
    assert_eq!(owner.status().await, 200);
    for id in [session, &owner.id] {
        assert_eq!(client.bearer(id).get("/api/models").await.status, 401);
        let by_cookie = client.with("cookie", &format!("goldfish-session={id}"));
        assert_eq!(by_cookie.get("/api/models").await.status, 401);
    }
    let list = thief.get("/api/auth/list-sessions").await.json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert!(thief.keys().await.is_empty());
}

#[tokio::test]
async fn input_is_not_injected_into_headers_or_cookies() {
    let client = client().await;
    let injected = "x\r\nSet-Cookie: planted=1\r\nX-Planted: 1";
    let clean = |what: &str, response: &Response| {
        assert!(response.status < 500, "{what}: {response:?}");
        assert!(
            response.header("x-planted").is_none(),
            "{what}: {response:?}"
        );
        let cookies = response.set_cookies();
        assert!(
            cookies.iter().all(|line| !line.contains("planted")),
            "{what}: {response:?}"
        );
    };
    let user = client.user().await;
    for (path, body) in [
        (
            "/api/auth/sign-up/email",
            json!({ "email": new_email(), "password": PASSWORD, "name": injected }),
        ),
        (
            "/api/auth/sign-up/email",
            json!({ "email": format!("{injected}@example.com"), "password": PASSWORD, "name": "a" }),
        ),
        (
            "/api/v1/auth/register",
            json!({ "email": new_email(), "password": PASSWORD, "name": injected }),
        ),
        ("/api/auth/update-user", json!({ "name": injected })),
        (
            "/api/auth/update-user",
            json!({ "image": format!("https://example.com/{injected}") }),
        ),
        ("/api-keys/create", json!({ "name": injected })),
        ("/api/v1/auth/refresh", json!({ "refreshToken": injected })),
        (
            "/api/auth/reset-password",
            json!({ "token": injected, "newPassword": PASSWORD }),
        ),
    ] {
        clean(path, &user.post(path, body).await);
    }
    clean("me", &user.get("/api/v1/auth/me").await);
    let encoded = "x%0d%0aSet-Cookie:%20planted=1%0d%0aX-Planted:%201";
    for path in [
        format!("/api/auth/callback/github?state={encoded}&code=x"),
        format!("/api/auth/callback/github?error={encoded}"),
        format!("/api/auth/callback/{encoded}?state=x"),
        format!("/api/auth/sign-in/github?callbackURL=/{encoded}"),
        format!("/api/auth/sign-in/{encoded}"),
        format!("/api/auth/verify-email?token={encoded}&callbackURL=/{encoded}"),
        format!("/api/auth/reset-password/{encoded}?callbackURL=/{encoded}"),
        format!("/api/auth/error?error={encoded}"),
        format!("/api-keys/revoke/{encoded}"),
    ] {
        clean(&path, &client.get(&path).await);
    }
    let flow = "goldfish-oauth-xxxxxxxxxxxxxxxx";
    let cookie = format!("goldfish-session={encoded}; {flow}={encoded}");
    let hostile = client.with("cookie", &cookie);
    for path in [
        "/api/v1/auth/me",
        "/api/auth/get-session",
        "/api/auth/callback/github?state=x&code=x",
        "/api/auth/callback/github?state=xxxxxxxxxxxxxxxxx&code=x",
    ] {
        clean(path, &hostile.get(path).await);
    }
}

#[tokio::test]
async fn oversized_credentials_are_refused() {
    let client = client().await;
    let user = client.user().await;
    // Beyond what any of our tokens is, and near what a server takes as a header at all.
    for size in [4_096, 16_384, 60_000] {
        let long = "a".repeat(size);
        let dots = ".".repeat(size);
        let key = format!("gf_{long}");
        let grown = format!("{}{long}", user.token);
        for token in [&long, &dots, &key, &grown] {
            let responses = [
                client.bearer(token).get("/api/v1/auth/me").await,
                client.with("x-api-key", token).get("/api/v1/auth/me").await,
                client
                    .with("cookie", &format!("goldfish-session={token}"))
                    .get("/api/v1/auth/me")
                    .await,
                client
                    .with("cookie", &format!("wos-session={token}"))
                    .get("/api/v1/auth/me")
                    .await,
            ];
            for response in responses {
                assert!(
                    matches!(response.status, 400 | 401 | 431),
                    "{size}: {}",
                    response.status
                );
            }
            let response = client.refresh(token).await;
            assert!(
                matches!(response.status, 400 | 401),
                "{size}: {}",
                response.status
            );
        }
    }
    let huge = "a".repeat(900_000);
    for (email, password) in [
        (huge.as_str(), PASSWORD),
        (user.email.as_str(), huge.as_str()),
    ] {
        let response = client.log_in(email, password).await;
        assert!(matches!(response.status, 400 | 401), "{}", response.status);
        let response = client
            .post("/api/v1/auth/register", credentials(email, password))
            .await;
        assert_eq!(response.status, 400);
    }
}

#[tokio::test]
async fn sign_in_does_not_reveal_accounts() {
    let client = client().await;
    let user = client.user().await;
    let nobody = new_email();
    for path in ["/api/v1/auth/login", "/login", "/api/auth/sign-in/email"] {
        let existing = client
            .post(path, credentials(&user.email, "wrong-password"))
            .await;
        let unknown = client
            .post(path, credentials(&nobody, "wrong-password"))
            .await;
        assert_eq!(existing.status, 401, "{path}: {existing:?}");
        let without_id = |response: &Response| {
            let mut body = response.json();
            body.as_object_mut().unwrap().remove("requestId");
            body
        };
        assert_eq!(existing.status, unknown.status, "{path}");
        assert_eq!(without_id(&existing), without_id(&unknown), "{path}");
        let names = |response: &Response| -> Vec<String> {
            response.headers.keys().map(ToString::to_string).collect()
        };
        assert_eq!(names(&existing), names(&unknown), "{path}");
    }
}

#[tokio::test]
async fn protected_fields_cannot_be_set() {
    let app = App::with_defaults().admin().start().await;
    let client = app.client();
    let extra = json!({
        "id": "user_6f4f4ac4-96c0-4f2b-9d5f-d5b9b8e0c001", "kind": "admin", "role": "admin",
        "emailVerified": true, "plan": "business", "credits": 1_000_000, "scopes": ["admin"],
        "createdAt": 1, "isAnonymous": true,
    });
    let with = |mut body: Value| {
        let fields = extra.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        body
    };
    // Clients of other systems may send more fields, without effect.
    for path in ["/api/v1/auth/register", "/register"] {
        let body = with(credentials(&new_email(), PASSWORD));
        let response = client.post(path, body).await;
        assert_eq!(response.status, 201, "{path}: {response:?}");
        let token = response.json()["token"].as_str().unwrap().to_owned();
        let user = client.bearer(&token);
        let me = user.get("/api/v1/auth/me").await.json();
        assert_ne!(me["user"]["id"], extra["id"], "{path}");
        assert_eq!(me["user"]["kind"], "registered", "{path}");
        assert_eq!(me["user"]["emailVerified"], false, "{path}");
        assert_ne!(me["user"]["createdAt"], 1, "{path}");
        assert_eq!(user.get("/api/usage").await.json()["plan"], "free");
        assert_eq!(user.get("/api/admin/users").await.status, 401);
    }
    let email = new_email();
    let body = with(json!({ "email": email, "password": PASSWORD, "name": "a" }));
    let response = client.post("/api/auth/sign-up/email", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    let user = response.json()["user"].clone();
    assert_ne!(user["id"], extra["id"]);
    assert_eq!(user["emailVerified"], false);
    let token = response.json()["token"].as_str().unwrap().to_owned();
    let user = client.bearer(&token);
    let response = user
        .post("/api/auth/update-user", with(json!({ "name": "b" })))
        .await;
    assert_eq!(response.status, 200, "{response:?}");
    let response = user
        .post("/api/auth/update-user", json!({ "email": new_email() }))
        .await;
    assert_eq!(response.status, 400, "{response:?}");
    let now = user.get("/api/auth/get-session").await;
    let me = user.get("/api/v1/auth/me").await.json();
    assert_eq!(me["user"]["emailVerified"], false, "{me} {now:?}");
    assert_eq!(user.get("/api/usage").await.json()["plan"], "free");
    assert_eq!(user.get("/api/admin/users").await.status, 401);
    let response = user
        .post("/api-keys/create", json!({ "name": "a", "userId": "x" }))
        .await;
    response.is_error(400, "VALIDATION_ERROR");
}

/// Many requests on one kept connection, and how many got which status.
async fn hammer(app: &App, body: &Value, times: usize) -> std::collections::BTreeMap<u16, usize> {
    let mut connection = app.client().connection().await;
    let mut statuses = std::collections::BTreeMap::new();
    for _ in 0..times {
        let status = connection.post("/api/v1/auth/login", body).await;
        *statuses.entry(status).or_default() += 1;
    }
    statuses
}

#[tokio::test]
async fn many_wrong_passwords_are_refused_without_hashing() {
    const TRIES: usize = 10_000;
    const LIMIT: usize = 10;
    let app = App::with_defaults()
        .default_of("rate_limit_password_per_minute")
        .start()
        .await;
    let client = app.client();
    let (target, other) = (client.user().await, client.user().await);
    let body = credentials(&target.email, "wrong-password");
    let begun = Instant::now();
    let others = async {
        // Meanwhile, another user can sign in.
        for _ in 0..5 {
            assert_eq!(client.log_in(&other.email, PASSWORD).await.status, 200);
        }
    };
    let attackers = join_all((0..8).map(|_| hammer(&app, &body, TRIES / 8)));
    let (counts, ()) = tokio::join!(attackers, others);
    let minutes = usize::try_from(begun.elapsed().as_secs()).unwrap() / 60 + 2;
    let of = |status: u16| -> usize { counts.iter().filter_map(|one| one.get(&status)).sum() };
    assert_eq!(of(401) + of(429), TRIES, "{counts:?}");
    // A password is hashed for those that get 401 alone.
    assert!(
        of(401) <= LIMIT * minutes,
        "{counts:?} in {minutes} minutes"
    );
    // The right password is rejected too, from every client: the limit is for the account.
    let response = client.log_in(&target.email.to_uppercase(), PASSWORD).await;
    response.is_error(429, "RATE_LIMITED");
    assert!(response.header("retry-after").is_some());
    // A user who is signed in stays signed in.
    assert_eq!(target.status().await, 200);
}

#[tokio::test]
async fn every_sign_in_route_counts_password_attempts() {
    let app = App::with_defaults()
        .variable("rate_limit_password_per_minute", "4")
        .start()
        .await;
    let client = app.client();
    let user: User = client.user().await;
    for path in ["/login", "/api/v1/auth/login", "/api/auth/sign-in/email"] {
        for _ in 0..4 {
            client.post(path, credentials(&user.email, "wrong")).await;
        }
    }
    for path in ["/login", "/api/v1/auth/login", "/api/auth/sign-in/email"] {
        let response = client.post(path, credentials(&user.email, PASSWORD)).await;
        assert_eq!(response.status, 429, "{path}: {response:?}");
    }
    // An open session does not bypass the limit.
    let change = json!({ "currentPassword": "wrong", "newPassword": "Granite-flute-19-harbour" });
    let response = user.post("/api/auth/change-password", change).await;
    assert_eq!(response.status, 429, "{response:?}");
    let response = user
        .post("/api/auth/delete-user", json!({ "password": "wrong" }))
        .await;
    assert_eq!(response.status, 429, "{response:?}");
}
