//! Users who may not join a channel.

use contracts::messaging::members;
use http_edge::{ApiError, Context, Response};
use team::{Done, PageQuery, respond_with_list};

use crate::{CHANNEL, member_of_path, requests::Ban, view::BanView};

pub(crate) async fn list_bans(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let channel = context.uuid("channelId", CHANNEL)?;
    let page = PageQuery::read(context)?;
    let bans = members::list_bans(actor, channel, page)
        .await
        .map_err(error_mapping::messaging)?;
    let items: Vec<_> = bans.items.iter().map(BanView::from).collect();
    Ok(respond_with_list(context, &items, &bans.page))
}

pub(crate) async fn ban_user(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let (channel, user) = member_of_path(context)?;
    let Ban { reason } = context.json_or_default().await?;
    let ban = members::ban_user(actor, channel, user, reason)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&BanView::from(&ban)))
}

pub(crate) async fn lift_ban(context: &mut Context) -> Result<Response, ApiError> {
    let actor = team::actor(context).await?;
    let (channel, user) = member_of_path(context)?;
    members::lift_ban(actor, channel, user)
        .await
        .map_err(error_mapping::messaging)?;
    realtime_events::publish_in_background(context);
    Ok(Response::json(&Done {
        message: "Ban lifted",
    }))
}
