//! The metadata of an object. Values are header fields, so they are percent-encoded.

use file_rules::Purpose;
use file_store::{File, NewFile, to_wit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

pub(crate) const NAME: &str = "x-amz-meta-name";
pub(crate) const OWNER: &str = "x-amz-meta-owner";
pub(crate) const PURPOSE: &str = "x-amz-meta-purpose";

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The header fields of a content, in the order that signatures need.
pub(crate) fn of_content(file: &NewFile) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", file.media_type.to_owned()),
        (NAME, utf8_percent_encode(&file.name, ENCODED).to_string()),
        (PURPOSE, file.purpose.name().to_owned()),
    ]
}

/// The header fields of the object that names the owner.
pub(crate) fn of_shared(owner: &str) -> Vec<(&'static str, String)> {
    vec![(OWNER, owner.to_owned())]
}

/// The file of a content with these header fields.
pub(crate) fn read(
    owner: &str,
    id: &str,
    size: u64,
    field: impl Fn(&str) -> Option<String>,
) -> File {
    let name = field(NAME).unwrap_or_default();
    let purpose = field(PURPOSE).unwrap_or_default();
    // A file with an unknown purpose is private.
    let purpose = Purpose::from_name(&purpose).unwrap_or(Purpose::File);
    File {
        id: id.to_owned(),
        owner: owner.to_owned(),
        name: file_rules::name::clean(&percent_decode_str(&name).decode_utf8_lossy()),
        media_type: field("content-type")
            .unwrap_or_else(|| file_rules::media_type::UNKNOWN.to_owned()),
        purpose: to_wit(purpose),
        size,
        created_at: ids::time_of_uuid(id).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_of_the_fields_of_a_file_is_the_file() {
        let id = ids::new_uuid_at(1_800_000_000_123);
        let file = NewFile {
            id: id.clone(),
            owner: "ada".to_owned(),
            name: "año \u{1f600} 50%.png".to_owned(),
            media_type: "image/png",
            purpose: Purpose::Avatar,
            created_at: 1_800_000_000_123,
        };
        let fields = of_content(&file);
        assert!(fields.iter().all(|(_, value)| value.is_ascii()));
        assert!(fields.is_sorted());
        let field = |name: &str| {
            let entry = fields.iter().find(|(field, _)| *field == name);
            entry.map(|(_, value)| value.clone())
        };
        let read = read("ada", &id, 7, field);
        assert_eq!(read.name, file.name);
        assert_eq!(read.media_type, "image/png");
        assert_eq!(read.purpose, to_wit(Purpose::Avatar));
        assert_eq!((read.size, read.created_at), (7, 1_800_000_000_123));
    }
}
