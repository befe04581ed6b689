//! Invitations: tokens, for links. A user with a token may become a member of its private or public channel.

use contracts::messaging::invitations;
use http_edge::{ApiError, Context, Response};
use team::{ChannelView, Done, PageQuery, respond_with_list};

use crate::{
    CHANNEL,
    requests::CreateInvitation,
    respond_with,
    view::{CreatedInvitationView, InvitationView},
};

/// The name of a missing invitation, for [`ApiError::NotFound`].
const INVITATION: &str = "Invitation";
/// Longest token, in bytes.
const MAX_TOKEN: usize = 256;

pub(crate) async fn list_invitations(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let channel = context.uuid("channelId", CHANNEL)?;
    let page = PageQuery::read(context)?;
    let invitations = invitations::list(actor, channel, page)
        .await
        .map_err(error_mapping::messaging)?;
    let items: Vec<_> = invitations.items.iter().map(InvitationView::from).collect();
    Ok(respond_with_list(context, &items, &invitations.page))
}

/// The response alone has the token.
pub(crate) async fn create_invitation(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let channel = context.uuid("channelId", CHANNEL)?;
    let request: CreateInvitation = context.json_or_default().await?;
    let created = invitations::create(actor, channel, request.read()?)
        .await
        .map_err(error_mapping::messaging)?;
    Ok(Response::json(&CreatedInvitationView::from(&created)).status(201))
}

pub(crate) async fn revoke_invitation(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let channel = context.uuid("channelId", CHANNEL)?;
    let id = context.uuid("id", INVITATION)?;
    invitations::revoke(actor, channel, id)
        .await
        .map_err(error_mapping::messaging)?;
    Ok(Response::json(&Done {
        message: "Invitation revoked",
    }))
}

/// The channel that a token invites to.
pub(crate) async fn inspect_invitation(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::user(context).await?.user;
    let token = context.param("token", MAX_TOKEN, INVITATION)?;
    let channel = invitations::inspect(user.id, token)
        .await
        .map_err(error_mapping::messaging)?;
    Ok(Response::json(&ChannelView::from(&channel)))
}

pub(crate) async fn accept_invitation(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::joining_user(context).await?.user;
    let token = context.param("token", MAX_TOKEN, INVITATION)?;
    let membership = invitations::accept(user.id, token)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(respond_with(&membership))
}
