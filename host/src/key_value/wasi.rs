//! `wasi:keyvalue@0.2.0-draft2`: store, atomics and batch.

use wasmtime::component::Resource;

use crate::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::guest::Guest;
use store::{Error, KeyResponse};

/// A bucket that a component has open.
pub struct Bucket {
    label: String,
}

/// A compare-and-swap with the value it started from.
pub struct Cas {
    label: String,
    key: String,
    value: Option<Vec<u8>>,
}

type HostResult<T> = wasmtime::Result<Result<T, Error>>;

impl Guest {
    fn bucket<T>(
        &self,
        bucket: &Resource<Bucket>,
        operation: impl FnOnce(&super::Database, &str) -> super::StoreResult<T>,
    ) -> HostResult<T> {
        let label = &self.table.get(bucket)?.label;
        Ok(operation(&self.grants.database, label).map_err(Error::Other))
    }
}

impl store::Host for Guest {
    fn open(&mut self, identifier: String) -> HostResult<Resource<Bucket>> {
        if !self.grants.key_value_stores.contains(&identifier) {
            return Ok(Err(Error::AccessDenied));
        }
        Ok(Ok(self.table.push(Bucket { label: identifier })?))
    }
}

impl store::HostBucket for Guest {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> HostResult<Option<Vec<u8>>> {
        self.bucket(&bucket, |database, label| database.get(label, &key))
    }

    fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> HostResult<()> {
        self.bucket(&bucket, |database, label| database.set(label, &key, &value))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> HostResult<()> {
        self.bucket(&bucket, |database, label| database.delete(label, &key))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> HostResult<bool> {
        self.bucket(&bucket, |database, label| database.exists(label, &key))
    }

    fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> HostResult<KeyResponse> {
        if cursor.is_some() {
            return Ok(Err(Error::Other("list_keys: cursor not supported".into())));
        }
        self.bucket(&bucket, |database, label| {
            let keys = database.keys(label)?;
            Ok(KeyResponse { keys, cursor: None })
        })
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl batch::Host for Guest {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> HostResult<Vec<(String, Option<Vec<u8>>)>> {
        self.bucket(&bucket, |database, label| database.get_many(label, keys))
    }

    fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> HostResult<()> {
        self.bucket(&bucket, |database, label| {
            database.set_many(label, &key_values)
        })
    }

    fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> HostResult<()> {
        self.bucket(&bucket, |database, label| database.delete_many(label, keys))
    }
}

impl atomics::Host for Guest {
    fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> HostResult<i64> {
        self.bucket(&bucket, |database, label| {
            database.increment(label, &key, delta)
        })
    }

    fn swap(
        &mut self,
        cas: Resource<Cas>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), atomics::CasError>> {
        let cas = self.table.delete(cas)?;
        let database = &self.grants.database;
        let swapped = database.swap(&cas.label, &cas.key, cas.value.as_deref(), &value);
        Ok(match swapped {
            Ok(true) => Ok(()),
            Ok(false) => {
                // The caller gets a new compare-and-swap with the current value.
                match database.get(&cas.label, &cas.key) {
                    Ok(value) => {
                        let cas = self.table.push(Cas { value, ..cas })?;
                        Err(atomics::CasError::CasFailed(cas))
                    }
                    Err(error) => Err(atomics::CasError::StoreError(Error::Other(error))),
                }
            }
            Err(error) => Err(atomics::CasError::StoreError(Error::Other(error))),
        })
    }
}

impl atomics::HostCas for Guest {
    fn new(&mut self, bucket: Resource<Bucket>, key: String) -> HostResult<Resource<Cas>> {
        let label = self.table.get(&bucket)?.label.clone();
        Ok(match self.grants.database.get(&label, &key) {
            Ok(value) => Ok(self.table.push(Cas { label, key, value })?),
            Err(error) => Err(Error::Other(error)),
        })
    }

    fn current(&mut self, cas: Resource<Cas>) -> HostResult<Option<Vec<u8>>> {
        Ok(Ok(self.table.get(&cas)?.value.clone()))
    }

    fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table.delete(cas)?;
        Ok(())
    }
}
