//! The exports.

use std::marker::PhantomData;
use std::sync::OnceLock;
use unix_time::now_ms;

use file_rules::{Limits, Purpose, signature};
use ids::KeyPart;
use serde_json::json;
use spin_sdk::variables;
use spin_sdk::wit_bindgen::{FutureReader, StreamReader};

use crate::bindings::exports::goldfish::files::files::Guest as Files;
use crate::bindings::exports::goldfish::files::types::{
    Access, ByteRange, Error, File, Page, PurposeRules, Rules, Upload,
};
use crate::bindings::exports::goldfish::files::user_data::Guest as UserData;
use crate::conversions::to_wit;
use crate::receiving::receive;
use crate::sending::{Content, send};
use crate::store::Store;

/// Most bytes of a text that is kept with a file.
const MAX_TEXT: u64 = 512 * 1024;

/// Most files of a page.
const MAX_PAGE: u32 = 100;

/// The exports of a component with that store.
pub struct Exports<S>(PhantomData<S>);

impl<S: Store> Files for Exports<S> {
    async fn get_rules() -> Rules {
        let limits = limits().await;
        let purposes = Purpose::ALL.into_iter().map(|purpose| PurposeRules {
            purpose: to_wit(purpose),
            max_bytes: limits.of(purpose),
            media_types: purpose
                .media_types()
                .iter()
                .map(|kind| (*kind).to_owned())
                .collect(),
        });
        Rules {
            max_upload_bytes: limits.upload,
            max_storage_bytes: limits.storage,
            purposes: purposes.collect(),
        }
    }

    async fn put(
        upload: Upload,
        content: StreamReader<u8>,
        complete: FutureReader<bool>,
    ) -> Result<File, Error> {
        check_user(&upload.owner)?;
        let store = S::open().await?;
        receive(&store, limits().await, upload, content, complete, now_ms()).await
    }

    async fn get_info(owner: Option<String>, id: String) -> Result<File, Error> {
        if let Some(owner) = &owner {
            check_user(owner)?;
        }
        S::open().await?.info(owner.as_deref(), &uuid(&id)?).await
    }

    async fn open(owner: String, id: String, range: ByteRange) -> Result<Content, Error> {
        check_user(&owner)?;
        let store = S::open().await?;
        let reader = store
            .read(&owner, &uuid(&id)?, range.start..range.end)
            .await?;
        Ok(send(reader))
    }

    async fn put_text(owner: String, id: String, text: String) -> Result<(), Error> {
        check_user(&owner)?;
        let store = S::open().await?;
        let id = uuid(&id)?;
        let size = store.info(Some(&owner), &id).await?.size;
        let most = size.min(MAX_TEXT);
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > most {
            return Err(Error::TooLarge(most));
        }
        store.put_text(&owner, &id, text).await?;
        // What a deletion at the same time did not see.
        match store.info(Some(&owner), &id).await {
            Err(Error::NotFound) => {
                store.delete_text(&owner, &id).await?;
                Err(Error::NotFound)
            }
            result => result.map(drop),
        }
    }

    async fn get_text(owner: String, id: String) -> Result<Option<String>, Error> {
        check_user(&owner)?;
        S::open().await?.text(&owner, &uuid(&id)?).await
    }

    async fn delete(owner: String, id: String) -> Result<(), Error> {
        check_user(&owner)?;
        S::open().await?.delete(&owner, &uuid(&id)?).await
    }

    async fn list(owner: String, cursor: Option<String>, limit: u32) -> Result<Page, Error> {
        check_user(&owner)?;
        let limit = limit.clamp(1, MAX_PAGE);
        S::open()
            .await?
            .list(&owner, cursor.as_deref(), limit)
            .await
    }

    async fn grant_access(owner: String, id: String, expires_at: u64) -> Result<Access, Error> {
        check_user(&owner)?;
        let store = S::open().await?;
        let id = uuid(&id)?;
        // There must be such a file.
        store.info(Some(&owner), &id).await?;
        if let Some(url) = store.url(&owner, &id, expires_at).await? {
            return Ok(Access::Url(url));
        }
        let key = store.signing_key().await?;
        let signature = signature::sign(&key, &subject(&owner, &id), expires_at);
        Ok(Access::Token(format!("{owner}.{signature}")))
    }

    async fn redeem(id: String, expires_at: u64, token: String) -> Result<File, Error> {
        let (owner, signature) = token.rsplit_once('.').ok_or(Error::NotFound)?;
        check_user(owner).map_err(|_| Error::NotFound)?;
        let store = S::open().await?;
        let id = uuid(&id)?;
        let key = store.signing_key().await?;
        let seconds = now_ms() / 1000;
        if !signature::is_valid(&key, &subject(owner, &id), expires_at, signature, seconds) {
            return Err(Error::NotFound);
        }
        store.info(Some(owner), &id).await
    }
}

impl<S: Store> UserData for Exports<S> {
    async fn erase(user: String) -> Result<(), String> {
        check_user(&user).map_err(cause)?;
        let store = S::open().await.map_err(cause)?;
        store.erase(&user).await.map_err(cause)
    }

    async fn export(user: String) -> Result<String, String> {
        check_user(&user).map_err(cause)?;
        let store = S::open().await.map_err(cause)?;
        let mut exported = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.list(&user, cursor.as_deref(), MAX_PAGE).await;
            let page = page.map_err(cause)?;
            exported.extend(page.files.iter().map(|file| {
                json!({
                    "id": file.id,
                    "name": file.name,
                    "mediaType": file.media_type,
                    "size": file.size,
                    "createdAt": file.created_at,
                })
            }));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(json!({ "files": exported }).to_string()),
            }
        }
    }

    async fn check() -> Result<(), String> {
        let store = S::open().await.map_err(cause)?;
        store.check().await.map_err(cause)
    }
}

/// The text that a signature covers: the owner and the id of a file.
fn subject(owner: &str, id: &str) -> String {
    format!("{owner}/{id}")
}

/// The limits, read once per instance. Routes that only erase are not granted the variables.
async fn limits() -> Limits {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    if let Some(limits) = LIMITS.get() {
        return *limits;
    }
    let upload = variables::get("max_upload_bytes").await;
    let storage = variables::get("max_storage_bytes").await;
    let (limits, errors) = Limits::parse(&upload.unwrap_or_default(), &storage.unwrap_or_default());
    for error in errors {
        eprintln!(r#"{{"level":"warn","message":"{error}"}}"#);
    }
    *LIMITS.get_or_init(|| limits)
}

fn check_user(id: &str) -> Result<(), Error> {
    KeyPart::parse(id)
        .map(drop)
        .ok_or_else(|| Error::Unavailable("invalid user id".to_owned()))
}

/// An id that is not a UUID does not exist.
fn uuid(id: &str) -> Result<String, Error> {
    ids::parse_uuid(id).ok_or(Error::NotFound)
}

fn cause(error: Error) -> String {
    match error {
        Error::Unavailable(cause) => format!("files: {cause}"),
        other => format!("files: {other:?}"),
    }
}
