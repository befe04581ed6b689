//! The official client libraries, from npm, against the running application: Better Auth's client,
//! WorkOS' and Clerk's SDKs for Node. `tests/clients/sign-in` has the scripts and the lockfile.

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use upstream::{Clerk, GitHub, GitHubUser, WorkOs};

use crate::harness::{App, ORIGIN, PASSWORD, Scripts, new_email, skip_or_fail};

/// What the libraries need; `engines` in `package.json`.
const OLDEST_NODE: (u32, u32) = (20, 15);

/// The scripts, with their libraries; none without Node.js.
async fn installed(test: &str) -> Option<&'static Scripts> {
    static INSTALLED: OnceCell<Result<Scripts, String>> = OnceCell::const_new();
    let scripts = INSTALLED
        .get_or_init(|| Scripts::node("sign-in", OLDEST_NODE))
        .await;
    scripts
        .as_ref()
        .map_err(|missing| skip_or_fail(&format!("sign_in::{test}"), missing))
        .ok()
}

#[tokio::test]
async fn better_auth_client_works() {
    let Some(scripts) = installed("better_auth").await else {
        return;
    };
    let github = GitHub::start("client", "secret").await.unwrap();
    let social = new_email();
    github.sign_in(GitHubUser::new(4711, "grace", &social));
    let app = App::with_defaults()
        .variable("github_client_id", "client")
        .variable("github_client_secret", "secret")
        .variable("github_base_url", github.base_url())
        .variable("github_api_url", github.api_url())
        .start()
        .await;
    let email = new_email();
    let base = format!("http://{}", app.address());
    let steps = scripts
        .run("better-auth.mjs", &[&base, ORIGIN, &email, PASSWORD])
        .await;
    let expect = |step: &str, expected: Value| {
        assert_eq!(steps[step], expected, "{step}: {steps}");
    };
    expect("ok", json!({ "ok": true }));
    expect("before", Value::Null);
    assert_eq!(steps["signUp"]["user"]["email"], email.as_str(), "{steps}");
    assert_eq!(steps["signUp"]["user"]["name"], "Ada Lovelace", "{steps}");
    expect("cookies", json!(["goldfish-session"]));
    assert_eq!(steps["session"]["user"]["email"], email.as_str(), "{steps}");
    assert_eq!(
        steps["session"]["session"]["userId"], steps["session"]["user"]["id"],
        "{steps}"
    );
    assert_eq!(
        steps["signUpAgain"]["error"]["code"], "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "{steps}"
    );
    let wrong = json!({ "error": { "status": 401, "code": "INVALID_EMAIL_OR_PASSWORD" } });
    for step in ["wrongPassword", "unknownEmail", "oldPassword"] {
        expect(step, wrong.clone());
    }
    expect("renamed", json!("Countess Lovelace"));
    expect("pictured", json!("https://example.com/ada.png"));
    assert_eq!(steps["unpictured"]["image"], Value::Null, "{steps}");
    assert_eq!(steps["unpictured"]["name"], "Countess Lovelace", "{steps}");
    let own_id = &steps["unpictured"]["id"];
    expect("waysIn", json!([["credential", own_id]]));
    expect(
        "unlinkLast",
        json!({ "error": { "status": 400, "code": "FAILED_TO_UNLINK_LAST_ACCOUNT" } }),
    );
    assert_eq!(steps["signIn"]["user"]["email"], email.as_str(), "{steps}");
    expect("sessions", json!(2));
    expect("revokeSession", json!({ "status": true }));
    expect("revokeOthers", json!({ "status": true }));
    expect("signOut", json!({ "success": true }));
    assert_eq!(
        steps["wrongCurrentPassword"]["error"]["code"], "INVALID_PASSWORD",
        "{steps}"
    );
    for (step, signed_in) in [
        ("phoneAfterRevoke", false),
        ("tabletAfterRevoke", false),
        ("laptopAfterRevoke", true),
        ("laptopAfterChange", true),
        ("tabletAfterChange", false),
        ("laptopAfterSignOut", false),
        ("tabletAfterSignOut", true),
        ("tabletAfterDelete", false),
    ] {
        expect(step, if signed_in { json!(email) } else { Value::Null });
    }
    assert_eq!(steps["social"]["redirect"], true, "{steps}");
    let url = steps["social"]["url"].as_str().unwrap();
    assert!(url.starts_with(&github.base_url()), "{url}");
    let welcome = format!("{ORIGIN}/welcome");
    expect("callback", json!({ "status": 302, "location": welcome }));
    assert_eq!(
        steps["socialSession"]["user"]["email"],
        social.as_str(),
        "{steps}"
    );
    expect("socialWaysIn", json!([["github", "4711"]]));
    expect(
        "wrongDelete",
        json!({ "error": { "status": 400, "code": "INVALID_PASSWORD" } }),
    );
    expect(
        "delete",
        json!({ "success": true, "message": "User deleted" }),
    );
}

const CLIENT_ID: &str = "client_01CLIENTS";
const API_KEY: &str = "sk_test_clients";
const COOKIE_PASSWORD: &str = "a-cookie-password-of-32-characters";

#[tokio::test]
async fn workos_sdk_sessions_are_interchangeable() {
    let Some(scripts) = installed("workos").await else {
        return;
    };
    let workos = WorkOs::start(CLIENT_ID, API_KEY).await.unwrap();
    let app = App::with_defaults()
        .variable("workos_client_id", CLIENT_ID)
        .variable("workos_api_key", API_KEY)
        .variable("workos_cookie_password", COOKIE_PASSWORD)
        .variable("workos_base_url", workos.base_url())
        .start()
        .await;
    let url = workos.base_url();
    let sdk = async |command: &str, input: &str| {
        let arguments = [command, &url, CLIENT_ID, API_KEY, COOKIE_PASSWORD, input];
        scripts.run("workos.mjs", &arguments).await
    };
    let by_cookie = |sealed: &str| {
        app.client()
            .with("cookie", &format!("wos-session={sealed}"))
    };
    let user = "user_01CLIENTS";

    let fresh = sdk("seal", &workos.code_for(user)).await;
    let fresh = by_cookie(fresh["sealedSession"].as_str().unwrap());
    let response = fresh.get("/api/v1/auth/me").await;
    assert_eq!(response.status, 200, "{response:?}");
    let id = format!("workos_{user}");
    assert_eq!(response.json()["user"]["id"], id.as_str());
    assert_eq!(response.cookie("wos-session"), None, "no renewed cookie");

    // A token that was expired from the beginning.
    workos.access_tokens_last(-60);
    let old = sdk("seal", &workos.code_for(user)).await;
    workos.access_tokens_last(300);
    let old = by_cookie(old["sealedSession"].as_str().unwrap());
    let response = old.get("/api/v1/auth/me").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.json()["user"]["id"], id.as_str());
    let renewed = response.cookie("wos-session").expect("a renewed cookie");

    let opened = sdk("open", &renewed).await;
    assert_eq!(opened["authenticated"], true, "{opened}");
    assert_eq!(opened["user"]["id"], user, "{opened}");
    assert_eq!(opened["refreshed"], true, "{opened}");
    // And what the SDK makes of ours, we take again.
    let again = by_cookie(opened["sealedSession"].as_str().unwrap());
    let response = again.get("/api/v1/auth/me").await;
    assert_eq!(response.json()["user"]["id"], id.as_str(), "{response:?}");
}

#[tokio::test]
async fn clerk_sdk_tokens_are_interchangeable() {
    let Some(scripts) = installed("clerk").await else {
        return;
    };
    let clerk = Clerk::start().await.unwrap();
    let app = App::with_defaults()
        .variable("clerk_base_url", clerk.base_url())
        .variable("clerk_authorized_parties", ORIGIN)
        .start()
        .await;
    let me = async |token: &str| app.client().bearer(token).get("/api/v1/auth/me").await;
    let made = scripts
        .run("clerk.mjs", &["sign", &clerk.base_url(), "user_sdk"])
        .await;
    clerk.serve_key(made["key"].clone());
    for (name, token) in made["tokens"].as_object().unwrap() {
        let response = me(token.as_str().unwrap()).await;
        if name == "valid" {
            assert_eq!(response.status, 200, "{response:?}");
            assert_eq!(response.json()["user"]["id"], "clerk_user_sdk");
        } else {
            response.is_error(401, "UNAUTHORIZED");
        }
    }
    // The fake is like the real one: the SDK accepts what it makes, and so do we.
    let token = clerk.session_token("user_fake", &Value::Null);
    let key = clerk.key().public().to_string();
    let claims = scripts
        .run("clerk.mjs", &["verify", &token, &key, ORIGIN])
        .await;
    assert_eq!(claims["sub"], "user_fake", "{claims}");
    let response = me(&token).await;
    assert_eq!(
        response.json()["user"]["id"],
        "clerk_user_fake",
        "{response:?}"
    );
}
