//! Reading, writing and deleting many keys with few calls.

use futures::future::try_join_all;

use crate::{BATCH_MAX, Error, READS_AT_ONCE, Store};

/// Reads the values of `keys`, in their order.
///
/// # Errors
/// Those of the store.
pub async fn get_all<S: Store>(store: &S, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let mut values = Vec::with_capacity(keys.len());
    for some in keys.chunks(READS_AT_ONCE) {
        values.extend(try_join_all(some.iter().map(|key| store.get(key))).await?);
    }
    Ok(values)
}

/// Sets all pairs, in batches of [`BATCH_MAX`]. The last pair is set after all others. May be repeated.
///
/// # Errors
/// Those of the store. Some pairs may then be written.
pub async fn set_all<S: Store>(store: &S, mut pairs: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
    while !pairs.is_empty() {
        let rest = pairs.split_off(pairs.len().min(BATCH_MAX));
        let batch = std::mem::replace(&mut pairs, rest);
        store.set_many(batch).await?;
    }
    Ok(())
}

/// Deletes all keys, in batches of [`BATCH_MAX`]; missing ones are ignored. The last key is deleted after
/// all others. May be repeated.
///
/// # Errors
/// Those of the store. Some keys may then be deleted.
pub async fn delete_all<S: Store>(store: &S, keys: &[String]) -> Result<(), Error> {
    for batch in keys.chunks(BATCH_MAX) {
        store.delete_many(batch.to_vec()).await?;
    }
    Ok(())
}
