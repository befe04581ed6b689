//! Messages of threads.

mod change;
mod post;
mod read;
mod search;

use serde::{Deserialize, Serialize};

use crate::Session;
use crate::database::{Database, Row, first_row, malformed};
use crate::facts::{actor_rank_of, user_of};
use crate::input;
use crate::members::summary_of;
use crate::rules::Channel;
use crate::types::{Actor, Attachment, AttachmentKind, Error, Message, Reaction, Subject};

/// A UUID of a message, or the error for one that does not exist.
fn id(text: &str) -> Result<String, Error> {
    input::id(text, Error::NotFound(Subject::Message))
}

/// The columns of a message. `table` is the name that it has in the statement, `viewer` the parameter with the actor's user id.
pub(crate) fn columns(table: &str, viewer: &str) -> String {
    format!(
        "{table}.id, {table}.thread_id, {table}.channel_id, {table}.number,
         NESTED((SELECT JSON_OF(u.id, coalesce(u.display_name, u.name), coalesce(u.avatar_url, u.image))
           FROM users u WHERE u.id = {table}.sender_id)),
         {table}.content, {table}.attachments, {table}.mentions, {table}.reply_to,
         NESTED(CASE WHEN {table}.has_reactions = 1 THEN (
           SELECT JSON_ALL(JSON_OF(e.first_at, e.emoji, e.count, EXISTS (SELECT 1 FROM reactions x
             WHERE x.message_key = e.message_key AND x.emoji = e.emoji AND x.user_id = {viewer})))
           FROM reaction_counts e WHERE e.message_key = {table}.key) END),
         {table}.created_at, {table}.edited_at, {table}.deleted_at"
    )
}

impl<D: Database> Session<'_, D> {
    pub(crate) async fn get_message(&self, actor: &Actor, id: &str) -> Result<Message, Error> {
        let (message, channel) = self.find_message(actor, &self::id(id)?).await?;
        reads(&channel, Subject::Message)?;
        Ok(message)
    }

    /// A message as the actor sees it, and its channel with what [`rules`](crate::rules) need to decide whether they may see it.
    async fn find_message(&self, actor: &Actor, id: &str) -> Result<(Message, Channel), Error> {
        let columns = columns("m", "$2");
        let statement = format!(
            "SELECT CAST(JSON_OF(c.is_private, a.rank, {columns}) AS TEXT)
             FROM messages m
             JOIN channels c ON c.id = m.channel_id
             LEFT JOIN members a ON a.channel_id = c.id AND a.user_id = $2
             WHERE m.id = $1"
        );
        let parameters = vec![id.into(), user_of(actor).into()];
        let row = first_row(self.database, &statement, parameters).await?;
        let mut row = row.ok_or(Error::NotFound(Subject::Message))?;
        let channel = channel_of(&mut row, actor)?;
        Ok((message_of(&mut row)?, channel))
    }
}

/// The columns `is_private` and `rank`.
fn channel_of(row: &mut Row, actor: &Actor) -> Result<Channel, Error> {
    Ok(Channel {
        id: String::new(),
        is_private: row.flag()?,
        version: 0,
        admin_count: 0,
        actor: actor_rank_of(row, actor)?,
    })
}

/// Checks that the actor may read the messages of a channel.
fn reads(channel: &Channel, subject: Subject) -> Result<(), Error> {
    channel.member(subject).map(drop)
}

/// A message of the columns of [`columns`].
pub(crate) fn message_of(row: &mut Row) -> Result<Message, Error> {
    let (id, thread_id, channel_id) = (row.text()?, row.text()?, row.text()?);
    let number = row.unsigned()?;
    let sender = match row.optional_row()? {
        Some(mut user) => Some(summary_of(&mut user)?),
        None => None,
    };
    let content = row.text()?;
    let attachments = attachments_of(row.optional_text()?)?;
    let mentions = match row.optional_text()? {
        Some(mentions) => serde_json::from_str(&mentions).map_err(|_| malformed())?,
        None => Vec::new(),
    };
    let reply_to = row.optional_text()?;
    let mut reactions = Vec::new();
    if let Some(all) = row.optional_row()? {
        for mut row in all.into_rows()? {
            let first_at = row.unsigned()?;
            let reaction = Reaction {
                emoji: row.text()?,
                count: row.unsigned()?,
                mine: row.flag()?,
            };
            reactions.push((first_at, reaction));
        }
        reactions.sort_by(|(a, x), (b, y)| (a, &x.emoji).cmp(&(b, &y.emoji)));
    }
    Ok(Message {
        id,
        thread_id,
        channel_id,
        number,
        sender,
        content,
        attachments,
        mentions,
        reply_to,
        reactions: reactions
            .into_iter()
            .map(|(_, reaction)| reaction)
            .collect(),
        created_at: row.unsigned()?,
        edited_at: row.optional_unsigned()?,
        deleted: row.optional_integer()?.is_some(),
    })
}

/// An attachment as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredAttachment {
    id: String,
    url: String,
    filename: String,
    mime_type: String,
    size: u64,
    #[serde(rename = "type")]
    kind: StoredKind,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum StoredKind {
    Image,
    Document,
    Video,
    Audio,
}

/// Attachments as they are stored; none if there are none.
fn stored(attachments: Vec<Attachment>) -> Option<String> {
    if attachments.is_empty() {
        return None;
    }
    let attachments = attachments.into_iter().map(|attachment| StoredAttachment {
        id: ids::parse_uuid(&attachment.id).unwrap_or(attachment.id),
        url: attachment.url,
        filename: attachment.filename,
        mime_type: attachment.mime_type,
        size: attachment.size,
        kind: match attachment.kind {
            AttachmentKind::Image => StoredKind::Image,
            AttachmentKind::Document => StoredKind::Document,
            AttachmentKind::Video => StoredKind::Video,
            AttachmentKind::Audio => StoredKind::Audio,
        },
    });
    serde_json::to_string(&attachments.collect::<Vec<_>>()).ok()
}

fn attachments_of(stored: Option<String>) -> Result<Vec<Attachment>, Error> {
    let Some(stored) = stored else {
        return Ok(Vec::new());
    };
    let stored: Vec<StoredAttachment> = serde_json::from_str(&stored).map_err(|_| malformed())?;
    let attachments = stored.into_iter().map(|attachment| Attachment {
        id: attachment.id,
        url: attachment.url,
        filename: attachment.filename,
        mime_type: attachment.mime_type,
        size: attachment.size,
        kind: match attachment.kind {
            StoredKind::Image => AttachmentKind::Image,
            StoredKind::Document => AttachmentKind::Document,
            StoredKind::Video => AttachmentKind::Video,
            StoredKind::Audio => AttachmentKind::Audio,
        },
    });
    Ok(attachments.collect())
}
