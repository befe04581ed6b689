//! Whether exchanges are as the description says.
//!
//! What is sent may be more than is described where an endpoint lets it be; what is answered may not.

use std::{collections::BTreeMap, fmt};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Map, Value};

/// Where the document is while its schemas are compiled; never looked up.
const HERE: &str = "https://description.invalid/openapi.json";
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
/// The media type of contents of any type.
const ANY: &str = "*/*";

/// A description with everything in it compiled.
pub struct Contract {
    schemas: Schemas,
    operations: Vec<Operation>,
    examples: Vec<Example>,
}

/// What is wrong with an exchange; sentences for whoever wrote it.
#[derive(Debug)]
pub struct Breach(String);

/// One method of one path.
#[derive(Debug)]
pub struct Operation {
    method: String,
    path: String,
    /// Names of the query's parameters.
    query: Vec<String>,
    requests: BTreeMap<String, SchemaIndex>,
    responses: BTreeMap<String, Response>,
}

#[derive(Debug)]
struct Response {
    contents: BTreeMap<String, Content>,
    headers: Vec<Header>,
    /// The codes of an error.
    codes: Vec<String>,
}

#[derive(Debug)]
struct Content {
    schema: SchemaIndex,
    /// By name; of a stream of events.
    events: BTreeMap<String, SchemaIndex>,
}

#[derive(Debug)]
struct Header {
    name: String,
    is_required: bool,
    schema: SchemaIndex,
    is_number: bool,
}

#[derive(Debug)]
struct Example {
    pointer: String,
    schema: SchemaIndex,
    value: Value,
}

impl fmt::Display for Breach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Breach {}

type Kept = Result<(), Breach>;

impl Contract {
    /// Compiles a description.
    ///
    /// # Errors
    /// What is wrong with the description itself.
    pub fn new(document: &Value) -> Result<Self, Breach> {
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler
            .add_resource(HERE, document.clone())
            .map_err(|error| Breach(error.to_string()))?;
        let mut reader = Reader {
            document,
            compiler,
            schemas: Schemas::new(),
            examples: Vec::new(),
        };
        let mut operations = Vec::new();
        for (path, item) in entries(document.get("paths")) {
            for method in METHODS {
                if item.get(method).is_some() {
                    operations.push(reader.operation(path, method)?);
                }
            }
        }
        Ok(Self {
            schemas: reader.schemas,
            operations,
            examples: reader.examples,
        })
    }

    /// The operation that a request is for; of several the one with the most words in its path.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.operations
            .iter()
            .filter(|operation| operation.method == method && fits(&operation.path, path))
            .max_by_key(|operation| {
                let segments = operation.path.split('/');
                segments.filter(|segment| !segment.starts_with('{')).count()
            })
    }

    /// Checks what was sent and accepted.
    ///
    /// # Errors
    /// If the description forbids it.
    pub fn check_request(
        &self,
        operation: &Operation,
        query: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Kept {
        let names = query.split('&').filter_map(|pair| pair.split('=').next());
        for name in names.filter(|name| !name.is_empty()) {
            // What reads no query lets any be.
            let is_read = !operation.query.is_empty();
            if is_read && !operation.query.iter().any(|known| known == name) {
                return Err(operation.breach(&format!("takes no {name} in its query")));
            }
        }
        if operation.requests.is_empty() || body.is_empty() {
            return Ok(());
        }
        let kind = bare(media_type.unwrap_or_default());
        let kind = if kind.ends_with("+json") {
            "application/json"
        } else {
            &kind
        };
        let Some(schema) = operation.requests.get(kind) else {
            return match operation.requests.get(ANY) {
                Some(_) => Ok(()),
                None => Err(operation.breach(&format!("took a body of {kind:?}"))),
            };
        };
        // Forms are text; who reads them is tested elsewhere.
        if kind != "application/json" {
            return Ok(());
        }
        let value = json(body).map_err(|error| operation.breach(&error))?;
        self.check(*schema, &value)
            .map_err(|error| operation.breach(&format!("took {value}: {error}")))
    }

    /// Checks the head of an answer.
    ///
    /// # Errors
    /// If the description does not have it.
    pub fn check_head<'a>(
        &self,
        operation: &Operation,
        status: u16,
        header: impl Fn(&str) -> Option<&'a str>,
    ) -> Kept {
        let response = operation.response(status)?;
        for expected in &response.headers {
            let name = &expected.name;
            let Some(text) = header(name) else {
                if expected.is_required {
                    return Err(operation.breach(&format!("answered {status} without {name}")));
                }
                continue;
            };
            let value = match text.parse::<u64>() {
                Ok(number) if expected.is_number => Value::from(number),
                _ => Value::from(text),
            };
            self.check(expected.schema, &value).map_err(|error| {
                operation.breach(&format!("answered {status} with {name} {text:?}: {error}"))
            })?;
        }
        let kind = bare(header("content-type").unwrap_or_default());
        let has_content = !kind.is_empty() || !response.contents.is_empty();
        let is_described = [&kind, ANY]
            .iter()
            .any(|kind| response.contents.contains_key(*kind));
        if has_content && !is_described {
            return Err(operation.breach(&format!("answered {status} with content {kind:?}")));
        }
        Ok(())
    }

    /// Checks the whole body of an answer in JSON.
    ///
    /// # Errors
    /// If it is not as described.
    pub fn check_body(&self, operation: &Operation, status: u16, body: &[u8]) -> Kept {
        let response = operation.response(status)?;
        let Some(content) = response.contents.get("application/json") else {
            return Ok(());
        };
        let wrong = |what: String| operation.breach(&format!("answered {status} with {what}"));
        let value = json(body).map_err(wrong)?;
        self.check(content.schema, &value)
            .map_err(|error| wrong(format!("{value}: {error}")))?;
        if response.codes.is_empty() {
            return Ok(());
        }
        let code = value.get("code").or_else(|| value.pointer("/error/code"));
        match code.and_then(Value::as_str) {
            // OpenAI's may be null.
            None => Ok(()),
            Some(code) if response.codes.iter().any(|known| known == code) => Ok(()),
            Some(code) => Err(wrong(format!("the code {code}"))),
        }
    }

    /// Checks an event of a stream, whose name is `message` if it has none.
    ///
    /// # Errors
    /// If it is not as described.
    pub fn check_event(&self, operation: &Operation, name: &str, data: &str) -> Kept {
        let response = operation.response(200)?;
        let content = response.contents.get("text/event-stream");
        let wrong = |what: &str| operation.breach(&format!("sent the event {name} {data}: {what}"));
        let events = content.map(|content| &content.events);
        let events = events.ok_or_else(|| wrong("no events are described"))?;
        if data == "[DONE]" {
            return Ok(());
        }
        let schema = events.get(name).ok_or_else(|| wrong("not described"))?;
        let value = json(data.as_bytes()).map_err(|error| wrong(&error))?;
        self.check(*schema, &value).map_err(|error| wrong(&error))
    }

    /// Checks every example of the description against its schema; how many there are.
    ///
    /// # Errors
    /// If one is not of its schema.
    pub fn check_examples(&self) -> Result<usize, Breach> {
        for example in &self.examples {
            self.check(example.schema, &example.value)
                .map_err(|error| Breach(format!("{}: {error}", example.pointer)))?;
        }
        Ok(self.examples.len())
    }

    fn check(&self, schema: SchemaIndex, value: &Value) -> Result<(), String> {
        let checked = self.schemas.validate(value, schema);
        checked.map_err(|error| error.to_string())
    }
}

impl Operation {
    fn response(&self, status: u16) -> Result<&Response, Breach> {
        self.responses
            .get(&status.to_string())
            .ok_or_else(|| self.breach(&format!("answered {status}, which is not described")))
    }

    fn breach(&self, what: &str) -> Breach {
        Breach(format!("{} {} {what}", self.method, self.path))
    }
}

/// Compiles what it finds on its way through the document.
struct Reader<'a> {
    document: &'a Value,
    compiler: Compiler,
    schemas: Schemas,
    examples: Vec<Example>,
}

/// A part of the document, and where it is: what is referred to is where it lies.
#[derive(Clone)]
struct Part<'a> {
    pointer: String,
    value: &'a Value,
}

impl<'a> Reader<'a> {
    fn operation(&mut self, path: &str, method: &str) -> Result<Operation, Breach> {
        let of_path = Part::at(self.document, format!("/paths/{}", escaped(path)));
        let part = of_path.get(method);
        let mut query = Vec::new();
        for list in [of_path.get("parameters"), part.get("parameters")] {
            for parameter in list.items() {
                let parameter = parameter.resolved(self.document);
                if parameter.text("in") == Some("query") {
                    query.extend(parameter.text("name").map(str::to_owned));
                }
                self.content(&parameter)?;
            }
        }
        let mut requests = BTreeMap::new();
        for (kind, content) in part.get("requestBody").get("content").entries() {
            requests.insert(kind.to_owned(), self.content(&content)?.schema);
        }
        let mut responses = BTreeMap::new();
        for (status, response) in part.get("responses").entries() {
            let response = response.resolved(self.document);
            responses.insert(status.to_owned(), self.response(&response)?);
        }
        Ok(Operation {
            method: method.to_uppercase(),
            path: path.to_owned(),
            query,
            requests,
            responses,
        })
    }

    fn response(&mut self, part: &Part<'a>) -> Result<Response, Breach> {
        let mut contents = BTreeMap::new();
        let mut codes = Vec::new();
        for (kind, content) in part.get("content").entries() {
            // The examples of errors are named after their codes.
            if part.pointer.starts_with("/components/responses/") {
                let examples = content.get("examples");
                codes.extend(examples.entries().map(|(code, _)| code.to_owned()));
            }
            contents.insert(kind.to_owned(), self.content(&content)?);
        }
        let mut headers = Vec::new();
        for (name, header) in part.get("headers").entries() {
            let header = header.resolved(self.document);
            let schema = header.get("schema");
            headers.push(Header {
                name: name.to_lowercase(),
                is_required: header.get("required").value == &Value::Bool(true),
                is_number: schema.text("type") == Some("integer"),
                schema: self.compile(&schema)?,
            });
        }
        Ok(Response {
            contents,
            headers,
            codes,
        })
    }

    /// A media type, or a parameter, which has the same parts.
    fn content(&mut self, part: &Part<'a>) -> Result<Content, Breach> {
        let schema = self.compile(&part.get("schema"))?;
        let mut events = BTreeMap::new();
        for (name, event) in part.get("x-events").entries() {
            events.insert(name.to_owned(), self.compile(&event)?);
        }
        let mut examples = vec![part.get("example")];
        let several = part.get("examples");
        examples.extend(several.entries().map(|(_, example)| example.get("value")));
        for example in examples.into_iter().filter(Part::is_there) {
            self.examples.push(Example {
                pointer: example.pointer.clone(),
                schema,
                value: example.value.clone(),
            });
            self.event_examples(&example, &events)?;
        }
        Ok(Content { schema, events })
    }

    /// The events of a stream that is an example.
    fn event_examples(&mut self, part: &Part<'a>, events: &BTreeMap<String, SchemaIndex>) -> Kept {
        let text = part.value.as_str().unwrap_or_default();
        for event in text.split("\n\n").filter(|_| !events.is_empty()) {
            let field = |name: &str| {
                let mut lines = event.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let Some(data) = field("data").filter(|data| *data != "[DONE]") else {
                continue;
            };
            let told = |what: &str| Breach(format!("{}: {what}: {event}", part.pointer));
            let name = field("event").unwrap_or("message");
            let schema = *events.get(name).ok_or_else(|| told("not described"))?;
            let value = json(data.as_bytes()).map_err(|error| told(&error))?;
            self.examples.push(Example {
                pointer: part.pointer.clone(),
                schema,
                value,
            });
        }
        Ok(())
    }

    fn compile(&mut self, part: &Part<'a>) -> Result<SchemaIndex, Breach> {
        if !part.is_there() {
            return Err(Breach(format!("{} is missing", part.pointer)));
        }
        // The braces of paths are not for URLs.
        let pointer = part.pointer.replace('{', "%7B").replace('}', "%7D");
        let place = format!("{HERE}#{pointer}");
        self.compiler
            .compile(&place, &mut self.schemas)
            .map_err(|error| Breach(format!("{}: {error}", part.pointer)))
    }
}

static NOTHING: Value = Value::Null;

impl<'a> Part<'a> {
    fn at(document: &'a Value, pointer: String) -> Self {
        let value = document.pointer(&pointer).unwrap_or(&NOTHING);
        Self { pointer, value }
    }

    fn get(&self, name: &str) -> Self {
        let value = self.value.get(name);
        Self {
            pointer: match value {
                Some(_) => format!("{}/{}", self.pointer, escaped(name)),
                None => format!("{}/{} (none)", self.pointer, escaped(name)),
            },
            value: value.unwrap_or(&NOTHING),
        }
    }

    fn is_there(&self) -> bool {
        !self.pointer.ends_with(" (none)")
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name).and_then(Value::as_str)
    }

    fn entries(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let pointer = self.pointer.clone();
        entries(Some(self.value)).map(move |(name, value)| {
            let pointer = format!("{pointer}/{}", escaped(name));
            (name, Self { pointer, value })
        })
    }

    fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let pointer = self.pointer.clone();
        let items = self.value.as_array().map_or(&[][..], Vec::as_slice);
        items.iter().enumerate().map(move |(index, value)| Self {
            pointer: format!("{pointer}/{index}"),
            value,
        })
    }

    /// What it refers to, if it is a reference.
    fn resolved(self, document: &'a Value) -> Self {
        match self.text("$ref").and_then(|place| place.strip_prefix('#')) {
            Some(pointer) => Self::at(document, pointer.to_owned()),
            None => self,
        }
    }
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let object = value.and_then(Value::as_object);
    object
        .into_iter()
        .flat_map(Map::iter)
        .map(|(name, value)| (name.as_str(), value))
}

/// A name within a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whether a path is of this template.
fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(expected, found)| {
            expected == found || (expected.starts_with('{') && !found.is_empty())
        })
}

/// A media type without its parameters.
fn bare(media_type: &str) -> String {
    let kind = media_type.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn json(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text).map_err(|error| {
        format!(
            "{:?}, which is no JSON: {error}",
            String::from_utf8_lossy(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contract() -> Contract {
        let cat = json!({
            "type": "object",
            "required": ["name"],
            "properties": { "name": { "type": "string" } },
            "additionalProperties": false,
        });
        let content = json!({ "application/json": {
            "schema": { "$ref": "#/components/schemas/Cat" },
            "example": { "name": "Tom" },
        }});
        Contract::new(&json!({
            "paths": { "/cats/{id}": {
                "parameters": [{ "name": "id", "in": "path", "schema": { "type": "string" } }],
                "put": {
                    "parameters": [{ "name": "dry", "in": "query", "schema": { "type": "string" } }],
                    "requestBody": { "content": content },
                    "responses": {
                        "200": {
                            "headers": { "X-Count": { "required": true, "schema": { "type": "integer" } } },
                            "content": content,
                        },
                        "404": { "$ref": "#/components/responses/None" },
                    },
                },
                "get": { "responses": { "200": { "content": { "text/event-stream": {
                    "schema": { "type": "string" },
                    "x-events": { "cat": { "$ref": "#/components/schemas/Cat" } },
                    "example": "event: cat\ndata: {\"name\": \"Tom\"}\n\ndata: [DONE]\n\n",
                }}}}},
            }},
            "components": {
                "schemas": { "Cat": cat },
                "responses": { "None": { "content": { "application/json": {
                    "schema": { "type": "object" },
                    "examples": { "GONE": { "value": { "code": "GONE" } } },
                }}}},
            },
        }))
        .unwrap()
    }

    #[test]
    fn what_is_not_described_is_found() {
        let contract = contract();
        let put = contract.operation("PUT", "/cats/7").unwrap();
        let sent = |query, body: &str| {
            let kind = Some("application/json; charset=utf-8");
            contract
                .check_request(put, query, kind, body.as_bytes())
                .is_ok()
        };
        assert!(sent("dry=1", r#"{"name": "Tom"}"#));
        assert!(!sent("wet=1", r#"{"name": "Tom"}"#));
        assert!(!sent("", r#"{"name": "Tom", "age": 3}"#));
        assert!(!sent("", "{"));

        let head = |status, kind: &'static str, count: Option<&'static str>| {
            let header = |name: &str| match name {
                "content-type" => Some(kind),
                "x-count" => count,
                _ => None,
            };
            contract.check_head(put, status, header).is_ok()
        };
        assert!(head(200, "application/json", Some("3")));
        assert!(!head(200, "application/json", Some("many")));
        assert!(!head(200, "application/json", None));
        assert!(!head(200, "text/html", Some("3")));
        assert!(!head(201, "application/json", Some("3")));

        let body = |status, body: &str| contract.check_body(put, status, body.as_bytes()).is_ok();
        assert!(body(200, r#"{"name": "Tom"}"#));
        assert!(!body(200, r#"{"name": 7}"#));
        assert!(body(404, r#"{"code": "GONE"}"#));
        assert!(!body(404, r#"{"code": "LOST"}"#));
    }

    #[test]
    fn events_are_looked_up_by_their_names() {
        let contract = contract();
        let get = contract.operation("HEAD", "/cats/7").unwrap();
        let event = |name, data| contract.check_event(get, name, data).is_ok();
        assert!(event("cat", r#"{"name": "Tom"}"#));
        assert!(event("message", "[DONE]"));
        assert!(!event("cat", r#"{"name": 7}"#));
        assert!(!event("dog", r#"{"name": "Rex"}"#));
    }

    #[test]
    fn examples_count_with_their_events() {
        assert_eq!(contract().check_examples().unwrap(), 5);
    }

    #[test]
    fn paths_are_told_from_each_other() {
        let contract = contract();
        assert!(contract.operation("PUT", "/cats/").is_none());
        assert!(contract.operation("PUT", "/cats/7/8").is_none());
        assert!(contract.operation("POST", "/cats/7").is_none());
    }

    #[test]
    fn the_description_is_sound() {
        let routes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../routes");
        let text = crate::text(&routes).unwrap();
        let contract = Contract::new(&serde_json::from_str(&text).unwrap()).unwrap();
        assert!(contract.check_examples().unwrap() > 100);
    }
}
