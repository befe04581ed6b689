//! The stream of a request, and whether its credential may read or write it.

use contracts::{
    quota::limits::Action,
    streams::{streams, types::Error},
};
use http_edge::{ApiError, Context};

use crate::{
    failure, headers,
    name::{MAX_NAME, STREAM},
};

/// A stream, by its owner and its name.
pub(crate) struct Target {
    pub(crate) owner: String,
    pub(crate) name: String,
}

/// Why a request may read a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Owner,
    /// It has the token of the stream.
    Link,
}

/// The name in the path.
pub(crate) fn name_of(context: &Context) -> Result<String, ApiError> {
    let name = context.param("id", MAX_NAME, STREAM)?;
    if name.contains('\0') {
        return Err(ApiError::NotFound(STREAM));
    }
    Ok(name)
}

/// The user's own stream of the name in the path.
pub(crate) async fn for_writing(context: &mut Context) -> Result<Target, ApiError> {
    let owner = access::require_user(context).await?.user.id;
    let name = name_of(context)?;
    Ok(Target { owner, name })
}

/// The user's own stream, or with a `token` in the query the stream that the token is for.
pub(crate) async fn for_reading(context: &mut Context) -> Result<(Target, Access), ApiError> {
    let Some(token) = headers::query_value(&context.head.query, "token")? else {
        return Ok((for_writing(context).await?, Access::Owner));
    };
    let address = access::client_address(context);
    access::admit(context, Action::Api, &address).await?;
    let id = context.uuid("id", STREAM)?;
    match streams::shared(id, token).await {
        Ok((owner, name)) => Ok((Target { owner, name }, Access::Link)),
        // Nobody learns whether the stream exists.
        Err(Error::NotFound | Error::Gone) => Err(ApiError::NotFound(STREAM)),
        Err(error) => Err(failure::of(context, error)),
    }
}
