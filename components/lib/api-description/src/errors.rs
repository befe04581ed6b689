//! Error responses: a family for each protocol of the API.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::object::member;

/// The families by name.
#[derive(Deserialize)]
pub(crate) struct Families(BTreeMap<String, Family>);

/// The errors of one protocol.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family {
    /// The name of the error object's schema.
    schema: String,
    /// The name of the generated schema that lists the error codes.
    codes: String,
    /// The prefix of the responses' names.
    #[serde(default)]
    prefix: String,
    statuses: BTreeMap<String, Status>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    name: String,
    description: String,
    /// An error object for each code.
    examples: Map<String, Value>,
    /// Header fields in addition to those of every response.
    #[serde(default)]
    headers: Vec<String>,
}

impl Families {
    /// The family with this name.
    pub(crate) fn family(&self, name: &str) -> Result<&Family, String> {
        self.0
            .get(name)
            .ok_or_else(|| format!("no errors named {name} in frame.yaml"))
    }

    /// Adds the responses and the schemas of error codes to the document's components.
    pub(crate) fn add_to(&self, components: &mut Map<String, Value>) -> Result<(), String> {
        for family in self.0.values() {
            let responses = member(components, "responses")?;
            for status in family.statuses.values() {
                responses.insert(family.response_name(status), status.response(family));
            }
            let codes = member(components, "schemas")?;
            codes.insert(family.codes.clone(), family.codes_schema());
        }
        Ok(())
    }
}

impl Family {
    /// A reference to the response with this status.
    pub(crate) fn reference(&self, status: &str) -> Result<Value, String> {
        let status = self
            .statuses
            .get(status)
            .ok_or_else(|| format!("no error {status} of {}", self.schema))?;
        Ok(json!({ "$ref": format!("#/components/responses/{}", self.response_name(status)) }))
    }

    fn response_name(&self, status: &Status) -> String {
        format!("{}{}", self.prefix, status.name)
    }

    fn codes_schema(&self) -> Value {
        let mut codes: Vec<&String> = Vec::new();
        for code in self
            .statuses
            .values()
            .flat_map(|status| status.examples.keys())
        {
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
    fn response(&self, family: &Family) -> Value {
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

/// References to the header fields of every response and to `additional` ones of the frame.
pub(crate) fn headers(additional: &[String]) -> Map<String, Value> {
    let names = std::iter::once("X-Request-Id").chain(additional.iter().map(String::as_str));
    names
        .map(|name| {
            let reference = format!("#/components/headers/{name}");
            (name.to_owned(), json!({ "$ref": reference }))
        })
        .collect()
}
