//! Exports and erases the data of a user.

use serde_json::{Value as Json, json};

use crate::Session;
use crate::bindings::exports::goldfish::messaging::profiles::MessagesOfDeleted;
use crate::database::{Database, first_row, rows};
use crate::types::Error;

const ROWS_AT_ONCE: usize = 500;

impl<D: Database> Session<'_, D> {
    /// Deletes the user; messages stay without a sender.
    pub(crate) async fn erase(&self, user: &str) -> Result<(), Error> {
        self.delete_user(user, MessagesOfDeleted::Keep)
            .await
            .map(drop)
    }

    /// Everything that is stored of the user.
    pub(crate) async fn export(&self, user: &str) -> Result<Json, Error> {
        let profile = match self.get_user(user).await {
            Ok(user) => json!({
                "id": user.id,
                "name": user.name,
                "image": user.image,
                "displayName": user.profile.display_name,
                "avatarUrl": user.profile.avatar_url,
                "bannerUrl": user.profile.banner_url,
                "bio": user.profile.bio,
                "age": user.profile.age,
                "createdAt": user.created_at,
            }),
            Err(Error::NotFound(_)) => return Ok(Json::Null),
            Err(error) => return Err(error),
        };
        Ok(json!({
            "profile": profile,
            "memberships": self.export_memberships(user).await?,
            "messages": self.export_messages(user).await?,
            "reactions": self.export_reactions(user).await?,
        }))
    }

    async fn export_memberships(&self, user: &str) -> Result<Vec<Json>, Error> {
        let statement = "SELECT CAST(JSON_OF(m.channel_id, c.name, m.rank, m.joined_at) AS TEXT)
           FROM members m JOIN channels c ON c.id = m.channel_id WHERE m.user_id = $1";
        let rows = rows(self.database, statement, vec![user.into()]).await?;
        let memberships = rows.into_iter().map(|mut row| {
            let (channel, name) = (row.text()?, row.text()?);
            let rank = crate::rules::Rank::from_number(row.integer()?);
            let role = match rank {
                None | Some(crate::rules::Rank::Banned) => "banned",
                Some(crate::rules::Rank::Member) => "member",
                Some(crate::rules::Rank::Moderator) => "moderator",
                Some(crate::rules::Rank::Admin) => "admin",
                Some(crate::rules::Rank::Owner) => "owner",
            };
            let at = row.unsigned()?;
            Ok(json!({ "channelId": channel, "channel": name, "role": role, "joinedAt": at }))
        });
        memberships.collect()
    }

    async fn export_messages(&self, user: &str) -> Result<Vec<Json>, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF(m.client_id, m.id, m.thread_id, m.content, m.attachments, m.created_at,
               m.edited_at) AS TEXT)
             FROM messages m WHERE m.sender_id = $1 AND m.client_id > $2
             ORDER BY m.client_id LIMIT {ROWS_AT_ONCE}"
        );
        let mut messages = Vec::new();
        let mut after = String::new();
        loop {
            let parameters = vec![user.into(), (&after).into()];
            let page = rows(self.database, &statement, parameters).await?;
            let is_last = page.len() < ROWS_AT_ONCE;
            for mut row in page {
                after = row.text()?;
                let (id, thread, content) = (row.text()?, row.text()?, row.text()?);
                let attachments = row.optional_text()?;
                let attachments: Option<Json> =
                    attachments.and_then(|stored| serde_json::from_str(&stored).ok());
                messages.push(json!({
                    "id": id,
                    "threadId": thread,
                    "content": content,
                    "attachments": attachments,
                    "createdAt": row.unsigned()?,
                    "editedAt": row.optional_unsigned()?,
                }));
            }
            if is_last {
                return Ok(messages);
            }
        }
    }

    async fn export_reactions(&self, user: &str) -> Result<Vec<Json>, Error> {
        let statement = "SELECT CAST(JSON_OF(m.id, r.emoji, r.created_at) AS TEXT)
           FROM reactions r JOIN messages m ON m.key = r.message_key WHERE r.user_id = $1";
        let rows = rows(self.database, statement, vec![user.into()]).await?;
        let reactions = rows.into_iter().map(|mut row| {
            let (message, emoji, at) = (row.text()?, row.text()?, row.unsigned()?);
            Ok(json!({ "messageId": message, "emoji": emoji, "createdAt": at }))
        });
        reactions.collect()
    }

    /// Whether the database can be used.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        let statement = "SELECT CAST(JSON_OF(max(version)) AS TEXT) FROM messaging_migrations";
        first_row(self.database, statement, Vec::new())
            .await
            .map(drop)
    }
}
