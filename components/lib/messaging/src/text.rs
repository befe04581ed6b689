//! Words and mentions in texts.

use crate::database::Dialect;

/// Different mentions of one message that count.
const MENTIONS_MAX: usize = 20;
/// Words of a search that count.
const WORDS_MAX: usize = 10;
/// ASCII words of a search for messages that are shorter have to match whole words: those that begin with one or two
/// letters are too many.
const PREFIX_MIN: usize = 3;

/// The kind of texts that a search compares its words with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// Names, which are few.
    OfNames,
    OfMessages,
}

impl Words {
    fn is_prefix(self, word: &str) -> bool {
        self == Self::OfNames || word.len() >= PREFIX_MIN || !word.is_ascii()
    }
}

/// The text that mentions of a user with this name are compared with: the name in lower case, with only the characters
/// that a mention may have.
pub(crate) fn handle(name: &str) -> String {
    name.to_lowercase()
        .chars()
        .filter(|character| is_handle(*character))
        .collect()
}

fn is_handle(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.')
}

/// The name after each `@` of a text, unless the `@` is inside of a word as in an email address. Each once. Names that
/// are not in lower case are returned in both forms, since ids are compared unchanged.
pub(crate) fn mentions(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut count = 0;
    let mut before = None;
    for (position, character) in text.char_indices() {
        let is_start = character == '@' && !before.is_some_and(is_handle);
        before = Some(character);
        if !is_start || count == MENTIONS_MAX {
            continue;
        }
        let rest = text.get(position + 1..).unwrap_or_default();
        let end = rest.find(|next| !is_handle(next)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        let name = name.trim_end_matches(['.', '-']);
        if name.is_empty() || names.iter().any(|mentioned| mentioned == name) {
            continue;
        }
        count += 1;
        let lower = name.to_lowercase();
        if lower != name && !names.contains(&lower) {
            names.push(lower);
        }
        names.push(name.to_owned());
    }
    names
}

/// Accents that follow their letter are part of a word.
fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&character)
}

/// A search for texts in which each word of `query` begins a word (or is one, see [`PREFIX_MIN`]), in the language of the dialect's full text search.
/// None if the query has no word.
pub(crate) fn search(dialect: Dialect, words: Words, query: &str) -> Option<String> {
    let query = query.to_lowercase();
    let words_of_query: Vec<&str> = query
        .split(|character: char| !is_of_word(character))
        .filter(|word| word.contains(char::is_alphanumeric))
        .take(WORDS_MAX)
        .collect();
    if words_of_query.is_empty() {
        return None;
    }
    let term = |word: &&str| match (dialect, words.is_prefix(word)) {
        (Dialect::Sqlite, true) => format!("\"{word}\"*"),
        (Dialect::Sqlite, false) => format!("\"{word}\""),
        (Dialect::Postgres, true) => format!("{word}:*"),
        (Dialect::Postgres, false) => (*word).to_owned(),
    };
    let and = match dialect {
        Dialect::Sqlite => " AND ",
        Dialect::Postgres => " & ",
    };
    Some(
        words_of_query
            .iter()
            .map(term)
            .collect::<Vec<_>>()
            .join(and),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mentions_are_names_after_an_at_sign_outside_of_words() {
        let names = |text: &str| mentions(text);
        assert_eq!(
            names("@ana, ask @juan.garcía. mail a@b.example"),
            ["ana", "juan.garcía"]
        );
        assert_eq!(names("@Ana"), ["ana", "Ana"]);
        assert_eq!(names("(@user_1-2) @user_1-2"), ["user_1-2"]);
        assert_eq!(names("@ @. @@x"), ["x"]);
        assert_eq!(
            names(&(0..40).map(|n| format!("@u{n} ")).collect::<String>()).len(),
            20
        );
    }

    #[test]
    fn handle_is_the_name_in_lower_case_without_spaces() {
        assert_eq!(handle("Juan García"), "juangarcía");
        assert_eq!(handle("!!!"), "");
    }

    #[test]
    fn search_quotes_words_and_ignores_operators() {
        let query = "Hello \"wor*ld\" OR -x";
        assert_eq!(
            search(Dialect::Sqlite, Words::OfNames, query).unwrap(),
            r#""hello"* AND "wor"* AND "ld"* AND "or"* AND "x"*"#
        );
        assert_eq!(
            search(Dialect::Postgres, Words::OfNames, query).unwrap(),
            "hello:* & wor:* & ld:* & or:* & x:*"
        );
        assert_eq!(search(Dialect::Sqlite, Words::OfNames, " ?! "), None);
    }

    #[test]
    fn search_of_messages_compares_short_words_as_a_whole() {
        let query = "to the 東京";
        assert_eq!(
            search(Dialect::Sqlite, Words::OfMessages, query).unwrap(),
            r#""to" AND "the"* AND "東京"*"#
        );
        assert_eq!(
            search(Dialect::Postgres, Words::OfMessages, query).unwrap(),
            "to & the:* & 東京:*"
        );
    }

    proptest! {
        #[test]
        fn mentions_and_search_take_any_text(text in ".{0,200}") {
            prop_assert!(mentions(&text).len() <= 2 * MENTIONS_MAX);
            prop_assert!(mentions(&text).iter().all(|name| name.chars().all(is_handle)));
            let _ = search(Dialect::Sqlite, Words::OfMessages, &text);
        }
    }
}
