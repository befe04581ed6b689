//! What is stored with a message of its attachments: references to files of the user. Data is stored as a
//! file first.

use contracts::{
    conversations::types::Attachment,
    files::{
        files,
        types::{Error, File, Purpose, Upload},
    },
};
use file_transfer::put;
use futures::future::{join_all, try_join_all};
use http_edge::ApiError;

use super::given::{Data, Given, Source};

/// The references of attachments. The ids of files that were created for it are added to `created`, also in
/// case of an error.
///
/// # Errors
/// 404 for what is no file of this user for this purpose; those of storing a file.
pub(crate) async fn refer(
    user: &str,
    given: Vec<Given>,
    created: &mut Vec<String>,
) -> Result<Vec<Attachment>, ApiError> {
    // Nothing is stored if there is an id of no file.
    let checked = try_join_all(given.into_iter().map(|given| check(user, given))).await?;
    let mut attachments = Vec::new();
    for checked in checked {
        let file = match checked {
            Checked::File(file) => file,
            Checked::Data(path, data) => {
                let file = store(user, &path, data).await?;
                created.push(file.id.clone());
                file
            }
        };
        attachments.push(Attachment {
            id: file.id,
            name: file.name,
            media_type: file.media_type,
            size: file.size,
        });
    }
    Ok(attachments)
}

enum Checked {
    File(File),
    /// Data that is not stored yet, and its path in the request.
    Data(String, Data),
}

async fn check(user: &str, Given { path, source }: Given) -> Result<Checked, ApiError> {
    Ok(match source {
        Source::File(id) => Checked::File(own_file(user, &id).await?),
        Source::Data(data) => Checked::Data(path, data),
    })
}

/// Deletes files that were created for a message that was not stored after all. What fails here is left in the
/// list of the user's files.
pub(crate) async fn discard(user: &str, created: Vec<String>) {
    let deletions = created
        .into_iter()
        .map(|id| files::delete(user.to_owned(), id));
    join_all(deletions).await;
}

/// Files for other purposes are pictures, and belong to messages of channels, with which they are deleted.
async fn own_file(user: &str, id: &str) -> Result<File, ApiError> {
    match files::get_info(Some(user.to_owned()), id.to_owned()).await {
        Ok(file) if file.purpose == Purpose::File => Ok(file),
        Ok(_) | Err(Error::NotFound) => Err(ApiError::NotFound(error_mapping::FILE)),
        Err(error) => Err(error_mapping::files(error, "attachments")),
    }
}

async fn store(user: &str, path: &str, data: Data) -> Result<File, ApiError> {
    let upload = Upload {
        owner: user.to_owned(),
        name: data.name,
        media_type: data.media_type,
        purpose: Purpose::File,
    };
    let stored = put(upload, async move |sender| {
        sender.write(data.bytes).await;
        sender.end();
        Ok(())
    });
    stored
        .await?
        .map_err(|error| error_mapping::files(error, path))
}
