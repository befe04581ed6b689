//! `POST /api/v1/files/upload`: a form with a field `file`, or the content alone with its name in
//! `X-Filename`.

use contracts::files::types::{File, Purpose, Upload};
use file_transfer::{FileField, FileView, put, take_one};
use http_edge::{ApiError, Context, Response};
use percent_encoding::percent_decode_str;

use crate::One;

pub(crate) async fn upload_file(context: &mut Context) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let file = if context.is_multipart() {
        let field = FileField {
            name: "file",
            owner: user.id,
            purpose: Purpose::File,
        };
        take_one(context, field).await?
    } else {
        of_body(context, user.id).await?
    };
    let location = format!("/api/v1/files/{}", file.id);
    let view = One {
        file: FileView::new(context, &file),
    };
    Ok(Response::json(&view)
        .status(201)
        .header("location", location))
}

/// The body as the content.
async fn of_body(context: &mut Context, owner: String) -> Result<File, ApiError> {
    let name = context.head.header("x-filename");
    // Header fields have ASCII only, so other characters are percent-encoded.
    let name = name.map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned());
    let upload = Upload {
        owner,
        name,
        media_type: context.head.header("content-type").map(str::to_owned),
        purpose: Purpose::File,
    };
    let mut body = context.body();
    let stored = put(upload, async |sender| {
        while let Some(bytes) = body.next().await? {
            if !sender.write(bytes).await {
                break;
            }
        }
        sender.end();
        Ok(())
    })
    .await;
    let stored = match stored {
        Ok(Ok(file)) => return Ok(file),
        Ok(Err(error)) => Err(error_mapping::files(error, "body")),
        Err(error) => Err(error),
    };
    body.drain().await;
    stored
}
