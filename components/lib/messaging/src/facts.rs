//! What the rules depend on, read from the database.

use crate::database::{Database, Row, Value, first_row, malformed};
use crate::rules::{ActorRank, Channel, Message, Rank, Thread};
use crate::types::{Actor, Error, Subject};

/// The columns of a channel that the rules depend on, and the rank of the actor.
const OF_CHANNEL: &str = "c.id, c.is_private, c.membership_version, c.admin_count, a.rank";

/// The user id of the actor; none for the operator.
pub(crate) fn user_of(actor: &Actor) -> Option<&str> {
    match actor {
        Actor::User(user) => Some(user),
        Actor::Operator => None,
    }
}

/// A channel, and the rank of `target` in it.
pub(crate) async fn channel<D: Database>(
    database: &D,
    actor: &Actor,
    id: &str,
    target: Option<&str>,
) -> Result<(Channel, Option<Rank>), Error> {
    let statement = format!(
        "SELECT CAST(JSON_OF({OF_CHANNEL}, t.rank) AS TEXT)
         FROM channels c
         LEFT JOIN members a ON a.channel_id = c.id AND a.user_id = $2
         LEFT JOIN members t ON t.channel_id = c.id AND t.user_id = $3
         WHERE c.id = $1"
    );
    let parameters = vec![id.into(), user_of(actor).into(), target.into()];
    let row = first_row(database, &statement, parameters).await?;
    let mut row = row.ok_or(Error::NotFound(Subject::Channel))?;
    let channel = channel_of(&mut row, actor)?;
    Ok((channel, rank_of(&mut row)?))
}

/// A thread and its channel.
pub(crate) async fn thread<D: Database>(
    database: &D,
    actor: &Actor,
    id: &str,
) -> Result<Thread, Error> {
    let statement = format!(
        "SELECT CAST(JSON_OF({OF_CHANNEL}, t.id, t.is_archived, t.created_by) AS TEXT)
         FROM threads t
         JOIN channels c ON c.id = t.channel_id
         LEFT JOIN members a ON a.channel_id = c.id AND a.user_id = $2
         WHERE t.id = $1"
    );
    let parameters = vec![id.into(), user_of(actor).into()];
    let row = first_row(database, &statement, parameters).await?;
    thread_of(&mut row.ok_or(Error::NotFound(Subject::Thread))?, actor)
}

/// A message, its thread and its channel.
pub(crate) async fn message<D: Database>(
    database: &D,
    actor: &Actor,
    id: &str,
) -> Result<Message, Error> {
    let statement = format!(
        "SELECT CAST(JSON_OF({OF_CHANNEL}, t.id, t.is_archived, t.created_by,
           m.key, m.sender_id, m.deleted_at, m.attachments IS NOT NULL) AS TEXT)
         FROM messages m
         JOIN threads t ON t.id = m.thread_id
         JOIN channels c ON c.id = t.channel_id
         LEFT JOIN members a ON a.channel_id = c.id AND a.user_id = $2
         WHERE m.id = $1"
    );
    let parameters = vec![id.into(), user_of(actor).into()];
    let row = first_row(database, &statement, parameters).await?;
    let mut row = row.ok_or(Error::NotFound(Subject::Message))?;
    let thread = thread_of(&mut row, actor)?;
    let key = row.integer()?;
    let sender = row.optional_text()?;
    Ok(Message {
        key,
        thread,
        is_author: sender.is_some() && sender.as_deref() == user_of(actor),
        is_deleted: row.optional_integer()?.is_some(),
        has_attachments: row.flag()?,
    })
}

/// Whether there is a user.
pub(crate) async fn user<D: Database>(database: &D, id: &str) -> Result<(), Error> {
    let statement = "SELECT CAST(JSON_OF(key) AS TEXT) FROM users WHERE id = $1";
    let row = first_row(database, statement, vec![Value::from(id)]).await?;
    row.map(drop).ok_or(Error::NotFound(Subject::User))
}

/// The columns of [`OF_CHANNEL`].
pub(crate) fn channel_of(row: &mut Row, actor: &Actor) -> Result<Channel, Error> {
    Ok(Channel {
        id: row.text()?,
        is_private: row.flag()?,
        version: row.integer()?,
        admin_count: row.integer()?,
        actor: actor_rank_of(row, actor)?,
    })
}

/// The rank of the actor, from the next column.
pub(crate) fn actor_rank_of(row: &mut Row, actor: &Actor) -> Result<ActorRank, Error> {
    let rank = rank_of(row)?;
    Ok(match actor {
        Actor::User(_) => ActorRank::User(rank),
        Actor::Operator => ActorRank::Operator,
    })
}

fn thread_of(row: &mut Row, actor: &Actor) -> Result<Thread, Error> {
    let channel = channel_of(row, actor)?;
    let id = row.text()?;
    let is_archived = row.flag()?;
    let creator = row.optional_text()?;
    Ok(Thread {
        id,
        channel,
        is_archived,
        is_creator: creator.is_some() && creator.as_deref() == user_of(actor),
    })
}

/// A rank, or none where there is no row in `members`.
pub(crate) fn rank_of(row: &mut Row) -> Result<Option<Rank>, Error> {
    match row.optional_integer()? {
        None => Ok(None),
        Some(number) => Rank::from_number(number).map(Some).ok_or_else(malformed),
    }
}
