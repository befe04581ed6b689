//! A form with up to ten files in the field `files`. A file that is not accepted does not keep the others
//! from being stored.

use contracts::files::{
    files,
    types::{File, Purpose, Upload},
};
use file_transfer::put;
use http_edge::{ApiError, Context, Detail, Multipart, Part, Response};

use crate::view::{Failure, Several, UploadView};

/// Names of the field.
const FIELDS: [&str; 2] = ["files", "files[]"];
/// Most files of a form.
const MAX_FILES: usize = 10;
/// Most bytes of another field, which is ignored.
const MAX_OTHER: u64 = 64 * 1024;

/// A file of the form: its name, and what became of it.
struct Taken {
    name: String,
    result: Result<File, ApiError>,
}

pub(crate) async fn upload(context: &mut Context, purpose: Purpose) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let max_bytes = files::get_rules().await.max_upload_bytes;
    let mut form = context.multipart()?;
    let mut taken = Vec::new();
    let end = take_all(&mut form, &user.id, purpose, max_bytes, &mut taken).await;
    if let Err(error) = end {
        // A form that is not complete stores nothing.
        for file in taken.into_iter().filter_map(|file| file.result.ok()) {
            files::delete(file.owner, file.id)
                .await
                .map_err(|error| error_mapping::files(error, "files"))?;
        }
        form.drain().await;
        return Err(error);
    }
    respond(context, taken)
}

async fn take_all(
    form: &mut Multipart,
    owner: &str,
    purpose: Purpose,
    max_bytes: u64,
    taken: &mut Vec<Taken>,
) -> Result<(), ApiError> {
    while let Some(part) = form.next().await? {
        if !FIELDS.contains(&part.name.as_str()) {
            form.skip(MAX_OTHER).await?;
            continue;
        }
        if taken.len() == MAX_FILES {
            return Err(ApiError::invalid("files", "must be at most ten"));
        }
        let name = part.file_name.clone().unwrap_or_default();
        let result = take(form, part, owner, purpose).await?;
        taken.push(Taken { name, result });
        // The rest of a file that was not accepted.
        form.skip(max_bytes).await?;
    }
    Ok(())
}

/// Stores one file; the inner error is about that file alone.
async fn take(
    form: &mut Multipart,
    part: Part,
    owner: &str,
    purpose: Purpose,
) -> Result<Result<File, ApiError>, ApiError> {
    let upload = Upload {
        owner: owner.to_owned(),
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
        Ok(())
    })
    .await?;
    Ok(stored.map_err(|error| error_mapping::files(error, "files")))
}

/// 201 with the files that are stored and the errors of the others. If there is none, an error.
fn respond(context: &Context, taken: Vec<Taken>) -> Result<Response, ApiError> {
    let mut data = Vec::new();
    let mut errors = Vec::new();
    let mut unavailable = None;
    for (index, Taken { name, result }) in taken.into_iter().enumerate() {
        match result {
            Ok(file) => data.push(UploadView::new(context, &file)),
            Err(error) => {
                let public = error.public();
                errors.push(Failure {
                    index,
                    filename: name,
                    error: public.sentence,
                    code: public.code,
                });
                if public.status >= 500 {
                    unavailable = Some(error);
                }
            }
        }
    }
    if !data.is_empty() {
        let view = Several {
            success: true,
            data,
            errors,
        };
        return Ok(Response::json(&view).status(201));
    }
    if let Some(error) = unavailable {
        return Err(error);
    }
    if errors.is_empty() {
        return Err(ApiError::invalid("files", "is missing"));
    }
    let details = errors.into_iter().map(|failure| Detail {
        path: format!("files[{}]", failure.index),
        message: failure.error,
    });
    Err(ApiError::Validation(details.collect()))
}
