//! `spin:sqlite@3.1.0`. The functions without `async` in their names are synchronous for the component:
//! nothing else of its instance runs while one waits.

use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Platform;
use crate::bindings::spin::sqlite::sqlite::{
    Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
};
use crate::guest::Guest;
use crate::sqlite::Connection;

type HostResult<T> = wasmtime::Result<Result<T, Error>>;

/// Connections that an instance may have open at the same time: Spin's limit.
const MAX_CONNECTIONS: usize = 256;

impl Guest {
    fn open_sqlite(&mut self, label: &str) -> HostResult<Resource<Connection>> {
        if !self.grants.sqlite_databases.contains(label) {
            return Ok(Err(Error::AccessDenied));
        }
        if self.sqlite_connections >= MAX_CONNECTIONS {
            return Ok(Err(Error::Io("too many connections opened".to_owned())));
        }
        let connection = Connection::new(self.grants.sqlite_file.clone());
        let connection = self.table.push(connection)?;
        self.sqlite_connections += 1;
        Ok(Ok(connection))
    }
}

impl Host for Guest {}

impl HostConnection for Guest {
    async fn open(&mut self, database: String) -> HostResult<Resource<Connection>> {
        self.open_sqlite(&database)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> HostResult<QueryResult> {
        let connection = self.table.get(&connection)?.clone();
        Ok(connection.execute(statement, parameters).await)
    }

    async fn last_insert_rowid(
        &mut self,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = self.table.get(&connection)?.clone();
        Ok(connection.last_insert_rowid().await?)
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        let connection = self.table.get(&connection)?.clone();
        Ok(connection.changes().await?)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.sqlite_connections -= 1;
        Ok(())
    }
}

/// The columns, the rows, and how the statement ended.
type Streams = (
    Vec<String>,
    StreamReader<RowResult>,
    FutureReader<Result<(), Error>>,
);

impl HostConnectionWithStore<Guest> for Platform {
    async fn open_async(
        accessor: &Accessor<Guest, Self>,
        database: String,
    ) -> HostResult<Resource<Connection>> {
        accessor.with(|mut access| access.get().open_sqlite(&database))
    }

    async fn execute_async(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> HostResult<Streams> {
        let connection = opened(accessor, &connection)?;
        let streamed = match connection.stream(statement, parameters).await {
            Ok(streamed) => streamed,
            Err(error) => return Ok(Err(error)),
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, streamed.rows)?;
            let end = FutureReader::new(&mut access, streamed.end)?;
            Ok(Ok((streamed.columns, rows, end)))
        })
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = opened(accessor, &connection)?;
        Ok(connection.last_insert_rowid().await?)
    }

    async fn changes_async(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let connection = opened(accessor, &connection)?;
        Ok(connection.changes().await?)
    }
}

fn opened(
    accessor: &Accessor<Guest, Platform>,
    connection: &Resource<Connection>,
) -> wasmtime::Result<Connection> {
    accessor.with(|mut access| Ok(access.get().table.get(connection)?.clone()))
}
