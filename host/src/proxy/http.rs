//! Requests of clients: passed on, or turned into a WebSocket or a held stream.

use std::net::SocketAddr;
use std::sync::Arc;

use ::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::backend::Body;
use super::head::Head;
use super::responses::{bad_gateway, text};
use super::{Shared, events, headers, socket, stream, websocket};

pub(super) async fn respond(
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
    peer: SocketAddr,
    abort: Arc<Notify>,
) -> Response<Body> {
    let accept = socket::accept_value(request.headers());
    let asks_for_websocket = headers::text(request.headers(), "upgrade")
        .is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query();
    let mut head = Head {
        method: parts.method,
        target: target.map_or("/", |target| target.as_str()).to_owned(),
        headers: parts.headers,
        peer,
    };
    headers::remove_hop_by_hop(&mut head.headers);
    headers::remove_with_prefix(&mut head.headers, "grip-");
    // HTTP/2 has it in the URI.
    if let Some(authority) = parts.uri.authority()
        && !head.headers.contains_key(header::HOST)
        && let Ok(host) = authority.as_str().parse()
    {
        head.headers.insert(header::HOST, host);
    }
    match accept {
        Some(accept) if head.method == Method::GET => {
            return websocket::open(shared, head, accept, upgrade).await;
        }
        _ if asks_for_websocket => {
            let mut response = text(
                StatusCode::UPGRADE_REQUIRED,
                "Not a WebSocket of version 13.",
            );
            let version = HeaderValue::from_static("13");
            let headers = response.headers_mut();
            headers.insert(header::SEC_WEBSOCKET_VERSION, version);
            return response;
        }
        _ => {}
    }
    // Otherwise a client could claim to be any connection.
    if headers::has_type(&head.headers, events::MEDIA_TYPE) {
        let message = "Client not allowed to send WebSocket events directly.";
        return text(StatusCode::FORBIDDEN, message);
    }
    let body = body.map_err(Into::into).boxed();
    let sent = shared.backend.send(
        head.method.clone(),
        &head.target,
        head.headers.clone(),
        body,
        Some(peer),
    );
    let Ok(response) = sent.await else {
        return bad_gateway();
    };
    let (mut parts, body) = response.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    if stream::is_instruct(&parts.headers) {
        return stream::respond(shared, &head, parts, body, abort).await;
    }
    Response::from_parts(parts, body.map_err(Into::into).boxed())
}
