//! The exports, for any database.

use std::marker::PhantomData;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use spin_sdk::wit_bindgen::StreamReader;
use sql::Database;

use crate::{
    Session,
    bindings::exports::goldfish::streams::{streams, user_data},
    following,
    limits::{Platform, connect, session},
    types::{
        AppendRequest, Appended, Creation, Error, Expiry, Metadata, Page, Part, Position, Start,
        StreamsPage,
    },
};

/// Streams of a page of the export.
const EXPORT_PAGE: u32 = 100;
/// Bytes of content that the export reads at once.
const EXPORT_BYTES: u64 = 1024 * 1024;

/// The component's exports.
#[derive(Debug)]
pub struct Streams<P>(PhantomData<P>);

impl<P: Platform> streams::Guest for Streams<P> {
    async fn create(
        owner: String,
        name: Option<String>,
        creation: Creation,
    ) -> Result<(Metadata, bool), Error> {
        let database = &*connect::<P>().await?;
        session::<P>(database)
            .await
            .create(&owner, name.as_deref(), creation)
            .await
    }

    async fn describe(owner: String, name: String) -> Result<Metadata, Error> {
        let database = &*connect::<P>().await?;
        let stored = session::<P>(database).await.existing(&owner, &name).await?;
        Ok(stored.metadata())
    }

    async fn append(owner: String, name: String, append: AppendRequest) -> Result<Appended, Error> {
        let database = &*connect::<P>().await?;
        let appended = session::<P>(database)
            .await
            .append(&owner, &name, append)
            .await?;
        following::note_append(&owner, &name, appended.tail, appended.closed);
        Ok(appended)
    }

    async fn read(
        owner: String,
        name: String,
        from: Start,
        max_bytes: u32,
        wait_ms: u32,
    ) -> Result<Page, Error> {
        following::read::<P>(&owner, &name, from, max_bytes, wait_ms).await
    }

    #[cfg(target_family = "wasm")]
    async fn open(
        owner: String,
        name: String,
        from: Start,
        max_bytes: u32,
    ) -> Result<(Part, StreamReader<u8>), Error> {
        let database = &*connect::<P>().await?;
        let session = session::<P>(database).await;
        let reading = session.open(&owner, &name, from, max_bytes).await?;
        Ok(crate::sending::send::<P>(reading))
    }

    /// Streams of bytes need a host.
    #[cfg(not(target_family = "wasm"))]
    async fn open(
        _: String,
        _: String,
        _: Start,
        _: u32,
    ) -> Result<(Part, StreamReader<u8>), Error> {
        Err(Error::Unavailable("not in a component".to_owned()))
    }

    async fn start_following(owner: String) -> Result<String, Error> {
        let database = &*connect::<P>().await?;
        session::<P>(database).await.start_following(&owner).await
    }

    async fn stop_following(owner: String, reader: String) -> Result<(), Error> {
        let database = &*connect::<P>().await?;
        session::<P>(database)
            .await
            .stop_following(&owner, &reader)
            .await
    }

    async fn delete(owner: String, name: String) -> Result<(), Error> {
        let database = &*connect::<P>().await?;
        session::<P>(database).await.delete(&owner, &name).await
    }

    async fn list_streams(
        owner: String,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<StreamsPage, Error> {
        let database = &*connect::<P>().await?;
        session::<P>(database)
            .await
            .list(&owner, cursor.as_deref(), limit)
            .await
    }

    async fn share(owner: String, name: String) -> Result<String, Error> {
        let database = &*connect::<P>().await?;
        session::<P>(database).await.share(&owner, &name).await
    }

    async fn unshare(owner: String, name: String) -> Result<(), Error> {
        let database = &*connect::<P>().await?;
        session::<P>(database).await.unshare(&owner, &name).await
    }

    async fn shared(id: String, token: String) -> Result<(String, String), Error> {
        let database = &*connect::<P>().await?;
        session::<P>(database).await.shared(&id, &token).await
    }
}

impl<P: Platform> user_data::Guest for Streams<P> {
    async fn erase(user: String) -> Result<(), String> {
        let database = &*connect::<P>().await.map_err(cause)?;
        session::<P>(database)
            .await
            .erase(&user)
            .await
            .map_err(cause)
    }

    async fn export(user: String) -> Result<String, String> {
        let database = &*connect::<P>().await.map_err(cause)?;
        let session = session::<P>(database).await;
        export(&session, &user).await.map_err(cause)
    }

    async fn check() -> Result<(), String> {
        connect::<P>().await.map(drop).map_err(cause)
    }
}

/// All streams of a user with their content, as JSON.
async fn export<D: Database>(session: &Session<'_, D>, user: &str) -> Result<String, Error> {
    let mut exported: Vec<Json> = Vec::new();
    let mut cursor = None;
    loop {
        let page = session.list(user, cursor.as_deref(), EXPORT_PAGE).await?;
        for stream in page.streams {
            let content = content(session, user, &stream.name).await?;
            let (idle_seconds, expires_at) = match stream.expiry {
                Expiry::Never => (None, None),
                Expiry::Idle(seconds) => (Some(seconds), None),
                Expiry::At(time) => (None, Some(time)),
            };
            exported.push(json!({
                "name": stream.name,
                "contentType": stream.content_type,
                "createdAt": stream.created_at,
                "idleSeconds": idle_seconds,
                "expiresAt": expires_at,
                "closed": stream.closed,
                "appends": content,
            }));
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(Json::from(exported).to_string());
        }
    }
}

/// The appends of a stream: text, or an object with `base64`.
async fn content<D: Database>(
    session: &Session<'_, D>,
    user: &str,
    name: &str,
) -> Result<Vec<Json>, Error> {
    let stored = session.existing(user, name).await?;
    let mut content = Vec::new();
    let mut at = Position {
        appends: 0,
        bytes: 0,
    };
    loop {
        let appends = session.appends(&stored, at, EXPORT_BYTES).await?;
        if appends.is_empty() {
            return Ok(content);
        }
        for append in appends {
            at.appends = at.appends.saturating_add(1);
            at.bytes = at.bytes.saturating_add(append.len() as u64);
            content.push(match String::from_utf8(append) {
                Ok(text) => Json::String(text),
                Err(error) => json!({ "base64": STANDARD.encode(error.as_bytes()) }),
            });
        }
    }
}

/// A cause for the log.
fn cause(error: Error) -> String {
    match error {
        Error::Unavailable(cause) => cause,
        other => format!("{other:?}"),
    }
}
