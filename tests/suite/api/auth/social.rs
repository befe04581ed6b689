//! Signing in with GitHub and Google, against fakes that check what the real ones check.

use serde_json::{Value, json};
use upstream::{GitHub, GitHubUser, Google, GoogleUser, Mailbox, ServiceFailure};

use crate::harness::{App, Browser, Builder, PASSWORD, Response, new_email};

const CLIENT_ID: &str = "oauth-client";
const CLIENT_SECRET: &str = "marker-oauth-secret";
/// The prefix of the names of OAuth flows' cookies.
const FLOW: &str = "goldfish-oauth-";

/// Both providers, and an application that knows them.
struct World {
    github: GitHub,
    google: Google,
    app: App,
}

fn configured(builder: Builder, github: &GitHub, google: &Google) -> Builder {
    builder
        .variable("github_client_id", CLIENT_ID)
        .variable("github_client_secret", CLIENT_SECRET)
        .variable("github_base_url", github.base_url())
        .variable("github_api_url", github.api_url())
        .variable("google_client_id", CLIENT_ID)
        .variable("google_client_secret", CLIENT_SECRET)
        .variable("google_base_url", google.base_url())
        .variable("google_token_url", google.token_url())
}

impl World {
    async fn new() -> Self {
        Self::with(App::with_defaults()).await
    }

    async fn with(builder: Builder) -> Self {
        let github = GitHub::start(CLIENT_ID, CLIENT_SECRET).await.unwrap();
        let google = Google::start(CLIENT_ID, CLIENT_SECRET).await.unwrap();
        let app = configured(builder, &github, &google).start().await;
        Self {
            github,
            google,
            app,
        }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.app.client())
    }

    /// The path, with its query, of one of our own URLs.
    fn path<'a>(&self, url: &'a str) -> &'a str {
        let own = format!("http://{}", self.app.address());
        url.strip_prefix(&own)
            .unwrap_or_else(|| panic!("{url} is not ours"))
    }

    /// Where a browser that wants to sign in is sent.
    async fn begin(&self, browser: &Browser, provider: &str) -> String {
        let body = json!({
            "provider": provider,
            "callbackURL": "/welcome",
            "errorCallbackURL": "/failed",
            "newUserCallbackURL": "/first-time",
        });
        let response = browser.post("/api/auth/sign-in/social", body).await;
        assert_eq!(response.status, 200, "{response:?}");
        let body = response.json();
        assert_eq!(body["redirect"], true, "{body}");
        body["url"].as_str().unwrap().to_owned()
    }

    /// The provider's redirect: the URL that the browser is sent back to.
    fn consent(&self, provider: &str, url: &str) -> String {
        match provider {
            "github" => self.github.consent(url),
            _ => self.google.consent(url),
        }
    }

    /// The whole way: where the browser ends.
    async fn sign_in(&self, browser: &Browser, provider: &str) -> String {
        let url = self.begin(browser, provider).await;
        let back = self.consent(provider, &url);
        location(&browser.get(self.path(&back)).await)
    }
}

#[track_caller]
fn location(response: &Response) -> String {
    assert_eq!(response.status, 302, "{response:?}");
    response.header("location").expect("a location").to_owned()
}

async fn user(browser: &Browser) -> Value {
    let response = browser.get("/api/auth/get-session").await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()["user"].clone()
}

#[tokio::test]
async fn sign_in_with_github_and_google_creates_a_session() {
    let world = World::new().await;
    let (by_github, by_google) = (new_email(), new_email());
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &by_github));
    world
        .google
        .sign_in(GoogleUser::new("1001", &by_google, "Ada Lovelace"));
    for (provider, email) in [("github", &by_github), ("google", &by_google)] {
        let browser = world.browser();
        assert_eq!(world.sign_in(&browser, provider).await, "/first-time");
        let first = user(&browser).await;
        assert_eq!(first["email"], email.as_str(), "{first}");
        assert_eq!(first["emailVerified"], true, "{first}");
        assert!(
            browser.cookie_with_prefix(FLOW).is_none(),
            "the flow is over"
        );
        // Another time, elsewhere: the same account.
        let other = world.browser();
        assert_eq!(world.sign_in(&other, provider).await, "/welcome");
        assert_eq!(user(&other).await["id"], first["id"]);
    }
}

#[tokio::test]
async fn requests_to_the_provider_follow_oauth() {
    let world = World::new().await;
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &new_email()));
    let browser = world.browser();
    for provider in ["github", "google"] {
        let url = world.begin(&browser, provider).await;
        for part in [
            "response_type=code",
            "code_challenge_method=S256",
            "code_challenge=",
            "state=",
            &format!("client_id={CLIENT_ID}"),
        ] {
            assert!(
                url.contains(part) || provider == "github" && part.starts_with("resp"),
                "no {part} in {url}"
            );
        }
        assert!(!url.contains(CLIENT_SECRET), "{url}");
        let (_, cookie) = browser.cookie_with_prefix(FLOW).expect("a sealed flow");
        assert!(!url.contains(&cookie), "{url}");
    }
    let (one, other) = (
        world.begin(&browser, "github").await,
        world.begin(&browser, "github").await,
    );
    assert_ne!(one, other, "state and challenge are new each time");
    // By a link instead of a script.
    let response = browser
        .get("/api/auth/sign-in/github?callbackURL=/welcome")
        .await;
    assert!(location(&response).starts_with(&world.github.base_url()));
}

#[tokio::test]
async fn callback_with_denied_consent_or_a_bad_code_redirects_to_the_error_page() {
    let world = World::new().await;
    for provider in ["github", "google"] {
        let browser = world.browser();
        // Nobody is signed in there: as if consent were denied.
        let end = world.sign_in(&browser, provider).await;
        assert_eq!(end, "/failed?error=access_denied");
        assert_eq!(user(&browser).await, Value::Null);
    }
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &new_email()));
    let user_of_google = GoogleUser::new("1001", &new_email(), "Ada");
    world.google.sign_in(user_of_google);
    for provider in ["github", "google"] {
        let browser = world.browser();
        let url = world.begin(&browser, provider).await;
        let back = world.consent(provider, &url);
        world.github.expire_codes();
        world.google.expire_codes();
        let end = location(&browser.get(world.path(&back)).await);
        assert_eq!(end, "/failed?error=invalid_code", "{provider}");
        let url = world.begin(&browser, provider).await;
        let back = world.consent(provider, &url);
        let forged = back.replace("code=", "code=x");
        let end = location(&browser.get(world.path(&forged)).await);
        assert_eq!(end, "/failed?error=invalid_code", "{provider}");
        assert_eq!(user(&browser).await, Value::Null);
    }
}

#[tokio::test]
async fn state_is_valid_for_one_browser_and_one_use() {
    let world = World::new().await;
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &new_email()));
    // Somebody else's: a victim is given the attacker's link back.
    let attacker = world.browser();
    let url = world.begin(&attacker, "github").await;
    let back = world.consent("github", &url);
    let victim = world.browser();
    let end = location(&victim.get(world.path(&back)).await);
    assert!(
        end.starts_with("/api/auth/error?error=state_mismatch"),
        "{end}"
    );
    assert_eq!(user(&victim).await, Value::Null);
    // Not even one who has a flow of its own.
    world.begin(&victim, "github").await;
    let end = location(&victim.get(world.path(&back)).await);
    assert!(end.contains("error=state_mismatch"), "{end}");
    assert_eq!(user(&victim).await, Value::Null);

    // The right browser, twice: with its cookie put back.
    let (name, flow) = attacker.cookie_with_prefix(FLOW).unwrap();
    assert_eq!(
        location(&attacker.get(world.path(&back)).await),
        "/first-time"
    );
    attacker.plant(&name, &flow);
    let end = location(&attacker.get(world.path(&back)).await);
    assert!(end.contains("error="), "{end}");
    // And with a new code for the old state.
    let again = world.consent("github", &url);
    attacker.plant(&name, &flow);
    let end = location(&attacker.get(world.path(&again)).await);
    assert!(end.contains("error=state_already_used"), "{end}");

    // Without any, with another provider's, and with a damaged flow.
    let browser = world.browser();
    let end = location(&browser.get("/api/auth/callback/github?code=x").await);
    assert!(end.contains("error=state_not_found"), "{end}");
    let url = world.begin(&browser, "github").await;
    let back = world
        .consent("github", &url)
        .replace("/callback/github", "/callback/google");
    let end = location(&browser.get(world.path(&back)).await);
    assert!(end.contains("error=state_mismatch"), "{end}");
    let browser = world.browser();
    let url = world.begin(&browser, "github").await;
    let back = world.consent("github", &url);
    let (name, mut flow) = browser.cookie_with_prefix(FLOW).unwrap();
    flow.replace_range(20..21, if &flow[20..21] == "A" { "B" } else { "A" });
    browser.plant(&name, &flow);
    let end = location(&browser.get(world.path(&back)).await);
    assert!(end.contains("error=state_mismatch"), "{end}");
}

#[tokio::test]
async fn sign_in_links_an_account_by_a_verified_email_only() {
    let mailbox = Mailbox::start().await.unwrap();
    let with_mail = App::with_defaults().variable("mail_webhook_url", mailbox.webhook_url());
    let world = World::with(with_mail).await;
    let client = world.app.client();

    // An account whose owner never confirmed the address may be an attacker's who waits for them.
    let squatter = client.user().await;
    world
        .github
        .sign_in(GitHubUser::new(1, "real", &squatter.email));
    let browser = world.browser();
    let end = world.sign_in(&browser, "github").await;
    assert_eq!(end, "/failed?error=account_not_linked");
    assert_eq!(user(&browser).await, Value::Null);

    // Confirmed here, and vouched for there: linked.
    let owner = client.user().await;
    let ask = json!({ "email": owner.email });
    let response = owner.post("/api/auth/send-verification-email", ask).await;
    assert_eq!(response.status, 200, "{response:?}");
    let message = mailbox.message(&owner.email, "verify-email").await;
    let token = message["token"].as_str().unwrap();
    client
        .get(&format!("/api/auth/verify-email?token={token}"))
        .await;
    // Not vouched for there: not linked.
    world
        .github
        .sign_in(GitHubUser::new(2, "liar", &owner.email).unverified());
    let browser = world.browser();
    let end = world.sign_in(&browser, "github").await;
    assert!(end.starts_with("/failed?error="), "{end}");
    assert_eq!(user(&browser).await, Value::Null);
    world
        .github
        .sign_in(GitHubUser::new(3, "owner", &owner.email.to_uppercase()));
    let browser = world.browser();
    assert_eq!(world.sign_in(&browser, "github").await, "/welcome");
    assert_eq!(user(&browser).await["id"], owner.id.as_str());
    // The password is still valid.
    assert_eq!(client.log_in(&owner.email, PASSWORD).await.status, 200);
    // That identity signs in to the account, even if its address changes later.
    world
        .github
        .sign_in(GitHubUser::new(3, "owner", &new_email()));
    let browser = world.browser();
    assert_eq!(world.sign_in(&browser, "github").await, "/welcome");
    assert_eq!(user(&browser).await["id"], owner.id.as_str());
}

#[tokio::test]
async fn sign_in_without_an_email_creates_no_account() {
    let world = World::new().await;
    let mut shy = GitHubUser::new(5, "shy", &new_email());
    shy.emails.clear();
    world.github.sign_in(shy);
    let browser = world.browser();
    let end = world.sign_in(&browser, "github").await;
    assert_eq!(end, "/failed?error=email_not_found");
    // No public address, no name: GitHub has the primary address at another URL.
    let email = new_email();
    world
        .github
        .sign_in(GitHubUser::new(6, "private", &email).nameless());
    let browser = world.browser();
    assert_eq!(world.sign_in(&browser, "github").await, "/first-time");
    assert_eq!(user(&browser).await["email"], email.as_str());
}

#[tokio::test]
async fn sign_in_of_a_guest_keeps_its_data() {
    let world = World::new().await;
    let email = new_email();
    world.github.sign_in(GitHubUser::new(8, "guest", &email));
    let browser = world.browser();
    let guest = browser.send("POST", "/api/v1/auth/guest").await.json();
    let old = browser.cookie("goldfish-session").unwrap();
    world.sign_in(&browser, "github").await;
    assert_eq!(user(&browser).await["id"], guest["user"]["id"]);
    let old = world
        .app
        .client()
        .with("cookie", &format!("goldfish-session={old}"));
    assert_eq!(
        old.get("/api/v1/auth/me").await.status,
        401,
        "it is a new session"
    );
}

#[tokio::test]
async fn link_and_unlink_change_the_accounts() {
    let world = World::new().await;
    let client = world.app.client();
    let owner = client.user().await;
    let browser = world.browser();
    browser.plant("goldfish-session", &owner.cookie);
    world
        .github
        .sign_in(GitHubUser::new(9, "linked", &new_email()));
    let link = async |browser: &Browser| {
        let body = json!({
            "provider": "github", "callbackURL": "/linked", "errorCallbackURL": "/failed",
        });
        let response = browser.post("/api/auth/link-social", body).await;
        assert_eq!(response.status, 200, "{response:?}");
        let url = response.json()["url"].as_str().unwrap().to_owned();
        let back = world.consent("github", &url);
        location(&browser.get(world.path(&back)).await)
    };
    assert_eq!(link(&browser).await, "/linked");
    let other = world.browser();
    assert_eq!(world.sign_in(&other, "github").await, "/welcome");
    assert_eq!(user(&other).await["id"], owner.id.as_str());
    // Nobody else can link it now.
    let stranger = client.user().await;
    let strange = world.browser();
    strange.plant("goldfish-session", &stranger.cookie);
    let end = link(&strange).await;
    assert_eq!(
        end,
        "/failed?error=account_already_linked_to_different_user"
    );
    let response = browser.get("/api/auth/list-accounts").await;
    let providers: Vec<_> = response
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["providerId"].clone())
        .collect();
    assert!(providers.contains(&json!("github")), "{providers:?}");
    let body = json!({ "providerId": "github" });
    let response = browser.post("/api/auth/unlink-account", body).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(link(&strange).await, "/linked");
}

#[tokio::test]
async fn unlink_of_the_last_sign_in_method_is_refused() {
    let world = World::new().await;
    world
        .github
        .sign_in(GitHubUser::new(10, "only", &new_email()));
    let browser = world.browser();
    world.sign_in(&browser, "github").await;
    let body = json!({ "providerId": "github" });
    let response = browser.post("/api/auth/unlink-account", body).await;
    assert_eq!(response.status, 400, "{response:?}");
    assert_eq!(response.json()["code"], "FAILED_TO_UNLINK_LAST_ACCOUNT");
}

#[tokio::test]
async fn google_id_tokens_with_wrong_claims_are_refused() {
    let world = World::new().await;
    world
        .google
        .sign_in(GoogleUser::new("1001", &new_email(), "Ada"));
    for claims in [
        json!({ "aud": "another-client" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "exp": 1 }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
    ] {
        world.google.claim(claims.clone());
        let browser = world.browser();
        let end = world.sign_in(&browser, "google").await;
        assert!(end.starts_with("/failed?error="), "{claims}: {end}");
        assert_eq!(user(&browser).await, Value::Null, "{claims}");
    }
}

#[tokio::test]
async fn callback_with_a_failing_provider_redirects_to_the_error_page() {
    let world = World::new().await;
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &new_email()));
    for (path, failure) in [
        ("access_token", ServiceFailure::Status(500)),
        ("access_token", ServiceFailure::Html),
        ("access_token", ServiceFailure::Cut),
        ("access_token", ServiceFailure::Oversized(3_000_000)),
        ("/user", ServiceFailure::Status(500)),
        ("/user", ServiceFailure::Html),
        ("/user/emails", ServiceFailure::Status(403)),
    ] {
        world.github.fail(path, usize::MAX, failure);
        let browser = world.browser();
        let end = world.sign_in(&browser, "github").await;
        assert!(
            end.starts_with("/failed?error="),
            "{path} {failure:?}: {end}"
        );
        assert_eq!(user(&browser).await, Value::Null);
        world.github.recover();
    }
}

#[tokio::test]
async fn sign_in_with_an_unconfigured_provider_is_404() {
    let browser = Browser::new(&App::shared().await.client());
    for provider in ["github", "google", "gitlab", "../x"] {
        let body = json!({ "provider": provider, "callbackURL": "/" });
        let response = browser.post("/api/auth/sign-in/social", body).await;
        assert_eq!(response.status, 404, "{provider}: {response:?}");
    }
}

#[tokio::test]
async fn social_sign_in_in_two_tabs_succeeds_in_both() {
    let world = World::new().await;
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &new_email()));
    let browser = world.browser();
    let first = world.begin(&browser, "github").await;
    let second = world.begin(&browser, "github").await;
    // The tab that began first gets its callback last.
    for (url, end) in [(second, "/first-time"), (first, "/welcome")] {
        let back = world.consent("github", &url);
        assert_eq!(location(&browser.get(world.path(&back)).await), end);
    }
    assert!(browser.cookie_with_prefix(FLOW).is_none());
    // A tab for each provider.
    world
        .google
        .sign_in(GoogleUser::new("1001", &new_email(), "Ada"));
    let browser = world.browser();
    let (github, google) = (
        world.begin(&browser, "github").await,
        world.begin(&browser, "google").await,
    );
    let back = world.consent("github", &github);
    assert_eq!(location(&browser.get(world.path(&back)).await), "/welcome");
    let back = world.consent("google", &google);
    let end = location(&browser.get(world.path(&back)).await);
    assert_eq!(end, "/first-time");
}

#[tokio::test]
async fn social_sign_in_keeps_the_last_four_attempts() {
    let world = World::new().await;
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &new_email()));
    let browser = world.browser();
    let mut urls = Vec::new();
    for _ in 0..12 {
        urls.push(world.begin(&browser, "github").await);
    }
    let last = urls.last().unwrap();
    let back = world.consent("github", last);
    let end = location(&browser.get(world.path(&back)).await);
    assert_eq!(end, "/first-time");
    let mut kept = 0;
    while let Some((name, _)) = browser.cookie_with_prefix(FLOW) {
        let state = name.strip_prefix(FLOW).unwrap().to_owned();
        let path = format!("/api/auth/callback/github?state={state}&code=x");
        browser.get(&path).await;
        kept += 1;
        assert!(kept <= 4, "{name}");
    }
}

#[tokio::test]
async fn denied_consent_redirects_to_the_error_page_of_its_tab() {
    let world = World::new().await;
    let browser = world.browser();
    let begin = async |page: &str| {
        let body = json!({ "provider": "github", "errorCallbackURL": page });
        let response = browser.post("/api/auth/sign-in/social", body).await;
        response.json()["url"].as_str().unwrap().to_owned()
    };
    let (one, other) = (begin("/one").await, begin("/other").await);
    for (url, end) in [(one, "/one"), (other, "/other")] {
        let back = world.consent("github", &url);
        let target = location(&browser.get(world.path(&back)).await);
        assert_eq!(target, format!("{end}?error=access_denied"));
    }
}

#[tokio::test]
async fn callback_urls_match_patterns_of_trusted_origins_only() {
    let trusted = "https://*.example.com, myapp://";
    let world = World::with(App::with_defaults().variable("trusted_origins", trusted)).await;
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &new_email()));
    for target in [
        "https://app.example.com/welcome",
        "https://a.b.example.com/",
        "myapp://signed-in",
        "/relative?x=1",
    ] {
        let browser = world.browser();
        let body = json!({ "provider": "github", "callbackURL": target });
        let response = browser.post("/api/auth/sign-in/social", body).await;
        assert_eq!(response.status, 200, "{target}: {response:?}");
        let back = world.consent("github", response.json()["url"].as_str().unwrap());
        assert_eq!(location(&browser.get(world.path(&back)).await), target);
    }
    for target in [
        "https://example.com.evil.example/",
        "https://evilexample.com/",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "otherapp://signed-in",
        "javascript://app.example.com/%0aalert(1)",
    ] {
        let body = json!({ "provider": "github", "callbackURL": target });
        let response = world.browser().post("/api/auth/sign-in/social", body).await;
        assert_eq!(response.status, 403, "{target}: {response:?}");
    }
}

#[tokio::test]
async fn form_encoded_token_responses_are_read() {
    let world = World::new().await;
    world.github.respond_with_forms();
    world
        .github
        .sign_in(GitHubUser::new(7, "grace", &new_email()));
    let browser = world.browser();
    assert_eq!(world.sign_in(&browser, "github").await, "/first-time");
    // An error in that form is one too.
    let browser = world.browser();
    let url = world.begin(&browser, "github").await;
    let back = world.consent("github", &url);
    world.github.expire_codes();
    let end = location(&browser.get(world.path(&back)).await);
    assert_eq!(end, "/failed?error=invalid_code");
}
