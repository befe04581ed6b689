//! `spin:key-value@3.0.0`, which is asynchronous: other tasks of the instance run while a call waits.

use std::sync::Arc;

use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use super::Platform;
use crate::bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore};
use crate::guest::Guest;
use crate::key_value::{KeyValue, Store};

type HostResult<T> = wasmtime::Result<Result<T, Error>>;

impl Host for Guest {}

impl HostStore for Guest {
    fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl HostStoreWithStore<Guest> for Platform {
    async fn open(accessor: &Accessor<Guest, Self>, label: String) -> HostResult<Resource<Store>> {
        let store = accessor.with(|mut access| {
            let grants = &access.get().grants;
            let granted = grants.key_value_stores.contains(&label);
            granted.then(|| grants.key_value.clone())
        });
        let Some(key_value) = store else {
            return Ok(Err(Error::AccessDenied));
        };
        if let Err(error) = key_value.open().await {
            return Ok(Err(Error::Other(error)));
        }
        accessor.with(|mut access| Ok(Ok(access.get().table.push(Store { label })?)))
    }

    async fn get(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> HostResult<Option<Vec<u8>>> {
        let (key_value, label) = opened(accessor, &store)?;
        Ok(key_value.get(&label, &key).await.map_err(Error::Other))
    }

    async fn set(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> HostResult<()> {
        let (key_value, label) = opened(accessor, &store)?;
        Ok(key_value
            .set(&label, &key, &value)
            .await
            .map_err(Error::Other))
    }

    async fn delete(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> HostResult<()> {
        let (key_value, label) = opened(accessor, &store)?;
        Ok(key_value
            .delete_many(&label, vec![key])
            .await
            .map_err(Error::Other))
    }

    async fn exists(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> HostResult<bool> {
        let (key_value, label) = opened(accessor, &store)?;
        Ok(key_value.exists(&label, &key).await.map_err(Error::Other))
    }

    async fn get_keys(
        accessor: &Accessor<Guest, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let (key_value, label) = opened(accessor, &store)?;
        let (keys, end) = match key_value.keys(&label).await {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(Error::Other(error))),
        };
        accessor.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let end = FutureReader::new(&mut access, async move { wasmtime::error::Ok(end) })?;
            Ok((keys, end))
        })
    }
}

fn opened(
    accessor: &Accessor<Guest, Platform>,
    store: &Resource<Store>,
) -> wasmtime::Result<(Arc<KeyValue>, String)> {
    accessor.with(|mut access| {
        let guest = access.get();
        let label = guest.table.get(store)?.label.clone();
        Ok((guest.grants.key_value.clone(), label))
    })
}
