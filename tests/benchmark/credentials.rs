//! The cost of authentication for each kind of credential: the same cheap request with and without the
//! credential, alternating on one connection.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use upstream::{Clerk, Upstream, WorkOs};

use crate::client::{Connection, drain};
use crate::goldfish::{self, Goldfish};
use crate::table::{Row, Table, percentile};

/// Lists the models, for which no store is read. Without a credential the response is 401; up to
/// authentication both requests are handled alike.
const PATH: &str = "/api/models";

/// Requests with one kind of credential before the next kind.
const BATCH: usize = 40;

/// The name and value of a header that authenticates a user, or none.
type Credential = Option<(&'static str, String)>;

/// Adds a row for each kind of credential.
pub(crate) async fn measure(table: &mut Table, upstream: &Upstream, length: u32) -> Result<()> {
    let sessions: Value = serde_json::from_slice(&fixture("sessions.json")?)?;
    let client_id = text(&sessions["clientId"]);
    let workos = WorkOs::start(&client_id, "sk_benchmark").await?;
    workos.serve_keys(serde_json::from_slice(&fixture("jwks.json")?)?);
    let clerk = Clerk::start().await?;
    let variables = [
        ("workos_client_id", client_id),
        ("workos_cookie_password", text(&sessions["cookiePassword"])),
        ("workos_base_url", workos.base_url()),
        ("clerk_base_url", clerk.base_url()),
        ("rate_limit_password_per_minute", "0".to_owned()),
    ];
    let goldfish = Goldfish::start_with(upstream, &variables).await?;
    let mut kinds = own_credentials(goldfish.address()).await;
    let sealed = text(&sessions["cookies"]["valid"]);
    kinds.push((
        "WorkOS cookie",
        Some(("cookie", format!("wos-session={sealed}"))),
    ));
    let hour = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600;
    let token = clerk.session_token("user_benchmark", &json!({ "exp": hour }));
    kinds.push(("Clerk token", bearer(&token)));

    let mut connection = Connection::open(goldfish.address()).await;
    let mut without_credential = Vec::new();
    let mut samples = vec![Vec::new(); kinds.len()];
    for round in 0..=3 * length {
        let times_without = times(&mut connection, &None).await;
        // The first round warms up instances and fetches key sets.
        if round > 0 {
            without_credential.extend(times_without);
        }
        for ((_, credential), samples) in kinds.iter().zip(&mut samples) {
            let times_with = times(&mut connection, credential).await;
            if round > 0 {
                samples.extend(times_with);
            }
        }
    }
    let baseline = percentile(&without_credential, 50);
    table.add(Row {
        what: format!("GET {PATH} without a credential, 1 connection, p50"),
        unit: "µs",
        value: baseline,
        target: None,
        compared: None,
    });
    for ((name, _), samples) in kinds.iter().zip(&samples) {
        table.add(Row {
            what: format!("added by authenticating: {name}, p50"),
            unit: "µs",
            value: percentile(samples, 50) - baseline,
            target: None,
            compared: None,
        });
    }
    compare_passwords(table, &mut connection, length).await;
    Ok(())
}

/// The time of a login with a wrong password, for an address with an account and for one without. The
/// times must be equal, so that they do not reveal which addresses have accounts.
async fn compare_passwords(table: &mut Table, connection: &mut Connection, length: u32) {
    let addresses = ["ada@example.com", "nobody@example.com"];
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..=20 * length {
        for (address, samples) in addresses.iter().zip(&mut samples) {
            let body = json!({ "email": address, "password": "wrong-password" });
            let request = request("POST", "/api/v1/auth/login", &None, body.to_string());
            let started = Instant::now();
            let response = connection.response(request).await;
            assert_eq!(response.status().as_u16(), 401);
            drain(&mut response.into_body()).await;
            if round > 0 {
                samples.push(started.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    for (description, samples) in ["with an account", "without an account"]
        .iter()
        .zip(&samples)
    {
        table.add(Row {
            what: format!("login with a wrong password, address {description}, p50"),
            unit: "µs",
            value: percentile(samples, 50),
            target: None,
            compared: None,
        });
    }
}

/// The credentials of a guest and of a registered user with an API key.
async fn own_credentials(address: SocketAddr) -> Vec<(&'static str, Credential)> {
    let mut connection = Connection::open(address).await;
    let mut post = async |path: &str, token: &Credential, body: Value| {
        let request = request("POST", path, token, body.to_string());
        let response = connection.response(request).await;
        assert_eq!(response.status().as_u16(), 201, "{path}");
        let cookie = cookie(&response);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        (body, cookie)
    };
    let (guest, _) = post("/api/v1/auth/guest", &None, json!({})).await;
    let account = json!({ "email": "ada@example.com", "password": "Vortex-lantern-83-mosaic" });
    let (user, cookie) = post("/api/v1/auth/register", &None, account).await;
    let user_token = bearer(&text(&user["token"]));
    let (key, _) = post(
        "/api-keys/create",
        &user_token,
        json!({ "name": "benchmark" }),
    )
    .await;
    vec![
        ("guest's bearer token", bearer(&text(&guest["token"]))),
        ("registered user's bearer token", user_token),
        ("session cookie", cookie.map(|cookie| ("cookie", cookie))),
        ("API key", bearer(&text(&key["key"]))),
    ]
}

/// Microseconds of each request of a batch.
async fn times(connection: &mut Connection, credential: &Credential) -> Vec<f64> {
    let expected = if credential.is_some() { 200 } else { 401 };
    let mut samples = Vec::new();
    for _ in 0..BATCH {
        let request = request("GET", PATH, credential, String::new());
        let started = Instant::now();
        let response = connection.response(request).await;
        assert_eq!(response.status().as_u16(), expected);
        drain(&mut response.into_body()).await;
        samples.push(started.elapsed().as_secs_f64() * 1e6);
    }
    samples
}

fn request(
    method: &str,
    path: &str,
    credential: &Credential,
    body: String,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json");
    if let Some((name, value)) = credential {
        request = request.header(*name, value);
    }
    request.body(Full::new(Bytes::from(body))).unwrap()
}

fn bearer(token: &str) -> Credential {
    Some(("authorization", format!("Bearer {token}")))
}

/// The cookie that a response sets, as the value of a `Cookie` header.
fn cookie(response: &Response<Incoming>) -> Option<String> {
    let line = response.headers().get("set-cookie")?.to_str().unwrap();
    line.split(';').next().map(str::to_owned)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// A fixture of the component `identity`: sessions sealed by the WorkOS SDK and their key set.
fn fixture(name: &str) -> Result<Vec<u8>> {
    let folder = "components/capabilities/identity/tests/fixtures/workos";
    let root = goldfish::manifest();
    let path = root.parent().unwrap().join(folder).join(name);
    Ok(std::fs::read(path)?)
}
