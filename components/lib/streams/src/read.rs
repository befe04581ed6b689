//! Reading.

use sql::{Database, Value, first_row, malformed, rows};

use crate::{
    Session,
    content::decode,
    stream::Stored,
    types::{Entry, Error, Page, Position, Start},
};

/// Most appends of a page.
const PAGE_APPENDS_MAX: u64 = 1000;

/// A part of the content of a stream: that of one row of `streams`, up to a number of appends.
pub(crate) struct Segment {
    stored: Stored,
    /// The number of the last append that belongs to the stream which is read.
    end: u64,
}

impl<D: Database> Session<'_, D> {
    /// See `read` of the contract.
    pub(crate) async fn read(
        &self,
        owner: &str,
        name: &str,
        from: Start,
        max_bytes: u32,
    ) -> Result<Page, Error> {
        let stored = self.existing(owner, name).await?;
        self.renew(&stored).await?;
        let from = match from {
            Start::Beginning => Position {
                appends: 0,
                bytes: 0,
            },
            Start::Position(position) if position.appends < stored.tail.appends => position,
            Start::Position(_) | Start::Tail => stored.tail,
        };
        let entries = match from.appends < stored.tail.appends {
            true => self.entries(&stored, from, max_bytes.into()).await?,
            false => Vec::new(),
        };
        let next = entries.last().map_or(from, |entry| entry.end);
        Ok(Page {
            metadata: stored.metadata(),
            entries,
            next,
        })
    }

    /// The appends after a position: at least one if there is one, and then up to `max_bytes`.
    pub(crate) async fn entries(
        &self,
        stored: &Stored,
        from: Position,
        max_bytes: u64,
    ) -> Result<Vec<Entry>, Error> {
        let limit = from.bytes.saturating_add(max_bytes);
        let mut entries: Vec<Entry> = Vec::new();
        let mut at = from;
        for segment in self.chain(stored, from.appends).await? {
            self.read_segment(&segment, at, limit, &mut entries).await?;
            at = entries.last().map_or(at, |entry| entry.end);
            // Not read to its end: the page is full.
            if at.appends < segment.end.min(segment.stored.tail.appends) {
                break;
            }
        }
        Ok(entries)
    }

    /// The rows that hold the content of a stream after a position, oldest first.
    pub(crate) async fn chain(&self, stored: &Stored, from: u64) -> Result<Vec<Segment>, Error> {
        let mut segments = vec![Segment {
            stored: stored.clone(),
            end: u64::MAX,
        }];
        let mut fork = stored.fork.appends;
        let mut source_id = stored.source_id.clone();
        while let Some(id) = source_id.filter(|_| from < fork) {
            let source = self.find_by_id(&id).await?.ok_or_else(malformed)?;
            let end = fork;
            fork = fork.min(source.fork.appends);
            source_id = source.source_id.clone();
            segments.push(Segment {
                stored: source,
                end,
            });
        }
        segments.reverse();
        Ok(segments)
    }

    async fn read_segment(
        &self,
        segment: &Segment,
        from: Position,
        limit: u64,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Error> {
        let stored = &segment.stored;
        let has_initial = stored.base.appends > stored.fork.appends;
        let wants_initial =
            from.appends < stored.base.appends && stored.base.appends <= segment.end;
        if has_initial && wants_initial {
            if !entries.is_empty() && stored.base.bytes > limit {
                return Ok(());
            }
            entries.push(self.initial(stored).await?);
        }
        let after = from.appends.max(stored.base.appends);
        // The first one is read whatever its length, so that readers advance.
        let first = match entries.is_empty() {
            true => after.saturating_add(1),
            false => 0,
        };
        let statement = "SELECT CAST(JSON_OF(number, bytes, data, encoded) AS TEXT) FROM stream_appends \
             WHERE stream_id = $1 AND number > $2 AND number <= $3 AND length > 0 \
             AND (bytes <= $4 OR number = $5) ORDER BY number LIMIT $6";
        let end = segment.end.min(i64::MAX.unsigned_abs());
        let parameters = vec![
            Value::from(&stored.id),
            after.into(),
            end.into(),
            limit.into(),
            first.into(),
            PAGE_APPENDS_MAX.into(),
        ];
        for mut row in rows(self.database, statement, parameters).await? {
            let end = Position {
                appends: row.unsigned()?,
                bytes: row.unsigned()?,
            };
            let (data, encoded) = (row.text()?, row.flag()?);
            let bytes = decode(data, encoded).ok_or_else(malformed)?;
            entries.push(Entry { bytes, end });
        }
        Ok(())
    }

    /// The initial content, as the first append of its stream.
    async fn initial(&self, stored: &Stored) -> Result<Entry, Error> {
        let statement = "SELECT CAST(JSON_OF(initial_data, initial_encoded) AS TEXT) FROM streams WHERE id = $1";
        let row = first_row(self.database, statement, vec![(&stored.id).into()]).await?;
        let mut row = row.ok_or(Error::NotFound)?;
        let (data, encoded) = (row.text()?, row.flag()?);
        Ok(Entry {
            bytes: decode(data, encoded).ok_or_else(malformed)?,
            end: stored.base,
        })
    }
}
