//! What most tests of replies begin with.

use serde_json::json;
use upstream::{Script, Upstream};

use super::{App, Client, Guest, Streaming};

/// A fake provider and an application that asks it, both alive as long as this is kept.
pub(crate) struct World {
    pub(crate) upstream: Upstream,
    pub(crate) app: App,
}

/// An application whose provider answers by this script.
pub(crate) async fn world(script: Script) -> World {
    let upstream = Upstream::start(script).await.unwrap();
    let app = App::with_defaults().openai(&upstream).start().await;
    World { upstream, app }
}

/// The same with a guest who has said "Hi", and the reply as it arrives.
pub(crate) async fn talk(script: Script) -> (World, Guest, Streaming) {
    let world = world(script).await;
    let guest = world.app.client().guest().await;
    let chat = guest.ask("Hi").await.accepted().await;
    (world, guest, chat)
}

impl Client {
    /// Opens a chat with the fake provider in a new conversation.
    pub(crate) async fn ask(&self, message: &str) -> Streaming {
        self.chat(json!({ "message": message, "model": "gpt-4o" }))
            .await
    }
}
