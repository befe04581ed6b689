//! `PUT /api/v1/streams/:id`: creates a stream.

use contracts::streams::{
    streams,
    types::{Creation, Error, Metadata},
};
use http_edge::{ApiError, Context, Response};

use crate::{
    expiry, failure, headers, position,
    target::{self, Target},
    view,
};

pub(crate) async fn put_stream(context: &mut Context) -> Result<Response, ApiError> {
    let Target { owner, name } = target::for_writing(context).await?;
    let content = context.bytes().await?;
    let creation = Creation {
        content_type: headers::content_type(&context.head)?,
        expiry: headers::expiry(&context.head)?,
        closed: headers::is_true(&context.head, "stream-closed"),
        content: (!content.is_empty()).then_some(content),
        fork: headers::fork(context)?,
    };
    let (stream, is_new) = match streams::create(owner, Some(name), creation).await {
        Ok(created) => created,
        // The name cannot be used again yet.
        Err(Error::Gone) => return Err(failure::of(context, Error::SourceGone)),
        Err(error) => return Err(failure::of(context, error)),
    };
    let response = described(Response::empty(if is_new { 201 } else { 200 }), &stream);
    let location = view::absolute(context, &context.head.path);
    Ok(response.header("location", location))
}

/// A response with the metadata of the stream.
pub(crate) fn described(response: Response, stream: &Metadata) -> Response {
    let mut response = response
        .header("content-type", stream.content_type.clone())
        .header("stream-next-offset", position::format(stream.tail));
    if let Some((name, value)) = expiry::header(stream.expiry) {
        response = response.header(name, value);
    }
    if stream.closed {
        response = response.header("stream-closed", "true");
    }
    response
}
