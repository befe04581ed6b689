//! `/api/members`: who is a member of a team channel, and with which role.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "native builds contain only the logic, for its unit tests"
    )
)]

mod bans;
mod invitations;
mod requests;
mod view;

use contracts::messaging::{
    connections::{self, Presence},
    members::{self, Membership},
    types::{Actor, Member},
};
use http_edge::{ApiError, Context, Response};
use serde::Deserialize;
use team::{ChannelView, Done, MAX_LIMIT, PageQuery, page_request, respond_with_list};

use requests::{ChangeRole, Join, Transfer};
use view::{JoinedChannelView, MemberView, RoleView};

/// The names of missing items, for [`ApiError::NotFound`].
const CHANNEL: &str = "Channel";

http_edge::routes! {
    GET "/api/members/joined" => list_joined,
    POST "/api/members" => join_channel,
    GET "/api/members/invitations/:token" => invitations::inspect_invitation,
    POST "/api/members/invitations/:token" => invitations::accept_invitation,
    GET "/api/members/:channelId" => list_members,
    DELETE "/api/members/:channelId" => leave_channel,
    GET "/api/members/:channelId/role/:userId" => show_role,
    PATCH "/api/members/:channelId/:userId/role" => change_role,
    DELETE "/api/members/:channelId/:userId" => remove_member,
    POST "/api/members/:channelId/transfer" => transfer_ownership,
    GET "/api/members/:channelId/bans" => bans::list_bans,
    PUT "/api/members/:channelId/bans/:userId" => bans::ban_user,
    DELETE "/api/members/:channelId/bans/:userId" => bans::lift_ban,
    GET "/api/members/:channelId/invitations" => invitations::list_invitations,
    POST "/api/members/:channelId/invitations" => invitations::create_invitation,
    DELETE "/api/members/:channelId/invitations/:id" => invitations::revoke_invitation,
}

/// The channels of the user, with what they have not read.
async fn list_joined(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::user(context).await?.user;
    let page = PageQuery::read(context)?;
    let channels = members::list_joined(user.id, page)
        .await
        .map_err(error_mapping::messaging)?;
    let items: Vec<_> = channels.items.iter().map(JoinedChannelView::from).collect();
    Ok(respond_with_list(context, &items, &channels.page))
}

/// Joins a channel; an admin of it adds another user.
async fn join_channel(context: &mut Context) -> Result<Response, ApiError> {
    if team::is_operator(context).await? {
        let Join {
            channel_id,
            user_id,
        } = context.json().await?;
        let user = user_id.ok_or(ApiError::invalid("userId", "is missing"))?;
        return add(context, Actor::Operator, channel_id, user).await;
    }
    let user = team::joining_user(context).await?.user;
    let Join {
        channel_id,
        user_id,
    } = context.json().await?;
    match user_id {
        Some(other) if other != user.id => {
            add(context, Actor::User(user.id), channel_id, other).await
        }
        _ => {
            let membership = members::join(user.id, channel_id)
                .await
                .map_err(error_mapping::messaging)?;
            realtime_events::publish_in_background(context);
            Ok(respond_with(&membership))
        }
    }
}

async fn add(
    context: &Context,
    actor: Actor,
    channel: String,
    user: String,
) -> Result<Response, ApiError> {
    let membership = members::add(actor, channel, user)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(respond_with(&membership))
}

/// 201 for a new membership, 200 for one that there was.
fn respond_with(membership: &Membership) -> Response {
    let status = if membership.existed { 200 } else { 201 };
    Response::json(&MemberView::from(&membership.member)).status(status)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListMembers {
    cursor: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    presence: bool,
}

async fn list_members(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let channel = context.uuid("channelId", CHANNEL)?;
    let query: ListMembers = context.query()?;
    let page = page_request(query.cursor, query.limit, MAX_LIMIT)?;
    let members = members::list(actor.clone(), channel, page)
        .await
        .map_err(error_mapping::messaging)?;
    let mut items: Vec<_> = members.items.iter().map(MemberView::from).collect();
    if query.presence {
        let presence = presence_of(actor, &members.items).await?;
        for item in &mut items {
            item.show(&presence);
        }
    }
    Ok(respond_with_list(context, &items, &members.page))
}

/// The presence of the members of a page, as far as the actor may see it. The operator has no channels.
async fn presence_of(actor: Actor, members: &[Member]) -> Result<Vec<Presence>, ApiError> {
    let Actor::User(user) = actor else {
        return Ok(Vec::new());
    };
    let ids = members.iter().map(|member| member.user.id.clone());
    connections::list_presence(user, ids.collect())
        .await
        .map_err(error_mapping::messaging)
}

async fn leave_channel(context: &mut Context) -> Result<Response, ApiError> {
    let user = team::user(context).await?.user;
    let channel = context.uuid("channelId", CHANNEL)?;
    members::leave(user.id, channel)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&Done {
        message: "You left the channel",
    }))
}

async fn show_role(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let (channel, user) = member_of_path(context)?;
    let member = members::get(actor, channel, user)
        .await
        .map_err(error_mapping::messaging)?;
    Ok(Response::json(&RoleView::from(&member)))
}

async fn change_role(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let (channel, user) = member_of_path(context)?;
    let ChangeRole { role } = context.json().await?;
    let member = members::set_role(actor, channel, user, role.into())
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&MemberView::from(&member)))
}

async fn remove_member(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let (channel, user) = member_of_path(context)?;
    // Removing oneself is leaving, for which no role is needed.
    let removed = match &actor {
        Actor::User(own) if *own == user => members::leave(user, channel).await,
        _ => members::remove(actor, channel, user).await,
    };
    removed.map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&Done {
        message: "Member removed",
    }))
}

async fn transfer_ownership(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let channel = context.uuid("channelId", CHANNEL)?;
    let Transfer { user_id } = context.json().await?;
    let channel = members::transfer_ownership(actor, channel, user_id)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&ChannelView::from(&channel)))
}

/// The ids of the channel and the user in the path.
fn member_of_path(context: &Context) -> Result<(String, String), ApiError> {
    let channel = context.uuid("channelId", CHANNEL)?;
    Ok((channel, team::user_id(context, "userId")?))
}
