use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::*;
use crate::service::{Service, ServiceFailure};

const REDIRECT: &str = "http://localhost:3000/api/auth/callback";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Sends a request and gives status line and body.
async fn send(service: &Service, head: &str, headers: &str, body: &str) -> (String, String) {
    let mut socket = TcpStream::connect(service.address()).await.unwrap();
    let length = body.len();
    let request =
        format!("{head} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n{body}");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_default();
    (
        head.lines().next().unwrap_or_default().to_owned(),
        body.to_owned(),
    )
}

fn authorize(base: &str, path: &str) -> String {
    format!(
        "{base}{path}?client_id=app&redirect_uri={REDIRECT}&response_type=code&state=s%201\
         &scope=read:user%20user:email&code_challenge={CHALLENGE}&code_challenge_method=S256"
    )
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn form(code: &str, verifier: &str, secret: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id=app&client_secret={secret}&code={code}\
         &redirect_uri={REDIRECT}&code_verifier={verifier}"
    )
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn github_gives_a_code_once_for_the_right_verifier() {
    let github = GitHub::start("app", "secret").await.unwrap();
    let url = authorize(&github.base_url(), "/login/oauth/authorize");
    let denied = github.consent(&url);
    assert_eq!(parameter(&denied, "error").unwrap(), "access_denied");
    assert_eq!(parameter(&denied, "state").unwrap(), "s 1");

    github.sign_in(GitHubUser::new(1, "octocat", "octocat@example.com"));
    let json_please = "accept: application/json\r\nuser-agent: x\r\n";
    let post = "POST /login/oauth/access_token";
    let code = || parameter(&github.consent(&url), "code").unwrap();
    for (body, error) in [
        (
            form(&code(), VERIFIER, "wrong"),
            "incorrect_client_credentials",
        ),
        (
            form(&code(), "somethingelse", "secret"),
            "bad_verification_code",
        ),
        (form("unknown", VERIFIER, "secret"), "bad_verification_code"),
    ] {
        let (status, body) = send(&github, post, json_please, &body).await;
        assert!(status.contains("200"), "{status}");
        assert!(body.contains(error), "{body}");
    }
    let late = code();
    github.expire_codes();
    let late = form(&late, VERIFIER, "secret");
    let (_, late) = send(&github, post, json_please, &late).await;
    assert!(late.contains("bad_verification_code"), "{late}");

    let code = code();
    let good = form(&code, VERIFIER, "secret");
    let (_, body) = send(&github, post, json_please, &good).await;
    let response: Value = serde_json::from_str(&body).unwrap();
    let token = response["access_token"].as_str().unwrap();
    let (_, again) = send(&github, post, json_please, &good).await;
    assert!(again.contains("bad_verification_code"), "{again}");

    let bearer = format!("authorization: Bearer {token}\r\nuser-agent: x\r\n");
    let (_, body) = send(&github, "GET /api/v3/user", &bearer, "").await;
    assert!(body.contains(r#""login":"octocat""#), "{body}");
    assert!(body.contains(r#""email":null"#), "{body}");
    let (_, body) = send(&github, "GET /api/v3/user/emails", &bearer, "").await;
    assert!(body.contains("octocat@example.com"), "{body}");
    let nameless = format!("authorization: Bearer {token}\r\n");
    let (status, _) = send(&github, "GET /api/v3/user", &nameless, "").await;
    assert!(status.contains("403"), "{status}");
    assert_eq!(github.calls("/user").len(), 2);
}

#[tokio::test]
async fn google_answers_an_id_token() {
    let google = Google::start("app", "secret").await.unwrap();
    google.sign_in(GoogleUser::new("117", "ada@example.com", "Ada"));
    let url = authorize(&google.base_url(), "/o/oauth2/v2/auth");
    let code = parameter(&google.consent(&url), "code").unwrap();
    google.claim(json!({"aud": "other", "picture": null}));
    let body = form(&code, VERIFIER, "secret");
    let (_, body) = send(&google, "POST /token", "", &body).await;
    let response: Value = serde_json::from_str(&body).unwrap();
    let claims = claims(response["id_token"].as_str().unwrap());
    assert_eq!(claims["email"], "ada@example.com");
    assert_eq!(claims["aud"], "other");
    assert_eq!(claims.get("picture"), None);
    let body = form(&code, VERIFIER, "secret");
    let (status, body) = send(&google, "POST /token", "", &body).await;
    assert!(status.contains("400"), "{status}");
    assert!(body.contains("invalid_grant"), "{body}");
}

#[tokio::test]
async fn workos_rotates_refresh_tokens_and_ends_sessions() {
    let workos = WorkOs::start("client_1", "sk_test_1").await.unwrap();
    let session = workos.begin_session("user_1");
    let refresh = |token: &str| {
        json!({
            "client_id": "client_1",
            "client_secret": "sk_test_1",
            "grant_type": "refresh_token",
            "refresh_token": token,
        })
        .to_string()
    };
    let post = "POST /user_management/authenticate";
    let (_, body) = send(&workos, post, "", &refresh(&session.refresh_token)).await;
    let response: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        claims(response["access_token"].as_str().unwrap())["sid"],
        session.id.as_str()
    );
    let (status, body) = send(&workos, post, "", &refresh(&session.refresh_token)).await;
    assert!(status.contains("400"), "{status}");
    assert!(body.contains("already exchanged"), "{body}");

    let revoke = json!({"session_id": session.id}).to_string();
    let post_revoke = "POST /user_management/sessions/revoke";
    let (status, _) = send(&workos, post_revoke, "", &revoke).await;
    assert!(status.contains("401"), "{status}");
    let bearer = "authorization: Bearer sk_test_1\r\n";
    send(&workos, post_revoke, bearer, &revoke).await;
    assert!(workos.session(&session.id).unwrap().ended);
    let newest = response["refresh_token"].as_str().unwrap();
    let (_, body) = send(&workos, post, "", &refresh(newest)).await;
    assert!(body.contains("already ended"), "{body}");
}

#[tokio::test]
async fn clerk_rotates_its_keys_and_anything_can_be_out_of_order() {
    let clerk = Clerk::start().await.unwrap();
    let token = clerk.session_token("user_1", &json!({"azp": null}));
    assert_eq!(claims(&token)["iss"], clerk.base_url().as_str());
    assert_eq!(claims(&token).get("azp"), None);
    let get = "GET /.well-known/jwks.json";
    let (_, one) = send(&clerk, get, "", "").await;
    clerk.rotate();
    let (_, two) = send(&clerk, get, "", "").await;
    assert!(two.len() > one.len());
    clerk.fail("jwks.json", 1, ServiceFailure::Status(500));
    clerk.fail("", 1, ServiceFailure::Cut);
    assert!(send(&clerk, get, "", "").await.0.contains("500"));
    assert_eq!(send(&clerk, get, "", "").await.0, "");
    assert!(send(&clerk, get, "", "").await.0.contains("200"));
    assert_eq!(clerk.calls("jwks.json").len(), 5);
}
