//! What it costs to know who is asking, for each kind of credential: the same cheap request with the
//! credential and without any, turn by turn on one connection.

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

/// Lists the models: no store is read for what it answers. Without a credential it is 401, for which
/// the request takes the same way up to the question who is asking.
const PATH: &str = "/api/models";

/// Requests of one kind before it is another's turn.
const TURN: usize = 40;

/// A header that proves a user, or none.
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
    let mut without = Vec::new();
    let mut samples = vec![Vec::new(); kinds.len()];
    for round in 0..=3 * length {
        let base = times(&mut connection, &None).await;
        // The first round warms up instances and fetches key sets.
        if round > 0 {
            without.extend(base);
        }
        for ((_, credential), samples) in kinds.iter().zip(&mut samples) {
            let taken = times(&mut connection, credential).await;
            if round > 0 {
                samples.extend(taken);
            }
        }
    }
    let base = percentile(&without, 50);
    table.add(Row {
        what: format!("GET {PATH} without a credential, 1 connection, p50"),
        unit: "µs",
        value: base,
        target: None,
        native: None,
    });
    for ((name, _), samples) in kinds.iter().zip(&samples) {
        table.add(Row {
            what: format!("added by authenticating: {name}, p50"),
            unit: "µs",
            value: percentile(samples, 50) - base,
            target: None,
            native: None,
        });
    }
    compare_passwords(table, &mut connection, length).await;
    Ok(())
}

/// What a wrong password takes for an address that has an account and for one that has none, turn by
/// turn: nobody is to learn from the time which is which.
async fn compare_passwords(table: &mut Table, connection: &mut Connection, length: u32) {
    let addresses = ["ada@example.com", "nobody@example.com"];
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..=20 * length {
        for (address, samples) in addresses.iter().zip(&mut samples) {
            let body = json!({ "email": address, "password": "wrong-password" });
            let request = request("POST", "/api/v1/auth/login", &None, body.to_string());
            let begun = Instant::now();
            let answer = connection.exchange(request).await;
            assert_eq!(answer.status().as_u16(), 401);
            drain(&mut answer.into_body()).await;
            if round > 0 {
                samples.push(begun.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    for (whose, samples) in ["of an account", "of nobody"].iter().zip(&samples) {
        table.add(Row {
            what: format!("a wrong password, address {whose}, p50"),
            unit: "µs",
            value: percentile(samples, 50),
            target: None,
            native: None,
        });
    }
}

/// A guest, somebody registered, and their key.
async fn own_credentials(address: SocketAddr) -> Vec<(&'static str, Credential)> {
    let mut connection = Connection::open(address).await;
    let mut post = async |path: &str, token: &Credential, body: Value| {
        let request = request("POST", path, token, body.to_string());
        let answer = connection.exchange(request).await;
        assert_eq!(answer.status().as_u16(), 201, "{path}");
        let cookie = cookie(&answer);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
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

/// Microseconds of each request of a turn.
async fn times(connection: &mut Connection, credential: &Credential) -> Vec<f64> {
    let expected = if credential.is_some() { 200 } else { 401 };
    let mut samples = Vec::new();
    for _ in 0..TURN {
        let request = request("GET", PATH, credential, String::new());
        let begun = Instant::now();
        let answer = connection.exchange(request).await;
        assert_eq!(answer.status().as_u16(), expected);
        drain(&mut answer.into_body()).await;
        samples.push(begun.elapsed().as_secs_f64() * 1e6);
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

/// The cookie that an answer sets, as it is to be sent back.
fn cookie(answer: &Response<Incoming>) -> Option<String> {
    let line = answer.headers().get("set-cookie")?.to_str().unwrap();
    line.split(';').next().map(str::to_owned)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// A session that WorkOS' SDK has sealed, and its key set; the identity component's own.
fn fixture(name: &str) -> Result<Vec<u8>> {
    let folder = "components/capabilities/identity/tests/fixtures/workos";
    let root = goldfish::manifest();
    let path = root.parent().unwrap().join(folder).join(name);
    Ok(std::fs::read(path)?)
}
