//! Who may read a file.

use contracts::files::{
    files,
    types::{Error, File, Purpose},
};
use http_edge::ApiError;

/// The file of that id, if the user may read it: one of their own, a picture of a profile or a channel, or one
/// that is attached to a message which they may read, as `is_attached` says. None for nobody in particular,
/// who may read pictures only. 404 for everything else: nobody learns of files that they may not read.
///
/// # Errors
/// 404, those of the store and of `is_attached`.
pub async fn readable(
    user: Option<&str>,
    id: &str,
    is_attached: impl AsyncFnOnce(&str, &File) -> Result<bool, ApiError>,
) -> Result<File, ApiError> {
    let failed = |error| error_mapping::files(error, "id");
    if let Some(user) = user {
        match files::get_info(Some(user.to_owned()), id.to_owned()).await {
            Err(Error::NotFound) => {}
            own => return own.map_err(failed),
        }
    }
    let file = files::get_info(None, id.to_owned()).await.map_err(failed)?;
    if is_picture(file.purpose) {
        return Ok(file);
    }
    if let Some(user) = user
        && is_attached(user, &file).await?
    {
        return Ok(file);
    }
    Err(ApiError::NotFound(error_mapping::FILE))
}

/// Whether everybody who is signed in may read files with that purpose.
fn is_picture(purpose: Purpose) -> bool {
    match purpose {
        Purpose::Avatar | Purpose::Banner | Purpose::ChannelIcon | Purpose::ChannelBanner => true,
        Purpose::File | Purpose::MessageImage | Purpose::MessageAttachment => false,
    }
}
