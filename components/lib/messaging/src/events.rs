//! Events, for readers and for publishing. Triggers of the database add them.

use crate::bindings::exports::goldfish::messaging::events::{Batch, Event, History, Kind, Scope};
use crate::database::{Database, Frequent, Parameters, Row, Value, first_row, malformed, rows};
use crate::facts::actor_rank_of;
use crate::input::invalid;
use crate::messages;
use crate::rules::Channel;
use crate::types::{Actor, Error, Subject};
use crate::{Session, channels, threads};

/// Most events that are read at once.
const LIMIT_MAX: u32 = 1_000;
/// Streams that one call takes, and events of each.
const STREAMS_AT_ONCE: usize = 20;
const EVENTS_AT_ONCE: usize = 100;
/// Events that one call deletes, so that others are not kept waiting.
const EXPIRED_AT_ONCE: usize = 1_000;
/// How long a stream that was to be published stays so, in milliseconds.
const PUBLISHING_TIME: u64 = 600_000;
/// How long former members are named, in milliseconds: longer than a socket goes unchecked.
const EXCLUSION_TIME: u64 = 300_000;
/// How long removals are kept, in milliseconds.
const REMOVALS_TIME: u64 = 86_400_000;
/// How often streams are taken again whose events were not visible yet.
const TAKE_ATTEMPTS_MAX: usize = 3;

/// The columns of an event of a `page` with its message `m`.
fn columns() -> String {
    format!(
        "page.kind, page.number, page.previous, page.channel_id, page.thread_id, page.subject, page.actor, page.detail, page.created_at,
         NESTED(CASE WHEN m.key IS NULL THEN NULL ELSE JSON_OF({}) END)",
        messages::columns("m", "CAST(NULL AS TEXT)")
    )
}

const MESSAGE: &str = "LEFT JOIN messages m ON m.id = page.subject
  AND page.kind IN ('message', 'edit', 'deletion', 'reaction', 'mention')";

/// Former members of a channel.
fn excluded(channel: &str) -> String {
    format!(
        "NESTED((SELECT JSON_ALL(JSON_OF(r.user_id)) FROM removals r
           WHERE r.channel_id = {channel} AND r.removed_at > CLOCK_MS() - {EXCLUSION_TIME}))"
    )
}

fn read_statement(access: &str, id: &str, from: &str, of_thread: &str) -> String {
    let columns = columns();
    format!(
        "SELECT CAST(JSON_OF({access}, {id}, coalesce(s.number, 0),
           (SELECT x.number FROM events x WHERE x.stream = {id} AND x.created_at >= $5 ORDER BY x.number LIMIT 1),
           (SELECT max(epoch) FROM event_epoch),
           NESTED((SELECT JSON_ALL(JSON_OF({columns})) FROM (
             SELECT y.* FROM events y WHERE y.stream = {id} {of_thread} AND y.number > CAST($3 AS BIGINT)
             ORDER BY y.number LIMIT $4) page {MESSAGE}))) AS TEXT)
         FROM {from}"
    )
}

static READ_THREAD: Frequent = Frequent::new(|| {
    read_statement(
        "c.is_private, me.rank",
        "c.id",
        "threads t JOIN channels c ON c.id = t.channel_id
         LEFT JOIN members me ON me.channel_id = c.id AND me.user_id = $2
         LEFT JOIN event_streams s ON s.stream = c.id WHERE t.id = $1",
        "AND y.thread_id = t.id",
    )
});

static READ_CHANNEL: Frequent = Frequent::new(|| {
    read_statement(
        "c.is_private, me.rank",
        "c.id",
        "channels c LEFT JOIN members me ON me.channel_id = c.id AND me.user_id = $2
         LEFT JOIN event_streams s ON s.stream = c.id WHERE c.id = $1",
        "",
    )
});

static READ_FEED: Frequent = Frequent::new(|| {
    read_statement(
        "0, 1",
        "CAST($1 AS TEXT)",
        // One row, whether the user has a stream or not.
        "event_epoch LEFT JOIN event_streams s ON s.stream = $1 AND CAST($2 AS TEXT) IS NOT NULL",
        "",
    )
});

static TAKE: Frequent = Frequent::new(|| {
    let (columns, excluded) = (columns(), excluded("event_streams.stream"));
    format!(
        "WITH due AS (
           SELECT s.stream FROM event_streams s WHERE s.published < s.number AND s.claimed_until < CLOCK_MS()
           LIMIT {STREAMS_AT_ONCE} /*+ FOR UPDATE SKIP LOCKED */)
         UPDATE event_streams SET claimed_until = CLOCK_MS() + $1 WHERE stream IN (SELECT stream FROM due)
         RETURNING CAST(JSON_OF(stream,
           EXISTS (SELECT 1 FROM channels c WHERE c.id = event_streams.stream),
           (SELECT max(epoch) FROM event_epoch),
           NESTED((SELECT JSON_ALL(JSON_OF({columns})) FROM (
             SELECT y.* FROM events y WHERE y.stream = event_streams.stream AND y.number > event_streams.published
               AND y.created_at > CLOCK_MS() - {PUBLISHING_TIME}
             ORDER BY y.number LIMIT {EVENTS_AT_ONCE}) page {MESSAGE})),
           {excluded}) AS TEXT)"
    )
});

static PUBLISHED: Frequent = Frequent::new(|| {
    "UPDATE event_streams SET published = GREATEST(published, $2), claimed_until = 0 WHERE stream = $1
     RETURNING CAST(JSON_OF(number > published) AS TEXT)"
        .to_owned()
});

impl<D: Database> Session<'_, D> {
    pub(crate) async fn read_events(
        &self,
        user: &str,
        scope: &Scope,
        after: Option<u64>,
        limit: u32,
        oldest: u64,
    ) -> Result<History, Error> {
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(invalid("limit", "It is not between 1 and 1,000."));
        }
        let (statement, id, subject) = match scope {
            Scope::Thread(id) => (&READ_THREAD, threads::id(id)?, Subject::Thread),
            Scope::Channel(id) => (&READ_CHANNEL, channels::id(id)?, Subject::Channel),
            Scope::Feed => (&READ_FEED, user.to_owned(), Subject::User),
        };
        let parameters = vec![
            id.into(),
            user.into(),
            after.into(),
            (u64::from(limit) + 1).into(),
            oldest.into(),
        ];
        let row = statement.first_row(self.database, parameters).await?;
        let mut row = row.ok_or(Error::NotFound(subject))?;
        let channel = Channel {
            id: String::new(),
            is_private: row.flag()?,
            version: 0,
            admin_count: 0,
            actor: actor_rank_of(&mut row, &Actor::User(user.to_owned()))?,
        };
        channel.member(subject)?;
        let stream = row.text()?;
        let head = row.unsigned()?;
        let first = row.optional_unsigned()?;
        let epoch = row.text()?;
        let mut events = events_of(&mut row)?;
        let first = first.unwrap_or(head.saturating_add(1));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_complete = after.is_none_or(|after| {
            after.saturating_add(1) >= first && after <= head && events.len() <= limit
        });
        if !is_complete {
            events.clear();
        }
        Ok(History {
            events,
            head,
            epoch,
            is_complete,
            channel_id: (!matches!(scope, Scope::Feed)).then_some(stream),
        })
    }

    pub(crate) async fn take_unpublished(&self, seconds: u32) -> Result<Vec<Batch>, Error> {
        for _ in 0..TAKE_ATTEMPTS_MAX {
            let time = Value::from(u64::from(seconds) * 1_000);
            let taken = TAKE.rows(self.database, vec![time]).await?;
            if taken.is_empty() {
                break;
            }
            let mut batches = Vec::new();
            for mut row in taken {
                let batch = batch_of(&mut row)?;
                if batch.events.is_empty() {
                    self.give_back(&batch.stream).await?;
                } else {
                    batches.push(batch);
                }
            }
            if !batches.is_empty() {
                return Ok(batches);
            }
        }
        Ok(Vec::new())
    }

    /// Gives a stream back whose events are too old, or were not visible to the statement that took it.
    async fn give_back(&self, stream: &str) -> Result<(), Error> {
        let statement = format!(
            "UPDATE event_streams SET claimed_until = 0,
               published = CASE WHEN EXISTS (SELECT 1 FROM events e
                 WHERE e.stream = event_streams.stream AND e.number > event_streams.published
                   AND e.created_at > CLOCK_MS() - {PUBLISHING_TIME}) THEN published ELSE number END
             WHERE stream = $1"
        );
        rows(self.database, &statement, vec![stream.into()])
            .await
            .map(drop)
    }

    pub(crate) async fn set_published(&self, stream: &str, number: u64) -> Result<bool, Error> {
        let parameters = vec![stream.into(), number.into()];
        match PUBLISHED.first_row(self.database, parameters).await? {
            Some(mut row) => Ok(row.flag()?),
            // The channel was deleted meanwhile.
            None => Ok(false),
        }
    }

    pub(crate) async fn audience(&self, user: &str, thread: &str) -> Result<Vec<String>, Error> {
        let thread = threads::id(thread)?;
        let statement = format!(
            "SELECT CAST(JSON_OF(c.is_private, me.rank, {}) AS TEXT)
             FROM threads t JOIN channels c ON c.id = t.channel_id
             LEFT JOIN members me ON me.channel_id = c.id AND me.user_id = $2 WHERE t.id = $1",
            excluded("c.id")
        );
        let row = first_row(self.database, &statement, vec![thread.into(), user.into()]).await?;
        let mut row = row.ok_or(Error::NotFound(Subject::Thread))?;
        let channel = Channel {
            id: String::new(),
            is_private: row.flag()?,
            version: 0,
            admin_count: 0,
            actor: actor_rank_of(&mut row, &Actor::User(user.to_owned()))?,
        };
        channel.member(Subject::Thread)?;
        users_of(&mut row)
    }

    pub(crate) async fn expire_events(&self, oldest: u64) -> Result<(), Error> {
        let mut parameters = Parameters::default();
        let oldest = parameters.add(oldest);
        let statement = format!(
            "DELETE FROM events WHERE (stream, number) IN (
               SELECT e.stream, e.number FROM events e WHERE e.created_at < {oldest} LIMIT {EXPIRED_AT_ONCE})"
        );
        rows(self.database, &statement, parameters.0).await?;
        for statement in [
            format!("DELETE FROM removals WHERE removed_at < CLOCK_MS() - {REMOVALS_TIME}"),
            "DELETE FROM socket_tickets WHERE expires_at < CLOCK_MS()".to_owned(),
        ] {
            rows(self.database, &statement, Vec::new()).await?;
        }
        Ok(())
    }
}

fn batch_of(row: &mut Row) -> Result<Batch, Error> {
    let stream = row.text()?;
    let is_feed = !row.flag()?;
    let epoch = row.text()?;
    let events = events_of(row)?;
    Ok(Batch {
        stream,
        is_feed,
        epoch,
        last: events.last().map_or(0, |event| event.number),
        excluded: users_of(row)?,
        events,
    })
}

/// An array of rows with an id.
fn users_of(row: &mut Row) -> Result<Vec<String>, Error> {
    let Some(all) = row.optional_row()? else {
        return Ok(Vec::new());
    };
    let users = all.into_rows()?.into_iter().map(|mut row| Ok(row.text()?));
    users.collect()
}

/// An array of rows of [`columns`].
fn events_of(row: &mut Row) -> Result<Vec<Event>, Error> {
    let Some(all) = row.optional_row()? else {
        return Ok(Vec::new());
    };
    let events = all
        .into_rows()?
        .into_iter()
        .map(|mut row| event_of(&mut row));
    let mut events = events.collect::<Result<Vec<_>, _>>()?;
    events.sort_by_key(|event| event.number);
    Ok(events)
}

fn event_of(row: &mut Row) -> Result<Event, Error> {
    let kind = kind_of(&row.text()?).ok_or_else(malformed)?;
    let (number, previous) = (row.unsigned()?, row.unsigned()?);
    let (channel_id, thread_id) = (row.optional_text()?, row.optional_text()?);
    let (subject, by, detail) = (
        row.optional_text()?,
        row.optional_text()?,
        row.optional_text()?,
    );
    let at = row.unsigned()?;
    let message = match row.optional_row()? {
        Some(mut message) => Some(messages::message_of(&mut message)?),
        None => None,
    };
    let is_about_member = matches!(
        kind,
        Kind::MemberAdded | Kind::MemberRemoved | Kind::MemberRoleChanged
    );
    Ok(Event {
        kind,
        number,
        previous,
        channel_id,
        thread_id,
        member: subject.filter(|_| is_about_member),
        by,
        detail,
        at,
        message,
    })
}

/// A kind as the triggers name it.
fn kind_of(name: &str) -> Option<Kind> {
    Some(match name {
        "message" => Kind::MessagePosted,
        "edit" => Kind::MessageEdited,
        "deletion" => Kind::MessageDeleted,
        "reaction" => Kind::ReactionChanged,
        "read" => Kind::ThreadRead,
        "mention" => Kind::Mentioned,
        "member-added" => Kind::MemberAdded,
        "member-removed" => Kind::MemberRemoved,
        "member-role" => Kind::MemberRoleChanged,
        "channel-updated" => Kind::ChannelUpdated,
        "channel-deleted" => Kind::ChannelDeleted,
        "thread-created" => Kind::ThreadCreated,
        "thread-updated" => Kind::ThreadUpdated,
        "thread-deleted" => Kind::ThreadDeleted,
        _ => return None,
    })
}
