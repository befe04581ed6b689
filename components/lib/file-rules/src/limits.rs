//! The limits that the operator sets.

use crate::Purpose;

/// Most bytes of a file by default.
const MAX_UPLOAD_BYTES: u64 = 10 * 1024 * 1024;
/// Most bytes of all files of a user by default.
const MAX_STORAGE_BYTES: u64 = 1024 * 1024 * 1024;

/// Limits in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a file.
    pub upload: u64,
    /// Most bytes of all files of a user.
    pub storage: u64,
}

impl Limits {
    /// The values of the variables `max_upload_bytes` and `max_storage_bytes`, and what is wrong with them.
    /// A value that is not a positive number is the default.
    pub fn parse(upload: &str, storage: &str) -> (Self, Vec<String>) {
        let mut errors = Vec::new();
        let mut read = |name: &str, text: &str, default: u64| {
            let text = text.trim();
            let number = text.parse().ok().filter(|number| *number > 0);
            if number.is_none() && !text.is_empty() {
                errors.push(format!("variable {name} is not a positive number"));
            }
            number.unwrap_or(default)
        };
        let limits = Self {
            upload: read("max_upload_bytes", upload, MAX_UPLOAD_BYTES),
            storage: read("max_storage_bytes", storage, MAX_STORAGE_BYTES),
        };
        (limits, errors)
    }

    /// Most bytes of a file of that purpose.
    pub fn of(&self, purpose: Purpose) -> u64 {
        self.upload.min(purpose.max_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_with_invalid_values_has_defaults_and_errors() {
        let (limits, errors) = Limits::parse("", " 5 ");
        assert_eq!((limits.upload, limits.storage), (MAX_UPLOAD_BYTES, 5));
        assert!(errors.is_empty());
        for wrong in ["0", "-1", "10 MiB", "99999999999999999999"] {
            let (limits, errors) = Limits::parse(wrong, "");
            assert_eq!(limits.upload, MAX_UPLOAD_BYTES);
            assert_eq!(errors.len(), 1, "{wrong}");
        }
    }

    #[test]
    fn of_a_purpose_is_the_smaller_limit() {
        let (limits, _) = Limits::parse("3000000", "");
        assert_eq!(limits.of(Purpose::Avatar), 2 * 1024 * 1024);
        assert_eq!(limits.of(Purpose::Banner), 3_000_000);
        assert_eq!(limits.of(Purpose::File), 3_000_000);
    }
}
