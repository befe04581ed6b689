//! The keys of objects. User ids and ids of files may be part of a key; the exports check that.

/// The prefix of all contents of a user.
pub(crate) fn prefix(owner: &str) -> String {
    format!("files/{owner}/")
}

/// The content of a file.
pub(crate) fn content(owner: &str, id: &str) -> String {
    format!("files/{owner}/{id}")
}

/// A text that was made of a file. In a list it comes right after the content.
pub(crate) fn text(owner: &str, id: &str) -> String {
    format!("files/{owner}/{id}.text")
}

/// The object that names the owner of a file.
pub(crate) fn shared(id: &str) -> String {
    format!("shared/{id}")
}

/// The id in the key of a content of that user.
pub(crate) fn id_of(owner: &str, key: &str) -> Option<String> {
    key.strip_prefix(&prefix(owner)).and_then(ids::parse_uuid)
}

/// The id in the key of a content or a text of that user.
pub(crate) fn any_id_of(owner: &str, key: &str) -> Option<String> {
    id_of(owner, key.strip_suffix(".text").unwrap_or(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_a_key_of_another_user_or_form_is_none() {
        let id = "550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(id_of("ada", &content("ada", id)).as_deref(), Some(id));
        assert_eq!(id_of("ada", &content("adam", id)), None);
        assert_eq!(id_of("ada", "files/ada/else"), None);
        assert_eq!(id_of("ada", &text("ada", id)), None);
        assert_eq!(any_id_of("ada", &text("ada", id)).as_deref(), Some(id));
        assert!(content("ada", id) < text("ada", id));
    }
}
