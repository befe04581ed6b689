//! The compiled operations of an OpenAPI document.

use std::collections::BTreeMap;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::Value;

use crate::{
    fragment::METHODS,
    node::{Node, entries, escaped},
    violation::{Violation, parse_json},
};

/// The document's URL while its schemas are compiled. It is never requested.
const DOCUMENT_URL: &str = "https://description.invalid/openapi.json";

/// A document with all its schemas compiled.
pub(crate) struct Compiled {
    pub(crate) schemas: Schemas,
    pub(crate) operations: Vec<Operation>,
    pub(crate) examples: Vec<Example>,
}

/// One method of one path.
#[derive(Debug)]
pub struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names of the query parameters.
    pub(crate) query: Vec<String>,
    /// The schemas of request bodies by media type.
    pub(crate) requests: BTreeMap<String, SchemaIndex>,
    /// By status code.
    pub(crate) responses: BTreeMap<String, Response>,
}

/// The response with one status code.
#[derive(Debug)]
pub(crate) struct Response {
    /// By media type.
    pub(crate) contents: BTreeMap<String, Content>,
    pub(crate) headers: Vec<Header>,
    /// The allowed error codes; empty if the response is not an error.
    pub(crate) codes: Vec<String>,
}

/// A body of one media type.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) schema: SchemaIndex,
    /// The schemas of a stream's events by event name; empty if this is not an event stream.
    pub(crate) events: BTreeMap<String, SchemaIndex>,
}

/// A header field of a response.
#[derive(Debug)]
pub(crate) struct Header {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) is_required: bool,
    pub(crate) schema: SchemaIndex,
    pub(crate) is_number: bool,
}

/// An example and the schema that it must match.
#[derive(Debug)]
pub(crate) struct Example {
    /// Where the example is in the document.
    pub(crate) pointer: String,
    pub(crate) schema: SchemaIndex,
    pub(crate) value: Value,
}

/// Compiles all operations of a document.
pub(crate) fn compile(document: &Value) -> Result<Compiled, Violation> {
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    compiler.enable_format_assertions();
    compiler
        .add_resource(DOCUMENT_URL, document.clone())
        .map_err(|error| Violation::new(error.to_string()))?;
    let mut compilation = Compilation {
        document,
        compiler,
        schemas: Schemas::new(),
        examples: Vec::new(),
    };
    let mut operations = Vec::new();
    for (path, item) in entries(document.get("paths")) {
        for method in METHODS {
            if item.get(method).is_some() {
                operations.push(compilation.operation(path, method)?);
            }
        }
    }
    Ok(Compiled {
        schemas: compilation.schemas,
        operations,
        examples: compilation.examples,
    })
}

/// A compilation under way: collects schemas and examples.
struct Compilation<'a> {
    document: &'a Value,
    compiler: Compiler,
    schemas: Schemas,
    examples: Vec<Example>,
}

impl<'a> Compilation<'a> {
    fn operation(&mut self, path: &str, method: &str) -> Result<Operation, Violation> {
        let path_item = Node::at(self.document, format!("/paths/{}", escaped(path)));
        let node = path_item.get(method);
        let mut query = Vec::new();
        for list in [path_item.get("parameters"), node.get("parameters")] {
            for parameter in list.items() {
                let parameter = parameter.resolved(self.document);
                if parameter.text("in") == Some("query") {
                    query.extend(parameter.text("name").map(str::to_owned));
                }
                self.content(&parameter)?;
            }
        }
        let mut requests = BTreeMap::new();
        for (media_type, content) in node.get("requestBody").get("content").entries() {
            requests.insert(media_type.to_owned(), self.content(&content)?.schema);
        }
        let mut responses = BTreeMap::new();
        for (status, response) in node.get("responses").entries() {
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

    fn response(&mut self, node: &Node<'a>) -> Result<Response, Violation> {
        let mut contents = BTreeMap::new();
        let mut codes = Vec::new();
        for (media_type, content) in node.get("content").entries() {
            // Examples of errors have the error's code as their name.
            if node.pointer.starts_with("/components/responses/") {
                let examples = content.get("examples");
                codes.extend(examples.entries().map(|(code, _)| code.to_owned()));
            }
            contents.insert(media_type.to_owned(), self.content(&content)?);
        }
        let mut headers = Vec::new();
        for (name, header) in node.get("headers").entries() {
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

    /// Compiles a media type object, or a parameter object, which has the same members.
    fn content(&mut self, node: &Node<'a>) -> Result<Content, Violation> {
        let schema = self.compile(&node.get("schema"))?;
        let mut events = BTreeMap::new();
        for (name, event) in node.get("x-events").entries() {
            events.insert(name.to_owned(), self.compile(&event)?);
        }
        let mut examples = vec![node.get("example")];
        let named = node.get("examples");
        examples.extend(named.entries().map(|(_, example)| example.get("value")));
        for example in examples.into_iter().filter(Node::exists) {
            self.examples.push(Example {
                pointer: example.pointer.clone(),
                schema,
                value: example.value.clone(),
            });
            self.event_examples(&example, &events)?;
        }
        Ok(Content { schema, events })
    }

    /// Collects the events of an example that is an event stream.
    fn event_examples(
        &mut self,
        node: &Node<'a>,
        events: &BTreeMap<String, SchemaIndex>,
    ) -> Result<(), Violation> {
        let text = node.value.as_str().unwrap_or_default();
        for event in text.split("\n\n").filter(|_| !events.is_empty()) {
            let field = |name: &str| {
                let mut lines = event.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let Some(data) = field("data").filter(|data| *data != "[DONE]") else {
                continue;
            };
            let violation =
                |problem: &str| Violation::new(format!("{}: {problem}: {event}", node.pointer));
            let name = field("event").unwrap_or("message");
            let schema = *events.get(name).ok_or_else(|| violation("not described"))?;
            let value = parse_json(data.as_bytes()).map_err(|error| violation(&error))?;
            self.examples.push(Example {
                pointer: node.pointer.clone(),
                schema,
                value,
            });
        }
        Ok(())
    }

    fn compile(&mut self, node: &Node<'a>) -> Result<SchemaIndex, Violation> {
        if !node.exists() {
            return Err(Violation::new(format!("{} is missing", node.pointer)));
        }
        // A URL must not contain the braces of a path template.
        let pointer = node.pointer.replace('{', "%7B").replace('}', "%7D");
        let location = format!("{DOCUMENT_URL}#{pointer}");
        self.compiler
            .compile(&location, &mut self.schemas)
            .map_err(|error| Violation::new(format!("{}: {error}", node.pointer)))
    }
}
