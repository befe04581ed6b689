//! `spin:postgres@4.2.0`. The functions without `async` in their names are synchronous for the
//! component: nothing else of its instance runs while one waits.

#![allow(
    clippy::result_large_err,
    reason = "the error type of the WIT interface, which is on no path that has to be fast"
)]

use std::sync::Arc;

use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Platform;
use crate::bindings::spin::postgres::postgres::{
    Column, DbValue, Error, Host, HostConnection, HostConnectionBuilder,
    HostConnectionBuilderWithStore, HostConnectionWithStore, ParameterValue, RowSet,
};
use crate::guest::Guest;
use crate::postgres::{Client, ConnectionBuilder, Pools, check_address};

type HostResult<T> = wasmtime::Result<Result<T, Error>>;

/// Connections that an instance may have open at the same time: Spin's limit.
const MAX_CONNECTIONS: usize = 1024;

impl Guest {
    fn may_connect_to_postgres(&self, address: &str) -> Result<Arc<Pools>, Error> {
        if let Err(error) = check_address(address, &self.grants.allowed_hosts) {
            // The address is not logged: it may have a password.
            self.grants.logs.line(
                "a component connected to PostgreSQL at an address that is not valid or that \
                 allowed_outbound_hosts does not allow",
            );
            return Err(error);
        }
        Ok(self.grants.postgres.clone())
    }

    fn add_postgres(&mut self, connection: Client) -> HostResult<Resource<Client>> {
        if self.postgres_connections >= MAX_CONNECTIONS {
            let message = "too many connections".to_owned();
            return Ok(Err(Error::ConnectionFailed(message)));
        }
        let connection = self.table.push(connection)?;
        self.postgres_connections += 1;
        Ok(Ok(connection))
    }

    async fn open_postgres(
        &mut self,
        address: String,
        root: Option<String>,
    ) -> HostResult<Resource<Client>> {
        let pools = match self.may_connect_to_postgres(&address) {
            Ok(pools) => pools,
            Err(error) => return Ok(Err(error)),
        };
        match pools.connect(address, root).await {
            Ok(connection) => self.add_postgres(connection),
            Err(error) => Ok(Err(error)),
        }
    }

    fn builder(
        &self,
        builder: &Resource<ConnectionBuilder>,
    ) -> wasmtime::Result<(String, Option<String>)> {
        let builder = self.table.get(builder)?;
        Ok((builder.address.clone(), builder.root.clone()))
    }
}

impl Host for Guest {}

impl HostConnectionBuilder for Guest {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        let builder = ConnectionBuilder {
            address,
            root: None,
        };
        Ok(self.table.push(builder)?)
    }

    async fn set_ca_root(
        &mut self,
        builder: Resource<ConnectionBuilder>,
        certificate: String,
    ) -> HostResult<()> {
        Ok(self.table.get_mut(&builder)?.set_root(certificate))
    }

    async fn build(
        &mut self,
        builder: Resource<ConnectionBuilder>,
    ) -> HostResult<Resource<Client>> {
        let (address, root) = self.builder(&builder)?;
        self.open_postgres(address, root).await
    }

    async fn drop(&mut self, builder: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(builder)?;
        Ok(())
    }
}

impl HostConnection for Guest {
    async fn open(&mut self, address: String) -> HostResult<Resource<Client>> {
        self.open_postgres(address, None).await
    }

    async fn query(
        &mut self,
        connection: Resource<Client>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> HostResult<RowSet> {
        let connection = self.table.get(&connection)?.clone();
        Ok(connection.query(&statement, parameters).await)
    }

    async fn execute(
        &mut self,
        connection: Resource<Client>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> HostResult<u64> {
        let connection = self.table.get(&connection)?.clone();
        Ok(connection.execute(&statement, parameters).await)
    }

    async fn drop(&mut self, connection: Resource<Client>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.postgres_connections -= 1;
        Ok(())
    }
}

impl HostConnectionBuilderWithStore<Guest> for Platform {
    async fn build_async(
        accessor: &Accessor<Guest, Self>,
        builder: Resource<ConnectionBuilder>,
    ) -> HostResult<Resource<Client>> {
        let (address, root) = accessor.with(|mut access| access.get().builder(&builder))?;
        open(accessor, address, root).await
    }
}

/// The columns, the rows, and how the query ended.
type Streams = (
    Vec<Column>,
    StreamReader<Vec<DbValue>>,
    FutureReader<Result<(), Error>>,
);

impl HostConnectionWithStore<Guest> for Platform {
    async fn open_async(
        accessor: &Accessor<Guest, Self>,
        address: String,
    ) -> HostResult<Resource<Client>> {
        open(accessor, address, None).await
    }

    async fn query_async(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Client>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> HostResult<Streams> {
        let connection = opened(accessor, &connection)?;
        let streamed = match connection.stream(&statement, parameters).await {
            Ok(streamed) => streamed,
            Err(error) => return Ok(Err(error)),
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, streamed.rows)?;
            let end = FutureReader::new(&mut access, streamed.end)?;
            Ok(Ok((streamed.columns, rows, end)))
        })
    }

    async fn execute_async(
        accessor: &Accessor<Guest, Self>,
        connection: Resource<Client>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> HostResult<u64> {
        let connection = opened(accessor, &connection)?;
        Ok(connection.execute(&statement, parameters).await)
    }
}

async fn open(
    accessor: &Accessor<Guest, Platform>,
    address: String,
    root: Option<String>,
) -> HostResult<Resource<Client>> {
    let pools = accessor.with(|mut access| access.get().may_connect_to_postgres(&address));
    let pools = match pools {
        Ok(pools) => pools,
        Err(error) => return Ok(Err(error)),
    };
    match pools.connect(address, root).await {
        Ok(connection) => accessor.with(|mut access| access.get().add_postgres(connection)),
        Err(error) => Ok(Err(error)),
    }
}

fn opened(
    accessor: &Accessor<Guest, Platform>,
    connection: &Resource<Client>,
) -> wasmtime::Result<Client> {
    accessor.with(|mut access| Ok(access.get().table.get(connection)?.clone()))
}
