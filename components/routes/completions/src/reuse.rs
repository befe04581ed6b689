//! Giving a kept answer to who asks the same again.

use std::collections::BTreeMap;

use contracts::{
    identity::types::Principal,
    response_cache::cache::{self, Error, Generation, Key, Lookup},
};
use http_edge::{Context, Head};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::reply::Shape;

/// A request whose answer may be a kept one, and may be kept.
pub(crate) struct Wish {
    user: String,
    /// Of all that is asked but the model, which is not chosen yet.
    asked: Sha256,
    /// Seconds; none where any age will do.
    max_age: Option<u32>,
}

/// What came of looking.
pub(crate) enum Looked {
    /// The body of the answer.
    Found(String),
    /// Where a new answer goes; nowhere if the cache has trouble.
    Nothing(Option<Place>),
}

/// Where a new answer goes.
pub(crate) struct Place {
    key: Key,
    generation: Generation,
}

impl Wish {
    /// None where answers are not kept, for a stream, and for a client that wants none of it
    /// (`no-store`).
    pub(crate) async fn of(
        context: &Context,
        principal: &Principal,
        fields: &Map<String, Value>,
        shape: Shape,
    ) -> Option<Self> {
        let is_stream = fields.get("stream").is_some_and(|value| *value != false);
        let directives = Directives::of(&context.head);
        if is_stream || directives.no_store || !cache::is_enabled().await {
            return None;
        }
        Some(Self {
            user: principal.user.id.clone(),
            asked: digest(fields, shape)?,
            max_age: directives.max_age,
        })
    }

    /// Looks for an answer of the model's. Tells the client what came of it.
    pub(crate) async fn look(self, context: &mut Context, model: &str) -> Looked {
        let key = Key {
            user: self.user,
            fingerprint: format!("{:x}", self.asked.chain_update(model).finalize()),
        };
        match cache::get(key.clone(), self.max_age).await {
            Ok(Lookup::Hit(cached)) => {
                context.set_header("x-goldfish-cache", "hit");
                context.set_header("age", cached.age.to_string());
                Looked::Found(cached.body)
            }
            Ok(Lookup::Miss(generation)) => {
                context.set_header("x-goldfish-cache", "miss");
                Looked::Nothing(Some(Place { key, generation }))
            }
            Err(Error::Unavailable(cause)) => {
                context.log.warn(&cause);
                Looked::Nothing(None)
            }
        }
    }
}

impl Place {
    /// Keeps an answer. Tells what went wrong, for the log.
    pub(crate) async fn keep(self, body: String) -> Option<String> {
        let kept = cache::put(self.key, self.generation, body).await;
        kept.err().map(|Error::Unavailable(cause)| cause)
    }
}

/// What a client asks of caches (RFC 9111, section 5.2.1), as far as it applies here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Directives {
    no_store: bool,
    /// Seconds; `no-cache` is 0.
    max_age: Option<u32>,
}

impl Directives {
    fn of(head: &Head) -> Self {
        let mut found = Self::default();
        let lines = head
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("cache-control"))
            .filter_map(|(_, value)| std::str::from_utf8(value).ok());
        for directive in lines.flat_map(|line| line.split(',')) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let max_age = match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => {
                    found.no_store = true;
                    continue;
                }
                "no-cache" => 0,
                // What is no number is as good as stale (section 4.2.1).
                "max-age" => value.trim().trim_matches('"').parse().unwrap_or(0),
                _ => continue,
            };
            found.max_age = Some(found.max_age.unwrap_or(u32::MAX).min(max_age));
        }
        found
    }
}

/// All that the answer depends on but the model: every field that the client gives, in whatever
/// order. Within a field order counts, as it does for a model that fills in a JSON Schema.
fn digest(fields: &Map<String, Value>, shape: Shape) -> Option<Sha256> {
    let fields: BTreeMap<_, _> = fields
        .iter()
        .filter(|(name, value)| !matches!(name.as_str(), "model" | "stream") && !value.is_null())
        .collect();
    let shape = match shape {
        Shape::OpenAi => "openai",
        Shape::Plain => "plain",
    };
    // JSON ends by itself, so that what follows cannot be taken for a part of it.
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
    fn what_the_answer_depends_on_makes_a_difference() {
        let base = json!({ "messages": [{ "role": "user", "content": "Hi" }], "seed": 1 });
        let digest = |fields: &Value| digest_of(fields.clone(), Shape::OpenAi);
        let changed = |name: &str, value: Value| {
            let mut fields = base.clone();
            fields[name] = value;
            digest(&fields)
        };
        assert_ne!(digest_of(base.clone(), Shape::Plain), digest(&base));
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
            // Of which there is one in the whole question, found out later.
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
        // A model fills in a schema in its order.
        let schema = |properties: Value| json!({ "response_format": properties });
        assert_ne!(
            digest(&schema(json!({ "a": {}, "b": {} }))),
            digest(&schema(json!({ "b": {}, "a": {} })))
        );
    }

    #[test]
    fn directives_are_read_from_all_fields() {
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
