//! The members of a channel, and their roles.

use crate::bindings::exports::goldfish::messaging::members::{
    Ban, BanPage, JoinedChannel, JoinedPage, MemberPage, Membership,
};
use crate::channels::{self, COLUMNS as CHANNEL, channel_of};
use crate::database::{Database, Parameters, Row, Value, first_row, malformed};
use crate::facts::{self, user_of};
use crate::input::{Checks, comparable};
use crate::page::Listing;
use crate::rules::{ActorRank, Channel, Outcome, Rank};
use crate::types::{self, Actor, Error, Member, PageRequest, Role, Subject, Unread, UserSummary};
use crate::{ATTEMPTS_MAX, Session, contended};

/// The columns of a member. `table` is the name that `members` has in the statement.
pub(crate) fn columns(table: &str) -> String {
    format!(
        "{table}.id, {table}.channel_id, {table}.rank, {table}.joined_at, {}",
        user_columns(table)
    )
}

fn ban_columns(table: &str) -> String {
    format!(
        "{table}.channel_id, {table}.banned_by, {table}.ban_reason, {table}.banned_at, {}",
        user_columns(table)
    )
}

fn user_columns(table: &str) -> String {
    format!(
        "NESTED((SELECT JSON_OF(u.id, coalesce(u.display_name, u.name), coalesce(u.avatar_url, u.image))
           FROM users u WHERE u.id = {table}.user_id))"
    )
}

const REASON_MAX: usize = 500;

/// The beginning of a change of a membership: the channel, locked, if its memberships are still those that the rule
/// has seen.
const LOCKED: &str = "WITH locked AS (
   SELECT c.id FROM channels c WHERE c.id = $1 AND c.membership_version = $2 /*+ FOR NO KEY UPDATE */)";

impl<D: Database> Session<'_, D> {
    pub(crate) async fn join(&self, user: &str, channel: &str) -> Result<Membership, Error> {
        let id = channels::id(channel)?;
        let actor = Actor::User(user.to_owned());
        // Most of those who join may.
        let statement = format!(
            "WITH locked AS (
               SELECT c.id FROM channels c WHERE c.id = $1 AND c.is_private = 0 /*+ FOR NO KEY UPDATE */)
             INSERT INTO members (id, channel_id, user_id, rank, joined_at)
             SELECT $3, locked.id, u.id, 1, CAST($4 AS BIGINT) FROM locked JOIN users u ON u.id = $2 WHERE 1 = 1
             ON CONFLICT (channel_id, user_id) DO NOTHING RETURNING CAST(JSON_OF({}) AS TEXT)",
            columns("members")
        );
        for _ in 0..ATTEMPTS_MAX {
            let parameters = vec![
                (&id).into(),
                user.into(),
                ids::new_uuid().into(),
                self.now.into(),
            ];
            if let Some(mut row) = first_row(self.database, &statement, parameters).await? {
                return membership_of(&mut row, false);
            }
            let (channel, _) = facts::channel(self.database, &actor, &id, None).await?;
            if channel.join()? == Outcome::Unchanged {
                if let Some(membership) = self.membership(&id, user).await? {
                    return Ok(membership);
                }
            } else {
                facts::user(self.database, user).await?;
            }
        }
        Err(contended())
    }

    pub(crate) async fn leave(&self, user: &str, channel: &str) -> Result<(), Error> {
        let actor = Actor::User(user.to_owned());
        let rule = |channel: &Channel, _| channel.leave();
        self.delete_member(&actor, channel, user, rule).await
    }

    pub(crate) async fn add_member(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
    ) -> Result<Membership, Error> {
        let id = channels::id(channel)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = Some(comparable(user));
            let (channel, rank) = facts::channel(self.database, actor, &id, target).await?;
            if channel.add(rank)? == Outcome::Unchanged {
                if let Some(membership) = self.membership(&id, user).await? {
                    return Ok(membership);
                }
                continue;
            }
            facts::user(self.database, comparable(user)).await?;
            let statement = format!(
                "{LOCKED} INSERT INTO members (id, channel_id, user_id, rank, joined_at)
                 SELECT $4, locked.id, u.id, 1, CAST($5 AS BIGINT) FROM locked JOIN users u ON u.id = $3
                 WHERE 1 = 1
                 ON CONFLICT (channel_id, user_id) DO NOTHING RETURNING CAST(JSON_OF({}) AS TEXT)",
                columns("members")
            );
            let more = vec![ids::new_uuid().into(), self.now.into()];
            if let Some(mut row) = self.change(&statement, &channel, user, more).await? {
                return membership_of(&mut row, false);
            }
        }
        Err(contended())
    }

    pub(crate) async fn list_members(
        &self,
        actor: &Actor,
        channel: &str,
        page: &PageRequest,
    ) -> Result<MemberPage, Error> {
        let id = channels::id(channel)?;
        let (channel, _) = facts::channel(self.database, actor, &id, None).await?;
        channel.see(Subject::Channel)?;
        let listing = listing(&id, columns("m"), "m.rank > 0");
        let (rows, page) = listing.read(self.database, page).await?;
        let items = rows.into_iter().map(|mut row| member_of(&mut row));
        Ok(MemberPage {
            items: items.collect::<Result<_, _>>()?,
            page,
        })
    }

    pub(crate) async fn get_member(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
    ) -> Result<Member, Error> {
        let id = channels::id(channel)?;
        let (channel, _) = facts::channel(self.database, actor, &id, None).await?;
        channel.see(Subject::Channel)?;
        self.find_member(&id, user)
            .await?
            .ok_or(Error::NotFound(Subject::Member))
    }

    async fn find_member(&self, channel: &str, user: &str) -> Result<Option<Member>, Error> {
        let statement = format!(
            "SELECT CAST(JSON_OF({}) AS TEXT) FROM members m
             WHERE m.channel_id = $1 AND m.user_id = $2 AND m.rank > 0",
            columns("m")
        );
        let parameters = vec![channel.into(), comparable(user).into()];
        let row = first_row(self.database, &statement, parameters).await?;
        row.map(|mut row| member_of(&mut row)).transpose()
    }

    /// A membership that existed before.
    pub(crate) async fn membership(
        &self,
        channel: &str,
        user: &str,
    ) -> Result<Option<Membership>, Error> {
        let member = self.find_member(channel, user).await?;
        Ok(member.map(|member| Membership {
            member,
            existed: true,
        }))
    }

    pub(crate) async fn set_role(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
        role: Role,
    ) -> Result<Member, Error> {
        let rule = |channel: &Channel, target| channel.set_role(target, role);
        self.set_rank(actor, channel, user, Rank::of_role(role), rule)
            .await
    }

    pub(crate) async fn transfer_ownership(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
    ) -> Result<types::Channel, Error> {
        let rule = |channel: &Channel, target| channel.transfer(target);
        self.set_rank(actor, channel, user, Rank::Owner, rule)
            .await?;
        self.find_channel(actor, &channels::id(channel)?).await
    }

    pub(crate) async fn remove_member(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
    ) -> Result<(), Error> {
        if user_of(actor) == Some(user) {
            return self.leave(user, channel).await;
        }
        let rule = |channel: &Channel, target| channel.remove(target);
        self.delete_member(actor, channel, user, rule).await
    }

    pub(crate) async fn ban(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
        reason: Option<&str>,
    ) -> Result<Ban, Error> {
        let id = channels::id(channel)?;
        let is_self = user_of(actor) == Some(user);
        for _ in 0..ATTEMPTS_MAX {
            let target = Some(comparable(user));
            let (channel, rank) = facts::channel(self.database, actor, &id, target).await?;
            channel.ban(rank, is_self)?;
            let mut checks = Checks::default();
            checks.optional_text("reason", reason, 0, REASON_MAX);
            checks.finish()?;
            facts::user(self.database, comparable(user)).await?;
            let statement = format!(
                "{LOCKED} INSERT INTO members
                   (id, channel_id, user_id, rank, joined_at, banned_at, banned_by, ban_reason)
                 SELECT $4, locked.id, u.id, 0, CAST($5 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS TEXT),
                   CAST($7 AS TEXT)
                 FROM locked JOIN users u ON u.id = $3 WHERE 1 = 1
                 ON CONFLICT (channel_id, user_id) DO UPDATE SET rank = 0, banned_at = excluded.banned_at,
                   banned_by = excluded.banned_by, ban_reason = excluded.ban_reason
                 RETURNING CAST(JSON_OF({}) AS TEXT)",
                ban_columns("members")
            );
            let more = vec![
                ids::new_uuid().into(),
                self.now.into(),
                user_of(actor).into(),
                reason.into(),
            ];
            if let Some(mut row) = self.change(&statement, &channel, user, more).await? {
                return ban_of(&mut row);
            }
        }
        Err(contended())
    }

    pub(crate) async fn lift_ban(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
    ) -> Result<(), Error> {
        let rule = |channel: &Channel, target| channel.lift_ban(target);
        self.delete_member(actor, channel, user, rule).await
    }

    pub(crate) async fn list_bans(
        &self,
        actor: &Actor,
        channel: &str,
        page: &PageRequest,
    ) -> Result<BanPage, Error> {
        let id = channels::id(channel)?;
        let (channel, _) = facts::channel(self.database, actor, &id, None).await?;
        channel.at_least(Rank::Moderator, Subject::Channel)?;
        let listing = listing(&id, ban_columns("m"), "m.rank = 0");
        let (rows, page) = listing.read(self.database, page).await?;
        let items = rows.into_iter().map(|mut row| ban_of(&mut row));
        Ok(BanPage {
            items: items.collect::<Result<_, _>>()?,
            page,
        })
    }

    pub(crate) async fn list_joined(
        &self,
        user: &str,
        page: &PageRequest,
    ) -> Result<JoinedPage, Error> {
        let mut parameters = Parameters::default();
        let user = parameters.add(user);
        let listing = Listing {
            columns: format!(
                "{CHANNEL}, me.joined_at, NESTED((
                   SELECT JSON_OF(coalesce(sum(t.last_number - coalesce(r.number, 0)), 0), max(t.last_message_at))
                   FROM threads t LEFT JOIN reads r ON r.thread_id = t.id AND r.user_id = {user}
                   WHERE t.channel_id = me.channel_id)),
                 (SELECT count(*) FROM mentions n WHERE n.user_id = {user} AND n.channel_id = me.channel_id)"
            ),
            from: "members me JOIN channels c ON c.id = me.channel_id".to_owned(),
            conditions: vec![format!("me.user_id = {user}"), "me.rank > 0".to_owned()],
            key: "me.key",
            is_descending: true,
            total: None,
            parameters,
        };
        let (rows, page) = listing.read(self.database, page).await?;
        let items = rows.into_iter().map(|mut row| joined_of(&mut row));
        Ok(JoinedPage {
            items: items.collect::<Result<_, _>>()?,
            page,
        })
    }

    /// Sets a rank if the rule allows it.
    async fn set_rank(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
        rank: Rank,
        rule: impl Fn(&Channel, Option<Rank>) -> Result<Outcome, Error>,
    ) -> Result<Member, Error> {
        let id = channels::id(channel)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = Some(comparable(user));
            let (channel, before) = facts::channel(self.database, actor, &id, target).await?;
            if rule(&channel, before)? == Outcome::Unchanged {
                if let Some(member) = self.find_member(&id, user).await? {
                    return Ok(member);
                }
                continue;
            }
            let statement = format!(
                "{LOCKED} UPDATE members SET rank = $4
                 WHERE channel_id IN (SELECT id FROM locked) AND user_id = $3
                 RETURNING CAST(JSON_OF({}) AS TEXT)",
                columns("members")
            );
            let more = vec![rank.number().into()];
            if let Some(mut row) = self.change(&statement, &channel, user, more).await? {
                return member_of(&mut row);
            }
        }
        Err(contended())
    }

    /// Deletes a membership or a ban if the rule allows it.
    async fn delete_member(
        &self,
        actor: &Actor,
        channel: &str,
        user: &str,
        rule: impl Fn(&Channel, Option<Rank>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let id = channels::id(channel)?;
        for _ in 0..ATTEMPTS_MAX {
            let target = Some(comparable(user));
            let (channel, rank) = facts::channel(self.database, actor, &id, target).await?;
            rule(&channel, rank)?;
            let statement = format!(
                "{LOCKED} DELETE FROM members
                 WHERE channel_id IN (SELECT id FROM locked) AND user_id = $3
                 RETURNING CAST(JSON_OF(id) AS TEXT)"
            );
            let deleted = self.change(&statement, &channel, user, Vec::new()).await?;
            if deleted.is_some() {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Executes a statement that begins with [`LOCKED`]. None if it changed nothing.
    async fn change(
        &self,
        statement: &str,
        channel: &Channel,
        user: &str,
        more: Vec<Value>,
    ) -> Result<Option<Row>, Error> {
        let mut parameters = vec![
            (&channel.id).into(),
            channel.version.into(),
            comparable(user).into(),
        ];
        parameters.extend(more);
        first_row(self.database, statement, parameters).await
    }
}

fn listing(channel: &str, columns: String, condition: &str) -> Listing {
    let mut parameters = Parameters::default();
    let channel = parameters.add(channel);
    Listing {
        columns,
        from: "members m".to_owned(),
        conditions: vec![format!("m.channel_id = {channel}"), condition.to_owned()],
        key: "m.key",
        is_descending: false,
        total: None,
        parameters,
    }
}

/// A membership of the columns of [`columns`].
pub(crate) fn membership_of(row: &mut Row, existed: bool) -> Result<Membership, Error> {
    let member = member_of(row)?;
    Ok(Membership { member, existed })
}

fn member_of(row: &mut Row) -> Result<Member, Error> {
    let (id, channel_id) = (row.text()?, row.text()?);
    let rank = Rank::from_number(row.integer()?).ok_or_else(malformed)?;
    Ok(Member {
        id,
        channel_id,
        role: rank.role().ok_or_else(malformed)?,
        is_owner: rank == Rank::Owner,
        joined_at: row.unsigned()?,
        user: summary_of(&mut row.optional_row()?.ok_or_else(malformed)?)?,
    })
}

fn ban_of(row: &mut Row) -> Result<Ban, Error> {
    Ok(Ban {
        channel_id: row.text()?,
        banned_by: row.optional_text()?,
        reason: row.optional_text()?,
        banned_at: row.unsigned()?,
        user: summary_of(&mut row.optional_row()?.ok_or_else(malformed)?)?,
    })
}

fn joined_of(row: &mut Row) -> Result<JoinedChannel, Error> {
    let channel = channel_of(row)?;
    let joined_at = row.unsigned()?;
    let mut threads = row.optional_row()?.ok_or_else(malformed)?;
    let messages = threads.unsigned()?;
    let last_message_at = threads.optional_unsigned()?;
    let mentions = row.unsigned()?;
    Ok(JoinedChannel {
        channel,
        joined_at,
        unread: Unread { messages, mentions },
        last_message_at,
    })
}

/// A user's id, name and image.
pub(crate) fn summary_of(row: &mut Row) -> Result<UserSummary, Error> {
    Ok(UserSummary {
        id: row.text()?,
        name: row.text()?,
        image: row.optional_text()?,
    })
}

/// What a member has not read. None for a user who is not a member.
pub(crate) fn unread_of(row: &mut Row, actor_rank: ActorRank) -> Result<Option<Unread>, Error> {
    let (messages, mentions) = (row.unsigned()?, row.unsigned()?);
    let is_member = matches!(actor_rank, ActorRank::User(Some(rank)) if rank >= Rank::Member);
    Ok(is_member.then_some(Unread { messages, mentions }))
}
