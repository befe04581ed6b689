//! A form with one file.

use contracts::files::types::{File, Purpose, Upload};
use http_edge::{ApiError, Context, Multipart};

use crate::sending::put;

/// Most bytes of another field, which is ignored.
const MAX_OTHER: u64 = 64 * 1024;

/// The field of a form that has the file.
pub struct FileField {
    /// The name of the field.
    pub name: &'static str,
    /// Whose file it is.
    pub owner: String,
    /// What it is for.
    pub purpose: Purpose,
}

/// Stores the file of a form, when all of the form has arrived.
///
/// # Errors
/// 400 if the form has no such file or several, is malformed or ends early; 415 if the body is no form;
/// those of the store.
pub async fn take_one(context: &mut Context, field: FileField) -> Result<File, ApiError> {
    let mut form = context.multipart()?;
    let stored = take(&mut form, field).await;
    if stored.is_err() {
        form.drain().await;
    }
    stored
}

async fn take(form: &mut Multipart, field: FileField) -> Result<File, ApiError> {
    let FileField {
        name,
        owner,
        purpose,
    } = field;
    let part = loop {
        match form.next().await? {
            Some(part) if part.name == name => break part,
            Some(_) => form.skip(MAX_OTHER).await?,
            None => return Err(ApiError::invalid(name, "is missing")),
        }
    };
    let upload = Upload {
        owner,
        name: part.file_name,
        media_type: part.content_type,
        purpose,
    };
    let stored = put(upload, async |sender| {
        while let Some(bytes) = form.chunk().await? {
            if !sender.write(bytes.into()).await {
                break;
            }
        }
        sender.end();
        while let Some(part) = form.next().await? {
            if part.name == name {
                return Err(ApiError::invalid(name, "must be one file"));
            }
            form.skip(MAX_OTHER).await?;
        }
        Ok(())
    })
    .await?;
    stored.map_err(|error| error_mapping::files(error, name))
}
