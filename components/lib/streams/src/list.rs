//! The list of a user's streams, and tokens for reading.

use sql::{Database, Value, first_row, rows};

use crate::{
    Session,
    stream::{COLUMNS, Stored, TABLES},
    types::{Error, StreamsPage},
};

/// UUIDs of which a token is made; each has 122 random bits.
const TOKEN_PARTS: usize = 2;

impl<D: Database> Session<'_, D> {
    /// See `list-streams` of the contract.
    pub(crate) async fn list(
        &self,
        owner: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<StreamsPage, Error> {
        let (time, id) = cursor
            .and_then(parse_cursor)
            .unwrap_or((u64::MAX >> 1, String::new()));
        let statement = format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE s.owner = $1 AND s.deleted_at IS NULL \
             AND (s.created_at, s.id) < ($2, $3) ORDER BY s.created_at DESC, s.id DESC LIMIT $4"
        );
        let limit = u64::from(limit.max(1));
        let parameters = vec![
            Value::from(owner),
            time.into(),
            id.into(),
            limit.saturating_add(1).into(),
        ];
        let mut listed = Vec::new();
        for row in rows(self.database, &statement, parameters).await? {
            let stored = Stored::parse(row)?;
            listed.push((stored.metadata(), stored.is_expired(self.now)));
        }
        let has_more = listed.len() as u64 > limit;
        listed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next_cursor = listed
            .last()
            .filter(|_| has_more)
            .map(|(metadata, _)| format!("{}_{}", metadata.created_at, metadata.id));
        let streams = listed
            .into_iter()
            .filter(|(_, is_expired)| !is_expired)
            .map(|(metadata, _)| metadata)
            .collect();
        Ok(StreamsPage {
            streams,
            next_cursor,
        })
    }

    /// See `share` of the contract.
    pub(crate) async fn share(&self, owner: &str, name: &str) -> Result<String, Error> {
        let stored = self.existing(owner, name).await?;
        let token: String = (0..TOKEN_PARTS)
            .map(|_| ids::new_uuid().replace('-', ""))
            .collect();
        self.set_share(&stored, Some(ids::sha256_hex(&[&token])))
            .await?;
        Ok(token)
    }

    /// See `unshare` of the contract.
    pub(crate) async fn unshare(&self, owner: &str, name: &str) -> Result<(), Error> {
        let stored = self.existing(owner, name).await?;
        self.set_share(&stored, None).await
    }

    async fn set_share(&self, stored: &Stored, hash: Option<String>) -> Result<(), Error> {
        let statement = "UPDATE streams SET share_hash = $2 WHERE id = $1 AND deleted_at IS NULL \
                         RETURNING CAST(JSON_OF(id) AS TEXT)";
        let parameters = vec![Value::from(&stored.id), hash.into()];
        match first_row(self.database, statement, parameters).await? {
            Some(_) => Ok(()),
            None => Err(Error::NotFound),
        }
    }

    /// See `shared` of the contract.
    pub(crate) async fn shared(&self, id: &str, token: &str) -> Result<(String, String), Error> {
        let statement =
            format!("SELECT {COLUMNS} FROM {TABLES} WHERE s.id = $1 AND s.share_hash = $2");
        let parameters = vec![Value::from(id), ids::sha256_hex(&[token]).into()];
        let row = first_row(self.database, &statement, parameters).await?;
        let stored = Stored::parse(row.ok_or(Error::NotFound)?)?;
        if stored.is_deleted || stored.is_expired(self.now) {
            return Err(Error::NotFound);
        }
        Ok((stored.owner, stored.name))
    }
}

/// The time and the id in a cursor. None for other text.
fn parse_cursor(cursor: &str) -> Option<(u64, String)> {
    let (time, id) = cursor.split_once('_')?;
    Some((time.parse().ok()?, ids::parse_uuid(id)?))
}
