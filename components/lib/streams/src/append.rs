//! Appending and closing.

use sql::{Database, Parameters, Row, Unavailable, Value, first_row};

use crate::{
    Session,
    content::{media_type, normalize},
    stream::{Stored, TABLES},
    types::{AppendRequest, Appended, Error, Position, Producer, SequenceGap},
};

/// The last append of a producer in a stream.
struct Last {
    epoch: u64,
    sequence: u64,
}

/// A checked append, with its content as it is stored.
struct Prepared {
    content: Option<Vec<u8>>,
    /// None without content.
    media_type: Option<String>,
    close: bool,
    writer_sequence: Option<String>,
    producer: Option<Producer>,
}

impl<D: Database> Session<'_, D> {
    /// See `append` of the contract. In the usual case it is one statement, which has all conditions.
    pub(crate) async fn append(
        &self,
        owner: &str,
        name: &str,
        append: AppendRequest,
    ) -> Result<Appended, Error> {
        let prepared = match prepare(append) {
            Ok(prepared) => prepared,
            // A stream that does not exist, or is closed, is the more important error.
            Err(refused) => {
                let (error, partial) = *refused;
                let stored = self.existing(owner, name).await?;
                self.diagnose(&stored, &partial).await?;
                return Err(error);
            }
        };
        for _ in 0..crate::ATTEMPTS_MAX {
            if let Some(appended) = self.insert_append(owner, name, &prepared).await? {
                return Ok(appended);
            }
            // The conditions do not hold, or another append took the number.
            let stored = self.existing(owner, name).await?;
            if let Some(appended) = self.diagnose(&stored, &prepared).await? {
                return Ok(appended);
            }
        }
        Err(crate::contended())
    }

    async fn insert_append(
        &self,
        owner: &str,
        name: &str,
        append: &Prepared,
    ) -> Result<Option<Appended>, Error> {
        let length = append
            .content
            .as_ref()
            .map_or(0, |content| content.len() as u64);
        let producer = append.producer.as_ref();
        let mut given = Parameters::default();
        let (owner_name, stream_name) = (given.add(owner), given.add(name));
        let now = given.add(self.now);
        let length_name = given.add(length);
        let content = given.add(append.content.clone().unwrap_or_default());
        let close = given.add(append.close);
        let writer = given.add(append.writer_sequence.clone());
        let producer_id = given.add(producer.map(|producer| producer.id.clone()));
        let epoch = given.add(producer.map(|producer| producer.epoch));
        let sequence = given.add(producer.map(|producer| producer.sequence));
        let media_type = given.add(append.media_type.clone());
        let limit = given.add(self.limits.stream_bytes);
        let total = given.add(self.limits.total_bytes);
        let statement = format!(
            "INSERT INTO stream_appends (stream_id, number, bytes, data, encoded, length, closes, \
             writer_sequence, producer_id, producer_epoch, producer_sequence, created_at, content) \
             SELECT s.id, coalesce(t.number, s.base_appends) + 1, \
               coalesce(t.bytes, s.base_bytes) + CAST({length_name} AS BIGINT), \
               '', 0, CAST({length_name} AS BIGINT), \
               CAST({close} AS BIGINT), coalesce(CAST({writer} AS TEXT), t.writer_sequence), \
               CAST({producer_id} AS TEXT), CAST({epoch} AS BIGINT), CAST({sequence} AS BIGINT), \
               CAST({now} AS BIGINT), CAST({content} AS BLOB) \
             FROM {TABLES} \
             LEFT JOIN stream_appends p ON p.stream_id = s.id AND p.producer_id = {producer_id} AND \
               p.number = (SELECT max(number) FROM stream_appends \
                           WHERE stream_id = s.id AND producer_id = {producer_id}) \
             WHERE s.owner = {owner_name} AND s.name = {stream_name} AND s.deleted_at IS NULL \
               AND (s.expires_at IS NULL OR s.expires_at > {now}) \
               AND s.created_closed = 0 AND coalesce(t.closes, 0) = 0 \
               AND (CAST({media_type} AS TEXT) IS NULL OR s.media_type = {media_type}) \
               AND (CAST({writer} AS TEXT) IS NULL OR t.writer_sequence IS NULL \
                 OR t.writer_sequence < {writer}) \
               AND coalesce(t.bytes, s.base_bytes) + {length_name} <= {limit} \
               AND ({length_name} = 0 OR coalesce((SELECT bytes FROM stream_owners o \
                 WHERE o.owner = s.owner), 0) + {length_name} <= {total}) \
               AND (CAST({producer_id} AS TEXT) IS NULL \
                 OR (p.number IS NULL AND {sequence} = 0) \
                 OR (p.producer_epoch = {epoch} AND p.producer_sequence + 1 = {sequence}) \
                 OR (p.producer_epoch < {epoch} AND {sequence} = 0)) \
             ON CONFLICT (stream_id, number) DO NOTHING \
             RETURNING CAST(JSON_OF(number, bytes, length, \
               (SELECT idle_seconds FROM streams WHERE id = stream_id)) AS TEXT)"
        );
        let Some(mut row) = first_row(self.database, &statement, given.0).await? else {
            return Ok(None);
        };
        let number = row.unsigned()?;
        let bytes = row.unsigned()?;
        let has_content = row.flag()?;
        if row.optional_unsigned()?.is_some() {
            let stored = self.existing(owner, name).await?;
            self.renew(&stored).await?;
        }
        Ok(Some(Appended {
            tail: Position {
                appends: number.saturating_sub(u64::from(!has_content)),
                bytes,
            },
            closed: append.close,
            repeated: false,
            producer_sequence: producer.map(|producer| producer.sequence),
        }))
    }

    /// Why an append was not accepted. None if all its conditions hold now; the result if it is a
    /// repetition.
    async fn diagnose(
        &self,
        stored: &Stored,
        append: &Prepared,
    ) -> Result<Option<Appended>, Error> {
        let last = match &append.producer {
            Some(producer) => self.last_of(stored, &producer.id).await?,
            None => None,
        };
        let appended = |producer_sequence| Appended {
            tail: stored.tail,
            closed: stored.closed,
            repeated: true,
            producer_sequence,
        };
        if let (Some(producer), Some(last)) = (&append.producer, &last) {
            if producer.epoch < last.epoch {
                return Err(Error::StaleEpoch(last.epoch));
            }
            if producer.epoch == last.epoch && producer.sequence <= last.sequence {
                return Ok(Some(appended(Some(last.sequence))));
            }
        }
        if stored.closed {
            // Closing a closed stream again changes nothing.
            if append.content.is_none() && append.close && append.producer.is_none() {
                return Ok(Some(appended(None)));
            }
            return Err(Error::Closed(stored.tail));
        }
        if append
            .media_type
            .as_ref()
            .is_some_and(|media_type| *media_type != stored.media_type)
        {
            return Err(Error::ContentTypeMismatch);
        }
        if let Some(producer) = &append.producer {
            check_sequence(producer, last.as_ref())?;
        }
        if let Some(sequence) = &append.writer_sequence {
            let statement = format!(
                "SELECT CAST(JSON_OF(t.writer_sequence) AS TEXT) FROM {TABLES} WHERE s.id = $1"
            );
            let row = first_row(self.database, &statement, vec![(&stored.id).into()]).await?;
            let last = row
                .map(|mut row| row.optional_text())
                .transpose()?
                .flatten();
            if last.is_some_and(|last| *sequence <= last) {
                return Err(Error::SequenceRegression);
            }
        }
        let length = append
            .content
            .as_ref()
            .map_or(0, |content| content.len() as u64);
        if stored.tail.bytes.saturating_add(length) > self.limits.stream_bytes {
            return Err(Error::StreamFull(self.limits.stream_bytes));
        }
        if length > 0
            && self
                .total_bytes(&stored.owner)
                .await?
                .saturating_add(length)
                > self.limits.total_bytes
        {
            return Err(Error::StorageFull(self.limits.total_bytes));
        }
        Ok(None)
    }

    async fn last_of(&self, stored: &Stored, producer: &str) -> Result<Option<Last>, Error> {
        let statement = "SELECT CAST(JSON_OF(producer_epoch, producer_sequence) AS TEXT) FROM stream_appends \
             WHERE stream_id = $1 AND producer_id = $2 ORDER BY number DESC LIMIT 1";
        let parameters = vec![Value::from(&stored.id), producer.into()];
        let row = first_row(self.database, statement, parameters).await?;
        Ok(row.map(Last::parse).transpose()?)
    }
}

impl Last {
    fn parse(mut row: Row) -> Result<Self, Unavailable> {
        Ok(Self {
            epoch: row.unsigned()?,
            sequence: row.unsigned()?,
        })
    }
}

/// Whether the producer's next append has this epoch and sequence.
fn check_sequence(producer: &Producer, last: Option<&Last>) -> Result<(), Error> {
    let expected = match last {
        Some(last) if last.epoch == producer.epoch => last.sequence.saturating_add(1),
        Some(_) if producer.sequence != 0 => return Err(Error::EpochStart),
        _ => 0,
    };
    if producer.sequence == expected {
        return Ok(());
    }
    Err(Error::SequenceGap(SequenceGap {
        expected,
        received: producer.sequence,
    }))
}

/// Checks the content. The error comes with everything but the content.
fn prepare(append: AppendRequest) -> Result<Prepared, Box<(Error, Prepared)>> {
    let mut prepared = Prepared {
        content: None,
        media_type: None,
        close: append.close,
        writer_sequence: append.writer_sequence.map(|text| hexadecimal(&text)),
        producer: append.producer,
    };
    let Some(content) = append.content else {
        return Ok(prepared);
    };
    let media_type = media_type(&append.content_type.unwrap_or_default());
    prepared.media_type = Some(media_type.clone());
    match normalize(&media_type, content) {
        Ok(Some(content)) => {
            prepared.content = Some(content);
            Ok(prepared)
        }
        Ok(None) => {
            let reason = "must not be an empty array".to_owned();
            Err(Box::new((Error::InvalidContent(reason), prepared)))
        }
        Err(error) => Err(Box::new((error, prepared))),
    }
}

/// The bytes of a text in hexadecimal, which every collation of a database orders alike.
fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
