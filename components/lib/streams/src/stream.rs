//! A stream as it is stored.

use sql::{Database, Row, Unavailable, Value, first_row};

use crate::{
    Session,
    types::{Error, Expiry, Metadata, Position},
};

macro_rules! columns {
    ($more:literal) => {
        concat!(
            "CAST(JSON_OF(s.id, s.owner, s.name, s.content_type, s.media_type, ",
            "s.idle_seconds, s.expires_at, s.created_at, s.deleted_at, s.source_id, s.fork_request, ",
            "s.fork_appends, s.fork_bytes, s.base_appends, s.base_bytes, s.created_closed, ",
            "s.share_hash IS NOT NULL, t.number, t.bytes, t.length, t.closes",
            $more,
            ") AS TEXT)"
        )
    };
}

/// Columns of [`Stored`], for a row `s` of `streams` and its last append `t`.
pub(crate) const COLUMNS: &str = columns!("");

/// The same, and the bytes up to and with the append that has a number.
const COLUMNS_AND_BYTES: &str =
    columns!(", (SELECT a.bytes FROM stream_appends a WHERE a.stream_id = s.id AND a.number = $3)");

/// The tables of [`COLUMNS`].
pub(crate) const TABLES: &str = "streams s LEFT JOIN stream_appends t ON t.stream_id = s.id AND \
    t.number = (SELECT max(number) FROM stream_appends WHERE stream_id = s.id)";

/// How often reads renew a stream that expires when it is idle: at most every tenth of its time, and
/// at least every minute.
const RENEWALS: u64 = 10;
const RENEWAL_MILLISECONDS_MAX: u64 = 60_000;

/// A row of `streams` with the state that its last append leaves.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) media_type: String,
    idle_seconds: Option<u64>,
    expires_at: Option<u64>,
    created_at: u64,
    pub(crate) is_deleted: bool,
    pub(crate) source_id: Option<String>,
    /// As it was requested, to compare repeated requests.
    pub(crate) fork_request: String,
    /// Where the content of the source ends.
    pub(crate) fork: Position,
    /// Where the initial content ends.
    pub(crate) base: Position,
    pub(crate) tail: Position,
    pub(crate) closed: bool,
    is_shared: bool,
}

impl Stored {
    pub(crate) fn parse(mut row: Row) -> Result<Self, Unavailable> {
        Self::take(&mut row)
    }

    fn take(row: &mut Row) -> Result<Self, Unavailable> {
        let id = row.text()?;
        let owner = row.text()?;
        let name = row.text()?;
        let content_type = row.text()?;
        let media_type = row.text()?;
        let idle_seconds = row.optional_unsigned()?;
        let expires_at = row.optional_unsigned()?;
        let created_at = row.unsigned()?;
        let is_deleted = row.optional_unsigned()?.is_some();
        let source_id = row.optional_text()?;
        let fork_request = row.text()?;
        let fork = position(row)?;
        let base = position(row)?;
        let created_closed = row.flag()?;
        let is_shared = row.flag()?;
        let last_number = row.optional_unsigned()?;
        let last_bytes = row.optional_unsigned()?;
        let has_content = row.optional_unsigned()?.is_some_and(|length| length > 0);
        let closes = row.optional_unsigned()? == Some(1);
        let tail = match (last_number, last_bytes) {
            (Some(number), Some(bytes)) => Position {
                appends: number.saturating_sub(u64::from(!has_content)),
                bytes,
            },
            _ => base,
        };
        Ok(Self {
            id,
            owner,
            name,
            content_type,
            media_type,
            idle_seconds,
            expires_at,
            created_at,
            is_deleted,
            source_id,
            fork_request,
            fork,
            base,
            tail,
            closed: created_closed || closes,
            is_shared,
        })
    }

    pub(crate) fn expiry(&self) -> Expiry {
        match (self.idle_seconds, self.expires_at) {
            (Some(seconds), _) => Expiry::Idle(seconds),
            (None, Some(time)) => Expiry::At(time),
            (None, None) => Expiry::Never,
        }
    }

    /// Whether the stream has expired at `now`.
    pub(crate) fn is_expired(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The stream as callers see it.
    pub(crate) fn metadata(&self) -> Metadata {
        Metadata {
            id: self.id.clone(),
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            expiry: self.expiry(),
            tail: self.tail,
            closed: self.closed,
            shared: self.is_shared,
            created_at: self.created_at,
        }
    }
}

/// The columns of an expiry of a stream that is used now: seconds of idleness, and the time when it ends.
pub(crate) fn expiry_columns(expiry: Expiry, now: u64) -> (Option<u64>, Option<u64>) {
    match expiry {
        Expiry::Never => (None, None),
        Expiry::Idle(seconds) => (
            Some(seconds),
            Some(now.saturating_add(seconds.saturating_mul(1000))),
        ),
        Expiry::At(time) => (None, Some(time)),
    }
}

fn position(row: &mut Row) -> Result<Position, Unavailable> {
    Ok(Position {
        appends: row.unsigned()?,
        bytes: row.unsigned()?,
    })
}

impl<D: Database> Session<'_, D> {
    /// The row of a name, also if it is deleted or has expired.
    pub(crate) async fn find(&self, owner: &str, name: &str) -> Result<Option<Stored>, Error> {
        let statement =
            format!("SELECT {COLUMNS} FROM {TABLES} WHERE s.owner = $1 AND s.name = $2");
        let row = first_row(self.database, &statement, vec![owner.into(), name.into()]).await?;
        Ok(row.map(Stored::parse).transpose()?)
    }

    /// The row with this id, also if it is deleted.
    pub(crate) async fn find_by_id(&self, id: &str) -> Result<Option<Stored>, Error> {
        let statement = format!("SELECT {COLUMNS} FROM {TABLES} WHERE s.id = $1");
        let row = first_row(self.database, &statement, vec![id.into()]).await?;
        Ok(row.map(Stored::parse).transpose()?)
    }

    /// A stream that exists.
    pub(crate) async fn existing(&self, owner: &str, name: &str) -> Result<Stored, Error> {
        self.if_exists(self.find(owner, name).await?)
    }

    /// A stream that exists, and the bytes up to and with the append that has a number, if that is one of its own.
    pub(crate) async fn existing_at(
        &self,
        owner: &str,
        name: &str,
        number: u64,
    ) -> Result<(Stored, Option<u64>), Error> {
        let statement =
            format!("SELECT {COLUMNS_AND_BYTES} FROM {TABLES} WHERE s.owner = $1 AND s.name = $2");
        let parameters = vec![owner.into(), name.into(), number.into()];
        let row = first_row(self.database, &statement, parameters).await?;
        let mut row = row.ok_or(Error::NotFound)?;
        let stored = self.if_exists(Some(Stored::take(&mut row)?))?;
        Ok((stored, row.optional_unsigned()?))
    }

    fn if_exists(&self, found: Option<Stored>) -> Result<Stored, Error> {
        match found {
            Some(stored) if stored.is_deleted => Err(Error::Gone),
            Some(stored) if !stored.is_expired(self.now) => Ok(stored),
            _ => Err(Error::NotFound),
        }
    }

    /// Postpones the expiry of a stream that expires when it is idle.
    pub(crate) async fn renew(&self, stored: &Stored) -> Result<(), Error> {
        let (Some(seconds), Some(expires_at)) = (stored.idle_seconds, stored.expires_at) else {
            return Ok(());
        };
        let idle = seconds.saturating_mul(1000);
        let renewed = self.now.saturating_add(idle);
        let interval = (idle / RENEWALS).min(RENEWAL_MILLISECONDS_MAX);
        if renewed < expires_at.saturating_add(interval) {
            return Ok(());
        }
        let statement = "UPDATE streams SET expires_at = GREATEST(expires_at, $2) WHERE id = $1 \
                         RETURNING CAST(JSON_OF(expires_at) AS TEXT)";
        let parameters = vec![Value::from(&stored.id), renewed.into()];
        first_row(self.database, statement, parameters).await?;
        Ok(())
    }
}
