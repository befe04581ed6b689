//! Tests of the operations on SQLite, and on PostgreSQL where it is installed.

mod attachments;
mod channels;
mod connections;
mod events;
mod interleavings;
mod invitations;
mod members;
mod messages;
mod migrations;
mod plans;
mod profiles;
mod search;
mod threads;
mod unread;

use sql::testing::Driver;

use crate::Session;
use crate::bindings::exports::goldfish::messaging::channels::NewChannel;
use crate::bindings::exports::goldfish::messaging::messages::NewMessage;
use crate::bindings::exports::goldfish::messaging::threads::NewThread;
use crate::types::{Actor, Error, Message, PageRequest, PageStart};

/// Makes a test of a function on each database.
macro_rules! on_both {
    ($($(#[$attribute:meta])* async fn $name:ident($world:ident: &World) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test needs them all")]
            use super::*;

            async fn run($world: &World) $body

            #[test]
            fn on_sqlite() {
                let world = crate::tests::World::new(sql::testing::Driver::sqlite());
                futures::executor::block_on(run(&world));
            }

            #[test]
            fn on_postgres() {
                if let Some(driver) = sql::testing::Driver::postgres() {
                    let world = crate::tests::World::new(driver);
                    futures::executor::block_on(run(&world));
                }
            }
        }
    )*};
}
pub(crate) use on_both;

/// The first moment of the tests.
pub(crate) const NOW: u64 = 1_750_000_000_000;

/// A database with all migrations, and what tests do in it.
pub(crate) struct World {
    pub(crate) driver: Driver,
}

impl World {
    pub(crate) fn new(driver: Driver) -> Self {
        futures::executor::block_on(crate::MIGRATIONS.apply(&driver)).unwrap();
        Self { driver }
    }

    pub(crate) fn at(&self, now: u64) -> Session<'_, Driver> {
        Session {
            database: &self.driver,
            now,
        }
    }

    pub(crate) fn session(&self) -> Session<'_, Driver> {
        self.at(NOW)
    }

    pub(crate) async fn users(&self, names: &[&str]) {
        for name in names {
            self.session().ensure_user(name, name, None).await.unwrap();
        }
    }

    /// A channel with an owner and members.
    pub(crate) async fn channel(&self, owner: &str, members: &[&str], is_private: bool) -> String {
        self.users(&[owner]).await;
        self.users(members).await;
        let channel = new_channel("General talk", is_private);
        let channel = self.session().create_channel(owner, channel).await.unwrap();
        for member in members {
            self.session()
                .add_member(&user(owner), &channel.id, member)
                .await
                .unwrap();
        }
        channel.id
    }

    pub(crate) async fn thread(&self, user: &str, channel: &str) -> String {
        let thread = NewThread {
            channel_id: channel.to_owned(),
            name: "Plans".to_owned(),
            description: None,
        };
        self.session().create_thread(user, thread).await.unwrap().id
    }

    pub(crate) async fn post(&self, user: &str, thread: &str, content: &str) -> Message {
        let posted = self
            .session()
            .post(user, new_message(thread, content))
            .await
            .unwrap();
        assert!(!posted.existed);
        posted.message
    }
}

pub(crate) fn new_channel(name: &str, is_private: bool) -> NewChannel {
    NewChannel {
        name: name.to_owned(),
        description: None,
        is_private,
        category: None,
        image_url: None,
        banner_url: None,
    }
}

pub(crate) fn new_message(thread: &str, content: &str) -> NewMessage {
    NewMessage {
        thread_id: thread.to_owned(),
        content: content.to_owned(),
        attachments: Vec::new(),
        reply_to: None,
        client_id: None,
        sent_by: None,
    }
}

pub(crate) fn user(id: &str) -> Actor {
    Actor::User(id.to_owned())
}

pub(crate) fn page(limit: u32) -> PageRequest {
    PageRequest {
        limit,
        start: PageStart::Beginning,
        count: false,
    }
}

pub(crate) fn after(limit: u32, cursor: &str) -> PageRequest {
    PageRequest {
        limit,
        start: PageStart::Cursor(cursor.to_owned()),
        count: false,
    }
}

/// An error in short, for comparisons.
pub(crate) fn short(error: &Error) -> String {
    let text = match error {
        Error::NotFound(subject) => format!("{subject:?}"),
        Error::Forbidden(refusal) => format!("{refusal:?}"),
        Error::Conflict(conflict) => format!("{conflict:?}"),
        Error::Invalid(problems) => {
            let fields: Vec<_> = problems
                .iter()
                .map(|problem| problem.field.as_str())
                .collect();
            format!("Invalid {}", fields.join(","))
        }
        Error::Unavailable(cause) => format!("Unavailable {cause}"),
    };
    // Bindings print the name of the enum too.
    text.rsplit("::").next().unwrap_or_default().to_owned()
}

pub(crate) fn failure<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    short(&result.unwrap_err())
}
