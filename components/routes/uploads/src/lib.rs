//! `/api/uploads`: pictures of profiles and channels, and attachments of messages.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(
        dead_code,
        reason = "natively only the pure logic is built, for its unit tests"
    )
)]

mod info;
mod many;
mod one;
mod pictures;
mod view;

use contracts::files::types::Purpose;
use http_edge::{ApiError, Context, Response};

http_edge::routes! {
    GET "/api/uploads/info" => info::show_info,
    POST "/api/uploads/profile/avatar" => upload_avatar,
    POST "/api/uploads/profile/banner" => upload_banner,
    POST "/api/uploads/channel/icon" => upload_channel_icon,
    POST "/api/uploads/channel/banner" => upload_channel_banner,
    POST "/api/uploads/message/image" => upload_image,
    POST "/api/uploads/message/attachment" => upload_attachment,
    POST "/api/uploads/message/images" => upload_images,
    POST "/api/uploads/message/attachments" => upload_attachments,
}

async fn upload_avatar(context: &mut Context) -> Result<Response, ApiError> {
    pictures::upload_of_profile(context, Purpose::Avatar).await
}

async fn upload_banner(context: &mut Context) -> Result<Response, ApiError> {
    pictures::upload_of_profile(context, Purpose::Banner).await
}

async fn upload_channel_icon(context: &mut Context) -> Result<Response, ApiError> {
    pictures::upload_of_channel(context, Purpose::ChannelIcon).await
}

async fn upload_channel_banner(context: &mut Context) -> Result<Response, ApiError> {
    pictures::upload_of_channel(context, Purpose::ChannelBanner).await
}

async fn upload_image(context: &mut Context) -> Result<Response, ApiError> {
    one::upload(context, Purpose::MessageImage).await
}

async fn upload_attachment(context: &mut Context) -> Result<Response, ApiError> {
    one::upload(context, Purpose::MessageAttachment).await
}

async fn upload_images(context: &mut Context) -> Result<Response, ApiError> {
    many::upload(context, Purpose::MessageImage).await
}

async fn upload_attachments(context: &mut Context) -> Result<Response, ApiError> {
    many::upload(context, Purpose::MessageAttachment).await
}
