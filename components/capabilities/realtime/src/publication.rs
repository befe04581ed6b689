//! Requests to the control address of a proxy (https://pushpin.org/docs/protocols/grip/).

use serde_json::{Map, Value, json};

use crate::{Action, Item};

/// Bytes of a request. Pushpin takes 1,000,000.
const BODY_MAX: usize = 900_000;

/// What a subscription has to have among its filters to get a message. Pushpin compares them when it sends, and a socket
/// that has unsubscribed meanwhile has none: without this it would get what waits in Pushpin's queue, and `skip-users`,
/// which is gone too, would not keep it from a former member. Of those that Pushpin knows this one changes nothing in a
/// text without `%`.
const CONTENT_FILTER: &str = "var-subst";

/// The URLs of the proxies that a variable names, separated by commas.
pub(crate) fn publish_urls(variable: &str) -> Vec<String> {
    let urls = variable.split(',').map(str::trim);
    let urls = urls.filter(|url| !url.is_empty());
    urls.map(|url| format!("{}/publish/", url.trim_end_matches('/')))
        .collect()
}

/// The bodies of the requests that publish items in their order.
pub(crate) fn bodies(items: &[Item]) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut body = String::new();
    for item in items {
        let item = item_of(item).to_string();
        if !body.is_empty() && body.len() + item.len() > BODY_MAX {
            bodies.push(std::mem::take(&mut body));
        }
        if !body.is_empty() {
            body.push(',');
        }
        body.push_str(&item);
    }
    if !body.is_empty() {
        bodies.push(body);
    }
    let bodies = bodies.into_iter();
    bodies
        .map(|items| format!("{{\"items\":[{items}]}}"))
        .collect()
}

fn item_of(item: &Item) -> Value {
    let mut value = Map::new();
    value.insert("channel".to_owned(), json!(item.channel));
    if let Some(id) = &item.id {
        value.insert("id".to_owned(), json!(id));
    }
    if let Some(previous) = &item.previous_id {
        value.insert("prev-id".to_owned(), json!(previous));
    }
    let formats = match &item.action {
        // What has no id is not stored: there is nothing to fetch.
        Action::Message(text) if item.id.is_none() => json!({ "ws-message": message(text) }),
        Action::Message(text) => json!({
            "ws-message": message(text),
            "http-stream": { "action": "hint" },
        }),
        Action::Close(closing) => json!({
            "ws-message": { "action": "close", "code": closing.code, "reason": closing.reason },
            "http-stream": { "action": "close" },
        }),
        Action::Ping(content) => json!({ "ws-message": { "type": "ping", "content": content } }),
    };
    value.insert("formats".to_owned(), formats);
    let mut meta = Map::new();
    if let Some(sender) = &item.sender {
        meta.insert("sender".to_owned(), json!(sender));
    }
    if !item.excluded.is_empty() {
        meta.insert("skip_users".to_owned(), json!(item.excluded.join(",")));
    }
    if !meta.is_empty() {
        value.insert("meta".to_owned(), Value::Object(meta));
    }
    Value::Object(value)
}

/// A text for those who are subscribed at the moment in which it is sent.
fn message(text: &str) -> Value {
    // In JSON this is the same character. Beyond a string there is none.
    let content = text.replace('%', "\\u0025");
    json!({ "content": content, "content-filters": [CONTENT_FILTER] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::goldfish::realtime::proxy::Closing;

    fn item(action: Action) -> Item {
        Item {
            channel: "t-1".to_owned(),
            id: None,
            previous_id: None,
            action,
            sender: None,
            excluded: Vec::new(),
        }
    }

    #[test]
    fn publish_urls_are_those_of_each_proxy() {
        let urls = publish_urls("http://a:5561, https://b/service/1/ ,");
        assert_eq!(
            urls,
            ["http://a:5561/publish/", "https://b/service/1/publish/"]
        );
        assert!(publish_urls(" ").is_empty());
    }

    #[test]
    fn bodies_have_all_fields_of_grip() {
        let message = Item {
            id: Some("e-2".to_owned()),
            previous_id: Some("e-1".to_owned()),
            sender: Some("u1".to_owned()),
            excluded: vec!["u2".to_owned(), "u3".to_owned()],
            ..item(Action::Message("{}".to_owned()))
        };
        let closing = item(Action::Close(Closing {
            code: 4401,
            reason: "Signed out.".to_owned(),
        }));
        let bodies = bodies(&[message, closing]);
        let body: Value = serde_json::from_str(&bodies[0]).unwrap();
        assert_eq!(
            body,
            json!({ "items": [
                {
                    "channel": "t-1", "id": "e-2", "prev-id": "e-1",
                    "formats": {
                        "ws-message": { "content": "{}", "content-filters": ["var-subst"] },
                        "http-stream": { "action": "hint" },
                    },
                    "meta": { "sender": "u1", "skip_users": "u2,u3" },
                },
                {
                    "channel": "t-1",
                    "formats": {
                        "ws-message": { "action": "close", "code": 4401, "reason": "Signed out." },
                        "http-stream": { "action": "close" },
                    },
                },
            ] })
        );
    }

    #[test]
    fn bodies_of_a_message_without_an_id_are_for_websockets_only() {
        let bodies = bodies(&[item(Action::Message("{}".to_owned()))]);
        let body: Value = serde_json::from_str(&bodies[0]).unwrap();
        let formats =
            json!({ "ws-message": { "content": "{}", "content-filters": ["var-subst"] } });
        assert_eq!(body["items"][0]["formats"], formats);
    }

    #[test]
    fn bodies_have_no_percent_sign_in_messages_and_mean_the_same() {
        let text = r#"{"a":"50% \\% %(user)s %%"}"#;
        let bodies = bodies(&[item(Action::Message(text.to_owned()))]);
        let body: Value = serde_json::from_str(&bodies[0]).unwrap();
        let content = body["items"][0]["formats"]["ws-message"]["content"]
            .as_str()
            .unwrap();
        assert!(!content.contains('%'), "{content}");
        let parsed = serde_json::from_str::<Value>;
        assert_eq!(parsed(content).unwrap(), parsed(text).unwrap());
    }

    #[test]
    fn bodies_of_a_ping_are_for_websockets_only() {
        let bodies = bodies(&[item(Action::Ping("k".to_owned()))]);
        let body: Value = serde_json::from_str(&bodies[0]).unwrap();
        let formats = json!({ "ws-message": { "type": "ping", "content": "k" } });
        assert_eq!(body["items"][0]["formats"], formats);
    }

    #[test]
    fn bodies_stay_below_the_limit_and_keep_the_order() {
        let items: Vec<Item> = (0..50)
            .map(|number| item(Action::Message(format!("{number}{}", "x".repeat(60_000)))))
            .collect();
        let bodies = bodies(&items);
        assert!(bodies.len() > 3 && bodies.iter().all(|body| body.len() < 1_000_000));
        let mut contents = Vec::new();
        for body in &bodies {
            let body: Value = serde_json::from_str(body).unwrap();
            for item in body["items"].as_array().unwrap() {
                let content = item["formats"]["ws-message"]["content"].as_str().unwrap();
                contents.push(content.trim_end_matches('x').parse::<usize>().unwrap());
            }
        }
        assert_eq!(contents, (0..50).collect::<Vec<_>>());
    }
}
