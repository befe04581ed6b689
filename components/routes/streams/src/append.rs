//! `POST /api/v1/streams/:id`: appends, closes, or both.

use contracts::streams::{
    streams,
    types::{AppendRequest, Appended, Error},
};
use http_edge::{ApiError, Context, Response};
use serde::Serialize;

use crate::{
    failure, headers, position,
    target::{self, Target},
};

/// The response to `POST …/append`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AppendedView {
    next_offset: String,
    closed: bool,
}

pub(crate) async fn append_by_protocol(context: &mut Context) -> Result<Response, ApiError> {
    let (appended, has_content) = append(context).await?;
    // A producer learns from the status whether its append was a repetition.
    let is_new = appended.producer_sequence.is_some() && !appended.repeated;
    let status = if is_new && has_content { 200 } else { 204 };
    Ok(with_headers(Response::empty(status), &appended))
}

pub(crate) async fn append_with_json(context: &mut Context) -> Result<Response, ApiError> {
    let (appended, _) = append(context).await?;
    let view = AppendedView {
        next_offset: position::format(appended.tail),
        closed: appended.closed,
    };
    Ok(with_headers(Response::json(&view), &appended))
}

/// Appends, and returns whether there was content.
async fn append(context: &mut Context) -> Result<(Appended, bool), ApiError> {
    let Target { owner, name } = target::for_writing(context).await?;
    let content = context.bytes().await?;
    let has_content = !content.is_empty();
    let content = has_content.then_some(content);
    let close = headers::is_true(&context.head, "stream-closed");
    let content_type = headers::content_type(&context.head)?;
    let producer = headers::producer(&context.head)?;
    let epoch = producer.as_ref().map(|producer| producer.epoch);
    let request = AppendRequest {
        content_type,
        content,
        close,
        writer_sequence: headers::writer_sequence(&context.head)?,
        producer,
    };
    check(context, &owner, &name, &request).await?;
    let appended = streams::append(owner, name, request)
        .await
        .map_err(|error| failure::of(context, error))?;
    if let Some(epoch) = epoch {
        context.set_header("producer-epoch", epoch.to_string());
    }
    Ok((appended, has_content))
}

/// The error if the request is invalid for every stream. A missing or closed stream has its own error.
async fn check(
    context: &mut Context,
    owner: &str,
    name: &str,
    request: &AppendRequest,
) -> Result<(), ApiError> {
    let wrong = match &request.content {
        None if !request.close => ApiError::invalid("body", "must not be empty"),
        Some(_) if request.content_type.is_none() => {
            ApiError::invalid("Content-Type", "is missing")
        }
        _ => return Ok(()),
    };
    let described = streams::describe(owner.to_owned(), name.to_owned()).await;
    Err(match described {
        Ok(stream) if stream.closed => failure::of(context, Error::Closed(stream.tail)),
        Ok(_) => wrong,
        Err(error) => failure::of(context, error),
    })
}

fn with_headers(response: Response, appended: &Appended) -> Response {
    let mut response = response.header("stream-next-offset", position::format(appended.tail));
    if appended.closed {
        response = response.header("stream-closed", "true");
    }
    if let Some(sequence) = appended.producer_sequence {
        response = response.header("producer-seq", sequence.to_string());
    }
    response
}
