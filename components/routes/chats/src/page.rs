//! Pages of the list of chats.

use crate::view::{ChatView, Place};

/// The place in a cursor. None for other text.
pub(crate) fn parse_cursor(text: &str) -> Option<Place> {
    let (time, id) = text.split_once('_')?;
    Some((time.parse().ok()?, http_edge::parse_uuid(id)?))
}

/// The chats after a place, most recently updated first, and the cursor of the next page. `has_more` says
/// whether there are conversations after those in `chats`.
pub(crate) fn select(
    mut chats: Vec<ChatView>,
    after: Option<&Place>,
    limit: u32,
    has_more: bool,
) -> (Vec<ChatView>, Option<String>) {
    chats.sort_by_key(|chat| std::cmp::Reverse(chat.place()));
    chats.retain(|chat| after.is_none_or(|after| chat.place() < *after));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = has_more || chats.len() > limit;
    chats.truncate(limit);
    let last = chats.last().filter(|_| has_more).map(ChatView::place);
    (chats, last.map(|(time, id)| format!("{time}_{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::conversations::conversations::Draft;

    fn chat(number: u64) -> ChatView {
        ChatView::from(&Draft {
            id: format!("550e8400-e29b-41d4-a716-44665544000{number}"),
            title: None,
            model: None,
            created_at: number / 2,
        })
    }

    #[test]
    fn pages_have_every_chat_once_the_newest_first() {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let chats = (0..7).map(chat).collect();
            let (page, cursor) = select(chats, after.as_ref(), 3, false);
            found.extend(page.iter().map(ChatView::place));
            match cursor {
                Some(cursor) => after = Some(parse_cursor(&cursor).unwrap()),
                None => break,
            }
        }
        let mut expected: Vec<Place> = (0..7).map(|number| chat(number).place()).collect();
        expected.reverse();
        assert_eq!(found, expected);
    }

    #[test]
    fn parse_cursor_takes_a_time_and_an_id() {
        for wrong in [
            "",
            "_",
            "1_",
            "x_550e8400-e29b-41d4-a716-446655440000",
            "1_x",
        ] {
            assert_eq!(parse_cursor(wrong), None, "{wrong}");
        }
    }
}
