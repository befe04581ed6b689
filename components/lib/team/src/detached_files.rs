//! The files of deleted messages.

use contracts::{
    files::{files, types::Error},
    messaging::attachments,
};
use futures::future::try_join_all;
use http_edge::Context;

/// Files that one request deletes at most, in hundreds; later ones delete the rest.
const ROUNDS_MAX: usize = 10;

/// Deletes the files of messages that are gone. Messages and files are in two stores: which files are to be
/// deleted is written with the deletion of the message, so that a later call finds those that this one, or the
/// server's end, left. So a failure does not fail the request; it is logged.
pub async fn delete_detached_files(context: &mut Context) {
    if let Err(error) = delete_all().await {
        context.log.warn(&error);
    }
}

async fn delete_all() -> Result<(), String> {
    for _ in 0..ROUNDS_MAX {
        let found = attachments::list_detached().await;
        let found = found.map_err(|error| format!("listing detached files: {error:?}"))?;
        if found.is_empty() {
            break;
        }
        try_join_all(found.iter().map(|id| delete(id)))
            .await
            .map_err(|error| format!("deleting detached files: {error:?}"))?;
        attachments::forget_detached(found)
            .await
            .map_err(|error| format!("forgetting detached files: {error:?}"))?;
    }
    Ok(())
}

/// Deletes a file, which may be gone already.
async fn delete(id: &str) -> Result<(), Error> {
    let deleted = match files::get_info(None, id.to_owned()).await {
        Ok(file) => files::delete(file.owner, file.id).await,
        Err(error) => Err(error),
    };
    match deleted {
        Ok(()) | Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}
