//! How errors look: a family for each protocol that is spoken here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::section;

/// By name.
#[derive(Deserialize)]
pub(crate) struct Families(BTreeMap<String, Family>);

/// The errors of one protocol.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family {
    /// The schema of its error object.
    schema: String,
    /// The schema that lists its codes; generated.
    codes: String,
    /// What names of its responses begin with.
    #[serde(default)]
    prefix: String,
    statuses: BTreeMap<String, Status>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    name: String,
    description: String,
    /// By their codes, an error object each.
    examples: Map<String, Value>,
    /// Header fields besides those of every answer.
    #[serde(default)]
    headers: Vec<String>,
}

impl Families {
    pub(crate) fn family(&self, name: &str) -> Result<&Family, String> {
        self.0
            .get(name)
            .ok_or_else(|| format!("no errors named {name} in frame.yaml"))
    }

    /// Adds their responses and lists of codes to the document's components.
    pub(crate) fn describe(&self, components: &mut Map<String, Value>) -> Result<(), String> {
        for family in self.0.values() {
            let responses = section(components, "responses")?;
            for status in family.statuses.values() {
                responses.insert(family.response(status), status.describe(family));
            }
            let codes = section(components, "schemas")?;
            codes.insert(family.codes.clone(), family.describe_codes());
        }
        Ok(())
    }
}

impl Family {
    /// A reference to the response of that status.
    pub(crate) fn reference(&self, status: &str) -> Result<Value, String> {
        let found = self.statuses.get(status);
        let found = found.ok_or_else(|| format!("no error {status} of {}", self.schema))?;
        Ok(json!({ "$ref": format!("#/components/responses/{}", self.response(found)) }))
    }

    fn response(&self, status: &Status) -> String {
        format!("{}{}", self.prefix, status.name)
    }

    fn describe_codes(&self) -> Value {
        let mut codes: Vec<&String> = Vec::new();
        for code in self.statuses.values().flat_map(|one| one.examples.keys()) {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        json!({
            "type": "string",
            "description": "A stable code for programs.",
            "enum": codes,
        })
    }
}

impl Status {
    fn describe(&self, family: &Family) -> Value {
        let examples: Map<String, Value> = self
            .examples
            .iter()
            .map(|(code, example)| (code.clone(), json!({ "value": example })))
            .collect();
        json!({
            "description": self.description,
            "headers": headers(&self.headers),
            "content": { "application/json": {
                "schema": { "$ref": format!("#/components/schemas/{}", family.schema) },
                "examples": examples,
            }},
        })
    }
}

/// The header fields of every answer, and more of those that the frame describes.
pub(crate) fn headers(more: &[String]) -> Map<String, Value> {
    let names = std::iter::once("X-Request-Id").chain(more.iter().map(String::as_str));
    names
        .map(|name| {
            let reference = format!("#/components/headers/{name}");
            (name.to_owned(), json!({ "$ref": reference }))
        })
        .collect()
}
