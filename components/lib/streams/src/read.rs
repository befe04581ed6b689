//! Reading.
//!
//! A part of a stream is read in pieces. The database joins the appends of a piece, so that many small ones cost
//! little more than a large one.

use sql::{Database, Dialect, Row, Value, first_row, malformed, rows};

use crate::{
    Session,
    content::{brackets, decode, separator},
    stream::Stored,
    types::{Error, Page, Part, Position, Start},
};

/// Most appends of a part, and of a piece.
const PART_APPENDS_MAX: u64 = 16_384;
const PIECE_APPENDS_MAX: u64 = 4_096;

/// Most bytes of a piece, unless an append is longer.
const PIECE_BYTES_MAX: u64 = 1024 * 1024;

/// The content that is in one row of `streams` and its appends.
pub(crate) struct Segment {
    stored: Stored,
    /// Where the content ends that belongs to the stream which is read.
    end: Position,
}

/// A part of a stream that is to be read.
pub(crate) struct Reading {
    pub(crate) part: Part,
    media_type: String,
    segments: Vec<Segment>,
    /// Everything before it has been read.
    at: Position,
    is_begun: bool,
    is_ended: bool,
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
        let mut reading = self.open(owner, name, from, max_bytes).await?;
        let mut content = self.next_piece(&mut reading).await?.unwrap_or_default();
        while let Some(piece) = self.next_piece(&mut reading).await? {
            content.extend_from_slice(&piece);
        }
        Ok(Page {
            part: reading.part,
            content,
        })
    }

    /// See `open` of the contract: the part, whose content [`Session::next_piece`] reads.
    pub(crate) async fn open(
        &self,
        owner: &str,
        name: &str,
        from: Start,
        max_bytes: u32,
    ) -> Result<Reading, Error> {
        let number = match from {
            Start::Beginning => 0,
            Start::Position(position) => position.appends,
            Start::Tail => u64::MAX,
        };
        let (stored, bytes) = self.existing_at(owner, name, number).await?;
        self.renew(&stored).await?;
        let appends = number.min(stored.tail.appends);
        let segments = self.chain(&stored, appends).await?;
        let from = match bytes {
            Some(bytes) if number == appends => Position { appends, bytes },
            _ => self.position_of(&segments, appends).await?,
        };
        self.reading(&stored, segments, from, max_bytes.into())
            .await
    }

    /// The position after so many appends. The bytes of a position that a client sends may be wrong.
    pub(crate) async fn position_of(
        &self,
        segments: &[Segment],
        appends: u64,
    ) -> Result<Position, Error> {
        let known = segments
            .iter()
            .flat_map(|segment| [segment.stored.fork, segment.stored.base, segment.end]);
        let beginning = Position {
            appends: 0,
            bytes: 0,
        };
        let mut known = std::iter::once(beginning).chain(known);
        if let Some(position) = known.find(|position| position.appends == appends) {
            return Ok(position);
        }
        let segment = segments
            .iter()
            .find(|segment| appends < segment.end.appends)
            .ok_or_else(malformed)?;
        let statement = "SELECT CAST(JSON_OF(bytes) AS TEXT) FROM stream_appends \
             WHERE stream_id = $1 AND number = $2";
        let parameters = vec![Value::from(&segment.stored.id), appends.into()];
        let row = first_row(self.database, statement, parameters).await?;
        let bytes = row.ok_or(Error::NotFound)?.unsigned()?;
        Ok(Position { appends, bytes })
    }

    /// The part after a position: at least one append if there is one, and then up to `max_bytes`.
    async fn reading(
        &self,
        stored: &Stored,
        segments: Vec<Segment>,
        from: Position,
        max_bytes: u64,
    ) -> Result<Reading, Error> {
        let limit = from.bytes.saturating_add(max_bytes);
        let next = self
            .end_of(&segments, from, limit, PART_APPENDS_MAX)
            .await?;
        let appends = next.appends.saturating_sub(from.appends);
        let separators = appends.saturating_sub(1);
        let (before, after) = brackets(&stored.media_type);
        let length = next.bytes.saturating_sub(from.bytes)
            + separators * separator(&stored.media_type).len() as u64
            + (before.len() + after.len()) as u64;
        Ok(Reading {
            part: Part {
                metadata: stored.metadata(),
                next,
                appends,
                length,
            },
            media_type: stored.media_type.clone(),
            segments,
            at: from,
            is_begun: false,
            is_ended: false,
        })
    }

    /// The next bytes of the part. None after the last ones.
    pub(crate) async fn next_piece(&self, reading: &mut Reading) -> Result<Option<Vec<u8>>, Error> {
        if reading.is_ended {
            return Ok(None);
        }
        let (before, after) = brackets(&reading.media_type);
        let separator = separator(&reading.media_type);
        let mut piece = match reading.is_begun {
            true => Vec::new(),
            false => before.as_bytes().to_vec(),
        };
        let end = reading.part.next;
        if reading.at.appends < end.appends {
            if reading.is_begun {
                piece.extend_from_slice(separator.as_bytes());
            }
            let (content, at) = self.content(reading, separator).await?;
            if at.appends <= reading.at.appends {
                // The stream was deleted meanwhile.
                return Err(Error::NotFound);
            }
            reading.at = at;
            match piece.is_empty() {
                true => piece = content,
                false => piece.extend_from_slice(&content),
            }
        }
        reading.is_begun = true;
        reading.is_ended = reading.at.appends >= end.appends;
        if reading.is_ended {
            piece.extend_from_slice(after.as_bytes());
        }
        Ok(Some(piece))
    }

    /// Some content that comes next, and where it ends.
    async fn content(
        &self,
        reading: &Reading,
        separator: &str,
    ) -> Result<(Vec<u8>, Position), Error> {
        let (at, end) = (reading.at, reading.part.next);
        let segment = segment_after(&reading.segments, at).ok_or_else(malformed)?;
        let stored = &segment.stored;
        if has_initial_after(segment, at) {
            return Ok((self.initial(stored).await?, stored.base));
        }
        let last = segment.end.appends.min(end.appends);
        let limit = at.bytes.saturating_add(PIECE_BYTES_MAX).min(end.bytes);
        let range = Range {
            after: at.appends,
            last,
            limit,
            appends_max: PIECE_APPENDS_MAX,
        };
        let dialect = self.database.dialect();
        let statement = format!(
            "SELECT CAST(JSON_OF(max(number), max(bytes), max(encoded)) AS TEXT), {} \
             FROM (SELECT number, bytes, encoded, {} AS content FROM {RANGE}) piece",
            joined(dialect, separator),
            stored_bytes(dialect, "content", "data"),
        );
        let row = first_row(self.database, &statement, range.parameters(stored)).await?;
        let mut row = row.ok_or_else(malformed)?;
        let (Some(appends), Some(bytes)) = (row.optional_unsigned()?, row.optional_unsigned()?)
        else {
            return Ok((Vec::new(), at));
        };
        let next = Position { appends, bytes };
        if !row.flag()? {
            return Ok((row.into_bytes(), next));
        }
        let range = Range {
            last: next.appends,
            ..range
        };
        let contents = self.contents(stored, range).await?;
        Ok((contents.join(separator.as_bytes()), next))
    }

    /// The content of each append after a position: of at least one if there is one, and then of about `max_bytes`.
    pub(crate) async fn appends(
        &self,
        stored: &Stored,
        at: Position,
        max_bytes: u64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let segments = self.chain(stored, at.appends).await?;
        let Some(segment) = segment_after(&segments, at) else {
            return Ok(Vec::new());
        };
        if has_initial_after(segment, at) {
            return Ok(vec![self.initial(&segment.stored).await?]);
        }
        let range = Range {
            after: at.appends,
            last: segment.end.appends,
            limit: at.bytes.saturating_add(max_bytes),
            appends_max: PIECE_APPENDS_MAX,
        };
        self.contents(&segment.stored, range).await
    }

    async fn contents(&self, stored: &Stored, range: Range) -> Result<Vec<Vec<u8>>, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(encoded) AS TEXT), {} FROM {RANGE}",
            stored_bytes(self.database.dialect(), "content", "data"),
        );
        let found = rows(self.database, &statement, range.parameters(stored)).await?;
        found.into_iter().map(content_of).collect()
    }

    /// The rows that hold the content of a stream after a position, oldest first.
    pub(crate) async fn chain(&self, stored: &Stored, from: u64) -> Result<Vec<Segment>, Error> {
        let mut segments = vec![Segment {
            stored: stored.clone(),
            end: stored.tail,
        }];
        let mut fork = stored.fork;
        let mut source_id = stored.source_id.clone();
        while let Some(id) = source_id.filter(|_| from < fork.appends) {
            let source = self.find_by_id(&id).await?.ok_or_else(malformed)?;
            let end = fork;
            if source.fork.appends < fork.appends {
                fork = source.fork;
            }
            source_id = source.source_id.clone();
            segments.push(Segment {
                stored: source,
                end,
            });
        }
        segments.reverse();
        Ok(segments)
    }

    /// Where a part ends that begins at `from`: after at least one append if there is one, and otherwise not after
    /// `limit` bytes of the stream, nor after more appends than `appends_max`.
    async fn end_of(
        &self,
        segments: &[Segment],
        from: Position,
        limit: u64,
        appends_max: u64,
    ) -> Result<Position, Error> {
        let last = from.appends.saturating_add(appends_max);
        let mut at = from;
        while let Some(segment) = segment_after(segments, at) {
            if segment.end.bytes <= limit && segment.end.appends <= last {
                at = segment.end;
                continue;
            }
            let stored = &segment.stored;
            if has_initial_after(segment, at) {
                if stored.base.bytes > limit && at.appends > from.appends {
                    break;
                }
                at = stored.base;
                continue;
            }
            if at.appends > from.appends && (at.bytes >= limit || at.appends >= last) {
                break;
            }
            let range = Range {
                after: at.appends,
                last: segment.end.appends.min(last),
                limit,
                appends_max,
            };
            let statement = format!(
                "SELECT CAST(JSON_OF(max(number), max(bytes), min(bytes)) AS TEXT) \
                 FROM (SELECT number, bytes FROM {RANGE}) part"
            );
            let row = first_row(self.database, &statement, range.parameters(stored)).await?;
            let mut row = row.ok_or_else(malformed)?;
            let (Some(appends), Some(bytes)) = (row.optional_unsigned()?, row.optional_unsigned()?)
            else {
                break;
            };
            // The first append of a segment may be too large for a part that has others.
            if bytes <= limit || at.appends == from.appends {
                at = Position { appends, bytes };
            }
            break;
        }
        Ok(at)
    }

    /// The initial content, which is the first append of its stream.
    async fn initial(&self, stored: &Stored) -> Result<Vec<u8>, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(initial_encoded) AS TEXT), {} FROM streams WHERE id = $1",
            stored_bytes(self.database.dialect(), "initial_content", "initial_data"),
        );
        let row = first_row(self.database, &statement, vec![(&stored.id).into()]).await?;
        content_of(row.ok_or(Error::NotFound)?)
    }
}

/// The segment in which the content after a position is.
fn segment_after(segments: &[Segment], at: Position) -> Option<&Segment> {
    let mut segments = segments.iter();
    segments.find(|segment| at.appends < segment.end.appends)
}

/// Whether the initial content of the segment is what comes next.
fn has_initial_after(segment: &Segment, at: Position) -> bool {
    let stored = &segment.stored;
    stored.base.appends > stored.fork.appends
        && at.appends < stored.base.appends
        && stored.base.appends <= segment.end.appends
}

/// Appends with consecutive numbers.
struct Range {
    after: u64,
    last: u64,
    /// The appends after the first one that end after so many bytes of the stream do not belong to it.
    limit: u64,
    appends_max: u64,
}

/// A [`Range`], in their order. The bytes are in no index: what ends the search is the first append that is too much.
const RANGE: &str = "stream_appends WHERE stream_id = $1 AND number > $2 AND length > 0 \
     AND number <= coalesce((SELECT b.number - 1 FROM stream_appends b WHERE b.stream_id = $1 \
       AND b.number > $3 AND b.number <= $4 AND b.bytes > $5 ORDER BY b.number LIMIT 1), $4) \
     ORDER BY number LIMIT $6";

impl Range {
    fn parameters(&self, stored: &Stored) -> Vec<Value> {
        vec![
            Value::from(&stored.id),
            self.after.into(),
            self.after.saturating_add(1).into(),
            self.last.into(),
            self.limit.into(),
            self.appends_max.into(),
        ]
    }
}

/// The bytes of a row. Earlier versions stored them as text.
fn stored_bytes(dialect: Dialect, content: &str, data: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("coalesce({content}, CAST({data} AS BLOB))"),
        Dialect::Postgres => format!("coalesce({content}, convert_to({data}, 'UTF8'))"),
    }
}

/// All bytes of a column `content`, with what separates appends between them.
fn joined(dialect: Dialect, separator: &str) -> String {
    match dialect {
        // The text is made of the bytes as they are.
        Dialect::Sqlite => format!("CAST(group_concat(content, '{separator}') AS BLOB)"),
        Dialect::Postgres => format!("string_agg(content, '{separator}'::bytea ORDER BY number)"),
    }
}

fn content_of(mut row: Row) -> Result<Vec<u8>, Error> {
    let is_base64 = row.flag()?;
    Ok(decode(row.into_bytes(), is_base64).ok_or_else(malformed)?)
}
