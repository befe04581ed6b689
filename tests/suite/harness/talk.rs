//! The setup of most tests of replies.

use serde_json::json;
use upstream::{Script, Upstream};

use super::{App, Client, Guest, StreamingResponse};

/// A fake provider and an application that uses it.
pub(crate) struct World {
    pub(crate) upstream: Upstream,
    pub(crate) app: App,
}

/// Starts an application whose provider replies with this script.
pub(crate) async fn world(script: Script) -> World {
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    World { upstream, app }
}

/// Starts the same with a guest who has sent "Hi", and returns the reply as it arrives.
pub(crate) async fn talk(script: Script) -> (World, Guest, StreamingResponse) {
    let world = world(script).await;
    let guest = world.app.client().guest().await;
    let chat = guest.ask("Hi").await.accepted().await;
    (world, guest, chat)
}

impl Client {
    /// Opens a chat with the fake provider in a new conversation.
    pub(crate) async fn ask(&self, message: &str) -> StreamingResponse {
        self.chat(json!({ "message": message, "model": "gpt-4o" }))
            .await
    }
}
