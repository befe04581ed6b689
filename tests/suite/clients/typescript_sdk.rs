//! The TypeScript SDK in `sdk/typescript`, against the running application. What it does there is in
//! its `tests`; what has to come of it is here.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::{process::Command, sync::OnceCell};
use upstream::{Fault, Script, Upstream};

use crate::harness::{
    ADMIN_KEY, App, Folder, GRIP_KEY, GripProxy, PASSWORD, ProxyKind, Scripts, World, manifest,
    new_email, skip_or_fail, world,
};

const REWRITE: &str = "GOLDFISH_WRITE=1 cargo test --workspace --test suite typescript_sdk::types";

/// The SDK, built, with its tests and the programs of its README; none without Node.js.
pub(super) async fn built(test: &str) -> Option<&'static Scripts> {
    static BUILT: OnceCell<Result<Scripts, String>> = OnceCell::const_new();
    let scripts = BUILT
        .get_or_init(|| async {
            let scripts = Scripts::package("sdk/typescript", (20, 0)).await?;
            let readme = scripts.folder().join("README.md");
            let readme = std::fs::read_to_string(readme).unwrap();
            let program = scripts.folder().join("tests/readme.ts");
            std::fs::write(program, examples(&readme)).unwrap();
            // Strict types, of the SDK, of what the tests do with it, and of the examples.
            scripts.npm("build", &[]).await;
            scripts.npm("check", &[]).await;
            Ok(scripts)
        })
        .await;
    scripts
        .as_ref()
        .map_err(|missing| skip_or_fail(&format!("typescript_sdk::{test}"), missing))
        .ok()
}

/// The examples of the README, one after the other as one reads them, as one program.
fn examples(readme: &str) -> String {
    let blocks = readme.split("```ts\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 5, "{} examples", blocks.len());
    let base = "'http://127.0.0.1:3000'";
    let program = blocks.concat();
    assert!(program.contains(base));
    program.replace(base, "process.env['GOLDFISH_URL'] ?? ''")
}

async fn run(scripts: &Scripts, app: &App, step: &str) -> Value {
    run_with(scripts, app, step, "").await
}

async fn run_with(scripts: &Scripts, app: &App, step: &str, more: &str) -> Value {
    let base = format!("http://{}", app.address());
    scripts.run("build/steps.js", &[step, &base, more]).await
}

/// Whether an error is the one expected, whatever its sentence and the request's id.
#[track_caller]
fn assert_error(error: &Value, status: u16, code: &str) {
    assert_eq!(error["caught"], "GoldfishError", "{error}");
    assert_eq!(error["status"], status, "{error}");
    assert_eq!(error["code"], code, "{error}");
    assert!(!error["message"].as_str().unwrap().is_empty(), "{error}");
}

fn words(count: usize) -> String {
    (0..count).map(|number| format!("w{number} ")).collect()
}

/// Everything of a reply of so many words, exactly once.
#[track_caller]
fn assert_whole(read: &Value, count: usize, others: &[&str]) {
    assert_eq!(read["text"], words(count), "{read}");
    let numbers: Vec<_> = (1..=count).collect();
    assert_eq!(read["ids"], json!(numbers), "{read}");
    assert_eq!(read["others"], json!(others), "{read}");
}

/// Words that take their time, so that the reply is under way while connections are lost.
fn slow_words(count: usize) -> Script {
    Script::words(count).delay(Duration::from_millis(30))
}

const WHOLE: [&str; 3] = ["conversation", "usage", "done"];

#[tokio::test]
async fn types_match_the_running_application() {
    let Some(scripts) = built("types").await else {
        return;
    };
    let url = format!("http://{}/openapi.json", App::shared().await.address());
    let made = scripts.folder().join("build/schema.ts");
    scripts.npm("schema", &["build/schema.ts", &url]).await;
    let made = std::fs::read_to_string(made).unwrap();
    assert!(made.contains("\"/api/chat\""), "{made}");
    let path = manifest()
        .parent()
        .unwrap()
        .join("sdk/typescript/src/schema.ts");
    if std::env::var_os("GOLDFISH_WRITE").is_some() {
        std::fs::write(path, made).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap();
    let mut lines = made.lines().zip(committed.lines());
    let differing = lines.find(|(is, was)| is != was);
    assert!(
        made == committed,
        "sdk/typescript/src/schema.ts is not what /openapi.json says; write it anew with\n  {REWRITE}\nIt begins to differ here: {differing:#?}"
    );
}

/// Packs a copy of the SDK without dependencies, installs the package, and checks a program that uses it with
/// the types of Node.js but not those of browsers.
const PACK: &str = r#"
set -e
(cd "$SOURCE" && tar --exclude node_modules --exclude dist --exclude build -cf - .) | tar -xf -
npm pack --silent
tar -tzf goldfish-sdk-*.tgz
mkdir app && cd app
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund ../goldfish-sdk-*.tgz
echo "import { Goldfish } from 'goldfish-sdk'; export const client = new Goldfish({ baseUrl: '' });" > program.ts
../node_modules/.bin/tsc --noEmit --strict --target es2022 --module nodenext --lib es2022 \
  --types node --typeRoots ../node_modules/@types program.ts
"#;

#[tokio::test]
async fn package_is_built_from_a_fresh_copy_and_needs_no_types_of_browsers() {
    if built("package").await.is_none() {
        return;
    }
    let folder = Folder::new();
    let output = Command::new("bash")
        .args(["-c", PACK])
        .env(
            "SOURCE",
            manifest().parent().unwrap().join("sdk/typescript"),
        )
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let listed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{listed}{errors}");
    for file in ["LICENSE", "README.md", "dist/index.js", "dist/index.d.ts"] {
        let path = format!("package/{file}");
        assert!(listed.lines().any(|line| line == path), "{file}: {listed}");
    }
}

#[tokio::test]
async fn readme_examples_work() {
    let Some(scripts) = built("readme").await else {
        return;
    };
    let app = App::shared().await;
    let base = format!("http://{}", app.address());
    let printed = scripts
        .print_with("build/readme.js", &[("GOLDFISH_URL", &base)])
        .await;
    let lines: Vec<_> = printed.lines().collect();
    for expected in [
        "demo replies",
        "true true",
        "400 VALIDATION_ERROR",
        "[ 'message' ]",
        "false undefined",
        "guest true",
        "light",
        "true 1",
        "1 Which fish?",
        "free ok",
        "7 of 7 bytes",
        "text/markdown # Notes",
    ] {
        assert!(
            lines.contains(&expected),
            "{expected:?} is not in\n{printed}"
        );
    }
    assert!(printed.contains("42"), "{printed}");
    assert!(printed.contains(" tokens"), "{printed}");
}

#[tokio::test]
async fn files_are_sent_with_progress_and_read_listed_and_deleted() {
    let Some(scripts) = built("files").await else {
        return;
    };
    let read = run(scripts, App::shared().await, "filesOf").await;
    assert_eq!(read["name"], "naïve.bin", "{read}");
    assert_eq!(read["same"], true, "{read}");
    assert_eq!(read["grows"], true, "{read}");
    let end = json!({ "loaded": 300_000, "total": 300_000 });
    assert_eq!(read["end"], end, "{read}");
    assert!(read["steps"].as_u64() >= Some(4), "{read}");
    assert_eq!(read["text"], json!(["a.md", "text/markdown"]), "{read}");
    assert_eq!(read["part"], "Hello", "{read}");
    assert_eq!(read["attached"], json!(["a.md"]), "{read}");
    assert_eq!(read["anonymous"], 200, "{read}");
    assert_eq!(read["listed"], json!(["naïve.bin", "a.md"]), "{read}");
    assert_eq!(read["known"], true, "{read}");
    assert_error(&read["gone"], 404, "NOT_FOUND");
    assert_error(&read["refused"], 413, "PAYLOAD_TOO_LARGE");
    assert_eq!(read["aborted"]["caught"], "Error", "{read}");
}

#[tokio::test]
async fn streams_are_appended_read_followed_and_shared() {
    let Some(scripts) = built("streams").await else {
        return;
    };
    let read = run(scripts, App::shared().await, "streamsOf").await;
    let numbers = |last: u32| (1..=last).map(|number| json!({ "number": number }));
    let numbers = |last| Value::Array(numbers(last).collect());
    assert_eq!(read["first"], numbers(3), "{read}");
    assert_eq!(read["upToDate"], true, "{read}");
    assert_eq!(read["followed"], numbers(4), "{read}");
    assert_eq!(read["anonymous"], numbers(4), "{read}");
    assert_eq!(read["visibility"], json!(["link", "private"]), "{read}");
    assert_eq!(read["text"], json!(["Hello", true]), "{read}");
    assert_eq!(read["listed"], json!([true]), "{read}");
    assert_error(&read["refused"], 409, "CONFLICT");
    assert_error(&read["gone"], 404, "NOT_FOUND");
}

#[tokio::test]
async fn the_example_of_alleato_runs_unchanged() {
    let Some(scripts) = built("alleato").await else {
        return;
    };
    let World {
        app,
        upstream: _kept,
    } = world(Script::words(3)).await;
    let email = new_email();
    let read = run_with(scripts, &app, "alleatoOf", &format!("{email} {PASSWORD}")).await;
    assert_eq!(read["email"], email, "{read}");
    assert_eq!(read["token"], true, "{read}");
    assert_eq!(read["title"], "New Chat", "{read}");
    assert_eq!(read["text"], words(3), "{read}");
    assert_eq!(read["messages"], json!(["user", "assistant"]), "{read}");
    assert_eq!(read["file"], "notes.md", "{read}");
    assert_eq!(read["listed"], json!([true]), "{read}");
    assert_error(&read["gone"], 404, "NOT_FOUND");
}

#[tokio::test]
async fn chat_yields_deltas_as_they_arrive() {
    let Some(scripts) = built("stream").await else {
        return;
    };
    let World { app, upstream } = world(Script::words(9).fault(Fault::HangAfter(2))).await;
    let read = run(scripts, &app, "stream").await;
    assert_eq!(read["first"], json!(["w0 ", "w1 "]), "{read}");
    assert_eq!(read["isKnownAtOnce"], true, "{read}");
    assert_eq!(read["isNamed"], true, "{read}");
    assert_eq!(read["title"], "Tell me everything.", "{read}");
    assert_eq!(read["model"], "gpt-4o", "{read}");
    assert_eq!(read["lastEventId"], 2, "{read}");
    assert_error(&read["twice"], 0, "INVALID_CALL");
    assert_eq!(read["status"], "stopped", "{read}");
    assert!(upstream.closed_early(0).await);
}

#[tokio::test]
async fn chat_with_a_connection_cut_repeatedly_loses_nothing() {
    let Some(scripts) = built("cut").await else {
        return;
    };
    for script in [slow_words(30), Script::words(30)] {
        let World { app, upstream } = world(script).await;
        let read = run(scripts, &app, "cutInTheMiddle").await;
        assert_whole(&read, 30, &WHOLE);
        // How far a cut reaches into what was sent in one go decides how many there are.
        assert!(read["cuts"].as_u64() >= Some(3), "{read}");
        assert_eq!(upstream.requests().len(), 1, "one request to the model");
    }
}

#[tokio::test]
async fn chat_with_a_connection_cut_at_the_end_is_complete() {
    let Some(scripts) = built("cut_at_the_end").await else {
        return;
    };
    let World {
        app,
        upstream: _asked,
    } = world(Script::words(5)).await;
    let expected: [(&str, &[&str]); 3] = [
        ("event: usage", &["conversation", "done"]),
        ("\"completionTokens\":5", &["conversation", "done"]),
        ("[DON", &WHOLE),
    ];
    for (mark, others) in expected {
        let read = run_with(scripts, &app, "cutOff", mark).await;
        assert_whole(&read, 5, others);
        assert_eq!(read["cuts"], 1, "{mark}: {read}");
    }
}

#[tokio::test]
async fn chat_with_a_lost_response_is_retried_and_calls_the_provider_once() {
    let Some(scripts) = built("cut_before").await else {
        return;
    };
    let World { app, upstream } = world(slow_words(10)).await;
    let read = run(scripts, &app, "cutBeforeTheAnswer").await;
    assert_whole(&read, 10, &WHOLE);
    assert_eq!(read["cuts"], 1, "{read}");
    assert_eq!(upstream.requests().len(), 1, "one request to the model");
}

#[tokio::test]
async fn chat_with_a_silent_connection_reconnects() {
    let Some(scripts) = built("silence").await else {
        return;
    };
    let World {
        app,
        upstream: _asked,
    } = world(Script::words(6)).await;
    let read = run(scripts, &app, "silence").await;
    assert_whole(&read, 6, &WHOLE);
    let sent = read["sent"].as_array().unwrap();
    let resumed = json!("GET /api/conversations/:id/stream");
    assert_eq!(
        sent.iter().filter(|sent| **sent == resumed).count(),
        1,
        "{read}"
    );
}

#[tokio::test]
async fn chat_with_an_interrupted_reply_yields_an_error() {
    let Some(scripts) = built("broken").await else {
        return;
    };
    let World {
        app,
        upstream: _asked,
    } = world(Script::words(9).fault(Fault::ErrorAfter(3))).await;
    let read = run(scripts, &app, "brokenOff").await;
    assert_whole(&read, 3, &["conversation", "error", "done"]);
    assert_error(&read["error"], 200, "PROVIDER_ERROR");
    assert!(read["error"]["requestId"].is_string(), "{read}");
    assert_error(&read["text2"], 200, "PROVIDER_ERROR");
}

#[tokio::test]
async fn abort_does_not_stop_the_reply() {
    let Some(scripts) = built("abort").await else {
        return;
    };
    let World { app, upstream } = world(Script::words(9).fault(Fault::HangAfter(1))).await;
    let read = run(scripts, &app, "abort").await;
    assert_eq!(read["left"], json!({ "caught": "AbortError" }), "{read}");
    assert_eq!(read["rest"]["text"], "", "{read}");
    let last = read["rest"]["others"].as_array().unwrap().last();
    assert_eq!(last, Some(&json!("done")), "{read}");
    assert_eq!(read["stopped"], true, "{read}");
    assert_eq!(read["stoppedAgain"], false, "{read}");
    assert_eq!(read["nothingLeft"], Value::Null, "{read}");
    assert_eq!(read["status"], "stopped", "{read}");
    assert_eq!(read["early"], json!({ "caught": "AbortError" }), "{read}");
    assert_eq!(
        upstream.requests().len(),
        1,
        "what was aborted was not sent"
    );
}

#[tokio::test]
async fn stream_in_another_client_can_stop_the_reply() {
    let Some(scripts) = built("stop").await else {
        return;
    };
    let script = Script::words(10_000).delay(Duration::from_millis(10));
    let World { app, upstream } = world(script).await;
    let read = run(scripts, &app, "stopElsewhere").await;
    assert_eq!(read["first"], "conversation", "{read}");
    assert_eq!(read["stopped"], true, "{read}");
    assert_eq!(read["status"], "stopped", "{read}");
    for reader in ["others", "along"] {
        let last = read[reader].as_array().unwrap().last();
        assert_eq!(last, Some(&json!("done")), "{reader}: {read}");
    }
    assert!(upstream.closed_early(0).await);
}

#[tokio::test]
async fn regenerate_and_the_next_message_work() {
    let Some(scripts) = built("regenerate").await else {
        return;
    };
    let World { app, upstream } = world(Script::new(["first"])).await;
    upstream.push(Script::new(["first"]));
    upstream.push(Script::new(["another", " one"]));
    let read = run(scripts, &app, "regenerate").await;
    assert_eq!(read["first"], "first", "{read}");
    assert_eq!(read["pieces"], json!(["another", " one"]), "{read}");
    let roles = ["user", "assistant", "user", "assistant"];
    assert_eq!(read["roles"], json!(roles), "{read}");
    assert_eq!(read["said"], "And?", "{read}");
    assert_eq!(upstream.requests()[1].json()["temperature"], 0.5);
}

#[tokio::test]
async fn concurrent_requests_share_one_token_refresh() {
    let Some(scripts) = built("renewal").await else {
        return;
    };
    let app = App::shared().await;
    let read = run(scripts, app, "parallel").await;
    let expected = json!({
        "said": true, "answered": 8, "refreshes": 1, "isSameUser": true, "isNewToken": true,
    });
    assert_eq!(read, expected);
    let read = run(scripts, app, "twoTabs").await;
    assert_eq!(read["areSame"], true, "{read}");
    assert_eq!(read["refreshes"], 1, "{read}");
    assert_eq!(read["isOut"], true, "{read}");
    assert_eq!(read["nonsense"], Value::Null, "{read}");
    assert_error(&read["refused"], 401, "UNAUTHORIZED");
}

#[tokio::test]
async fn an_ended_session_is_removed() {
    let Some(scripts) = built("revoked").await else {
        return;
    };
    let read = run(scripts, App::shared().await, "revoked").await;
    assert_error(&read["refused"], 401, "UNAUTHORIZED");
    assert_eq!(read["left"], Value::Null, "{read}");
    assert_eq!(read["farewell"], json!({ "success": true }), "{read}");
}

#[tokio::test]
async fn a_guest_can_register_sign_out_and_sign_in() {
    let Some(scripts) = built("register").await else {
        return;
    };
    let email = new_email();
    let read = run_with(scripts, App::shared().await, "guestBecomesUser", &email).await;
    assert_eq!(read["registered"], true, "{read}");
    assert_eq!(read["kept"], json!(["Remember me."]), "{read}");
    let session = json!({ "name": "Ada", "kind": "registered" });
    assert_eq!(read["session"], session, "{read}");
    assert_eq!(read["me"], email.as_str(), "{read}");
    assert_error(&read["wrong"], 401, "UNAUTHORIZED");
    assert_error(&read["taken"], 409, "CONFLICT");
    let counts = json!({ "POST /api/v1/auth/login": 2, "GET /api/v1/auth/me": 1 });
    assert_eq!(read["counts"], counts, "{read}");
    assert_error(&read["unconfirmed"], 403, "FORBIDDEN");
    assert_eq!(read["deleted"], json!({ "caught": null }), "{read}");
    assert_eq!(read["left"], Value::Null, "{read}");
    assert_error(&read["gone"], 401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_browser_uses_the_session_cookie() {
    let Some(scripts) = built("cookies").await else {
        return;
    };
    let read = run(scripts, App::shared().await, "cookies").await;
    assert_eq!(read["isSame"], true, "{read}");
    assert_eq!(read["said"], true, "{read}");
    assert_eq!(read["kept"], Value::Null, "{read}");
    assert_eq!(read["tokens"], 0, "{read}");
    assert_eq!(read["modes"], json!(["include"]), "{read}");
    assert_error(&read["out"], 401, "UNAUTHORIZED");
}

#[tokio::test]
async fn all_other_methods_work() {
    let Some(scripts) = built("api").await else {
        return;
    };
    let World {
        app,
        upstream: _asked,
    } = world(Script::new(["Hello"])).await;
    let read = run(scripts, &app, "conversationsOf").await;
    assert_eq!(
        read["listed"],
        json!([["Second", 2], ["First", 2]]),
        "{read}"
    );
    assert_eq!(read["renamed"], "Renamed", "{read}");
    assert_eq!(read["found"], "Renamed", "{read}");
    let history: BTreeSet<_> = read["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    assert_eq!(
        history,
        BTreeSet::from(["[\"Renamed\",2]".into(), "[\"Second\",2]".into()])
    );
    assert_error(&read["gone"], 404, "NOT_FOUND");
    assert_eq!(read["left"], json!([]), "{read}");

    let read = run(scripts, &app, "everythingElse").await;
    assert_eq!(read["model"]["provider"], "openai", "{read}");
    assert_eq!(read["model"]["available"], true, "{read}");
    let preferences = json!({ "defaultModel": "gpt-4o", "theme": "light" });
    assert_eq!(read["preferences"], preferences, "{read}");
    assert_eq!(read["read"], preferences, "{read}");
    assert_eq!(read["text"], "Hello", "{read}");
    assert_eq!(read["listed"], json!([["A program", true, true]]), "{read}");
    assert_error(&read["forbidden"], 403, "FORBIDDEN");
    assert_error(&read["revoked"], 401, "UNAUTHORIZED");
    assert_eq!(read["usage"], json!([["gpt-4o", 1]]), "{read}");
    assert_eq!(read["health"]["status"], "ok", "{read}");
}

#[tokio::test]
async fn versions_pins_and_restoring_work() {
    let Some(scripts) = built("versions_pins_and_restoring_work").await else {
        return;
    };
    let World {
        app,
        upstream: _asked,
    } = world(Script::new(["Fine."])).await;
    let read = run(scripts, &app, "versionsOf").await;
    assert_eq!(read["versions"], 2, "{read}");
    assert_eq!(read["isActive"], true);
    assert_eq!(read["isChosen"], true);
    assert_eq!(read["edited"], json!(["Edited", 2]));
    assert_eq!(read["evicted"], json!(["Second"]));
    assert_eq!(read["restored"], json!(["Second", ["Third"]]));
    assert_eq!(read["next"], "Edited");
    assert_eq!(read["pinned"], false);
}

#[tokio::test]
async fn errors_have_status_code_and_message() {
    let Some(scripts) = built("errors").await else {
        return;
    };
    let World {
        app,
        upstream: _asked,
    } = world(Script::words(9).fault(Fault::HangAfter(1))).await;
    let read = run(scripts, &app, "errorsOf").await;
    assert_error(&read["invalid"], 400, "VALIDATION_ERROR");
    let details = read["invalid"]["details"].as_array().unwrap();
    let paths: Vec<_> = details.iter().map(|detail| &detail["path"]).collect();
    assert_eq!(paths, [&json!("message"), &json!("temperature")], "{read}");
    for (step, status, code) in [
        ("unknown", 404, "NOT_FOUND"),
        ("model", 400, "VALIDATION_ERROR"),
        ("conflict", 409, "CONFLICT"),
        ("nobody", 401, "UNAUTHORIZED"),
        ("sameKey", 409, "CONFLICT"),
    ] {
        assert_error(&read[step], status, code);
        assert!(read[step]["requestId"].is_string(), "{step}: {read}");
    }
    assert_error(&read["noAnswer"], 0, "CONNECTION_FAILED");
    assert_error(&read["page"], 502, "UNEXPECTED_RESPONSE");
}

#[tokio::test]
async fn only_safe_requests_are_retried() {
    let Some(scripts) = built("retries").await else {
        return;
    };
    let read = run(scripts, App::shared().await, "retried").await;
    for (step, failed, sent) in [
        ("tooMany", false, 2),
        ("unavailable", false, 3),
        ("cut", false, 3),
        ("tooOften", true, 3),
        ("refused", true, 1),
        ("unsafe", true, 1),
        ("unsafeCut", true, 1),
        ("keyed", false, 2),
        ("keyedRefused", true, 1),
    ] {
        let expected = json!({ "failed": failed, "sent": sent });
        assert_eq!(read[step], expected, "{step}: {read}");
    }

    let app = App::with_defaults()
        .variable("rate_limit_api_per_minute", "3")
        .start()
        .await;
    let limited = run(scripts, &app, "limited").await;
    let limited = limited.as_array().unwrap();
    // Three a minute, of twenty; a minute may end between them.
    assert!(limited.len() >= 14, "{limited:?}");
    for error in limited {
        assert_error(error, 429, "RATE_LIMITED");
        assert!(error["retryAfter"].as_u64() >= Some(1), "{error}");
    }
}

#[tokio::test]
async fn team_messaging_works_from_the_channel_to_the_erasure() {
    let Some(scripts) = built("team").await else {
        return;
    };
    let app = App::shared().await;
    let done = run(scripts, app, "team").await;
    assert_eq!(done["listed"], json!(["Three", "Two", "One"]), "{done}");
    assert_eq!(done["page"], json!([1, 2]), "{done}");
    assert_error(&done["hidden"], 404, "NOT_FOUND");
    assert_eq!(done["seen"], true, "{done}");
    assert_eq!(
        (&done["joined"], &done["role"]),
        (&json!("member"), &json!("moderator"))
    );
    assert_eq!(done["members"], 2, "{done}");
    assert_eq!(done["unread"], json!([[5, 5]]), "{done}");
    assert_eq!(done["part"], json!([[4, 5], 4, null]), "{done}");
    assert_eq!(done["numbers"], json!([1, 2, 3, 4, 5]), "{done}");
    assert_eq!(done["read"], json!([4, 1]), "{done}");
    assert_eq!(done["found"], 5, "{done}");
    assert_eq!(
        done["reactions"],
        json!([{ "emoji": "👍", "count": 1, "mine": true }])
    );
    assert_eq!(done["previous"], json!(["word 4 @ben"]), "{done}");
    assert_eq!(done["deleted"], json!([true, ""]), "{done}");
    assert_eq!(done["archived"], true, "{done}");
    assert_error(&done["refused"], 409, "CONFLICT");
    assert_eq!(done["bans"], json!([[true, "Advertising"]]), "{done}");
    assert_eq!(done["renamed"], json!(["A", true]), "{done}");
    assert_eq!(done["shown"], json!(["A", false]), "{done}");
    assert_eq!(done["deletion"], json!([3, 0]), "{done}");
}

#[tokio::test]
async fn a_message_whose_response_is_lost_is_posted_once() {
    let Some(scripts) = built("post_once").await else {
        return;
    };
    let done = run(scripts, App::shared().await, "postOnce").await;
    assert_eq!(done, json!({ "cuts": 1, "same": [true] }));
}

#[tokio::test]
async fn account_has_sessions_passwords_and_sign_in_methods() {
    let Some(scripts) = built("account").await else {
        return;
    };
    let app = App::shared().await;
    let read = run_with(scripts, app, "accountOf", &new_email()).await;
    assert_eq!(read["name"], "Ada Lovelace", "{read}");
    assert_eq!(read["sessions"], 2, "{read}");
    assert_error(&read["ended"], 401, "UNAUTHORIZED");
    assert_error(&read["refused"], 401, "UNAUTHORIZED");
    assert_eq!(read["methods"], json!(["credential"]), "{read}");
    assert_eq!(read["left"], Value::Null, "{read}");
    for refusal in ["badToken", "notConfigured"] {
        assert_eq!(
            read[refusal]["caught"], "GoldfishError",
            "{refusal}: {read}"
        );
        let status = read[refusal]["status"].as_u64().unwrap();
        assert!((400..500).contains(&status), "{refusal}: {read}");
    }
}

#[tokio::test]
async fn pictures_and_attachments_are_uploaded_with_progress() {
    let Some(scripts) = built("uploads").await else {
        return;
    };
    let read = run(scripts, App::shared().await, "uploadsOf").await;
    assert_eq!(read["avatar"][1], "image/png", "{read}");
    assert_eq!(read["end"], 1, "{read}");
    let refused = json!([1, [[1, "UNSUPPORTED_MEDIA_TYPE"]]]);
    assert_eq!(read["several"], refused, "{read}");
    assert_eq!(read["names"].as_array().map(Vec::len), Some(5), "{read}");
    assert_eq!(read["names"][3], "named.png", "{read}");
    assert_eq!(read["files"], 2, "{read}");
    assert_eq!(read["limit"], 10, "{read}");
    assert_error(&read["refused"], 415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn operator_manages_users() {
    let Some(scripts) = built("admin").await else {
        return;
    };
    let upstream = Upstream::start(Script::new(["Hello"])).await.unwrap();
    let app = App::with_defaults().openai(&upstream).admin().start().await;
    let read = run_with(scripts, &app, "adminOf", ADMIN_KEY).await;
    assert_eq!(read["credits"], 1000, "{read}");
    let kinds = read["kinds"].as_array().unwrap();
    assert!(kinds.contains(&json!("grant")), "{read}");
    assert_eq!(read["users"], 1, "{read}");
    assert_eq!(read["plan"], "free", "{read}");
    for truth in ["exported", "hasStatistics", "user"] {
        assert_eq!(read[truth], true, "{truth}: {read}");
    }
    assert_eq!(read["sessions"], 1, "{read}");
    assert_error(&read["gone"], 404, "NOT_FOUND");
    assert_eq!(read["wrong"]["caught"], "GoldfishError", "{read}");
}

#[tokio::test]
async fn chat_knows_its_conversation_when_headers_cannot_be_read() {
    let Some(scripts) = built("hidden_headers").await else {
        return;
    };
    let World {
        app,
        upstream: _asked,
    } = world(Script::new(["Hello", " there"])).await;
    let read = run(scripts, &app, "headersHidden").await;
    let expected = json!({ "isKnown": true, "text": "Hello there", "messageId": true });
    assert_eq!(read, expected);
}

/// Puts the built SDK and its dependency where the scripts of another folder find them.
const INSTALL: &str = r#"
set -e
mkdir -p node_modules/goldfish-sdk
cp -R "$SDK/package.json" "$SDK/dist" node_modules/goldfish-sdk/
rm -rf node_modules/eventsource-parser
cp -R "$SDK/node_modules/eventsource-parser" node_modules/
"#;

/// A package in which the SDK is installed, with other runtimes of JavaScript.
async fn installed(test: &str) -> Option<&'static Scripts> {
    static INSTALLED: OnceCell<Result<Scripts, String>> = OnceCell::const_new();
    let sdk = built(test).await?;
    let scripts = INSTALLED
        .get_or_init(|| async {
            let scripts = Scripts::node("runtimes", (20, 0)).await?;
            let status = Command::new("bash")
                .args(["-c", INSTALL])
                .env("SDK", sdk.folder())
                .current_dir(scripts.folder())
                .status()
                .await
                .unwrap();
            assert!(status.success());
            Ok(scripts)
        })
        .await;
    scripts
        .as_ref()
        .map_err(|missing| skip_or_fail(&format!("typescript_sdk::{test}"), missing))
        .ok()
}

#[tokio::test]
async fn bundle_is_as_small_as_the_readme_says() {
    let Some(scripts) = installed("size").await else {
        return;
    };
    let size = scripts.run("size.mjs", &[]).await;
    let readme = manifest()
        .parent()
        .unwrap()
        .join("sdk/typescript/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let stated = |after: &str| -> u64 {
        let (before, _) = readme.split_once(after).unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    };
    for (kind, stated) in [
        ("minified", stated(" KB (minified)")),
        ("compressed", stated(" KB compressed")),
    ] {
        let bytes = size[kind].as_u64().unwrap();
        assert!(
            (bytes / 1000).abs_diff(stated) <= 2,
            "{kind}: {bytes} bytes"
        );
    }
}

#[tokio::test]
async fn chat_and_upload_work_in_node_deno_and_bun() {
    let Some(scripts) = installed("runtimes").await else {
        return;
    };
    let base = format!("http://{}", App::shared().await.address());
    let packages = scripts.folder().join("node_modules");
    let mut runtimes = vec![
        (
            "deno",
            packages.join(".bin/deno"),
            vec!["run", "--allow-net", "--allow-env", "chat.mjs"],
        ),
        ("bun", packages.join(".bin/bun"), vec!["chat.mjs"]),
    ];
    // The registry has Node.js for this platform, whichever version runs the suite.
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        for name in ["node20", "node22"] {
            let program = packages.join(name).join("bin/node");
            runtimes.push((name, program, vec!["chat.mjs"]));
        }
    }
    for (name, program, arguments) in runtimes {
        let output = Command::new(program)
            .args(arguments)
            .arg(&base)
            .current_dir(scripts.folder())
            .output()
            .await
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {printed}{errors}");
        let read: Value = serde_json::from_str(&printed).unwrap();
        let expected = json!({
            "runtime": name, "isStreamed": true, "isStored": true, "uploaded": 100_000,
            "progress": 100_000, "refused": [true, 404],
        });
        assert_eq!(read, expected, "{name}: {errors}");
    }
}

/// Operations without a method in the SDK, or tags of such operations, by the reason.
const WITHOUT_METHOD: &[(&str, &[&str])] = &[
    (
        "for the clients of OpenAI and Anthropic",
        &["OpenAI", "Anthropic"],
    ),
    ("the description itself", &["Documentation"]),
    ("for the GRIP proxy", &["get /api/events/next"]),
    // `realtime.conversation` makes the path with the id.
    ("a WebSocket", &["get /ws/{conversationId}"]),
    (
        "for the AI SDK",
        &["get /api/chat/{id}/stream", "post /api/chat/{id}/stop"],
    ),
    (
        "another name of an operation that has a method",
        &[
            "post /register",
            "post /login",
            "delete /api/clear",
            "post /api/auth/sign-up/email",
            "post /api/auth/sign-in/email",
            "post /api/auth/sign-in/anonymous",
            "post /api/auth/sign-out",
            "get /api/auth/get-session",
            "get /api/auth/session",
            "post /api/auth/forget-password",
            "post /api/auth/delete-user",
            "post /api/v1/streams/{id}/append",
        ],
    ),
    (
        "for the client of Better Auth, and for browsers that follow a link",
        &[
            "get /api/auth/ok",
            "get /api/auth/error",
            "get /api/auth/sign-in/{provider}",
            "get /api/auth/callback/{provider}",
            "get /api/auth/reset-password/{token}",
        ],
    ),
];

#[tokio::test]
async fn sdk_has_a_method_for_each_operation_of_the_description() {
    let client = App::shared().await.client();
    let document = client.get("/openapi.json").await.json();
    let folder = manifest().parent().unwrap().join("sdk/typescript/src");
    let sources: String = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("schema.ts"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let excepted: BTreeSet<&str> = WITHOUT_METHOD
        .iter()
        .flat_map(|(_, operations)| operations.iter().copied())
        .collect();
    let mut missing = Vec::new();
    let mut used = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(tag) = operation["tags"][0].as_str() else {
                continue;
            };
            let name = format!("{method} {path}");
            let exceptions = [name.as_str(), tag].map(|one| excepted.get(one).copied());
            used.extend(exceptions.into_iter().flatten());
            let is_excepted = exceptions.iter().any(Option::is_some);
            if !is_excepted && !sources.contains(&format!("'{path}'")) {
                missing.push(name);
            }
        }
    }
    assert!(missing.is_empty(), "no method: {missing:#?}");
    let unused: Vec<_> = excepted.difference(&used).collect();
    assert!(unused.is_empty(), "no such operation: {unused:#?}");
}

#[tokio::test]
async fn realtime_has_each_message_once_after_a_lost_connection_and_none_after_leaving() {
    let Some(scripts) = built("realtime").await else {
        return;
    };
    for kind in ProxyKind::each("typescript_sdk::realtime") {
        let proxy = GripProxy::bind(kind).await;
        let app = App::with_defaults()
            .variable("grip_control_url", proxy.control_url())
            .variable("grip_key", GRIP_KEY)
            .start()
            .await;
        let proxy = proxy.serve(app.address()).await;
        let base = format!("http://{}", proxy.address());
        let done = scripts
            // Node.js 20 has WebSockets with this option only.
            .run(
                "--experimental-websocket",
                &["build/steps.js", "realtime", &base, ""],
            )
            .await;
        assert_eq!(done["contents"], json!(["one", "two", "three"]), "{done}");
        assert!(done["sockets"].as_u64() >= Some(2), "{done}");
        assert_eq!(done["afterLeaving"], 0, "{done}");
    }
}

#[tokio::test]
async fn a_conversation_has_each_part_of_a_reply_once_whatever_connections_are_lost() {
    let Some(scripts) = built("conversation").await else {
        return;
    };
    for kind in ProxyKind::each("typescript_sdk::conversation") {
        let script = Script::words(60).delay(Duration::from_millis(60));
        let upstream = Upstream::start(script).await.unwrap();
        let proxy = GripProxy::bind(kind).await;
        let app = App::with_defaults()
            .openai(&upstream)
            .variable("default_model", "gpt-4o")
            .variable("grip_control_url", proxy.control_url())
            .variable("grip_key", GRIP_KEY)
            .start()
            .await;
        let proxy = proxy.serve(app.address()).await;
        let base = format!("http://{}", proxy.address());
        let arguments = ["build/steps.js", "conversation", &base, ""];
        let done = scripts.run("--experimental-websocket", &arguments).await;
        let stored = done["stored"].as_str().expect("a reply");
        assert!(stored.split_whitespace().count() >= 60, "{done}");
        assert_eq!(
            (&done["one"], &done["other"]),
            (&json!(stored), &json!(stored))
        );
        assert_eq!(done["ends"], json!([1, 1]), "{done}");
        assert_eq!(
            (&done["messages"], &done["asked"]),
            (&json!(2), &json!(true))
        );
        assert!(done["sockets"].as_u64() >= Some(3), "{done}");
    }
}

#[tokio::test]
async fn realtime_falls_back_to_server_sent_events() {
    let Some(scripts) = built("realtimeWithoutSockets").await else {
        return;
    };
    let app = App::with_defaults()
        .variable("realtime_poll_ms", "50")
        .start()
        .await;
    let base = format!("http://{}", app.address());
    let arguments = ["build/steps.js", "realtimeWithoutSockets", &base, ""];
    // Node.js 20 has WebSockets with this option only. Without a proxy they are refused.
    for option in ["--experimental-websocket", "--no-experimental-websocket"] {
        let done = scripts.run(option, &arguments).await;
        assert_eq!(done["contents"], json!(["one", "two", "three"]), "{done}");
        assert_eq!(done["mention"], "MENTION", "{done}");
        assert_eq!(done["left"], "LEFT", "{done}");
        assert_eq!(done["messagesPerMinute"], 100, "{done}");
    }
}
