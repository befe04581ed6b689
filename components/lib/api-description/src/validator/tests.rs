use super::*;
use serde_json::json;

fn validator() -> Validator {
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
    Validator::new(&json!({
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
fn what_is_not_described_is_a_violation() {
    let validator = validator();
    let put = validator.operation("PUT", "/cats/7").unwrap();
    let request = |query, body: &str| {
        let kind = Some("application/json; charset=utf-8");
        validator
            .check_request(put, query, kind, body.as_bytes())
            .is_ok()
    };
    assert!(request("dry=1", r#"{"name": "Tom"}"#));
    assert!(!request("wet=1", r#"{"name": "Tom"}"#));
    assert!(!request("", r#"{"name": "Tom", "age": 3}"#));
    assert!(!request("", "{"));

    let head = |status, kind: &'static str, count: Option<&'static str>| {
        let header = |name: &str| match name {
            "content-type" => Some(kind),
            "x-count" => count,
            _ => None,
        };
        validator.check_head(put, status, header).is_ok()
    };
    assert!(head(200, "application/json", Some("3")));
    assert!(!head(200, "application/json", Some("many")));
    assert!(!head(200, "application/json", None));
    assert!(!head(200, "text/html", Some("3")));
    assert!(!head(201, "application/json", Some("3")));

    let body = |status, body: &str| validator.check_body(put, status, body.as_bytes()).is_ok();
    assert!(body(200, r#"{"name": "Tom"}"#));
    assert!(!body(200, r#"{"name": 7}"#));
    assert!(body(404, r#"{"code": "GONE"}"#));
    assert!(!body(404, r#"{"code": "LOST"}"#));
}

#[test]
fn an_event_is_checked_against_the_schema_of_its_name() {
    let validator = validator();
    let get = validator.operation("HEAD", "/cats/7").unwrap();
    let event = |name, data| validator.check_event(get, name, data).is_ok();
    assert!(event("cat", r#"{"name": "Tom"}"#));
    assert!(event("message", "[DONE]"));
    assert!(!event("cat", r#"{"name": 7}"#));
    assert!(!event("dog", r#"{"name": "Rex"}"#));
}

#[test]
fn events_of_an_example_are_examples_too() {
    assert_eq!(validator().check_examples().unwrap(), 5);
}

#[test]
fn a_path_with_other_segments_or_another_method_has_no_operation() {
    let validator = validator();
    assert!(validator.operation("PUT", "/cats/").is_none());
    assert!(validator.operation("PUT", "/cats/7/8").is_none());
    assert!(validator.operation("POST", "/cats/7").is_none());
}

#[test]
fn the_document_of_the_routes_is_valid() {
    let routes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../routes");
    let text = crate::render(&routes).unwrap();
    let validator = Validator::new(&serde_json::from_str(&text).unwrap()).unwrap();
    assert!(validator.check_examples().unwrap() > 100);
}
