//! A form with one file in the field `file`.

use contracts::files::types::{File, Purpose};
use file_transfer::{FileField, take_one};
use http_edge::{ApiError, Context, Response};

use crate::view::{Single, UploadView};

pub(crate) async fn upload(context: &mut Context, purpose: Purpose) -> Result<Response, ApiError> {
    let user = access::require_user(context).await?.user;
    let field = FileField {
        name: "file",
        owner: user.id,
        purpose,
    };
    let file: File = take_one(context, field).await?;
    let view = Single {
        success: true,
        data: UploadView::new(context, &file),
    };
    Ok(Response::json(&view).status(201))
}
