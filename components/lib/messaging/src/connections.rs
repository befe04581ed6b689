//! Open sockets, what they follow, and who is present.

use crate::Session;
use crate::bindings::exports::goldfish::messaging::connections::{
    CheckResult, Connection, Opened, Owner, Position, Presence, PresenceChoice, PresenceState,
    Subscription,
};
use crate::database::{Database, Parameters, Row, first_row, malformed, rows};
use crate::input::invalid;
use crate::types::Error;

/// How long a ticket is valid, and a socket counts without being seen, in milliseconds.
const TICKET_TIME: u64 = 60_000;
const GONE_TIME: u64 = 90_000;
/// The most users whose presence is read at once.
const PRESENCE_MAX: usize = 100;
/// Sockets that one call removes or lists.
const CONNECTIONS_MAX: usize = 100;

impl<D: Database> Session<'_, D> {
    pub(crate) async fn create_ticket(&self, owner: &Owner) -> Result<String, Error> {
        let ticket = format!("{}{}", ids::new_uuid(), ids::new_uuid()).replace('-', "");
        let statement = format!(
            "INSERT INTO socket_tickets (hash, user_id, proof, expires_at)
             VALUES ($1, $2, $3, CLOCK_MS() + {TICKET_TIME})"
        );
        let parameters = vec![
            ids::sha256_hex(&[&ticket]).into(),
            (&owner.user).into(),
            (&owner.proof).into(),
        ];
        rows(self.database, &statement, parameters).await?;
        Ok(ticket)
    }

    pub(crate) async fn take_ticket(&self, ticket: &str) -> Result<Option<Owner>, Error> {
        let statement = "DELETE FROM socket_tickets WHERE hash = $1
           RETURNING CAST(JSON_OF(user_id, proof, expires_at > CLOCK_MS()) AS TEXT)";
        let hash = ids::sha256_hex(&[ticket]);
        let Some(mut row) = first_row(self.database, statement, vec![hash.into()]).await? else {
            return Ok(None);
        };
        let (user, proof) = (row.text()?, row.text()?);
        Ok(row.flag()?.then_some(Owner { user, proof }))
    }

    pub(crate) async fn open_connection(
        &self,
        id: &str,
        owner: &Owner,
        conversation: Option<&str>,
    ) -> Result<Opened, Error> {
        let insert = "INSERT INTO connections (id, user_id, proof, conversation_id, opened_at, seen_at)
           VALUES ($1, $2, $3, CAST($4 AS TEXT), CLOCK_MS(), CLOCK_MS()) ON CONFLICT (id) DO NOTHING";
        let parameters = vec![
            id.into(),
            (&owner.user).into(),
            (&owner.proof).into(),
            conversation.into(),
        ];
        rows(self.database, insert, parameters).await?;
        let count = self.count_connections(&owner.user).await?;
        Ok(Opened {
            is_first: count <= 1,
            count,
        })
    }

    async fn count_connections(&self, user: &str) -> Result<u32, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(count(*)) AS TEXT) FROM connections
             WHERE user_id = $1 AND seen_at > CLOCK_MS() - {GONE_TIME}"
        );
        let row = first_row(self.database, &statement, vec![user.into()]).await?;
        let count = row.ok_or_else(malformed)?.unsigned()?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    pub(crate) async fn see_connection(&self, id: &str) -> Result<Option<CheckResult>, Error> {
        let see = "UPDATE connections SET seen_at = CLOCK_MS() WHERE id = $1
           RETURNING CAST(JSON_OF(user_id) AS TEXT)";
        let Some(mut row) = first_row(self.database, see, vec![id.into()]).await? else {
            return Ok(None);
        };
        let user = row.text()?;
        let lose = "DELETE FROM subscriptions WHERE connection_id = $1 AND (
             NOT EXISTS (SELECT 1 FROM members m
               WHERE m.channel_id = subscriptions.channel_id AND m.user_id = $2 AND m.rank > 0)
             OR thread_id <> '' AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.id = subscriptions.thread_id))
           RETURNING CAST(JSON_OF(channel_id, thread_id, since) AS TEXT)";
        let lost = rows(self.database, lose, vec![id.into(), user.into()]).await?;
        let follows = "SELECT CAST(JSON_OF(s.channel_id, s.thread_id, s.since, coalesce(CASE
             WHEN s.thread_id = '' THEN (SELECT n.number FROM event_streams n WHERE n.stream = s.channel_id)
             ELSE (SELECT max(e.number) FROM events e WHERE e.stream = s.channel_id AND e.thread_id = s.thread_id)
             END, 0)) AS TEXT)
           FROM subscriptions s WHERE s.connection_id = $1";
        let follows = rows(self.database, follows, vec![id.into()]).await?;
        let lost = lost.into_iter().map(|mut row| subscription_of(&mut row));
        let follows = follows.into_iter().map(|mut row| {
            Ok(Position {
                subscription: subscription_of(&mut row)?,
                number: row.unsigned()?,
            })
        });
        Ok(Some(CheckResult {
            lost: lost.collect::<Result<_, Error>>()?,
            follows: follows.collect::<Result<_, Error>>()?,
        }))
    }

    pub(crate) async fn close_connection(&self, id: &str) -> Result<bool, Error> {
        let statement =
            "DELETE FROM connections WHERE id = $1 RETURNING CAST(JSON_OF(user_id) AS TEXT)";
        let Some(mut row) = first_row(self.database, statement, vec![id.into()]).await? else {
            return Ok(false);
        };
        let user = row.text()?;
        self.record_last_seen(&user).await?;
        Ok(self.count_connections(&user).await? == 0)
    }

    async fn record_last_seen(&self, user: &str) -> Result<(), Error> {
        let statement =
            "INSERT INTO presence (user_id, state, last_seen_at) VALUES ($1, 'online', CLOCK_MS())
           ON CONFLICT (user_id) DO UPDATE SET last_seen_at = excluded.last_seen_at";
        rows(self.database, statement, vec![user.into()])
            .await
            .map(drop)
    }

    pub(crate) async fn end_connections(
        &self,
        user: &str,
        proof: Option<&str>,
    ) -> Result<(), Error> {
        for table in ["socket_tickets", "connections"] {
            let statement = format!(
                "DELETE FROM {table} WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR proof = $2)"
            );
            rows(self.database, &statement, vec![user.into(), proof.into()]).await?;
        }
        Ok(())
    }

    pub(crate) async fn expire_connections(&self) -> Result<Vec<String>, Error> {
        let statement = format!(
            "DELETE FROM connections WHERE id IN (
               SELECT c.id FROM connections c WHERE c.seen_at < CLOCK_MS() - {GONE_TIME} LIMIT {CONNECTIONS_MAX})
             RETURNING CAST(JSON_OF(user_id) AS TEXT)"
        );
        let mut gone = Vec::new();
        for mut row in rows(self.database, &statement, Vec::new()).await? {
            let user = row.text()?;
            if !gone.contains(&user) && self.count_connections(&user).await? == 0 {
                gone.push(user);
            }
        }
        Ok(gone)
    }

    pub(crate) async fn list_connections(&self, user: &str) -> Result<Vec<Connection>, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(c.id, c.conversation_id, c.opened_at, c.seen_at, NESTED((
               SELECT JSON_ALL(JSON_OF(s.channel_id, s.thread_id, s.since)) FROM subscriptions s
               WHERE s.connection_id = c.id))) AS TEXT)
             FROM connections c WHERE c.user_id = $1 AND c.seen_at > CLOCK_MS() - {GONE_TIME}
             ORDER BY c.opened_at LIMIT {CONNECTIONS_MAX}"
        );
        let rows = rows(self.database, &statement, vec![user.into()]).await?;
        let connections = rows.into_iter().map(|mut row| {
            Ok(Connection {
                id: row.text()?,
                conversation_id: row.optional_text()?,
                opened_at: row.unsigned()?,
                seen_at: row.unsigned()?,
                follows: match row.optional_row()? {
                    None => Vec::new(),
                    Some(all) => {
                        let all = all.into_rows()?.into_iter();
                        all.map(|mut row| subscription_of(&mut row))
                            .collect::<Result<_, _>>()?
                    }
                },
            })
        });
        connections.collect()
    }

    pub(crate) async fn list_connections_for(
        &self,
        user: &str,
        conversation: &str,
    ) -> Result<Vec<String>, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(id) AS TEXT) FROM connections
             WHERE user_id = $1 AND conversation_id = $2 AND seen_at > CLOCK_MS() - {GONE_TIME}
             ORDER BY opened_at LIMIT {CONNECTIONS_MAX}"
        );
        let parameters = vec![user.into(), conversation.into()];
        let rows = rows(self.database, &statement, parameters).await?;
        rows.into_iter().map(|mut row| Ok(row.text()?)).collect()
    }

    pub(crate) async fn follow(
        &self,
        id: &str,
        channel: &str,
        thread: Option<&str>,
        limit: u32,
    ) -> Result<bool, Error> {
        let statement = "INSERT INTO subscriptions (connection_id, channel_id, thread_id, since)
           SELECT c.id, $2, $3, CLOCK_MS() FROM connections c
           WHERE c.id = $1 AND $4 > (SELECT count(*) FROM subscriptions s WHERE s.connection_id = c.id)
           ON CONFLICT (connection_id, channel_id, thread_id) DO UPDATE SET since = subscriptions.since
           RETURNING CAST(JSON_OF(since) AS TEXT)";
        let parameters = vec![
            id.into(),
            channel.into(),
            thread.unwrap_or_default().into(),
            i64::from(limit).into(),
        ];
        let row = first_row(self.database, statement, parameters).await?;
        Ok(row.is_some())
    }

    pub(crate) async fn unfollow(
        &self,
        id: &str,
        channel: Option<&str>,
        thread: Option<&str>,
    ) -> Result<(), Error> {
        let statement = "DELETE FROM subscriptions WHERE connection_id = $1
           AND (CAST($2 AS TEXT) IS NULL OR channel_id = $2) AND thread_id = $3";
        let parameters = vec![id.into(), channel.into(), thread.unwrap_or_default().into()];
        rows(self.database, statement, parameters).await.map(drop)
    }

    pub(crate) async fn set_presence(
        &self,
        user: &str,
        choice: PresenceChoice,
    ) -> Result<(), Error> {
        let state = match choice {
            PresenceChoice::Online => "online",
            PresenceChoice::Away => "away",
            PresenceChoice::Hidden => "hidden",
        };
        let statement = "INSERT INTO presence (user_id, state, last_seen_at) VALUES ($1, $2, CLOCK_MS())
           ON CONFLICT (user_id) DO UPDATE SET state = excluded.state, last_seen_at = excluded.last_seen_at";
        rows(self.database, statement, vec![user.into(), state.into()])
            .await
            .map(drop)
    }

    pub(crate) async fn presence_choice(&self, user: &str) -> Result<PresenceChoice, Error> {
        let statement = "SELECT CAST(JSON_OF(state) AS TEXT) FROM presence WHERE user_id = $1";
        let row = first_row(self.database, statement, vec![user.into()]).await?;
        let state = row.map(|mut row| row.text()).transpose()?;
        Ok(match state.as_deref() {
            Some("hidden") => PresenceChoice::Hidden,
            Some("away") => PresenceChoice::Away,
            _ => PresenceChoice::Online,
        })
    }

    pub(crate) async fn list_presence(
        &self,
        user: &str,
        of: &[String],
    ) -> Result<Vec<Presence>, Error> {
        if of.len() > PRESENCE_MAX {
            return Err(invalid("userIds", "There are more than 100."));
        }
        if of.is_empty() {
            return Ok(Vec::new());
        }
        let mut parameters = Parameters::default();
        let asker = parameters.add(user);
        let of: Vec<String> = of.iter().map(|id| parameters.add(id)).collect();
        let statement = format!(
            "SELECT CAST(JSON_OF(u.id, p.state, p.last_seen_at, EXISTS (SELECT 1 FROM connections c
               WHERE c.user_id = u.id AND c.seen_at > CLOCK_MS() - {GONE_TIME})) AS TEXT)
             FROM users u LEFT JOIN presence p ON p.user_id = u.id
             WHERE u.id IN ({}) AND (u.id = {asker} OR EXISTS (
               SELECT 1 FROM members a JOIN members b ON b.channel_id = a.channel_id AND b.user_id = u.id AND b.rank > 0
               WHERE a.user_id = {asker} AND a.rank > 0))",
            of.join(", ")
        );
        let rows = rows(self.database, &statement, parameters.0).await?;
        rows.into_iter()
            .map(|mut row| presence_of(&mut row))
            .collect()
    }
}

fn presence_of(row: &mut Row) -> Result<Presence, Error> {
    let user = row.text()?;
    let state = row.optional_text()?;
    let last_seen_at = row.optional_unsigned()?;
    let is_connected = row.flag()?;
    let is_hidden = state.as_deref() == Some("hidden");
    Ok(Presence {
        user,
        state: match (is_connected && !is_hidden, state.as_deref()) {
            (false, _) => PresenceState::Offline,
            (true, Some("away")) => PresenceState::Away,
            (true, _) => PresenceState::Online,
        },
        last_seen_at: last_seen_at.filter(|_| !is_hidden),
    })
}

/// A channel, a thread or an empty text, and a time.
fn subscription_of(row: &mut Row) -> Result<Subscription, Error> {
    let channel_id = row.text()?;
    let thread = row.text()?;
    Ok(Subscription {
        channel_id,
        thread_id: (!thread.is_empty()).then_some(thread),
        since: row.unsigned()?,
    })
}
