//! Threads of channels.

use crate::bindings::exports::goldfish::messaging::threads::{Changes, NewThread, ThreadPage};
use crate::channels;
use crate::database::{Database, Parameters, Row, first_row};
use crate::facts::{self, actor_rank_of, user_of};
use crate::input::{self, Checks};
use crate::members::unread_of;
use crate::page::Listing;
use crate::profiles::set_text;
use crate::rules::{self, ActorRank};
use crate::types::{Actor, Error, PageRequest, Subject, Thread};
use crate::{ATTEMPTS_MAX, Session, contended};

/// A thread `t`, with the membership `me` and the read state `r` of the actor.
const COLUMNS: &str =
    "t.id, t.channel_id, t.name, t.description, t.created_by, t.is_archived, t.created_at,
   t.updated_at, t.last_number, t.last_message_at, me.rank, t.last_number - coalesce(r.number, 0),
   (SELECT count(*) FROM mentions n
     WHERE n.user_id = me.user_id AND n.channel_id = t.channel_id AND n.thread_id = t.id)";

const NAME_MAX: usize = 100;
const DESCRIPTION_MAX: usize = 500;

/// A UUID of a thread, or the error for one that does not exist.
pub(crate) fn id(text: &str) -> Result<String, Error> {
    input::id(text, Error::NotFound(Subject::Thread))
}

fn joins(user: &str) -> String {
    format!(
        "threads t
         LEFT JOIN members me ON me.channel_id = t.channel_id AND me.user_id = {user}
         LEFT JOIN reads r ON r.thread_id = t.id AND r.user_id = {user}"
    )
}

impl<D: Database> Session<'_, D> {
    pub(crate) async fn create_thread(&self, user: &str, new: NewThread) -> Result<Thread, Error> {
        let channel = channels::id(&new.channel_id)?;
        let actor = Actor::User(user.to_owned());
        for _ in 0..ATTEMPTS_MAX {
            let (facts, _) = facts::channel(self.database, &actor, &channel, None).await?;
            facts.member(Subject::Channel)?;
            let mut checks = Checks::default();
            checks.text("name", &new.name, 1, NAME_MAX);
            checks.optional_text(
                "description",
                new.description.as_deref(),
                0,
                DESCRIPTION_MAX,
            );
            checks.finish()?;
            let statement = "WITH locked AS (
                 SELECT c.id FROM channels c WHERE c.id = $1 AND c.membership_version = $2 /*+ FOR SHARE */)
               INSERT INTO threads (id, channel_id, name, description, created_by, created_at, updated_at)
               SELECT $3, locked.id, $4, CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS BIGINT),
                 CAST($7 AS BIGINT)
               FROM locked RETURNING CAST(JSON_OF(id) AS TEXT)";
            let parameters = vec![
                (&channel).into(),
                facts.version.into(),
                ids::new_uuid_at(self.now).into(),
                (&new.name).into(),
                new.description.as_ref().into(),
                user.into(),
                self.now.into(),
            ];
            if let Some(mut row) = first_row(self.database, statement, parameters).await? {
                return Ok(self.find_thread(&actor, &row.text()?).await?.0);
            }
        }
        Err(contended())
    }

    pub(crate) async fn get_thread(&self, actor: &Actor, id: &str) -> Result<Thread, Error> {
        let (thread, channel) = self.find_thread(actor, &self::id(id)?).await?;
        channel.see(Subject::Thread)?;
        Ok(thread)
    }

    /// A thread as the actor sees it, and its channel with what [`rules`] need to decide whether they may see it.
    pub(crate) async fn find_thread(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<(Thread, rules::Channel), Error> {
        let joins = joins("$2");
        let statement = format!(
            "SELECT CAST(JSON_OF(c.is_private, {COLUMNS}) AS TEXT)
             FROM {joins} JOIN channels c ON c.id = t.channel_id WHERE t.id = $1"
        );
        let parameters = vec![id.into(), user_of(actor).into()];
        let row = first_row(self.database, &statement, parameters).await?;
        let mut row = row.ok_or(Error::NotFound(Subject::Thread))?;
        let is_private = row.flag()?;
        let (thread, actor_rank) = thread_of(&mut row, actor)?;
        let channel = rules::Channel {
            id: thread.channel_id.clone(),
            is_private,
            version: 0,
            admin_count: 0,
            actor: actor_rank,
        };
        Ok((thread, channel))
    }

    pub(crate) async fn list_threads(
        &self,
        actor: &Actor,
        channel: &str,
        active_only: bool,
        page: &PageRequest,
    ) -> Result<ThreadPage, Error> {
        let channel = channels::id(channel)?;
        let (facts, _) = facts::channel(self.database, actor, &channel, None).await?;
        facts.see(Subject::Channel)?;
        let mut parameters = Parameters::default();
        let user = parameters.add(user_of(actor));
        let mut conditions = vec![format!("t.channel_id = {}", parameters.add(channel))];
        if active_only {
            conditions.push("t.is_archived = 0".to_owned());
        }
        let listing = Listing {
            columns: COLUMNS.to_owned(),
            from: joins(&user),
            conditions,
            key: "t.key",
            is_descending: true,
            total: None,
            parameters,
        };
        let (rows, page) = listing.read(self.database, page).await?;
        let items = rows
            .into_iter()
            .map(|mut row| thread_of(&mut row, actor).map(|(thread, _)| thread));
        Ok(ThreadPage {
            items: items.collect::<Result<_, _>>()?,
            page,
        })
    }

    pub(crate) async fn update_thread(
        &self,
        actor: &Actor,
        id: &str,
        changes: &Changes,
    ) -> Result<Thread, Error> {
        let id = self::id(id)?;
        for _ in 0..ATTEMPTS_MAX {
            let facts = facts::thread(self.database, actor, &id).await?;
            facts.update()?;
            let mut checks = Checks::default();
            checks.optional_text("name", changes.name.as_deref(), 1, NAME_MAX);
            checks.text_change("description", &changes.description, 0, DESCRIPTION_MAX);
            checks.finish()?;
            let mut parameters = Parameters::default();
            let channel = parameters.add(&facts.channel.id);
            let version = parameters.add(facts.channel.version);
            let thread = parameters.add(&id);
            let mut set = vec![format!("updated_at = {}", parameters.add(self.now))];
            if let Some(name) = &changes.name {
                set.push(format!("name = {}", parameters.add(name)));
            }
            if let Some(is_archived) = changes.is_archived {
                set.push(format!("is_archived = {}", parameters.add(is_archived)));
            }
            set_text(
                &mut set,
                &mut parameters,
                "description",
                &changes.description,
            );
            let set = set.join(", ");
            let statement = format!(
                "WITH locked AS (
                   SELECT c.id FROM channels c
                   WHERE c.id = {channel} AND c.membership_version = {version} /*+ FOR SHARE */)
                 UPDATE threads SET {set} WHERE id = {thread} AND channel_id IN (SELECT id FROM locked)
                 RETURNING CAST(JSON_OF(id) AS TEXT)"
            );
            if first_row(self.database, &statement, parameters.0)
                .await?
                .is_some()
            {
                return Ok(self.find_thread(actor, &id).await?.0);
            }
        }
        Err(contended())
    }

    pub(crate) async fn delete_thread(&self, actor: &Actor, id: &str) -> Result<Thread, Error> {
        let id = self::id(id)?;
        for _ in 0..ATTEMPTS_MAX {
            let facts = facts::thread(self.database, actor, &id).await?;
            facts.delete()?;
            let (thread, _) = self.find_thread(actor, &id).await?;
            let statement = "WITH locked AS (
                 SELECT c.id FROM channels c WHERE c.id = $1 AND c.membership_version = $2 /*+ FOR SHARE */)
               DELETE FROM threads WHERE id = $3 AND channel_id IN (SELECT id FROM locked)
               RETURNING CAST(JSON_OF(id) AS TEXT)";
            let channel = facts.channel;
            let parameters = vec![channel.id.into(), channel.version.into(), (&id).into()];
            if first_row(self.database, statement, parameters)
                .await?
                .is_some()
            {
                return Ok(thread);
            }
        }
        Err(contended())
    }
}

/// The columns of [`COLUMNS`]: the thread, and the rank of the actor.
fn thread_of(row: &mut Row, actor: &Actor) -> Result<(Thread, ActorRank), Error> {
    let mut thread = Thread {
        id: row.text()?,
        channel_id: row.text()?,
        name: row.text()?,
        description: row.optional_text()?,
        created_by: row.optional_text()?,
        is_archived: row.flag()?,
        created_at: row.unsigned()?,
        updated_at: row.unsigned()?,
        last_number: row.unsigned()?,
        last_message_at: row.optional_unsigned()?,
        unread: None,
    };
    let actor_rank = actor_rank_of(row, actor)?;
    thread.unread = unread_of(row, actor_rank)?;
    Ok((thread, actor_rank))
}
