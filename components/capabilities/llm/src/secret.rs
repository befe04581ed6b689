//! Keys, which must not be shown by accident.

use std::fmt;

/// A provider's key. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// A key; `None` when it is empty but for white space, which is how one is left out.
    pub(crate) fn new(value: &str) -> Option<Self> {
        let value = value.trim();
        (!value.is_empty()).then(|| Self(value.to_owned()))
    }

    /// The key itself, for the header it goes into.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_key() {
        let key = Secret::new(" sk-abc \n").unwrap();
        assert_eq!(key.expose(), "sk-abc");
        assert!(!format!("{key:?}").contains("abc"));
        assert!(Secret::new(" ").is_none());
    }
}
