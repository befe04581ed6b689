//! Pictures of profiles and channels: one that is stored becomes the picture at once.

use contracts::{
    files::{
        files,
        types::{File, Purpose},
    },
    messaging::{
        channels,
        profiles::{self, AgeChange},
        types::{Actor, Role, TextChange},
    },
};
use file_transfer::{FileField, content_url, take_one};
use http_edge::{ApiError, Context, Response, parse_uuid};
use serde::Deserialize;

use crate::view::{Single, UploadView};

/// The name of a missing channel, for errors.
const CHANNEL: &str = "Channel";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChannelQuery {
    channel_id: Option<String>,
}

/// An avatar or a banner of the user's profile.
pub(crate) async fn upload_of_profile(
    context: &mut Context,
    purpose: Purpose,
) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let file = take(context, &user.id, purpose).await?;
    let url = TextChange::Set(content_url(context, &file.id));
    let mut changes = profiles::Changes {
        name: None,
        image: TextChange::Keep,
        display_name: TextChange::Keep,
        avatar_url: TextChange::Keep,
        banner_url: TextChange::Keep,
        bio: TextChange::Keep,
        age: AgeChange::Keep,
    };
    match purpose {
        Purpose::Banner => changes.banner_url = url,
        _ => changes.avatar_url = url,
    }
    let changed = match team::ensure_profile(context, &user).await {
        Ok(()) => profiles::update(user.id, changes)
            .await
            .map(drop)
            .map_err(error_mapping::messaging),
        Err(error) => Err(error),
    };
    respond(context, file, changed).await
}

/// An icon or a banner of a channel: of the one in the query, which the user must be an admin of, or of one that
/// will be created or changed with its URL.
pub(crate) async fn upload_of_channel(
    context: &mut Context,
    purpose: Purpose,
) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user.id;
    let query: ChannelQuery = context.query()?;
    let Some(channel) = query.channel_id else {
        let file = take(context, &user, purpose).await?;
        return respond(context, file, Ok(())).await;
    };
    let channel = parse_uuid(&channel).ok_or(ApiError::NotFound(CHANNEL))?;
    let actor = Actor::User(user.clone());
    let target = channels::get(actor.clone(), channel.clone())
        .await
        .map_err(error_mapping::messaging)?;
    if target.role != Some(Role::Admin) {
        return Err(ApiError::Forbidden(
            "Only admins of the channel may change its pictures.",
        ));
    }
    let file = take(context, &user, purpose).await?;
    let url = TextChange::Set(content_url(context, &file.id));
    let mut changes = channels::Changes {
        name: None,
        description: TextChange::Keep,
        is_private: None,
        category: None,
        image_url: TextChange::Keep,
        banner_url: TextChange::Keep,
    };
    match purpose {
        Purpose::ChannelBanner => changes.banner_url = url,
        _ => changes.image_url = url,
    }
    let changed = channels::update(actor, channel, changes).await;
    respond(
        context,
        file,
        changed.map(drop).map_err(error_mapping::messaging),
    )
    .await
}

async fn take(context: &mut Context, owner: &str, purpose: Purpose) -> Result<File, ApiError> {
    let field = FileField {
        name: "file",
        owner: owner.to_owned(),
        purpose,
    };
    take_one(context, field).await
}

/// A file that has not become the picture is not kept.
async fn respond(
    context: &mut Context,
    file: File,
    changed: Result<(), ApiError>,
) -> Result<Response, ApiError> {
    if let Err(error) = changed {
        if files::delete(file.owner, file.id).await.is_err() {
            context
                .log
                .warn("a picture that could not be used could not be deleted");
        }
        return Err(error);
    }
    let view = Single {
        success: true,
        data: UploadView::new(context, &file),
    };
    Ok(Response::json(&view).status(201))
}
