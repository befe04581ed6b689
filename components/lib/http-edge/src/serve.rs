//! Handles a request: finds the handler and sends the response.

use spin_sdk::wasip3::http::types;
use uuid::Uuid;

use crate::{
    context::Context,
    cors,
    endpoint::{Endpoint, Match, ROUTE, find},
    error::ApiError,
    head::Head,
    log::{self, LogRecord},
    response::Response,
    settings::Settings,
};

/// Handles a request with the handler that `dispatch` calls for its endpoint. Called by
/// [`crate::routes!`]. `render` makes the body of an error from it and the request id.
pub async fn serve<D>(
    request: types::Request,
    table: &'static [Endpoint],
    render: fn(&ApiError, &str) -> Vec<u8>,
    dispatch: D,
) -> types::Response
where
    D: AsyncFnOnce(&mut Context, &'static Endpoint) -> Result<Response, ApiError>,
{
    let head = read_head(&request);
    let settings = Settings::read().await;
    let log = LogRecord::new(request_id(&head), &head.method);
    let mut context = Context::new(head, log, settings, Some(request));
    let response = match handle(&mut context, table, dispatch).await {
        Ok(response) => response,
        Err(error) => {
            context.log.error(&error);
            Response::error(&error, context.request_id(), render)
        }
    };
    let head_only = context.head.method == "HEAD";
    let edge = edge_headers(&mut context);
    response.send(edge, head_only, context.log)
}

async fn handle<D>(
    context: &mut Context,
    table: &'static [Endpoint],
    dispatch: D,
) -> Result<Response, ApiError>
where
    D: AsyncFnOnce(&mut Context, &'static Endpoint) -> Result<Response, ApiError>,
{
    let (endpoint, params) = match find(table, &context.head.method, &context.head.path) {
        // A catch-all has no resource whose methods could be named.
        Match::Endpoint(endpoint, _)
            if endpoint.method == "ANY" && cors::is_preflight(&context.head) =>
        {
            return other_method(context, cors::ALL_METHODS.to_owned());
        }
        Match::Endpoint(endpoint, params) => (endpoint, params),
        Match::OtherMethods(template, methods) => {
            context.log.route = template;
            return other_method(context, methods);
        }
        Match::None if cors::is_preflight(&context.head) => {
            return other_method(context, cors::ALL_METHODS.to_owned());
        }
        Match::None => return Err(ApiError::NotFound(ROUTE)),
    };
    context.log.route = endpoint.path;
    context.params = params;
    dispatch(context, endpoint).await
}

/// A method without a handler: OPTIONS gets its response here, others get 405.
fn other_method(context: &mut Context, methods: String) -> Result<Response, ApiError> {
    if context.head.method != "OPTIONS" {
        return Err(ApiError::MethodNotAllowed {
            method: context.log.method,
            allowed: methods,
        });
    }
    let mut response = Response::empty(204);
    if cors::is_preflight(&context.head) {
        response = response.header("vary", cors::PREFLIGHT_VARY);
        for (name, value) in cors::preflight_headers(&context.head, &context.settings, &methods) {
            response = response.header(name, value);
        }
    }
    Ok(response.header("allow", methods))
}

/// The header fields of every response.
fn edge_headers(context: &mut Context) -> Vec<(&'static str, String)> {
    let mut fields = std::mem::take(&mut context.response_headers);
    let cookies = std::mem::take(&mut context.cookies);
    fields.extend(cookies.into_iter().map(|(_, line)| ("set-cookie", line)));
    fields.extend(cors::headers(&context.head, &context.settings));
    if let Some(origin) = cors::refused_origin(&context.head, &context.settings) {
        log::warn_once(&format!(
            "origin {origin} is refused: add it to the variable cors_origins to allow it"
        ));
    }
    fields.push(("x-request-id", context.request_id().to_owned()));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=31536000"),
        // Responses belong to one user and are current only now.
        ("cache-control", "no-store"),
    ] {
        fields.push((name, value.to_owned()));
    }
    fields
}

fn read_head(request: &types::Request) -> Head {
    let target = request.get_path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut head = Head {
        method: method_name(request.get_method()),
        path: path.to_owned(),
        query: query.to_owned(),
        authority: request.get_authority(),
        https: matches!(request.get_scheme(), Some(types::Scheme::Https)),
        headers: request.get_headers().copy_all(),
    };
    // Spin reports the original scheme here.
    let full_url_https = head
        .host_header("spin-full-url")
        .is_some_and(|url| url.starts_with("https://"));
    head.https |= full_url_https;
    head
}

fn method_name(method: types::Method) -> String {
    match method {
        types::Method::Get => "GET".to_owned(),
        types::Method::Head => "HEAD".to_owned(),
        types::Method::Post => "POST".to_owned(),
        types::Method::Put => "PUT".to_owned(),
        types::Method::Delete => "DELETE".to_owned(),
        types::Method::Connect => "CONNECT".to_owned(),
        types::Method::Options => "OPTIONS".to_owned(),
        types::Method::Trace => "TRACE".to_owned(),
        types::Method::Patch => "PATCH".to_owned(),
        types::Method::Other(name) => name,
    }
}

/// The client's id if it is safe in a log and a header, otherwise a new one.
fn request_id(head: &Head) -> String {
    head.header("x-request-id")
        .filter(|id| (1..=64).contains(&id.len()))
        .filter(|id| {
            id.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        })
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_id(id: &str) -> Head {
        Head {
            headers: vec![("x-request-id".into(), id.as_bytes().to_vec())],
            ..Head::default()
        }
    }

    #[test]
    fn request_id_keeps_a_valid_id_and_replaces_others() {
        assert_eq!(request_id(&with_id("Web_1.2-3")), "Web_1.2-3");
        for odd in ["", "a b", "a\"b", "é", &"x".repeat(65)] {
            assert_eq!(request_id(&with_id(odd)).len(), 36, "{odd}");
        }
        assert_eq!(request_id(&with_id(&"x".repeat(64))).len(), 64);
        assert_ne!(request_id(&Head::default()), request_id(&Head::default()));
    }
}
