//! `/openapi.json` and `/docs`: that the description is there, and of this API. That the API keeps to
//! it is checked with every request of this suite: see `harness/description.rs`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::harness::{
    ADMIN_KEY, App, Client, Response, Scripts, check_examples, manifest, skip_or_fail,
};
use crate::promises::edge;

/// Paths without a description: pages, which programs do not request, and unknown paths.
fn not_described() -> impl Iterator<Item = (&'static str, &'static str)> {
    // The proxy alone sends events of WebSockets.
    let others = [
        ("ANY", "/..."),
        ("POST", "/ws"),
        ("POST", "/ws/:conversationId"),
    ];
    edge::PAGES.into_iter().chain(others)
}

async fn description() -> Value {
    let response = App::shared().await.client().get("/openapi.json").await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

#[tokio::test]
async fn openapi_json_is_generated_from_the_routes() {
    let routes = manifest().parent().unwrap().join("components/routes");
    let made = api_description::render(&routes).unwrap();
    let kept = std::fs::read_to_string(routes.join(api_description::DOCUMENT_FILE)).unwrap();
    assert!(
        made == kept,
        "openapi.json is not of these fragments: run `cargo run --package api-description`"
    );
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(description().await, made, "the served document");
    assert_eq!(made["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(made["servers"][0]["url"], "/");
}

#[tokio::test]
async fn openapi_json_describes_every_endpoint() {
    let document = description().await;
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        // `{id}` here is `:id` there.
        let path = path.replace('{', ":").replace('}', "");
        for method in item.as_object().unwrap().keys() {
            if method != "parameters" {
                described.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    let mut there: BTreeSet<_> = edge::in_sources().into_iter().collect();
    for (method, path) in not_described() {
        let was_there = there.remove(&(method.to_owned(), path.to_owned()));
        assert!(was_there, "{method} {path} need not be listed");
    }
    assert_eq!(described, there);
}

#[tokio::test]
async fn openapi_json_is_usable_by_generators() {
    let document = description().await;
    let mut names = BTreeSet::new();
    for operation in operations(&document) {
        let id = operation.id();
        assert!(id.chars().all(char::is_alphanumeric), "{id}");
        assert!(names.insert(id.to_owned()), "{id} is there twice");
        for text in ["summary", "description"] {
            let length = operation.value[text].as_str().map_or(0, str::len);
            assert!(length > 3, "{id}: {text}");
        }
        assert_eq!(operation.value["tags"].as_array().unwrap().len(), 1, "{id}");
    }
    // Nothing that is described is of no use.
    let text = document.to_string();
    for kind in ["schemas", "responses", "parameters", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("\"#/components/{kind}/{name}\"");
            let of_other_methods = kind == "responses" && name.ends_with("MethodNotAllowed");
            assert!(of_other_methods || text.contains(&reference), "{reference}");
        }
    }
}

#[test]
fn examples_match_their_schemas() {
    assert!(check_examples() > 100);
}

/// One method of one path.
struct Operation<'a> {
    method: String,
    path: &'a str,
    value: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let items = document["paths"].as_object().unwrap().iter();
    items
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, value)| (path, method, value))
        })
        .filter(|(_, method, _)| *method != "parameters")
        .map(|(path, method, value)| Operation {
            method: method.to_uppercase(),
            path,
            value,
        })
        .collect()
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.value["operationId"].as_str().unwrap()
    }

    /// The first example of what may be sent.
    fn request(&self) -> Option<&Value> {
        self.value
            .pointer("/requestBody/content/application~1json")
            .and_then(example)
    }

    /// The first example of the response, in JSON.
    fn response(&self, status: u16) -> Option<&Value> {
        let place = format!("/responses/{status}/content/application~1json");
        self.value.pointer(&place).and_then(example)
    }
}

fn example(content: &Value) -> Option<&Value> {
    let several = content["examples"].as_object();
    let first = several.and_then(|several| several.values().next());
    content
        .get("example")
        .or(first.map(|first| &first["value"]))
}

/// The operations whose examples work unchanged on a new application, in this order.
const STORY: [(&str, u16); 43] = [
    ("getApiDescription", 200),
    ("checkHealth", 200),
    ("createGuest", 201),
    ("register", 201),
    ("login", 200),
    ("loginForToken", 200),
    ("getMe", 200),
    ("sendMessage", 200),
    ("followReply", 204),
    ("stopReply", 200),
    ("regenerateReply", 200),
    ("listConversations", 200),
    ("getConversation", 200),
    ("renameConversation", 200),
    ("listHistory", 200),
    ("listModels", 200),
    ("getPreferences", 200),
    ("updatePreferences", 200),
    ("createApiKey", 201),
    ("listApiKeys", 200),
    ("revokeApiKey", 200),
    ("createChatCompletion", 200),
    ("respond", 200),
    ("listOpenAiModels", 200),
    ("getOpenAiModel", 200),
    ("adminListUsers", 200),
    ("adminSetPlan", 200),
    ("adminGrantCredits", 200),
    ("adminGetUser", 200),
    ("adminGetStatistics", 200),
    ("getUsage", 200),
    ("listTransactions", 200),
    ("authOk", 200),
    ("authError", 400),
    ("authSignInEmail", 200),
    ("authSignInAnonymous", 200),
    ("authListSessions", 200),
    ("authListAccounts", 200),
    ("authUpdateUser", 200),
    ("deleteConversation", 200),
    ("clearHistory", 200),
    ("adminRevokeKeys", 200),
    ("deleteMe", 200),
];

/// A client that follows the examples.
struct Reader {
    client: Client,
    ids: BTreeMap<&'static str, String>,
}

impl Reader {
    fn path(&self, operation: &Operation<'_>) -> String {
        let id = match operation.path {
            path if path.starts_with("/api/admin/") => "user",
            path if path.starts_with("/v1/models/") => "model",
            path if path.starts_with("/api-keys/") => "key",
            _ => "conversation",
        };
        let (before, after) = match operation.path.split_once('{') {
            Some((before, rest)) => (before, rest.split_once('}').unwrap().1),
            None => return operation.path.to_owned(),
        };
        format!("{before}{}{after}", self.ids[id])
    }

    async fn ask(&self, operation: &Operation<'_>) -> Response {
        let path = self.path(operation);
        match operation.request() {
            Some(body) => {
                let client = self.client.with("content-type", "application/json");
                let body = body.to_string().into_bytes();
                client.send(&operation.method, &path, Some(body)).await
            }
            None => self.client.send(&operation.method, &path, None).await,
        }
    }

    /// Stores the values of a response that later requests need.
    fn learn(&mut self, id: &str, response: &Response) {
        let text = |pointer: &str| {
            let body = response.json();
            body.pointer(pointer).unwrap().as_str().unwrap().to_owned()
        };
        match id {
            "register" => {
                self.client = self.client.bearer(&text("/token"));
                self.ids.insert("user", text("/user/id"));
            }
            "sendMessage" => {
                let conversation = response.header("x-conversation-id").unwrap();
                self.ids.insert("conversation", conversation.to_owned());
            }
            "createApiKey" => {
                self.ids.insert("key", text("/id"));
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn examples_are_accepted_by_the_api() {
    let document = description().await;
    let operations = operations(&document);
    let app = App::with_defaults()
        .admin()
        .variable("plans", r#"{"free": {"monthlyCredits": 100000}}"#)
        .start()
        .await;
    let mut reader = Reader {
        client: app.client().admin(),
        ids: BTreeMap::from([("model", "demo".to_owned())]),
    };
    for (id, status) in STORY {
        let operation = operations.iter().find(|one| one.id() == id);
        let operation = operation.unwrap_or_else(|| panic!("no {id}"));
        let response = reader.ask(operation).await;
        assert_eq!(response.status, status, "{id}: {response:?}");
        if let Some(Value::Object(expected)) = operation.response(status) {
            let body = response.json();
            let names =
                |object: &Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(body.as_object().unwrap()), names(expected), "{id}");
        }
        reader.learn(id, &response);
    }
}

#[tokio::test]
async fn openapi_json_is_cached_and_allowed_for_any_origin() {
    let client = App::shared().await.client();
    let plain = client
        .with("origin", crate::harness::ORIGIN)
        .get("/openapi.json")
        .await;
    assert_eq!(plain.header("content-type"), Some("application/json"));
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(
        plain.header("access-control-allow-origin"),
        Some(crate::harness::ORIGIN)
    );
    let tag = plain.header("etag").unwrap();
    let again = client.with("if-none-match", tag).get("/openapi.json").await;
    assert_eq!(again.status, 304, "{again:?}");
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), Some(tag));
    let other = client
        .with("if-none-match", "\"other\"")
        .get("/openapi.json")
        .await;
    assert_eq!(other.status, 200);
    let small = client
        .with("accept-encoding", "gzip")
        .open("GET", "/openapi.json", None)
        .await;
    assert_eq!(small.header("content-encoding"), Some("gzip"));
    let length = small.header("content-length").unwrap();
    assert!(
        length.parse::<usize>().unwrap() < plain.body.len() / 4,
        "{length}"
    );
}

#[tokio::test]
async fn docs_page_loads_only_its_own_files() {
    let client = App::shared().await.client();
    let page = client.get("/docs").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let files: Vec<_> = page
        .text()
        .split('"')
        .filter(|part| part.starts_with("/docs/"))
        .collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        let response = client.get(file).await;
        assert_eq!(response.status, 200, "{file}");
        assert_eq!(response.header("etag"), page.header("etag"), "{file}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
    client
        .get("/docs/nothing.js")
        .await
        .is_error(404, "NOT_FOUND");
    client.get("/docs/a/b").await.is_error(404, "NOT_FOUND");
}

/// A Chromium under one of its usual names.
async fn chromium() -> Result<&'static str, String> {
    for name in ["chromium", "chromium-browser", "google-chrome"] {
        let output = Command::new(name).arg("--version").output().await;
        if output.is_ok_and(|output| output.status.success()) {
            return Ok(name);
        }
    }
    Err("no Chromium is installed".to_owned())
}

/// Where that is.
async fn path_of(program: &str) -> String {
    let script = format!("command -v {program}");
    let output = Command::new("sh")
        .args(["-c", &script])
        .output()
        .await
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn docs_page_sends_requests_in_a_browser() {
    let test = "openapi::docs_page_sends_requests_in_a_browser";
    let browser = match chromium().await {
        Ok(name) => path_of(name).await,
        Err(missing) => return skip_or_fail(test, &missing),
    };
    let scripts = match Scripts::node("docs", (20, 15)).await {
        Ok(scripts) => scripts,
        Err(missing) => return skip_or_fail(test, &missing),
    };
    let app = App::with_defaults().start().await;
    let origin = format!("http://{}", app.address());
    let seen = scripts.run("docs.mjs", &[&browser, &origin]).await;
    assert_eq!(seen["wrong"], json!([]), "{seen}");
    assert!(
        seen["title"].as_str().unwrap().starts_with("goldfish"),
        "{seen}"
    );
    let document = description().await;
    // The operations for the client of Better Auth are folded.
    let is_shown = |one: &&Operation<'_>| one.value["tags"][0] != "Better Auth";
    let shown = operations(&document).iter().filter(is_shown).count();
    assert_eq!(seen["operations"], shown, "{seen}");
    assert_eq!(seen["firstGroup"], "Chat", "{seen}");
    let explained = seen["explained"].as_str().unwrap();
    assert!(explained.contains("You do not need Authorize"), "{seen}");
    assert_eq!(seen["health"]["status"], "200", "{seen}");
    assert!(
        seen["health"]["body"].as_str().unwrap().contains("\"ok\""),
        "{seen}"
    );
    assert_eq!(seen["guest"], "201", "{seen}");
    // No key is filled in that a second request would repeat.
    assert_eq!(seen["idempotencyKey"], "", "{seen}");
    assert_eq!(seen["chats"], json!(["200", "200"]), "{seen}");
    // On a phone nothing is wider than the screen.
    assert_eq!(seen["phoneWidth"], 390, "{seen}");
    assert_eq!(seen["preferences"]["status"], "200", "{seen}");
}

#[tokio::test]
async fn schemathesis_finds_no_errors() {
    let scripts = match Scripts::python("schemathesis", (3, 10)).await {
        Ok(scripts) => scripts,
        Err(missing) => return skip_or_fail("docs::schemathesis_finds_no_errors", &missing),
    };
    let limits = ["chat", "api", "auth", "password"];
    let app = limits
        .iter()
        .fold(App::with_defaults().admin(), |builder, limit| {
            builder.variable(&format!("rate_limit_{limit}_per_minute"), "0")
        })
        .variable("plans", r#"{"free": {}}"#)
        // So that the sign-in flows and the emails can be requested. No email is delivered.
        .variable("github_client_id", "client")
        .variable("github_client_secret", "secret")
        .variable("mail_webhook_url", "http://127.0.0.1:9/")
        .start()
        .await;
    let user = app.client().user().await;
    // The user of the sign-in examples.
    let registered = app.client().register("ada@example.com").await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let url = format!("http://{}", app.address());
    let arguments = [url.as_str(), &user.token, &user.id, ADMIN_KEY];
    let summary = scripts.run("run.py", &arguments).await;
    let document = description().await;
    // It does not test the path of the description, nor the path that only the proxy may request.
    let tested = operations(&document).len() - 2;
    assert_eq!(summary["operations"], tested, "{summary}");
    assert!(summary["cases"].as_u64().unwrap() > 1_000, "{summary}");
}
