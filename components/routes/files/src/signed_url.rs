//! `GET /api/v1/files/:id/url`: a URL of the content that needs no credential, for some time.

use std::time::{SystemTime, UNIX_EPOCH};

use contracts::files::{files, types::Access};
use file_transfer::content_url;
use http_edge::{ApiError, Context, Response, Validator};
use serde::{Deserialize, Serialize};

/// How long a URL is valid, in seconds, if the request has no duration.
const DEFAULT_SECONDS: u32 = 3600;
/// The longest time, in seconds: seven days, the most that S3 takes.
const MAX_SECONDS: u32 = 7 * 24 * 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    expires: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedUrl {
    url: String,
    /// Milliseconds since the epoch.
    expires_at: u64,
}

pub(crate) async fn create_url(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let id = context.uuid("id", error_mapping::FILE)?;
    let seconds = context.query::<Query>()?.expires.unwrap_or(DEFAULT_SECONDS);
    Validator::new()
        .range("expires", seconds, 1..=MAX_SECONDS)
        .finish()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let expires_at = now
        .unwrap_or_default()
        .as_secs()
        .saturating_add(seconds.into());
    let access = files::grant_access(user.id, id.clone(), expires_at)
        .await
        .map_err(|error| error_mapping::files(error, "id"))?;
    let url = match access {
        Access::Url(url) => url,
        // Tokens have only characters that a query may have.
        Access::Token(token) => {
            let content = content_url(context, &id);
            format!("{content}?expires={expires_at}&signature={token}")
        }
    };
    Ok(Response::json(&SignedUrl {
        url,
        expires_at: expires_at.saturating_mul(1000),
    }))
}
