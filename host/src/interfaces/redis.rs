//! `spin:redis@3.0.0`: outgoing connections to Redis. Each has a channel of its own, and all functions
//! are asynchronous.

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, ErrorKind, FromRedisValue, RedisError, RedisResult, Value};
use url::Url;
use wasmtime::component::{Accessor, Resource};

use super::Platform;
use crate::bindings::spin::redis::redis::{
    Error, Host, HostConnection, HostConnectionWithStore, Payload, RedisParameter,
    RedisResult as ResultValue,
};
use crate::guest::Guest;

type HostResult<T> = wasmtime::Result<Result<T, Error>>;

/// A connection that a component has opened.
type Connection = MultiplexedConnection;

impl Host for Guest {}

impl HostConnection for Guest {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl Guest {
    fn may_connect(&self, address: &str) -> bool {
        let Ok(url) = Url::parse(address) else {
            return false;
        };
        let host = url.host_str().unwrap_or_default();
        let allowed = self
            .grants
            .allowed_hosts
            .allows(url.scheme(), host, url.port());
        if !allowed {
            self.grants.logs.line(format!(
                "a component connected to {}://{host}, which allowed_outbound_hosts does not allow",
                url.scheme()
            ));
        }
        allowed
    }
}

impl HostConnectionWithStore<Guest> for Platform {
    async fn open(
        accessor: &Accessor<Guest, Self>,
        address: String,
    ) -> HostResult<Resource<Connection>> {
        if !accessor.with(|mut access| access.get().may_connect(&address)) {
            return Ok(Err(Error::InvalidAddress));
        }
        let Ok(client) = redis::Client::open(address) else {
            return Ok(Err(Error::InvalidAddress));
        };
        match client.get_multiplexed_async_connection().await {
            Ok(connection) => {
                accessor.with(|mut access| Ok(Ok(access.get().table.push(connection)?)))
            }
            Err(error) => Ok(Err(other(error))),
        }
    }

    async fn publish(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        channel: String,
        payload: Payload,
    ) -> HostResult<()> {
        let mut connection = opened(accessor, &connection)?;
        Ok(connection.publish(channel, payload).await.map_err(other))
    }

    async fn get(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        key: String,
    ) -> HostResult<Option<Payload>> {
        let mut connection = opened(accessor, &connection)?;
        Ok(connection.get(key).await.map_err(other))
    }

    async fn set(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        key: String,
        value: Payload,
    ) -> HostResult<()> {
        let mut connection = opened(accessor, &connection)?;
        Ok(connection.set(key, value).await.map_err(other))
    }

    async fn incr(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        key: String,
    ) -> HostResult<i64> {
        let mut connection = opened(accessor, &connection)?;
        Ok(connection.incr(key, 1).await.map_err(other))
    }

    async fn del(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        keys: Vec<String>,
    ) -> HostResult<u32> {
        let mut connection = opened(accessor, &connection)?;
        Ok(connection.del(keys).await.map_err(other))
    }

    async fn sadd(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> HostResult<u32> {
        let mut connection = opened(accessor, &connection)?;
        Ok(connection
            .sadd(key, values)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::TypeError => Error::TypeError,
                _ => other(error),
            }))
    }

    async fn smembers(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        key: String,
    ) -> HostResult<Vec<String>> {
        let mut connection = opened(accessor, &connection)?;
        Ok(connection.smembers(key).await.map_err(other))
    }

    async fn srem(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> HostResult<u32> {
        let mut connection = opened(accessor, &connection)?;
        Ok(connection.srem(key, values).await.map_err(other))
    }

    async fn execute(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> HostResult<Vec<ResultValue>> {
        let mut connection = opened(accessor, &connection)?;
        let mut command = redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => command.arg(number),
                RedisParameter::Binary(bytes) => command.arg(bytes),
            };
        }
        let results: RedisResult<Results> = command.query_async(&mut connection).await;
        Ok(results.map(|Results(values)| values).map_err(other))
    }
}

fn opened(
    accessor: &Accessor<Guest, Platform>,
    connection: &Resource<Connection>,
) -> wasmtime::Result<Connection> {
    accessor.with(|mut access| Ok(access.get().table.get(connection)?.clone()))
}

fn other(error: RedisError) -> Error {
    Error::Other(error.to_string())
}

/// The result of a command: nested arrays are flattened, as in Spin.
struct Results(Vec<ResultValue>);

impl FromRedisValue for Results {
    fn from_redis_value(value: &Value) -> RedisResult<Self> {
        let mut results = Vec::new();
        flatten(value, &mut results)?;
        Ok(Self(results))
    }
}

fn flatten(value: &Value, results: &mut Vec<ResultValue>) -> RedisResult<()> {
    results.push(match value {
        Value::Nil => ResultValue::Nil,
        Value::Int(number) => ResultValue::Int64(*number),
        Value::BulkString(bytes) => ResultValue::Binary(bytes.clone()),
        Value::SimpleString(text) => ResultValue::Status(text.clone()),
        Value::Okay => ResultValue::Status("OK".to_owned()),
        Value::Double(number) => ResultValue::Binary(number.to_string().into_bytes()),
        Value::Boolean(value) => ResultValue::Int64((*value).into()),
        Value::Array(values) | Value::Set(values) => {
            return values.iter().try_for_each(|value| flatten(value, results));
        }
        _ => {
            return Err(RedisError::from((
                ErrorKind::TypeError,
                "this kind of result is not supported",
            )));
        }
    });
    Ok(())
}
