//! Deleting streams, and erasing a user's.

use sql::{Database, Value, first_row, rows};

use crate::{
    Session,
    stream::{COLUMNS, Stored, TABLES},
    types::Error,
};

/// Expired streams that are removed whenever one is created.
const REMOVED_MAX: u64 = 8;

impl<D: Database> Session<'_, D> {
    /// See `delete` of the contract.
    pub(crate) async fn delete(&self, owner: &str, name: &str) -> Result<(), Error> {
        let stored = self.existing(owner, name).await?;
        self.remove(&stored).await
    }

    /// Removes a stream. While forks need its content, it is only marked as deleted. Deleted sources
    /// that no fork needs any more go with it.
    pub(crate) async fn remove(&self, stored: &Stored) -> Result<(), Error> {
        let statement = "DELETE FROM streams WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM streams fork WHERE fork.source_id = $1) \
             RETURNING CAST(JSON_OF(source_id) AS TEXT)";
        let row = first_row(self.database, statement, vec![(&stored.id).into()]).await?;
        let Some(mut row) = row else {
            let statement = "UPDATE streams SET deleted_at = $2, share_hash = NULL \
                 WHERE id = $1 AND deleted_at IS NULL RETURNING CAST(JSON_OF(id) AS TEXT)";
            let parameters = vec![Value::from(&stored.id), self.now.into()];
            first_row(self.database, statement, parameters).await?;
            return Ok(());
        };
        let mut source_id = row.optional_text()?;
        while let Some(id) = source_id {
            let statement = "DELETE FROM streams WHERE id = $1 AND deleted_at IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM streams fork WHERE fork.source_id = $1) \
                 RETURNING CAST(JSON_OF(source_id) AS TEXT)";
            let row = first_row(self.database, statement, vec![id.into()]).await?;
            source_id = match row {
                Some(mut row) => row.optional_text()?,
                None => None,
            };
        }
        Ok(())
    }

    /// Removes some streams that have expired, of any user.
    pub(crate) async fn remove_expired(&self) -> Result<(), Error> {
        let statement = format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE s.expires_at <= $1 AND s.deleted_at IS NULL \
             ORDER BY s.expires_at LIMIT $2"
        );
        let parameters = vec![Value::from(self.now), REMOVED_MAX.into()];
        for row in rows(self.database, &statement, parameters).await? {
            self.remove(&Stored::parse(row)?).await?;
        }
        Ok(())
    }

    /// The bytes of all streams of a user.
    pub(crate) async fn total_bytes(&self, owner: &str) -> Result<u64, Error> {
        let statement = "SELECT CAST(JSON_OF(bytes) AS TEXT) FROM stream_owners WHERE owner = $1";
        let row = first_row(self.database, statement, vec![owner.into()]).await?;
        Ok(row.map(|mut row| row.unsigned()).transpose()?.unwrap_or(0))
    }

    /// Erases all streams of a user. Forks are of the same user.
    pub(crate) async fn erase(&self, owner: &str) -> Result<(), Error> {
        let statement = "DELETE FROM streams WHERE owner = $1 RETURNING CAST(JSON_OF(id) AS TEXT)";
        rows(self.database, statement, vec![owner.into()]).await?;
        for table in ["stream_owners", "stream_readers"] {
            let statement = format!(
                "DELETE FROM {table} WHERE owner = $1 RETURNING CAST(JSON_OF(owner) AS TEXT)"
            );
            rows(self.database, &statement, vec![owner.into()]).await?;
        }
        Ok(())
    }
}
