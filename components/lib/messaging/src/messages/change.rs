//! Editing, deleting and reacting.

use super::{columns, message_of};
use crate::bindings::exports::goldfish::messaging::messages::PreviousText;
use crate::database::{Database, first_row, rows};
use crate::facts::{self, user_of};
use crate::input::{Checks, invalid};
use crate::types::{Actor, Conflict, Error, Message};
use crate::{ATTEMPTS_MAX, Session, contended};

/// How long moderators see texts that were replaced: 30 days, in milliseconds. A trigger deletes them then.
const PREVIOUS_TEXTS_TIME: u64 = 30 * 24 * 60 * 60 * 1000;
const EMOJI_BYTES_MAX: usize = 64;
/// Different reactions of one message.
const EMOJI_MAX: u64 = 20;

/// The message `$3`, locked, if nothing that the rule has seen has changed: the memberships of its channel, the state of
/// its thread, and that it is not deleted.
const LOCKED: &str = "WITH locked AS (
   SELECT m.key FROM messages m
   JOIN threads t ON t.id = m.thread_id
   JOIN channels c ON c.id = t.channel_id
   WHERE m.key = $3 AND m.deleted_at IS NULL AND t.is_archived = 0 AND c.id = $1 AND c.membership_version = $2
   /*+ FOR NO KEY UPDATE OF m FOR SHARE OF t, c */)";

impl<D: Database> Session<'_, D> {
    pub(crate) async fn edit(&self, user: &str, id: &str, content: &str) -> Result<Message, Error> {
        let id = super::id(id)?;
        let actor = Actor::User(user.to_owned());
        for _ in 0..ATTEMPTS_MAX {
            let facts = facts::message(self.database, &actor, &id).await?;
            facts.edit()?;
            let mut checks = Checks::default();
            checks.content(content, facts.has_attachments);
            checks.finish()?;
            let mentions = self.mentioned(&facts.thread.id, content).await?;
            let statement = format!(
                "{LOCKED} UPDATE messages SET content = $4, mentions = CAST($5 AS TEXT), edited_at = $6
                 WHERE key IN (SELECT key FROM locked) RETURNING CAST(JSON_OF({}) AS TEXT)",
                columns("messages", "$7")
            );
            let parameters = vec![
                facts.thread.channel.id.into(),
                facts.thread.channel.version.into(),
                facts.key.into(),
                content.into(),
                mentions.into(),
                self.now.into(),
                user.into(),
            ];
            if let Some(mut row) = first_row(self.database, &statement, parameters).await? {
                return message_of(&mut row);
            }
        }
        Err(contended())
    }

    pub(crate) async fn list_previous_texts(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<Vec<PreviousText>, Error> {
        let id = super::id(id)?;
        let facts = facts::message(self.database, actor, &id).await?;
        facts.list_previous_texts()?;
        let statement =
            "SELECT CAST(JSON_OF(p.content, p.replaced_at) AS TEXT) FROM previous_texts p
           WHERE p.message_key = $1 ORDER BY p.key DESC LIMIT 100";
        let since = self.now.saturating_sub(PREVIOUS_TEXTS_TIME);
        let rows = rows(self.database, statement, vec![facts.key.into()]).await?;
        let mut texts = Vec::new();
        for mut row in rows {
            let content = row.text()?;
            let replaced_at = row.unsigned()?;
            if replaced_at >= since {
                texts.push(PreviousText {
                    content,
                    replaced_at,
                });
            }
        }
        Ok(texts)
    }

    pub(crate) async fn delete_message(&self, actor: &Actor, id: &str) -> Result<Message, Error> {
        let id = super::id(id)?;
        for _ in 0..ATTEMPTS_MAX {
            let facts = facts::message(self.database, actor, &id).await?;
            facts.delete()?;
            if facts.is_deleted {
                return Ok(self.find_message(actor, &id).await?.0);
            }
            let statement = format!(
                "WITH locked AS (
                   SELECT c.id FROM channels c WHERE c.id = $1 AND c.membership_version = $2 /*+ FOR SHARE */)
                 UPDATE messages SET content = '', attachments = NULL, mentions = NULL, has_reactions = 0,
                   deleted_at = $4
                 WHERE key = $3 AND deleted_at IS NULL AND channel_id IN (SELECT id FROM locked)
                 RETURNING CAST(JSON_OF({}) AS TEXT)",
                columns("messages", "CAST($5 AS TEXT)")
            );
            let channel = facts.thread.channel;
            let parameters = vec![
                channel.id.into(),
                channel.version.into(),
                facts.key.into(),
                self.now.into(),
                user_of(actor).into(),
            ];
            if let Some(mut row) = first_row(self.database, &statement, parameters).await? {
                return message_of(&mut row);
            }
        }
        Err(contended())
    }

    pub(crate) async fn react(&self, user: &str, id: &str, emoji: &str) -> Result<Message, Error> {
        let statement = format!(
            "{LOCKED} INSERT INTO reactions (message_key, emoji, user_id, created_at)
             SELECT locked.key, $4, $5, CAST($6 AS BIGINT) FROM locked
             WHERE EXISTS (SELECT 1 FROM reaction_counts e WHERE e.message_key = $3 AND e.emoji = $4)
               OR {EMOJI_MAX} > (SELECT count(*) FROM reaction_counts e WHERE e.message_key = $3)
             ON CONFLICT DO NOTHING RETURNING CAST(JSON_OF(emoji) AS TEXT)"
        );
        self.change_reaction(user, id, emoji, true, &statement)
            .await
    }

    pub(crate) async fn remove_reaction(
        &self,
        user: &str,
        id: &str,
        emoji: &str,
    ) -> Result<Message, Error> {
        let statement = format!(
            "{LOCKED} DELETE FROM reactions
             WHERE message_key IN (SELECT key FROM locked) AND emoji = $4 AND user_id = $5
             RETURNING CAST(JSON_OF(emoji) AS TEXT)"
        );
        self.change_reaction(user, id, emoji, false, &statement)
            .await
    }

    async fn change_reaction(
        &self,
        user: &str,
        id: &str,
        emoji: &str,
        adds: bool,
        statement: &str,
    ) -> Result<Message, Error> {
        let id = super::id(id)?;
        let actor = Actor::User(user.to_owned());
        for _ in 0..ATTEMPTS_MAX {
            let facts = facts::message(self.database, &actor, &id).await?;
            facts.react()?;
            if !is_emoji(emoji) {
                return Err(invalid(
                    "emoji",
                    "It is not 1 to 64 bytes without white space.",
                ));
            }
            let (message, _) = self.find_message(&actor, &id).await?;
            let reaction = message
                .reactions
                .iter()
                .find(|reaction| reaction.emoji == emoji);
            if reaction.is_some_and(|reaction| reaction.mine) == adds {
                return Ok(message);
            }
            let kinds = u64::try_from(message.reactions.len()).unwrap_or(u64::MAX);
            if adds && reaction.is_none() && kinds >= EMOJI_MAX {
                return Err(Error::Conflict(Conflict::TooManyReactions));
            }
            let mut parameters = vec![
                facts.thread.channel.id.into(),
                facts.thread.channel.version.into(),
                facts.key.into(),
                emoji.into(),
                user.into(),
            ];
            if adds {
                parameters.push(self.now.into());
            }
            if first_row(self.database, statement, parameters)
                .await?
                .is_some()
            {
                return Ok(self.find_message(&actor, &id).await?.0);
            }
        }
        Err(contended())
    }
}

fn is_emoji(text: &str) -> bool {
    (1..=EMOJI_BYTES_MAX).contains(&text.len())
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}
