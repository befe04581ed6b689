//! `spin:key-value@3.0.0`.

use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Store;
use crate::bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::guest::{Guest, Platform};

type HostResult<T> = wasmtime::Result<Result<T, Error>>;

impl Host for Guest {}

impl HostStore for Guest {
    fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

/// Every function completes when it is first polled: SQLite takes microseconds and needs no thread.
impl HostStoreWithStore<Guest> for Platform {
    async fn open(accessor: &Accessor<Guest, Self>, label: String) -> HostResult<Resource<Store>> {
        accessor.with(|mut access| {
            let guest = access.get();
            if !guest.grants.key_value_stores.contains(&label) {
                return Ok(Err(Error::AccessDenied));
            }
            Ok(Ok(guest.table.push(Store { label })?))
        })
    }

    async fn get(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> HostResult<Option<Vec<u8>>> {
        with(accessor, &store, |guest, store| {
            guest.grants.database.get(store, &key)
        })
    }

    async fn set(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> HostResult<()> {
        with(accessor, &store, |guest, store| {
            guest.grants.database.set(store, &key, &value)
        })
    }

    async fn delete(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> HostResult<()> {
        with(accessor, &store, |guest, store| {
            guest.grants.database.delete(store, &key)
        })
    }

    async fn exists(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> HostResult<bool> {
        with(accessor, &store, |guest, store| {
            guest.grants.database.exists(store, &key)
        })
    }

    async fn get_keys(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let keys = with(accessor, &store, |guest, store| {
            guest.grants.database.keys(store)
        })?;
        let (keys, end) = match keys {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let end = FutureReader::new(&mut access, async move { wasmtime::error::Ok(end) })?;
            Ok((keys, end))
        })
    }
}

fn with<T>(
    accessor: &Accessor<Guest, Platform>,
    store: &Resource<Store>,
    operation: impl FnOnce(&Guest, &str) -> super::StoreResult<T>,
) -> HostResult<T> {
    accessor.with(|mut access| {
        let guest = access.get();
        let store = guest.table.get(store)?;
        Ok(operation(guest, &store.label).map_err(Error::Other))
    })
}
