//! Creating streams and forks.

use sql::{Database, Value, first_row};

use crate::{
    Session,
    content::{join, media_type, normalize, prefix},
    stream::{Stored, expiry_columns},
    types::{Creation, Error, Expiry, Fork, Metadata, Position},
};

/// The content type of a stream that is created without one.
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

/// How long a chain of forks may be: reading follows it.
const FORK_DEPTH_MAX: usize = 32;

/// The part of its source that a fork uses.
struct Inherited {
    source: Stored,
    position: Position,
    /// The part of the append after `position` that belongs to the fork too.
    partial: Vec<u8>,
}

/// Everything that makes a new row.
struct NewStream {
    content_type: String,
    media_type: String,
    expiry: Expiry,
    closed: bool,
    source_id: Option<String>,
    fork_request: String,
    fork: Position,
    initial: Vec<u8>,
}

impl<D: Database> Session<'_, D> {
    /// See `create` of the contract.
    pub(crate) async fn create(
        &self,
        owner: &str,
        name: Option<&str>,
        creation: Creation,
    ) -> Result<(Metadata, bool), Error> {
        let id = ids::new_uuid();
        let name = name.unwrap_or(&id);
        self.remove_expired().await?;
        for _ in 0..crate::ATTEMPTS_MAX {
            match self.find(owner, name).await? {
                Some(stored) if stored.is_expired(self.now) => self.remove(&stored).await?,
                Some(stored) if stored.is_deleted => return Err(Error::Gone),
                Some(stored) => {
                    return match is_repetition(&stored, &creation) {
                        true => Ok((stored.metadata(), false)),
                        false => Err(Error::Exists),
                    };
                }
                None => {}
            }
            let new = self.prepare(owner, &creation).await?;
            if let Some(metadata) = self.insert(owner, (&id, name), new).await? {
                return Ok((metadata, true));
            }
        }
        Err(crate::contended())
    }

    /// The new row, checked.
    async fn prepare(&self, owner: &str, creation: &Creation) -> Result<NewStream, Error> {
        let inherited = match &creation.fork {
            None => None,
            Some(fork) => Some(self.inherit(owner, fork).await?),
        };
        let source = inherited.as_ref().map(|inherited| &inherited.source);
        let content_type = match (&creation.content_type, source) {
            (Some(content_type), _) => content_type.clone(),
            (None, Some(source)) => source.content_type.clone(),
            (None, None) => DEFAULT_CONTENT_TYPE.to_owned(),
        };
        let media_type = media_type(&content_type);
        if source.is_some_and(|source| source.media_type != media_type) {
            return Err(Error::ContentTypeMismatch);
        }
        let expiry = match (creation.expiry, source) {
            (Some(expiry), _) => expiry,
            (None, Some(source)) => source.expiry(),
            (None, None) => Expiry::Never,
        };
        let content = match &creation.content {
            None => None,
            Some(content) => normalize(&media_type, content.clone())?,
        };
        let mut new = NewStream {
            content_type,
            media_type,
            expiry,
            closed: creation.closed,
            source_id: None,
            fork_request: fork_request(creation.fork.as_ref()),
            fork: Position {
                appends: 0,
                bytes: 0,
            },
            initial: Vec::new(),
        };
        if let Some(inherited) = inherited {
            new.source_id = Some(inherited.source.id);
            new.fork = inherited.position;
            new.initial = inherited.partial;
        }
        new.initial = join(&new.media_type, new.initial, &content.unwrap_or_default());
        let length = new.initial.len() as u64;
        if new.fork.bytes.saturating_add(length) > self.limits.stream_bytes {
            return Err(Error::StreamFull(self.limits.stream_bytes));
        }
        let total = self.limits.total_bytes;
        if length > 0 && self.total_bytes(owner).await?.saturating_add(length) > total {
            return Err(Error::StorageFull(total));
        }
        Ok(new)
    }

    /// The properties that a fork inherits.
    async fn inherit(&self, owner: &str, fork: &Fork) -> Result<Inherited, Error> {
        let source = match self.existing(owner, &fork.source).await {
            Err(Error::NotFound) => return Err(Error::SourceNotFound),
            Err(Error::Gone) => return Err(Error::SourceGone),
            other => other?,
        };
        let segments = self.chain(&source, 0).await?;
        if segments.len() >= FORK_DEPTH_MAX {
            return Err(Error::InvalidFork(format!(
                "A chain of forks may have at most {FORK_DEPTH_MAX} streams."
            )));
        }
        let invalid = |reason: &str| Error::InvalidFork(reason.to_owned());
        let position = match fork.position {
            None if fork.sub_offset > 0 => {
                return Err(invalid("A sub-offset requires the offset of the fork."));
            }
            None => source.tail,
            Some(position) if position.appends > source.tail.appends => {
                return Err(invalid(
                    "The fork's offset is beyond the end of its source.",
                ));
            }
            Some(position) => self.position_of(&segments, position.appends).await?,
        };
        let mut partial = Vec::new();
        if fork.sub_offset > 0 {
            let next = self.appends(&source, position, 1).await?.into_iter().next();
            partial = next
                .and_then(|append| prefix(&source.media_type, &append, fork.sub_offset))
                .ok_or_else(|| {
                    invalid("The fork's sub-offset is beyond the end of that append.")
                })?;
        }
        Ok(Inherited {
            source,
            position,
            partial,
        })
    }

    /// Inserts the row. None if another one has the name by now, or the source was deleted.
    async fn insert(
        &self,
        owner: &str,
        (id, name): (&str, &str),
        new: NewStream,
    ) -> Result<Option<Metadata>, Error> {
        let has_initial = !new.initial.is_empty();
        let base = Position {
            appends: new.fork.appends.saturating_add(u64::from(has_initial)),
            bytes: new.fork.bytes.saturating_add(new.initial.len() as u64),
        };
        let (idle_seconds, expires_at) = expiry_columns(new.expiry, self.now);
        let statement = "INSERT INTO streams (id, owner, name, content_type, media_type, idle_seconds, \
             expires_at, created_at, created_closed, source_id, fork_request, fork_appends, \
             fork_bytes, initial_content, initial_encoded, base_appends, base_bytes) \
             SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), \
             CAST($5 AS TEXT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT), \
             CAST($9 AS BIGINT), CAST($10 AS TEXT), CAST($11 AS TEXT), \
             CAST($12 AS BIGINT), CAST($13 AS BIGINT), CAST($14 AS BLOB), CAST($15 AS BIGINT), \
             CAST($16 AS BIGINT), CAST($17 AS BIGINT) \
             WHERE (SELECT count(*) FROM streams WHERE owner = $2 AND deleted_at IS NULL) < $18 \
             AND ($10 IS NULL OR EXISTS \
               (SELECT 1 FROM streams WHERE id = $10 AND deleted_at IS NULL)) \
             ON CONFLICT (owner, name) DO NOTHING RETURNING CAST(JSON_OF(id) AS TEXT)";
        let parameters = vec![
            Value::from(id),
            owner.into(),
            name.into(),
            (&new.content_type).into(),
            (&new.media_type).into(),
            idle_seconds.into(),
            expires_at.into(),
            self.now.into(),
            new.closed.into(),
            new.source_id.into(),
            new.fork_request.into(),
            new.fork.appends.into(),
            new.fork.bytes.into(),
            has_initial.then_some(new.initial).into(),
            false.into(),
            base.appends.into(),
            base.bytes.into(),
            self.limits.streams.into(),
        ];
        if first_row(self.database, statement, parameters)
            .await?
            .is_some()
        {
            return Ok(Some(Metadata {
                id: id.to_owned(),
                name: name.to_owned(),
                content_type: new.content_type,
                expiry: new.expiry,
                tail: base,
                closed: new.closed,
                shared: false,
                created_at: self.now,
            }));
        }
        let count = "SELECT CAST(JSON_OF(count(*)) AS TEXT) FROM streams WHERE owner = $1 AND deleted_at IS NULL";
        let row = first_row(self.database, count, vec![owner.into()]).await?;
        let count = row.map(|mut row| row.unsigned()).transpose()?;
        if count.is_some_and(|count| count >= self.limits.streams) {
            let limit = u32::try_from(self.limits.streams).unwrap_or(u32::MAX);
            return Err(Error::TooManyStreams(limit));
        }
        Ok(None)
    }
}

/// The fork as text, for comparing repeated requests.
fn fork_request(fork: Option<&Fork>) -> String {
    let Some(fork) = fork else {
        return String::new();
    };
    let position = fork.position.map_or_else(String::new, |position| {
        format!("{}_{}", position.appends, position.bytes)
    });
    format!("{position}+{} {}", fork.sub_offset, fork.source)
}

/// Whether the request creates a stream that exists already, with the same configuration.
fn is_repetition(stored: &Stored, creation: &Creation) -> bool {
    let same_type = match &creation.content_type {
        Some(content_type) => media_type(content_type) == stored.media_type,
        None => creation.fork.is_some() || stored.media_type == DEFAULT_CONTENT_TYPE,
    };
    let same_expiry = match creation.expiry {
        Some(expiry) => expiry == stored.expiry(),
        None => creation.fork.is_some() || matches!(stored.expiry(), Expiry::Never),
    };
    same_type
        && same_expiry
        && creation.closed == stored.closed
        && fork_request(creation.fork.as_ref()) == stored.fork_request
}
