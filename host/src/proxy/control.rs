//! The address where the application publishes: `POST /publish/`.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::hub::Hub;
use super::item;

/// Size of a request's body in bytes.
const MAX_BODY: usize = 1_000_000;

pub(super) async fn serve(hub: Arc<Hub>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let hub = hub.clone();
        async move { Ok::<_, Infallible>(respond(&hub, request).await) }
    });
    // An error means that the client closed the connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(hub: &Hub, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !matches!(request.uri().path(), "/publish" | "/publish/") {
        return text(StatusCode::NOT_FOUND, "Not Found");
    }
    if request.method() != Method::POST {
        let message = format!("Method not allowed: {}.", request.method());
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &message);
        let allow = HeaderValue::from_static("POST");
        response.headers_mut().insert(header::ALLOW, allow);
        return response;
    }
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    let Ok(body) = body else {
        return text(StatusCode::BAD_REQUEST, "Body too large.");
    };
    match item::parse(&body.to_bytes()) {
        Ok(items) => {
            for item in items {
                hub.publish(item);
            }
            text(StatusCode::OK, "Published")
        }
        Err(message) => text(StatusCode::BAD_REQUEST, &message),
    }
}

fn text(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(format!("{message}\n").into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
