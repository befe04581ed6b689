//! The exports of the contract, for the component to give out.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use unix_time::now_ms;

use sql::Connect;

use crate::Session;
use crate::bindings::exports::goldfish::messaging::{
    attachments, channels, connections, events, invitations, members, messages, profiles, threads,
    types, user_data,
};

/// How long a user is taken to exist, in milliseconds.
const RECENT_TIME: u64 = 60_000;
/// Users that an instance remembers.
const RECENT_USERS_MAX: usize = 1_000;

/// The exports, on the database of `C`.
#[derive(Debug)]
pub struct Messaging<C>(PhantomData<C>);

/// Users that this instance has seen in the database a short time ago, so that [`profiles::Guest::ensure`] costs nothing.
#[derive(Default)]
struct RecentUsers(HashMap<String, u64>);

impl RecentUsers {
    fn is_fresh(&self, user: &str, now: u64) -> bool {
        let seen = self.0.get(user);
        seen.is_some_and(|seen| now.saturating_sub(*seen) < RECENT_TIME)
    }

    fn add(&mut self, user: String, now: u64) {
        if self.0.len() >= RECENT_USERS_MAX {
            self.0.clear();
        }
        self.0.insert(user, now);
    }

    fn remove(&mut self, user: &str) {
        self.0.remove(user);
    }
}

fn recent_users() -> MutexGuard<'static, RecentUsers> {
    static USERS: LazyLock<Mutex<RecentUsers>> = LazyLock::new(Mutex::default);
    USERS.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn connect<C: Connect>() -> Result<C::Handle, types::Error> {
    let connected = C::connect().await;
    connected.map_err(|cause| types::Error::Unavailable(format!("messaging: {cause}")))
}

fn session<D>(database: &D) -> Session<'_, D> {
    Session {
        database,
        now: now_ms(),
    }
}

impl<C: Connect> profiles::Guest for Messaging<C> {
    async fn ensure(
        user: String,
        name: String,
        image: Option<String>,
    ) -> Result<bool, types::Error> {
        let now = now_ms();
        if recent_users().is_fresh(&user, now) {
            return Ok(false);
        }
        let database = connect::<C>().await?;
        let created = session(&*database)
            .ensure_user(&user, &name, image.as_deref())
            .await?;
        recent_users().add(user, now);
        Ok(created)
    }

    async fn get(user: String) -> Result<profiles::User, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).get_user(&user).await
    }

    async fn list(
        search: Option<String>,
        page: types::PageRequest,
    ) -> Result<profiles::UserPage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .list_users(search.as_deref(), &page)
            .await
    }

    async fn update(
        user: String,
        changes: profiles::Changes,
    ) -> Result<profiles::User, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).update_user(&user, changes).await
    }

    async fn delete(
        user: String,
        messages: profiles::MessagesOfDeleted,
    ) -> Result<profiles::Deletion, types::Error> {
        recent_users().remove(&user);
        let database = connect::<C>().await?;
        session(&*database).delete_user(&user, messages).await
    }
}

impl<C: Connect> channels::Guest for Messaging<C> {
    async fn create(
        user: String,
        channel: channels::NewChannel,
    ) -> Result<types::Channel, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).create_channel(&user, channel).await
    }

    async fn get(actor: types::Actor, id: String) -> Result<types::Channel, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).get_channel(&actor, &id).await
    }

    async fn list(
        actor: types::Actor,
        filter: channels::Filter,
        page: types::PageRequest,
    ) -> Result<channels::ChannelPage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .list_channels(&actor, &filter, &page)
            .await
    }

    async fn update(
        actor: types::Actor,
        id: String,
        changes: channels::Changes,
    ) -> Result<types::Channel, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .update_channel(&actor, &id, changes)
            .await
    }

    async fn delete(actor: types::Actor, id: String) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database).delete_channel(&actor, &id).await
    }
}

impl<C: Connect> members::Guest for Messaging<C> {
    async fn join(user: String, channel: String) -> Result<members::Membership, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).join(&user, &channel).await
    }

    async fn leave(user: String, channel: String) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database).leave(&user, &channel).await
    }

    async fn add(
        actor: types::Actor,
        channel: String,
        user: String,
    ) -> Result<members::Membership, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .add_member(&actor, &channel, &user)
            .await
    }

    async fn list(
        actor: types::Actor,
        channel: String,
        page: types::PageRequest,
    ) -> Result<members::MemberPage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .list_members(&actor, &channel, &page)
            .await
    }

    async fn get(
        actor: types::Actor,
        channel: String,
        user: String,
    ) -> Result<types::Member, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .get_member(&actor, &channel, &user)
            .await
    }

    async fn set_role(
        actor: types::Actor,
        channel: String,
        user: String,
        role: types::Role,
    ) -> Result<types::Member, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .set_role(&actor, &channel, &user, role)
            .await
    }

    async fn transfer_ownership(
        actor: types::Actor,
        channel: String,
        user: String,
    ) -> Result<types::Channel, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .transfer_ownership(&actor, &channel, &user)
            .await
    }

    async fn remove(
        actor: types::Actor,
        channel: String,
        user: String,
    ) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .remove_member(&actor, &channel, &user)
            .await
    }

    async fn ban_user(
        actor: types::Actor,
        channel: String,
        user: String,
        reason: Option<String>,
    ) -> Result<members::Ban, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .ban(&actor, &channel, &user, reason.as_deref())
            .await
    }

    async fn lift_ban(
        actor: types::Actor,
        channel: String,
        user: String,
    ) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database).lift_ban(&actor, &channel, &user).await
    }

    async fn list_bans(
        actor: types::Actor,
        channel: String,
        page: types::PageRequest,
    ) -> Result<members::BanPage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).list_bans(&actor, &channel, &page).await
    }

    async fn list_joined(
        user: String,
        page: types::PageRequest,
    ) -> Result<members::JoinedPage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).list_joined(&user, &page).await
    }
}

impl<C: Connect> invitations::Guest for Messaging<C> {
    async fn create(
        actor: types::Actor,
        channel: String,
        invitation: invitations::NewInvitation,
    ) -> Result<invitations::CreatedInvitation, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .create_invitation(&actor, &channel, &invitation)
            .await
    }

    async fn list(
        actor: types::Actor,
        channel: String,
        page: types::PageRequest,
    ) -> Result<invitations::InvitationPage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .list_invitations(&actor, &channel, &page)
            .await
    }

    async fn revoke(actor: types::Actor, channel: String, id: String) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .revoke_invitation(&actor, &channel, &id)
            .await
    }

    async fn inspect(user: String, token: String) -> Result<types::Channel, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).inspect_invitation(&user, &token).await
    }

    async fn accept(user: String, token: String) -> Result<members::Membership, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).accept_invitation(&user, &token).await
    }
}

impl<C: Connect> threads::Guest for Messaging<C> {
    async fn create(
        user: String,
        thread: threads::NewThread,
    ) -> Result<types::Thread, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).create_thread(&user, thread).await
    }

    async fn get(actor: types::Actor, id: String) -> Result<types::Thread, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).get_thread(&actor, &id).await
    }

    async fn list(
        actor: types::Actor,
        channel: String,
        active_only: bool,
        page: types::PageRequest,
    ) -> Result<threads::ThreadPage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .list_threads(&actor, &channel, active_only, &page)
            .await
    }

    async fn update(
        actor: types::Actor,
        id: String,
        changes: threads::Changes,
    ) -> Result<types::Thread, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .update_thread(&actor, &id, &changes)
            .await
    }

    async fn delete(actor: types::Actor, id: String) -> Result<types::Thread, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).delete_thread(&actor, &id).await
    }
}

impl<C: Connect> messages::Guest for Messaging<C> {
    async fn post(
        user: String,
        message: messages::NewMessage,
    ) -> Result<messages::PostedMessage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).post(&user, message).await
    }

    async fn get(actor: types::Actor, id: String) -> Result<types::Message, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).get_message(&actor, &id).await
    }

    async fn list(
        actor: types::Actor,
        thread: String,
        position: messages::Position,
        limit: u32,
    ) -> Result<messages::History, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .list_messages(&actor, &thread, position, limit)
            .await
    }

    async fn edit(
        user: String,
        id: String,
        content: String,
    ) -> Result<types::Message, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).edit(&user, &id, &content).await
    }

    async fn list_previous_texts(
        actor: types::Actor,
        id: String,
    ) -> Result<Vec<messages::PreviousText>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).list_previous_texts(&actor, &id).await
    }

    async fn delete(actor: types::Actor, id: String) -> Result<types::Message, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).delete_message(&actor, &id).await
    }

    async fn react(
        user: String,
        id: String,
        emoji: String,
    ) -> Result<types::Message, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).react(&user, &id, &emoji).await
    }

    async fn remove_reaction(
        user: String,
        id: String,
        emoji: String,
    ) -> Result<types::Message, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .remove_reaction(&user, &id, &emoji)
            .await
    }

    async fn mark_read(
        user: String,
        thread: String,
        number: u64,
    ) -> Result<messages::ReadState, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).mark_read(&user, &thread, number).await
    }

    async fn search(
        user: String,
        query: String,
        scope: messages::SearchScope,
        page: types::PageRequest,
    ) -> Result<messages::MessagePage, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .search(&user, &query, &scope, &page)
            .await
    }
}

impl<C: Connect> attachments::Guest for Messaging<C> {
    async fn may_read(user: String, file_id: String) -> Result<bool, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).may_read_file(&user, &file_id).await
    }

    async fn list_detached() -> Result<Vec<String>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).list_detached_files().await
    }

    async fn forget_detached(file_ids: Vec<String>) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database).forget_detached_files(&file_ids).await
    }
}

impl<C: Connect> events::Guest for Messaging<C> {
    async fn read(
        user: String,
        scope: events::Scope,
        after: Option<u64>,
        limit: u32,
        oldest: u64,
    ) -> Result<events::History, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .read_events(&user, &scope, after, limit, oldest)
            .await
    }

    async fn take_unpublished(seconds: u32) -> Result<Vec<events::Batch>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).take_unpublished(seconds).await
    }

    async fn published(stream: String, number: u64) -> Result<bool, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).set_published(&stream, number).await
    }

    async fn audience(user: String, thread: String) -> Result<Vec<String>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).audience(&user, &thread).await
    }

    async fn expire(oldest: u64) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database).expire_events(oldest).await
    }
}

impl<C: Connect> connections::Guest for Messaging<C> {
    async fn create_ticket(owner: connections::Owner) -> Result<String, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).create_ticket(&owner).await
    }

    async fn take_ticket(ticket: String) -> Result<Option<connections::Owner>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).take_ticket(&ticket).await
    }

    async fn open(
        id: String,
        owner: connections::Owner,
        conversation: Option<String>,
    ) -> Result<connections::Opened, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .open_connection(&id, &owner, conversation.as_deref())
            .await
    }

    async fn check(id: String) -> Result<Option<connections::CheckResult>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).see_connection(&id).await
    }

    async fn close(id: String) -> Result<bool, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).close_connection(&id).await
    }

    async fn end(user: String, proof: Option<String>) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .end_connections(&user, proof.as_deref())
            .await
    }

    async fn expire() -> Result<Vec<String>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).expire_connections().await
    }

    async fn list(user: String) -> Result<Vec<connections::Connection>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).list_connections(&user).await
    }

    async fn list_for_conversation(
        user: String,
        conversation_id: String,
    ) -> Result<Vec<String>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .list_connections_for(&user, &conversation_id)
            .await
    }

    async fn follow(
        id: String,
        channel: String,
        thread: Option<String>,
        limit: u32,
    ) -> Result<bool, types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .follow(&id, &channel, thread.as_deref(), limit)
            .await
    }

    async fn unfollow(
        id: String,
        channel: Option<String>,
        thread: Option<String>,
    ) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database)
            .unfollow(&id, channel.as_deref(), thread.as_deref())
            .await
    }

    async fn set_presence(
        user: String,
        choice: connections::PresenceChoice,
    ) -> Result<(), types::Error> {
        let database = connect::<C>().await?;
        session(&*database).set_presence(&user, choice).await
    }

    async fn get_presence_choice(
        user: String,
    ) -> Result<connections::PresenceChoice, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).presence_choice(&user).await
    }

    async fn list_presence(
        user: String,
        of: Vec<String>,
    ) -> Result<Vec<connections::Presence>, types::Error> {
        let database = connect::<C>().await?;
        session(&*database).list_presence(&user, &of).await
    }
}

impl<C: Connect> user_data::Guest for Messaging<C> {
    async fn erase(user: String) -> Result<(), String> {
        recent_users().remove(&user);
        let database = C::connect().await?;
        session(&*database).erase(&user).await.map_err(cause)
    }

    async fn export(user: String) -> Result<String, String> {
        let database = C::connect().await?;
        let exported = session(&*database).export(&user).await.map_err(cause)?;
        Ok(exported.to_string())
    }

    async fn check() -> Result<(), String> {
        let database = C::connect().await?;
        session(&*database).check().await.map_err(cause)
    }
}

fn cause(error: types::Error) -> String {
    match error {
        types::Error::Unavailable(cause) => cause,
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_users_are_forgotten_after_a_minute_when_removed_and_when_there_are_too_many() {
        let mut users = RecentUsers::default();
        users.add("u1".to_owned(), 1_000);
        assert!(users.is_fresh("u1", 60_999) && !users.is_fresh("u1", 61_000));
        assert!(!users.is_fresh("u2", 1_000));
        users.remove("u1");
        assert!(!users.is_fresh("u1", 1_000));
        for n in 0..2_500 {
            users.add(n.to_string(), 0);
        }
        assert!(users.0.len() <= RECENT_USERS_MAX);
    }
}
