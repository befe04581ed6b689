//! The behaviour of a host for `spin.toml`: routing, denial, composition. Spin has all of it; the
//! embedded host must behave alike.

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use toml::Value;
use upstream::{Script, Upstream};

use crate::harness::{App, ChangedManifest, component, spin_is_the_host, trigger};

#[tokio::test]
async fn http_2_without_tls_is_accepted() {
    let app = App::shared().await;
    let stream = tokio::net::TcpStream::connect(app.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let request = || {
        http::Request::get(format!("http://{}/health", app.address()))
            .body(Empty::<bytes::Bytes>::new())
            .unwrap()
    };
    // Several requests on one connection at once.
    let responses = futures::future::join_all((0..8).map(|_| sender.send_request(request()))).await;
    for response in responses {
        let response = response.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], "ok");
    }
    connection.abort();
}

#[tokio::test]
async fn a_kept_alive_connection_serves_many_requests() {
    let app = App::shared().await;
    let stream = tokio::net::TcpStream::connect(app.address()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    for path in ["/health", "/nowhere", "/health"] {
        let request = http::Request::get(path)
            .header("host", "localhost")
            .body(Empty::<bytes::Bytes>::new())
            .unwrap();
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status() == 200, path == "/health");
        response.into_body().collect().await.unwrap();
    }
    connection.abort();
}

#[tokio::test]
async fn a_private_route_is_404() {
    let manifest = ChangedManifest::new(|table| {
        let mut private = toml::Table::new();
        private.insert("private".to_owned(), true.into());
        trigger(table, "/health").insert("route".to_owned(), private.into());
    });
    let app = App::with_defaults().manifest(manifest.path()).start().await;
    let client = app.client().undescribed();
    client.get("/health").await.is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn the_most_specific_route_wins() {
    // The catch-all is listed first and still matches last. A literal segment is preferred to a parameter.
    let manifest = ChangedManifest::new(|table| {
        let triggers = table["trigger"]["http"].as_array_mut().unwrap();
        let is_catch_all = |trigger: &Value| trigger["route"].as_str() == Some("/...");
        let position = triggers.iter().position(is_catch_all).unwrap();
        let catch_all = triggers.remove(position);
        triggers.insert(0, catch_all);
        let more = [
            ("/api/conversations/health", "health"),
            ("/api/v1/...", "health"),
        ];
        for (route, component) in more {
            let mut trigger = toml::Table::new();
            trigger.insert("route".to_owned(), route.into());
            trigger.insert("component".to_owned(), component.into());
            triggers.push(Value::Table(trigger));
        }
    });
    let app = App::with_defaults().manifest(manifest.path()).start().await;
    let guest = app.client().guest().await;
    assert_eq!(app.client().get("/health").await.status, 200);
    assert_eq!(guest.get("/api/conversations").await.status, 200);
    assert_eq!(guest.get("/api/v1/auth/me").await.status, 200);
    // Both respond with 404. The logged route shows which component responded.
    let literal = guest
        .with("x-request-id", "literal")
        .get("/api/conversations/health")
        .await;
    assert_eq!(
        literal.status, 404,
        "health knows no such path: {literal:?}"
    );
    let other = guest
        .with("x-request-id", "other")
        .get("/api/conversations/healthy")
        .await;
    other.is_error(404, "NOT_FOUND");
    let logs = crate::harness::eventually("both log lines", || async {
        let logs = app.logs();
        (logs.contains("\"literal\"") && logs.contains("\"other\"")).then_some(logs)
    })
    .await;
    let route = |id: &str| {
        let line = logs.lines().find(|line| line.contains(id)).unwrap();
        let line: serde_json::Value =
            serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap();
        line["route"].clone()
    };
    assert_eq!(route("\"other\""), "/api/conversations/:id");
    assert_ne!(route("\"literal\""), "/api/conversations/:id");
}

#[tokio::test]
async fn a_request_to_a_host_without_grant_is_denied() {
    let upstream = Upstream::start(Script::new(["never"])).await.unwrap();
    let manifest = ChangedManifest::new(|table| {
        let hosts = vec![Value::from("https://api.openai.com")];
        component(table, "chat").insert("allowed_outbound_hosts".to_owned(), hosts.into());
    });
    let app = App::with_defaults()
        .openai(&upstream)
        .manifest(manifest.path())
        .start()
        .await;
    let guest = app.client().guest().await;
    let response = guest
        .post("/api/chat", json!({ "message": "Hi", "model": "gpt-4o" }))
        .await;
    assert!(matches!(response.status, 502 | 503), "{response:?}");
    assert!(upstream.requests().is_empty());
    assert!(!response.text().contains("127.0.0.1"), "{response:?}");
}

#[tokio::test]
async fn a_grant_that_is_not_inherited_is_denied() {
    let upstream = Upstream::start(Script::new(["never"])).await.unwrap();
    let manifest = ChangedManifest::new(|table| {
        let chat = component(table, "chat");
        let dependencies = chat["dependencies"].as_table_mut().unwrap();
        let llm = dependencies["goldfish:llm@0.1.0"].as_table_mut().unwrap();
        let inherited = vec![Value::from("variables")];
        llm.insert("inherit_configuration".to_owned(), inherited.into());
    });
    let app = App::with_defaults()
        .openai(&upstream)
        .manifest(manifest.path())
        .start()
        .await;
    let guest = app.client().guest().await;
    let response = guest
        .post("/api/chat", json!({ "message": "Hi", "model": "gpt-4o" }))
        .await;
    assert!(response.status >= 500, "{response:?}");
    assert!(upstream.requests().is_empty());
    // The rest of it works.
    assert_eq!(
        guest
            .chat(json!({ "message": "Hi", "model": "demo" }))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_store_without_grant_is_denied() {
    let manifest = ChangedManifest::new(|table| {
        component(table, "health").remove("key_value_stores");
    });
    let app = App::with_defaults().manifest(manifest.path()).start().await;
    let response = app.client().get("/health").await;
    assert_eq!(response.status, 503, "{response:?}");
    assert_ne!(response.json()["checks"]["keyValue"], "ok");
    assert_eq!(
        app.client().guest().await.get("/api/history").await.status,
        200
    );
}

#[tokio::test]
async fn a_trap_reveals_nothing_and_other_requests_succeed() {
    let folder = crate::harness::Folder::new();
    let path = folder.path().join("trap.wasm");
    let manifest = ChangedManifest::new(|table| {
        let health = component(table, "health");
        let source = health["source"].as_str().unwrap().to_owned();
        std::fs::write(&path, trapping_double(&std::fs::read(source).unwrap())).unwrap();
        health.insert("source".to_owned(), path.to_str().unwrap().into());
        // It calls nothing, so that there is nothing to compose it with.
        health.remove("dependencies");
    });
    let app = App::with_defaults().manifest(manifest.path()).start().await;
    for _ in 0..3 {
        let response = app.client().accept_host_errors().get("/health").await;
        assert!(response.is_host_error(), "{response:?}");
        let text = format!("{:?} {}", response.headers, response.text()).to_lowercase();
        for word in ["wasm", "trap", "unreachable", "backtrace", "panic"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert_eq!(app.client().get("/nowhere").await.status, 404);
    }
    app.client().guest().await.say("still here").await;
}

/// A component with the same exports, all of which trap.
fn trapping_double(bytes: &[u8]) -> Vec<u8> {
    use wit_parser::{LiftLowerAbi, ManglingAndAbi};
    let wit_component::DecodedWasm::Component(mut resolve, world) =
        wit_component::decode(bytes).unwrap()
    else {
        panic!("no component");
    };
    let unneeded: Vec<_> = resolve.worlds[world]
        .imports
        .keys()
        .filter(|key| {
            let name = resolve.name_world_key(key);
            !["wasi:http/types", "wasi:clocks/types"]
                .iter()
                .any(|needed| name.starts_with(needed))
        })
        .cloned()
        .collect();
    for name in unneeded {
        resolve.worlds[world].imports.shift_remove(&name);
    }
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::AsyncCallback);
    let mut module = wit_component::dummy_module(&resolve, world, mangling);
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
    )
    .unwrap();
    wit_component::ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

#[tokio::test]
async fn goldfish_prints_routes_and_reads_the_environment() {
    if spin_is_the_host() {
        eprintln!("SKIPPED: what Spin prints is Spin's");
        return;
    }
    let app = App::with_defaults()
        .process()
        .environment("SPIN_VARIABLE_CORS_ORIGINS", "https://from.environment")
        .environment("SPIN_VARIABLE_RATE_LIMIT_API_PER_MINUTE", "1")
        .start()
        .await;
    let output = app.logs();
    for route in ["/api/chat", "/api/conversations/:id", "/health", "/..."] {
        assert!(output.contains(route), "{output}");
    }
    let origin = "https://from.environment";
    let response = app.client().with("origin", origin).get("/health").await;
    assert_eq!(response.header("access-control-allow-origin"), Some(origin));
    // The command line comes before the environment: the harness sets that limit high.
    let guest = app.client().guest().await;
    for _ in 0..3 {
        assert_eq!(guest.get("/api/models").await.status, 200);
    }
}

#[tokio::test]
async fn a_chat_in_a_conversation_writes_at_most_six_times() {
    // One more, if a new minute of the rate limiter began meanwhile.
    chats_write("off", true, 41).await;
    // Two for each, and now and then a snapshot.
    chats_write("on", true, 63).await;
}

#[tokio::test]
async fn a_chat_that_evicts_a_conversation_writes_at_most_eight_times() {
    // Two more than in a conversation: the first word is recorded before another conversation is evicted.
    chats_write("off", false, 61).await;
    chats_write("on", false, 83).await;
}

/// Ten chats cause at most `most` writes, with this value of the variable `usage_ledger`, in one
/// conversation or each in a new one that evicts another.
async fn chats_write(usage_ledger: &str, in_one_conversation: bool, most: u64) {
    let upstream = Upstream::start(Script::words(20)).await.unwrap();
    // The limits that the harness sets are counted in larger steps, and so in fewer writes.
    let app = App::with_defaults()
        .default_of("rate_limit_chat_per_minute")
        .variable("usage_ledger", usage_ledger)
        .openai(&upstream)
        .start()
        .await;
    let Some(host) = app.embedded() else {
        assert!(spin_is_the_host());
        eprintln!("SKIPPED: Spin does not count key-value calls");
        return;
    };
    let guest = app.client().guest().await;
    let mut chat = json!({ "message": "Hi", "model": "gpt-4o" });
    for _ in 0..3 {
        guest.chat(chat.clone()).await.events().await;
    }
    if in_one_conversation {
        let history = guest.get("/api/history").await.json();
        chat["conversationId"] = history["conversations"][0]["id"].clone();
    }
    let before = host.kv_counts().writes;
    for _ in 0..10 {
        guest.chat(chat.clone()).await.events().await;
    }
    let written = host.kv_counts().writes - before;
    assert!(written > 0, "there must be writes");
    assert!(written <= most, "{written} writes for ten chats");
}
