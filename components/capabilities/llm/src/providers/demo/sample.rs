//! A value that keeps to a JSON Schema, as far as its simpler words go. Pure.

use serde_json::{Map, Value, json};
use std::cell::Cell;

/// Schemas may hold themselves, many times over.
const DEEPEST: u32 = 16;
const MOST_VALUES: u32 = 1_000;

/// A value; its texts are `text`.
pub(super) fn sample(schema: &Value, text: &str) -> Value {
    let sampler = Sampler {
        root: schema,
        text,
        values: Cell::new(0),
    };
    sampler.value(schema, DEEPEST)
}

struct Sampler<'a> {
    /// Where references lead.
    root: &'a Value,
    text: &'a str,
    /// Made so far.
    values: Cell<u32>,
}

/// Arguments for a call: the first JSON object in what the user says, else a value of the schema.
pub(super) fn arguments(schema: Map<String, Value>, words: &str) -> Value {
    let given = words.split_once('{').and_then(|(_, rest)| {
        let json = format!("{{{rest}");
        let mut values = serde_json::Deserializer::from_str(&json).into_iter::<Map<_, _>>();
        values.next()?.ok()
    });
    match given {
        Some(given) => Value::Object(given),
        None => match sample(&Value::Object(schema), "demo") {
            Value::Object(object) => Value::Object(object),
            _ => json!({}),
        },
    }
}

impl Sampler<'_> {
    fn value(&self, schema: &Value, depth: u32) -> Value {
        self.values.set(self.values.get().saturating_add(1));
        let deeper = depth.checked_sub(1);
        let Some(deeper) = deeper.filter(|_| self.values.get() < MOST_VALUES) else {
            return Value::Null;
        };
        let of = |schema: &Value| self.value(schema, deeper);
        let is_given = |name: &str| schema.get(name).filter(|value| !value.is_null());
        if let Some(constant) = is_given("const").or(is_given("default")) {
            return constant.clone();
        }
        if let Some(chosen) = schema.get("enum").and_then(|choices| choices.get(0)) {
            return chosen.clone();
        }
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(target) = reference.and_then(|path| self.root.pointer(path.strip_prefix('#')?))
        {
            return of(target);
        }
        for word in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema.get(word).and_then(|schemas| schemas.get(0)) {
                return of(first);
            }
        }
        let kind = schema.get("type");
        let kind = kind
            .and_then(|kinds| kinds.get(0))
            .or(kind)
            .and_then(Value::as_str);
        match kind {
            Some("string") => json!(self.text),
            Some("integer" | "number") => is_given("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            Some("array") => {
                let is_empty = is_given("minItems").is_none_or(|least| *least == 0);
                match schema.get("items").filter(|_| !is_empty) {
                    Some(items) => json!([of(items)]),
                    None => json!([]),
                }
            }
            _ => object(schema, of),
        }
    }
}

/// The required properties, or all if none is required.
fn object(schema: &Value, of: impl Fn(&Value) -> Value) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &String| {
        required.is_none_or(|required| required.iter().any(|field| field.as_str() == Some(name)))
    };
    let fields = schema.get("properties").and_then(Value::as_object);
    fields
        .into_iter()
        .flatten()
        .filter(|(name, _)| is_required(name))
        .map(|(name, schema)| (name.clone(), of(schema)))
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_schemas_are_kept_to() {
        let schema = json!({
            "type": "object", "required": ["name", "size", "tags", "kind", "inner", "maybe"],
            "properties": {
                "name": {"type": "string"}, "size": {"type": "integer", "minimum": 3},
                "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1},
                "kind": {"enum": ["a", "b"]}, "left": {"type": "string"},
                "inner": {"$ref": "#/$defs/inner"}, "maybe": {"type": ["number", "null"]},
            },
            "$defs": {"inner": {"type": "object", "properties": {"x": {"const": 7}}}},
        });
        assert_eq!(
            sample(&schema, "t"),
            json!({"name": "t", "size": 3, "tags": [true], "kind": "a", "inner": {"x": 7}, "maybe": 1})
        );
    }

    #[test]
    fn a_schema_without_end_has_one() {
        let schema = json!({"properties": {"again": {"$ref": "#"}}});
        assert!(sample(&schema, "t").is_object());
        let many: Map<_, _> = (0..100)
            .map(|name| (name.to_string(), json!({"$ref": "#"})))
            .collect();
        assert!(sample(&json!({ "properties": many }), "t").is_object());
        assert_eq!(arguments(Map::new(), "no {json} here"), json!({}));
        assert_eq!(
            arguments(Map::new(), r#"call f {"a": {"b": 1}} please"#),
            json!({"a": {"b": 1}})
        );
    }
}
