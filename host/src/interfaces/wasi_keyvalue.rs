//! `wasi:keyvalue@0.2.0-draft2`: store, atomics and batch.
//!
//! These functions are synchronous for the component: while one waits, nothing else of its instance
//! runs, not even calls of other interfaces that have started. Spin links them in the same way.

use std::sync::Arc;

use wasmtime::component::Resource;

use crate::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::guest::Guest;
use crate::key_value::{Bucket, Cas, KeyValue};
use store::{Error, KeyResponse};

type HostResult<T> = wasmtime::Result<Result<T, Error>>;

impl Guest {
    fn bucket(&self, bucket: &Resource<Bucket>) -> wasmtime::Result<(Arc<KeyValue>, String)> {
        let label = self.table.get(bucket)?.label.clone();
        Ok((self.grants.key_value.clone(), label))
    }
}

impl store::Host for Guest {
    async fn open(&mut self, identifier: String) -> HostResult<Resource<Bucket>> {
        if !self.grants.key_value_stores.contains(&identifier) {
            return Ok(Err(Error::AccessDenied));
        }
        if let Err(error) = self.grants.key_value.open().await {
            return Ok(Err(Error::Other(error)));
        }
        Ok(Ok(self.table.push(Bucket { label: identifier })?))
    }
}

impl store::HostBucket for Guest {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> HostResult<Option<Vec<u8>>> {
        let (key_value, label) = self.bucket(&bucket)?;
        Ok(key_value.get(&label, &key).await.map_err(Error::Other))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> HostResult<()> {
        let (key_value, label) = self.bucket(&bucket)?;
        Ok(key_value
            .set(&label, &key, &value)
            .await
            .map_err(Error::Other))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> HostResult<()> {
        let (key_value, label) = self.bucket(&bucket)?;
        Ok(key_value
            .delete_many(&label, vec![key])
            .await
            .map_err(Error::Other))
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> HostResult<bool> {
        let (key_value, label) = self.bucket(&bucket)?;
        Ok(key_value.exists(&label, &key).await.map_err(Error::Other))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> HostResult<KeyResponse> {
        if cursor.is_some() {
            return Ok(Err(Error::Other("list_keys: cursor not supported".into())));
        }
        let (key_value, label) = self.bucket(&bucket)?;
        let keys = key_value.keys(&label).await.map_err(Error::Other);
        Ok(keys.map(|keys| KeyResponse { keys, cursor: None }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for Guest {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> HostResult<Vec<(String, Option<Vec<u8>>)>> {
        let (key_value, label) = self.bucket(&bucket)?;
        if keys.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        Ok(key_value.get_many(&label, keys).await.map_err(Error::Other))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> HostResult<()> {
        let (key_value, label) = self.bucket(&bucket)?;
        if key_values.is_empty() {
            return Ok(Ok(()));
        }
        Ok(key_value
            .set_many(&label, &key_values)
            .await
            .map_err(Error::Other))
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> HostResult<()> {
        let (key_value, label) = self.bucket(&bucket)?;
        if keys.is_empty() {
            return Ok(Ok(()));
        }
        Ok(key_value
            .delete_many(&label, keys)
            .await
            .map_err(Error::Other))
    }
}

impl atomics::Host for Guest {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> HostResult<i64> {
        let (key_value, label) = self.bucket(&bucket)?;
        Ok(key_value
            .increment(&label, &key, delta)
            .await
            .map_err(Error::Other))
    }

    async fn swap(
        &mut self,
        cas: Resource<Cas>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), atomics::CasError>> {
        let cas = self.table.delete(cas)?;
        let key_value = self.grants.key_value.clone();
        let error = match key_value.swap(&cas, &value).await {
            Ok(true) => return Ok(Ok(())),
            // The caller gets a new compare-and-swap with the current value.
            Ok(false) => match key_value.restart(cas).await {
                Ok(cas) => atomics::CasError::CasFailed(self.table.push(cas)?),
                Err(error) => atomics::CasError::StoreError(Error::Other(error)),
            },
            Err(error) => atomics::CasError::StoreError(Error::Other(error)),
        };
        Ok(Err(error))
    }
}

impl atomics::HostCas for Guest {
    async fn new(&mut self, bucket: Resource<Bucket>, key: String) -> HostResult<Resource<Cas>> {
        let (key_value, label) = self.bucket(&bucket)?;
        Ok(match key_value.compare_and_swap(label, key).await {
            Ok(cas) => Ok(self.table.push(cas)?),
            Err(error) => Err(Error::Other(error)),
        })
    }

    async fn current(&mut self, cas: Resource<Cas>) -> HostResult<Option<Vec<u8>>> {
        let key_value = self.grants.key_value.clone();
        let cas = self.table.get_mut(&cas)?;
        Ok(key_value.current(cas).await.map_err(Error::Other))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}
