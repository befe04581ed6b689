//! Channels, threads and messages for tests of team messaging.

use serde_json::{Value, json};

use super::{Client, PASSWORD, User, new_email};

/// The text of a field of a response.
#[track_caller]
pub(crate) fn text_field(value: &Value, field: &str) -> String {
    let text = value[field].as_str();
    text.unwrap_or_else(|| panic!("no {field} in {value}"))
        .to_owned()
}

impl Client {
    /// Registers a new user with a name.
    pub(crate) async fn user_named(&self, name: &str) -> User {
        let email = new_email();
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        let response = self.post("/api/v1/auth/register", body).await;
        assert_eq!(response.status, 201, "{response:?}");
        User::of(self, &email, &response)
    }

    /// Creates a channel and returns its id.
    pub(crate) async fn channel(&self, is_private: bool) -> String {
        let body = json!({ "name": "Design", "isPrivate": is_private });
        let response = self.post("/api/channels", body).await;
        assert_eq!(response.status, 200, "{response:?}");
        text_field(&response.json(), "id")
    }

    /// Joins a public channel.
    pub(crate) async fn join(&self, channel: &str) -> Value {
        let response = self
            .post("/api/members", json!({ "channelId": channel }))
            .await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()
    }

    /// Adds a user to a channel.
    pub(crate) async fn add_member(&self, channel: &str, user: &str) {
        let body = json!({ "channelId": channel, "userId": user });
        let response = self.post("/api/members", body).await;
        assert_eq!(response.status, 201, "{response:?}");
    }

    /// Changes the role of a member.
    pub(crate) async fn set_role(&self, channel: &str, user: &str, role: &str) {
        let path = format!("/api/members/{channel}/{user}/role");
        let response = self.patch(&path, json!({ "role": role })).await;
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// Creates a thread and returns its id.
    pub(crate) async fn thread(&self, channel: &str) -> String {
        let body = json!({ "channelId": channel, "name": "Logo" });
        let response = self.post("/api/threads", body).await;
        assert_eq!(response.status, 201, "{response:?}");
        text_field(&response.json(), "id")
    }

    /// Posts a message.
    pub(crate) async fn post_message(&self, thread: &str, content: &str) -> Value {
        let body = json!({ "threadId": thread, "content": content });
        let response = self.post("/api/messages", body).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()
    }

    /// The messages of a thread; `query` begins with `?` unless it is empty.
    pub(crate) async fn messages(&self, thread: &str, query: &str) -> Vec<Value> {
        let path = format!("/api/messages/thread/{thread}{query}");
        self.list(&path).await
    }

    /// A list of a response.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        let response = self.get(path).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json().as_array().expect("a list").clone()
    }

    /// All items of a list, over all its pages.
    pub(crate) async fn all_pages(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let response = self.get(&path).await;
            assert_eq!(response.status, 200, "{response:?}");
            items.extend(response.json().as_array().expect("a list").iter().cloned());
            next = response
                .header("link")
                .and_then(|link| linked(link, "next"));
        }
        items
    }
}

/// The target of the link with that relation.
pub(crate) fn linked(header: &str, relation: &str) -> Option<String> {
    header.split(", ").find_map(|link| {
        let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
        let is_it = parameters.contains(&format!("rel=\"{relation}\""));
        is_it.then(|| target.to_owned())
    })
}
