use std::rc::Rc;

use spin_sdk::redis::{self, Connection};
use spin_sdk::variables;
use tokio::sync::Mutex;

use crate::Error;

/// Counters in Redis, incremented through outgoing Redis connections. The keys are those that Spin's
/// Redis key-value store uses, so that the store can delete them.
pub(crate) struct Redis {
    url: String,
    /// Opened on first use, and again after an error.
    connection: Mutex<Option<Rc<Connection>>>,
}

impl Redis {
    /// Redis at the URL in the variable `redis_url`; `None` if it is empty.
    pub(crate) async fn from_variable() -> Option<Self> {
        let url = variables::get("redis_url").await.unwrap_or_default();
        (!url.is_empty()).then(|| Self {
            url,
            connection: Mutex::new(None),
        })
    }

    /// Increments a counter. After an error it is tried once more on a new connection; the number of the
    /// first attempt may then be lost.
    ///
    /// # Errors
    /// [`Error::Store`] if Redis cannot be reached or refuses.
    pub(crate) async fn increment(&self, key: &str) -> Result<i64, Error> {
        if let Ok(count) = self.try_increment(key).await {
            return Ok(count);
        }
        self.connection.lock().await.take();
        self.try_increment(key).await
    }

    async fn try_increment(&self, key: &str) -> Result<i64, Error> {
        let connection = self.connection().await?;
        connection.incr(key).await.map_err(failed)
    }

    async fn connection(&self) -> Result<Rc<Connection>, Error> {
        let mut connection = self.connection.lock().await;
        let opened = match connection.take() {
            Some(opened) => opened,
            None => Rc::new(Connection::open(&self.url).await.map_err(failed)?),
        };
        Ok(connection.insert(opened).clone())
    }
}

/// The texts of Redis hold neither URL nor values.
fn failed(error: redis::Error) -> Error {
    Error::Store(match error {
        redis::Error::InvalidAddress => {
            "redis_url is not a Redis URL, or redis_host does not allow it".to_owned()
        }
        redis::Error::TooManyConnections => "too many Redis connections".to_owned(),
        redis::Error::TypeError => "a counter in Redis is not a number".to_owned(),
        redis::Error::Other(text) => format!("redis: {text}"),
    })
}
