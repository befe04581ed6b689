//! `GET /api/uploads/info`: what can be uploaded.

use contracts::files::{
    files,
    types::{Purpose, PurposeRules},
};
use http_edge::{ApiError, Context, Response};
use serde::Serialize;

#[derive(Serialize)]
struct Info {
    success: bool,
    data: Limits,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    /// Files of one form.
    max_files: usize,
    max_storage_bytes: u64,
    avatar: Kind,
    banner: Kind,
    channel_icon: Kind,
    channel_banner: Kind,
    message_image: Kind,
    message_attachment: Kind,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    max_bytes: u64,
    /// Empty for any.
    mime_types: Vec<String>,
}

pub(crate) async fn show_info(context: &mut Context) -> Result<Response, ApiError> {
    access::require_user(context).await?;
    let rules = files::get_rules().await;
    let kind = |purpose| of(&rules.purposes, purpose);
    Ok(Response::json(&Info {
        success: true,
        data: Limits {
            max_files: 10,
            max_storage_bytes: rules.max_storage_bytes,
            avatar: kind(Purpose::Avatar),
            banner: kind(Purpose::Banner),
            channel_icon: kind(Purpose::ChannelIcon),
            channel_banner: kind(Purpose::ChannelBanner),
            message_image: kind(Purpose::MessageImage),
            message_attachment: kind(Purpose::MessageAttachment),
        },
    }))
}

fn of(rules: &[PurposeRules], purpose: Purpose) -> Kind {
    let purpose_rules = rules.iter().find(|rules| rules.purpose == purpose);
    purpose_rules.map_or_else(Kind::default, |rules| Kind {
        max_bytes: rules.max_bytes,
        mime_types: rules.media_types.clone(),
    })
}
