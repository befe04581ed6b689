//! The record of a file: everything but its content.

use file_rules::Purpose;
use file_store::{File, NewFile, to_wit};
use journal::Error;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    v: u32,
    pub(crate) owner: String,
    name: String,
    media_type: String,
    purpose: String,
    pub(crate) size: u64,
    created_at: u64,
}

impl Record {
    pub(crate) fn new(file: &NewFile, size: u64) -> Self {
        Self {
            v: VERSION,
            owner: file.owner.clone(),
            name: file.name.clone(),
            media_type: file.media_type.to_owned(),
            purpose: file.purpose.name().to_owned(),
            size,
            created_at: file.created_at,
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Its fields are texts and numbers, which JSON has.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let record: Self =
            serde_json::from_slice(bytes).map_err(|_| Error::Corrupt("the record of a file"))?;
        if record.v > VERSION {
            return Err(Error::Newer);
        }
        Ok(record)
    }

    fn purpose(&self) -> Purpose {
        // A file with an unknown purpose is private.
        Purpose::from_name(&self.purpose).unwrap_or(Purpose::File)
    }

    /// Whether users other than the owner may know of it.
    pub(crate) fn is_shared(&self) -> bool {
        self.purpose().is_shared()
    }

    pub(crate) fn into_file(self, id: &str) -> File {
        File {
            id: id.to_owned(),
            purpose: to_wit(self.purpose()),
            owner: self.owner,
            name: self.name,
            media_type: self.media_type,
            size: self.size,
            created_at: self.created_at,
        }
    }
}
