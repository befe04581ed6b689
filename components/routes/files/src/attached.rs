//! Files of messages.

use contracts::{files::types::File, messaging::attachments};
use http_edge::ApiError;

/// Whether the file is attached to a message that the user may read now.
pub(crate) async fn may_read(user: &str, file: &File) -> Result<bool, ApiError> {
    attachments::may_read(user.to_owned(), file.id.clone())
        .await
        .map_err(error_mapping::messaging)
}
