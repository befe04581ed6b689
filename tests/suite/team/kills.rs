//! kill -9 at any moment of a team's day: no acknowledged write is lost, and nothing is half applied.
//!
//! `GOLDFISH_TEAM_KILLS` sets the number of kills on each database; 3 without it, 50 for a whole run.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::time::Duration;

use futures::future::{LocalBoxFuture, join_all};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    day::Random,
    rules::{check_channel, check_thread},
};
use crate::harness::{
    App, Client, Database, PASSWORD, Response, User, new_email, repetitions, text_field,
};

const WRITERS: usize = 6;
const THREADS: usize = 3;
/// The longest time from one start to the kill.
const LIFE_MAX: usize = 600;

/// The result of a user's work, which ends only with the application.
type Worked = Result<Infallible, String>;

/// Something that changes: as it was acknowledged, or as a request wants it that has had no response.
#[derive(Debug)]
struct Fact<T> {
    acknowledged: T,
    requested: Option<T>,
}

impl<T: Debug + PartialEq> Fact<T> {
    fn new(acknowledged: T) -> Self {
        Self {
            acknowledged,
            requested: None,
        }
    }

    /// Notes a request, awaits its response, and notes what it acknowledges.
    async fn change(
        &mut self,
        wanted: T,
        request: impl Future<Output = Result<Response, String>>,
    ) -> Result<Response, String> {
        self.requested = Some(wanted);
        let response = request.await?;
        assert!([200, 201].contains(&response.status), "{response:?}");
        self.acknowledged = self.requested.take().unwrap();
        Ok(response)
    }

    /// Compares it with the stored value after a restart, and takes that value over.
    fn settle(&mut self, stored: T) {
        let is_possible = stored == self.acknowledged || Some(&stored) == self.requested.as_ref();
        assert!(is_possible, "{self:?}, but stored {stored:?}");
        self.acknowledged = stored;
        self.requested = None;
    }
}

/// A user, whatever the address of the application is.
struct Person {
    id: String,
    token: String,
}

impl Person {
    fn of(user: &User) -> Self {
        Self {
            id: user.id.clone(),
            token: user.token.clone(),
        }
    }

    fn client(&self, app: &App) -> Client {
        app.client().bearer(&self.token)
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Message {
    content: String,
    deleted: bool,
}

/// Posts, edits and deletes messages.
struct Writer {
    person: Person,
    random: Random,
    messages: BTreeMap<String, Fact<Message>>,
    /// The message that is being posted.
    posting: Option<Value>,
}

impl Writer {
    async fn work(&mut self, app: &App, threads: &[String]) -> Worked {
        let client = self.person.client(app);
        loop {
            match self.random.below(4) {
                0 => self.edit(&client).await?,
                1 if self.random.below(3) == 0 => self.delete(&client).await?,
                _ => self.post(&client, threads).await?,
            }
        }
    }

    async fn post(&mut self, client: &Client, threads: &[String]) -> Result<(), String> {
        let thread = &threads[self.random.below(threads.len())];
        let id = Uuid::new_v4();
        let body = json!({
            "threadId": thread, "clientId": id, "content": format!("{} {id}", self.person.id),
        });
        self.posting = Some(body.clone());
        let posted = client.attempt("POST", "/api/messages", Some(body)).await?;
        assert_eq!(posted.status, 201, "{posted:?}");
        self.posted(&posted);
        Ok(())
    }

    fn posted(&mut self, response: &Response) {
        let content = text_field(&self.posting.take().unwrap(), "content");
        let message = Fact::new(Message {
            content,
            deleted: false,
        });
        self.messages
            .insert(text_field(&response.json(), "id"), message);
    }

    /// A message that is not deleted, and its path.
    fn pick(&mut self) -> Option<(String, &mut Fact<Message>)> {
        let count = self.messages.len().min(20);
        let skipped = self.random.below(count.max(1));
        let (id, message) = self.messages.iter_mut().rev().nth(skipped)?;
        (!message.acknowledged.deleted).then(|| (format!("/api/messages/{id}"), message))
    }

    async fn edit(&mut self, client: &Client) -> Result<(), String> {
        let content = format!("{} {}", self.person.id, Uuid::new_v4());
        if let Some((path, message)) = self.pick() {
            let body = json!({ "content": content });
            let wanted = Message {
                content,
                deleted: false,
            };
            message
                .change(wanted, client.attempt("PATCH", &path, Some(body)))
                .await?;
        }
        Ok(())
    }

    async fn delete(&mut self, client: &Client) -> Result<(), String> {
        if let Some((path, message)) = self.pick() {
            let wanted = Message {
                content: String::new(),
                deleted: true,
            };
            message
                .change(wanted, client.attempt("DELETE", &path, None))
                .await?;
        }
        Ok(())
    }

    /// Posts again what had no response: it is there once, whether it was stored before or not.
    async fn repeat(&mut self, app: &App) {
        if let Some(body) = self.posting.clone() {
            let client = self.person.client(app);
            let posted = client.post("/api/messages", body).await;
            assert!([200, 201].contains(&posted.status), "{posted:?}");
            self.posted(&posted);
        }
    }
}

/// Joins and leaves a channel.
struct Visitor {
    person: Person,
    is_member: Fact<bool>,
}

impl Visitor {
    async fn work(&mut self, app: &App, channel: &str) -> Worked {
        let client = self.person.client(app);
        loop {
            let wanted = !self.is_member.acknowledged;
            let path = format!("/api/members/{channel}");
            let request = async {
                if wanted {
                    let body = json!({ "channelId": channel });
                    client.attempt("POST", "/api/members", Some(body)).await
                } else {
                    client.attempt("DELETE", &path, None).await
                }
            };
            self.is_member.change(wanted, request).await?;
        }
    }
}

/// Two admins of a channel, who pass the ownership to each other and change the role of a member.
struct Admins {
    both: [Person; 2],
    member: String,
    owner: Fact<usize>,
    role: Fact<&'static str>,
    random: Random,
}

const ROLES: [&str; 3] = ["member", "moderator", "admin"];

impl Admins {
    async fn work(&mut self, app: &App, channel: &str) -> Worked {
        loop {
            let owner = self.owner.acknowledged;
            let client = self.both[owner].client(app);
            if self.random.below(2) == 0 {
                let role = ROLES[self.random.below(3)];
                let path = format!("/api/members/{channel}/{}/role", self.member);
                let body = json!({ "role": role });
                let request = client.attempt("PATCH", &path, Some(body));
                self.role.change(role, request).await?;
            } else {
                let path = format!("/api/members/{channel}/transfer");
                let body = json!({ "userId": self.both[1 - owner].id });
                let request = client.attempt("POST", &path, Some(body));
                self.owner.change(1 - owner, request).await?;
            }
        }
    }
}

/// Registers accounts, each of which joins, writes something and is deleted.
struct Newcomers {
    /// The address of the account that is there now, or may be.
    email: String,
    /// Contents of messages that were acknowledged. They stay, without a sender.
    written: Vec<String>,
}

impl Newcomers {
    async fn work(&mut self, app: &App, channel: &str, thread: &str) -> Worked {
        loop {
            self.email = new_email();
            let client = app.client();
            let body = json!({ "email": self.email, "password": PASSWORD, "name": "Newcomer" });
            let path = "/api/v1/auth/register";
            let registered = client.attempt("POST", path, Some(body)).await?;
            assert_eq!(registered.status, 201, "{registered:?}");
            let user = User::of(&client, &self.email, &registered);
            let body = json!({ "channelId": channel });
            let joined = user.attempt("POST", "/api/members", Some(body)).await?;
            assert_eq!(joined.status, 201, "{joined:?}");
            let content = format!("newcomer {}", Uuid::new_v4());
            let body = json!({ "threadId": thread, "content": content });
            let posted = user.attempt("POST", "/api/messages", Some(body)).await?;
            assert_eq!(posted.status, 201, "{posted:?}");
            self.written.push(content);
            let path = format!("/api/users/{}", user.id);
            let deleted = user.attempt("DELETE", &path, None).await?;
            assert_eq!(deleted.status, 200, "{deleted:?}");
        }
    }

    /// The account is there as a whole, with what others see of it, or its address is free.
    async fn settle(&mut self, app: &App) {
        let (client, operator) = (app.client(), app.client().admin());
        let response = client.log_in(&self.email, PASSWORD).await;
        let user = match response.status {
            200 => User::of(&client, &self.email, &response),
            401 => {
                let response = client.register(&self.email).await;
                assert_eq!(response.status, 201, "{response:?}");
                User::of(&client, &self.email, &response)
            }
            _ => panic!("{response:?}"),
        };
        let path = format!("/api/users/{}", user.id);
        // The first request writes what the end of the process left out.
        let shown = user.get(&path).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        let deleted = operator.delete(&path).await;
        assert_eq!(deleted.status, 200, "{deleted:?}");
        operator.get(&path).await.is_error(404, "NOT_FOUND");
        assert_eq!(client.log_in(&self.email, PASSWORD).await.status, 401);
    }
}

struct Team {
    channel: String,
    threads: Vec<String>,
    writers: Vec<Writer>,
    visitor: Visitor,
    admins: Admins,
    newcomers: Newcomers,
}

impl Team {
    async fn new(app: &App, seed: u64) -> Self {
        let client = app.client();
        let users = (0..WRITERS + 2).map(|number| {
            let client = client.clone();
            async move { client.user_named(&format!("User {number}")).await }
        });
        let users = join_all(users).await;
        let (owner, admin) = (&users[0], &users[1]);
        let channel = owner.channel(false).await;
        for user in &users[1..=WRITERS] {
            user.join(&channel).await;
        }
        owner.set_role(&channel, &admin.id, "admin").await;
        let mut threads = Vec::new();
        for _ in 0..THREADS {
            threads.push(owner.thread(&channel).await);
        }
        let writer = |(number, user): (usize, &User)| Writer {
            person: Person::of(user),
            random: Random::new(seed + u64::try_from(number).unwrap()),
            messages: BTreeMap::new(),
            posting: None,
        };
        Self {
            writers: users[1..=WRITERS].iter().enumerate().map(writer).collect(),
            visitor: Visitor {
                person: Person::of(&users[WRITERS + 1]),
                is_member: Fact::new(false),
            },
            admins: Admins {
                both: [Person::of(owner), Person::of(admin)],
                member: users[2].id.clone(),
                owner: Fact::new(0),
                role: Fact::new("member"),
                random: Random::new(seed),
            },
            newcomers: Newcomers {
                email: new_email(),
                written: Vec::new(),
            },
            channel,
            threads,
        }
    }

    /// Everybody works until the application is killed.
    async fn work_until_killed(&mut self, app: &mut App, life: Duration) {
        {
            let (app, channel, threads) = (&*app, &self.channel, &self.threads);
            let mut work: Vec<LocalBoxFuture<'_, Worked>> = Vec::new();
            for writer in &mut self.writers {
                work.push(Box::pin(writer.work(app, threads)));
            }
            work.push(Box::pin(self.visitor.work(app, channel)));
            work.push(Box::pin(self.admins.work(app, channel)));
            work.push(Box::pin(self.newcomers.work(app, channel, &threads[0])));
            let all = join_all(work);
            let killed = async {
                tokio::time::sleep(life).await;
                app.signal("KILL").await;
            };
            // Whoever waits for a response sees the connection break.
            let (ended, ()) = futures::join!(all, killed);
            assert!(ended.iter().all(Result::is_err));
        }
        app.ended().await;
    }

    async fn check(&mut self, app: &App) {
        for writer in &mut self.writers {
            writer.repeat(app).await;
        }
        self.newcomers.settle(app).await;
        let operator = app.client().admin();
        check_channel(&operator, &self.channel).await;
        self.check_messages(&operator).await;
        self.check_members(&operator).await;
    }

    async fn check_messages(&mut self, operator: &Client) {
        let mut stored = BTreeMap::new();
        for thread in &self.threads {
            let thread = operator.get(&format!("/api/threads/{thread}")).await.json();
            for message in check_thread(operator, &thread).await {
                stored.insert(text_field(&message, "id"), message);
            }
        }
        for writer in &mut self.writers {
            for (id, fact) in &mut writer.messages {
                let lost = || panic!("lost: {id} {fact:?}");
                let message = stored.remove(id).unwrap_or_else(lost);
                assert_eq!(message["senderId"], writer.person.id.as_str());
                fact.settle(Message {
                    content: text_field(&message, "content"),
                    deleted: message["deleted"] == true,
                });
            }
        }
        // The other messages are those of deleted newcomers.
        let mut rest: Vec<_> = stored
            .values()
            .map(|one| text_field(one, "content"))
            .collect();
        assert!(
            rest.iter().all(|content| content.starts_with("newcomer ")),
            "{rest:?}"
        );
        assert!(
            stored.values().all(|message| message["senderId"].is_null()),
            "{stored:?}"
        );
        rest.sort();
        assert!(rest.windows(2).all(|pair| pair[0] != pair[1]), "{rest:?}");
        for content in &self.newcomers.written {
            assert!(rest.binary_search(content).is_ok(), "lost: {content}");
        }
    }

    async fn check_members(&mut self, operator: &Client) {
        let members = operator
            .all_pages(&format!("/api/members/{}", self.channel))
            .await;
        let find = |id: &str| members.iter().find(|member| member["userId"] == id);
        self.visitor
            .is_member
            .settle(find(&self.visitor.person.id).is_some());
        let is_owner = |person: &Person| find(&person.id).unwrap()["isOwner"] == true;
        let owner = self.admins.both.iter().position(is_owner).unwrap();
        self.admins.owner.settle(owner);
        let role = text_field(find(&self.admins.member).unwrap(), "role");
        let role = ROLES.into_iter().find(|own| *own == role).unwrap();
        self.admins.role.settle(role);
        let left = usize::from(self.visitor.is_member.acknowledged);
        assert_eq!(members.len(), WRITERS + 1 + left, "{members:?}");
    }
}

#[tokio::test]
async fn kills_during_a_day_lose_no_acknowledged_change_and_leave_no_partial_one() {
    let kills = repetitions("GOLDFISH_TEAM_KILLS", 3);
    for database in Database::each("team::kills_during_a_day").await {
        let builder = App::with_defaults().admin().process().database(&database);
        let mut app = builder.clone().start().await;
        let mut random = Random::new(u64::try_from(kills).unwrap());
        let mut team = Team::new(&app, 1).await;
        let mut written = 0;
        for _ in 0..kills {
            let life = random.below(LIFE_MAX).try_into().unwrap();
            team.work_until_killed(&mut app, Duration::from_millis(life))
                .await;
            app = builder.clone().state_of(&app).start().await;
            team.check(&app).await;
            let count: usize = team
                .writers
                .iter()
                .map(|writer| writer.messages.len())
                .sum();
            assert!(count >= written);
            written = count;
        }
        assert!(written > kills, "{written} messages");
    }
}
