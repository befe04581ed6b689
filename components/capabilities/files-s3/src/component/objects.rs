//! Objects of the bucket.

use std::ops::Range;

use bytes::Bytes;
use file_store::{Error, File};
use futures::future::join_all;
use rusty_s3::Method;

use super::transport::{Body, Response, send, unavailable};
use crate::listing::{self, Listing, Unfinished};
use crate::settings::Settings;
use crate::{keys, metadata};

/// Requests that are sent at the same time.
const AT_ONCE: usize = 8;
/// Most objects of a response.
const MAX_KEYS: u32 = 1000;

/// The metadata of a file of that user.
pub(super) async fn info(settings: &Settings, owner: &str, id: &str) -> Result<File, Error> {
    let response = head(settings, &keys::content(owner, id)).await?;
    let size = response.header("content-length");
    let size = size.and_then(|text| text.parse().ok());
    let size = size.ok_or_else(|| unavailable("does not say how long an object is"))?;
    Ok(metadata::read(owner, id, size, |name| {
        response.header(name)
    }))
}

/// The owner of a file that others may know of.
pub(super) async fn owner_of(settings: &Settings, id: &str) -> Result<String, Error> {
    let response = head(settings, &keys::shared(id)).await?;
    let owner = response.header(metadata::OWNER);
    owner
        .filter(|owner| ids::is_key_part(owner))
        .ok_or(Error::NotFound)
}

async fn head(settings: &Settings, key: &str) -> Result<Response, Error> {
    let request = settings.request(Method::Head, key, &[], Vec::new());
    send(&request, &[]).await?.accepted()
}

/// The metadata of several files of that user, in the order of `ids`. Files that are deleted meanwhile are left out.
pub(super) async fn infos(
    settings: &Settings,
    owner: &str,
    ids: &[String],
) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    for chunk in ids.chunks(AT_ONCE) {
        for info in join_all(chunk.iter().map(|id| info(settings, owner, id))).await {
            match info {
                Ok(file) => files.push(file),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(files)
}

/// Bytes of a content.
pub(super) async fn get(settings: &Settings, key: &str, range: Range<u64>) -> Result<Body, Error> {
    let last = range.end.saturating_sub(1);
    let headers = vec![("range", format!("bytes={}-{last}", range.start))];
    let request = settings.request(Method::Get, key, &[], headers);
    let response = send(&request, &[]).await?.accepted()?;
    // 200 would be the whole content.
    if response.status != 206 {
        return Err(unavailable("sends no part of an object"));
    }
    Ok(response.into_body())
}

/// Deletes objects; missing ones are ignored.
pub(super) async fn delete(settings: &Settings, objects: &[String]) -> Result<(), Error> {
    for some in objects.chunks(AT_ONCE) {
        let deletions = some.iter().map(async |key| {
            let request = settings.request(Method::Delete, key, &[], Vec::new());
            match send(&request, &[]).await?.accepted() {
                Ok(_) | Err(Error::NotFound) => Ok(()),
                Err(error) => Err(error),
            }
        });
        for deleted in join_all(deletions).await {
            deleted?;
        }
    }
    Ok(())
}

/// Objects of a user, contents and texts, after those of that id, at most [`MAX_KEYS`].
pub(super) async fn list(
    settings: &Settings,
    owner: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Listing, Error> {
    let prefix = keys::prefix(owner);
    let limit = limit.min(MAX_KEYS).to_string();
    // The text of a file comes right after its content.
    let start = after.map(|id| keys::text(owner, id));
    let mut query = vec![
        ("list-type", "2"),
        ("max-keys", &limit),
        ("prefix", &prefix),
    ];
    if let Some(start) = &start {
        query.push(("start-after", start));
    }
    let request = settings.request(Method::Get, "", &query, Vec::new());
    let text = send(&request, &[]).await?.accepted()?.text().await?;
    listing::objects(&text).ok_or_else(|| unavailable("sends a list that is not understood"))
}

/// Ids and sizes of all contents of a user. A text whose file a deletion has not left is one of size 0.
pub(super) async fn list_all(
    settings: &Settings,
    owner: &str,
) -> Result<Vec<(String, u64)>, Error> {
    let mut all: Vec<(String, u64)> = Vec::new();
    loop {
        let after = all.last().map(|(id, _)| id.clone());
        let page = list(settings, owner, after.as_deref(), MAX_KEYS).await?;
        let before = all.len();
        let objects = page.objects.into_iter();
        for (key, size) in objects {
            let is_new = |id: &String| all.last().is_none_or(|(last, _)| last != id);
            match (keys::id_of(owner, &key), keys::any_id_of(owner, &key)) {
                (Some(id), _) => all.push((id, size)),
                (None, Some(id)) if is_new(&id) => all.push((id, 0)),
                _ => {}
            }
        }
        if page.next.is_none() || all.len() == before {
            return Ok(all);
        }
    }
}

/// Keeps a text.
pub(super) async fn put_text(settings: &Settings, key: &str, text: String) -> Result<(), Error> {
    let headers = vec![("content-type", "application/octet-stream".to_owned())];
    let request = settings.request(Method::Put, key, &[], headers);
    let body = [Bytes::from(text)];
    send(&request, &body).await?.accepted().map(drop)
}

/// A text that is kept.
pub(super) async fn text(settings: &Settings, key: &str) -> Result<Option<String>, Error> {
    let request = settings.request(Method::Get, key, &[], Vec::new());
    match send(&request, &[]).await?.accepted() {
        Ok(response) => response.text().await.map(Some),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Uploads of a user in parts that are not complete.
pub(super) async fn unfinished(settings: &Settings, owner: &str) -> Result<Vec<Unfinished>, Error> {
    let prefix = keys::prefix(owner);
    let query = [("prefix", prefix.as_str()), ("uploads", "")];
    let request = settings.request(Method::Get, "", &query, Vec::new());
    let text = send(&request, &[]).await?.accepted()?.text().await?;
    let uploads = listing::unfinished(&text);
    let uploads = uploads.ok_or_else(|| unavailable("sends a list that is not understood"))?;
    // Some stores ignore the prefix.
    Ok(uploads
        .into_iter()
        .filter(|one| one.key.starts_with(&prefix))
        .collect())
}

/// Deletes the parts of an upload.
pub(super) async fn abort(settings: &Settings, key: &str, upload_id: &str) -> Result<(), Error> {
    let query = [("uploadId", upload_id)];
    let request = settings.request(Method::Delete, key, &query, Vec::new());
    match send(&request, &[]).await?.accepted() {
        Ok(_) | Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}
