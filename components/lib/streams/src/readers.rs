//! The readers that follow streams live, with a limit for each owner of streams.

use sql::{Database, Value, first_row, rows};

use crate::{Session, types::Error};

/// After this time a reader that has not stopped is one whose instance has ended, in milliseconds. No reader
/// follows for that long.
const READER_TIME: u64 = 120_000;

impl<D: Database> Session<'_, D> {
    /// See `start-following` of the contract.
    pub(crate) async fn start_following(&self, owner: &str) -> Result<String, Error> {
        let id = ids::new_uuid();
        let statement = "INSERT INTO stream_readers (id, owner, expires_at) \
             SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT) \
             WHERE (SELECT count(*) FROM stream_readers WHERE owner = $2 AND expires_at > $4) < $5 \
             RETURNING CAST(JSON_OF(id) AS TEXT)";
        let parameters = vec![
            Value::from(&id),
            owner.into(),
            self.now.saturating_add(READER_TIME).into(),
            self.now.into(),
            self.limits.readers.into(),
        ];
        if first_row(self.database, statement, parameters)
            .await?
            .is_some()
        {
            return Ok(id);
        }
        let limit = u32::try_from(self.limits.readers).unwrap_or(u32::MAX);
        Err(Error::TooManyReaders(limit))
    }

    /// See `stop-following` of the contract. Removes readers whose instance has ended, too.
    pub(crate) async fn stop_following(&self, owner: &str, reader: &str) -> Result<(), Error> {
        let statement = "DELETE FROM stream_readers WHERE owner = $1 AND (id = $2 OR expires_at <= $3) \
                         RETURNING CAST(JSON_OF(id) AS TEXT)";
        let parameters = vec![Value::from(owner), reader.into(), self.now.into()];
        rows(self.database, statement, parameters).await?;
        Ok(())
    }
}
