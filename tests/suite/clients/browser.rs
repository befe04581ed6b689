//! The chat page in a headless Chromium. `tests/clients/browser` has the scenarios, which see the page
//! as a person does; here is what they need around them. Screenshots are in `target/tmp/screenshots`,
//! and where `GOLDFISH_SCREENSHOTS` names a folder, those for the README there.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::{OnceCell, Semaphore};
use upstream::{Failure, Fault, Gate, Recorded, Script, Upstream};

use super::typescript_sdk;
use crate::harness::{
    App, BoundProxy, Builder, GRIP_KEY, GripProxy, ProxyKind, Scripts, manifest, skip_or_fail,
};

const OLDEST_NODE: (u32, u32) = (20, 15);
/// Browsers at once: each is several processes.
static BROWSERS: Semaphore = Semaphore::const_new(2);

/// Plays a scenario on a page of `app`, whose provider sends the replies of the scenario.
async fn play(scenario: &str, app: impl FnOnce(Builder) -> Builder) {
    play_with(scenario, app, json!({})).await;
}

/// The same, with more settings for the scenario.
async fn play_with(scenario: &str, app: impl FnOnce(Builder) -> Builder, more: Value) {
    play_on(scenario, app, None, more).await;
}

/// The same, on a page behind the local proxy for WebSockets.
async fn play_behind_proxy(scenario: &str) {
    let proxy = GripProxy::bind(ProxyKind::Local).await;
    let (url, key) = (proxy.control_url(), GRIP_KEY);
    let app = |app: Builder| {
        app.variable("grip_control_url", url)
            .variable("grip_key", key)
    };
    play_on(scenario, app, Some(proxy), json!({})).await;
}

async fn play_on(
    scenario: &str,
    app: impl FnOnce(Builder) -> Builder,
    proxy: Option<BoundProxy>,
    more: Value,
) {
    let test = format!("browser::{scenario}");
    let Some(chromium) = chromium() else {
        return skip_or_fail(&test, "there is no Chromium (CHROMIUM can name one)");
    };
    static INSTALLED: OnceCell<Result<Scripts, String>> = OnceCell::const_new();
    let installed = INSTALLED
        .get_or_init(|| Scripts::node("browser", OLDEST_NODE))
        .await;
    let scripts = match installed {
        Ok(scripts) => scripts,
        Err(missing) => return skip_or_fail(&test, missing),
    };
    let upstream = provider().await;
    let defaults = App::with_defaults()
        .openai(&upstream)
        .variable("default_model", "gpt-4o")
        .variable("llm_max_attempts", "1");
    let app = app(defaults).start().await;
    let proxy = match proxy {
        Some(proxy) => Some(proxy.serve(app.address()).await),
        None => None,
    };
    let address = proxy
        .as_ref()
        .map_or(app.address(), |proxy| proxy.address());
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
    let mut settings = json!({
        "page": format!("http://{address}"),
        "provider": format!("{}/chat/completions", upstream.openai_base_url()),
        "chromium": chromium,
        "screenshots": screenshots,
        "repository": in_repository(String::new()),
        "forReadme": std::env::var("GOLDFISH_SCREENSHOTS").ok().map(in_repository),
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        settings[name] = value.clone();
    }
    let _turn = BROWSERS.acquire().await.unwrap();
    let done = scripts
        .run("play.mjs", &[scenario, &settings.to_string()])
        .await;
    assert_eq!(done, json!({ "played": scenario }), "{}", app.logs());
}

/// The browser that there is on this machine.
fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    })
}

fn in_repository(folder: String) -> PathBuf {
    manifest().parent().unwrap().join(folder)
}

/// A provider that scenarios direct: by chat requests of their own for the model `director`.
async fn provider() -> Upstream {
    let queue: Arc<Mutex<VecDeque<Script>>> = Arc::default();
    let gates: Arc<Mutex<Vec<Gate>>> = Arc::default();
    let choose = move |request: &Recorded| {
        let body = request.json();
        if body["model"] != "director" {
            let queued = queue.lock().unwrap().pop_front();
            return queued.unwrap_or_else(|| Script::new(["Hello", " from", " the", " bowl."]));
        }
        if body["release"] == true {
            gates.lock().unwrap().drain(..).for_each(|gate| gate.open());
        } else {
            let gate = Gate::default();
            queue.lock().unwrap().push_back(script(&body, &gate));
            gates.lock().unwrap().push(gate);
        }
        Script::new(["noted"])
    };
    Upstream::choosing(choose).await.unwrap()
}

/// `pieces`, `pauseAfter` so many of them, and `fault`.
fn script(reply: &Value, gate: &Gate) -> Script {
    let pieces = reply["pieces"].as_array().cloned().unwrap_or_default();
    let pieces: Vec<_> = pieces
        .iter()
        .map(|piece| piece.as_str().unwrap().to_owned())
        .collect();
    let script = match reply["pauseAfter"].as_u64() {
        Some(after) => Script::new(pieces).pausing(usize::try_from(after).unwrap(), gate),
        None => Script::new(pieces),
    };
    match reply["fault"].as_str() {
        None => script,
        Some("overloaded") => script.fault(Fault::Refuse(Failure::Overloaded(None))),
        Some("too long") => script.fault(Fault::Refuse(Failure::ContextTooLong)),
        Some("cut") => script.fault(Fault::CutAfter(reply["after"].as_u64().unwrap() as usize)),
        Some(other) => panic!("no such fault: {other}"),
    }
}

#[tokio::test]
async fn first_chat_works_without_an_account() {
    play("first-chat", |app| app).await;
}

#[tokio::test]
async fn a_reply_continues_after_reload_and_in_other_tabs() {
    play("lasting", |app| app).await;
}

#[tokio::test]
async fn replies_can_be_stopped_and_regenerated() {
    play("replies", |app| app).await;
}

#[tokio::test]
async fn a_fourth_conversation_evicts_the_oldest() {
    play("remembering", |app| app).await;
}

#[tokio::test]
async fn hostile_replies_are_shown_as_text() {
    play("hostile", |app| app).await;
}

#[tokio::test]
async fn themes_pass_the_accessibility_checks() {
    play("looks", |app| app).await;
}

#[tokio::test]
async fn layout_fits_a_phone() {
    play("phone", |app| app).await;
}

#[tokio::test]
async fn register_keeps_conversations_and_an_expired_session_keeps_the_draft() {
    play("accounts", |app| app).await;
}

#[tokio::test]
async fn errors_are_shown_in_words() {
    play("trouble", |app| app).await;
}

#[tokio::test]
async fn a_rate_limit_shows_the_waiting_time() {
    play("limits", |app| {
        app.variable("rate_limit_chat_per_minute", "1")
    })
    .await;
}

#[tokio::test]
async fn page_is_usable_by_keyboard() {
    play("keyboard", |app| app).await;
}

#[tokio::test]
async fn replies_and_messages_have_versions_and_failures_keep_their_reason() {
    play("versions", |app| app).await;
}

#[tokio::test]
async fn drafts_belong_to_conversations_which_are_links() {
    play("drafts", |app| app).await;
}

#[tokio::test]
async fn replies_show_math_footnotes_and_all_directions_of_writing() {
    play("content", |app| app).await;
}

#[tokio::test]
async fn settings_change_the_account_by_the_public_api() {
    play("settings", |app| app).await;
}

#[tokio::test]
async fn a_cut_connection_and_a_lost_network_are_shown_and_repaired() {
    play("offline", |app| app).await;
}

#[tokio::test]
async fn a_connection_that_breaks_or_falls_silent_is_made_again() {
    play("reconnecting", |app| app).await;
}

#[tokio::test]
async fn a_stored_failure_offers_what_helps() {
    play("remedies", |app| app).await;
}

#[tokio::test]
async fn sign_in_elsewhere_is_offered_where_it_is_configured() {
    play("providers", |app| {
        app.variable("github_client_id", "goldfish")
            .variable("github_client_secret", "secret")
    })
    .await;
}

#[tokio::test]
async fn first_minutes_with_the_demo_model_show_each_kind_of_content() {
    play("demo", |app| {
        app.variable("openai_api_key", "")
            .variable("default_model", "")
    })
    .await;
}

#[tokio::test]
async fn emails_confirm_an_address_and_lead_to_a_new_password() {
    // The scenario receives the emails. Nothing else listens there meanwhile.
    let port = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let webhook = format!("http://127.0.0.1:{port}/mail");
    let app = |app: Builder| app.variable("mail_webhook_url", webhook);
    play_with("mail", app, json!({ "mailPort": port })).await;
}

#[tokio::test]
async fn a_frontend_on_another_site_has_a_session_with_same_site_none_only() {
    // The variables, whether the browser allows cookies of third parties, and whether there is a session.
    let cases = [
        ("none", "off", true, true),
        ("none", "on", false, true),
        ("none", "off", false, false),
        ("lax", "off", true, false),
    ];
    for (same_site, partitioned, allows_third_parties, has_session) in cases {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let settings = json!({ "frontend": {
            "port": port, "allowsThirdParties": allows_third_parties, "hasSession": has_session,
        } });
        let app = |app: Builder| {
            app.variable("cookie_same_site", same_site)
                .variable("cookie_partitioned", partitioned)
                .variable("cors_origins", format!("http://localhost:{port}"))
        };
        play_with("another-site", app, settings).await;
    }
}

#[tokio::test]
async fn speed_on_a_slow_machine_is_measured() {
    play("speed", |app| app).await;
}

#[tokio::test]
async fn javascript_of_the_documentation_runs() {
    play_behind_proxy("readme").await;
}

#[tokio::test]
async fn the_typescript_sdk_works_in_a_browser() {
    if let Some(sdk) = typescript_sdk::built("browser").await {
        play_with("sdk", |app| app, json!({ "sdk": sdk.folder() })).await;
    }
}

#[tokio::test]
async fn channels_are_joined_read_and_written_in() {
    play("channels", |app| app).await;
}

#[tokio::test]
async fn files_are_attached_to_messages_and_stay_with_them() {
    let models = r#"[{"id": "blind", "name": "Blind", "provider": "openai", "images": false}]"#;
    play("attachments", |app| app.variable("models", models)).await;
}

#[tokio::test]
async fn what_others_do_in_a_thread_is_shown_at_once() {
    play_behind_proxy("live").await;
}

#[tokio::test]
async fn what_other_clients_do_in_a_conversation_is_shown_at_once() {
    play_behind_proxy("follow").await;
}

#[tokio::test]
async fn screenshots_are_taken() {
    play("pictures", |app| app).await;
}
