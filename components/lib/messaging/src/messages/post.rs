//! Posting.

use super::{columns, message_of, stored};
use crate::bindings::exports::goldfish::messaging::messages::{NewMessage, PostedMessage};
use crate::database::{Database, Frequent, Parameters, first_row, rows};
use crate::facts;
use crate::input::{Checks, comparable, invalid};
use crate::types::{Actor, Conflict, Error};
use crate::{ATTEMPTS_MAX, Session, contended, text, threads};

const CLIENT_ID_MAX: usize = 128;

/// It contains all conditions, and takes the number while the row of the thread is locked.
static POST: Frequent = Frequent::new(|| {
    let columns = columns("messages", "$2");
    format!(
        "WITH locked AS (
           SELECT t.id, t.channel_id, t.last_number, t.last_message_at
           FROM threads t
           JOIN members me ON me.channel_id = t.channel_id AND me.user_id = $2 AND me.rank > 0
           WHERE t.id = $1 AND t.is_archived = 0
             AND (CAST($9 AS TEXT) IS NULL
               OR EXISTS (SELECT 1 FROM messages a WHERE a.id = $9 AND a.thread_id = t.id))
           /*+ FOR NO KEY UPDATE OF t FOR SHARE OF me */)
         INSERT INTO messages
           (id, thread_id, channel_id, number, sender_id, client_id, content, attachments, mentions, reply_to,
            created_at)
         SELECT $3, locked.id, locked.channel_id, locked.last_number + 1, u.id, $5, $6,
           CAST($7 AS TEXT), CAST($8 AS TEXT), CAST($9 AS TEXT),
           GREATEST(CAST($10 AS BIGINT), coalesce(locked.last_message_at, 0))
         FROM locked JOIN users u ON u.id = $4 WHERE 1 = 1
         ON CONFLICT (sender_id, client_id) DO NOTHING
         RETURNING CAST(JSON_OF({columns}) AS TEXT)"
    )
});

impl<D: Database> Session<'_, D> {
    pub(crate) async fn post(&self, user: &str, new: NewMessage) -> Result<PostedMessage, Error> {
        let actor = Actor::User(user.to_owned());
        let thread = threads::id(&new.thread_id)?;
        if let Err(error) = check(&new) {
            // A user who may not see the thread gets this error before any other.
            facts::thread(self.database, &actor, &thread)
                .await?
                .post()?;
            return Err(error);
        }
        // A malformed id is that of no message.
        let reply_to = new
            .reply_to
            .as_ref()
            .map(|id| super::id(id).unwrap_or_default());
        let sender = new.sent_by.as_deref().map_or(user, comparable);
        let mentions = self.mentioned(&thread, &new.content).await?;
        let attachments = stored(new.attachments);
        for _ in 0..ATTEMPTS_MAX {
            let id = ids::new_uuid_at(self.now);
            let client_id = new.client_id.as_ref().unwrap_or(&id);
            let parameters = vec![
                (&thread).into(),
                user.into(),
                (&id).into(),
                sender.into(),
                client_id.into(),
                (&new.content).into(),
                attachments.as_ref().into(),
                mentions.as_ref().into(),
                reply_to.as_ref().into(),
                self.now.into(),
            ];
            if let Some(mut row) = POST.first_row(self.database, parameters).await? {
                return Ok(PostedMessage {
                    message: message_of(&mut row)?,
                    existed: false,
                });
            }
            if let Some(client_id) = &new.client_id
                && let Some((id, of_thread)) = self.posted_as(sender, client_id).await?
            {
                if of_thread != thread {
                    return Err(Error::Conflict(Conflict::ClientIdReused));
                }
                let message = self.get_message(&actor, &id).await?;
                return Ok(PostedMessage {
                    message,
                    existed: true,
                });
            }
            facts::thread(self.database, &actor, &thread)
                .await?
                .post()?;
            facts::user(self.database, sender).await?;
            if let Some(id) = &reply_to {
                self.is_in_thread(id, &thread).await?;
            }
        }
        Err(contended())
    }

    /// The message that a sender posted with a client id, and its thread.
    async fn posted_as(
        &self,
        sender: &str,
        client_id: &str,
    ) -> Result<Option<(String, String)>, Error> {
        let statement = "SELECT CAST(JSON_OF(m.id, m.thread_id) AS TEXT) FROM messages m
           WHERE m.sender_id = $1 AND m.client_id = $2";
        let parameters = vec![sender.into(), client_id.into()];
        match first_row(self.database, statement, parameters).await? {
            Some(mut row) => Ok(Some((row.text()?, row.text()?))),
            None => Ok(None),
        }
    }

    async fn is_in_thread(&self, id: &str, thread: &str) -> Result<(), Error> {
        let statement = "SELECT CAST(JSON_OF(m.key) AS TEXT) FROM messages m
           WHERE m.id = $1 AND m.thread_id = $2";
        let parameters = vec![id.into(), thread.into()];
        match first_row(self.database, statement, parameters).await? {
            Some(_) => Ok(()),
            None => Err(invalid(
                "replyTo",
                "There is no such message in this thread.",
            )),
        }
    }

    /// The ids of the members of a thread's channel that a text mentions, as they are stored; none if it mentions no member.
    pub(super) async fn mentioned(
        &self,
        thread: &str,
        content: &str,
    ) -> Result<Option<String>, Error> {
        let names = text::mentions(content);
        if names.is_empty() {
            return Ok(None);
        }
        let mut parameters = Parameters::default();
        let thread = parameters.add(thread);
        let names: Vec<String> = names.into_iter().map(|name| parameters.add(name)).collect();
        let names = names.join(", ");
        let statement = format!(
            "SELECT CAST(JSON_OF(u.id) AS TEXT) FROM users u
             JOIN members m ON m.channel_id = (SELECT t.channel_id FROM threads t WHERE t.id = {thread})
               AND m.user_id = u.id AND m.rank > 0
             WHERE u.id IN ({names}) OR u.name_handle IN ({names}) OR u.display_handle IN ({names})
             LIMIT 100"
        );
        let mut users = Vec::new();
        for mut row in rows(self.database, &statement, parameters.0).await? {
            users.push(row.text()?);
        }
        if users.is_empty() {
            return Ok(None);
        }
        users.sort_unstable();
        Ok(Some(serde_json::Value::from(users).to_string()))
    }
}

fn check(new: &NewMessage) -> Result<(), Error> {
    let mut checks = Checks::default();
    checks.content(&new.content, !new.attachments.is_empty());
    checks.attachments(&new.attachments);
    checks.optional_text("clientId", new.client_id.as_deref(), 1, CLIENT_ID_MAX);
    checks.finish()
}
