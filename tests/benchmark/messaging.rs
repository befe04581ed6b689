//! Team messaging on SQLite and on PostgreSQL: whether posting and reading cost the same in a short and in a long
//! thread, and how fast the lists are. What is listed is written to the database directly.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use futures::future::join_all;
use goldfish_manifest::{Application, Changes, spin_toml};
use http::Request;
use http_body_util::{BodyExt, Full};
use rusqlite::OptionalExtension as _;
use serde_json::{Value, json};
use servers::PostgresServer;
use upstream::Upstream;

use crate::client::{Connection, drain};
use crate::goldfish::{self, Goldfish};
use crate::table::{Goal, Row, Table};
use crate::{CONNECTIONS, progress};

/// Channels, and members of one channel.
const MANY: u32 = 10_000;

/// Messages of the threads.
const SIZES: [u32; 3] = [10, 10_000, 1_000_000];

/// Rows that one statement writes on SQLite: it keeps others from writing meanwhile.
const ROWS_AT_ONCE_SQLITE: u32 = 100_000;

/// Where the tables are.
enum Database {
    Sqlite(PathBuf),
    Postgres(tokio_postgres::Client),
}

impl Database {
    /// Runs a statement in which `numbers` stands for the rows `n` of these numbers.
    async fn insert(&mut self, statement: &str, first: u32, last: u32) -> Result<()> {
        match self {
            Self::Sqlite(path) => {
                let database = rusqlite::Connection::open(path)?;
                database.busy_timeout(Duration::from_secs(60))?;
                database.execute_batch("PRAGMA foreign_keys = on")?;
                for first in (first..=last).step_by(ROWS_AT_ONCE_SQLITE as usize) {
                    let last = last.min(first + ROWS_AT_ONCE_SQLITE - 1);
                    let numbers = format!(
                        "(WITH RECURSIVE c(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM c WHERE n < {last})
                          SELECT n, printf('%012x', n) AS hex FROM c) AS numbers"
                    );
                    let statement = statement.replace("numbers", &numbers);
                    database.execute_batch(&statement)?;
                }
            }
            Self::Postgres(client) => {
                let numbers = format!(
                    "(SELECT n, lpad(to_hex(n), 12, '0') AS hex FROM generate_series({first}, {last}) n)
                     AS numbers"
                );
                let statement = statement.replace("numbers", &numbers);
                client.batch_execute(&statement).await?;
            }
        }
        self.analyze().await
    }

    /// Gathers what the planner wants to know, as the server does by itself some time later.
    async fn analyze(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(path) => {
                let database = rusqlite::Connection::open(path)?;
                database.busy_timeout(Duration::from_secs(60))?;
                let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
                let row = database.query_row(checkpoint, [], |row| row.get::<_, i64>(0));
                row.optional().map(drop)?;
                Ok(())
            }
            Self::Postgres(client) => Ok(client.batch_execute("ANALYZE").await?),
        }
    }
}

/// A signed-in user.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) token: String,
    id: String,
}

impl User {
    fn request(&self, method: &str, path: &str, body: &Value) -> Request<Full<Bytes>> {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Full::new(body))
            .unwrap()
    }
}

/// Adds the rows of each database that is installed.
pub(crate) async fn measure(table: &mut Table, upstream: &Upstream, length: u32) -> Result<()> {
    let variables = ["messages", "joins"].map(|name| {
        let name = format!("rate_limit_{name}_per_minute");
        (name, "1000000000".to_owned())
    });
    let sqlite = Goldfish::start_of(&goldfish::manifest(), upstream, &variables).await?;
    let mut database = Database::Sqlite(sqlite.state_folder().join("sqlite_db.db"));
    of_database(table, "SQLite", &sqlite, &mut database, length).await?;
    drop(sqlite);

    let server = match PostgresServer::start().await {
        Ok(server) => server,
        Err(missing) => {
            eprintln!("… skipped: {missing}");
            return Ok(());
        }
    };
    server.create_database("benchmark").await;
    let manifest = ManifestWithPostgres::write()?;
    let [messages, joins] = variables;
    let variables = [
        messages,
        joins,
        ("database_url".to_owned(), server.url("benchmark")),
        ("database_host".to_owned(), server.host()),
    ];
    let postgres = Goldfish::start_of(&manifest.path(), upstream, &variables).await?;
    let url = server.url("benchmark");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let mut database = Database::Postgres(client);
    of_database(table, "PostgreSQL", &postgres, &mut database, length).await
}

/// A manifest whose components keep their tables in PostgreSQL, beside links to what it refers to.
struct ManifestWithPostgres(PathBuf);

impl ManifestWithPostgres {
    fn write() -> Result<Self> {
        let manifest = goldfish::manifest();
        let root = manifest.parent().context("no folder")?.canonicalize()?;
        let changes = Changes {
            components: &[
                ("messaging", "messaging-postgres"),
                ("streams", "streams-postgres"),
            ],
            ..Changes::default()
        };
        let application =
            Application::read_with(&root, &changes).map_err(|errors| anyhow!("{errors}"))?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("benchmark-postgres-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("spin.toml"), spin_toml(&application).text)?;
        for name in ["target", ".spin"] {
            std::os::unix::fs::symlink(root.join(name), folder.join(name))?;
        }
        Ok(Self(folder))
    }

    fn path(&self) -> PathBuf {
        self.0.join("spin.toml")
    }
}

impl Drop for ManifestWithPostgres {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn of_database(
    table: &mut Table,
    name: &str,
    goldfish: &Goldfish,
    database: &mut Database,
    length: u32,
) -> Result<()> {
    let address = goldfish.address();
    let users = sign_in(address, CONNECTIONS).await;
    let channel = create(
        address,
        &users[0],
        "/api/channels",
        json!({ "name": "Plans" }),
    )
    .await;
    for user in &users[1..] {
        send(
            address,
            user,
            "POST",
            "/api/members",
            &json!({ "channelId": channel }),
        )
        .await;
    }
    let mut threads = Vec::new();
    for size in SIZES {
        progress(&format!("a thread of {size} messages, {name}"));
        let body = json!({ "channelId": channel, "name": "Goldfish" });
        let thread = create(address, &users[0], "/api/threads", body).await;
        fill(database, &channel, &thread, &users[0].id, size).await?;
        threads.push(thread);
    }
    let is_sqlite = name == "SQLite";
    let time = Duration::from_secs(1);
    // The sizes alternate, so that other load on the machine affects all alike. The first round warms up.
    let mut posts = [const { Vec::new() }; 3];
    let mut reads = [const { Vec::new() }; 3];
    for round in 0..=2 * length {
        progress(&format!("posts and reads, {name}, round {round}"));
        for (n, thread) in threads.iter().enumerate() {
            let posted = repeat(address, &users, time, {
                let body = json!({ "threadId": thread, "content": "What do goldfish remember?" });
                move |user: &User| user.request("POST", "/api/messages", &body)
            });
            let posted = posted.await;
            let read = repeat(address, &users, time, {
                let path = format!("/api/messages/thread/{thread}?limit=50");
                move |user: &User| user.request("GET", &path, &Value::Null)
            });
            let read = read.await;
            if round > 0 {
                posts[n].push(posted);
                reads[n].push(read);
            }
        }
    }
    for (what, rates, goal) in [
        ("message posts", &posts, 2_000.0),
        ("reads of 50 messages", &reads, 4_000.0),
    ] {
        for (size, rates) in SIZES.iter().zip(rates) {
            table.add(Row {
                what: format!("{what}, thread of {size}, {CONNECTIONS} connections, {name}"),
                unit: "/s",
                value: mean(rates),
                target: is_sqlite.then_some(Goal::AtLeast(goal)),
                compared: None,
            });
        }
        table.add(Row {
            what: format!(
                "{what}: cost in a thread of {} by that in one of {}, {name}",
                SIZES[2], SIZES[1]
            ),
            unit: "",
            value: mean(&rates[1]) / mean(&rates[2]),
            target: Some(Goal::AtMost(1.2)),
            compared: None,
        });
    }
    lists(table, name, address, &users, &channel, database, length).await
}

/// Lists of many channels and of many members.
async fn lists(
    table: &mut Table,
    name: &str,
    address: SocketAddr,
    users: &[User],
    channel: &str,
    database: &mut Database,
    length: u32,
) -> Result<()> {
    progress(&format!("lists, {name}"));
    let owner = &users[0].id;
    let now = now_ms();
    let channels = format!(
        "INSERT INTO channels (id, name, is_private, category, owner_id, created_at, updated_at)
         SELECT '00000000-0000-4000-8000-' || hex, 'Channel ' || n, 0, 'General', '{owner}', {now}, {now}
         FROM numbers"
    );
    database.insert(&channels, 1, MANY).await?;
    let people = format!(
        "INSERT INTO users (id, name, name_handle, profile_id, created_at, updated_at, profile_updated_at)
         SELECT 'guest_' || hex, 'Guest ' || n, 'guest' || n, '00000000-0000-4000-8000-' || hex, {now}, {now}, {now}
         FROM numbers"
    );
    database.insert(&people, 1, MANY).await?;
    let members = format!(
        "INSERT INTO members (id, channel_id, user_id, rank, joined_at)
         SELECT '00000000-0000-4000-9000-' || hex, '{channel}', 'guest_' || hex, 1, {now} FROM numbers"
    );
    database.insert(&members, 1, MANY).await?;
    for (what, path) in [
        (
            format!("lists of 50 of {MANY} channels"),
            "/api/channels?limit=50".to_owned(),
        ),
        (
            format!("lists of 50 of {MANY} members"),
            format!("/api/members/{channel}?limit=50"),
        ),
    ] {
        let mut rates = Vec::new();
        for round in 0..=length {
            let path = path.clone();
            let make = move |user: &User| user.request("GET", &path, &Value::Null);
            let rate = repeat(address, users, Duration::from_secs(1), make).await;
            if round > 0 {
                rates.push(rate);
            }
        }
        table.add(Row {
            what: format!("{what}, {CONNECTIONS} connections, {name}"),
            unit: "/s",
            value: mean(&rates),
            target: None,
            compared: None,
        });
    }
    Ok(())
}

/// Fills an empty thread with messages of one sender.
async fn fill(
    database: &mut Database,
    channel: &str,
    thread: &str,
    sender: &str,
    messages: u32,
) -> Result<()> {
    // Ids that no other thread has: the end of an id is random, its beginning is a time.
    let (_, prefix) = thread.split_at(thread.len() - 8);
    let now = now_ms();
    let statement = format!(
        "INSERT INTO messages (id, thread_id, channel_id, number, sender_id, client_id, content, created_at)
         SELECT '{prefix}-0000-4000-8000-' || hex, '{thread}', '{channel}', n, '{sender}', '{prefix}' || hex,
           'What do goldfish remember? ' || n, {now}
         FROM numbers ORDER BY n"
    );
    let Database::Postgres(_) = database else {
        return database.insert(&statement, 1, messages).await;
    };
    // Each message changes the row of its thread, and a transaction that has changed a row often takes ever longer to
    // change it again. So the triggers are off, and what they write is written once for all messages.
    let events = format!(
        "INSERT INTO events (stream, number, kind, channel_id, thread_id, previous, subject, actor, created_at)
         SELECT '{channel}', s.number + n, 'message', '{channel}', '{thread}', CASE n
             WHEN 1 THEN (SELECT max(e.number) FROM events e WHERE e.stream = '{channel}' AND e.thread_id = '{thread}')
             ELSE s.number + n - 1 END,
           '{prefix}-0000-4000-8000-' || hex, '{sender}', {now}
         FROM event_streams s, numbers WHERE s.stream = '{channel}'"
    );
    let statements = format!(
        "SET session_replication_role = replica;
         {statement};
         {events};
         UPDATE event_streams SET number = number + {messages} WHERE stream = '{channel}';
         UPDATE threads SET last_number = {messages}, last_message_at = {now} WHERE id = '{thread}';
         INSERT INTO reads (thread_id, user_id, number) VALUES ('{thread}', '{sender}', {messages});
         SET session_replication_role = DEFAULT"
    );
    database.insert(&statements, 1, messages).await
}

/// Signs `count` guests in.
pub(crate) async fn sign_in(address: SocketAddr, count: usize) -> Vec<User> {
    let mut connection = Connection::open(address).await;
    let mut users = Vec::new();
    for _ in 0..count {
        let request = Request::post("/api/v1/auth/guest")
            .header("host", "localhost")
            .body(Full::default())
            .unwrap();
        let session = json_of(connection.send(request).await).await;
        users.push(User {
            token: session["token"].as_str().unwrap().to_owned(),
            id: session["user"]["id"].as_str().unwrap().to_owned(),
        });
    }
    users
}

async fn json_of(body: hyper::body::Incoming) -> Value {
    serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap()
}

/// Sends a request and returns the JSON of the response.
pub(crate) async fn send(
    address: SocketAddr,
    user: &User,
    method: &str,
    path: &str,
    body: &Value,
) -> Value {
    let mut connection = Connection::open(address).await;
    json_of(connection.send(user.request(method, path, body)).await).await
}

/// Creates something and returns its id.
pub(crate) async fn create(address: SocketAddr, user: &User, path: &str, body: Value) -> String {
    let created = send(address, user, "POST", path, &body).await;
    created["id"].as_str().unwrap().to_owned()
}

/// Requests a second, of all users at once for `time`.
async fn repeat<F>(address: SocketAddr, users: &[User], time: Duration, make: F) -> f64
where
    F: Fn(&User) -> Request<Full<Bytes>> + Clone + Send + 'static,
{
    let started = Instant::now();
    let workers = users.iter().cloned().map(|user| {
        let make = make.clone();
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await;
            let mut count = 0_u64;
            while started.elapsed() < time {
                let mut body = connection.send(make(&user)).await;
                drain(&mut body).await;
                count += 1;
            }
            count
        })
    });
    let counts: u64 = join_all(workers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .sum();
    counts as f64 / started.elapsed().as_secs_f64()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn now_ms() -> u128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_millis()
}
