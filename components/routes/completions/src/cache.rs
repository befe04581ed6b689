//! Responses from the response cache, for equal requests.

use std::collections::BTreeMap;

use completion::Report;
use contracts::response_cache::cache::{self, Error, Generation, Key, Lookup as Cached};
use http_edge::Head;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::encode::Shape;

/// A request whose response may be cached.
pub(crate) struct CacheRequest {
    user: String,
    /// A digest of the request without the model, which is not resolved yet.
    digest: Sha256,
    /// Seconds; none if the client accepts any age.
    max_age: Option<u32>,
}

/// The result of looking a response up.
pub(crate) enum Lookup {
    /// The body of the cached response.
    Hit(String),
    /// Where a new response is stored; none if the cache failed.
    Miss(Option<Slot>),
}

/// Where a new response is stored.
pub(crate) struct Slot {
    key: Key,
    generation: Generation,
}

impl CacheRequest {
    /// None if the cache is off, if the response is streamed, or if the client forbids it
    /// (`no-store`).
    pub(crate) async fn of(
        head: &Head,
        user: &str,
        fields: &Map<String, Value>,
        shape: Shape,
    ) -> Option<Self> {
        let is_stream = fields.get("stream").is_some_and(|value| *value != false);
        let directives = Directives::of(head);
        if is_stream || directives.no_store || !cache::is_enabled().await {
            return None;
        }
        Some(Self {
            user: user.to_owned(),
            digest: digest(fields, shape)?,
            max_age: directives.max_age,
        })
    }

    /// Looks for a response of that model. Reports the result to the client.
    pub(crate) async fn look_up(self, model: &str, report: &mut Report) -> Lookup {
        let key = Key {
            user: self.user,
            fingerprint: format!("{:x}", self.digest.chain_update(model).finalize()),
        };
        match cache::get(key.clone(), self.max_age).await {
            Ok(Cached::Hit(response)) => {
                report.header("x-goldfish-cache", "hit");
                report.header("age", response.age.to_string());
                Lookup::Hit(response.body)
            }
            Ok(Cached::Miss(generation)) => {
                report.header("x-goldfish-cache", "miss");
                Lookup::Miss(Some(Slot { key, generation }))
            }
            Err(Error::Unavailable(cause)) => {
                report.warn(Err(cause));
                Lookup::Miss(None)
            }
        }
    }
}

impl Slot {
    /// Stores a response.
    ///
    /// # Errors
    /// A text for the log.
    pub(crate) async fn store(self, body: String) -> Result<(), String> {
        cache::put(self.key, self.generation, body)
            .await
            .map_err(|Error::Unavailable(cause)| cause)
    }
}

/// The directives of `Cache-Control` that apply here (RFC 9111, section 5.2.1).
#[derive(Debug, Default, PartialEq, Eq)]
struct Directives {
    no_store: bool,
    /// Seconds; `no-cache` is 0.
    max_age: Option<u32>,
}

impl Directives {
    fn of(head: &Head) -> Self {
        let mut directives = Self::default();
        let lines = head
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("cache-control"))
            .filter_map(|(_, value)| std::str::from_utf8(value).ok());
        for directive in lines.flat_map(|line| line.split(',')) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let max_age = match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => {
                    directives.no_store = true;
                    continue;
                }
                "no-cache" => 0,
                // An invalid age makes any response stale (section 4.2.1).
                "max-age" => value.trim().trim_matches('"').parse().unwrap_or(0),
                _ => continue,
            };
            directives.max_age = Some(directives.max_age.unwrap_or(u32::MAX).min(max_age));
        }
        directives
    }
}

/// Everything that the response depends on except the model: all fields that the client gave, in
/// any order. Within a field the order counts, because a model fills in a JSON Schema in its order.
fn digest(fields: &Map<String, Value>, shape: Shape) -> Option<Sha256> {
    let fields: BTreeMap<_, _> = fields
        .iter()
        .filter(|(name, value)| !matches!(name.as_str(), "model" | "stream") && !value.is_null())
        .collect();
    let shape = match shape {
        Shape::OpenAi => "openai",
        Shape::WorkerApi => "plain",
    };
    // JSON is self-delimiting, so the model, which is appended, cannot be confused with a part of it.
    let text = serde_json::to_vec(&(shape, fields)).ok()?;
    Some(Sha256::new_with_prefix(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn digest_of(fields: Value, shape: Shape) -> String {
        let fields = fields.as_object().unwrap();
        format!("{:x}", digest(fields, shape).unwrap().finalize())
    }

    #[test]
    fn digest_differs_for_each_field_except_model_and_stream() {
        let base = json!({ "messages": [{ "role": "user", "content": "Hi" }], "seed": 1 });
        let digest = |fields: &Value| digest_of(fields.clone(), Shape::OpenAi);
        let changed = |name: &str, value: Value| {
            let mut fields = base.clone();
            fields[name] = value;
            digest(&fields)
        };
        assert_ne!(digest_of(base.clone(), Shape::WorkerApi), digest(&base));
        for (name, value) in [
            ("seed", json!(2)),
            ("seed", json!(1.0)),
            ("temperature", json!(0)),
            ("user", json!("ada")),
            ("logit_bias", json!({ "50256": -100 })),
            ("messages", json!([{ "role": "user", "content": "Hi " }])),
            ("messages", json!([{ "content": "Hi", "role": "system" }])),
        ] {
            assert_ne!(
                changed(name, value.clone()),
                digest(&base),
                "{name} {value}"
            );
        }
        for (name, value) in [
            ("stream", json!(false)),
            ("stop", Value::Null),
            // Appended later.
            ("model", json!("gpt-4o")),
        ] {
            assert_eq!(
                changed(name, value.clone()),
                digest(&base),
                "{name} {value}"
            );
        }
        let reordered = json!({ "seed": 1, "messages": [{ "role": "user", "content": "Hi" }] });
        assert_eq!(digest(&reordered), digest(&base));

        let schema = |properties: Value| json!({ "response_format": properties });
        assert_ne!(
            digest(&schema(json!({ "a": {}, "b": {} }))),
            digest(&schema(json!({ "b": {}, "a": {} })))
        );
    }

    #[test]
    fn directives_of_several_header_lines_take_the_strictest() {
        let directives = |lines: &[&str]| {
            let line = |line: &&str| ("Cache-Control".to_owned(), line.as_bytes().to_vec());
            Directives::of(&Head {
                headers: lines.iter().map(line).collect(),
                ..Head::default()
            })
        };
        let expected = |no_store, max_age| Directives { no_store, max_age };
        assert_eq!(directives(&[]), expected(false, None));
        assert_eq!(directives(&["no-transform"]), expected(false, None));
        assert_eq!(directives(&["No-Cache"]), expected(false, Some(0)));
        assert_eq!(directives(&["max-age=60"]), expected(false, Some(60)));
        assert_eq!(directives(&["max-age=\"5\", x"]), expected(false, Some(5)));
        assert_eq!(directives(&["max-age=soon"]), expected(false, Some(0)));
        assert_eq!(
            directives(&["max-age=60", "no-store, no-cache"]),
            expected(true, Some(0))
        );
    }
}
