//! Key-value storage in Redis, as Spin's `key-value-redis`: one connection manager shared by all
//! instances. Its requests wait in a channel of 50 places. Store labels are ignored.

use anyhow::Context as _;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands as _, Client, RedisResult};
use tokio::sync::OnceCell;

use super::StoreResult;

/// The store. The connection is made on first use.
pub(super) struct Redis {
    client: Client,
    connection: OnceCell<ConnectionManager>,
}

impl Redis {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        // The error may quote the URL, and with it a password.
        let client = Client::open(url)
            .ok()
            .context("the Redis URL is not valid")?;
        Ok(Self {
            client,
            connection: OnceCell::new(),
        })
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> StoreResult<ConnectionManager> {
        self.client.get_connection_manager().await.map_err(text)
    }

    async fn connection(&self) -> StoreResult<ConnectionManager> {
        self.connection
            .get_or_try_init(|| self.connect())
            .await
            .cloned()
    }

    pub(super) async fn open(&self) -> StoreResult<()> {
        let mut connection = self.connection().await?;
        // After an I/O error the manager reconnects in the background.
        let _: RedisResult<()> = connection.ping().await;
        Ok(())
    }

    pub(super) async fn get(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        self.connection().await?.get(key).await.map_err(text)
    }

    pub(super) async fn exists(&self, key: &str) -> StoreResult<bool> {
        self.connection().await?.exists(key).await.map_err(text)
    }

    pub(super) async fn keys(&self) -> StoreResult<Vec<String>> {
        self.connection().await?.keys("*").await.map_err(text)
    }

    /// Sends `KEYS` as Spin does. Redis rejects it, or responds without values.
    pub(super) async fn get_many(
        &self,
        keys: Vec<String>,
    ) -> StoreResult<Vec<(String, Option<Vec<u8>>)>> {
        self.connection().await?.keys(keys).await.map_err(text)
    }

    pub(super) async fn set(&self, key: &str, value: &[u8]) -> StoreResult<()> {
        self.connection().await?.set(key, value).await.map_err(text)
    }

    pub(super) async fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> StoreResult<()> {
        self.connection().await?.mset(pairs).await.map_err(text)
    }

    pub(super) async fn delete_many(&self, keys: Vec<String>) -> StoreResult<()> {
        self.connection().await?.del(keys).await.map_err(text)
    }

    pub(super) async fn increment(&self, key: &str, delta: i64) -> StoreResult<i64> {
        self.connection()
            .await?
            .incr(key, delta)
            .await
            .map_err(text)
    }
}

/// Watches a key and returns its value.
pub(super) async fn watch(
    connection: &mut ConnectionManager,
    key: &str,
) -> StoreResult<Option<Vec<u8>>> {
    redis::cmd("WATCH")
        .arg(key)
        .exec_async(connection)
        .await
        .map_err(text)?;
    connection.get(key).await.map_err(text)
}

/// Writes the value in a transaction, and returns whether that is reported as done. Spin then sends
/// `UNWATCH` with an argument, which Redis refuses: the swap is always reported as failed.
pub(super) async fn swap(connection: &ConnectionManager, key: &str, value: &[u8]) -> bool {
    let mut connection = connection.clone();
    let written: RedisResult<()> = redis::pipe()
        .atomic()
        .set(key, value)
        .query_async(&mut connection)
        .await;
    let unwatched = redis::cmd("UNWATCH")
        .arg(key)
        .exec_async(&mut connection)
        .await;
    unwatched.is_ok() && written.is_ok()
}

fn text(error: redis::RedisError) -> String {
    error.to_string()
}
